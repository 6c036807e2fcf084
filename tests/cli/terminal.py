#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a command on a terminal and shows what is on its screen in the end: terminal.py COLUMNSxROWS LIVE [ACTION]... -- CMD...

LIVE is a regular expression for lines that are drawn over. Once two of them have been seen, each ACTION is done, half a second
after the other: interrupt (^C), stop (what ^Z does, a shell's line, and what fg does), or COLUMNSxROWS (another size).
What the screen scrolls up is kept. Prints an object: status (negative: a signal), lines, live (lines that match in the end), most
(that matched at once), row and column of the cursor, wrapped (characters that were set behind the last column), hidden, unknown
(sequences), bold (whether attributes are on in the end), attributes (how often one was set)."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


class Screen:
    def __init__(self, columns, height):
        self.columns, self.height = columns, height
        self.rows, self.row, self.column = [""], 0, 0
        self.wrapped, self.hidden, self.unknown, self.bold, self.attributes, self.rest = 0, False, [], False, 0, ""

    def put(self, text):
        text, self.rest = self.rest + text, ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                m = SEQUENCE.match(text, at)
                if not m:
                    self.rest = text[at:]
                    return
                self.act(*m.groups())
                at = m.end()
                continue
            self.character(text[at])
            at += 1

    def character(self, c):
        if c == "\r":
            self.column = 0
        elif c == "\n":
            self.row += 1
            if self.row == len(self.rows):
                self.rows.append("")
        elif c < " ":
            self.unknown.append(repr(c))
        else:
            if self.column == self.columns:
                self.wrapped += 1
                self.character("\r")
                self.character("\n")
            line = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = line[:self.column] + c + line[self.column + 1:]
            self.column += 1

    def act(self, private, number, what):
        if private and what in "hl" and number == "25":
            self.hidden = what == "l"
        elif what == "A" and not private:
            # Not into what has scrolled out.
            self.row = max(self.row - int(number or 1), len(self.rows) - self.height, 0)
        elif what == "K" and number in ("", "0"):
            self.rows[self.row] = self.rows[self.row][:self.column]
        elif what == "J" and number in ("", "0"):
            self.rows[self.row] = self.rows[self.row][:self.column]
            del self.rows[self.row + 1:]
        elif what == "m":
            self.bold = number not in ("", "0")
            self.attributes += self.bold
        else:
            self.unknown.append(f"{private}{number}{what}")

    def resize(self, columns, height):
        """Lines that are too long now take more rows."""
        rows, row = [], 0
        for i, line in enumerate(self.rows):
            if i == self.row:
                row = len(rows)
            line = line.rstrip()
            rows += [line[k:k + columns] for k in range(0, len(line), columns)] or [""]
        self.rows, self.row, self.columns, self.height = rows, row, columns, height


def size_of(text):
    columns, height = text.split("x")
    return int(columns), int(height)


def set_size(fd, columns, height):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, columns, 0, 0))


def do(action, fd, pid, screen):
    if action == "interrupt":
        os.write(fd, b"\x03")
    elif action == "stop":
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.2)
        while select.select([fd], [], [], 0.1)[0]:
            screen.put(os.read(fd, 65536).decode())
        screen.put("the shell's line\r\n")
        os.kill(pid, signal.SIGCONT)
    else:
        screen.resize(*size_of(action))
        set_size(fd, *size_of(action))


def main():
    at = sys.argv.index("--")
    size, live, *actions = sys.argv[1:at]
    live, most, after = re.compile(live), 0, 0
    screen = Screen(*size_of(size))
    pid, fd = pty.fork()
    if pid == 0:
        time.sleep(0.1)  # its size is set meanwhile
        os.execvp(sys.argv[at + 1], sys.argv[at + 1:])
    set_size(fd, *size_of(size))
    while True:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            screen.put(data.decode())
        most = max(most, sum(bool(live.match(r)) for r in screen.rows))
        if actions and most > 1 and time.monotonic() >= after:
            do(actions.pop(0), fd, pid, screen)
            after = time.monotonic() + 0.5
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    json.dump({"status": status, "lines": [r.rstrip() for r in screen.rows], "most": most,
               "live": [r for r in screen.rows if live.match(r)], "row": screen.row, "column": screen.column,
               "wrapped": screen.wrapped, "hidden": screen.hidden, "unknown": screen.unknown, "bold": screen.bold, "attributes": screen.attributes,
               "actions": len(actions)}, sys.stdout)


main()

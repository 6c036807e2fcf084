#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Types on a terminal to zsh, which has the completion script ./_firn: zsh-completes.py LINE...
Prints what becomes of each line when it is completed once; what zsh has to say besides ends with status 1."""
import os
import pty
import re
import select
import sys
import time

DEADLINE = 60
SETUP = r"""PS1= PS2= RPS1= fpath=("$PWD" $fpath); unsetopt zle_bracketed_paste prompt_sp; autoload -U compinit && compinit -u -D
tell() { zle complete-word; print -r -- "<$BUFFER>"; BUFFER= }; zle -N tell; bindkey '^T' tell; print "<read""y>"
"""


def answer(fd):
    """What comes until <...>, without the sequences of the line editor."""
    seen, end = b"", time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            seen += os.read(fd, 65536)
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|[\r\x07\b]", "", seen.decode(errors="replace"))
        if m := re.search(r"<([^<>\n]*)>\n", text):
            return m.group(1), text[:m.start()]
    raise SystemExit(f"no answer but: {seen!r}")


def main():
    bad = False
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb"})
    os.write(fd, SETUP.encode())
    answer(fd)
    for line in sys.argv[1:]:
        os.write(fd, line.encode() + b"\x14")
        completed, before = answer(fd)
        print(completed.rstrip())
        complaint = [said for said in before.split("\n") if "_arguments" in said]
        if complaint:
            print(*complaint, sep="\n", file=sys.stderr)
            bad = True
    os.close(fd)
    os.waitpid(pid, 0)
    sys.exit(bad)


main()

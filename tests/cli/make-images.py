#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""make-images.py KIND DIR [N]: a folder of CRIU images made by hand, good ones or a fault each.

  sockets      a process with a socket of every kind, a terminal, a fifo
  states       a zombie, a stopped process, one that several roots and titles belong to
  tasks N      N processes beside each other         deep N    N processes below each other
  files N      N open files                          areas N   N memory areas
  ranges N     a pagemap of N ranges
  loop         two processes that are each other's parent
  orphan, twins, back-to-front, huge-record, no-inventory, no-pstree, bad-magic
  chain        DIR/checkpoint on DIR/pre-checkpoint: the command line is in the older dump
  foreign      pages that only a later CRIU can read
  zeros        DIR/checkpoint: 256 MiB that are zero but for a text 100 bytes before its end
  shared       three processes, of whose command lines two lie within the first one's
"""
import os
import struct
import sys

COMMON, SERVICE = 0x54564319, 0x55105940
MAGIC = {"inventory": 0x58313116, "pstree": 0x50273030, "core": 0x55053847, "ids": 0x54432030, "fs": 0x51403912,
         "mm": 0x57492820, "pagemap": 0x56084025, "files": 0x56303138, "fdinfo": 0x56213732}


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def message(*fields):
    """(number, value) each; bytes and str are length-delimited."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, str):
            value = value.encode()
        if isinstance(value, bytes):
            out += varint(number << 3 | 2) + varint(len(value)) + value
        else:
            out += varint(number << 3) + varint(value)
    return bytes(out)


def record(m):
    return struct.pack("<I", len(m)) + m


class Dump:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def put(self, name, *messages, magic=None):
        kind = name.split(".")[0].split("-")[0]
        head = b"" if kind == "inventory" else struct.pack("<I", COMMON)
        with open(f"{self.folder}/{name}", "wb") as f:
            f.write(head + struct.pack("<I", magic or MAGIC[kind]))
            for m in messages:
                f.write(record(m))

    def world(self):
        self.put("inventory.img", message((1, 2), (3, message((5, 1), (9, 6)))))

    def task(self, pid, comm="prog", state=1, areas=(), ranges=(), args=None, env=None, files=2, mm=True):
        creds = message((1, 1000), (2, 100), (3, 0), (4, 100), (11, 0xFF), (11, 1), (15, "profile"), (18, 1))
        self.put(f"core-{pid}.img", message((1, 1), (3, message((1, state), (2, 9 << 8), (6, comm), (14, -17), (21, 19))),
                                            (5, message((10, creds), (11, 2), (16, 2)))))
        self.put(f"ids-{pid}.img", message((1, 2), (2, files), (3, 2), (4, 2), (5, 7), (9, 8)))
        self.put(f"fs-{pid}.img", message((1, 100), (2, 101), (3, 18)))
        if not mm:
            return
        args, env = args or (0, 0), env or (0, 0)
        self.put(f"mm-{pid}.img", message((8, args[0]), (9, args[1]), (10, env[0]), (11, env[1]), (12, 102),
                                          *((14, a) for a in areas)))
        self.put(f"pagemap-{pid}.img", message((1, pid)), *ranges)

    def pages(self, pid, data):
        with open(f"{self.folder}/pages-{pid}.img", "wb") as f:
            f.write(data)


def area(start, end, status=1 | 1 << 9, prot=3, flags=0x22, shmid=0):
    return message((1, start), (2, end), (3, 0), (4, shmid), (5, prot), (6, flags), (7, status))


def pages_at(address, pages, flags=4):
    return message((1, address), (2, 0), (4, flags), (5, pages))


def pstree(*entries):
    return [message((1, pid), (2, ppid), (3, pid), (4, 1), (5, pid)) for pid, ppid in entries]


REG = message((1, 1), (2, 100), (3, message((1, 100), (6, "/data"), (10, 0o40755))))
ROOT = message((1, 1), (2, 101), (3, message((1, 101), (6, "/"), (10, 0o40755))))
EXE = message((1, 1), (2, 102), (3, message((1, 102), (6, "/bin/prog"), (8, 4096), (10, 0o100755))))


def plain(folder):
    """One process whose command line and environment are on one page."""
    d = Dump(folder)
    d.world()
    d.put("pstree.img", *pstree((1, 0)))
    d.put("files.img", REG, ROOT, EXE)
    d.put("fdinfo-2.img")
    text = b"/bin/prog\0-v\0" + b"A=1\0B=two\0A=3\0=bad\0worse\0"
    d.task(1, areas=[area(0x10000, 0x12000), area(0x20000, 0x24000, 1 | 1 << 5)],
           ranges=[pages_at(0x10000, 1), pages_at(0x20000, 2, 0)], args=(0x10000, 0x1000D), env=(0x1000D, 0x10000 + len(text)))
    d.pages(1, text.ljust(4096, b"\0"))
    return d


def sockets(folder):
    d = plain(folder)
    opts = message((1, 212992), (2, 131072))
    v4, v6 = struct.unpack("<I", bytes([127, 0, 0, 1]))[0], struct.unpack("<4I", bytes.fromhex("20010db8" + "0" * 23 + "7"))
    mapped = struct.unpack("<4I", bytes([0] * 10 + [255, 255, 10, 0, 0, 9]))
    inet = lambda i, *more: message((1, 4), (2, i), (4, message((1, i), (2, 500 + i), *more, (14, opts))))
    d.put("files.img", REG, ROOT, EXE,
          inet(1, (3, 2), (4, 1), (5, 6), (6, 10), (7, 80), (8, 0), (10, 128), (11, v4), (12, 0), (17, "eth0")),
          inet(2, (3, 10), (4, 1), (5, 6), (6, 1), (7, 8080), (8, 50000), *((11, w) for w in v6), *((12, w) for w in mapped)),
          inet(3, (3, 2), (4, 2), (5, 17), (6, 7), (7, 53), (8, 0), (11, 0), (12, 0)),
          message((1, 5), (2, 4), (16, message((1, 4), (2, 77), (3, 1), (4, 10), (8, 0), (10, opts), (11, b"/run/s\0")))),
          message((1, 5), (2, 5), (16, message((1, 5), (2, 78), (3, 5), (4, 1), (8, 79), (10, opts), (11, b"\0abstract")))),
          message((1, 13), (2, 6), (7, message((1, 6), (2, 80), (3, 0), (4, 7), (12, opts)))),
          message((1, 10), (2, 7), (6, message((1, 7), (2, 3), (3, 3), (7, message((1, 512), (2, 3 << 30)))))),
          message((1, 11), (2, 8), (19, message((1, 8), (3, 2), (6, 100)))),
          message((1, 3), (2, 9), (17, message((1, 9), (2, 12), (3, 100)))),
          message((1, 6), (2, 10)), message((1, 99), (2, 11)))
    kinds = {1: 4, 2: 4, 3: 4, 4: 5, 5: 5, 6: 13, 7: 10, 8: 11, 9: 3, 10: 6, 11: 99, 12: 1}
    d.put("fdinfo-2.img", *(message((1, i), (2, 0), (3, kind), (4, i + 2)) for i, kind in kinds.items()))


def states(folder):
    d = plain(folder)
    d.put("pstree.img", *pstree((1, 0), (9, 1), (5, 1), (7, 5)))
    d.task(9, "dead\xff\n", state=6, mm=False)
    d.task(5, "stopped", state=3, areas=[area(0x10000, 0x11000)], args=(0x10000, 0x10005), ranges=[pages_at(0x10000, 1, 2)])
    d.task(7, "zero", areas=[area(0x10000, 0x11000)], args=(0x10000, 0x10005), ranges=[pages_at(0x10000, 1, 0)])


def tasks(folder, n, deep=False):
    d = plain(folder)
    d.put("pstree.img", *pstree((1, 0), *((i, i - 1 if deep else 1) for i in range(2, n + 1))))
    for i in range(2, n + 1):
        d.task(i, mm=False)


def files(folder, n):
    d = plain(folder)
    d.put("files.img", REG, ROOT, EXE,
          *(message((1, 1), (2, i + 1000), (3, message((1, i + 1000), (6, f"/a/file/of/some/length/{i}"), (8, i)))) for i in range(n)))
    d.put("fdinfo-2.img", *(message((1, i + 1000), (2, 0), (3, 1), (4, i)) for i in range(n)))


def areas(folder, n):
    d = plain(folder)
    d.task(1, areas=[area(0x10000 + 8192 * i, 0x11000 + 8192 * i) for i in range(n)],
           ranges=[pages_at(0x10000 + 8192 * i, 1) for i in range(n)])


def ranges(folder, n):
    d = plain(folder)
    d.task(1, areas=[area(0x10000, 0x10000 + 8192 * n)], args=(0x10000, 0x1000D))
    with open(f"{folder}/pagemap-1.img", "ab") as f:
        for i in range(n):
            f.write(record(pages_at(0x10000 + 8192 * i, 1)))


def zeros(folder):
    d, size = plain(f"{folder}/checkpoint"), 1 << 28
    d.task(1, areas=[area(0x100000000, 0x100000000 + size)], ranges=[pages_at(0x100000000, size // 4096)])
    with open(f"{folder}/checkpoint/pages-1.img", "wb") as f:
        f.truncate(size)
        f.seek(size - 100)
        f.write(b"at-the-end")


def chain(folder):
    old, new = plain(f"{folder}/pre-checkpoint"), plain(f"{folder}/checkpoint")
    os.symlink("../pre-checkpoint", f"{folder}/checkpoint/parent")
    new.put("pagemap-1.img", message((1, 1)), pages_at(0x10000, 1, 1), pages_at(0x20000, 2, 1))
    new.pages(1, b"")


def shared(folder):
    d = plain(folder)
    d.put("pstree.img", *pstree((1, 0), (2, 1), (3, 1)))
    for pid, begin, end in ((1, 0, 32), (2, 1, 4), (3, 5, 9)):
        d.task(pid, areas=[area(0x10000, 0x11000)], args=(0x10000 + begin, 0x10000 + end))
        d.put(f"pagemap-{pid}.img", message((1, 1)), pages_at(0x10000, 1))


def fault(kind, folder):
    d = plain(folder)
    if kind == "loop":
        d.put("pstree.img", *pstree((1, 0), (2, 3), (3, 2)))
    elif kind == "orphan":
        d.put("pstree.img", *pstree((1, 0), (2, 5)))
    elif kind == "twins":
        d.put("pstree.img", *pstree((1, 0), (2, 1), (2, 1)))
    elif kind == "back-to-front":
        d.put("pagemap-1.img", message((1, 1)), pages_at(0x20000, 1), pages_at(0x10000, 1))
    elif kind == "huge-record":
        with open(f"{folder}/files.img", "ab") as f:
            f.write(struct.pack("<I", 0xFFFFFFF0))
    elif kind == "no-inventory":
        os.unlink(f"{folder}/inventory.img")
    elif kind == "no-pstree":
        os.unlink(f"{folder}/pstree.img")
    elif kind == "bad-magic":
        d.put("mm-1.img", b"", magic=MAGIC["files"])
    elif kind == "foreign":
        d.put("pagemap-1.img", message((1, 1)), pages_at(0x10000, 1, 4 | 64))
    else:
        sys.exit(f"make-images.py: {kind}?")


if __name__ == "__main__":
    kind, folder = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    if kind in ("sockets", "states", "chain", "plain", "shared", "zeros"):
        globals()[kind](folder)
    elif kind == "deep":
        tasks(folder, count, True)
    elif kind in ("tasks", "files", "areas", "ranges"):
        globals()[kind](folder, count)
    else:
        fault(kind, folder)

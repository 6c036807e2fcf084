#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints whose images are as large as they may be, for firn verify.

  make-hostile-set.py OUT    archives in OUT; prints the name of each and the code of what is wrong with it (- nothing)
"""
import io
import os
import struct
import sys
import tarfile

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
PID, BASE, PAGE = 14379, 0x10000000, 4096
PARENT, PRESENT = 1, 4  # criu/include/pagemap.h


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def number(member, value):
    return varint(member << 3) + varint(value)


def inner(member, data):
    return varint(member << 3 | 2) + varint(len(data)) + data


def record(data):
    return struct.pack("<I", len(data)) + data


def image(magic, records):
    return struct.pack("<II", 0x54564319, magic) + b"".join(map(record, records))


def area(start, end, file, status):
    return inner(14, number(1, start) + number(2, end) + number(3, 0) + number(4, file) + number(5, 0) + number(6, 0)
                 + number(7, status) + number(8, 0))


def mm(areas):
    return image(0x57492820, [b"".join(number(i, 1) for i in range(1, 13)) + b"".join(areas)])


def pagemap(n, flags):
    head = [number(1, 1)]
    return image(0x56084025, head + [number(1, BASE + 2 * i * PAGE) + number(2, 1) + number(4, flags) for i in range(n)])


class Sparse:
    """a file of zeros"""

    def __init__(self, size):
        self.size = size


def save(out, code, changes, links=()):
    with tarfile.open(os.path.join(DATA, "raw-criu-1proc.tar")) as tar:
        files = {"checkpoint/" + m.name[4:]: tar.extractfile(m).read()
                 for m in tar if m.name.startswith("img/") and m.name.endswith(".img")}
    files.update(changes)
    for name, data in files.items():
        path = os.path.join(out, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            if isinstance(data, Sparse):
                f.truncate(data.size)
            else:
                f.write(data)
    for name, target in links:
        os.symlink(target, os.path.join(out, name))
    print(os.path.basename(out), code)


def main():
    def case(name, *args):
        save(os.path.join(sys.argv[1], name), *args)

    img = "checkpoint/"
    n = 400000
    with tarfile.open(os.path.join(DATA, "raw-criu-1proc.tar")) as tar:
        inventory = tar.extractfile("img/inventory.img").read()
    case("pagemap", "-", {
        img + f"mm-{PID}.img": mm([area(BASE, BASE + 2 * n * PAGE, 0, 0x201)]),
        img + f"pagemap-{PID}.img": pagemap(n, PARENT), img + "pages-1.img": b"",
        "pre-checkpoint/inventory.img": inventory,
        f"pre-checkpoint/pagemap-{PID}.img": pagemap(n, PRESENT), "pre-checkpoint/pages-1.img": Sparse(n * PAGE),
    }, [(img + "parent", "../pre-checkpoint")])
    case("pstree", "process-parent", {img + "pstree.img": image(0x50273030, [
        number(1, i) + number(2, i % 65000 + 2) + number(3, 1) + number(4, 1) + number(5, i) + number(5, i + 100000)
        for i in range(1, 65536)])})
    case("areas", "file-missing", {img + f"mm-{PID}.img": mm([
        area(8192 * i, 8192 * i + 4096, i, 0x81) for i in range(1, 1 << 18)])})
    owner = inner(4, b"".join(number(i, 0) for i in range(1, 6)))
    case("files", "file-missing", {img + "files.img": image(0x56303138, [
        number(1, 2) + number(2, i + 1000) + inner(18, number(1, i + 1000) + number(2, 1) + number(3, 0) + owner)
        for i in range(500000)])})
    case("record", "-", {img + "cgroup.img": image(0x59383330, [inner(1, number(1, 1) * 8000000)])})
    case("nested", "image-record", {img + "cgroup.img": image(0x59383330, [b"\x12\x05" * 7000000])})


main()

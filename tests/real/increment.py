#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Make a full dump into one that builds on another, as CRIU does where the kernel tracks what is written:
pages that the older dump has as well leave the pages files, their entries say "in the parent".

increment.py NEW OLD LINK: folders of CRIU images, and what NEW/parent is to point to. OLD may build on
others. Prints how many of the pages are left."""
import os
import struct
import sys

PAGE = 4096
PARENT, PRESENT = 1, 4  # criu/include/pagemap.h


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(record):
    at, found = 0, {}
    while at < len(record):
        key, at = varint(record, at)
        assert key & 7 == 0, "pagemap entries have numbers only"
        found[key >> 3], at = varint(record, at)
    return found


def number(field, value):
    out = bytearray([field << 3])
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def records(path):
    with open(path, "rb") as f:
        data = f.read()
    head, at, found = data[:8], 8, []
    while at < len(data):
        size = struct.unpack_from("<I", data, at)[0]
        found.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return head, found


def entries(folder, name):
    """(address, flags, page) of every page of a pagemap; the page is None where it is in the parent."""
    _, found = records(os.path.join(folder, name))
    with open(os.path.join(folder, f"pages-{fields(found[0])[1]}.img"), "rb") as pages:
        for record in found[1:]:
            f = fields(record)
            flags = f.get(4, PRESENT)
            for i in range(f.get(5) or f[2]):
                page = pages.read(PAGE) if flags & PRESENT else None
                yield f[1] + i * PAGE, flags, page


def memory(folder, name):
    """All pages by address, through the whole chain."""
    if not os.path.exists(os.path.join(folder, name)):
        return {}
    parent = os.path.join(folder, "parent")
    older = memory(parent, name) if os.path.islink(parent) else {}
    return {at: page if flags & PRESENT else older[at]
            for at, flags, page in entries(folder, name) if flags & (PRESENT | PARENT)}


def runs(pages):
    """Neighbours of the same flags as (address, flags, count)."""
    run = None
    for at, flags in pages:
        if run and run[1] == flags and run[0] + run[2] * PAGE == at:
            run[2] += 1
            continue
        if run:
            yield run
        run = [at, flags, 1]
    if run:
        yield run


def increment(new, old, name):
    older = memory(old, name)
    head, found = records(os.path.join(new, name))
    kept, pages, total = [], [], 0
    for at, flags, page in entries(new, name):
        if flags & PRESENT and older.get(at) == page:
            pages.append((at, PARENT))
        else:
            pages.append((at, flags))
            kept.append(page or b"")
        total += 1
    with open(os.path.join(new, f"pages-{fields(found[0])[1]}.img"), "wb") as f:
        f.write(b"".join(kept))
    with open(os.path.join(new, name), "wb") as f:
        f.write(head + struct.pack("<I", len(found[0])) + found[0])
        for at, flags, count in runs(pages):
            record = number(1, at) + number(2, count) + number(4, flags) + number(5, count)
            f.write(struct.pack("<I", len(record)) + record)
    return len([k for k in kept if k]), total


def main():
    new, old, link = sys.argv[1:]
    kept = total = 0
    # Of the processes alone: Podman dumps into one folder again and again, and leaves what was there.
    for record in records(os.path.join(new, "pstree.img"))[1]:
        k, t = increment(new, old, f"pagemap-{fields(record)[1]}.img")
        kept, total = kept + k, total + t
    os.symlink(link, os.path.join(new, "parent"))
    print(f"{kept} of {total} pages")


if __name__ == "__main__":
    main()

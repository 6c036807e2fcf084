#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""make-large.py ARCHIVE NEW MIB RANGES: Podman's archive, whose first process now has MIB more of memory in one area, in RANGES ranges of pages with a
page that isn't there behind each. The pages are zeros but for 256 of them, and the file is sparse."""
import struct
import sys
import tarfile

PAGE = 4096
START = 1 << 44  # the area's address: above programs and their heaps, below libraries and stacks
PRESENT = 4      # criu/include/pagemap.h: PE_PRESENT
VMAS = 14        # mm.proto


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def number(field, value):
    out = bytearray()
    for v in (field << 3, value):
        while v >= 0x80:
            out.append(v & 0x7F | 0x80)
            v >>= 7
        out.append(v)
    return bytes(out)


def fields(record):
    """(number, value, bytes) of each field."""
    at, found = 0, []
    while at < len(record):
        begin = at
        key, at = varint(record, at)
        value, at = varint(record, at)
        if key & 7 == 2:
            at += value
            value = record[at - value:at]
        found.append((key >> 3, value, record[begin:at]))
    return found


def records(image):
    at, found = 8, []
    while at < len(image):
        size = struct.unpack_from("<I", image, at)[0]
        found.append(image[at + 4:at + 4 + size])
        at += 4 + size
    return found


def image(head, found):
    return head + b"".join(struct.pack("<I", len(r)) + r for r in found)


def with_area(mm, end):
    area = number(1, START) + number(2, end) + number(3, 0) + number(4, 0) + number(5, 3) + number(6, 0x22) + number(7, 0x201) + number(8, 1)
    area = number(VMAS, len(area)).replace(bytes([VMAS << 3]), bytes([VMAS << 3 | 2]), 1) + area
    all_fields = fields(records(mm)[0])
    below = [f[2] for f in all_fields if f[0] < VMAS or (f[0] == VMAS and fields(f[1])[0][1] < START)]
    above = [f[2] for f in all_fields if f[2] not in below]
    return image(mm[:8], [b"".join(below) + area + b"".join(above)])


def main():
    archive, new, mib, ranges = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    old, pages, step = tarfile.open(archive), mib << 8, max(1, mib // 256)
    each = [pages // ranges + (i < pages % ranges) for i in range(ranges)]
    pagemap = old.extractfile("checkpoint/pagemap-1.img").read()
    head, *entries = records(pagemap)
    below = [e for e in entries if fields(e)[0][1] < START]
    before = sum(fields(e)[1][1] for e in below) * PAGE
    at, added = START, []
    for n in each:
        added.append(number(1, at) + number(2, n) + number(4, PRESENT))
        at += (n + 1) * PAGE
    changed = {"checkpoint/pagemap-1.img": image(pagemap[:8], [head, *below, *added, *entries[len(below):]]),
               "checkpoint/mm-1.img": with_area(old.extractfile("checkpoint/mm-1.img").read(), at)}
    large = f"checkpoint/pages-{fields(head)[0][1]}.img"
    with open(new, "wb") as out:
        for m in old:
            data = old.extractfile(m).read() if m.isreg() else b""
            data = changed.get(m.name, data)
            m.size = len(data) + (mib << 20 if m.name == large else 0)
            # Sizes of 8 GiB and more are numbers in base 256.
            out.write(m.tobuf(tarfile.GNU_FORMAT))
            if m.name == large:
                out.write(data[:before])
                for i in range(0, mib, step):
                    out.write(b"%08x" % i)
                    out.seek((min(step, mib - i) << 20) - 8, 1)
                data = data[before:]
            out.write(data)
            out.seek(-m.size % 512, 1)
        out.truncate((out.tell() + 1024 + 10239) // 10240 * 10240)


main()

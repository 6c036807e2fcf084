# SPDX-License-Identifier: LGPL-2.1-or-later
"""Frames of a zstd stream (RFC 8878), to be replaced one by one."""
import struct
import subprocess

MAGIC = 0xFD2FB528
SKIP = 0x184D2A50  # and the 15 that follow it


def unpack(data):
    """None for what zstd doesn't take."""
    done = subprocess.run(["zstd", "-qdc"], input=data, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def skip(size):
    """A skippable frame of so many bytes, its header included."""
    return struct.pack("<II", SKIP | 14, size - 8) + bytes(size - 8)


def stored(data, window=None, known=True):
    """A frame of raw blocks. With @window, a window descriptor; without @known, no size of its content."""
    flags = (2 << 6 if known else 0) | (0x20 if window is None else 0)
    out = struct.pack("<IB", MAGIC, flags) + (b"" if window is None else bytes([window]))
    if known:
        out += struct.pack("<I", len(data))
    # A raw block may have 128 KiB, and no more than the window.
    pieces = [data[i:i + 1024] for i in range(0, len(data), 1024)] or [b""]
    for i, piece in enumerate(pieces):
        out += struct.pack("<I", len(piece) << 3 | (i == len(pieces) - 1))[:3] + piece
    return out


class Frame:
    def __init__(self, at, size, content):
        self.at, self.size, self.content = at, size, content  # content: bytes, None: skippable


def frame_at(data, at):
    magic, = struct.unpack_from("<I", data, at)
    if magic & ~15 == SKIP:
        return Frame(at, 8 + struct.unpack_from("<I", data, at + 4)[0], None)
    assert magic == MAGIC, hex(at)
    flags = data[at + 4]
    single, width = flags & 0x20, (0, 2, 4, 8)[flags >> 6]
    if single and not width:
        width = 1
    end = at + 5 + (0 if single else 1)
    content = int.from_bytes(data[end:end + width], "little") + (256 if width == 2 else 0)
    end += width
    last = 0
    while not last:
        block = int.from_bytes(data[end:end + 3], "little")
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        end += 3 + (1 if kind == 1 else size)
    return Frame(at, end + (4 if flags & 4 else 0) - at, content)


def frames(data):
    at, found = 0, []
    while at < len(data):
        found.append(frame_at(data, at))
        at += found[-1].size
    return found


def replace(data, frame, new):
    """@new in the place of @frame. Frames up to the next skippable one move, and it makes up for it."""
    end = gap = frame_at(data, frame.at + frame.size)
    while gap.content is not None:
        gap = frame_at(data, gap.at + gap.size)
    between = data[end.at:gap.at]
    left = frame.size + gap.size - len(new)
    assert left >= 8, left
    return data[:frame.at] + new + between + skip(left) + data[gap.at + gap.size:]

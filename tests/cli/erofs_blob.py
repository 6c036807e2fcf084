# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the EROFS index in a mountable layer far enough to lie about anything in it: where each inode, entry
and extent of each path is. Offsets are bytes of the blob (fs/erofs/erofs_fs.h of the kernel)."""
import struct

SUPER = 1024
MAGIC = 0xE0F5E1E2
INODE = 64  # erofs_inode_extended
PLAIN, FULL, INLINE, CHUNKS = 0, 1, 2, 4  # data layouts


def table():
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        yield i


CRC32C = list(table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xFF]
    return crc


class Blob:
    """A blob with an index, to be changed in place."""

    def __init__(self, data):
        self.data = bytearray(data)
        assert self.get("<I", SUPER)[0] == MAGIC
        self.bits = self.data[SUPER + 12]
        self.block = 1 << self.bits
        self.base = self.get("<I", SUPER + 40)[0] << self.bits
        self.inodes, self.entries = {}, {}  # path: offset of the inode, (offset, name's offset) of the entry
        self.walk(self.get("<H", SUPER + 14)[0], "")

    def get(self, form, at):
        return struct.unpack_from(form, self.data, at)

    def put(self, form, at, *values):
        struct.pack_into(form, self.data, at, *values)

    def nid(self, path):
        return (self.inodes[path] - self.base) // 32

    def layout(self, path):
        return self.get("<H", self.inodes[path])[0] >> 1 & 7

    def size(self, path):
        return self.get("<Q", self.inodes[path] + 8)[0]

    def tail(self, path):
        """What follows the inode: its xattrs, and behind them."""
        at = self.inodes[path]
        count = self.get("<H", at + 2)[0]
        return at + INODE, at + INODE + (12 + 4 * (count - 1) if count else 0)

    def chunk(self, path):
        """The chunk indexes of a file: {address, high 16 bits; device; address}."""
        assert self.layout(path) == CHUNKS
        return (self.tail(path)[1] + 7) & ~7

    def clusters(self, path):
        """The map header of a compressed file, 8 bytes, and its lcluster indexes, 8 bytes each."""
        assert self.layout(path) == FULL
        at = (self.tail(path)[1] + 7) & ~7
        return at, at + 16

    def blocks(self, path):
        """The pieces of a folder: (offset, bytes)."""
        at, size = self.inodes[path], self.size(path)
        whole = size if self.layout(path) == PLAIN else size // self.block * self.block
        start = self.get("<I", at + 16)[0] << self.bits
        for done in range(0, whole, self.block):
            yield start + done, min(self.block, whole - done)
        if size > whole:
            yield self.tail(path)[1], size - whole

    def walk(self, nid, path):
        self.inodes[path] = self.base + 32 * nid
        for at, size in list(self.blocks(path)):
            count = self.get("<H", at + 8)[0] // 12
            for i in range(count):
                entry = at + 12 * i
                child, name, kind = self.get("<QHB", entry)
                end = at + self.get("<H", entry + 12 + 8)[0] if i + 1 < count else at + size
                text = bytes(self.data[at + name:end]).rstrip(b"\0").decode()
                child_path = f"{path}/{text}" if path else text
                self.entries[child_path] = (entry, at + name)
                if text in (".", ".."):
                    continue
                if kind == 2:
                    self.walk(child, child_path)
                else:
                    self.inodes[child_path] = self.base + 32 * child

    def seal(self):
        """The superblock's checksum, as if nothing had happened."""
        self.put("<I", SUPER + 4, 0)
        if self.data[SUPER + 8] & 1:
            self.put("<I", SUPER + 4, crc32c(self.data[SUPER:self.block]))
        return bytes(self.data)

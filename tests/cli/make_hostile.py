# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mountable layers whose two readings differ: an honest blob, changed in one place each.

A case is a function of the blob, an erofs_blob.Blob, that changes it or returns other bytes; its name says what
is wrong. Cases of an index alone leave the tar as it was; those of the tar leave the index. What becomes of it:

  forged   its index isn't used: the tar counts, and --strict refuses the layer
  foreign  there is no index of ours: the tar counts
  broken   there is no tar either: refused
  ours     both readings are the same
"""
import struct

import erofs_blob
import zstd_blob
from erofs_blob import SUPER

PLAIN, PACKED = "plain", "zstd"
CASES = []


def case(*forms, becomes="forged"):
    def register(function):
        CASES.append((function.__name__.replace("_", "-"), forms or (PLAIN, PACKED), becomes, function))
        return function
    return register


def bend(form, at, change):
    """The field at @at becomes change(it)."""
    def function(b):
        b.put(form, at(b), change(b.get(form, at(b))[0]))
    return function


def field(name, form, at, change, *forms):
    """A case that is one field of the index."""
    function = bend(form, at, change)
    function.__name__ = name
    case(*forms)(function)


def inode(path, offset):
    return lambda b: b.inodes[path] + offset


def entry(path, offset):
    return lambda b: b.entries[path][0] + offset


def superblock(offset):
    return lambda b: SUPER + offset


def to(value):
    return lambda _: value


# --- inodes: offsets are those of erofs_inode_extended

field("size_smaller", "<Q", inode("odd", 8), lambda n: n - 1)
field("size_larger", "<Q", inode("odd", 8), lambda n: n + 1)
field("size_of_more_chunks", "<Q", inode("odd", 8), lambda n: n + (1 << 20))
field("size_absurd", "<Q", inode("odd", 8), to((1 << 63) - 1))
field("size_negative", "<Q", inode("odd", 8), to((1 << 64) - 1))
field("size_of_nothing", "<Q", inode("text", 8), to(0))
field("folder_cut", "<Q", inode("", 8), lambda n: n - 12)
field("folder_of_all_memory", "<Q", inode("other", 8), to(1 << 40))
field("mode_setuid", "<H", inode("other/tool", 4), lambda mode: mode | 0o4000)
field("mode_readable", "<H", inode("small", 4), lambda mode: mode | 0o077)
field("file_is_fifo", "<H", inode("small", 4), to(0o010644))
field("file_is_folder", "<H", inode("odd", 4), to(0o040755))
field("file_is_link", "<H", inode("small", 4), to(0o120777))
field("file_has_no_type", "<H", inode("small", 4), to(0o000644))
field("folder_is_file", "<H", inode("dir", 4), to(0o100644))
field("device_is_another", "<I", inode("null", 16), to(1 << 8 | 1))
field("device_is_whiteout", "<I", inode("null", 16), to(0))
field("owner", "<I", inode("other/tool", 24), lambda uid: uid + 1)
field("group", "<I", inode("other/tool", 28), lambda gid: gid + 1)
field("time", "<Q", inode("text", 32), lambda t: t + 1)
field("time_nanoseconds", "<I", inode("text", 40), to(999999999))
field("time_of_no_second", "<I", inode("text", 40), to(4000000000))
field("links_of_a_hard_link", "<I", inode("odd", 44), to(1))
field("links_of_no_one", "<I", inode("odd", 44), to(0))
field("links_of_a_folder", "<I", inode("dir", 44), to(77))
field("layout_unknown", "<H", inode("odd", 0), lambda form: form | 7 << 1)
field("layout_inline", "<H", inode("odd", 0), to(1 | erofs_blob.INLINE << 1))
field("layout_compact", "<H", inode("odd", 0), lambda form: form & ~1)
field("layout_reserved_bits", "<H", inode("odd", 0), lambda form: form | 0xFF00)


@case()
def layout_flat(b):
    """the bytes from the beginning of the blob on"""
    b.put("<H", b.inodes["small"], 1 | erofs_blob.PLAIN << 1)
    b.put("<I", b.inodes["small"] + 16, 0)


@case()
def file_is_whiteout(b):
    b.put("<H", b.inodes["small"], 1 | erofs_blob.PLAIN << 1)
    b.put("<H", b.inodes["small"] + 4, 0o020000)
    b.put("<I", b.inodes["small"] + 16, 0)


# --- folders: offsets are those of erofs_dirent

@case()
def entry_moved(b):
    """one name shows another's file"""
    b.put("<Q", b.entries["small"][0], b.nid("odd"))


@case()
def entries_swapped(b):
    small, odd = b.entries["small"][0], b.entries["odd"][0]
    b.put("<Q", small, b.nid("odd"))
    b.put("<Q", odd, b.nid("small"))


field("entry_of_no_inode", "<Q", entry("small", 0), to(1 << 40))
field("entry_of_payload", "<Q", entry("small", 0), to(2049))
field("entry_of_the_superblock", "<Q", entry("small", 0), to(SUPER // 32))
field("entry_type", "<B", entry("small", 10), to(2))
field("entry_type_unknown", "<B", entry("small", 10), to(200))
field("entry_reserved", "<B", entry("small", 11), to(1))
field("name_at_nowhere", "<H", entry("small", 8), to(0xFFFF))
field("name_of_nothing", "<H", entry("small", 8), lambda at: at - 1)
field("name_before_its_own", "<H", entry(".", 8), lambda at: at + 12)


def name(b, path, text, at=0):
    start = b.entries[path][1] + at
    b.data[start:start + len(text)] = text


@case()
def name_is_another(b):
    name(b, "small", b"SMALL")


@case()
def name_twice(b):
    """link and text would be page and page"""
    name(b, "link", b"page")


@case()
def name_has_a_slash(b):
    name(b, "small", b"a/b/c")


@case()
def name_leads_up(b):
    name(b, "odd", b"..\0")


@case()
def name_ends_early(b):
    name(b, "small", b"\0", 2)


@case()
def name_hides_a_name(b):
    """a whiteout's spelling"""
    name(b, "small", b".wh.x")


@case()
def loop_to_the_root(b):
    b.put("<Q", b.entries["dir/sub"][0], b.nid(""))


@case()
def loop_to_itself(b):
    b.put("<QHB", b.entries["dir/sub/b"][0], b.nid("dir/sub"), b.get("<H", b.entries["dir/sub/b"][0] + 8)[0], 2)


@case()
def loop_to_the_parent(b):
    b.put("<Q", b.entries["dir/sub"][0], b.nid("dir"))


@case()
def parent_is_elsewhere(b):
    b.put("<Q", b.entries["dir/.."][0], b.nid("other"))


@case()
def folder_twice(b):
    b.put("<Q", b.entries["other"][0], b.nid("dir"))


def other_root(b, more):
    """A root folder in a block of its own, the last one of the blob, that has @more names."""
    entries = [(b.get("<QHB", b.entries[p][0])[::2], p) for p in b.entries if "/" not in p]
    entries = [(p.encode(), nid, kind) for (nid, kind), p in entries] + more
    at, block, names = 12 * len(entries), b"", b""
    for text, nid, kind in sorted(entries):
        block += struct.pack("<QHBB", nid, at + len(names), kind, 0)
        names += text
    return (block + names).ljust(b.block, b"\0"), len(block + names)


def use_root(b, at, size):
    root = b.inodes[""]
    b.put("<H", root, 1 | erofs_blob.PLAIN << 1)
    b.put("<Q", root + 8, size)
    b.put("<I", root + 16, at >> b.bits)


@case(PLAIN)
def name_more(b):
    """a file in the index that the tar doesn't have; in a block of the longest payload"""
    at = b.get("<I", b.chunk("more") + 4)[0] << b.bits
    block, size = other_root(b, [(b"zzz", b.nid("small"), 1)])
    b.data[at:at + len(block)] = block
    use_root(b, at, size)


@case()
def name_more_at_the_end(b):
    at = len(b.data)
    block, size = other_root(b, [(b"zzz", b.nid("small"), 1)])
    b.data += zstd_blob.skip(b.block)[:8].ljust(b.block, b"\0") if b.packed else b""
    b.data += block
    if b.packed:
        b.put("<I", at + 4, 2 * b.block - 8)
    use_root(b, at + (b.block if b.packed else 0), size)


@case(PLAIN)
def index_in_a_payload(b):
    """all of it made again, in the content of a file"""
    at = b.get("<I", b.chunk("more") + 4)[0] << b.bits
    end = max(b.inodes.values()) + 4096
    b.data[at:at + end] = b.data[:end]
    b.put("<H", at + b.inodes["other/tool"] + 4, 0o104755)
    b.put("<I", SUPER + 40, at >> b.bits)


# --- symbolic links and xattrs

@case()
def link_leads_elsewhere(b):
    at = b.tail("dir/link")[1]
    b.data[at:at + 7] = b"/../etc"


@case()
def link_has_a_zero(b):
    b.data[b.tail("dir/link")[1] + 3] = 0


field("link_is_longer", "<Q", inode("link", 8), to(4000))
field("link_is_absurd", "<Q", inode("link", 8), to(1 << 32))
field("xattrs_gone", "<H", inode("odd", 2), to(0), PLAIN)
field("xattrs_of_all_memory", "<H", inode("odd", 2), to(0xFFFF))
field("xattrs_shared", "<B", lambda b: b.tail("odd")[0] + 4, to(200))
field("xattr_value_size", "<H", lambda b: b.tail("odd")[0] + 14, to(0xFFFF))
field("xattr_name_size", "<B", lambda b: b.tail("odd")[0] + 12, to(255))
field("xattr_trusted", "<B", lambda b: b.tail("odd")[0] + 13, to(4))
field("xattr_value", "<B", lambda b: b.tail("odd")[0] + 17, lambda c: c ^ 1)


@case()
def xattr_steers_the_overlay(b):
    """user.overlay-redirect, made to look as overlayfs' own"""
    at = b.tail("dir")[0] + 12
    assert b.data[at + 4:at + 20] == b"overlay-redirect"
    b.data[at + 1] = 4
    b.data[at + 4:at + 20] = b"overlay.redirect"


# --- extents

field("chunk_of_another_file", "<I", lambda b: b.chunk("odd") + 4, lambda n: n + 4, PLAIN)
field("chunk_of_the_head", "<I", lambda b: b.chunk("odd") + 4, to(0), PLAIN)
field("chunk_of_a_header", "<I", lambda b: b.chunk("odd") + 4, lambda n: n - 1, PLAIN)
field("chunk_behind_the_end", "<I", lambda b: b.chunk("odd") + 4, lambda n: n + (1 << 20), PLAIN)
field("chunk_of_nothing", "<Q", lambda b: b.chunk("odd"), to(0xFFFFFFFF0000FFFF), PLAIN)
field("chunk_high_bits", "<H", lambda b: b.chunk("odd"), to(1), PLAIN)
field("chunk_on_device_1", "<H", lambda b: b.chunk("odd") + 2, to(1), PLAIN)
field("chunk_on_device_65535", "<H", lambda b: b.chunk("odd") + 2, to(65535), PLAIN)
field("chunk_format_unknown", "<I", inode("odd", 16), lambda n: n | 0x100, PLAIN)
field("chunk_without_indexes", "<I", inode("odd", 16), lambda n: n & ~0x20, PLAIN)
field("chunk_of_31_bits", "<I", inode("odd", 16), lambda n: n | 31, PLAIN)
field("stored_chunk_elsewhere", "<I", lambda b: b.chunk("page") + 4, to(0), PACKED)
field("stored_chunk_on_a_device", "<H", lambda b: b.chunk("page") + 2, to(3), PACKED)


@case(PLAIN)
def chunks_alias(b):
    """two files of one content"""
    b.put("<I", b.chunk("text") + 4, b.get("<I", b.chunk("more") + 4)[0])


def cluster(path, number, offset):
    return lambda b: b.clusters(path)[1] + 8 * number + offset


field("cluster_elsewhere", "<I", cluster("odd", 0, 4), lambda n: n + 1, PACKED)
field("cluster_of_the_head", "<I", cluster("odd", 0, 4), to(1), PACKED)
field("cluster_of_the_superblock", "<I", cluster("odd", 0, 4), to(0), PACKED)
field("cluster_behind_the_end", "<I", cluster("odd", 0, 4), to(0x7FFFFFFF), PACKED)
field("cluster_stored", "<H", cluster("odd", 0, 0), to(0), PACKED)
field("cluster_of_kind_3", "<H", cluster("odd", 0, 0), to(3), PACKED)
field("cluster_offset", "<H", cluster("odd", 0, 2), to(4095), PACKED)
field("cluster_behind_is_head", "<H", cluster("odd", 1, 0), to(1), PACKED)
field("cluster_blocks_none", "<H", cluster("odd", 1, 4), to(0x800), PACKED)
field("cluster_blocks_many", "<H", cluster("odd", 1, 4), to(0xFFF), PACKED)
field("cluster_back_to_nowhere", "<H", cluster("odd", 2, 4), to(0x7FF), PACKED)
field("cluster_back_to_itself", "<H", cluster("odd", 2, 4), to(0), PACKED)
field("cluster_map_fragment", "<I", lambda b: b.clusters("odd")[0], to(1), PACKED)
field("cluster_map_advice", "<H", lambda b: b.clusters("odd")[0] + 4, to(0xFFFF), PACKED)
field("cluster_map_lz4", "<B", lambda b: b.clusters("odd")[0] + 6, to(0), PACKED)
field("cluster_map_deflate", "<B", lambda b: b.clusters("odd")[0] + 6, to(2), PACKED)
field("cluster_map_bits", "<B", lambda b: b.clusters("odd")[0] + 7, to(0x0F), PACKED)
field("cluster_map_packed_inode", "<B", lambda b: b.clusters("odd")[0] + 7, to(0x80), PACKED)


@case(PACKED)
def clusters_alias(b):
    b.put("<I", b.clusters("text")[1] + 4, b.get("<I", b.clusters("more")[1] + 4)[0])


# --- the superblock: offsets are those of erofs_super_block

field("super_checksum_flag", "<I", superblock(8), lambda n: n & ~1)
field("super_compatible_features", "<I", superblock(8), lambda n: n | 0x80)
field("super_incompatible_features", "<I", superblock(80), lambda n: n | 0x40000000)
field("super_fragments", "<I", superblock(80), lambda n: n | 0x20)
field("super_48_bits", "<I", superblock(80), lambda n: n | 0x80)
field("super_small_blocks", "<B", superblock(12), to(9))
field("super_huge_blocks", "<B", superblock(12), to(31))
field("super_slots", "<B", superblock(13), to(255))
field("super_inodes", "<Q", superblock(16), lambda n: n + 1)
field("super_time", "<Q", superblock(24), to(1 << 40))
field("super_blocks_fewer", "<I", superblock(36), to(1))
field("super_blocks_more", "<I", superblock(36), to(0xFFFFFFFF))
field("super_metadata_elsewhere", "<I", superblock(40), lambda n: n + 1)
field("super_shared_xattrs", "<I", superblock(44), to(1))
field("super_uuid", "<I", superblock(48), to(7))
field("super_name", "<I", superblock(64), to(0x41414141))
field("super_devices", "<H", superblock(86), to(1))
field("super_device_table", "<H", superblock(88), to(8))
field("super_folder_blocks", "<B", superblock(90), to(4))
field("super_xattr_prefixes", "<B", superblock(91), to(4))
field("super_packed_inode", "<Q", superblock(96), to(36))
field("super_behind_it", "<I", superblock(1500), to(1))
field("super_algorithms", "<H", superblock(84), lambda n: n ^ 1)
field("super_window", "<B", superblock(131), to(255), PACKED)


@case()
def super_root_is_another(b):
    b.put("<H", SUPER + 14, b.nid("dir") & 0xFFFF)
    assert b.nid("dir") < 65536


@case()
def super_checksum(b):
    """a wrong one"""
    data = bytearray(b.seal())
    data[SUPER + 4] ^= 1
    return bytes(data)


@case(PLAIN, becomes="foreign")
def super_magic(b):
    b.data[SUPER] ^= 1


@case(PACKED, becomes="foreign")
def super_magic_packed(b):
    b.data[SUPER] ^= 1


@case(PLAIN, becomes="ours")
def super_twice(b):
    """another image, whole, is the content of a file: nobody looks for it there"""
    at = b.get("<I", b.chunk("more") + 4)[0] << b.bits
    b.data[at:at + 65536] = b.data[:65536]
    b.put("<H", at + b.inodes["other/tool"] + 4, 0o104755)


# --- the tar, its index being that of another

def header(b, path):
    """Offset of the ustar header of a path."""
    return b.members[path].offset_data - 512


def resum(b, at):
    b.data[at + 148:at + 156] = b" " * 8
    b.data[at + 148:at + 156] = b"%06o\0 " % sum(b.data[at:at + 512])


def ustar(title, path, offset, text, becomes="forged"):
    def function(b):
        at = header(b, path)
        assert b.data[at + offset:at + offset + len(text)] != text
        b.data[at + offset:at + offset + len(text)] = text
        resum(b, at)
    function.__name__ = title
    case(PLAIN, becomes=becomes)(function)


ustar("tar_name", "small", 2, b"smalL")
ustar("tar_name_twice", "text", 2, b"page")
ustar("tar_mode", "other/tool", 100, b"0004755")
ustar("tar_owner", "other/tool", 108, b"0000007")
ustar("tar_time", "text", 136, b"00000000007")
ustar("tar_link", "link", 157, b"SMALL")
ustar("tar_link_leads_up", "link", 157, b"../../x")
ustar("tar_hard_link", "odd", 157, b"./more\0")
ustar("tar_hard_link_to_nothing", "odd", 157, b"./nope\0", "broken")
ustar("tar_file_names_a_link", "dir/hard", 157, b"./page\0")
ustar("tar_device", "null", 337, b"0000005")
ustar("tar_whiteout", "small", 2, b".wh.x")
ustar("tar_reserved_bytes", "small", 500, b"x")
ustar("tar_user_name", "small", 265, b"root")
ustar("tar_leads_up", "small", 0, b"../up/x", "broken")


@case(PLAIN)
def tar_of_more(b):
    """a member behind the end, which is where the padding was"""
    last = max(b.members.values(), key=lambda t: t.offset_data)
    at = last.offset_data + (last.size + 511) // 512 * 512
    b.data[at:at + 512] = b.data[header(b, "empty"):header(b, "empty") + 512]
    b.data[at + 2:at + 10] = b"later\0\0\0"
    resum(b, at)


@case(PLAIN)
def tar_behind_the_end(b):
    b.data += bytes(4096)


@case(PLAIN, becomes="broken")
def tar_ends_early(b):
    del b.data[-4096:]
    b.cut = True


@case(PLAIN)
def tar_head_comment(b):
    """bytes of the first record that are no part of the index"""
    b.data[600] ^= 1


# --- frames

def payload(b, path, n=0):
    """The @n -th frame of a file's content."""
    at = b.get("<I", b.clusters(path)[1] + 4)[0] << b.bits
    found = [f for f in zstd_blob.frames(b.seal()) if f.content is not None]
    return found[next(i for i, f in enumerate(found) if f.at == at) + n]


def swap_frame(b, path, new):
    return zstd_blob.replace(b.seal(), payload(b, path), new)


@case(PACKED, becomes="ours")
def frame_of_other_make(b):
    """the same content in a frame of raw blocks, that takes as many blocks of the file"""
    return swap_frame(b, "odd", zstd_blob.stored(b.content("odd")))


@case(PACKED, becomes="ours")
def frame_of_other_content(b):
    """both readings get it"""
    return swap_frame(b, "odd", zstd_blob.stored(b.content("odd")[::-1]))


@case(PACKED)
def frame_of_unknown_size(b):
    return swap_frame(b, "odd", zstd_blob.stored(b.content("odd"), window=0x30, known=False))


@case(PACKED)
def frame_of_a_large_window(b):
    return swap_frame(b, "odd", zstd_blob.stored(b.content("odd"), window=0x50))


@case(PACKED)
def frame_in_two(b):
    text = b.content("odd")
    return swap_frame(b, "odd", zstd_blob.stored(text[:1000]) + zstd_blob.stored(text[1000:]))


@case(PACKED)
def frame_in_two_blocks(b):
    text = b.content("odd")
    return swap_frame(b, "odd", zstd_blob.stored(text[:4096]) + zstd_blob.stored(text[4096:]))


@case(PACKED, becomes="ours")
def frame_of_nothing_behind(b):
    frame = payload(b, "odd")
    old = b.seal()[frame.at:frame.at + frame.size]
    return zstd_blob.replace(b.seal(), frame, old + zstd_blob.stored(b""))


@case(PACKED, becomes="broken")
def frame_of_more_behind(b):
    """a lone block of zeros in the tar"""
    frame = payload(b, "odd")
    old = b.seal()[frame.at:frame.at + frame.size]
    return zstd_blob.replace(b.seal(), frame, old + zstd_blob.stored(bytes(512)))


@case(PACKED, becomes="broken")
def frame_of_nothing_has_something(b):
    """it says that it is empty, and has a block that isn't"""
    frame = payload(b, "odd")
    old = b.seal()[frame.at:frame.at + frame.size]
    new = bytearray(zstd_blob.stored(b"more"))
    struct.pack_into("<I", new, 5, 0)
    return zstd_blob.replace(b.seal(), frame, old + bytes(new))


@case(PACKED, becomes="broken")
def frame_content_larger(b):
    """than the blocks give"""
    new = bytearray(zstd_blob.stored(b.content("odd")))
    struct.pack_into("<I", new, 5, 9002)
    return swap_frame(b, "odd", bytes(new))


@case(PACKED, becomes="broken")
def frame_content_smaller(b):
    new = bytearray(zstd_blob.stored(b.content("odd")))
    struct.pack_into("<I", new, 5, 9000)
    return swap_frame(b, "odd", bytes(new))


@case(PACKED, becomes="broken")
def frame_with_a_dictionary(b):
    new = zstd_blob.stored(b.content("odd"))
    return swap_frame(b, "odd", new[:4] + bytes([new[4] | 1]) + b"\x07" + new[5:])


@case(PACKED, becomes="broken")
def frame_reserved_bit(b):
    new = bytearray(zstd_blob.stored(b.content("odd")))
    new[4] |= 8
    return swap_frame(b, "odd", bytes(new))


@case(PACKED, becomes="broken")
def frame_reserved_block(b):
    new = bytearray(zstd_blob.stored(b.content("odd")))
    new[9] |= 6
    return swap_frame(b, "odd", bytes(new))


@case(PACKED, becomes="broken")
def frame_of_garbage(b):
    frame = payload(b, "text")
    b.data[frame.at] ^= 1


@case(PACKED, becomes="broken")
def frame_skipped(b):
    """a payload that only the index leads to"""
    frame = payload(b, "odd")
    b.data[frame.at:frame.at + 8] = zstd_blob.skip(frame.size)[:8]


@case(PACKED, becomes="broken")
def frame_skipped_and_all_the_rest(b):
    frame = zstd_blob.frame_at(b.data, 9)
    b.put("<I", 9 + 4, len(b.data) - frame.at - 8)


@case(PACKED, becomes="foreign")
def frame_first_is_skippable(b):
    b.data[:9] = zstd_blob.skip(9)


@case(PACKED)
def frame_behind_the_index(b):
    """a tar of more bytes"""
    return b.seal() + zstd_blob.stored(bytes(4096 - 13))


@case(PACKED)
def frame_skippable_behind(b):
    return b.seal() + zstd_blob.skip(4096)


@case(PACKED, becomes="broken")
def frame_garbage_behind(b):
    return b.seal() + b"x" * 4096


@case(PACKED, becomes="broken")
def frame_cut(b):
    b.cut = True
    return b.seal()[:-4096]


@case(PACKED)
def frame_of_the_index_in_two(b):
    """the tail's metadata in another frame than its zeros"""
    last = zstd_blob.frames(b.seal())[-1]
    meta = b.base
    assert last.content is None and meta - last.at >= 16
    b.put("<I", last.at + 4, meta - 8 - last.at - 8)
    b.put("<II", meta - 8, zstd_blob.SKIP, len(b.data) - meta)


@case(PACKED)
def frame_of_another_tar(b):
    """the head in its frame says what the index doesn't"""
    head = next(f for f in zstd_blob.frames(b.seal()) if f.content == 65536)
    plain = bytearray(b.plain[:65536])
    plain[SUPER + 64:SUPER + 68] = b"evil"
    return zstd_blob.replace(b.seal(), head, b.squeeze(bytes(plain)))


@case(PACKED)
def frame_of_another_header(b):
    """a member's mode, in the tar alone"""
    at = b.members["other/tool"].offset_data - 512
    found = [f for f in zstd_blob.frames(b.seal()) if f.content]
    start = 0
    for f in found:
        if start + f.content > at:
            break
        start += f.content
    text = bytearray(b.plain[start:start + f.content])
    text[at - start + 100:at - start + 107] = b"0004755"
    at -= start
    text[at + 148:at + 156] = b" " * 8
    text[at + 148:at + 156] = b"%06o\0 " % sum(text[at:at + 512])
    return zstd_blob.replace(b.seal(), f, b.squeeze(bytes(text)))

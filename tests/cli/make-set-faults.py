#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints with one fault each, for firn verify.

  make-set-faults.py OUT    in OUT: archives, folders and compressed archives of the real checkpoints in tests/data

Prints what make-faults.py prints."""
import gzip
import io
import os
import struct
import sys
import tarfile

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
IMG = "checkpoint/"
PARENT, PRESENT = 1, 4  # criu/include/pagemap.h
cases = []


def members(name):
    with tarfile.open(os.path.join(DATA, name)) as tar:
        return {m.name.rstrip("/"): tar.extractfile(m).read() for m in tar if m.isfile()}


def archive(files, links=()):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return out.getvalue()


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def record(*fields):
    """numbers of the members 1, 2, ..., None leaves one out; bytes are a message or a text"""
    out = b""
    for i, f in enumerate(fields, 1):
        if isinstance(f, bytes):
            out += varint(i << 3 | 2) + varint(len(f)) + f
        elif f is not None:
            out += varint(i << 3) + varint(f)
    return struct.pack("<I", len(out)) + out


def image(magic, *records):
    return struct.pack("<II", 0x54564319, magic) + b"".join(records)


class Maker:
    def __init__(self, out):
        self.out = out
        self.podman = members("podman-none.tar")

    def add(self, name, codes, place, data, options="-"):
        with open(os.path.join(self.out, name), "wb") as f:
            f.write(data)
        cases.append((name, options, codes, place))

    def changed(self, name, codes, place, changes, links=(), options="-"):
        """changes: member -> None (away), bytes (instead), or what makes the new bytes of the old"""
        files = dict(self.podman)
        for member, change in changes.items():
            if change is None:
                del files[member]
            elif callable(change):
                files[member] = change(files[member])
            else:
                files[member] = change
        self.add(name, codes, place, archive(files, links), options)


def flip(at, bits=0xFF):
    return lambda data: data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


def cut(n):
    return lambda data: data[:-n]


def more(tail):
    return lambda data: data + tail


def missing(m):
    for name in ("core-24", "mm-24", "pagemap-1", "fs-1", "ids-24", "files", "pages-2", "mountpoints-12", "utsns-11",
                 "ipcns-var-10", "tmpfs-dev-76.tar.gz", "pstree"):
        member = IMG + name + ".img"
        m.changed("no-" + name, "image-missing", member, {member: None})
    m.changed("no-open-files", "image-missing", IMG + "fdinfo-2.img", {IMG + "fdinfo-2.img": None})
    m.changed("no-seccomp", "seccomp-missing", IMG + "core-(1|24).img", {IMG + "seccomp.img": None})
    m.changed("no-cgroups", "cgroups-missing", IMG + "core-(1|24).img", {IMG + "cgroup.img": None})
    m.changed("no-spec", "document-missing", "spec.dump", {"spec.dump": None})
    m.changed("no-config", "document-missing", "config.dump", {"config.dump": None})


def flipped(m):
    """One in each kind of file; what is beyond its structure has no digest in an archive."""
    keys = ("core-1", "ids-1", "mm-1", "fs-24", "files", "fdinfo-3", "mountpoints-12", "cgroup", "timens-0", "utsns-11",
            "ipcns-var-10", "pstree", "pagemap-24")
    for name in keys:
        member = IMG + name + ".img"
        m.changed("flip-" + name, "image-record", member, {member: flip(12, 0x07)})
    for name in (*keys, "seccomp"):
        member = IMG + name + ".img"
        m.changed("magic-" + name, "image-magic", member, {member: flip(5)})
        m.changed("length-" + name, "image-framing", member, {member: flip(11)})
    m.changed("flip-inventory", "image-record", IMG + "inventory.img", {IMG + "inventory.img": flip(8, 0x07)})
    m.changed("flip-stats", "image-record", "stats-dump", {"stats-dump": flip(12, 0x07)})
    m.changed("flip-tmpfs", "image-magic", IMG + "tmpfs-dev-77.tar.gz.img", {IMG + "tmpfs-dev-77.tar.gz.img": flip(0)})
    m.changed("flip-tmpfs-content", "tar-broken", IMG + "tmpfs-dev-77.tar.gz.img",
              {IMG + "tmpfs-dev-77.tar.gz.img": lambda d: flip(len(d) // 2)(d)}, options="--deep")
    m.changed("flip-delta", "tar-broken", "rootfs-diff.tar", {"rootfs-diff.tar": flip(0)})
    m.changed("flip-shm", "tar-broken", "devshm-checkpoint.tar", {"devshm-checkpoint.tar": flip(0)})
    for name in ("config.dump", "spec.dump", "network.status", "deleted.files", IMG + "descriptors.json"):
        m.changed("flip-" + name.rpartition("/")[2], "document-broken", name, {name: flip(0)})


def pages(m):
    pagemap, size = IMG + "pagemap-24.img", IMG + "pages-2.img"
    m.changed("pages-short", "pages-size", size, {size: cut(4096)})
    m.changed("pages-half", "pages-size", size, {size: cut(1)})
    m.changed("pages-long", "pages-size", size, {size: more(bytes(4096))})
    m.changed("pages-swapped", "pages-size", IMG + "pages-[12].img",
              {IMG + "pages-1.img": m.podman[size], size: m.podman[IMG + "pages-1.img"]})
    m.changed("pages-order", "pages-order,pages-size", pagemap + ": entry [0-9]+",
              {pagemap: more(record(0x1000, 1, 0, PRESENT))})
    m.changed("pages-outside", "page-outside,pages-size", pagemap + ": entry [0-9]+",
              {pagemap: more(record(0x7FFFFFFFF000, 1, 0, PRESENT))})
    m.changed("pages-cut", "image-record", pagemap, {pagemap: cut(1)})
    parent = {IMG + "pagemap-24.img": image(0x56084025, record(2), record(0x1000, 1, 0, PARENT)), size: b""}
    m.changed("parent-none", "parent-missing,page-outside,pages-size", "checkpoint", parent)
    before = {"pre-checkpoint/inventory.img": m.podman[IMG + "inventory.img"]}
    link = [(IMG + "parent", "../pre-checkpoint")]
    m.changed("parent-no-pagemap", "image-missing,page-outside", "pre-checkpoint/pagemap-24.img", {**parent, **before}, link)
    before["pre-checkpoint/pagemap-24.img"] = image(0x56084025, record(1), record(0x2000, 1, 0, PRESENT))
    before["pre-checkpoint/pages-1.img"] = bytes(4096)
    m.changed("parent-page", "parent-page,page-outside", pagemap + ": entry 1", {**parent, **before}, link)
    m.changed("parent-circle", "parent-loop", IMG + "parent", before, link + [("pre-checkpoint/parent", "../checkpoint")])


def references(m):
    owner = record(0, 0, 0, 0, 0)[4:]
    m.changed("pstree-orphan", "process-parent,image-missing", IMG + "pstree.img",
              {IMG + "pstree.img": more(record(100, 99, 1, 1, 100))})
    m.changed("pstree-twice", "pid-twice", IMG + "pstree.img", {IMG + "pstree.img": more(record(24, 1, 1, 1, 24))})
    m.changed("pstree-thread", "image-missing,pid-twice", IMG + "core-77.img",
              {IMG + "pstree.img": more(record(24, 1, 1, 1, 77))})
    m.changed("fd-lost", "file-missing", IMG + "fdinfo-2.img", {IMG + "fdinfo-2.img": more(record(999, 0, 1, 7))})
    m.changed("file-nothing", "file-incomplete", IMG + "files.img", {IMG + "files.img": more(record(1, 500))})
    tty = record(500, 7, 2, owner)[4:]
    m.changed("tty-lost", "image-missing", IMG + "tty-info.img",
              {IMG + "files.img": more(record(11, 500, *[None] * 16, tty))})
    m.changed("ghost-lost", "image-missing", IMG + "ghost-file-1f.img",
              {IMG + "remap-fpath.img": image(0x59133954, record(1, 0x1F, 1))})
    mount = [0, b"/", b"/", b"/", b"/"]
    m.changed("mount-lost", "mount-parent", IMG + "mountpoints-12.img",
              {IMG + "mountpoints-12.img": more(record(1, 9000, 73, 9001, *mount))})
    m.changed("deleted-outside", "document-broken", "deleted.files", {"deleted.files": b'["/../etc"]'})
    m.changed("machines", "machines-differ,core-incomplete", IMG + "core-24.img", {IMG + "core-24.img": flip(13, 0x02)})


def forms(m):
    """The same in a folder, and compressed."""
    files = dict(m.podman)
    del files[IMG + "core-24.img"]
    m.add("packed.tar.gz", "image-missing", IMG + "core-24.img", gzip.compress(archive(files), mtime=0))
    broken = {**m.podman, "devshm-checkpoint.tar": flip(0)(m.podman["devshm-checkpoint.tar"])}
    m.add("packed-shm.tar.gz", "tar-broken", "devshm-checkpoint.tar", gzip.compress(archive(broken), mtime=0), "--deep")
    for name, data in files.items():
        path = os.path.join(m.out, "folder", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
    cases.append(("folder", "-", "image-missing", IMG + "core-24.img"))
    raw = members("raw-criu-1proc.tar")
    os.makedirs(os.path.join(m.out, "bare"))
    for name, data in raw.items():
        if name.startswith("img/") and not name.endswith("mm-14379.img"):
            with open(os.path.join(m.out, "bare", name[4:]), "wb") as f:
                f.write(data)
    cases.append(("bare", "-", "image-missing", IMG + "mm-14379.img"))


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    maker = Maker(out)
    for make in (missing, flipped, pages, references, forms):
        make(maker)
    for case in cases:
        print("\t".join(case))


main()

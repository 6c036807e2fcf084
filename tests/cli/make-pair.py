#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""make-pair.py KIND DIR [N]: DIR/a and DIR/b, two checkpoints (unpacked archives) with known differences.

  known       processes, files, sockets, mounts, environments, deltas and pages as the test counts them
  chain       the same, but B is an incremental dump on A's
  many N      filesystem deltas of N files, of which every third is another one; N processes, N files
  pages N     N pages of which every hundredth changed, each a range of its own
  lazy        memory that is elsewhere
  big-pages   a host with pages of 64 KiB
"""
import importlib.util
import io
import os
import sys
import tarfile

spec = importlib.util.spec_from_file_location("images", os.path.join(os.path.dirname(os.path.abspath(__file__)), "make-images.py"))
images = importlib.util.module_from_spec(spec)
spec.loader.exec_module(images)
message, area, pages_at, pstree = images.message, images.area, images.pages_at, images.pstree
PAGE = 4096
SHARED = 1 | 1 << 8


def page(n):
    """A page that no other number has."""
    return (b"%d\n" % n * PAGE)[:PAGE]


def reg(number, path, position=0, flags=0, size=100):
    return message((1, 1), (2, number), (3, message((1, number), (2, flags), (3, position), (6, path), (8, size), (10, 0o100644))))


def fd(n, kind, number):
    return message((1, number), (2, 0), (3, kind), (4, n))


def tcp(number, state, port, peer):
    opts = message((1, 1000), (2, 1000))
    return message((1, 4), (2, number), (4, message((1, number), (2, 500 + number), (3, 2), (4, 1), (5, 6), (6, state), (7, port),
                                                    (8, peer), (11, 0x100007F), (12, 0x100007F), (14, opts))))


class Delta:
    def __init__(self, folder):
        self.tar = tarfile.open(f"{folder}/rootfs-diff.tar", "w", format=tarfile.PAX_FORMAT)

    def add(self, name, content=None, **what):
        info = tarfile.TarInfo(name)
        info.mtime, info.mode = 1767225600, 0o644
        for key, value in what.items():
            setattr(info, key, value)
        info.size = len(content or b"")
        self.tar.addfile(info, io.BytesIO(content) if content else None)


def deltas(a, b):
    for side in (a, b):
        d, new = Delta(side), side == b
        d.add("same", b"same")
        d.add("content", b"one" if new else b"two")
        d.add("size", b"longer" if new else b"short")
        d.add("mode", b"x", mode=0o755 if new else 0o644)
        d.add("owner", b"x", uid=33 if new else 0)
        d.add("time", b"x", mtime=1767225601 if new else 1767225600)
        d.add("link", type=tarfile.SYMTYPE, linkname="there" if new else "here")
        d.add("kind", type=tarfile.DIRTYPE if new else tarfile.REGTYPE)
        d.add("xattr", b"x", pax_headers={"SCHILY.xattr.user.x": "two" if new else "one"})
        d.add("node", type=tarfile.CHRTYPE, devmajor=1, devminor=5 if new else 3)
        d.add("new" if new else "gone", b"x" * 5000)
        d.add("hard", type=tarfile.LNKTYPE, linkname="same")
        d.tar.close()
        with open(f"{side}/deleted.files", "w") as f:
            f.write('["/etc/a", "/etc/c"]' if new else '["/etc/a", "/etc/b"]')


def world(folder):
    d = images.Dump(f"{folder}/checkpoint")
    d.world()
    return d


def pagemap(d, name, pages_id, entries):
    """entries: (address, bytes or None for zeros or an int of flags)"""
    data = b"".join(p for _, p in entries if isinstance(p, bytes))
    ranges = [pages_at(at, len(p) // PAGE if isinstance(p, bytes) else 1, 4 if isinstance(p, bytes) else p or 0) for at, p in entries]
    d.put(f"pagemap-{name}.img", message((1, pages_id)), *ranges)
    d.pages(pages_id, data)


ENV = {False: b"A=1\0B=two\0GONE=x\0", True: b"A=1\0B=three\0NEW=y\0"}


def first(d, new):
    """Process 1: 6 pages equal, 3 changed (one to zeros), 2 new (one of zeros), 1 gone; then one with arguments."""
    text = b"prog\0-v\0" + ENV[new]
    d.task(1, areas=[area(0x10000, 0x20000), area(0x30000, 0x34000, SHARED, 3, 1, 7), area(0x50000, 0x51000)],
           args=(0x50000, 0x50008), env=(0x50008, 0x50000 + len(text)))
    at = lambda n: 0x10000 + n * PAGE
    if new:
        own = [(at(0), b"".join(page(n) for n in range(5))), (at(5), page(105) + page(106)), (at(7), None),
               (at(8), page(8)), (at(10), page(10)), (at(11), None)]
    else:
        own = [(at(0), b"".join(page(n) for n in range(10)))]
    pagemap(d, 1, 1, own + [(0x50000, text.ljust(PAGE, b"\0"))])


def known(folder):
    for new in (False, True):
        side = f"{folder}/{'b' if new else 'a'}"
        d = world(side)
        d.put("pstree.img", *pstree((1, 0), (2, 1), (5, 1), (31 if new else 30, 1)))
        d.put("files.img", images.REG, images.ROOT, images.EXE, reg(1, "/log", 20 if new else 10), reg(2, "/stays"),
              reg(3, "/closed"), reg(4, "/opened"), tcp(5, 10, 80, 0), tcp(6, 1, 80, 50000),
              message((1, 1), (2, 103), (3, message((1, 103), (6, "/bin/other"), (10, 0o100755)))))
        d.put("fdinfo-2.img", fd(0, 1, 2), fd(3, 1, 1), fd(4, 4, 5), *([fd(6, 1, 4)] if new else [fd(5, 1, 3), fd(7, 4, 6)]))
        d.put("fdinfo-3.img")
        first(d, new)
        # 2 maps the shared memory too; 5 is another program; 30 became 31.
        d.task(2, "second", areas=[area(0x30000, 0x34000, SHARED, 3, 1, 7)], files=3)
        d.put("pagemap-2.img", message((1, 2)))
        d.pages(2, b"")
        pagemap(d, "shmem-7", 7, [(0, page(1) + page(202 if new else 2) + page(3) + page(4))])
        d.task(5, "new" if new else "gone", areas=[area(0x10000, 0x14000)], files=3)
        d.put("mm-5.img", message((12, 103 if new else 102), (14, area(0x10000, 0x14000))))
        pagemap(d, 5, 5, [(0x10000, page(50) + page(51) + (page(52) if new else b""))])
        d.task(31 if new else 30, "moved", state=6, files=3, mm=False)
        if new:
            # The order of descriptors is of no account.
            d.put("fdinfo-2.img", fd(6, 1, 4), fd(4, 4, 5), fd(3, 1, 1), fd(0, 1, 2))
    deltas(f"{folder}/a", f"{folder}/b")


def chain(folder):
    known(folder)
    old, new = f"{folder}/a/checkpoint", f"{folder}/b/checkpoint"
    os.rename(new, f"{folder}/b/pre-checkpoint")
    os.makedirs(new)
    for name in os.listdir(f"{folder}/b/pre-checkpoint"):
        if not name.startswith(("pages-", "pagemap-1.")):
            os.rename(f"{folder}/b/pre-checkpoint/{name}", f"{new}/{name}")
    for name in ("pages-2.img", "pages-5.img", "pages-7.img"):
        os.rename(f"{folder}/b/pre-checkpoint/{name}", f"{new}/{name}")
    for name in ("pages-1.img", "pagemap-1.img"):
        os.unlink(f"{folder}/b/pre-checkpoint/{name}")
        with open(f"{old}/{name}", "rb") as f, open(f"{folder}/b/pre-checkpoint/{name}", "wb") as to:
            to.write(f.read())
    os.symlink("../pre-checkpoint", f"{new}/parent")
    d = images.Dump(new)
    at = lambda n: 0x10000 + n * PAGE
    text = b"prog\0-v\0" + ENV[True]
    first(d, True)
    d.put("pagemap-1.img", message((1, 1)), pages_at(at(0), 5, 1), pages_at(at(5), 2), pages_at(at(7), 1, 0), pages_at(at(8), 1, 1),
          pages_at(at(10), 1), pages_at(at(11), 1, 0), pages_at(0x50000, 1))
    d.pages(1, page(105) + page(106) + page(10) + text.ljust(PAGE, b"\0"))


def single(folder, areas, own, files=()):
    d = world(folder)
    d.put("pstree.img", *pstree((1, 0)))
    d.put("files.img", images.REG, images.ROOT, images.EXE, *files)
    d.put("fdinfo-2.img")
    d.task(1, areas=areas)
    pagemap(d, 1, 1, own)
    return d


def many(folder, n):
    for side in ("a", "b"):
        d = single(f"{folder}/{side}", [area(0x10000, 0x11000)], [(0x10000, page(1))],
                   [reg(1000 + i, f"/a/file/of/some/length/{i}", i if side == "a" else 2 * i) for i in range(min(n, 20000))])
        d.put("fdinfo-2.img", *(fd(i, 1, 1000 + i) for i in range(min(n, 20000))))
        # tarfile would take a minute
        info = tarfile.TarInfo("")
        info.mtime = 1767225600
        head = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
        empty = sum(head[:148]) + sum(head[156:]) + 8 * 32
        with open(f"{folder}/{side}/rootfs-diff.tar", "wb") as f:
            for i in range(n):
                name = f"{side if i % 3 == 0 else 'c'}/some/{i:08x}".encode()
                head[:len(name)] = name
                head[148:156] = b"%06o\0 " % (empty + sum(name))
                f.write(head)
            f.write(bytes(1024))


def pages(folder, n):
    for side in ("a", "b"):
        d = single(f"{folder}/{side}", [area(0x10000, 0x10000 + 2 * PAGE * n)], [(0x10000, page(1))])
        with open(f"{folder}/{side}/checkpoint/pagemap-1.img", "ab") as f:
            for i in range(1, n):
                f.write(images.record(pages_at(0x10000 + 2 * PAGE * i, 1)))
        with open(f"{folder}/{side}/checkpoint/pages-1.img", "ab") as f:
            for i in range(1, n):
                f.write(page(i if side == "a" or i % 100 else i + n))


def lazy(folder):
    for side in ("a", "b"):
        single(f"{folder}/{side}", [area(0x10000, 0x14000)],
               [(0x10000, page(1)), (0x11000, 2 if side == "b" else page(2)), (0x12000, 2 if side == "a" else page(3))])


def big_pages(folder):
    for side in ("a", "b"):
        d = single(f"{folder}/{side}", [area(0x10000, 0x40000)], [])
        d.put("core-1.img", message((1, 3), (3, message((1, 1), (6, "prog"), (14, 0))), (5, message((10, message((1, 0)))))))
        d.put("pagemap-1.img", message((1, 1)), pages_at(0x10000, 2))
        d.pages(1, b"".join(page(i if side == "a" or i != 17 else 1000) for i in range(32)))


if __name__ == "__main__":
    kind, where = sys.argv[1:3]
    rest = [int(n) for n in sys.argv[3:]]
    {"known": known, "chain": chain, "many": many, "pages": pages, "lazy": lazy, "big-pages": big_pages}[kind](where, *rest)

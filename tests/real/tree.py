#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""List a tree, one line a file, so that two trees can be compared with diff.

tree.py [--no-xattrs] DIR: type and mode, owner, links, size or device, mtime in ns, name, symlink target,
extended attributes, sha256 of the contents. Hard links are named by the first of their names. The root
itself is left out: every engine gives it its own mode and time."""
import hashlib
import os
import stat
import sys


def contents(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return h.hexdigest()


def attributes(path):
    names = sorted(os.listxattr(path, follow_symlinks=False))
    # What overlayfs itself notes on its upper layer is no attribute of the tree.
    return ",".join(
        f"{n}={os.getxattr(path, n, follow_symlinks=False).hex()}"
        for n in names if not n.startswith("trusted.overlay."))


def line(path, name, first, xattrs):
    st = os.lstat(path)
    fields = [stat.filemode(st.st_mode), f"{st.st_uid}:{st.st_gid}"]
    if not stat.S_ISDIR(st.st_mode):
        fields.append(f"links={st.st_nlink}")
    if stat.S_ISREG(st.st_mode):
        fields.append(f"size={st.st_size}")
    elif stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        fields.append(f"dev={os.major(st.st_rdev)}:{os.minor(st.st_rdev)}")
    fields += [f"mtime={st.st_mtime_ns}", name]
    if stat.S_ISLNK(st.st_mode):
        fields.append("-> " + os.readlink(path))
    elif st.st_nlink > 1 and not stat.S_ISDIR(st.st_mode):
        fields.append("== " + first.setdefault((st.st_dev, st.st_ino), name))
    if xattrs and (a := attributes(path)):
        fields.append(a)
    if stat.S_ISREG(st.st_mode):
        fields.append(contents(path))
    return " ".join(fields)


def walk(root, sub, first, xattrs):
    for name in sorted(os.listdir(os.path.join(root, sub))):
        rel = os.path.join(sub, name)
        path = os.path.join(root, rel)
        print(line(path, rel, first, xattrs).encode("unicode_escape").decode())
        if stat.S_ISDIR(os.lstat(path).st_mode):
            walk(root, rel, first, xattrs)


def main():
    args = sys.argv[1:]
    xattrs = "--no-xattrs" not in args
    walk([a for a in args if not a.startswith("--")][0], "", {}, xattrs)


main()

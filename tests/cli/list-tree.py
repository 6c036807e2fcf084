#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Everything that is in a folder, a line for each name: list-tree.py [--no-time] FOLDER

Type, permissions, owner, links (of what is no folder), device, time, size, digest or target, and the xattrs that
everybody may read. Names of one file have one number. --no-time: of those things whose time says nothing."""
import hashlib
import os
import stat
import sys

args = [a for a in sys.argv[1:] if not a.startswith("--")]
times = "--no-time" not in sys.argv
top = os.fsencode(args[0])
numbers = {}


def content(path, st):
    if stat.S_ISLNK(st.st_mode):
        return os.fsdecode(os.readlink(path))
    if not stat.S_ISREG(st.st_mode):
        return "-"
    with open(path, "rb") as f:
        return f"{st.st_size} {hashlib.file_digest(f, 'sha256').hexdigest() if hasattr(hashlib, 'file_digest') else hashlib.sha256(f.read()).hexdigest()}"


def xattrs(path):
    names = sorted(n for n in os.listxattr(path, follow_symlinks=False) if not n.startswith("trusted."))
    return [f"{n}={os.getxattr(path, n, follow_symlinks=False).hex()}" for n in names]


def line(path):
    st = os.lstat(path)
    links = "-" if stat.S_ISDIR(st.st_mode) else st.st_nlink
    number = numbers.setdefault(st.st_ino, len(numbers)) if links != "-" and links > 1 else "-"
    when = st.st_mtime_ns if times else "-"
    print(os.path.relpath(path, top), oct(st.st_mode), f"{st.st_uid}:{st.st_gid}", links, number,
          f"{os.major(st.st_rdev)}:{os.minor(st.st_rdev)}", when, content(path, st), *xattrs(path))


def walk(path):
    line(path)
    if stat.S_ISDIR(os.lstat(path).st_mode):
        for name in sorted(os.listdir(path)):
            walk(os.path.join(path, name))


walk(top)

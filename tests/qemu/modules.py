#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""modules.py TREE OUT NAME...: the kernel modules NAME of an unpacked kernel package, with all that they depend on,
decompressed as OUT/NN-NAME.ko: loaded by their numbers, each finds what it needs. Those built in are left out."""
import glob
import lzma
import os
import re
import sys


def main():
    tree, out, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
    files, done = {}, []
    for path in glob.glob(os.path.join(tree, "**", "*.ko*"), recursive=True):
        files[re.sub(r"\.ko.*", "", os.path.basename(path)).replace("-", "_")] = path
    built_in = set()
    for path in glob.glob(os.path.join(tree, "**", "modules.builtin"), recursive=True):
        with open(path, encoding="ascii") as f:
            built_in |= {os.path.basename(line.strip())[:-3].replace("-", "_") for line in f}

    def take(name):
        if name in done or name in built_in:
            return
        with open(files[name], "rb") as f:
            data = f.read()
        if files[name].endswith(".xz"):
            data = lzma.decompress(data)
        depends = re.search(rb"\0depends=([^\0]*)\0", data)
        for other in (depends[1].decode().split(",") if depends else []):
            if other:
                take(other.replace("-", "_"))
        with open(os.path.join(out, f"{len(done):02}-{name}.ko"), "wb") as f:
            f.write(data)
        done.append(name)

    for name in wanted:
        take(name)


main()

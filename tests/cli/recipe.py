#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""recipe.py LAYOUT TAG OUT: the uncompressed archive that a checkpoint image was made from, by its recipe.

A reader of its own, from the text of firn-format(5): it shares nothing with firn but that. Prints how the archive
was packed."""
import json
import os
import struct
import sys
import tarfile


class Layout:
    def __init__(self, path):
        self.path = path

    def blob(self, desc):
        return os.path.join(self.path, "blobs", "sha256", desc["digest"].split(":")[1])

    def doc(self, desc):
        with open(self.blob(desc), encoding="utf-8") as f:
            return json.load(f)

    def tag(self, name):
        with open(os.path.join(self.path, "index.json"), encoding="utf-8") as f:
            for d in json.load(f)["manifests"]:
                if d["annotations"]["org.opencontainers.image.ref.name"] == name:
                    return d
        raise SystemExit("no " + name)


def main():
    layout = Layout(sys.argv[1])
    manifest = layout.doc(layout.tag(sys.argv[2] + ".checkpoint"))
    files = {}
    for layer in manifest["layers"]:
        with tarfile.open(layout.blob(layer)) as tar:
            for t in tar:
                if t.isreg():
                    files[os.path.normpath(t.name)] = tar.extractfile(t).read()
    recipe = files["firn/source.recipe"]
    undo = manifest["annotations"].get("org.firn.config.undo")
    assert not undo, "an image with the archive's delta has config.dump as it came"
    assert recipe[:16] == b"firn-recipe 1\n\0\0", recipe[:16]
    packing = recipe[16:24].rstrip(b"\0").decode()
    raw, payloads = struct.unpack_from("<QQ", recipe, 24)
    at, used = 40, set()
    with open(sys.argv[3], "wb") as out:
        while at < len(recipe):
            kind = recipe[at:at + 1]
            at += 1
            if kind == b"B":
                (n,) = struct.unpack_from("<I", recipe, at)
                out.write(recipe[at + 4:at + 4 + n])
                at += 4 + n
                raw -= n
            elif kind == b"Z":
                (n,) = struct.unpack_from("<Q", recipe, at)
                out.write(bytes(n))
                at += 8
                raw -= n
            else:
                assert kind == b"P", kind
                (n,) = struct.unpack_from("<H", recipe, at)
                name = recipe[at + 2:at + 2 + n].decode()
                (size,) = struct.unpack_from("<Q", recipe, at + 2 + n)
                at += 2 + n + 8
                assert name not in used and len(files[name]) == size, name
                used.add(name)
                out.write(files[name])
                payloads -= size
    assert raw == 0 and payloads == 0, (raw, payloads)
    print(packing)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of firn export need around it.

  export.py apply BASE ARCHIVE DIR   what the engine makes of the archive: DIR is BASE and the changes. Podman and
                                     CRI-O unpack rootfs-diff.tar and remove deleted.files; without the latter, of a
                                     gzip diff, it is containerd's changeset
  export.py unpack BASE DIFF DIR     the same of a changeset alone, in whatever packing
  export.py repack LAYOUT TAG HOW    all layers of the image as gzip or zstd, as other tools leave them behind
  export.py forge LAYOUT TAG HOW     an image that lies; HOW is one of the names in FORGERIES
"""
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

REF = "org.opencontainers.image.ref.name"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def extract(data, root):
    subprocess.run(["tar", "-C", root, "--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf", "-"], input=data,
                   check=True)


def make_way(tar, root):
    """c/storage replaces everything but folders by folders; tar(1) doesn't"""
    for t in tar:
        path = os.path.join(root, t.name)
        if not (t.isdir() and os.path.isdir(path) and not os.path.islink(path)):
            remove(path)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def plain(data):
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"\x28\xb5\x2f\xfd" or (data[1:4] == b"\x2a\x4d\x18"):
        return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def changeset(data, root):
    """deletions first: they never mean what the layer itself has"""
    data, hidden = plain(data), []
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for t in tar:
            folder, name = os.path.split(t.name)
            if name == ".wh..wh..opq":
                for child in os.listdir(os.path.join(root, folder)):
                    remove(os.path.join(root, folder, child))
            elif name.startswith(".wh."):
                remove(os.path.join(root, folder, name[4:]))
            hidden += [t.name] if name.startswith(".wh.") else []
        make_way(tar, root)
    extract(data, root)
    for name in hidden:
        remove(os.path.join(root, name))


def start(base, root):
    os.makedirs(root)
    with open(base, "rb") as f:
        extract(f.read(), root)


def apply(base, archive, root):
    start(base, root)
    with open(archive, "rb") as f, tarfile.open(fileobj=io.BytesIO(plain(f.read()))) as tar:
        files = {t.name: tar.extractfile(t).read() for t in tar if t.isreg()}
    diff = files.get("rootfs-diff.tar", b"")
    if diff[:2] == b"\x1f\x8b":
        changeset(diff, root)
    elif diff:
        with tarfile.open(fileobj=io.BytesIO(diff)) as tar:
            for t in tar:
                if os.path.basename(t.name).startswith(".wh."):
                    print(f"{t.name}: a deletion that the engine takes for a file")
            make_way(tar, root)
        extract(diff, root)
    for name in json.loads(files.get("deleted.files", b"[]")):
        remove(root + name)


def unpack(base, diff, root):
    start(base, root)
    with open(diff, "rb") as f:
        changeset(f.read(), root)


class Layout:
    def __init__(self, path):
        self.path = path
        with open(os.path.join(path, "index.json"), encoding="utf-8") as f:
            self.index = json.load(f)

    def read(self, desc):
        with open(os.path.join(self.path, "blobs", *desc["digest"].split(":")), "rb") as f:
            return f.read()

    def doc(self, desc):
        return json.loads(self.read(desc))

    def put(self, data):
        name = hashlib.sha256(data).hexdigest()
        with open(os.path.join(self.path, "blobs", "sha256", name), "wb") as f:
            f.write(data)
        return {"digest": "sha256:" + name, "size": len(data)}

    def put_doc(self, doc):
        return self.put(json.dumps(doc, sort_keys=True, separators=(",", ":")).encode())

    def tag(self, tag):
        return next(d for d in self.index["manifests"] if d["annotations"].get(REF) == tag)

    def save(self):
        with open(os.path.join(self.path, "index.json"), "w", encoding="utf-8") as f:
            json.dump(self.index, f)

    def change(self, tag, role, edit):
        """edit(manifest, config) of the image of that role; all that leads to it follows"""
        top = self.tag(tag)
        index = self.doc(top)
        for desc in index["manifests"]:
            if desc["annotations"]["org.firn.role"] != role:
                continue
            manifest = self.doc(desc)
            config = self.doc(manifest["config"])
            edit(manifest, config)
            manifest["config"] |= self.put_doc(config)
            desc |= self.put_doc(manifest)
        top |= self.put_doc(index)
        self.save()


def repack(path, tag, how):
    layout = Layout(path)

    def edit(manifest, _):
        for layer in manifest["layers"]:
            data = plain(layout.read(layer))
            data = gzip.compress(data, 1, mtime=0) if how == "gzip" else subprocess.run(
                ["zstd", "-qc1"], input=data, stdout=subprocess.PIPE, check=True).stdout
            layer |= layout.put(data)
            layer["mediaType"] = LAYER + "+" + how

    layout.change(tag, "rootfs", edit)
    layout.change(tag, "checkpoint", edit)


def member(name, data=b"x", **attributes):
    t = tarfile.TarInfo(name)
    t.size = len(data)
    for key, value in attributes.items():
        setattr(t, key, value)
    return t, data


def with_members(*members):
    """one more layer in C"""
    def edit(layout, manifest, config):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for t, data in members:
                tar.addfile(t, io.BytesIO(data) if t.isreg() else None)
        desc = layout.put(out.getvalue())
        manifest["layers"].append({"mediaType": LAYER, **desc, "annotations": {"org.firn.layer": "metadata"}})
        config["rootfs"]["diff_ids"].append(desc["digest"])
        config.get("history", []).append({"created_by": "forgery"})
    return edit


def annotation(key, value):
    def edit(_, manifest, __):
        if value is None:
            del manifest["annotations"][key]
        else:
            manifest["annotations"][key] = value
    return edit


def recipe(text):
    def edit(layout, manifest, config):
        with_members(member("firn/source.recipe", text))(layout, manifest, config)
        manifest["layers"][-1]["annotations"]["org.firn.layer"] = "compat"
    return edit


def diff_id(layout, manifest, config):
    manifest["layers"][0] |= layout.put(gzip.compress(plain(layout.read(manifest["layers"][0])) + bytes(512), mtime=0))
    manifest["layers"][0]["mediaType"] = LAYER + "+gzip"


SYM, CHR, FIFO = tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE
HEAD = b"firn-recipe 1\n\0\0none\0\0\0\0"
FORGERIES = {
    "parent": with_members(member("../out")),
    "absolute": with_members(member("/out")),
    "symlink": with_members(member("link", b"", type=SYM, linkname="/etc/passwd")),
    "parent-link": with_members(member("checkpoint/parent", b"", type=SYM, linkname="../../etc")),
    "device": with_members(member("null", b"", type=CHR, devmajor=1, devminor=3)),
    "fifo": with_members(member("fifo", b"", type=FIFO)),
    "whiteout": with_members(member(".wh.config.dump", b"")),
    "twice": with_members(member("spec.dump", b"{}")),
    "below-file": with_members(member("spec.dump/x")),
    "undo-text": annotation("org.firn.config.undo", "nonsense"),
    "undo-range": annotation("org.firn.config.undo", '[{"at":99999999,"len":1,"was":""}]'),
    "undo-other": annotation("org.firn.config.undo", '[{"at":0,"len":0,"was":" "}]'),
    "undo-unproven": annotation("org.firn.config.digest", None),
    "undo-digest": annotation("org.firn.config.digest", "sha256:" + "0" * 64),
    "diff-id": diff_id,
    "recipe-empty": recipe(b""),
    "recipe-magic": recipe(b"firn-recipe 2\n" + bytes(64)),
    "recipe-cut": recipe(HEAD + (8).to_bytes(8, "little") + bytes(8)),
    "recipe-nothing": recipe(HEAD + bytes(8) + (4).to_bytes(8, "little") + b"P\x05\0ghost" + (4).to_bytes(8, "little")),
    "recipe-size": recipe(HEAD + bytes(8) + (4).to_bytes(8, "little") + b"P\x09\0spec.dump" + (4).to_bytes(8, "little")),
}


def forge(path, tag, how):
    layout = Layout(path)
    layout.change(tag, "checkpoint", lambda m, c: FORGERIES[how](layout, m, c))


def main():
    what, *args = sys.argv[1:]
    {"apply": apply, "unpack": unpack, "repack": repack, "forge": forge}[what](*args)


if __name__ == "__main__":
    main()

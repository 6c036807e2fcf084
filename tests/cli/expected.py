#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests/data/expected.json says about a container's root, compared with a mounted one.

  expected.py check ROOTFS DATA LAST|none [ENGINE]
                                    is ROOTFS the tree of the tiny base plus what the workload did? The
                                    deviations of podman (the default), containerd and ctr are taken into
                                    account; LAST is the last number in /count; "none": there is no delta
  expected.py rehome ARCHIVE BASE OUT
                                    the uncompressed archive with another base in its config.dump: an image ID,
                                    or for containerd a manifest's digest
  expected.py rehome-image ARCHIVE BASE DIR
                                    the same for an archive of Podman's --create-image, as the layout DIR

Prints each difference; silent when there is none."""
import gzip
import hashlib
import io
import json
import os
import stat
import subprocess
import sys
import tarfile

JANUARY = 1767225600  # 2026-01-01T00:00:00Z


def unpacked(path):
    with open(path, "rb") as f:
        data = f.read()
    tool = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}.get(data[:2])
    return subprocess.run([tool, "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout if tool else data


def rehome_tar(src, base, out):
    with tarfile.open(fileobj=src) as src, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as dst:
        for t in src:
            data = src.extractfile(t).read() if t.isreg() else b""
            if t.name == "config.dump":
                doc = json.loads(data)
                old = doc.get("rootfsImageID") or doc["rootfsImageRef"].split("@")[1]
                data = data.replace(old.encode(), base.encode())
            dst.addfile(t, io.BytesIO(data))


def rehome(archive, base, out):
    with open(out, "wb") as f:
        rehome_tar(io.BytesIO(unpacked(archive)), base, f)


def rehome_image(archive, base, out):
    """one image of one layer, which is gzip"""
    with tarfile.open(archive) as tar:
        files = {"/".join(t.name.split("/")[1:]): tar.extractfile(t).read() for t in tar if t.isreg()}
    index = json.loads(files["index.json"])

    def blob(desc):
        return files["blobs/" + desc["digest"].replace(":", "/")]

    def put(desc, data):
        name = hashlib.sha256(data).hexdigest()
        files["blobs/sha256/" + name] = data
        desc |= {"digest": "sha256:" + name, "size": len(data)}

    manifest = json.loads(blob(index["manifests"][0]))
    config, layer = json.loads(blob(manifest["config"])), io.BytesIO()
    rehome_tar(io.BytesIO(gzip.decompress(blob(manifest["layers"][0]))), base, layer)
    config["rootfs"]["diff_ids"] = ["sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()]
    put(manifest["layers"][0], gzip.compress(layer.getvalue(), mtime=0))
    put(manifest["config"], json.dumps(config).encode())
    put(index["manifests"][0], json.dumps(manifest).encode())
    files["index.json"] = json.dumps(index).encode()
    for name, data in files.items():
        os.makedirs(os.path.dirname(os.path.join(out, name)), exist_ok=True)
        with open(os.path.join(out, name), "wb") as f:
            f.write(data)


def base_tree(path):
    """name -> what is known about it"""
    tree = {}
    with tarfile.open(path) as tar:
        for t in tar:
            name = os.path.normpath(t.name)
            if name == ".":
                continue
            tree[name] = {"type": "dir" if t.isdir() else "link" if t.issym() else "file",
                          "mode": t.mode, "owner": (t.uid, t.gid), "nlink": None if t.isdir() else 1}
            if t.isreg():
                tree[name] |= {"mtime": t.mtime, "data": tar.extractfile(t).read()}
            if t.issym():
                tree[name]["target"] = t.linkname
    return tree


def remove(tree, name):
    for key in [k for k in tree if k == name or k.startswith(name + "/")]:
        del tree[key]


def apply(tree, truth):
    for op in truth:
        name = op["path"].lstrip("/")
        if op["op"] == "delete":
            remove(tree, name)
        elif op["op"] == "recreate":
            remove(tree, name)
            tree[name] = {"type": "dir", "mode": 0o755}
            for child in op["now"]:
                tree[f"{name}/{child}"] = {"type": "file", "mode": 0o644, "data": f"{child}\n".encode()}
        elif op["op"] == "modify":
            tree[name] |= {"data": op["content"].encode()} if "content" in op else {"mode": int(op["mode"], 8)}
            if "content" in op:
                del tree[name]["mtime"]
        elif op["op"] == "add" and name != "count":
            kind = "dir" if op.get("type") == "dir" else "link" if "symlink" in op else "file"
            node = {"type": kind, "owner": (op.get("uid", 0), op.get("gid", 0))}
            if "mode" in op:
                node["mode"] = int(op["mode"], 8)
            if "content" in op:
                node["data"] = op["content"].encode()
            if "symlink" in op:
                node["target"] = op["symlink"]
            if "nlink" in op or "hardlink" in op:
                node["nlink"] = 2
            if "mtime" in op:
                node["mtime"] = JANUARY
            if "xattr" in op:
                node["xattr"] = op["xattr"]
            tree[name] = node


def compare(root, name, want):
    path = os.path.join(root, name)
    st = os.lstat(path)
    kind = {stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFREG: "file"}.get(stat.S_IFMT(st.st_mode))
    got = {"type": kind, "mode": stat.S_IMODE(st.st_mode), "owner": (st.st_uid, st.st_gid),
           "nlink": st.st_nlink, "mtime": int(st.st_mtime)}
    if kind == "file":
        with open(path, "rb") as f:
            got["data"] = f.read()
    if kind == "link":
        got["target"] = os.readlink(path)
    got["xattr"] = {n: os.getxattr(path, n, follow_symlinks=False).decode()
                    for n in os.listxattr(path, follow_symlinks=False) if n.startswith("user.")}
    want.setdefault("xattr", {})
    for key, value in want.items():
        if value is not None and got.get(key) != value:
            print(f"{name}: {key} is {got.get(key)!r}, not {value!r}")


# What containerd and its ctr make on the way: empty files to mount their own on.
MOUNTED_OVER = {"containerd": ("hostname", "hosts", "resolv.conf"), "ctr": ("hosts", "resolv.conf")}


def deviate(truth, engine):
    """the operations that the engine's archive can tell of"""
    if engine == "podman":
        # The base's own files stay.
        return [op for op in truth if op["path"] not in ("/data/mod.txt", "/data/chmod.txt")]
    return [{k: v for k, v in op.items() if k != "xattr"} for op in truth]


def check(root, data, last, engine="podman"):
    with open(os.path.join(data, "expected.json"), encoding="utf-8") as f:
        expected = json.load(f)
    tree = base_tree(os.path.join(data, "base-tiny-rootfs.tar"))
    if last != "none":
        apply(tree, deviate(expected["truth"], engine))
        for name in MOUNTED_OVER.get(engine, ()):
            tree.setdefault("etc", {"type": "dir", "mode": 0o755})
            tree["etc/" + name] = {"type": "file", "data": b""}
        count = "".join(f"{i}\n" for i in range(int(last) + 1)).encode()
        tree["count"] = {"type": "file", "mode": 0o644, "owner": (0, 0), "data": count}
    names = {os.path.relpath(os.path.join(d, n), root)
             for d, dirs, files in os.walk(root) for n in dirs + files}
    for name in sorted(names - tree.keys()):
        print(f"{name}: is there")
    for name in sorted(tree.keys() - names):
        print(f"{name}: isn't there")
    for name in sorted(tree.keys() & names):
        compare(root, name, tree[name])
    if last != "none" and not os.path.samefile(f"{root}/data/newdir/file", f"{root}/data/newdir/hard"):
        print("data/newdir/hard: is another file")


def main():
    what, *args = sys.argv[1:]
    {"check": check, "rehome": rehome, "rehome-image": rehome_image}[what](*args)


if __name__ == "__main__":
    main()

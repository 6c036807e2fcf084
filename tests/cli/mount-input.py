#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Input for the mount tests.

  mount-input.py image DIR TAG LAYER...        an image in a new layout; a LAYER is a tar, or one ending in
                                               .gz or .zst. Prints image ID and manifest digest
  mount-input.py layers DIR N                  N layer tars DIR/00.tar ... that hide and replace what is in
                                               the ones below, and DIR/want: the tree they give
  mount-input.py archive OLD OUT ID [EDIT...]  an engine's archive with another image ID and, for each EDIT,
     volume=SOURCE       one more bind mount in spec.dump, at /vol
     named=NAME          it is Podman's volume NAME, whose content is in the archive
     shm=TAR             this devshm-checkpoint.tar
     file=NAME=TEXT      one more member
     link=NAME=TARGET    one more symbolic link
     drop=NAME           one member less
     deleted=PATH        one more path in deleted.files
"""
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def put(layout, data, media):
    name = digest(data)
    with open(os.path.join(layout, "blobs", "sha256", name[7:]), "wb") as f:
        f.write(data)
    return {"mediaType": "application/vnd.oci.image." + media, "digest": name, "size": len(data)}


def dump(doc):
    return json.dumps(doc, separators=(",", ":"), sort_keys=True).encode()


def image(layout, tag, *layers):
    os.makedirs(os.path.join(layout, "blobs", "sha256"))
    descs, diff_ids = [], []
    for path in layers:
        with open(path, "rb") as f:
            data = f.read()
        suffix, tool = {".gz": ("+gzip", "gzip"), ".zst": ("+zstd", "zstd")}.get(os.path.splitext(path)[1], ("", None))
        plain = subprocess.run([tool, "-dc", path], stdout=subprocess.PIPE, check=True).stdout if tool else data
        descs.append(put(layout, data, "layer.v1.tar" + suffix))
        diff_ids.append(digest(plain))
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "amd64")
    config = put(layout, dump({"architecture": arch, "os": "linux",
                               "rootfs": {"type": "layers", "diff_ids": diff_ids}}), "config.v1+json")
    manifest = put(layout, dump({"schemaVersion": 2, "config": config, "layers": descs}), "manifest.v1+json")
    print(config["digest"][7:], manifest["digest"])
    manifest["annotations"] = {"org.opencontainers.image.ref.name": tag}
    with open(os.path.join(layout, "oci-layout"), "w", encoding="ascii") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    with open(os.path.join(layout, "index.json"), "wb") as f:
        f.write(dump({"schemaVersion": 2, "manifests": [manifest]}))


def add(tar, name, data=b"", kind=tarfile.REGTYPE, target="", mode=0o644):
    t = tarfile.TarInfo(name)
    t.type, t.size, t.linkname, t.mode, t.mtime = kind, len(data), target, mode, 1767225600
    tar.addfile(t, io.BytesIO(data))


def layers(folder, count):
    """Layer i adds f<i>, replaces "top", deletes what i - 2 added and, every tenth time, empties "dir"."""
    count = int(count)
    want = {"dir": "dir"}
    os.makedirs(folder)
    for i in range(count):
        with tarfile.open(os.path.join(folder, f"{i:03}.tar"), "w", format=tarfile.PAX_FORMAT) as tar:
            add(tar, "./", kind=tarfile.DIRTYPE, mode=0o755)
            add(tar, "dir/", kind=tarfile.DIRTYPE, mode=0o755)
            if i % 10 == 9:
                add(tar, "dir/.wh..wh..opq")
                want = {k: v for k, v in want.items() if not k.startswith("dir/")}
            for name, text in ((f"f{i}", f"{i}\n"), ("top", f"top {i}\n"), (f"dir/{i}", f"in {i}\n")):
                add(tar, name, text.encode())
                want[name] = text
            if i >= 2:
                add(tar, f".wh.f{i - 2}")
                del want[f"f{i - 2}"]
    with open(os.path.join(folder, "want"), "w", encoding="ascii") as f:
        for name in sorted(want):
            f.write(f"{name}: {want[name].strip()}\n")


def edit(members, how):
    what, _, arg = how.partition("=")
    name, _, value = arg.partition("=")
    if what == "volume":
        t, data = members["spec.dump"]
        spec = json.loads(data)
        spec["mounts"].append({"destination": "/vol", "type": "bind", "source": arg, "options": ["rbind"]})
        members["spec.dump"] = (t, json.dumps(spec).encode())
    elif what == "named":
        t, data = members["config.dump"]
        doc = json.loads(data)
        doc["namedVolumes"] = [{"volumeName": arg, "dest": "/vol", "options": ["rw"]}]
        members["config.dump"] = (t, json.dumps(doc).encode())
        members[f"volumes/{arg}.tar"] = (tarfile.TarInfo(f"volumes/{arg}.tar"), bytes(1024))
    elif what == "shm":
        with open(arg, "rb") as f:
            members["devshm-checkpoint.tar"] = (tarfile.TarInfo("devshm-checkpoint.tar"), f.read())
    elif what == "file":
        members[name] = (tarfile.TarInfo(name), value.encode())
    elif what == "link":
        t = tarfile.TarInfo(name)
        t.type, t.linkname = tarfile.SYMTYPE, value
        members[name] = (t, b"")
    elif what == "drop":
        del members[arg]
    elif what == "deleted":
        t, data = members["deleted.files"]
        members["deleted.files"] = (t, json.dumps(json.loads(data) + [arg]).encode())
    else:
        sys.exit(f"no such edit: {how}")


def archive(old, out, ids, *edits):
    """ID is that of the image's config, or CONFIG,MANIFEST for engines that go by the manifest."""
    image_id, _, manifest = ids.partition(",")
    members = {}
    with tarfile.open(old) as tar:
        for t in tar:
            members[t.name] = (t, tar.extractfile(t).read() if t.isreg() else b"")
    t, data = members["config.dump"]
    doc = json.loads(data)
    if "rootfsImageID" in doc:
        doc["rootfsImageID"] = image_id
    if "@" in doc.get("rootfsImageRef", ""):
        doc["rootfsImageRef"] = doc["rootfsImageRef"].split("@")[0] + "@" + manifest
    members["config.dump"] = (t, json.dumps(doc).encode())
    for how in edits:
        edit(members, how)
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as tar:
        for t, data in members.values():
            t.size = len(data)
            tar.addfile(t, io.BytesIO(data))


if __name__ == "__main__":
    {"image": image, "layers": layers, "archive": archive}[sys.argv[1]](*sys.argv[2:])

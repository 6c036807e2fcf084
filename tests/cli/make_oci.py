#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints as OCI content, made of what is in tests/data.

  make_oci.py image ARCHIVE OUT HOW     the files of an engine's archive as a checkpoint image
  make_oci.py nest LAYOUT OUT HOW       an image (or its filesystem) whose only layer holds a layout
  make_oci.py layer LAYOUT OUT          the uncompressed layer of the only image in a layout

HOW is a FORM (oci: a layout; archive: a tar of one; docker: a docker-archive; export: the filesystem alone)
and what else is wanted, joined by commas: gzip, zstd; docker-types; annotated; layers (many of them, with
everything that the rules know: whiteouts, opaque folders, what is replaced); index (an index around it)."""
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
TYPES = {"layer": (OCI + "layer.v1.tar", DOCKER + "image.rootfs.diff.tar"),
         "config": (OCI + "config.v1+json", DOCKER + "container.image.v1+json"),
         "manifest": (OCI + "manifest.v1+json", DOCKER + "distribution.manifest.v2+json"),
         "index": (OCI + "index.v1+json", DOCKER + "distribution.manifest.list.v2+json")}
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "amd64")
REF = "org.opencontainers.image.ref.name"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def squeeze(data, how):
    if "gzip" in how:
        return gzip.compress(data, mtime=0)
    if "zstd" in how:
        return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def unpacked(data):
    tool = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}.get(data[:2])
    return subprocess.run([tool, "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout if tool else data


class Layout:
    """The files of an OCI layout, by name."""

    def __init__(self):
        self.files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

    def put(self, media, data, **more):
        digest = sha256(data)
        self.files["blobs/" + digest.replace(":", "/")] = data
        return {"mediaType": media, "digest": digest, "size": len(data), **more}

    def document(self, media, doc, **more):
        return self.put(media, json.dumps(doc).encode(), **more)

    def index(self, entries):
        self.files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
        return self

    def image(self, layers, how=(), annotations=None):
        """the descriptor of an image of these uncompressed layers, the lowest first"""
        docker = "docker-types" in how
        suffix = "+gzip" if "gzip" in how else "+zstd" if "zstd" in how else ""
        if docker:
            suffix = suffix.replace("+", ".")
        config = self.document(TYPES["config"][docker], {
            "architecture": ARCH, "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [sha256(data) for data in layers]}})
        doc = {"schemaVersion": 2, "mediaType": TYPES["manifest"][docker], "config": config,
               "layers": [self.put(TYPES["layer"][docker] + suffix, squeeze(data, how)) for data in layers]}
        if annotations:
            doc["annotations"] = annotations
        return self.document(doc["mediaType"], doc)

    def write(self, folder):
        for name, data in self.files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(data)

    def tar(self):
        return tar_of(dict(sorted(self.files.items())))


def tar_of(files):
    """a tar of files; a name that ends in / is a folder, a value that is a TarInfo is taken as it is"""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            if isinstance(data, tarfile.TarInfo):
                tar.addfile(data)
                continue
            t = tarfile.TarInfo(name.rstrip("/"))
            t.mtime = 1767225600
            t.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            t.mode = 0o755 if name.endswith("/") else 0o644
            t.size = len(data)
            tar.addfile(t, io.BytesIO(data))
    return out.getvalue()


def docker_archive(layers, how=()):
    """what "docker save" wrote before it wrote layouts"""
    config = json.dumps({"architecture": ARCH, "os": "linux", "rootfs": {
        "type": "layers", "diff_ids": [sha256(data) for data in layers]}}).encode()
    name = sha256(config)[7:] + ".json"
    files, names = {}, []
    for i, data in enumerate(layers):
        names.append(f"{i:064x}/layer.tar")
        files |= {f"{i:064x}/": b"", f"{i:064x}/VERSION": b"1.0", names[-1]: squeeze(data, how)}
    return tar_of({**files, name: config, "manifest.json": json.dumps(
        [{"Config": name, "RepoTags": ["checkpoint:1"], "Layers": names}]).encode()})


def finish(layers, out, how, annotations=None):
    """@layers as the image that @how says, at @out"""
    form = how[0]
    if form in ("docker", "export"):
        with open(out, "wb") as f:
            f.write(docker_archive(layers, how) if form == "docker" else layers[0])
        return
    layout = Layout()
    entry = layout.image(layers, how, annotations)
    if "index" in how:
        docker = "docker-types" in how
        other = {**entry, "platform": {"architecture": "other", "os": "linux"}}
        entry["platform"] = {"architecture": ARCH, "os": "linux"}
        entry = layout.document(TYPES["index"][docker], {
            "schemaVersion": 2, "mediaType": TYPES["index"][docker], "manifests": [other, entry]})
    entry["annotations"] = {REF: "1"}
    layout.index([entry])
    if form == "oci":
        layout.write(out)
    else:
        with open(out, "wb") as f:
            f.write(layout.tar())


def members(archive):
    """(TarInfo, bytes) of all members"""
    with open(archive, "rb") as f:
        tar = tarfile.open(fileobj=io.BytesIO(unpacked(f.read())))
    return [(t, tar.extractfile(t).read() if t.isreg() else b"") for t in tar]


def tar_members(list_):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for t, data in list_:
            tar.addfile(t, io.BytesIO(data))
    return out.getvalue()


def in_layers(archive):
    """the same files in five layers, each of which hides or replaces something of those below"""
    everything = members(archive)
    images = [(t, d) for t, d in everything if t.name.startswith("checkpoint")]
    others = [(t, d) for t, d in everything if not t.name.startswith("checkpoint")]
    stale = {"config.dump": b"{not json", "checkpoint/": b"", "checkpoint/inventory.img": b"stale",
             "checkpoint/core-999.img": b"of another dump", "gone/": b"", "gone/file": b"x", "spec.dump": b"[",
             "etc/": b"", "etc/hosts": b"", "dev/": b"", ".dockerenv": b""}
    link = tarfile.TarInfo("stale-link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    mtab = tarfile.TarInfo("etc/mtab")
    mtab.type, mtab.linkname = tarfile.SYMTYPE, "/proc/mounts"
    return [tar_of({**stale, "stale-link": link, "etc/mtab": mtab}),
            tar_of({"checkpoint/": b"", "checkpoint/.wh..wh..opq": b"", "checkpoint/core-998.img": b"y",
                    ".wh.gone": b"", ".wh.stale-link": b""}),
            tar_of({".wh.checkpoint": b"", "config.dump": b"newer, but no JSON either"}),
            tar_members(images),
            tar_members(others)]


def image(archive, out, how):
    layers = in_layers(archive) if "layers" in how else [tar_members(members(archive))]
    annotations = {"io.podman.annotations.checkpoint.runtime.name": "runc"} if "annotated" in how else None
    finish(layers, out, how, annotations)


def nest(layout, out, how):
    """as "docker export" writes the filesystem of a container that was made of such an image"""
    files = {".dockerenv": b"", "dev/": b"", "etc/": b"", "etc/hosts": b""}
    for folder, _, names in sorted(os.walk(layout)):
        for name in sorted(names):
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                files[os.path.relpath(path, layout)] = f.read()
    console = tarfile.TarInfo("dev/console")
    console.type = tarfile.CHRTYPE
    console.devmajor, console.devminor = 5, 1
    finish([tar_of({**files, "dev/console": console})], out, how)


def layer(layout, out):
    def load(d):
        with open(os.path.join(layout, "blobs", d["digest"].replace(":", "/")), "rb") as f:
            return f.read()
    with open(os.path.join(layout, "index.json"), "rb") as f:
        manifest = json.loads(load(json.load(f)["manifests"][0]))
    with open(out, "wb") as f:
        f.write(unpacked(load(manifest["layers"][0])))


def main():
    what, *args = sys.argv[1:]
    if what == "layer":
        layer(*args)
    else:
        {"image": image, "nest": nest}[what](*args[:2], args[2].split(","))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-engine.py [--rootfs-name REF] LAYOUT TAG podman|cri-o|containerd [CONTAINER]

Would this engine restore from the checkpoint that TAG names, and with the container's changes? Everything
that its code reads is looked at as it does, and nothing of firn's own annotations is believed but the roles
of the two images. Prints what the engine would stumble over; silent when there is nothing.

What each engine reads: Podman libpod/container_internal_common.go and pkg/checkpoint, CRI-O
server/container_restore.go and internal/lib/restore.go, containerd 2.1-2.3
internal/cri/server/container_checkpoint_linux.go."""
import argparse
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
PODMAN = "io.podman.annotations.checkpoint."
CRIO = "io.kubernetes.cri-o.annotations.checkpoint."
CRIU = "org.criu.checkpoint."

# distribution/reference: [domain/]path[:tag][@digest]
PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
REFERENCE = re.compile(
    rf"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/)?{PART}(?:/{PART})*"
    r"(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?")
HEX = re.compile(r"[0-9a-f]{64}")


class Checker:
    def __init__(self, layout, rootfs_name):
        self.layout, self.rootfs_name, self.problems = layout, rootfs_name, []

    def wrong(self, text):
        self.problems.append(text)

    def demand(self, true, text):
        if not true:
            self.wrong(text)
        return true

    def blob(self, desc):
        alg, hexa = desc["digest"].split(":")
        with open(os.path.join(self.layout, "blobs", alg, hexa), "rb") as f:
            data = f.read()
        self.demand(len(data) == desc["size"] and hashlib.new(alg, data).hexdigest() == hexa,
                    f"{desc['digest']} isn't what its descriptor says")
        return data

    def document(self, desc):
        return json.loads(self.blob(desc))

    def plain(self, desc):
        """a layer's tar, decompressed as its media type says"""
        data, kind = self.blob(desc), desc["mediaType"]
        if kind == LAYER + "+gzip":
            return gzip.decompress(data)
        if kind == LAYER + "+zstd":
            return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
        self.demand(kind == LAYER, f"media type {kind}: no engine takes such a layer")
        return data

    def image(self, desc, what):
        """(manifest, config, tars): the shape that c/image and containerd demand of any image"""
        manifest = self.document(desc)
        self.demand(desc["mediaType"] == MANIFEST == manifest.get("mediaType"), f"{what} is no OCI image manifest")
        self.demand(manifest["config"]["mediaType"] == CONFIG, f"{what} has no image configuration")
        config = self.document(manifest["config"])
        tars = [self.plain(layer) for layer in manifest["layers"]]
        ids = ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in tars]
        self.demand(config["rootfs"] == {"type": "layers", "diff_ids": ids}, f"{what}'s diff_ids aren't its layers'")
        history = config.get("history")
        self.demand(not history or len([h for h in history if not h.get("empty_layer")]) == len(ids),
                    f"{what}'s history has another number of layers")
        self.demand(config.get("os") == "linux" and config.get("architecture"), f"{what} has no platform")
        return manifest, config, tars

    def union(self, tars):
        """name -> (TarInfo, bytes or None) of C's layers; upper ones win"""
        files = {}
        for tar in tars:
            seen = set()
            with tarfile.open(fileobj=io.BytesIO(tar)) as t:
                for m in t:
                    name = os.path.normpath(m.name)
                    if name == ".":
                        continue
                    self.demand(not name.startswith(("/", "..")), f"{m.name} leaves the image")
                    self.demand(name not in seen, f"{name} is there twice in one layer")
                    self.demand(not os.path.basename(name).startswith(".wh."), f"{name}: a whiteout in a checkpoint")
                    seen.add(name)
                    files[name] = (m, t.extractfile(m).read() if m.isreg() else None)
        return files

    def json(self, files, name):
        if not self.demand(name in files, f"{name} isn't there"):
            return {}
        try:
            return json.loads(files[name][1])
        except ValueError as e:
            self.wrong(f"{name}: {e}")
            return {}

    def reference(self, text, what):
        self.demand(REFERENCE.fullmatch(text or ""), f"{what} is no image reference: {text!r}")

    def delta_in_c(self, files, whiteouts):
        """A rootfs-diff.tar in C: the engine unpacks it over the base. Its entries' names."""
        if "rootfs-diff.tar" not in files:
            return False
        data = files["rootfs-diff.tar"][1]
        names = tarfile.open(fileobj=io.BytesIO(data)).getnames()  # any compression, as the engines
        hidden = [n for n in names if os.path.basename(n).startswith(".wh.")]
        self.demand(whiteouts or not hidden, f"{hidden[:1]} in rootfs-diff.tar would become a file")
        return True

    # --- the engines

    def podman(self, c, r, files):
        notes = c["annotations"]
        self.demand(notes.get(PODMAN + "runtime.name") in ("runc", "crun"), "no runtime in the annotations")
        config = self.json(files, "config.dump")
        self.demand(notes.get(PODMAN + "name") == config.get("name"), "the annotation has another name")
        self.demand(HEX.fullmatch(config.get("rootfsImageID", "")), "rootfsImageID is no ID")
        name = config.get("rootfsImageName", "")
        if not name.startswith(("oci:", "oci-archive:")) and not HEX.fullmatch(name):
            self.reference(name, "rootfsImageName")
        self.demand(not config.get("Dependencies"), "it depends on other containers")
        for volume in config.get("namedVolumes") or []:
            self.demand(f"volumes/{volume['volumeName']}.tar" in files, f"no volume {volume['volumeName']}")
        delta = self.delta_in_c(files, whiteouts=False) or "deleted.files" in files
        self.made_from(config["rootfsImageID"] == r["config"]["digest"].split(":")[1], delta)
        self.named(name)

    def crio(self, c, r, files):
        self.demand(CRIO + "name" in c["annotations"], "no name in the annotations")
        config, spec = self.json(files, "config.dump"), self.json(files, "spec.dump")
        inner = spec.get("annotations", {}).get("io.kubernetes.cri-o.Annotations", "")
        try:
            self.demand(isinstance(json.loads(inner), dict), "io.kubernetes.cri-o.Annotations is no object")
        except ValueError:
            self.wrong("spec.dump has no io.kubernetes.cri-o.Annotations")
        ref = config.get("rootfsImageRef", "")
        self.demand(HEX.fullmatch(ref), f"rootfsImageRef is no ID: {ref!r}")
        self.reference(config.get("rootfsImageName"), "rootfsImageName")
        if "bind.mounts" in files:
            for mount in self.json(files, "bind.mounts"):
                self.demand(mount["source"] and mount["destination"] and mount["file_type"] in ("directory", "file")
                            and isinstance(mount["permissions"], int), f"bind.mounts: {mount}")
        delta = self.delta_in_c(files, whiteouts=False) or "deleted.files" in files
        self.made_from(ref == r["config"]["digest"].split(":")[1], delta)
        self.named(config.get("rootfsImageName"))

    def containerd(self, c, r, files):
        self.demand(c["annotations"].get(CRIU + "container.name"), "the manifest has no container name")
        self.demand(self.index.get("annotations", {}).get(CRIU + "container.name"), "the index has no container name")
        for name, (member, _) in files.items():
            self.demand(member.isreg() or member.isdir(), f"{name}: neither a file nor a folder, which is fatal")
        config, status = self.json(files, "config.dump"), self.json(files, "status.dump")
        self.demand(status.get("metadata", {}).get("name"), "status.dump has no name")
        self.demand(status.get("image"), "status.dump has no image")
        self.demand("deleted.files" not in files, "deleted.files would be ignored")
        ref = config.get("rootfsImageRef")
        self.reference(ref, "rootfsImageRef")
        self.reference(config.get("rootfsImageName"), "rootfsImageName")
        delta = self.delta_in_c(files, whiteouts=True)
        self.made_from(ref.endswith("@" + self.r_desc["digest"]), delta)
        self.named(config.get("rootfsImageName"))

    def named(self, name):
        if self.rootfs_name:
            self.demand(name == self.rootfs_name, f"the rootfs image is called {name}, not {self.rootfs_name}")

    def made_from(self, is_r, delta):
        if delta:
            self.demand(not is_r, "the changes come twice: in the rootfs image and in rootfs-diff.tar")
        else:
            self.demand(is_r, "the container would be made without its changes")

    def run(self, tag, engine, container):
        with open(os.path.join(self.layout, "index.json"), "rb") as f:
            tags = {d.get("annotations", {}).get("org.opencontainers.image.ref.name"): d for d in json.load(f)["manifests"]}
        self.demand(tags[tag]["mediaType"] == INDEX, f"{tag} is no index")
        self.index = self.document(tags[tag])
        of = [d for d in self.index["manifests"] if container in (None, d["annotations"]["org.firn.container"])]
        roles = {d["annotations"]["org.firn.role"]: d for d in of}
        c_desc, self.r_desc = roles["checkpoint"], roles["rootfs"]
        self.demand(c_desc.get("platform", {}).get("os") == "linux", "C has no platform")
        self.demand("platform" not in self.r_desc, "R has a platform: it may be chosen in C's place")
        c, _, tars = self.image(c_desc, "C")
        r, _, _ = self.image(self.r_desc, "R")
        self.demand(c["subject"]["digest"] == self.r_desc["digest"], "C's subject isn't R")
        files = self.union(tars)
        self.demand("checkpoint/inventory.img" in files, "no inventory.img")
        self.demand("checkpoint/descriptors.json" in files, "no descriptors.json: runc refuses")
        self.demand(isinstance(self.json(files, "spec.dump").get("process"), dict), "spec.dump has no process")
        foreign = {"podman": CRIO, "cri-o": PODMAN, "containerd": (PODMAN, CRIO)}[engine]
        self.demand(not [k for k in c["annotations"] if k.startswith(foreign)], "another engine would take it for its own")
        {"podman": self.podman, "cri-o": self.crio, "containerd": self.containerd}[engine](c, r, files)
        return self.problems


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rootfs-name", default="")
    p.add_argument("layout")
    p.add_argument("tag")
    p.add_argument("engine", choices=["podman", "cri-o", "containerd"])
    p.add_argument("container", nargs="?")
    o = p.parse_args()
    problems = Checker(o.layout, o.rootfs_name).run(o.tag, o.engine, o.container)
    print("\n".join(problems), end="\n" if problems else "")
    sys.exit(bool(problems))


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""make-base.py [--gzip] ROOTFS.tar DIR TAG: an ordinary image of one layer in an OCI layout.

Prints the image ID (the hex of its config's digest), as an engine would know it."""
import gzip
import hashlib
import json
import os
import sys


def put(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    folder = os.path.join(layout, "blobs", "sha256")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, digest), "wb") as f:
        f.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def document(layout, media, doc):
    text = json.dumps(doc, separators=(",", ":"), sort_keys=True).encode()
    return {"mediaType": "application/vnd.oci.image." + media, **put(layout, text)}


def main():
    args = [a for a in sys.argv[1:] if a != "--gzip"]
    squeeze = "--gzip" in sys.argv
    rootfs, layout, tag = args
    with open(rootfs, "rb") as f:
        tar = f.read()
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if squeeze else ""),
             **put(layout, gzip.compress(tar, mtime=0) if squeeze else tar)}
    config = document(layout, "config.v1+json", {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "amd64"),
        "os": "linux",
        "config": {"Cmd": ["/tiny"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest()]},
        "history": [{"created_by": "make-base.py"}]})
    manifest = document(layout, "manifest.v1+json", {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": [layer]})
    manifest["annotations"] = {"org.opencontainers.image.ref.name": tag}
    with open(os.path.join(layout, "oci-layout"), "w", encoding="ascii") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    with open(os.path.join(layout, "index.json"), "w", encoding="ascii") as f:
        json.dump({"schemaVersion": 2, "manifests": [manifest]}, f)
    print(config["digest"].split(":")[1])


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-layout.py DIR [TAG[=NAME,NAME...]...]: is this a whole OCI layout, and does it have these tags and no
others? With NAMEs those of several containers.

Everything that index.json leads to must be there with the size and digest its descriptor says; every file
in blobs/sha256 must be what its name says; nothing unfinished may have a name. Silent when all is well."""
import hashlib
import json
import os
import sys

NAME = "org.opencontainers.image.ref.name"
problems = []


def blob(layout, desc):
    alg, _, hexa = desc["digest"].partition(":")
    path = os.path.join(layout, "blobs", alg, hexa)
    try:
        with open(path, "rb") as f:
            data = f.read()
    except OSError as e:
        problems.append(f"{desc['digest']}: {e.strerror}")
        return None
    if len(data) != desc["size"]:
        problems.append(f"{desc['digest']}: {len(data)} bytes, not {desc['size']}")
    if hashlib.new(alg, data).hexdigest() != hexa:
        problems.append(f"{desc['digest']}: is something else")
    return data


def follow(layout, desc, seen):
    if desc["digest"] in seen:
        return
    seen.add(desc["digest"])
    data = blob(layout, desc)
    if data is None or not desc["mediaType"].endswith(("index.v1+json", "manifest.v1+json")):
        return
    doc = json.loads(data)
    for child in doc.get("manifests", []) + doc.get("layers", []):
        follow(layout, child, seen)
    for key in ("config", "subject"):
        if key in doc:
            follow(layout, doc[key], seen)


def main():
    layout, tags = sys.argv[1], sys.argv[2:]
    with open(os.path.join(layout, "oci-layout"), "rb") as f:
        assert json.load(f)["imageLayoutVersion"] == "1.0.0"
    with open(os.path.join(layout, "index.json"), "rb") as f:
        index = json.load(f)
    seen = set()
    for desc in index["manifests"]:
        follow(layout, desc, seen)
    names = sorted(d.get("annotations", {}).get(NAME, "") for d in index["manifests"])
    want = []
    for t in tags:
        tag, _, containers = t.partition("=")
        want.append(tag)
        want += [f"{tag}{n and '.'}{n}.{role}" for n in containers.split(",") for role in ("checkpoint", "rootfs")]
    want.sort()
    if names != want:
        problems.append(f"tags {names}, not {want}")
    folder = os.path.join(layout, "blobs", "sha256")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as f:
            if hashlib.file_digest(f, "sha256").hexdigest() != name:
                problems.append(f"blobs/sha256/{name}: isn't that")
    for p in problems:
        print(p)
    sys.exit(bool(problems))


main()

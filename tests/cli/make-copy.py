#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Layouts of images that firn didn't make, for copying: make-copy.py KIND DIR, with the tag "t".

  odd      an index in an index, a subject, types that nobody knows, a sha512 blob, Docker's types, an
           empty blob, a blob that is in several images
  sparse   an index of three platforms, two of which aren't there, and a layer that is to be had elsewhere
  deep     indexes inside each other, too many
  wide     an index of 300 manifests
  missing  a layer that isn't there
  short    a layer that has lost its end
  wrong    a layer with another byte
  bomb     a manifest with a million layers"""
import hashlib
import json
import os
import sys

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
kind, top = sys.argv[1:]


def put(data, media, alg="sha256", **more):
    digest = hashlib.new(alg, data).hexdigest()
    os.makedirs(f"{top}/blobs/{alg}", exist_ok=True)
    with open(f"{top}/blobs/{alg}/{digest}", "wb") as f:
        f.write(data)
    return {"mediaType": media, "digest": f"{alg}:{digest}", "size": len(data), **more}


def document(doc, media, **more):
    return put(json.dumps({"schemaVersion": 2, "mediaType": media, **doc}).encode(), media, **more)


def manifest(layers, config=None, media=OCI + "manifest.v1+json", **more):
    config = config or put(b"{}", OCI + "config.v1+json")
    return document({"config": config, "layers": layers, **more}, media)


def index(manifests, media=OCI + "index.v1+json", **more):
    return document({"manifests": manifests, **more}, media)


def path(desc):
    return f"{top}/blobs/" + desc["digest"].replace(":", "/")


layer = put(b"layer" * 40000, OCI + "layer.v1.tar")
if kind == "odd":
    empty = put(b"", "application/x-nothing")
    long = put(b"long" * 5000, "application/x-thing; version=2", "sha512")
    first = manifest([layer, empty, long], put(b"{}", "application/vnd.oci.empty.v1+json"), artifactType="a/b")
    second = manifest([layer], put(b"secret", "application/x-config"), subject=first, annotations={"a": "b"})
    docker = manifest([put(b"old", DOCKER + "image.rootfs.diff.tar.gzip")], put(b"{ }", DOCKER + "container.image.v1+json"),
                      DOCKER + "distribution.manifest.v2+json")
    nested = index([docker], DOCKER + "distribution.manifest.list.v2+json")
    blob = put(b"neither manifest nor index", "application/x-loose")
    root = index([second, nested, blob], subject=manifest([put(b"of the index", "x/y")]), annotations={"z": "\u00e4"})
elif kind == "sparse":
    here, gone, lost = manifest([layer]), manifest([], annotations={"n": "1"}), manifest([], annotations={"n": "2"})
    far = put(b"far away", OCI + "layer.nondistributable.v1.tar", urls=["https://registry.test/far"])
    root = index([here, gone, lost, manifest([far])])
    for d in (gone, lost, far):
        os.unlink(path(d))
elif kind == "deep":
    root = manifest([layer])
    for i in range(20):
        root = index([root])
elif kind == "wide":
    root = index([manifest([layer, put(b"%d" % (i % 7), "x/y")], annotations={"i": str(i)}) for i in range(300)])
elif kind == "bomb":
    text = ",".join(['{"mediaType":"x/y","digest":"%s","size":1}' % layer["digest"]] * 30000)
    root = put(('{"schemaVersion":2,"config":%s,"layers":[%s]}' % (json.dumps(layer), text)).encode(), OCI + "manifest.v1+json")
else:
    root = manifest([layer])
    with open(path(layer), "r+b") as f:
        if kind == "short":
            f.truncate(4096)
        elif kind == "wrong":
            f.seek(77777)
            f.write(b"!")
    if kind == "missing":
        os.unlink(path(layer))
with open(f"{top}/oci-layout", "w") as f:
    f.write('{"imageLayoutVersion":"1.0.0"}')
with open(f"{top}/index.json", "w") as f:
    root["annotations"] = {"org.opencontainers.image.ref.name": "t", "org.example.kept": "yes"}
    json.dump({"schemaVersion": 2, "manifests": [root]}, f)
print(root["digest"])

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images that firn didn't write down, made of one that it did.

make-copy-forms.py LAYOUT TAG: layouts in forms/, tag "t". forms/X/changes is an expression for the names of
the blobs that another form of the layers changes.
  pretty, spaced, ordered   the documents printed in other ways, keys in another order
  nested                    the index in an index, beside an image that has no such layers; as a subject, too
  bare                      the checkpoint's layers in an image without annotations, twice
  foreign                   layers of other types, and one that only looks like ours: nothing changes

make-copy-forms.py --spoil KIND LAYOUT TAG: the image's largest layer, or what is said of it, isn't right.
  diff_id   the config says another one
  content   another byte in a payload
  index     another byte in the index
  config    has a diff_id too many"""
import hashlib
import json
import os
import shutil
import sys

OCI = "application/vnd.oci.image."
REF = "org.opencontainers.image.ref.name"


def path(top, digest):
    return f"{top}/blobs/" + digest.replace(":", "/")


def read(top, digest):
    with open(path(top, digest), "rb") as f:
        return f.read()


def put(top, data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    os.makedirs(f"{top}/blobs/sha256", exist_ok=True)
    with open(path(top, digest), "wb") as f:
        f.write(data)
    os.chmod(path(top, digest), 0o600)
    return {"digest": digest, "size": len(data)}


def tagged(top, tag):
    with open(f"{top}/index.json", encoding="utf-8") as f:
        return next(d for d in json.load(f)["manifests"] if d.get("annotations", {}).get(REF) == tag)


def compact(doc):
    return json.dumps(doc, separators=(",", ":"), sort_keys=True)


def turned(doc):
    """Every object's members the other way round."""
    if isinstance(doc, dict):
        return {k: turned(doc[k]) for k in sorted(doc, reverse=True)}
    return [turned(d) for d in doc] if isinstance(doc, list) else doc


class Form:
    def __init__(self, name, source, show=compact):
        self.top, self.source, self.show, self.changes = f"forms/{name}", source, show, []
        os.makedirs(self.top + "/blobs/sha256", 0o700)

    def blob(self, desc):
        shutil.copyfile(path(self.source, desc["digest"]), path(self.top, desc["digest"]))
        os.chmod(path(self.top, desc["digest"]), 0o600)
        return desc

    def change(self, desc):
        self.changes.append(desc["digest"].split(":")[1])
        return desc

    def document(self, doc, media, changes=True, **more):
        desc = {"mediaType": media, **put(self.top, self.show(doc).encode()), **more}
        return self.change(desc) if changes else desc

    def manifest(self, desc):
        doc = json.loads(read(self.source, desc["digest"]))
        self.blob(doc["config"])
        for layer in doc["layers"]:
            self.blob(layer)
            if "org.firn.mountable" in layer.get("annotations", {}):
                self.change(layer)
        if "subject" in doc:
            doc["subject"] = {**doc["subject"], **self.manifest(doc["subject"])}
        return self.document(doc, doc["mediaType"])

    def index(self, desc):
        doc = json.loads(read(self.source, desc["digest"]))
        doc["manifests"] = [{**d, **self.manifest(d)} for d in doc["manifests"]]
        return self.document(doc, doc["mediaType"])

    def finish(self, root):
        root = {**root, "annotations": {REF: "t"}}
        with open(self.top + "/index.json", "w", encoding="utf-8") as f:
            f.write(compact({"manifests": [root], "schemaVersion": 2}))
        with open(self.top + "/oci-layout", "w", encoding="utf-8") as f:
            f.write('{"imageLayoutVersion":"1.0.0"}')
        for name in ("index.json", "oci-layout"):
            os.chmod(f"{self.top}/{name}", 0o600)
        with open(self.top + "/changes", "w", encoding="utf-8") as f:
            f.write("|".join(self.changes) or "none")


def make(source, tag):
    root = tagged(source, tag)
    for name, show in (
        ("pretty", lambda d: json.dumps(turned(d), indent=2) + "\n"),
        ("spaced", lambda d: json.dumps(turned(d))),
        ("ordered", lambda d: json.dumps(turned(d), separators=(",", ":"))),
    ):
        f = Form(name, source, show)
        f.finish(f.index(root))

    f = Form("nested", source)
    inner = f.index(root)
    plain = f.document({"schemaVersion": 2, "config": {"mediaType": OCI + "config.v1+json", **put(f.top, b"{}")},
                        "layers": [], "mediaType": OCI + "manifest.v1+json"}, OCI + "manifest.v1+json", False)
    middle = f.document({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [inner, plain]}, OCI + "index.v1+json")
    f.finish(f.document({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [plain, middle], "subject": inner},
                        OCI + "index.v1+json"))

    f = Form("bare", source)
    c = json.loads(read(source, tagged(source, tag + ".checkpoint")["digest"]))
    layers = [f.change({k: f.blob(d)[k] for k in ("mediaType", "digest", "size")}) for d in c["layers"]]
    image = {"schemaVersion": 2, "config": f.blob(c["config"]), "layers": layers, "mediaType": c["mediaType"]}
    one = f.document(image, c["mediaType"])
    two = f.document({**image, "annotations": {"x": "y"}}, c["mediaType"], annotations={"io.example": "z"})
    f.finish(f.document({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [one, two]}, OCI + "index.v1+json"))

    f = Form("foreign", source)
    odd = [put(f.top, b"\0" * 10240), put(f.top, os.urandom(70000)), put(f.top, b"\0" * 1024 + b"\xe2\xe1\xf5\xe0" + b"\0" * 99000)]
    layers = [{"mediaType": t, **d} for d in odd for t in (OCI + "layer.v1.tar", OCI + "layer.v1.tar+zstd", "x/y")]
    ids = ["sha256:" + hashlib.sha256(read(f.top, d["digest"])).hexdigest() for d in layers]
    config = {"rootfs": {"type": "layers", "diff_ids": ids}, "architecture": "amd64", "os": "linux"}
    f.finish(f.document({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "layers": layers,
                         "config": {"mediaType": OCI + "config.v1+json", **put(f.top, compact(config).encode())}},
                        OCI + "manifest.v1+json", False))


def flip(top, desc, at):
    data = bytearray(read(top, desc["digest"]))
    data[at] ^= 4
    return put(top, bytes(data))


def spoil(kind, top, tag):
    root = tagged(top, tag)
    m = json.loads(read(top, root["digest"]))
    config = json.loads(read(top, m["config"]["digest"]))
    i = max(range(len(m["layers"])), key=lambda k: m["layers"][k]["size"])
    layer, ids = m["layers"][i], config["rootfs"]["diff_ids"]
    m.pop("subject", None)
    if kind == "diff_id":
        ids[i] = ids[i][:-1] + ("0" if ids[i][-1] != "0" else "1")
    elif kind == "config":
        ids.append(ids[0])
    elif kind == "content":
        data = bytearray(read(top, layer["digest"]))
        data[len(data) * 6 // 10] ^= 4
        with open(path(top, layer["digest"]), "wb") as f:
            f.write(data)
    elif kind == "index":
        layer.update(flip(top, layer, 1024 + 16))
        if layer["mediaType"].endswith("tar"):
            ids[i] = layer["digest"]
    m["config"].update(put(top, compact(config).encode()))
    new = put(top, compact(m).encode())
    with open(f"{top}/index.json", encoding="utf-8") as f:
        index = json.load(f)
    index["manifests"] = [{**d, **new} for d in index["manifests"] if d["digest"] == root["digest"]]
    with open(f"{top}/index.json", "w", encoding="utf-8") as f:
        f.write(compact(index))


if sys.argv[1] == "--spoil":
    spoil(*sys.argv[2:])
else:
    make(*sys.argv[1:])

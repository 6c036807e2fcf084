#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints as OCI content with one fault each.

  make-bad-oci.py list                       NAME <tab> exit status (0: any failure) <tab> regex of the error
  make-bad-oci.py make DATA OUT              all of them, OUT/NAME; DATA is tests/data
  make-bad-oci.py flip ARCHIVE STEP OUT      the archive with another byte at every STEP, OUT/PLACE"""
import gzip
import io
import json
import os
import sys
import tarfile

import make_oci
from make_oci import OCI, Layout, docker_archive, tar_of

CTR = "application/vnd.containerd.container."
CRIU, CONFIG = CTR + "criu.checkpoint.criu.tar", CTR + "checkpoint.config.v1+proto"
OPTIONS, LAYER = CTR + "checkpoint.options.v1+proto", OCI + "layer.v1.tar+gzip"
CASES = {}


def case(status, regex, *variants):
    """a function that makes the content with a fault, or one for each of @variants"""
    def add(make):
        for v in variants or (None,):
            name = make.__name__.replace("_", "-") + (f"-{v[0]}" if v else "")
            CASES[name] = (status, v[2] if v and len(v) > 2 else regex,
                           (lambda s, v=v: make(s, v[1])) if v else make)
        return make
    return add


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def proto_any(kind, value):
    kind = kind.encode()
    return b"\x0a" + varint(len(kind)) + kind + b"\x12" + varint(len(value)) + value


SPEC_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Spec"


class Source:
    """the sample index and the sample archive, opened"""

    def __init__(self, data):
        self.podman = os.path.join(data, "podman-none.tar")
        with tarfile.open(os.path.join(data, "ctr-index-image-tiny.oci.tar")) as tar:
            self.files = {t.name: tar.extractfile(t).read() for t in tar if t.isreg()}
        self.entry = json.loads(self.files["index.json"])["manifests"][0]
        self.index = json.loads(self.blob(self.entry))

    def blob(self, d):
        return self.files["blobs/" + d["digest"].replace(":", "/")]

    def part(self, media):
        return next(d for d in self.index["manifests"] if d["mediaType"] == media)

    def layout(self, entries=None, text=None):
        """the layout again, with other entries in the checkpoint's index"""
        out = Layout()
        out.files |= {k: v for k, v in self.files.items() if k.startswith("blobs/")}
        doc = text or json.dumps({**self.index, "manifests": entries or self.index["manifests"]}).encode()
        return out.index([out.put(OCI + "index.v1+json", doc)])

    def with_part(self, media, data):
        """... with these bytes for one of its parts"""
        out = self.layout()
        new = out.put(media, data)
        entries = [new if d["mediaType"] == media else d for d in self.index["manifests"]]
        again = self.layout(entries)
        again.files |= out.files | again.files
        return again

    def without_blob(self, d):
        out = self.layout()
        del out.files["blobs/" + d["digest"].replace(":", "/")]
        return out

    def images(self):
        """the checkpoint's files without its images' folder, and these, as dictionaries"""
        data, images = {}, {"checkpoint/": b""}
        for t, d in make_oci.members(self.podman):
            if t.isreg():
                (images if t.name.startswith("checkpoint/") else data)[t.name] = d
        return data, images

    def image(self, *layers, how=(), annotations=None):
        out = Layout()
        return out.index([out.image([tar_of(x) if isinstance(x, dict) else x for x in layers], how, annotations)])


def member(name, kind=tarfile.REGTYPE, link="", dev=(0, 0)):
    t = tarfile.TarInfo(name)
    t.type, t.linkname = kind, link
    t.devmajor, t.devminor = dev
    return t


EVIL = [("dot-dot", member("../evil"), "leaves"), ("absolute", member("/evil"), "absolute|leaves"),
        ("symlink", member("checkpoint/evil", tarfile.SYMTYPE, "/etc/passwd"), "evil.*files and folders only"),
        ("device", member("checkpoint/evil", tarfile.CHRTYPE, dev=(1, 3)), "evil"),
        ("fifo", member("checkpoint/evil", tarfile.FIFOTYPE), "evil"),
        ("parent-link", member("checkpoint/parent", tarfile.SYMTYPE, "../../etc"), "parent"),
        ("hard-link-out", member("checkpoint/evil", tarfile.LNKTYPE, "etc/passwd"), "evil.*hard link"),
        ("middle-whiteout", member("checkpoint/.wh.x/evil"), r"\.wh\."),
        ("whiteout-of-nothing", member("checkpoint/.wh."), r"\.wh\."),
        ("aufs-name", member("checkpoint/.wh..wh.plnk"), r"\.wh\.")]


# --- containerd's own indexes

@case(4, "blob sha256:", ("images", CRIU), ("config", CONFIG), ("options", OPTIONS), ("changes", LAYER),
      ("base", OCI + "manifest.v1+json", "base image.*a7e2ee4ba615"))
def missing_blob(s, media):
    return s.without_blob(s.part(media))


@case(4, "base image")
def missing_base_layer(s):
    return s.without_blob(json.loads(s.blob(s.part(OCI + "manifest.v1+json")))["layers"][0])


@case(4, "16e642faff0e")
def missing_index(s):
    return Layout().index([s.entry])


@case(3, "its content is sha256:", ("images", CRIU), ("config", CONFIG), ("options", OPTIONS),
      ("changes", LAYER, "rootfs-diff.tar"), ("base", OCI + "manifest.v1+json"))
def changed_byte(s, media):
    out, d = s.layout(), s.part(media)
    data = bytearray(s.blob(d))
    data[len(data) // 2] ^= 1
    out.files["blobs/" + d["digest"].replace(":", "/")] = bytes(data)
    return out


@case(3, "bytes|content", ("images", CRIU), ("config", CONFIG), ("options", OPTIONS), ("changes", LAYER))
def cut_blob(s, media):
    out, d = s.layout(), s.part(media)
    out.files["blobs/" + d["digest"].replace(":", "/")] = s.blob(d)[:-1]
    return out


@case(3, "descriptor says|content", ("images", (CRIU, 1)), ("images-less", (CRIU, -512)), ("config", (CONFIG, 1)),
      ("options", (OPTIONS, -1)), ("changes", (LAYER, 7)), ("base", (OCI + "manifest.v1+json", 1)))
def wrong_size(s, how):
    media, more = how
    return s.layout([{**d, "size": d["size"] + more} if d["mediaType"] == media else d for d in s.index["manifests"]])


@case(3, "digest", ("unknown", "md5:d41d8cd98f00b204e9800998ecf8427e"), ("short", "sha256:00"), ("none", ""),
      ("path", "sha256:../../../../etc/passwd"))
def odd_digest(s, digest):
    return s.layout([{**d, "digest": digest} if d["mediaType"] == CRIU else d for d in s.index["manifests"]])


@case(3, "no CRIU images.*--task")
def no_images(s):
    return s.layout([d for d in s.index["manifests"] if d["mediaType"] != CRIU])


@case(3, "no runtime configuration")
def no_config(s):
    return s.layout([d for d in s.index["manifests"] if d["mediaType"] != CONFIG])


@case(3, "has two", ("images", CRIU), ("config", CONFIG), ("changes", LAYER),
      ("bases", OCI + "manifest.v1+json", "two base images"))
def twice(s, media):
    return s.layout(s.index["manifests"] + [s.part(media)])


@case(0, "pre-dumps")
def predump(s):
    return s.layout(s.index["manifests"] + [{**s.part(CRIU), "mediaType": CTR + "criu.checkpoint.predump.tar"}])


@case(3, "runtime configuration|spec.dump", ("bytes", b"\xff" * 40, "no protobuf message"), ("empty", b""),
      ("other-message", proto_any("containerd.runc.v1.CheckpointOptions", b"{}"), "not an OCI spec"),
      ("no-json", proto_any(SPEC_TYPE, b"{"), "spec.dump"), ("list", proto_any(SPEC_TYPE, b"[]"), "no JSON object"),
      ("deep", proto_any(SPEC_TYPE, b"[" * 100000), "spec.dump"), ("no-utf8", proto_any(SPEC_TYPE, b'{"a":"\xff"}')),
      ("cut", proto_any(SPEC_TYPE, b"{}")[:-1], "no protobuf message"))
def bad_config(s, data):
    return s.with_part(CONFIG, data)


@case(3, "larger than")
def huge_config(s):
    return s.with_part(CONFIG, proto_any(SPEC_TYPE, b'{"a":"' + b"x" * (9 << 20) + b'"}'))


@case(3, "CRIU images", ("text", b"no tar" * 400, "no tar archive"), ("empty", b"", "no tar archive"),
      ("cut", None, "ends"))
def images_no_tar(s, data):
    return s.with_part(CRIU, data if data is not None else s.blob(s.part(CRIU))[:20000])


@case(3, "inventory.img")
def images_without_inventory(s):
    return s.with_part(CRIU, tar_of({"core-1.img": b"x"}))


def flat(t):
    """as a member of the tar of CRIU's images, which has no folder"""
    return member(t.name.replace("checkpoint/", ""), t.type, t.linkname, (t.devmajor, t.devminor))


@case(0, "evil", *EVIL)
def evil_images(s, t):
    return s.with_part(CRIU, tar_of({"inventory.img": b"x", "evil": flat(t)}))


@case(3, "rootfs-diff.tar", ("text", b"no tar" * 400), ("empty", b""), ("cut", None, "ends|rootfs-diff"),
      ("dot-dot", gzip.compress(tar_of({"../evil": b"x"})), "leaves"),
      ("behind", gzip.compress(tar_of({"a": b"x"})) + b"more"))
def bad_changes(s, data):
    return s.with_part(LAYER, data if data is not None else s.blob(s.part(LAYER))[:300])


@case(3, "larger|more than")
def huge_index(s):
    return s.layout(text=json.dumps({**s.index, "x": "x" * (5 << 20)}).encode())


@case(3, "more than 10000")
def many_entries(s):
    return s.layout(s.index["manifests"] + [s.part(OPTIONS)] * 10000)


@case(3, "index|depth|deep", ("text", b"no JSON"), ("list", b"[]"), ("version", b'{"schemaVersion":1,"manifests":[]}'),
      ("deep", b"[" * 100000), ("two-things", b'{"schemaVersion":2,"manifests":[],"layers":[]}', "does not belong"))
def bad_index(s, text):
    return s.layout(text=text)


@case(3, "no checkpoint|indexes|has no image")
def deep_indexes(s):
    out = s.layout()
    d = json.loads(out.files["index.json"])["manifests"][0]
    for _ in range(6):
        d = out.document(OCI + "index.v1+json", {"schemaVersion": 2, "manifests": [d]})
    return out.index([d])


@case(0, "has no image|no images")
def empty_index(s):
    return s.layout(text=b'{"schemaVersion":2,"manifests":[]}')


# --- checkpoint images

@case(4, "layer 0.*sha256:|blob sha256:")
def image_missing_layer(s):
    data, images = s.images()
    out = s.image({**data, **images})
    del out.files[max(out.files, key=lambda n: len(out.files[n]))]
    return out


def changed_layer(s, how, at):
    data, images = s.images()
    out = s.image({**data, **images}, how=how, annotations={"org.criu.checkpoint.engine.name": "Podman"})
    name = max(out.files, key=lambda n: len(out.files[n]))
    bad = bytearray(out.files[name])
    bad[int(len(bad) * at)] ^= 1
    out.files[name] = bytes(bad)
    return out


# A byte of a header may make it another file first; one of pages shows at the end.
@case(3, "layer 0", ("plain", ((), 0.5), "its content is"), ("plain-first", ((), 0)), ("plain-last", ((), 0.9999), "its content is"),
      ("gzip", (("gzip",), 0.5)), ("gzip-last", (("gzip",), 0.9999)), ("zstd", (("zstd",), 0.5)))
def image_changed_byte(s, how):
    return changed_layer(s, *how)


@case(3, "diff_id", ("plain", ()), ("gzip", ("gzip",), "decompressed|content is"), ("zstd", ("zstd",), "content is"))
def image_wrong_diff_id(s, how):
    data, images = s.images()
    out = Layout()
    d = out.image([tar_of({**data, **images})], how)
    doc = json.loads(out.files["blobs/" + d["digest"].replace(":", "/")])
    config = json.loads(out.files["blobs/" + doc["config"]["digest"].replace(":", "/")])
    config["rootfs"]["diff_ids"] = ["sha256:" + "0" * 64]
    doc["config"] = out.document(OCI + "config.v1+json", config)
    return out.index([out.document(d["mediaType"], doc)])


@case(3, "has 2 layers, its config 1 diff_ids")
def image_layers_and_diff_ids(s):
    data, images = s.images()
    out = Layout()
    one, two = out.image([tar_of({**data, **images})]), out.image([tar_of(data), tar_of(images)])
    doc = json.loads(out.files["blobs/" + two["digest"].replace(":", "/")])
    doc["config"] = json.loads(out.files["blobs/" + one["digest"].replace(":", "/")])["config"]
    return out.index([out.document(one["mediaType"], doc)])


@case(2, "no container image: its config is of type")
def image_artifact(s):
    data, images = s.images()
    out = Layout()
    layer = tar_of({**data, **images})
    return out.index([out.document(OCI + "manifest.v1+json", {
        "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
        "config": out.put("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [out.put(OCI + "layer.v1.tar", layer)]})])


@case(3, "layer 0.*(no tar archive|ends)", ("text", b"no tar" * 400), ("empty", b""), ("headless", b"\0" * 511))
def image_no_tar(s, data):
    return s.image(data)


@case(3, "more than 1000")
def image_many_layers(s):
    return s.image(*[tar_of({"a": b""})] * 1001)


@case(3, "larger|more than")
def image_huge_manifest(s):
    return s.image({"spec.dump": b"{}"}, annotations={"org.criu.checkpoint.engine.name": "x" * (5 << 20)})


@case(3, "no checkpoint: the image has neither")
def image_of_something(s):
    return s.image({"bin/": b"", "bin/sh": b"x"})


@case(3, "no checkpoint")
def image_without_layers(s):
    return s.image()


@case(3, "is missing", ("inventory", "checkpoint/.wh.inventory.img", "inventory.img is missing"),
      ("spec", ".wh.spec.dump", "spec.dump is missing"), ("config", ".wh.config.dump", "config.dump is missing"),
      ("images", ".wh.checkpoint", "inventory.img is missing"),
      ("all", ".wh..wh..opq", "inventory.img is missing"),
      ("opaque-images", "checkpoint/.wh..wh..opq", "inventory.img is missing"))
def image_whiteout_of(s, name):
    data, images = s.images()
    return s.image({**data, **images}, {name: b"", "volumes/": b""},
                   annotations={"io.kubernetes.cri-o.annotations.checkpoint.name": "c"})


@case(0, "evil", *EVIL)
def image_evil(s, t):
    data, images = s.images()
    return s.image({**data, **images, "evil": t})


@case(3, "checkpoint", ("symlink", member("checkpoint", tarfile.SYMTYPE, "/etc")), ("file", b"x"))
def image_checkpoint_is(s, what):
    data, images = s.images()
    return s.image({**data, **images}, {"checkpoint": what})


@case(3, "is no file|files and folders only", ("spec", "spec.dump"), ("config", "config.dump"))
def image_document_is_link(s, name):
    data, images = s.images()
    return s.image({**data, **images, name: member(name, tarfile.SYMTYPE, "/etc/passwd")})


@case(0, "hard link")
def image_link_to_another_layer(s):
    data, images = s.images()
    return s.image({**data, **images}, {"checkpoint/x": member("checkpoint/x", tarfile.LNKTYPE, "checkpoint/inventory.img")})


@case(3, "comes twice|twice|is there")
def image_twice(s):
    data, images = s.images()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, d in [*data.items(), *images.items(), ("spec.dump", data["spec.dump"])]:
            t = member(name.rstrip("/"), tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE)
            t.size = len(d)
            tar.addfile(t, io.BytesIO(d))
    return s.image(out.getvalue())


# --- layouts in images

def layout_files(s):
    return dict(s.layout().files)


@case(3, "that deep is not looked")
def nested_twice(s):
    return s.image(s.image(layout_files(s)).files)


@case(0, "2 layers")
def nested_in_two_layers(s):
    files = layout_files(s)
    return s.image({k: v for k, v in files.items() if k.startswith("blobs")},
                   {k: v for k, v in files.items() if not k.startswith("blobs")})


@case(0, "blob sha256:|index.json|oci-layout", ("blob", None, "blob sha256:"), ("index", "index.json"))
def nested_without(s, name):
    files = layout_files(s)
    del files[name or "blobs/" + s.part(CRIU)["digest"].replace(":", "/")]
    return s.image(files)


@case(0, "version")
def nested_version(s):
    return s.image({**layout_files(s), "oci-layout": b'{"imageLayoutVersion":"9"}'})


@case(3, "its content is|ends|checksum|corrupt", ("plain", ()), ("gzip", ("gzip",)), ("zstd", ("zstd",)))
def nested_changed_byte(s, how):
    out = s.image(layout_files(s), how=how)
    name = max(out.files, key=lambda n: len(out.files[n]))
    bad = bytearray(out.files[name])
    bad[-700 if not how else len(bad) // 2] ^= 1
    out.files[name] = bytes(bad)
    return out


@case(3, "no checkpoint|has no image|not found|neither")
def nested_nothing(s):
    inner = Layout()
    return s.image(inner.index([inner.image([tar_of({"a": b""})])]).files)


# --- docker-archives

def docker(s, change=None, how=()):
    data, images = s.images()
    out = io.BytesIO()
    src = tarfile.open(fileobj=io.BytesIO(docker_archive([tar_of({**data, **images})], how)))
    with tarfile.open(fileobj=out, mode="w") as dst:
        for t in src:
            t, d = (change or (lambda t, d: (t, d)))(t, src.extractfile(t).read() if t.isreg() else b"")
            if t:
                t.size = len(d)
                dst.addfile(t, io.BytesIO(d))
    return out.getvalue()


@case(0, "no file of the archive|docker-archive", ("layer", "layer.tar"), ("config", ".json"))
def docker_without(s, suffix):
    return docker(s, lambda t, d: (None if t.name.endswith(suffix) and t.name != "manifest.json" else t, d))


@case(3, "content is|layer 0", ("plain", ()), ("gzip", ("gzip",)))
def docker_changed_layer(s, how):
    def change(t, d):
        return t, d if not t.name.endswith("layer.tar") else d[:len(d) // 2] + b"~" + d[len(d) // 2 + 1:]
    return docker(s, change, how)


@case(3, "config .*content is")
def docker_changed_config(s):
    return docker(s, lambda t, d: (t, d.replace(b"linux", b"minix") if t.name.endswith(".json") else d))


@case(3, "no file of the archive")
def docker_layer_is_link(s):
    def change(t, d):
        return (member(t.name, tarfile.SYMTYPE, "/etc/passwd"), b"") if t.name.endswith("layer.tar") else (t, d)
    return docker(s, change)


@case(2, "manifest.json.* 2 images")
def docker_two_images(s):
    two = b'[{"Config":"a","Layers":[]},{"Config":"a","Layers":[]}]'
    return docker(s, lambda t, d: (t, two if t.name == "manifest.json" else d))


@case(0, "manifest.json", ("text", b"no JSON"), ("escape", b'[{"Config":"../../etc/passwd","Layers":[]}]'),
      ("absolute", b'[{"Config":"a","Layers":["/etc/passwd"]}]'), ("types", b'[{"Config":1,"Layers":2}]'),
      ("huge", b'["' + b"x" * (5 << 20) + b'"]', "larger"))
def docker_manifest(s, text):
    return docker(s, lambda t, d: (t, text if t.name == "manifest.json" else d))


def write(made, out):
    if isinstance(made, bytes):
        with open(out, "wb") as f:
            f.write(made)
    else:
        made.write(out)


def main():
    what, *args = sys.argv[1:]
    if what == "list":
        for name, (status, regex, _) in CASES.items():
            print(name, status, regex, sep="\t")
    elif what == "make":
        src = Source(args[0])
        os.mkdir(args[1])
        for name, (_, _, make) in CASES.items():
            write(make(src), os.path.join(args[1], name))
    elif what == "flip":
        with open(args[0], "rb") as f:
            good = f.read()
        os.mkdir(args[2])
        for at in range(0, len(good), int(args[1])):
            write(good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1:], os.path.join(args[2], str(at)))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Layouts and checkpoints with one fault each, for firn verify.

  make-faults.py FIRN POD FOREIGN ARCHIVE OUT    faulty ones of the layout FIRN (tag r1, by firn build), of POD
                                                 (tag pod, two containers), of FOREIGN (tag 1, gzip layers of
                                                 others) and of ARCHIVE (podman-none.tar) in OUT

Prints a line for each: its name in OUT, options for firn verify, codes of all faults that it has (the first one is
what was planted, the others follow from it; with * anything may), a regular expression for its place."""
import base64
import gzip
import io
import json
import os
import shutil
import sys
import tarfile

from make_oci import REF, TYPES, Layout, docker_archive, sha256, tar_of

ROLE, LAYER, FORMAT = "org.firn.role", "org.firn.layer", "org.firn.format"
MARK, INDEX = "oci-layout", "index.json"
cases = []


def name_of(digest):
    return "blobs/" + digest.replace(":", "/")


class Copy(Layout):
    """A layout that is changed so that nothing but the change is wrong: who refers to a blob follows it."""

    def __init__(self, files):
        super().__init__()
        self.files = dict(files)

    def doc(self, digest):
        return json.loads(self.files[name_of(digest)])

    def tagged(self, tag):
        for entry in json.loads(self.files[INDEX])["manifests"]:
            if entry.get("annotations", {}).get(REF) == tag:
                return entry["digest"]
        raise KeyError(tag)

    def manifest(self, role, container=None):
        for name, data in self.files.items():
            if name.startswith("blobs/") and data[:1] == b"{" and "layers" in json.loads(data):
                notes = json.loads(data).get("annotations", {})
                if notes.get(ROLE) == role and container in (None, notes.get("org.firn.container")):
                    return sha256(data)
        raise KeyError(role)

    def layer(self, manifest, role):
        """the descriptor of the layer, and where it is in the manifest"""
        for i, layer in enumerate(self.doc(manifest)["layers"]):
            if layer.get("annotations", {}).get(LAYER) == role:
                return layer, i
        raise KeyError(role)

    def damage(self, digest, change):
        """other bytes under the same name"""
        data = bytearray(self.files[name_of(digest)])
        self.files[name_of(digest)] = bytes(change(data) or data)

    def replace(self, digest, data):
        """another blob in the place of this one; its digest"""
        del self.files[name_of(digest)]
        new = sha256(data)
        self.files[name_of(new)] = data
        while True:
            name = next((n for n, text in self.files.items()
                         if n != MARK and text[:1] == b"{" and digest.encode() in text), None)
            if name is None:
                return new
            changed = json.dumps(self.follow(json.loads(self.files[name]), digest, new, len(data))).encode()
            if name == INDEX:
                self.files[name] = changed
            else:
                self.replace("sha256:" + name[-64:], changed)

    def follow(self, doc, digest, new, size):
        if isinstance(doc, list):
            return [self.follow(x, digest, new, size) for x in doc]
        if not isinstance(doc, dict):
            return doc
        doc = {key: self.follow(value, digest, new, size) for key, value in doc.items()}
        if doc.get("digest") == digest:
            doc = {**doc, "digest": new, "size": size}
        return doc

    def edit(self, digest, change):
        doc = self.doc(digest)
        change(doc)
        return self.replace(digest, json.dumps(doc).encode())

    def new_layer(self, manifest, i, data, packed=None):
        """layer @i becomes @data, with a diff_id that is right and annotations that follow"""
        m = self.doc(manifest)
        old, config = m["layers"][i], m["config"]["digest"]
        old_id, new_id = self.doc(config)["rootfs"]["diff_ids"][i], sha256(data)
        self.edit(config, lambda c: c["rootfs"]["diff_ids"].__setitem__(i, new_id))
        new = self.replace(old["digest"], packed or data)
        for name, text in self.files.items():
            if name.startswith("blobs/") and text[:1] == b"{" and any(
                    d["digest"] == new for d in json.loads(text).get("layers", [])):
                break
        self.edit("sha256:" + name[-64:], lambda doc: doc.update(annotations={
            k.replace(old_id[7:], new_id[7:]): v for k, v in doc.get("annotations", {}).items()}))
        return new


def load(folder):
    files = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            with open(path, "rb") as f:
                files[os.path.relpath(path, folder)] = f.read()
    return files


def case(base, codes, place, options="", form="folder"):
    """a function that makes one fault; what it returns (may be None) goes into the place's pattern"""
    def add(f):
        cases.append((f.__name__, base, codes, place, options, form, f))
        return f
    return add


def flip(at, bits=1):
    def change(data):
        data[at] ^= bits
    return change


# --- the layout itself

@case("firn", "no-oci-layout", "oci-layout")
def no_mark(c):
    del c.files[MARK]


@case("firn", "bad-version", "oci-layout")
def mark_of_another_version(c):
    c.files[MARK] = b'{"imageLayoutVersion":"2.0.0"}'


@case("firn", "bad-json", "oci-layout")
def mark_is_no_json(c):
    c.files[MARK] = c.files[MARK][:-1]


@case("firn", "no-index", "index.json")
def no_index(c):
    del c.files[INDEX]


@case("firn", "bad-json", "index.json")
def index_is_cut(c):
    c.files[INDEX] = c.files[INDEX][:-20]


@case("firn", "bad-version", "index.json")
def index_of_another_version(c):
    c.files[INDEX] = c.files[INDEX].replace(b'"schemaVersion": 2', b'"schemaVersion":2').replace(
        b'"schemaVersion":2', b'"schemaVersion":3')


@case("firn", "bad-index", "index.json")
def index_without_list(c):
    c.files[INDEX] = b'{"schemaVersion":2}'


@case("firn", "bad-archive,missing-blob", "", form="archive")
def archive_is_cut(c):
    return None


# --- digests and sizes: a bit flip in each kind of file

@case("firn", "digest-differs", "{}")
def flip_in_index(c):
    i = c.tagged("r1")
    c.damage(i, lambda data: data.replace(b'"created":"2', b'"created":"3').replace(b'T0', b'T1', 1))
    return name_of(i)


@case("firn", "digest-differs", "{}")
def flip_in_manifest(c):
    m = c.manifest("checkpoint")
    c.damage(m, lambda data: data.replace(b'io.podman.annotations.checkpoint.rawImageName',
                                          b'io.podman.annotations.checkpoint.rawImageNamf'))
    return name_of(m)


@case("firn", "digest-differs", "{}")
def flip_in_config(c):
    config = c.doc(c.manifest("checkpoint"))["config"]["digest"]
    c.damage(config, lambda data: data.replace(b'"created":"2', b'"created":"3'))
    return name_of(config)


@case("firn", "digest-differs", "{}")
def flip_in_pages(c):
    layer, _ = c.layer(c.manifest("checkpoint"), "images")
    with tarfile.open(fileobj=io.BytesIO(c.files[name_of(layer["digest"])])) as tar:
        at = next(t.offset_data for t in tar if t.name.endswith("/pages-1.img"))
    c.damage(layer["digest"], flip(at + 5))
    return name_of(layer["digest"])


@case("firn", "index-differs,digest-differs", "{}")
def flip_in_superblock(c):
    layer, _ = c.layer(c.manifest("rootfs"), "delta")
    c.damage(layer["digest"], flip(1024 + 36))
    return name_of(layer["digest"])


@case("foreign", "digest-differs", "{}")
def flip_in_gzip(c):
    m = c.doc(c.tagged("1"))
    c.damage(m["layers"][0]["digest"], flip(-5))
    return name_of(m["layers"][0]["digest"])


@case("foreign", "digest-differs,bad-compression", "{}", "--deep")
def flip_in_gzip_deep(c):
    m = c.doc(c.tagged("1"))
    c.damage(m["layers"][0]["digest"], flip(-5))
    return name_of(m["layers"][0]["digest"])


@case("firn", "size-differs,digest-differs,index-differs,bad-tar,bad-checkpoint", "{}: layers.[0-9].")
def short_layer(c):
    m = c.manifest("checkpoint")
    layer, _ = c.layer(m, "images")
    c.damage(layer["digest"], lambda data: data[:-8192])
    return name_of(m)


@case("firn", "size-differs,bad-checkpoint", "{}: config")
def wrong_size(c):
    return name_of(c.edit(c.manifest("rootfs"), lambda m: m["config"].update(size=m["config"]["size"] + 1)))


# --- what is missing

@case("firn", "missing-blob", "{}: layers.[0-9].")
def missing_layer(c):
    m = c.manifest("checkpoint")
    del c.files[name_of(c.layer(m, "images")[0]["digest"])]
    return name_of(m)


@case("firn", "missing-blob", "{}: config")
def missing_config(c):
    m = c.manifest("rootfs")
    del c.files[name_of(c.doc(m)["config"]["digest"])]
    return name_of(m)


@case("firn", "missing-blob", "index.json: manifests.[0-9].|blobs.*: manifests.0.")
def missing_manifest(c):
    del c.files[name_of(c.manifest("checkpoint"))]


@case("firn", "missing-blob", ".*(manifests.[0-9].|subject)")
def missing_rootfs(c):
    del c.files[name_of(c.manifest("rootfs"))]


# --- documents that say another thing than what is there

@case("firn", "media-type-differs", "{}")
def manifest_of_another_type(c):
    return name_of(c.edit(c.manifest("rootfs"), lambda m: m.update(mediaType=TYPES["manifest"][1])))


@case("firn", "ambiguous", "{}")
def manifest_that_is_an_index(c):
    return name_of(c.edit(c.manifest("rootfs"), lambda m: m.update(manifests=[])))


@case("firn", "bad-descriptor", "{}: layers.0.")
def bad_digest(c):
    return name_of(c.edit(c.manifest("rootfs"), lambda m: m["layers"][0].update(digest="sha256:abc")))


@case("firn", "bad-manifest", "{}")
def no_layers(c):
    return name_of(c.edit(c.tagged("r1.rootfs"), lambda m: m.pop("layers")))


@case("firn", "diff-id-differs", "{}: diff_ids.[01].")
def swapped_layers(c):
    m = c.manifest("checkpoint")
    config = c.doc(m)["config"]["digest"]

    def swap(doc):
        one, two = doc["layers"][:2]
        for key in ("digest", "size"):
            one[key], two[key] = two[key], one[key]
    c.edit(m, swap)
    return name_of(config)


@case("firn", "diff-id-differs", "{}: diff_ids.0.")
def wrong_diff_id(c):
    m = c.doc(c.tagged("r1.rootfs"))
    # The annotations are of the layer that the diff_id was of.
    new = c.edit(m["config"]["digest"], lambda doc: doc["rootfs"]["diff_ids"].__setitem__(0, "sha256:" + "1" * 64))
    old = m["layers"][0]["digest"][7:]
    c.edit(c.manifest("rootfs"), lambda doc: doc.update(annotations={
        k.replace(old, "1" * 64): v for k, v in doc["annotations"].items()}))
    return name_of(new)


@case("foreign", "diff-id-differs", "{}: diff_ids.0.", "--deep")
def wrong_diff_id_of_gzip(c):
    m = c.doc(c.tagged("1"))
    return name_of(c.edit(m["config"]["digest"],
                          lambda doc: doc["rootfs"]["diff_ids"].__setitem__(0, "sha256:" + "1" * 64)))


@case("foreign", "diff-ids-count", "{}")
def diff_id_too_many(c):
    m = c.doc(c.tagged("1"))
    return name_of(c.edit(m["config"]["digest"], lambda doc: doc["rootfs"]["diff_ids"].append("sha256:" + "1" * 64)))


@case("foreign", "bad-config", "{}")
def config_without_rootfs(c):
    m = c.doc(c.tagged("1"))
    return name_of(c.edit(m["config"]["digest"], lambda doc: doc.pop("rootfs")))


@case("foreign", "wrong-compression", "{}")
def wrong_compression(c):
    m = c.doc(c.tagged("1"))
    c.edit(c.tagged("1"), lambda doc: doc["layers"][0].update(mediaType=TYPES["layer"][0] + "+zstd"))
    return name_of(m["layers"][0]["digest"])


@case("foreign", "data-differs", "index.json: manifests.0.")
def embedded_data(c):
    index = json.loads(c.files[INDEX])
    index["manifests"][0]["data"] = base64.b64encode(b"{}").decode()
    c.files[INDEX] = json.dumps(index).encode()


@case("foreign", "too-deep", "blobs/.*: manifests.0.")
def too_deep(c):
    index = json.loads(c.files[INDEX])
    entry = index["manifests"][0]
    for _ in range(9):
        entry = c.document(TYPES["index"][0], {"schemaVersion": 2, "mediaType": TYPES["index"][0],
                                               "manifests": [entry]})
    entry["annotations"] = {REF: "1"}
    c.index([entry])


# --- layers

@case("foreign", "bad-compression", "{}", "--deep")
def cut_gzip(c):
    m = c.doc(c.tagged("1"))
    data = c.files[name_of(m["layers"][0]["digest"])]
    return name_of(c.replace(m["layers"][0]["digest"], data[:-100]))


@case("foreign", "bad-tar", "{}", "--deep")
def tar_with_a_bad_checksum(c):
    m = c.doc(c.tagged("1"))
    data = bytearray(gzip.decompress(c.files[name_of(m["layers"][0]["digest"])]))
    data[148] ^= 1
    return name_of(c.new_layer(c.tagged("1"), 0, bytes(data), gzip.compress(bytes(data), mtime=0)))


@case("foreign", "bad-tar", "{}", "--deep")
def tar_that_leaves(c):
    data = tar_of({"etc/": b"", "../etc/passwd": b"x"})
    return name_of(c.new_layer(c.tagged("1"), 0, data, gzip.compress(data, mtime=0)))


@case("firn", "index-differs", "{}")
def other_index(c):
    m = c.manifest("rootfs")
    layer, i = c.layer(m, "delta")
    data = bytearray(c.files[name_of(layer["digest"])])
    data[1024 + 36] ^= 1
    return name_of(c.new_layer(m, i, bytes(data)))


@case("firn", "index-missing", "{}")
def no_index_in_layer(c):
    m = c.manifest("rootfs")
    layer, i = c.layer(m, "delta")
    return name_of(c.new_layer(m, i, tar_of({"etc/": b"", "etc/x": b"x"})))


# --- annotations

@case("firn", "annotation-differs", "blobs/.*: manifests.0.")
def role_in_the_index(c):
    c.edit(c.tagged("r1"), lambda doc: doc["manifests"][0]["annotations"].update({ROLE: "rootfs"}))


@case("firn", "bad-annotation", "{}")
def loss_is_no_list(c):
    return name_of(c.edit(c.manifest("checkpoint"), lambda doc: doc["annotations"].update({"org.firn.loss": "all"})))


@case("firn", "bad-annotation,layer-missing", "{}: layers.[0-9].")
def unknown_layer(c):
    m = c.manifest("checkpoint")
    def change(doc):
        layer = doc["layers"][c.layer(m, "images")[1]]
        layer["annotations"][LAYER] = "image"
        doc["annotations"][LAYER + "." + layer["digest"][7:]] = "image"
    return name_of(c.edit(m, change))


@case("firn", "annotation-differs", "{}")
def annotation_of_no_layer(c):
    return name_of(c.edit(c.manifest("rootfs"),
                          lambda doc: doc["annotations"].update({LAYER + "." + "2" * 64: "base"})))


@case("firn", "config-differs", "(.*: )?config.dump")
def config_of_another(c):
    c.edit(c.manifest("checkpoint"),
           lambda doc: doc["annotations"].update({"org.firn.config.digest": "sha256:" + "3" * 64}))


@case("pod", "subject-differs", "blobs/.*: manifests.[0-9].")
def subject_of_another(c):
    one, two = (c.doc(c.manifest("checkpoint", n)) for n in ("c1", "c2"))
    c.edit(c.manifest("checkpoint", "c1"), lambda doc: doc.update(subject=two["subject"]))


@case("pod", "duplicate-container,annotation-differs,subject-differs", "blobs/.*: manifests.[0-9].")
def two_of_one_name(c):
    c.edit(c.manifest("checkpoint", "c2"), lambda doc: doc["annotations"].update({"org.firn.container": "c1"}))


# --- docker-archives

@case("docker", "diff-id-differs", "config: diff_ids.1.", form="docker")
def docker_layer(path):
    good = docker_archive([tar_of({"bin/": b""}), tar_of({"etc/": b"", "etc/x": b"x"})])
    with tarfile.open(fileobj=io.BytesIO(good)) as old, tarfile.open(path, "w") as new:
        for t in old:
            data = old.extractfile(t).read() if t.isreg() else b""
            if t.name.endswith("1/layer.tar"):
                data = tar_of({"etc/": b"", "etc/x": b"y"})
                t.size = len(data)
            new.addfile(t, io.BytesIO(data))


# --- checkpoints; tests/unit/verify_set.c has many more

class Archive:
    """the members of an engine's archive, by name"""

    def __init__(self, data):
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            self.files = {t.name + "/" * t.isdir(): tar.extractfile(t).read() if t.isreg() else b"" for t in tar}

    def damage(self, name, change):
        data = bytearray(self.files[name])
        self.files[name] = bytes(change(data) or data)


def magic_case(name):
    def change(c):
        c.damage("checkpoint/" + name, flip(1 if name == "inventory.img" else 5))
    change.__name__ = "magic_of_" + name.replace("-", "_").replace(".", "_")
    case("archive", "image-magic,*", "checkpoint/" + name)(change)


for image in ("cgroup.img", "core-1.img", "fdinfo-2.img", "files.img", "fs-1.img", "ids-1.img", "inventory.img",
              "ipcns-var-10.img", "mm-1.img", "mountpoints-12.img", "pagemap-1.img", "pstree.img", "seccomp.img",
              "timens-0.img", "utsns-11.img"):
    magic_case(image)


@case("archive", "image-missing", "checkpoint/core-24.img")
def image_missing(c):
    del c.files["checkpoint/core-24.img"]


@case("archive", "pages-size", "checkpoint/pages-1.img")
def short_pages(c):
    c.damage("checkpoint/pages-1.img", lambda data: data[:-4096])


@case("archive", "pages-size", "checkpoint/pages-[12].img")
def swapped_pages(c):
    one, two = "checkpoint/pages-1.img", "checkpoint/pages-2.img"
    c.files[one], c.files[two] = c.files[two] + bytes(8192), c.files[one]


@case("archive", "image-framing,*", "checkpoint/core-1.img")
def cut_image(c):
    c.damage("checkpoint/core-1.img", lambda data: data[:-1])


@case("archive", "document-broken", "config.dump")
def cut_config(c):
    c.damage("config.dump", lambda data: data[:-3])


@case("archive", "document-missing", "spec.dump")
def no_spec(c):
    del c.files["spec.dump"]


@case("archive", "tar-broken", "rootfs-diff.tar")
def broken_delta(c):
    c.damage("rootfs-diff.tar", flip(1))


@case("archive", "bad-checkpoint", "", form="cut")
def checkpoint_is_cut(c):
    return None


def write_archive(c, form, out):
    data = tar_of(c.files)
    with open(out, "wb") as f:
        f.write(data[:len(data) // 2] if form == "cut" else data)


def write(c, form, out):
    if form == "folder":
        c.write(out)
        return
    # Within the last blob: all that is before it is whole.
    data = tar_of({name: c.files[name] for name in sorted(c.files, key=lambda n: (n.startswith("blobs"), n))})
    with open(out, "wb") as f:
        f.write(data[:data.rindex(b"ustar") - 257 + 512 + 100])


def main():
    folders, archive, out = dict(zip(("firn", "pod", "foreign"), sys.argv[1:4])), *sys.argv[4:]
    bases = {name: load(folder) for name, folder in folders.items()}
    with open(archive, "rb") as f:
        bases["archive"] = f.read()
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    for name, base, codes, place, options, form, change in cases:
        path = os.path.join(out, name)
        if form == "docker":
            said = change(path)
        elif base == "archive":
            c = Archive(bases[base])
            said = change(c)
            write_archive(c, form, path)
        else:
            c = Copy(bases[base])
            said = change(c)
            write(c, form, path)
        print("\t".join((name, options or "-", codes, place.format(said))))


main()

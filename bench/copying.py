# SPDX-License-Identifier: LGPL-2.1-or-later
"""firn copy beside skopeo and oras, and beside what a registry takes for the same bytes with no client at all. For
bench.py, whose helpers are the argument b of each."""
import hashlib
import http.client
import json
import os
import statistics
import subprocess
import threading
import time

HOST = "127.0.0.1:5099"
BLOBS = "blobs/sha256"


class Registry:
    """Debian's docker-registry on loopback, without TLS."""

    def __init__(self, b):
        self.b = b
        with open("/scratch/registry.yml", "w", encoding="ascii") as f:
            f.write("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
                    "storage: {filesystem: {rootdirectory: /scratch/registry}}\n"
                    f"http: {{addr: {HOST}}}\n")
        self.start()

    def start(self):
        with open("/scratch/registry.log", "wb") as log:
            self.server = subprocess.Popen(["docker-registry", "serve", "/scratch/registry.yml"], stdout=log, stderr=log)
        for _ in range(200):
            try:
                c = http.client.HTTPConnection(HOST)
                c.request("GET", "/v2/")
                c.getresponse().read()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("bench: the registry doesn't start")

    def end(self):
        self.server.terminate()
        self.server.wait()

    def empty(self):
        """As new, and nothing is on its way to the disk any more."""
        self.end()
        self.b.rm("/scratch/registry")
        os.sync()
        self.start()


def firn(source, target):
    return f"firn copy -q --plain-http {source} {target}"


def skopeo(source, target):
    """Told to keep the digests: the same bytes go through all of them."""
    return ("skopeo copy -q --all --preserve-digests --src-tls-verify=false --dest-tls-verify=false"
            f" {source} {target}")


def oras(source, target):
    words = ["oras cp --no-tty"]
    for side, ref in (("from", source), ("to", target)):
        kind, name = ref.split(":", 1)
        words.append(f"--{side}-oci-layout {name}" if kind == "oci" else f"--{side}-plain-http {name[2:]}")
    return " ".join(words)


TOOLS = (("firn", firn), ("skopeo", skopeo), ("oras", oras))


def loopback_bytes():
    with open("/sys/class/net/lo/statistics/tx_bytes", encoding="ascii") as f:
        return int(f.read())


def put_bare(path):
    """A blob in one request, from the page cache into the socket."""
    c = http.client.HTTPConnection(HOST)
    c.request("POST", "/v2/bench/blobs/uploads/", headers={"Content-Length": "0"})
    answer = c.getresponse()
    answer.read()
    to = answer.getheader("Location").split(HOST, 1)[1]
    size = os.path.getsize(path)
    c.putrequest("PUT", f"{to}&digest=sha256:{os.path.basename(path)}")
    c.putheader("Content-Length", str(size))
    c.putheader("Content-Type", "application/octet-stream")
    c.endheaders()
    at = 0
    with open(path, "rb") as f:
        while at < size:
            at += os.sendfile(c.sock.fileno(), f.fileno(), at, size - at)
    answer = c.getresponse()
    if answer.status != 201:
        raise RuntimeError(f"{path}: {answer.status} {answer.read()[:200]}")


def bare(runs, layout, before):
    """What the registry itself takes for all blobs of a layout at once, as a row."""
    paths = [f"{layout}/{BLOBS}/{n}" for n in os.listdir(f"{layout}/{BLOBS}")]
    times = []
    for _ in range(runs):
        before()
        failed = []

        def put(path):
            try:
                put_bare(path)
            except (OSError, RuntimeError, http.client.HTTPException) as e:
                failed.append(str(e))

        threads = [threading.Thread(target=put, args=(p,)) for p in paths]
        start = time.perf_counter()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        times.append(time.perf_counter() - start)
        if failed:
            raise SystemExit(f"bench: {failed[0]}")
    return {"s": statistics.median(times), "min": min(times), "max": max(times), "rss_kib": 0}


class Copying:
    """Rows of one group, each for every tool."""

    def __init__(self, b, runs, group, tools=TOOLS):
        self.b, self.runs, self.group, self.tools = b, runs, group, tools

    def row(self, what, source, target, before, goal=""):
        """@before(tool) makes the place that it is copied to; not measured."""
        ours = None
        for name, tool in self.tools:
            command = tool(source, target)
            before(tool)
            at = loopback_bytes()
            self.b.measure(command)
            moved = (loopback_bytes() - at) >> 10
            m = self.b.median(self.runs, command, lambda: before(tool), warm=True)
            ours = ours or m
            self.b.row(self.group, f"{what}, {name} ({moved} KiB)", m, ours, goal if name == "skopeo" else "")
        return ours


def bench_copy(b, runs, redis):
    b.sh("firn", "build", "--base", redis.base, redis.archive, "oci:/scratch/from:one")
    b.sh("firn", "build", "--base", redis.base, redis.later, "oci:/scratch/from:two")
    b.sh("firn", "copy", "oci:/scratch/from:one", "oci:/scratch/alone:one")
    size = b.size_of("/scratch/alone/blobs") >> 20
    b.head("copy", f"a redis checkpoint of {size} MiB, warm; bytes are those on the loopback in one run")
    r, rows = Registry(b), Copying(b, runs, "copy")
    new = lambda _: b.rm("/scratch/to")
    there = f"docker://{HOST}/bench"

    def fresh(_):
        r.empty()

    def with_one(tool):
        r.empty()
        b.sh(*tool("oci:/scratch/from:one", f"{there}:one").split())

    rows.row("layout to layout", "oci:/scratch/from:one", "oci:/scratch/to:one", new, "goal: 1.5x or more")
    ours = rows.row("first push", "oci:/scratch/from:one", f"{there}:one", fresh, "goal: 1.5x or more")
    b.row("copy", "the registry alone (sendfile, a PUT for each)", bare(runs, "/scratch/alone", r.empty), ours,
          "what no client can be faster than")
    rows.row("the same again", "oci:/scratch/from:one", f"{there}:one", with_one)
    rows.row("push of a second checkpoint", "oci:/scratch/from:two", f"{there}:two", with_one)
    with_one(firn)
    rows.row("pull", f"{there}:one", "oci:/scratch/to:one", new, "goal: 1.5x or more")
    r.end()
    b.rm("/scratch/from", "/scratch/alone", "/scratch/to", "/scratch/registry")


def firn_packing(source, target):
    return f"firn copy -q --plain-http --compress zstd {source} {target}"


def skopeo_packing(source, target):
    """Its own level of zstd that corresponds; its layers can't be mounted."""
    return ("skopeo copy -q --all --src-tls-verify=false --dest-tls-verify=false --dest-compress-format zstd"
            f" --dest-compress-level 3 {source} {target}")


def bench_packing(b, runs, redis):
    b.sh("firn", "build", "--base", redis.base, redis.archive, "oci:/scratch/from:one")
    b.head("copy compressed", f"the same checkpoint, {b.size_of('/scratch/from/blobs') >> 20} MiB, to the registry with zstd level 3 on the way, warm")
    r, rows = Registry(b), Copying(b, runs, "copy compressed", (("firn", firn_packing), ("skopeo", skopeo_packing)))
    there = f"docker://{HOST}/bench:one"
    rows.row("first push", "oci:/scratch/from:one", there, lambda _: r.empty(), "goal: 1.5x or more")

    def with_it(tool):
        r.empty()
        b.sh(*tool("oci:/scratch/from:one", there).split())

    rows.row("the same again", "oci:/scratch/from:one", there, with_it)
    r.end()
    b.rm("/scratch/from", "/scratch/registry")


def image_of(top, layers, mib):
    """An image of so many layers of noise, as a layout with the tag "t"."""
    os.makedirs(f"{top}/{BLOBS}")

    def put(data, media):
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{top}/{BLOBS}/{digest}", "wb") as f:
            f.write(data)
        return {"mediaType": f"application/vnd.oci.image.{media}", "digest": f"sha256:{digest}", "size": len(data)}

    def document(value, media):
        return put(json.dumps(value).encode(), media)

    named = [put(os.urandom(mib << 20), "layer.v1.tar") for _ in range(layers)]
    config = document({"architecture": "amd64", "os": "linux", "config": {},
                       "rootfs": {"type": "layers", "diff_ids": [d["digest"] for d in named]}}, "config.v1+json")
    root = document({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
                     "layers": named}, "manifest.v1+json")
    root["annotations"] = {"org.opencontainers.image.ref.name": "t"}
    with open(f"{top}/oci-layout", "w", encoding="ascii") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    with open(f"{top}/index.json", "w", encoding="ascii") as f:
        json.dump({"schemaVersion": 2, "manifests": [root]}, f)


def bench_layers(b, runs, mib):
    """Where there are enough blobs to go side by side."""
    layers = 10
    b.head("copy layers", f"an image of {layers} layers of {mib} MiB of noise, warm")
    image_of("/scratch/layers", layers, mib)
    r, rows = Registry(b), Copying(b, runs, "copy layers")
    there = f"docker://{HOST}/bench:t"
    ours = rows.row("push", "oci:/scratch/layers:t", there, lambda _: r.empty())
    b.row("copy layers", "the registry alone (sendfile, a PUT for each)", bare(runs, "/scratch/layers", r.empty), ours,
          "what no client can be faster than")
    r.empty()
    b.sh(*firn("oci:/scratch/layers:t", there).split())
    rows.row("pull", there, "oci:/scratch/to:t", lambda _: b.rm("/scratch/to"))
    r.end()
    b.rm("/scratch/layers", "/scratch/to", "/scratch/registry")

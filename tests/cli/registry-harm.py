#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A registry that means harm, over TLS: registry-harm.py CERT KEY PORTS LOG

PORTS gets its two ports when it listens, and the digest of its only manifest. The second one is another host, for the first to lead to.
LOG gets a line for each request: first or second, whether the client has shown a certificate, the path, and "auth" for who said who they are.

A tag is the harm that is done: see MANIFESTS and LEADS. So is the name of a repository, for its blobs, uploads, tags and referrers."""
import base64
import hashlib
import http.server
import itertools
import json
import os
import re
import ssl
import sys
import threading

cert, key, ports, log = sys.argv[1:]
INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE = "application/vnd.oci.image.manifest.v1+json"
LIMIT = 4 << 20  # bytes of a document that are read
MILLION = 10 ** 6
ME = "Basic " + base64.b64encode(b"me:secret").decode()
LAYER = b"x" * 1000


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


manifest = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
DIGEST = digest(manifest)
page = json.dumps({"schemaVersion": 2, "manifests": [
    {"mediaType": IMAGE, "digest": "sha256:" + "ab" * 32, "size": 7, "annotations": {"long": "x" * (1 << 20)}}]}).encode()
entry = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:" + "ab" * 32, "size": 7}
config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2}
image = json.dumps({"schemaVersion": 2, "mediaType": IMAGE, "config": config,
                    "layers": [{"mediaType": "application/x-noise", "digest": digest(LAYER), "size": len(LAYER)}]}).encode()


def many(head, one, tail, n):
    """A document with n of something in a list, in pieces."""
    yield head
    for at in range(0, n, 1000):
        yield b",".join([one] * min(1000, n - at)) + (b"," if at + 1000 < n else b"")
    yield tail


def layers(one, n):
    return many(b'{"schemaVersion":2,"mediaType":"' + IMAGE.encode() + b'","config":' + json.dumps(config).encode() + b',"layers":[', one, b"]}", n)


def manifests(one, n):
    return many(b'{"schemaVersion":2,"mediaType":"' + INDEX.encode() + b'","manifests":[', one, b"]}", n)


DESCRIPTOR = json.dumps(entry).encode()
ZEROS = bytes(65536)
# What a tag is: its pieces. A number: so many zeros, "endless" without an end.
MANIFESTS = {
    "gib": 1 << 30,
    "endless": "endless",
    "million-layers": lambda: layers(DESCRIPTOR, MILLION),
    "many-layers": lambda: layers(DESCRIPTOR, LIMIT // (len(DESCRIPTOR) + 2)),
    "empty-layers": lambda: layers(b"{}", LIMIT // 3 - 1000),
    "million-entries": lambda: manifests(DESCRIPTOR, MILLION),
    "many-entries": lambda: manifests(DESCRIPTOR.replace(b"layer.v1.tar", b"manifest.v1+json"), LIMIT // (len(DESCRIPTOR) + 9)),
    "numbers": lambda: layers(b"1", LIMIT // 2 - 1000),
    "keys": lambda: [b"{" + b",".join(b'"%x":1' % n for n in range(LIMIT // 11)) + b"}"],
    "deep": lambda: [b"[" * (LIMIT - 1)],
    "text": lambda: [b'{"schemaVersion":2,"mediaType":"' + INDEX.encode() + b'","manifests":[],"annotations":{"a":"' + b"x" * (LIMIT - 200) + b'"}}'],
    "image": lambda: [image],
}
LEADS = {"long": "/" + "x" * 9000, "file": "file:///etc/passwd", "gopher": "gopher://localhost/", "user": "https://me:secret@localhost/", "t": "/there"}


KEPT = {}  # what tags were, by digest
counter = itertools.count()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def log_message(self, *args):
        pass

    def answer(self, status, headers=None, body=b""):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if body == "endless":
            self.send_header("Transfer-Encoding", "chunked")
            pieces = itertools.repeat(b"10000\r\n" + ZEROS + b"\r\n")
        elif isinstance(body, int):
            self.send_header("Content-Length", str(body))
            pieces = itertools.repeat(ZEROS, body // len(ZEROS))
        elif callable(body):
            pieces = [b"".join(body())]
            KEPT[digest(pieces[0])] = body
            self.send_header("Content-Length", str(sum(map(len, pieces))))
        else:
            self.send_header("Content-Length", str(len(body)))
            pieces = [body]
        self.end_headers()
        if self.command != "HEAD":
            for piece in pieces:
                self.wfile.write(piece)
        self.wfile.flush()

    def lead(self, where):
        there = f"https://localhost:{servers[1].server_port}"
        self.answer(307, {"Location": there + where if where.startswith("/") else where})

    def manifest(self, tag):
        if tag in LEADS and self.server.name == "first":
            self.lead(LEADS[tag])
        elif tag == "headers":
            self.answer(200, {f"X-{n}": "x" * 1000 for n in range(1000)}, manifest)
        elif tag == "header":
            self.answer(200, {"X": "x" * 60000, "Y": "y" * 60000}, manifest)
        elif tag == "told":
            self.answer(200, {"Content-Type": INDEX, "Docker-Content-Digest": "sha256:" + "0" * 64}, manifest)
        elif tag in MANIFESTS:
            self.answer(200, {"Content-Type": IMAGE}, MANIFESTS[tag])
        elif tag in KEPT:
            self.answer(200, {"Content-Type": IMAGE}, KEPT[tag])
        elif tag == DIGEST:
            self.answer(200, {"Content-Type": INDEX}, manifest)
        elif tag == digest(image):
            self.answer(200, {"Content-Type": IMAGE}, image)
        elif tag.startswith("sha256:"):
            self.answer(200, {"Content-Type": INDEX}, manifest)
        else:
            self.answer(404)

    def blob(self, harm, what):
        if self.command == "HEAD":
            self.answer(404)
        elif what == config["digest"]:
            self.answer(200, {}, b"{}")
        elif harm == "away":
            self.lead("/blob")
        elif harm == "file":
            self.answer(307, {"Location": "file:///etc/passwd"})
        else:
            self.answer(200, {}, {"endless": "endless", "gib": 1 << 30, "longer": LAYER + b"x", "lie": LAYER[1:] + b"y"}[harm])

    def uploads(self, harm):
        if self.command == "POST":
            there = f"https://localhost:{servers[1].server_port}/v2/{harm}/b/blobs/uploads/1"
            self.answer(202, {"Location": {"away": there, "file": "file:///tmp/x", "long": "/" + "x" * 9000,
                                           "nothing": ""}.get(harm, f"/v2/{harm}/b/blobs/uploads/1")})
            return
        self.rfile.read(int(self.headers["Content-Length"]))
        if harm == "lie":
            self.answer(201, {"Docker-Content-Digest": "sha256:" + "0" * 64})
        elif harm == "endless":
            self.answer(400, {}, "endless")
        elif harm == "lost":
            self.answer(405 if self.command == "PUT" else 202, {"Range": "0-99999999"})
        else:
            self.answer(201)

    def referrers(self, harm):
        if harm == "empty":
            self.answer(200, {"Link": f"<{self.path}>; rel=next"}, b'{"schemaVersion":2,"manifests":[]}')
        elif harm == "more":
            self.answer(200, {"Link": f"</v2/more/b/referrers/x?{next(counter)}>; rel=next"}, b'{"schemaVersion":2,"manifests":[]}')
        elif harm == "elsewhere":
            self.answer(200, {"Link": f"<https://localhost:{servers[1].server_port}/page>; rel=next"}, page)
        else:
            self.answer(200, {"Link": f"</v2/{harm}/b/referrers/x?{next(counter)}>; rel=next"}, page)

    def tags(self, harm):
        if harm == "many":
            self.answer(200, {}, lambda: many(b'{"name":"many/b","tags":[', b'"tag"', b"]}", MILLION))
        elif harm == "gib":
            self.answer(200, {}, 1 << 30)
        else:
            self.answer(200, {"Link": f"</v2/a/b/tags/list?{next(counter) % 5}>; rel=next"}, b'{"name":"a/b","tags":["x"]}')

    def do_any(self):
        given = self.headers.get("Authorization")
        with open(log, "a") as f:
            f.write(f"{self.server.name} {'certificate' if self.connection.getpeercert() else '-'} {self.path}{' auth' if given else ''}\n")
        if self.path.startswith("/token"):
            self.answer(200, {}, 1 << 30)
            return
        found = re.match(r"/v2/([^/]*)/b/(blobs/uploads|blobs|manifests|tags|referrers)/([^/?]*)", self.path)
        if not found:
            self.answer(404)
            return
        harm, kind, what = found.groups()
        if harm.startswith("token") and self.server.name == "first":
            realm = {"token": "/token", "token-file": "file:///etc/passwd"}[harm]
            self.answer(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})
        elif harm in ("away", "secret") and self.server.name == "first" and given != ME:
            self.answer(401, {"WWW-Authenticate": 'Basic realm="here"'})
        elif kind == "blobs/uploads":
            self.uploads(harm)
        elif kind == "blobs":
            self.blob(harm, what)
        elif kind == "manifests" and self.command == "PUT":
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(201)
        elif kind == "manifests":
            self.manifest(what)
        elif kind == "tags":
            self.tags(harm)
        else:
            self.referrers(harm)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_any


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args):
        pass


def serve(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(cert)
    context.verify_mode = ssl.CERT_OPTIONAL
    server = Server(("127.0.0.1", 0), Handler)
    server.name = name
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


servers = [serve("first"), serve("second")]
for s in servers:
    threading.Thread(target=s.serve_forever, daemon=True).start()
with open(ports + ".new", "w") as f:
    f.write(f"{servers[0].server_port} {servers[1].server_port} {DIGEST}\n")
os.rename(ports + ".new", ports)
threading.Event().wait()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A registry that has the images of a layout, to be read only: range-registry.py LAYOUT PORT LOG [FAULT]

Every repository is the layout. The port is written to PORT when it listens. LOG gets a line for each answer: method, path, status, first and last byte
asked for, and the bytes that were sent, headers included. FAULT, of answers that have a part of a blob:

whole     all of it, with 200: a registry that knows no ranges
elsewhere another part than was asked for, and it says so
short     less than it announces, then the end
changed   other bytes each time"""
import http.server
import json
import os
import re
import sys

layout, port_file, log_file = sys.argv[1:4]
fault = sys.argv[4] if len(sys.argv) > 4 else ""
answers = 0


def tags():
    with open(os.path.join(layout, "index.json")) as f:
        entries = json.load(f)["manifests"]
    return {e["annotations"]["org.opencontainers.image.ref.name"]: e["digest"] for e in entries
            if "org.opencontainers.image.ref.name" in e.get("annotations", {})}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body go out together: else Nagle and delayed acknowledgements make each answer late.
    wbufsize = 1 << 16

    def log_message(self, *args):
        pass

    def answer(self, status, headers, body, announced=None, told="-"):
        headers = {"Content-Length": str(len(body) if announced is None else announced), **headers}
        head = f"HTTP/1.1 {status} Answer\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        sent = head.encode() + (b"" if self.command == "HEAD" else body)
        with open(log_file, "a") as log:
            log.write(f"{self.command} {self.path} {status} {told} {len(sent)}\n")
        self.wfile.write(sent)
        self.wfile.flush()
        if announced is not None:
            self.close_connection = True

    def do_GET(self):
        m = re.match(r"/v2/(?:(.+)/(manifests|blobs)/([^/]+))?$", self.path)
        if not m:
            return self.answer(404, {}, b'{"errors":[{"code":"UNSUPPORTED"}]}')
        if not m[1]:
            return self.answer(200, {}, b"{}")
        digest = m[3] if ":" in m[3] else tags().get(m[3], "none:")
        path = os.path.join(layout, "blobs", *digest.split(":"))
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest) or not os.path.exists(path):
            return self.answer(404, {}, b'{"errors":[{"code":"UNKNOWN"}]}')
        with open(path, "rb") as f:
            return self.document(f, digest) if m[2] == "manifests" else self.blob(f)

    do_HEAD = do_GET

    def document(self, f, digest):
        body = f.read()
        try:
            doc = json.loads(body)
            kind = doc.get("mediaType") or f"application/vnd.oci.image.{'index' if 'manifests' in doc else 'manifest'}.v1+json"
        except (ValueError, AttributeError):
            return self.answer(404, {}, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        return self.answer(200, {"Content-Type": kind, "Docker-Content-Digest": digest}, body)

    def blob(self, f):
        global answers
        size = os.fstat(f.fileno()).st_size
        m = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if self.command == "HEAD":
            return self.answer(200, {"Content-Length": str(size)}, b"")
        if not m or fault == "whole":
            return self.answer(200, {}, f.read())
        first, last = int(m[1]), min(int(m[2] or size - 1), size - 1)
        asked = f"{first}-{last}"
        if first > last:
            return self.answer(416, {"Content-Range": f"bytes */{size}"}, b"")
        if fault == "elsewhere":
            first, last = (first + 4096, last) if last - first > 4096 else (first, last - 1)
        f.seek(first)
        body = f.read(last - first + 1)
        answers += 1
        if fault == "changed":
            body = bytes(b ^ answers & 0xff for b in body)
        announced = len(body) if fault == "short" else None
        return self.answer(206, {"Content-Range": f"bytes {first}-{last}/{size}"}, body[:len(body) // 2] if fault == "short" else body, announced, asked)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(port_file + ".new", "w") as f:
    f.write(f"{server.server_port}\n")
os.rename(port_file + ".new", port_file)
server.serve_forever()

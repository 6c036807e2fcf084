#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small registry (distribution-spec 1.1) in memory, whose connections break as they are told to.

usage: registry-small.py PORT_FILE RULES LOG

RULES is a file with an object of JSON, read again for each request. Without a member nothing of that kind happens:

  "keep"     what an upload that is cut leaves: "bytes" all that came (the default), "requests" what came in whole requests,
             "offset" all that came, but an address is good only at the offset that it was given out for, as Docker's has it
  "carry"    bytes of bodies after which a connection is cut
  "stall"    bytes of an upload after which nothing more is read from that connection
  "cuts"     {"seed": N, "p": P, "times": N}: a request or its answer is cut at a random byte with that probability, so often
  "no_put"   one PUT with a body is answered 405; "no_patch": a PATCH is
  "most"     bytes of a body above which it is answered 413
  "elsewhere" blobs and uploads are at that address (http://...), another host to whoever looks at names and ports

LOG gets a line for each request: METHOD PATH STATUS BYTES-THAT-CAME, "cut" for a status where there was none."""
import hashlib
import http.server
import json
import os
import random
import re
import socket
import sys
import threading
import time
import urllib.parse
import uuid

port_file, rules_file, log_file = sys.argv[1:]
PIECE = 65536
lock = threading.RLock()
blobs, manifests, types, sessions, dice = {}, {}, {}, {}, {}


class Cut(Exception):
    pass


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    carried = 0

    def log_message(self, *args):
        pass

    def note(self, status):
        with lock, open(log_file, "a") as f:
            f.write(f"{self.command} {self.path} {status} {self.came}\n")

    def carries(self, n):
        """How many of the next n bytes go through before it is cut."""
        left = min(n, self.rules["carry"] - self.carried) if "carry" in self.rules else n
        if self.cut_at is not None:
            left = min(left, self.cut_at)
            self.cut_at -= left
        if left <= 0 < n:
            raise Cut
        self.carried += left
        return left

    def body(self, take=None):
        """The request's body, to take() as it comes."""
        data, length = bytearray(), int(self.headers.get("Content-Length", "0"))
        while self.came < length:
            piece = self.rfile.read(self.carries(min(PIECE, length - self.came)))
            if not piece:
                raise Cut
            self.came += len(piece)
            data += piece
            if take:
                take(piece)
                if len(self.session) >= self.rules.get("stall", 1 << 60):
                    self.note("stall")
                    time.sleep(1000)
        return bytes(data)

    def answer(self, status, headers=None, data=b"", came=True):
        self.send_response(status)
        for k, v in (headers or {}).items():
            self.send_header(k, v)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        if not came:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.flush()
        at = 0
        while self.command != "HEAD" and at < len(data):
            n = self.carries(min(PIECE, len(data) - at))
            self.wfile.write(data[at:at + n])
            at += n
        if self.cut_at is not None and self.command == "GET":
            raise Cut
        self.note(status)

    def where(self, name, session):
        here = self.rules.get("elsewhere", "")
        return {"Location": f"{here}/v2/{name}/blobs/uploads/{session}?at={len(sessions[session])}",
                **({"Range": f"0-{len(sessions[session]) - 1}"} if sessions[session] else {"Range": "0-0"})}

    def upload(self, name, session, query):
        kept = sessions.get(session)
        if kept is None or (self.rules.get("keep") == "offset" and int(query["at"][0]) != len(kept)):
            return self.answer(404, {}, b'{"errors":[{"code":"BLOB_UPLOAD_INVALID"}]}', came=self.command == "GET")
        if self.command == "GET":
            return self.answer(204, self.where(name, session))
        length = int(self.headers.get("Content-Length", "0"))
        if self.rules.get("no_" + self.command.lower()) and length:
            return self.answer(405, came=False)
        if length > self.rules.get("most", 1 << 60):
            return self.answer(413, came=False)
        begin = re.match(r"(\d+)-(\d+)$", self.headers.get("Content-Range", f"{len(kept)}-{len(kept) + length - 1}"))
        if length and (int(begin.group(1)) != len(kept) or int(begin.group(2)) != len(kept) + length - 1):
            return self.answer(416, self.where(name, session), came=False)
        self.session = kept
        whole = self.rules.get("keep") == "requests"
        data = self.body(None if whole else kept.extend)
        if whole:
            kept.extend(data)
        if self.command == "PATCH":
            return self.answer(202, self.where(name, session))
        del sessions[session]
        if digest_of(kept) != query["digest"][0]:
            return self.answer(400, {}, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
        blobs[name, query["digest"][0]] = bytes(kept)
        return self.answer(201, {"Location": f"/v2/{name}/blobs/{query['digest'][0]}"})

    def blob(self, name, digest):
        data = blobs.get((name, digest))
        if data is None:
            return self.answer(404)
        part = re.match(r"bytes=(\d+)-(\d+)$", self.headers.get("Range", ""))
        if not part:
            return self.answer(200, {"Content-Type": "application/octet-stream"}, data)
        first, last = int(part.group(1)), min(int(part.group(2)), len(data) - 1)
        return self.answer(206, {"Content-Range": f"bytes {first}-{last}/{len(data)}"}, data[first:last + 1])

    def manifest(self, name, reference):
        if self.command == "PUT":
            data = self.body()
            digest = digest_of(data)
            with lock:
                types[name, digest] = self.headers["Content-Type"]
                manifests[name, digest] = data
                manifests[name, reference] = data
            return self.answer(201, {"Docker-Content-Digest": digest})
        data = manifests.get((name, reference))
        if data is None:
            return self.answer(404)
        return self.answer(200, {"Content-Type": types[name, digest_of(data)], "Docker-Content-Digest": digest_of(data)}, data)

    def ask(self):
        url = urllib.parse.urlparse(self.path)
        query = urllib.parse.parse_qs(url.query)
        found = re.match(r"/v2/(.*)/(blobs/uploads|blobs|manifests|tags|referrers)/([^/]*)$", url.path)
        if not found:
            return self.answer(200 if url.path == "/v2/" else 404)
        name, kind, what = found.groups()
        if kind == "blobs/uploads" and self.command == "POST":
            session = str(uuid.uuid4())
            sessions[session] = bytearray()
            return self.answer(202, self.where(name, session))
        if kind == "blobs/uploads":
            return self.upload(name, what, query)
        if kind == "blobs":
            return self.blob(name, what)
        if kind == "manifests":
            return self.manifest(name, what)
        if kind == "tags":
            tags = sorted(r for n, r in manifests if n == name and ":" not in r)
            return self.answer(200, {}, json.dumps({"name": name, "tags": tags}).encode())
        return self.answer(404)

    def roll(self):
        """Whether, and after how many bytes, this one is cut."""
        cuts = self.rules.get("cuts")
        self.cut_at = None
        if not cuts:
            return
        with lock:
            d = dice.setdefault(json.dumps(cuts), [random.Random(cuts["seed"]), cuts["times"]])
            if d[1] > 0 and d[0].random() < cuts["p"]:
                d[1] -= 1
                size = int(self.headers.get("Content-Length", "0")) or len(blobs.get((self.path.split("/blobs/")[0][4:], self.path.split("/")[-1]), b""))
                self.cut_at = int(d[0].random() * (size + 2))

    def do_any(self):
        with open(rules_file) as f:
            self.rules = json.load(f)
        self.came = 0
        self.roll()
        try:
            self.ask()
            return
        except (Cut, OSError):
            pass
        self.note("cut")
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_any


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *args):
        pass


server = Server(("127.0.0.1", 0), Handler)
open(log_file, "a").close()
with open(port_file + ".new", "w") as port:
    port.write(f"{server.server_port}\n")
os.rename(port_file + ".new", port_file)
server.serve_forever()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A registry that takes its time, for what is shown meanwhile: slow-registry.py PORT RATE THERE ELSEWHERE

PORT gets its port when it listens. Uploads are taken at RATE bytes a second on each connection, and thrown away.
THERE and ELSEWHERE are digests (or parts of one, "-" for none) that it has, and that another repository has."""
import hashlib
import http.server
import os
import re
import socket
import sys
import time

port, rate, there, elsewhere = sys.argv[1:]
PIECE = 16384


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def take(self):
        left, data = int(self.headers.get("Content-Length", 0)), hashlib.sha256()
        while left:
            piece = self.rfile.read(min(PIECE, left))
            if not piece:
                return None
            data.update(piece)
            left -= len(piece)
            if int(self.headers["Content-Length"]) > PIECE:
                time.sleep(len(piece) / float(rate))
        return data.hexdigest()

    def do_HEAD(self):
        self.answer(200 if there in self.path else 404)

    def do_POST(self):
        if f"mount=sha256:{elsewhere}" in self.path:
            self.answer(201, Location="/")
        else:
            self.answer(202, Location="/v2/upload/")

    def do_PATCH(self):
        self.take()
        last = re.match(r"\d+-(\d+)", self.headers.get("Content-Range", "0-0"))[1]
        self.answer(202, Location="/v2/upload/", Range=f"0-{last}")

    def do_PUT(self):
        digest = self.take()
        self.answer(201, Location="/", **({"Docker_Content_Digest": f"sha256:{digest}"} if "/manifests/" in self.path else {}))


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *args):
        """Who is interrupted doesn't say good-bye."""

    def server_bind(self):
        # So that the sender knows soon what was taken.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        super().server_bind()


server = Server(("127.0.0.1", 0), Handler)
with open(port + ".new", "w") as f:
    f.write(f"{server.server_port}\n")
os.rename(port + ".new", port)
server.serve_forever()

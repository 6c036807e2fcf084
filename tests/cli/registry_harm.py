#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A registry that means harm, over TLS: registry_harm.py CERT KEY PORTS LOG

PORTS gets its two ports when it listens, and the digest of its only manifest. Tags lead to the second one, referrers come in pages without an end.
LOG gets a line for each request: first or second, whether the client has shown a certificate, and the path."""
import http.server
import hashlib
import json
import os
import ssl
import sys
import threading

cert, key, ports, log = sys.argv[1:]
INDEX = "application/vnd.oci.image.index.v1+json"
manifest = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
DIGEST = "sha256:" + hashlib.sha256(manifest).hexdigest()
page = json.dumps({"schemaVersion": 2, "manifests": [
    {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + "ab" * 32, "size": 7, "annotations": {"long": "x" * (1 << 20)}}]}).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        with open(log, "a") as f:
            f.write(f"{self.server.name} {'certificate' if self.connection.getpeercert() else '-'} {self.path}\n")
        status, headers, body = 404, {}, b""
        if "/referrers/" in self.path:
            status, headers, body = 200, {"Link": f"<{self.path}>; rel=next"}, page
        elif self.path.endswith(DIGEST):
            status, headers, body = 200, {"Content-Type": INDEX}, manifest
        elif self.path.endswith("/manifests/long"):
            status, headers = 307, {"Location": f"https://localhost:{servers[1].server_port}/{'x' * 9000}"}
        elif self.server.name == "first" and "/manifests/" in self.path:
            status, headers = 307, {"Location": f"https://localhost:{servers[1].server_port}/there"}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(cert)
    context.verify_mode = ssl.CERT_OPTIONAL
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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

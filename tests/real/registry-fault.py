#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Between a client and a registry: everything that goes wrong on the way, on demand.

usage: registry-fault.py PORT TARGET_PORT RULES LOG [CERT KEY]

RULES is a file of JSON, read again for each request: a list of rules, of which the first that matches is taken.

  {"match": "GET .*/blobs/", "times": 2, "do": "status", "status": 429, "headers": {"Retry-After": "0"}}

"match" is a pattern for "METHOD PATH", "times" how often the rule is good for (always without it), "do" is
  status    answer that, with "headers" and "body"
  cut       the connection: after "request" bytes of the request's body, or "answer" bytes of the answer's
  random    the same at random places with probability "p", from "seed" on
  delay     for "seconds", then pass
  carry     "bytes" of the bodies on a connection, which is cut then
  short     announce the right length and send one byte less; long: a byte more; wrong: announce one byte more
  endless   an answer that never ends
  lie       change a byte of the body; "header": say another digest of it
  plain     take the Range header away
  token     want a bearer token of "realm" and its scopes; "user" may have it ("USER:PASSWORD"); give it out at /token
  basic     want "user"

LOG gets a line for each request: METHOD PATH, the status, "auth" or "-" and the bytes of both bodies.
"""
import base64
import hashlib
import http.client
import http.server
import json
import random
import re
import socket
import ssl
import sys
import threading
import time
import urllib.parse

port, target, rules_file, log_file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
lock = threading.Lock()
taken = {}
dice = {}
PIECE = 16384
HOP = ("connection", "transfer-encoding", "keep-alive")


class Cut(Exception):
    pass


def find_rule(what):
    with lock, open(rules_file) as f:
        for i, rule in enumerate(json.load(f)):
            key = json.dumps(rule, sort_keys=True) + str(i)
            if re.search(rule["match"], what) and taken.get(key, 0) < rule.get("times", 1 << 30):
                taken[key] = taken.get(key, 0) + 1
                return dict(rule)
    return {"do": "pass"}


def token_for(scopes):
    return hashlib.sha256(" ".join(sorted(scopes)).encode()).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    carried = 0  # by this connection, before this request

    def log_message(self, *args):
        pass

    def note(self, status, sent, got):
        with lock, open(log_file, "a") as f:
            auth = "auth" if self.headers.get("Authorization") else "-"
            f.write(f"{self.command} {self.path} {status} {auth} {sent} {got}\n")

    def answer(self, status, headers=None, body=b""):
        if isinstance(body, str):
            body = body.encode()
        self.send_response(status)
        for k, v in (headers or {}).items():
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        # What the client still sends is read by nobody.
        if self.headers.get("Content-Length", "0") != "0":
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)
        self.note(status, 0, len(body))

    def may_pass(self, rule):
        given = self.headers.get("Authorization", "")
        who = "Basic " + base64.b64encode(rule["user"].encode()).decode()
        if rule["do"] == "basic":
            if given == who:
                return True
            self.answer(401, {"WWW-Authenticate": 'Basic realm="test"'})
            return False
        url = urllib.parse.urlparse(self.path)
        if url.path == "/token":
            query = urllib.parse.parse_qs(url.query)
            if given != who:
                self.answer(401)
            else:
                self.answer(200, {}, json.dumps({"token": token_for(query.get("scope", [])), "expires_in": rule.get("expires", 60)}))
            return False
        name = re.match(r"/v2/(.*)/(manifests|blobs|tags|referrers)/", url.path)
        pull = [f"repository:{name.group(1)}:pull"] if name else []
        push = [f"repository:{name.group(1)}:pull,push"] if name else []
        mount = urllib.parse.parse_qs(url.query).get("from", [])
        good = [token_for(push + [f"repository:{m}:pull" for m in mount])]
        if self.command in ("GET", "HEAD"):
            good += [token_for(pull), token_for(push)]
        if given in ["Bearer " + g for g in good]:
            return True
        scope = (push if self.command not in ("GET", "HEAD") else pull) or [""]
        self.answer(401, {"WWW-Authenticate": f'Bearer realm="{rule["realm"]}",service="test",scope="{scope[0]}"'})
        return False

    def forward(self, rule):
        length = int(self.headers.get("Content-Length", "0"))
        up = http.client.HTTPConnection("127.0.0.1", target, timeout=60)
        up.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for k, v in self.headers.items():
            if k.lower() in HOP or (k.lower() == "range" and rule["do"] == "plain") or (k.lower() == "authorization" and rule["do"] in ("token", "basic")):
                continue
            up.putheader(k, v)
        if isinstance(self.connection, ssl.SSLSocket):
            up.putheader("X-Forwarded-Proto", "https")
        up.endheaders()
        sent = 0
        self.carried += length
        while sent < length:
            some = min(PIECE, length - sent)
            if "request" in rule:
                some = min(some, rule["request"] - sent)
                if some <= 0:
                    up.sock.shutdown(socket.SHUT_RDWR)
                    raise Cut
            data = self.rfile.read(some)
            if not data:
                up.sock.shutdown(socket.SHUT_RDWR)
                raise Cut
            up.send(data)
            sent += len(data)
        return up, up.getresponse(), sent

    def back(self, rule, r, sent):
        head = self.command == "HEAD"
        length = r.getheader("Content-Length")
        total = int(length) if length else None
        do = rule["do"]
        self.send_response(r.status)
        for k, v in r.getheaders():
            if k.lower() in HOP or (k.lower() == "content-length" and do in ("wrong", "endless")):
                continue
            if k.lower() == "docker-content-digest" and "header" in rule:
                v = "sha256:" + "0" * 64
            self.send_header(k, v)
        if do == "wrong":
            self.send_header("Content-Length", str(total + 1))
        if do == "endless":
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        got = 0
        while not head and do == "endless":
            self.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")
        while not head and r.status != 204:
            data = r.read(min(PIECE, rule["answer"] - got) if "answer" in rule else PIECE)
            if not data:
                break
            if do == "lie" and got == 0 and "header" not in rule:
                data = bytes([data[0] ^ 1]) + data[1:]
            if do == "short" and total is not None and got + len(data) == total:
                data = data[:-1]
            self.wfile.write(data)
            got += len(data)
            self.carried += len(data)
            if "answer" in rule and got >= rule["answer"]:
                raise Cut
        if do == "long":
            self.wfile.write(b"x")
        if do in ("short", "long", "wrong"):
            self.close_connection = True
        self.note(r.status, sent, got)

    def at_random(self, rule):
        with lock:
            d = dice.setdefault(rule.get("seed", 1), random.Random(rule.get("seed", 1)))
            if d.random() < rule["p"]:
                where = "request" if int(self.headers.get("Content-Length", "0")) else "answer"
                most = rule.get("most", 1 << 22)
                rule[where] = int(d.random() ** 3 * most) + 1
                with open(log_file + ".cuts", "a") as f:
                    f.write(f"{self.command} {self.path} {where} {rule[where]}\n")

    def do_any(self):
        rule = find_rule(f"{self.command} {self.path}")
        try:
            if rule["do"] == "delay":
                time.sleep(rule["seconds"])
            if rule["do"] == "carry":
                rule["request"] = rule["answer"] = max(rule["bytes"] - self.carried, 0)
            if rule["do"] == "random":
                self.at_random(rule)
            if rule["do"] == "status":
                return self.answer(rule["status"], rule.get("headers"), rule.get("body", ""))
            if rule["do"] in ("token", "basic") and not self.may_pass(rule):
                return None
            up, r, sent = self.forward(rule)
            self.back(rule, r, sent)
            up.close()
        except (Cut, OSError, http.client.HTTPException):
            self.note("cut", 0, 0)
            self.close_connection = True
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        return None

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_any


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *args):
        pass


open(log_file, "a").close()
server = Server(("127.0.0.1", port), Handler)
if len(sys.argv) > 5:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[5], sys.argv[6])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()

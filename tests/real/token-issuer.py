#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A token service (distribution's "Docker Registry v2 authentication"): JSON web tokens that a registry proves by our certificate.

usage: token-issuer.py PORT KEY CERT RULES LOG

RULES is a file of JSON, read for each request:

  {"users": {"me": {"password": "secret", "may": {"app": ["pull", "push"]}}},   "" is nobody, "*" any repository
   "life": 300, "says": 300, "first": 2}

"life" are the seconds for which the registry takes a token ("first": the first one for its scopes), "says" those that the client is told.
LOG gets a line for each request: who asked, the scopes, and what was granted."""
import base64
import hashlib
import http.server
import json
import sys
import time
import urllib.parse

port, key_file, cert_file, rules_file, log_file = sys.argv[1:]
LEEWAY = 60  # seconds for which distribution takes a token that has expired (registry/auth/token/token.go)
SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, section 9.2, note 1


def pem(name):
    with open(name) as f:
        return base64.b64decode("".join(line for line in f if not line.startswith("-----")))


def integers(der):
    """Of a SEQUENCE of INTEGERs (RFC 8017, appendix A.1.2)."""
    def length(at):
        n = der[at]
        if n < 128:
            return n, at + 1
        return int.from_bytes(der[at + 1:at + 1 + n - 128], "big"), at + 1 + n - 128
    _, at = length(1)
    while at < len(der):
        n, at = length(at + 1)
        yield int.from_bytes(der[at:at + n], "big")
        at += n


_, modulus, _, exponent, *_ = integers(pem(key_file))
certificate = base64.b64encode(pem(cert_file)).decode()


asked = set()


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def sign(claims):
    text = part(json.dumps({"typ": "JWT", "alg": "RS256", "x5c": [certificate]}).encode()) + b"." + part(json.dumps(claims).encode())
    size = (modulus.bit_length() + 7) // 8
    tail = b"\0" + SHA256 + hashlib.sha256(text).digest()
    block = b"\0\1" + b"\xff" * (size - 2 - len(tail)) + tail
    return (text + b"." + part(pow(int.from_bytes(block, "big"), exponent, modulus).to_bytes(size, "big"))).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        with open(rules_file) as f:
            rules = json.load(f)
        given = self.headers.get("Authorization", "")
        name, _, password = base64.b64decode(given[6:]).decode().partition(":") if given.startswith("Basic ") else ("", "", "")
        user = rules["users"].get(name)
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        scopes = query.get("scope", [])
        access = []
        if user and user.get("password", "") == password:
            for scope in scopes:
                kind, repository, actions = scope.split(":")
                may = user["may"].get(repository, user["may"].get("*", []))
                access.append({"type": kind, "name": repository, "actions": [a for a in actions.split(",") if a in may]})
        granted = " ".join(f"{a['name']}:{','.join(a['actions'])}" for a in access)
        with open(log_file, "a") as f:
            f.write(f"{name or '-'} asks {' '.join(scopes)} gets {granted}\n")
        if not user or user.get("password", "") != password:
            self.answer(401, {"errors": [{"code": "UNAUTHORIZED"}]})
            return
        now = time.time()
        life = rules.get("life", 300)
        if "first" in rules and str(scopes) not in asked:
            life = rules["first"]
            asked.add(str(scopes))
        claims = {"iss": "test-issuer", "sub": name, "aud": query["service"][0], "iat": int(now), "nbf": int(now) - 1,
                  "exp": int(now + life - LEEWAY), "jti": str(now), "access": access}
        self.answer(200, {"token": sign(claims), "expires_in": rules.get("says", 300)})


open(log_file, "a").close()
http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()

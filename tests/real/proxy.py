#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Between a client and a service on a unix socket, for what goes wrong on the way.

usage: proxy.py LISTEN TARGET PATTERN ANSWERED SENT [PID]

Connections whose request line has PATTERN are cut after ANSWERED bytes of the answer or SENT bytes of the
request, whichever comes first (- for never; an answer of 0 bytes: as soon as the request line was passed
on); PID gets a SIGKILL at that moment. "stall" in place of ANSWERED: the answer is kept back for ever.
All other connections pass.
"""
import os
import select
import signal
import socket
import sys
import time

listen, target, pattern, answered, sent = sys.argv[1:6]
pid = int(sys.argv[6]) if len(sys.argv) > 6 else None
limits = {
    "answer": None if answered in ("-", "stall") else int(answered),
    "request": None if sent == "-" else int(sent),
}


def carry(client):
    server = socket.socket(socket.AF_UNIX)
    server.connect(target)
    head = client.recv(65536)
    cuts = pattern.encode() in head.split(b"\r\n", 1)[0]
    server.sendall(head)
    done = {"answer": 0, "request": len(head)}
    while True:
        if cuts and any(limits[k] is not None and done[k] >= limits[k] for k in done):
            if pid:
                time.sleep(0.05)
                os.kill(pid, signal.SIGKILL)
            break
        for s in select.select([client, server], [], [])[0]:
            which, to = ("request", server) if s is client else ("answer", client)
            data = s.recv(16384)
            if not data:
                return
            done[which] += len(data)
            if not (cuts and answered == "stall" and which == "answer"):
                to.sendall(data)
    server.close()
    client.close()


try:
    os.unlink(listen)
except FileNotFoundError:
    pass
listener = socket.socket(socket.AF_UNIX)
listener.bind(listen)
listener.listen(8)
while True:
    connection = listener.accept()[0]
    try:
        carry(connection)
    except OSError:
        pass
    connection.close()

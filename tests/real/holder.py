#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A process that holds something which a restore has to give back, for 85-check.sh.

holder.py WHAT: notes its pid in ./pid and then waits. Or, on a dump that was made of it:
holder.py socket IMAGES STATE SRC_PORT DST_PORT: the descriptor of ./marker becomes a TCP socket
                     (no CRIU of today can dump one on every kernel, all can restore it)
holder.py place IMAGES FROM TO: what was mounted on FROM was mounted on TO
holder.py build-id FILE: another build id, and nothing else"""
import fcntl
import os
import socket
import sys
import time

held = []


def log():
    held.append(os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    os.write(held[-1], b"one\n")


def data():
    with open("data", "w") as f:
        f.write("ten bytes\n")
    held.append(open("data", "r+"))


def deleted():
    held.append(open("deleted", "w+"))
    os.write(held[-1].fileno(), b"still here\n")
    os.unlink("deleted")


def lock():
    held.append(open("locked", "w"))
    fcntl.lockf(held[-1], fcntl.LOCK_EX)


def marker():
    held.append(open("marker", "w"))


def unix():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect(os.path.abspath("outside.sock"))
    held.append(s)


def nothing():
    pass


def hold(what):
    {"log": log, "data": data, "deleted": deleted, "lock": lock, "marker": marker, "unix": unix, "nothing": nothing}[what]()
    with open("pid.new", "w") as f:
        f.write(str(os.getpid()))
    os.rename("pid.new", "pid")
    while True:
        time.sleep(1)


def edit(path, change):
    import pycriu

    with open(path, "rb") as f:
        image = pycriu.images.load(f)
    change(image["entries"])
    with open(path, "wb") as f:
        pycriu.images.dump(image, f)


def socket_entry(ident, state, src_port, dst_port):
    opts = {"so_sndbuf": 16384, "so_rcvbuf": 131072, "so_snd_tmo_sec": 0, "so_snd_tmo_usec": 0, "so_rcv_tmo_sec": 0,
            "so_rcv_tmo_usec": 0, "reuseaddr": True}
    fown = {"uid": 0, "euid": 0, "signum": 0, "pid_type": 0, "pid": 0}
    return {"id": ident, "ino": 4711, "family": socket.AF_INET, "type": socket.SOCK_STREAM, "proto": socket.IPPROTO_TCP,
            "state": state, "src_port": src_port, "dst_port": dst_port, "flags": 2, "backlog": 5,
            "src_addr": [0x0100007F], "dst_addr": [0x0100007F if dst_port else 0], "fown": fown, "opts": opts}


def make_socket(images, state, src_port, dst_port):
    found = []

    def files(entries):
        for e in entries:
            if e.get("reg", {}).get("name", "").endswith("/marker"):
                found.append(e["id"])
                del e["reg"]
                e["type"] = "INETSK"
                e["isk"] = socket_entry(e["id"], state, src_port, dst_port)

    def fds(entries):
        for e in entries:
            if e["id"] in found:
                e["type"] = "INETSK"

    edit(images + "/files.img", files)
    assert found
    for name in os.listdir(images):
        if name.startswith("fdinfo-"):
            edit(images + "/" + name, fds)


def place(images, old, new):
    def change(entries):
        n = 0
        for e in entries:
            if e["mountpoint"] == old:
                e["mountpoint"] = new
                n += 1
        assert n

    for name in os.listdir(images):
        if name.startswith("mountpoints-"):
            edit(images + "/" + name, change)


def build_id(path):
    with open(path, "rb") as f:
        content = bytearray(f.read())
    at = content.index(b"\x14\0\0\0\x03\0\0\0GNU\0") + 12
    content[at] ^= 0xFF
    with open(path, "wb") as f:
        f.write(content)


if sys.argv[1] == "socket":
    make_socket(sys.argv[2], *map(int, sys.argv[3:]))
elif sys.argv[1] == "place":
    place(*sys.argv[2:])
elif sys.argv[1] == "build-id":
    build_id(sys.argv[2])
else:
    hold(sys.argv[1])

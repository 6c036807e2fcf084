#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Talk to a container engine through the Container Runtime Interface, as a kubelet does.

  cri.py SOCKET pull REF                          the image's reference as the engine keeps it
  cri.py SOCKET sandbox NAME                      an id; the pod uses the host's network
  cri.py SOCKET create SANDBOX POD NAME IMAGE     an id; IMAGE may be a checkpoint
  cri.py SOCKET start|stop|remove CONTAINER
  cri.py SOCKET remove-sandbox SANDBOX
  cri.py SOCKET checkpoint CONTAINER FILE
  cri.py SOCKET status CONTAINER                  the engine's own verbose JSON: pid, runtimeSpec, ...

Messages are put together by hand, field by field: numbers are those of the interface's version v1
(k8s.io/cri-api pkg/apis/runtime/v1/api.proto). Exit status 1 with the engine's words when a call fails."""
import sys

import grpc

CONTAINER, NODE = 1, 2  # NamespaceMode


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def message(*fields):
    """(number, int | str | bytes) each; zero and empty are left out, as proto3 does"""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value) if value else b""
            continue
        data = value.encode() if isinstance(value, str) else value
        out += varint(number << 3 | 2) + varint(len(data)) + data if data else b""
    return out


def fields(data):
    """[(number, int | bytes)] of a message that holds varints and strings only"""
    at, out = 0, []

    def number():
        nonlocal at
        shift = value = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            at += value
            value = data[at - value:at]
        elif key & 7 != 0:
            raise ValueError(f"wire type {key & 7}")
        out.append((key >> 3, value))
    return out


def first(data, number):
    return next((v for n, v in fields(data) if n == number), b"").decode()


# The host's network, a process namespace of its own: what a kubelet asks for a hostNetwork pod.
NAMESPACES = message((1, NODE), (2, CONTAINER))


class Engine:
    def __init__(self, socket):
        self.channel = grpc.insecure_channel(f"unix://{socket}", options=[("grpc.default_authority", "localhost")])

    def call(self, method, *request, service="RuntimeService"):
        return self.channel.unary_unary(f"/runtime.v1.{service}/{method}")(message(*request), timeout=120)


def pod_config(name):
    return message((1, message((1, name), (2, f"uid-{name}"), (3, "default"))),
                   (8, message((2, message((1, NAMESPACES))))))


def pull(engine, ref):
    print(first(engine.call("PullImage", (1, message((1, ref))), service="ImageService"), 1))


def sandbox(engine, name):
    print(first(engine.call("RunPodSandbox", (1, pod_config(name))), 1))


def create(engine, pod_id, pod, name, image):
    config = message((1, message((1, name))), (2, message((1, image))),
                     (15, message((2, message((3, NAMESPACES))))))
    print(first(engine.call("CreateContainer", (1, pod_id), (2, config), (3, pod_config(pod))), 1))


def status(engine, container):
    for number, entry in fields(engine.call("ContainerStatus", (1, container), (2, 1))):
        if number == 2 and first(entry, 1) == "info":
            print(first(entry, 2))


COMMANDS = {
    "pull": pull, "sandbox": sandbox, "create": create, "status": status,
    "start": lambda engine, c: engine.call("StartContainer", (1, c)),
    "stop": lambda engine, c: engine.call("StopContainer", (1, c)),
    "remove": lambda engine, c: engine.call("RemoveContainer", (1, c)),
    "remove-sandbox": lambda engine, s: (engine.call("StopPodSandbox", (1, s)), engine.call("RemovePodSandbox", (1, s))),
    "checkpoint": lambda engine, c, path: engine.call("CheckpointContainer", (1, c), (2, path), (3, 100)),
}


def main():
    socket, command, *args = sys.argv[1:]
    try:
        COMMANDS[command](Engine(socket), *args)
    except grpc.RpcError as e:
        sys.exit(f"{command}: {e.code().name}: {e.details()}")


main()

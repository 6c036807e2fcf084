#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""make-crio.py PODMAN-ARCHIVE BASE-ID OUT: what CRI-O would have exported of the same container.

No Debian package has CRI-O, so this puts a real Podman archive into its words: the members and their order of
internal/lib/checkpoint.go (memory first, documents in the middle), config.dump in the reduced form, the
annotations of server/container_create.go, bind.mounts, and the log's odd name. Plain tar, as CRI-O writes it.
CRIU's images, the changes and the deletions stay as they are."""
import copy
import io
import json
import sys
import tarfile

sys.dont_write_bytecode = True
from expected import unpacked  # noqa: E402: the line above first

LOG = "io.kubernetes.cri-o.LogPath"
# What bind.mounts leaves out, internal/lib/checkpoint.go.
NOT_LISTED = {"/dev", "/dev/shm", "/proc", "/run", "/run/.containerenv", "/run/secrets", "/sys"}


def config_dump(was, base):
    return {
        "id": was["id"],
        "name": f"k8s_{was['name']}_pod1_default_11111111-2222-3333-4444-555555555555_0",
        "rootfsImage": "localhost/bb:1",
        "rootfsImageRef": base,
        "rootfsImageName": "localhost/bb:1",
        "runtime": was["runtime"] if "runtime" in was else "runc",
        "createdTime": was["createdTime"],
        "checkpointedTime": was["createdTime"],
        "restoredTime": "0001-01-01T00:00:00Z",
        "restored": False,
    }


def spec_dump(was, name):
    spec = copy.deepcopy(was)
    spec["annotations"] = {
        "io.container.manager": "cri-o",
        "io.kubernetes.container.name": name,
        "io.kubernetes.cri-o.Annotations": json.dumps({"io.kubernetes.container.restartCount": "0"}),
        "io.kubernetes.cri-o.ContainerType": "container",
        "io.kubernetes.cri-o.Created": "2026-11-23T03:14:30.000000000Z",
        "io.kubernetes.cri-o.ImageName": "localhost/bb:1",
        "io.kubernetes.cri-o.LogPath": f"/var/log/pods/default_pod1_1/{name}/0.log",
        "io.kubernetes.cri-o.Metadata": json.dumps({"name": name}),
        "io.kubernetes.pod.name": "pod1",
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.uid": "11111111-2222-3333-4444-555555555555",
    }
    return spec


def bind_mounts(spec):
    return [{"source": m["source"], "destination": m["destination"], "file_type": "file", "permissions": 0o644}
            for m in spec["mounts"] if m["type"] == "bind" and m["destination"] not in NOT_LISTED]


def main():
    archive, base, out = sys.argv[1:]
    members = {}
    with tarfile.open(fileobj=io.BytesIO(unpacked(archive))) as tar:
        for t in tar:
            members[t.name.rstrip("/")] = (t, tar.extractfile(t).read() if t.isreg() else b"")
    config = json.loads(members["config.dump"][1])
    spec = spec_dump(json.loads(members["spec.dump"][1]), config["name"])

    def document(name, doc):
        t = tarfile.TarInfo(name)
        t.mode, t.mtime = 0o600, members["config.dump"][0].mtime
        members[name] = (t, json.dumps(doc, indent=2).encode())

    document("config.dump", config_dump(config, base))
    document("spec.dump", spec)
    document("bind.mounts", bind_mounts(spec))
    log = copy.copy(members["stats-dump"][0])
    log.name = LOG
    members[LOG] = (log, b"2026-11-23T03:14:31.000000000+00:00 stdout F counting\n")
    order = ["stats-dump"] + [n for n in members if n == "checkpoint" or n.startswith("checkpoint/")]
    order += ["config.dump", "spec.dump", "bind.mounts", "rootfs-diff.tar", "deleted.files", LOG]
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in order:
            if name in members:
                t, data = members[name]
                t.size = len(data)
                tar.addfile(t, io.BytesIO(data))


main()

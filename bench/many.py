# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measurements of many at once: bundles of one checkpoint, files of one root. For bench.py, whose helpers are the
argument b of each."""
import io
import json
import os
import shutil
import subprocess
import tarfile
import time

TOGETHER = 8
FILES, CHANGED = 45000, 5000


def at_once(commands):
    """A shell's text that runs all of them at the same time and fails if one does."""
    return "".join(f"{{ {c}; }} & pids=\"$pids $!\"\n" for c in commands) + "for p in $pids; do wait $p; done"


def no_erofs():
    for _ in range(400):
        if " erofs " not in open("/proc/self/mountinfo", encoding="utf-8").read():
            return
        time.sleep(0.05)


def bench_many(b, runs, redis):
    b.head("restore 8", f"{TOGETHER} redis containers of one checkpoint at once, cold, until the last runtime returns")
    each = range(TOGETHER)

    def end():
        for i in each:
            pid = json.loads(b.sh("runc", "state", f"bench{i}"))["pid"]
            redis.check("runc", "exec", f"bench{i}")
            b.sh("runc", "kill", f"bench{i}", "KILL")
            b.gone(pid)
            subprocess.run(["runc", "delete", "-f", f"bench{i}"], stderr=subprocess.DEVNULL, check=False)

    def end_restored():
        end()
        no_erofs()

    def prepare():
        for i in each:
            b.rm(f"/scratch/untarred{i}")
            os.mkdir(f"/scratch/untarred{i}")
            b.sh("firn", "mount", "-q", "--id", f"bench{i}", "oci:/scratch/layout:redis", f"/scratch/m{i}")

    def end_untarred():
        end()
        b.sh("firn", "umount", "--all")
        b.rm(*[f"/scratch/untarred{i}" for i in each])

    ours = b.median(runs, at_once(f"firn restore -q oci:/scratch/layout:redis bench{i}" for i in each), after=end_restored)
    b.row("restore 8", f"{TOGETHER} firn restore", ours, ours)
    untar = at_once(f"tar -C /scratch/untarred{i} -xf {redis.archive} checkpoint && runc restore -d --bundle /scratch/m{i}"
                    f" --work-path /scratch/m{i}/work --image-path /scratch/untarred{i}/checkpoint bench{i}" for i in each)
    b.row("restore 8", f"{TOGETHER} untars, runc restores (rootfs free)", b.median(runs, untar, prepare, end_untarred), ours)


def write_root(path):
    """The tar of a root with busybox and many small files."""
    with tarfile.open(path, "w") as tar:
        tar.add(shutil.which("busybox"), "bin/busybox")
        for i in range(FILES):
            info = tarfile.TarInfo(f"usr/lib/part{i // 300}/file-with-some-name-{i}")
            data = b"%d\n" % i * 20
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


class Files:
    """A container over such a root that has made some files more, checkpointed; its image in a layout."""
    archive = "/scratch/files.tar"

    def __init__(self, b):
        write_root("/scratch/files-rootfs.tar")
        b.sh(*b.PODMAN, "import", "/scratch/files-rootfs.tar", "localhost/files:1")
        b.sh(*b.PODMAN, "run", "-d", "--pids-limit=0", "--network", "host", "--name", "files", "localhost/files:1",
             "/bin/busybox", "sh", "-c", f"/bin/busybox mkdir /new; i=0; while [ $i -lt {CHANGED} ]; do echo $i >/new/file-$i;"
             " i=$((i+1)); done; echo done >/done; while true; do /bin/busybox sleep 1; done")
        pid = b.sh(*b.PODMAN, "inspect", "-f", "{{.State.Pid}}", "files")
        while not os.path.exists(f"/proc/{pid}/root/done"):
            time.sleep(0.1)
        b.sh(*b.PODMAN, "container", "checkpoint", "-c", "none", "--export", self.archive, "files")
        b.sh(*b.PODMAN, "rm", "-f", "-t", "0", "files")
        b.sh("skopeo", "copy", "-q", "--dest-oci-accept-uncompressed-layers", "containers-storage:localhost/files:1",
             "oci:/scratch/files-base:app")
        b.sh(*b.PODMAN, "rmi", "-f", "localhost/files:1")
        b.rm("/scratch/files-rootfs.tar")
        b.sh("firn", "build", "--base", "oci:/scratch/files-base:app", self.archive, "oci:/scratch/files-layout:x")


def bench_files(b, runs):
    Files(b)
    b.head("mount files", f"a root of {FILES + CHANGED} files, base layer and delta, until one of them can be read")
    m, rootfs = "/scratch/m", "oci:/scratch/files-layout:x.rootfs"
    read = f"/new/file-{CHANGED - 1} >/dev/null"
    umount = lambda: b.sh("firn", "umount", m)
    forget = lambda: b.rm("/scratch/files-cache")
    mount = f"firn mount -q --cache /scratch/files-cache oci:/scratch/files-layout:x {m} && cat {m}/rootfs{read}"
    ours = b.median(runs, mount, forget, umount)
    b.row("mount files", "firn mount, for the first time, cold", ours, ours)
    b.row("mount files", "firn mount, once more, cold", b.median(runs, mount, None, umount), ours)

    def no_image():
        subprocess.run([*b.PODMAN, "image", "umount", "-a"], stdout=subprocess.DEVNULL, check=False)
        subprocess.run([*b.PODMAN, "rmi", "-f", "localhost/unpacked:1"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)

    pull = f"skopeo copy -q {rootfs} containers-storage:localhost/unpacked:1"
    shown = f"m=$({' '.join(b.PODMAN)} image mount localhost/unpacked:1) && cat $m{read}"
    b.row("mount files", "skopeo copy, podman image mount, cold", b.median(runs, f"{pull} && {shown}", no_image), ours)
    unmount = lambda: b.sh(*b.PODMAN, "image", "umount", "-a")
    unmount()
    b.row("mount files", "podman image mount, of what is unpacked, cold", b.median(runs, shown, None, unmount), ours)
    no_image()
    unpack = f"umoci unpack --image /scratch/files-layout:x.rootfs /scratch/bundle && cat /scratch/bundle/rootfs{read}"
    b.row("mount files", "umoci unpack, cold", b.median(runs, unpack, lambda: b.rm("/scratch/bundle")), ours)
    b.rm("/scratch/bundle", "/scratch/files-layout", "/scratch/files-base", Files.archive)

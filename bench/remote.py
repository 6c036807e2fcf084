# SPDX-License-Identifier: LGPL-2.1-or-later
"""What it takes to look into a large checkpoint in a registry: bytes, above all. Part of bench.py."""
import os
import subprocess
import sys
import time

TESTS, SAMPLE = "/firn/tests/cli", "/firn/tests/data/podman-none.tar"


class Served:
    """A registry on the loopback that has a layout and counts what it sends: nothing is copied into it."""
    log = "/scratch/served.log"

    def __init__(self, b, layout):
        port = "/scratch/served.port"
        b.rm(port)
        self.server = subprocess.Popen([sys.executable, f"{TESTS}/range-registry.py", layout, port, self.log], stderr=subprocess.DEVNULL)
        for _ in range(100):
            if os.path.exists(port):
                break
            time.sleep(0.1)
        with open(port, encoding="ascii") as f:
            self.name = f"docker://127.0.0.1:{f.read().strip()}/bench"

    def end(self):
        self.server.terminate()
        self.server.wait()

    def answers(self):
        """How many, and their bytes."""
        with open(self.log, encoding="ascii") as f:
            sizes = [int(line.split()[-1]) for line in f]
        os.unlink(self.log)
        return len(sizes), sum(sizes)


def bench_remote(b, runs, gib):
    """The memory is zeros, so that neither the archive nor the layout takes the disk; what is asked for doesn't depend on it."""
    tar, layout = "/scratch/large.tar", "/scratch/large"
    b.sh(sys.executable, f"{TESTS}/make-large.py", SAMPLE, tar, str(gib << 10), str(gib * 2000))
    for tag, more in (("plain", []), ("zstd", ["--compress", "zstd"])):
        b.sh("firn", "build", "-q", *more, tar, f"oci:{layout}:{tag}")
    b.rm(tar)
    b.head("remote", f"a checkpoint of {gib} GiB of memory in {gib * 2000} pieces, in a registry on the loopback; bytes are those of all answers, headers too")
    served = Served(b, layout)
    for tag in ("plain", "zstd"):
        # check's exit status is 5: what the sample's processes had isn't on this host.
        for what, command in (("inspect", "firn inspect"), ("check", "! firn check"), ("memory of a stack", "firn memory --pid 1 --area stack")):
            command = f"{command} --plain-http {served.name}:{tag}"
            b.measure(command)
            n, size = served.answers()
            m = b.median(runs, command, warm=True)
            served.answers()
            b.row("remote", f"{what}, {tag} layers ({size >> 10} KiB, {n} answers)", {**m, "bytes": size}, goal="goal: under 1 MiB")
    served.end()
    b.rm(layout, served.log)

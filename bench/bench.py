#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The measurements of bench/run; runs in the Debian root of tests/real. JSON on stdout, a table on stderr.

Every figure is the median of --runs runs, the page cache dropped before each one. Wall clock from the start of
the command to its end; peak resident memory is what the kernel says of the command's processes."""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

import copying
import many
import remote

PODMAN = ["podman", "--cgroup-manager=cgroupfs", "--runtime", "runc"]
results = {"machine": {}, "rows": []}


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def sh(*cmd, **more):
    """A step that isn't measured."""
    p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, check=False, **more)
    if p.returncode:
        sys.exit(f"bench: {' '.join(cmd)}: status {p.returncode}\n{p.stdout[-2000:]}")
    return p.stdout.strip()


def cold():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("3")


def measure(cmd):
    """Seconds and peak resident KiB of a command (a list, or shell text)."""
    argv = ["sh", "-ec", cmd] if isinstance(cmd, str) else cmd
    # A child begins with its parent's peak: time(1) is small, this interpreter isn't.
    argv = ["/usr/bin/time", "-q", "-f", "%M", "-o", "/scratch/bench.rss"] + argv
    with open("/scratch/bench.out", "wb") as out:
        start = time.perf_counter()
        rc = subprocess.call(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        took = time.perf_counter() - start
    if rc:
        with open("/scratch/bench.out", encoding="utf-8", errors="replace") as f:
            sys.exit(f"bench: {cmd}: status {rc}\n{f.read()[-2000:]}")
    with open("/scratch/bench.rss", encoding="ascii") as f:
        return took, int(f.read())


def median(runs, cmd, before=None, after=None, warm=False):
    times, peak = [], 0
    for _ in range(runs):
        if before:
            before()
        if not warm:
            cold()
        took, rss = measure(cmd)
        times.append(took)
        peak = max(peak, rss)
        if after:
            after()
    return {"s": statistics.median(times), "min": min(times), "max": max(times), "rss_kib": peak}


def row(group, name, m, ours=None, goal=""):
    """`ours` is the row that the ratio is against: how many times as long as firn."""
    entry = {"group": group, "name": name, **{k: round(v, 4) for k, v in m.items()}}
    ratio = ""
    if ours:
        entry["times_firn"] = round(m["s"] / ours["s"], 2)
        ratio = f"{entry['times_firn']:.2f}x"
    results["rows"].append(entry)
    say(f"  {name:<46} {m['s'] * 1000:9.1f} ms  ({m['min'] * 1000:.0f}..{m['max'] * 1000:.0f})"
        f" {m['rss_kib'] / 1024:7.1f} MiB  {ratio:>7}  {goal}")


def head(group, note):
    results.setdefault("groups", {})[group] = note
    say(f"\n{group}: {note}")
    say(f"  {'':<46} {'median':>12}  {'peak':>12}  {'to firn':>12}")


def reap():
    """What ended and is a child of ours still has its pid, which a restore needs."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def gone(pid):
    for _ in range(400):
        reap()
        if not os.path.exists(f"/proc/{pid}"):
            return
        time.sleep(0.05)
    sys.exit(f"bench: process {pid} stays")


def size_of(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(path) for f in files)


def rm(*paths):
    for p in paths:
        if os.path.isdir(p):
            shutil.rmtree(p)
        elif os.path.exists(p):
            os.unlink(p)


# --- what is measured

class Process:
    """A process of so many MiB, dumped by CRIU: DIR/img, and DIR.tar of it."""

    def __init__(self, mib, every=1, memory="noise"):
        self.dir = f"/scratch/p{mib}" + (f"-{every}" if every > 1 else "") + ("-heap" if memory == "heap" else "")
        self.images = f"{self.dir}/img"
        self.tar = f"{self.dir}.tar"
        os.makedirs(self.images)
        subprocess.Popen(["setsid", "/inst/memsum", str(mib), str(every), memory], cwd=self.dir, stdin=subprocess.DEVNULL,
                         stdout=open(f"{self.dir}/out", "wb"), stderr=subprocess.STDOUT)
        while not self.ticks(2):
            time.sleep(0.05)
        self.pid = int(open(f"{self.dir}/pid", encoding="ascii").read())
        sh("criu", "dump", "-t", str(self.pid), "-D", self.images, "-o", "dump.log")
        gone(self.pid)
        self.state = open(f"{self.dir}/state", "rb").read()
        sh("tar", "-C", self.images, "-cf", self.tar, ".")

    def ticks(self, n):
        try:
            with open(f"{self.dir}/state", encoding="ascii") as f:
                lines = f.read().split()
        except FileNotFoundError:
            return False
        if any(not line.isdigit() for line in lines):
            sys.exit("bench: a restored process has wrong memory")
        return len(lines) >= n

    def reset(self):
        """The file that it holds open, as it was at the dump."""
        with open(f"{self.dir}/state", "wb") as f:
            f.write(self.state)

    def first_word(self):
        """A shell's loop until it has written something again."""
        return f"until [ $(stat -c %s {self.dir}/state) -gt {len(self.state)} ]; do sleep 0.001; done"

    def end(self):
        """It runs, its memory is right; now end it."""
        want = len(self.state.split()) + 1
        while not self.ticks(want):
            time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)
        gone(self.pid)


class Redis:
    """A redis container of about so many MiB, checkpointed by Podman; its image in a layout."""

    archive, later, base = "/scratch/redis.tar", "/scratch/redis-later.tar", "oci:/scratch/base:app"

    def __init__(self, mib, later=False):
        root = "/scratch/redis-rootfs"
        for d in ("bin", "data", "dev", "etc", "proc", "run", "sys", "tmp"):
            os.makedirs(f"{root}/{d}")
        libs = set()
        for tool in ("redis-server", "redis-cli"):
            real = shutil.which(tool)
            shutil.copy(real, f"{root}/bin/{tool}")
            libs |= set(re.findall(r"(/\S+) \(", sh("ldd", real)))
        for lib in libs:
            os.makedirs(root + os.path.dirname(lib), exist_ok=True)
            shutil.copy(lib, root + lib)
        sh("tar", "-C", root, "-cf", "/scratch/redis-rootfs.tar", ".")
        sh(*PODMAN, "import", "/scratch/redis-rootfs.tar", "localhost/redis:1")
        sh(*PODMAN, "run", "-d", "--pids-limit=0", "--network", "host", "--name", "redis", "localhost/redis:1",
           "/bin/redis-server", "--port", "0", "--unixsocket", "/data/sock", "--save", "", "--appendonly", "no",
           "--dir", "/data")
        # A key and 200 bytes of hexadecimal noise take some 290 in memory.
        self.keys = mib * (1 << 20) // 290
        for _ in range(100):
            if subprocess.run([*PODMAN, "exec", "redis", "/bin/redis-cli", "-s", "/data/sock", "ping"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0:
                break
            time.sleep(0.1)
        noise = "..".join(f"redis.sha1hex({n} * i)" for n in (3, 5, 7, 11, 13))
        self.cli("eval", f"for i = 1, {self.keys} do redis.call('set', 'key:'..i, {noise}) end", "0")
        if later:
            sh(*PODMAN, "container", "checkpoint", "-R", "-c", "none", "--export", self.archive, "redis")
            self.cli("eval", "for i = 1, 1000 do redis.call('set', 'key:'..i, 'changed') end", "0")
        sh(*PODMAN, "container", "checkpoint", "-c", "none", "--export", self.later if later else self.archive, "redis")
        sh(*PODMAN, "rm", "-f", "-t", "0", "redis")
        sh("skopeo", "copy", "-q", "--dest-oci-accept-uncompressed-layers",
           "containers-storage:localhost/redis:1", self.base)

    def cli(self, *words):
        return sh(*PODMAN, "exec", "redis", "/bin/redis-cli", "-s", "/data/sock", *words)

    def check(self, *exec_):
        """It answers, with every key."""
        got = sh(*exec_, "/bin/redis-cli", "-s", "/data/sock", "dbsize")
        if got.split()[-1] != str(self.keys):
            sys.exit(f"bench: the restored redis has {got} of {self.keys} keys")


def bench_build(runs, name, what, source, base):
    """source: an archive, or a folder of CRIU images"""
    head(f"build {name}", f"{what}, {size_of(source) >> 20} MiB, into an image")
    out, layout = "/scratch/copy", "/scratch/built"
    before = lambda: rm(out, layout)
    option = f"--base {base}" if base else ""
    ours = median(runs, f"firn build -q {option} {source} oci:{layout}:x", before)
    row(name, "firn build", ours, ours, "goal: below 64 MiB resident")
    files = f"find {out} -type f | xargs sha256sum"
    m = median(runs, f"cp -r {source} {out} && {files}", before)
    row(name, "cp, sha256sum", m, ours, "goal: firn at most 1.5x of this, 0.67x here")
    m = median(runs, f"cp -r {source} {out} && sync -f {out} && {files}", before)
    row(name, "cp, sync, sha256sum (firn syncs as well)", m, ours)
    before = lambda: rm(layout)
    m = median(max(1, runs // 2), f"umoci init --layout {layout} && umoci new --image {layout}:x &&"
               f" umoci insert --image {layout}:x {source} /checkpoint", before)
    row(name, "umoci insert", m, ours)
    forget = lambda: (sh("buildah", "rm", "-a"), sh("buildah", "rmi", "-f", "localhost/bench"))
    m = median(max(1, runs // 2), f"c=$(buildah from scratch) && buildah add $c {source} / &&"
               " buildah commit $c localhost/bench", after=forget)
    row(name, "buildah from scratch, add, commit", m, ours, "goal: 5x or more")


def bench_mount(runs, small, large, redis):
    head("mount", "warm; one process of 16 MiB, one of 1 GiB, redis with its rootfs")
    umount = lambda: sh("firn", "umount", "/scratch/m")
    ms = {}
    for name, tag in (("16 MiB", "small"), ("1 GiB", "large"), ("redis", "redis")):
        if (tag == "redis" and not redis) or not large:
            continue
        m = median(runs * 3, ["firn", "mount", "-q", f"oci:/scratch/layout:{tag}", "/scratch/m"], after=umount, warm=True)
        ms[name] = m
        row("mount", f"firn mount, {name}", m, ms["16 MiB"], "goal: below 20 ms, at most 2x of 16 MiB")
    m = median(runs * 3, ["firn", "--version"], warm=True)
    row("mount", "firn --version: the tool's own start", m, ms["16 MiB"])


def bench_process(runs, p):
    head("restore process", f"{os.path.basename(p.dir)}, cold, until CRIU returns")
    m = "/scratch/m"
    before = lambda: (p.reset(), rm("/scratch/untarred", "/scratch/work"), os.mkdir("/scratch/work"))
    ours = median(runs, ["firn", "restore", "-q", "oci:/scratch/layout:large"], before, p.end)
    row("restore process", "firn restore", ours, ours)
    umount = lambda: (p.end(), sh("firn", "umount", m))
    by_hand = f"firn mount -q oci:/scratch/layout:large {m} && criu restore -d -D {m}/checkpoint -W {m}/work -o r.log"
    row("restore process", "firn mount, criu restore", median(runs, by_hand, before, umount), ours)
    untar = (f"mkdir /scratch/untarred && tar -C /scratch/untarred -xf {p.tar} &&"
             " criu restore -d -D /scratch/untarred -W /scratch/work -o r.log")
    row("restore process", "untar, criu restore", median(runs, untar, before, p.end), ours, "goal: 2x or more")
    plain = f"criu restore -d -D {p.images} -W /scratch/work -o r.log"
    row("restore process", "criu restore from a plain folder", median(runs, plain, before, p.end), ours)


def bench_redis(runs, redis):
    head("restore redis", "cold, until the runtime returns")
    m = "/scratch/m"

    def end():
        pid = json.loads(sh("runc", "state", "bench"))["pid"]
        redis.check("runc", "exec", "bench")
        sh("runc", "kill", "bench", "KILL")
        gone(pid)
        subprocess.run(["runc", "delete", "-f", "bench"], stderr=subprocess.DEVNULL, check=False)
        for _ in range(200):
            if " erofs " not in open("/proc/self/mountinfo", encoding="utf-8").read():
                break
            time.sleep(0.05)

    ours = median(runs, ["firn", "restore", "-q", "oci:/scratch/layout:redis", "bench"], after=end)
    row("restore redis", "firn restore", ours, ours)
    umount = lambda: (end(), sh("firn", "umount", m))
    restore = f"runc restore -d --bundle {m} --work-path {m}/work --image-path"
    row("restore redis", "firn mount, runc restore",
        median(runs, f"firn mount -q oci:/scratch/layout:redis {m} && {restore} {m}/checkpoint bench", after=umount), ours)
    row("restore redis", "firn mount ARCHIVE, runc restore",
        median(runs, f"firn mount -q --base {redis.base} {redis.archive} {m} && {restore} {m}/checkpoint bench",
               after=umount), ours)
    prepare = lambda: (rm("/scratch/untarred"), os.mkdir("/scratch/untarred"),
                       sh("firn", "mount", "-q", "oci:/scratch/layout:redis", m))
    row("restore redis", "untar of the images, runc restore (rootfs free)",
        median(runs, f"tar -C /scratch/untarred -xf {redis.archive} checkpoint && {restore} /scratch/untarred/checkpoint bench",
               prepare, umount), ours, "goal: 2x or more")

    def end_podman():
        redis.check(*PODMAN, "exec", "redis")
        sh(*PODMAN, "rm", "-f", "-t", "0", "redis")

    row("restore redis", "podman container restore --import",
        median(runs, [*PODMAN, "container", "restore", "--import", redis.archive], after=end_podman), ours)


def bench_lazy(runs, mib):
    """The process touches little of its memory until it is asked to sum it."""
    p = Process(mib, every=1000)
    sh("firn", "build", p.images, "oci:/scratch/layout:lazy")
    head("restore lazily", f"a process of {mib} MiB, cold, until it writes something again")
    before = lambda: (p.reset(), rm("/scratch/untarred", "/scratch/work"), os.mkdir("/scratch/work"))

    def end():
        p.end()
        while subprocess.run(["pgrep", "-f", "criu lazy-pages|firn-lazy"], stdout=subprocess.DEVNULL, check=False).returncode == 0:
            time.sleep(0.05)

    ours = median(runs, f"firn restore -q --lazy oci:/scratch/layout:lazy && {p.first_word()}", before, end)
    row("restore lazily", "firn restore --lazy", ours, ours)
    row("restore lazily", "firn restore",
        median(runs, f"firn restore -q oci:/scratch/layout:lazy && {p.first_word()}", before, p.end), ours)
    untar = (f"mkdir /scratch/untarred && tar -C /scratch/untarred -xf {p.tar} &&"
             f" criu restore -d -D /scratch/untarred -W /scratch/work -o r.log && {p.first_word()}")
    row("restore lazily", "untar, criu restore", median(runs, untar, before, p.end), ours, "goal: 5x or more")
    rm("/scratch/untarred", p.tar, p.dir)


def bench_packed(runs, mib):
    """Memory as a heap has it, which compresses; the other way is to keep tar.zst and unpack it."""
    p = Process(mib, memory="heap")
    tzst, layout, image = f"{p.tar}.zst", "/scratch/packed", f"oci:/scratch/packed:p{mib}"
    head(f"compressed {mib} MiB", "a process whose memory compresses, in tar+zstd; restores until CRIU returns")
    before = lambda: rm(tzst, layout)
    ours = median(runs, f"firn build -q --compress zstd:1 {p.images} {image}", before)
    row(f"compressed {mib} MiB", "firn build --compress zstd:1", ours, ours)
    m = median(runs, f"tar -C {p.images} -c . | zstd -q -1 -T2 -o {tzst} && sha256sum {tzst}", before)
    row(f"compressed {mib} MiB", "tar | zstd -1 -T2, sha256sum", m, ours, "goal: firn at most 1.25x of this, 0.8x here")
    rm(layout)
    sh("firn", "build", "-q", "--compress", "zstd:1", p.images, image)
    results["rows"].append({"group": f"compressed {mib} MiB", "name": "disk", "bytes_firn": size_of(layout),
                            "bytes_zstd": size_of(tzst), "bytes_unpacked": size_of(p.images)})
    say(f"  on disk: firn {size_of(layout) >> 10} KiB; tar.zst {size_of(tzst) >> 10} KiB and unpacked"
        f" {size_of(p.images) >> 10} KiB; goal: a third or less")
    rm(p.tar)
    before = lambda: (p.reset(), rm("/scratch/untarred", "/scratch/work"), os.mkdir("/scratch/work"))
    by_hand = (f"mkdir /scratch/untarred && zstd -qdc {tzst} | tar -C /scratch/untarred -xf - &&"
               " criu restore -d -D /scratch/untarred -W /scratch/work -o r.log")
    for warm in (False, True):
        word = "warm" if warm else "cold"
        ours = median(runs, ["firn", "restore", "-q", image], before, p.end, warm)
        row(f"compressed {mib} MiB", f"firn restore, {word}", ours, ours)
        m = median(runs, by_hand, before, p.end, warm)
        row(f"compressed {mib} MiB", f"zstd -d | tar -x, criu restore, {word}", m, ours, "goal: 1.2x or more")
    rm("/scratch/untarred", tzst, layout, p.dir)


def bench_fuse(runs, mib):
    """What a user gets, or root on a kernel without EROFS, beside the kernel's own mount."""
    p, layout, group = Process(mib), "/scratch/fused", f"fuse {mib} MiB"
    image = f"oci:{layout}:p{mib}"
    head(group, "mount, and read all of CRIU's images through it")
    rm(layout)
    sh("firn", "build", "-q", p.images, image)
    for warm in (False, True):
        ms = {}
        for how in ("auto", "fuse"):
            ms[how] = median(runs, f"firn mount -q --mount-method {how} {image} /scratch/m >/dev/null &&"
                             " cat /scratch/m/checkpoint/*.img >/dev/null",
                             after=lambda: sh("firn", "umount", "/scratch/m"), warm=warm)
            row(group, f"--mount-method {how}, {'warm' if warm else 'cold'}", ms[how], ms["auto"])
    m = median(runs, f"firn mount -q --verify-reads {image} /scratch/m >/dev/null && cat /scratch/m/checkpoint/*.img >/dev/null",
               after=lambda: sh("firn", "umount", "/scratch/m"), warm=True)
    row(group, "--verify-reads, warm", m, ms["auto"])
    rm(layout, p.dir)


class Archive:
    """Podman's archive of one small container, with so many MiB of noise put among its memory pages by hand: what
    firn and checkpointctl look into is real, only larger."""
    small = "/scratch/one.tar"

    def __init__(self, mib):
        if not os.path.exists(self.small):
            root = "/scratch/one-rootfs"
            os.makedirs(f"{root}/bin")
            shutil.copy(shutil.which("busybox"), f"{root}/bin/busybox")
            sh("tar", "-C", root, "-cf", f"{root}.tar", ".")
            sh(*PODMAN, "import", f"{root}.tar", "localhost/one:1")
            sh(*PODMAN, "run", "-d", "--pids-limit=0", "--network", "host", "--name", "one", "localhost/one:1",
               "/bin/busybox", "sleep", "100000")
            time.sleep(0.5)
            sh(*PODMAN, "container", "checkpoint", "-c", "none", "--export", self.small, "one")
            sh(*PODMAN, "rm", "-f", "-t", "0", "one")
        self.tar = f"/scratch/one-{mib}.tar"
        shutil.copy(self.small, self.tar)
        with open("/scratch/pages-9.img", "wb") as f:
            for _ in range(mib):
                f.write(os.urandom(1 << 20))
        # Behind the last member, where CRIU's own pages could as well be.
        sh("tar", "-C", "/scratch", "--transform", "s,^,checkpoint/,", "-rf", self.tar, "pages-9.img")
        rm("/scratch/pages-9.img")


def bench_inspect(runs):
    head("inspect", "Podman's archive of one small container with MiB of noise put among its pages by hand, cold")
    first = None
    # checkpointctl --all unpacks the archive, and /tmp is in memory here.
    os.environ["TMPDIR"] = "/scratch"
    for mib in (16, 1024):
        a = Archive(mib)
        m = median(runs, ["firn", "inspect", a.tar])
        first = first or m
        row("inspect", f"firn inspect, {mib} MiB", m, first, "goal: 1 GiB as fast as 16 MiB")
        row("inspect", f"firn inspect --format json, {mib} MiB", median(runs, ["firn", "inspect", "--format", "json", a.tar]), first)
        row("inspect", f"firn list, {mib} MiB", median(runs, ["firn", "list", a.tar]), first)
        row("inspect", f"checkpointctl inspect, {mib} MiB", median(runs, ["checkpointctl", "inspect", a.tar]), first)
        row("inspect", f"checkpointctl inspect --all, {mib} MiB",
            median(runs, ["checkpointctl", "inspect", "--all", a.tar]), first)
        rm(a.tar)


def machine():
    cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo", encoding="utf-8").read())
    fs = sh("stat", "-f", "-c", "%T", "/scratch")
    results["machine"] = {
        "cpu": cpu[1] if cpu else os.uname().machine, "cores": os.cpu_count(), "kernel": os.uname().release,
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20, "file_system": fs,
        "firn": sh("firn", "--version").splitlines()[0], "criu": sh("criu", "--version").splitlines()[0],
        "podman": sh("podman", "--version"), "buildah": sh("buildah", "--version"),
        "umoci": sh("umoci", "--version"), "skopeo": sh("skopeo", "--version"),
        "oras": sh("oras", "version").splitlines()[0].split()[-1], "load": os.getloadavg()[0]}
    for key, value in results["machine"].items():
        say(f"{key}: {value}")


def bench_dumps(opts, only):
    small, large = Process(16), Process(64 if opts.quick else 1024)
    redis = Redis(32 if opts.quick else 230) if only & {"build", "redis", "mount", "many"} else None
    sh("firn", "build", small.images, "oci:/scratch/layout:small")
    sh("firn", "build", large.images, "oci:/scratch/layout:large")
    if redis:
        sh("firn", "build", "--base", redis.base, redis.archive, "oci:/scratch/layout:redis")
    if "build" in only:
        bench_build(opts.runs, "redis", "a redis container exported by Podman", redis.archive, redis.base)
        bench_build(opts.runs, "process", "a bare dump of one process", large.images, None)
    if "mount" in only:
        bench_mount(opts.runs, small, large, redis)
    if "process" in only:
        bench_process(opts.runs, large)
    if "lazy" in only:
        bench_lazy(opts.runs, 64 if opts.quick else 1024)
    if "redis" in only:
        bench_redis(opts.runs, redis)
    if "many" in only:
        many.bench_many(sys.modules[__name__], opts.runs, redis)


def main():
    arg = argparse.ArgumentParser()
    arg.add_argument("--runs", type=int, default=5)
    arg.add_argument("--quick", action="store_true", help="smaller checkpoints: a try of the script itself")
    arg.add_argument("--only", default="build,mount,process,lazy,redis,many,files,packed,fuse,inspect,remote,copy", help="which of these")
    opts = arg.parse_args()
    only = set(opts.only.split(","))
    env = dict(line.split("=", 1) for line in open("/inst/env", encoding="utf-8").read().split())
    os.environ["PATH"] = f"/inst{env['bindir']}:{os.environ['PATH']}"
    os.environ["LD_LIBRARY_PATH"] = f"/inst{env['libdir']}"
    os.chdir("/scratch")
    machine()
    results["runs"] = opts.runs

    if only - {"inspect", "packed", "fuse", "files", "remote", "copy"}:
        bench_dumps(opts, only)
    if "files" in only:
        many.bench_files(sys.modules[__name__], opts.runs)
    if "packed" in only:
        for mib in (64,) if opts.quick else (64, 1024):
            bench_packed(opts.runs, mib)
    if "fuse" in only:
        bench_fuse(opts.runs, 64 if opts.quick else 1024)
    if "inspect" in only:
        bench_inspect(opts.runs)
    if "remote" in only:
        remote.bench_remote(sys.modules[__name__], opts.runs, 1 if opts.quick else 10)
    if "copy" in only:
        rm("/scratch/redis-rootfs", "/scratch/base")
        subprocess.run([*PODMAN, "rm", "-af"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        redis = Redis(32 if opts.quick else 230, later=True)
        copying.bench_copy(sys.modules[__name__], opts.runs, redis)
        copying.bench_packing(sys.modules[__name__], opts.runs, redis)
        copying.bench_layers(sys.modules[__name__], opts.runs, 2 if opts.quick else 25)
    json.dump(results, sys.stdout, indent=1)
    print()


main()

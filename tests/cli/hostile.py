# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mounts what make_hostile.py makes, as a layer of an image's base.

  hostile.py FIRN LAYER_TOOL ARCHIVE plain|zstd

in an empty folder. Prints "ok NAME" for each case, or "not ok NAME: what is wrong"."""
import hashlib
import importlib.util
import io
import os
import random
import shutil
import stat
import subprocess
import sys
import tarfile

sys.dont_write_bytecode = True
import erofs_blob  # noqa: E402
import make_hostile  # noqa: E402
import zstd_blob  # noqa: E402

spec = importlib.util.spec_from_file_location(
    "mount_input", os.path.join(os.path.dirname(os.path.abspath(__file__)), "mount-input.py"))
mount_input = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mount_input)


def make_tree(top):
    random.seed(5)
    for folder in ("dir/sub", "other"):
        os.makedirs(os.path.join(top, folder))

    def file(name, content=b"", mode=0o644):
        path = os.path.join(top, name)
        with open(path, "wb") as f:
            f.write(content)
        os.chmod(path, mode)
        return path
    file("small", random.randbytes(100), 0o600)
    file("page", random.randbytes(4096))
    os.setxattr(file("odd", random.randbytes(9001)), "user.x", b"value")
    file("more", random.randbytes(200000))
    file("text", b"line of text\n" * 3000)
    file("empty")
    file("dir/sub/b", b"b\n")
    file("other/tool", b"", 0o755)
    # Enough for a block of entries, and for a header behind the last payload
    for i in range(60):
        file(f"other/{i:070}")
    os.setxattr(os.path.join(top, "dir"), "user.overlay-redirect", b"/other")
    os.link(os.path.join(top, "odd"), os.path.join(top, "dir/hard"))
    os.symlink("../text", os.path.join(top, "dir/link"))
    os.symlink("small", os.path.join(top, "link"))
    os.mknod(os.path.join(top, "null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mkfifo(os.path.join(top, "fifo"))


def describe(top):
    """Everything that can be said of what is below a folder."""
    found = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            what = [oct(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns, st.st_rdev]
            what += [(x, os.getxattr(path, x, follow_symlinks=False))
                     for x in sorted(os.listxattr(path, follow_symlinks=False))]
            if not stat.S_ISDIR(st.st_mode):
                what += [st.st_nlink, st.st_size]
            if stat.S_ISLNK(st.st_mode):
                what.append(os.readlink(path))
            if stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    what.append(hashlib.sha256(f.read()).hexdigest())
            found[os.path.relpath(path, top)] = what
    return found


def extract(plain):
    """What GNU tar makes of a layer, its whiteouts taken out."""
    shutil.rmtree("x", ignore_errors=True)
    os.mkdir("x")
    subprocess.run(["tar", "-C", "x", "--xattrs", "--xattrs-include=*", "--numeric-owner", "--warning=none", "-xpf", "-"],
                   input=plain, check=True)
    return {path: what for path, what in describe("x").items() if not os.path.basename(path).startswith(".wh.")}


def difference(got, want):
    return [f"{path}: {got.get(path)}, not {want.get(path)}"
            for path in sorted(got.keys() | want.keys()) if got.get(path) != want.get(path)]


class Honest:
    """The blob that all others are made of."""

    def __init__(self, tool, packed):
        make_tree("tree")
        subprocess.run([tool, "pack", "tree", os.path.abspath("honest")], check=True)
        with open("honest", "rb") as f:
            self.plain = self.data = f.read()
        if packed:
            subprocess.run([tool, "compress", "honest", "honest.zst", "3"], check=True)
            with open("honest.zst", "rb") as f:
                self.data = f.read()
        self.packed = packed
        self.want = extract(self.plain)
        with tarfile.open(fileobj=io.BytesIO(self.plain)) as tar:
            self.members = {t.name.removeprefix("./"): t for t in tar}

    def blob(self):
        b = erofs_blob.Blob(self.data)
        b.packed, b.plain, b.members = self.packed, self.plain, self.members
        b.content = self.content
        b.squeeze = lambda text: subprocess.run(
            ["zstd", "-qc", "--no-check", f"--stream-size={len(text)}"], input=text, capture_output=True, check=True).stdout
        return b

    def content(self, path):
        with open(os.path.join("tree", path), "rb") as f:
            return f.read()

    def tree(self, plain):
        """What a layer of these bytes has to show; None when it is no tar."""
        if plain[65536:] == self.plain[65536:]:
            return self.want
        return extract(plain)


class Trial:
    def __init__(self, firn, tool, archive, honest):
        self.firn, self.tool, self.archive, self.honest = firn, tool, archive, honest
        os.mkdir("m")

    def offer(self, data, plain):
        """An image of the layer, and a checkpoint of a container of it."""
        shutil.rmtree("liar", ignore_errors=True)
        media = "layer.v1.tar" + ("+zstd" if self.honest.packed else "")
        os.makedirs("liar/blobs/sha256")
        layer = mount_input.put("liar", data, media)
        arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "amd64")
        config = mount_input.put("liar", mount_input.dump(
            {"architecture": arch, "os": "linux",
             "rootfs": {"type": "layers", "diff_ids": [mount_input.digest(plain)]}}), "config.v1+json")
        manifest = mount_input.put("liar", mount_input.dump(
            {"schemaVersion": 2, "config": config, "layers": [layer]}), "manifest.v1+json")
        manifest["annotations"] = {"org.opencontainers.image.ref.name": "app"}
        with open("liar/oci-layout", "w", encoding="ascii") as f:
            f.write('{"imageLayoutVersion":"1.0.0"}')
        with open("liar/index.json", "wb") as f:
            f.write(mount_input.dump({"schemaVersion": 2, "manifests": [manifest]}))
        mount_input.archive(self.archive, "liar.tar", config["digest"][7:])
        with open("blob", "wb") as f:
            f.write(data)

    def mount(self, *options):
        done = subprocess.run([self.firn, "mount", "--cache", "cache", *options, "--base", "oci:liar:app", "liar.tar", "m"],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stderr.strip()

    def umount(self):
        subprocess.run([self.firn, "umount", "m"], check=True)

    def shown(self, want, *options):
        """What is wrong with what is mounted."""
        status, err = self.mount(*options)
        if status != 0:
            return [f"isn't mounted, status {status}: {err}"]
        try:
            return difference(describe("m/rootfs"), want)
        finally:
            self.umount()

    def refused(self, why, *options):
        status, err = self.mount(*options)
        if status == 0:
            self.umount()
            return ["is mounted" + " ".join(("",) + options)]
        left = [] if status == 3 and why in err else [f"status {status}: {err}"]
        return left + ([f"leaves {os.listdir('m')}"] if os.listdir("m") else [])

    def check(self):
        done = subprocess.run([self.tool, "check", "blob"], capture_output=True, text=True, check=False)
        return done.stdout.split()[0] if done.returncode == 0 else "broken"

    def run(self, becomes, data, plain):
        problems = []
        if becomes == "broken":
            return self.refused("") + self.refused("", "--strict")
        kind = self.check()
        # The tool takes a compressed layer without an index for a tar, which it isn't.
        if kind != becomes and not (self.honest.packed and (kind, becomes) == ("broken", "foreign")):
            problems.append(f"is {kind}, not {becomes}")
        want = self.honest.tree(plain)
        problems += self.shown(want)
        if becomes == "forged":
            problems += self.refused("index is not that of its tar", "--strict")
        else:
            problems += self.shown(want, "--strict")
        return problems


def main(firn, tool, archive, form):
    honest = Honest(tool, form == "zstd")
    trial = Trial(firn, tool, archive, honest)

    def tell(name, problems):
        print(f"not ok {name}: {'; '.join(problems)[:1000]}" if problems else f"ok {name}", flush=True)
    trial.offer(honest.data, honest.plain)
    tell("an honest layer", trial.run("ours", honest.data, honest.plain))
    for name, forms, becomes, change in make_hostile.CASES:
        if form not in forms:
            continue
        b = honest.blob()
        data = change(b) or b.seal()
        assert data != honest.data, name
        plain = (zstd_blob.unpack(data) if honest.packed else data) or b"broken"
        trial.offer(data, plain)
        try:
            tell(f"{name} ({becomes})", trial.run(becomes, data, plain))
        except subprocess.CalledProcessError as e:
            tell(name, [str(e)])


main(*sys.argv[1:])

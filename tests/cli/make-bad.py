#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoint archives that nobody should accept, each made from a real one.

  make-bad.py list GOOD            one line a case: name, exit status, what the error must say (regex)
  make-bad.py make GOOD NAME       that archive on standard output (some are endless or 1 GiB: a pipe)
  make-bad.py end GOOD             where the end-of-archive marker of GOOD begins
  make-bad.py large GOOD MIB       a good archive for once, with so many MiB of pages more
  make-bad.py many GOOD N          likewise, with so many files more in its delta

GOOD is an uncompressed Podman export. Cases whose name begins with "delta-" have their fault in
rootfs-diff.tar inside it, the others in the archive itself."""
import gzip
import io
import struct
import sys
import tarfile

BLOCK = 512
CORRUPT, FAILED = 3, 1
EITHER = 0  # 1 or 3: a limit may be reached before the fault is seen

cases = {}


def case(name, status, regex):
    def add(fn):
        cases[name] = (status, regex, fn)
        return fn
    return add


def entry(name, type=tarfile.REGTYPE, link="", data=b"", mode=0o644, **more):
    t = tarfile.TarInfo(name)
    t.type, t.linkname, t.mode, t.size = type, link, mode, len(data)
    for key, value in more.items():
        setattr(t, key, value)
    return t, data


def load(path):
    with tarfile.open(path) as tar:
        return [(t, tar.extractfile(t).read() if t.isreg() else b"") for t in tar]


def header(name, size_field, type=b"0"):
    """A ustar header with the bytes of its size field as they are given, and a right checksum."""
    h = bytearray(BLOCK)
    h[0:len(name)] = name
    h[100:108], h[108:116], h[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    h[124:136], h[136:148], h[156:157] = size_field, b"00000000000\0", type
    h[257:265] = b"ustar\00000"
    h[148:156] = b"        "
    h[148:156] = b"%06o\0 " % sum(h)
    return bytes(h)


def pad(data):
    return data + bytes(-len(data) % BLOCK)


def pack(members):
    """A pax tar. A member that is bytes goes in as it is."""
    out = io.BytesIO()
    for m in members:
        if isinstance(m, bytes):
            out.write(m)
            continue
        t, data = m
        out.write(t.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        out.write(pad(data))
    out.write(bytes(2 * BLOCK))
    return out.getvalue()


def replaced(good, name, data):
    return [(entry(name, data=data, mode=0o600) if t.name == name else (t, d)) for t, d in good]


def member(good, name):
    return next(d for t, d in good if t.name == name)


def without(good, *names):
    return [(t, d) for t, d in good if t.name not in names]


def untar(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [(t, tar.extractfile(t).read() if t.isreg() else b"") for t in tar]


# --- names and links that leave, in the archive itself and in its delta

LONG = "n" * 5000
LONG_PATH = "/".join(["some-folder-with-a-name-of-forty-nine-characters-xx"] * 100)
DEEP = "/".join(["d"] * 2000)

hostile = [
    ("dotdot", CORRUPT, r"\.\./evil", [entry("../evil", data=b"x")]),
    ("dotdot-inside", CORRUPT, r"\.\.", [entry("checkpoint/../../evil", data=b"x")]),
    ("absolute", CORRUPT, r"/evil", [entry("/evil", data=b"x")]),
    ("through-symlink", CORRUPT, r"link",
     [entry("link", tarfile.SYMTYPE, "/tmp"), entry("link/evil", data=b"x")]),
    ("through-file", CORRUPT, r"plain",
     [entry("plain", data=b"x"), entry("plain/evil", data=b"x")]),
    ("hardlink-out", CORRUPT, r"\.\./\.\./etc/passwd",
     [entry("hl", tarfile.LNKTYPE, "../../etc/passwd")]),
    ("hardlink-absolute", CORRUPT, r"/etc/passwd", [entry("hl", tarfile.LNKTYPE, "/etc/passwd")]),
    ("hardlink-nowhere", CORRUPT, r"\"hl\"", [entry("hl", tarfile.LNKTYPE, "not-there")]),
    ("long-name", EITHER, r"nnnn", [entry(LONG, data=b"x")]),
    ("long-path", EITHER, r"forty-nine", [entry(LONG_PATH, data=b"x")]),
    ("deep", EITHER, r"d/d/", [entry(DEEP, tarfile.DIRTYPE)]),
    ("twice", CORRUPT, r"same", [entry("same", data=b"1"), entry("same", data=b"2")]),
    ("file-over-folder", CORRUPT, r"same",
     [entry("same", tarfile.DIRTYPE), entry("same", data=b"2")]),
    ("nul-name", CORRUPT, r"path", [
        entry("x", data=b"x", pax_headers={"path": "evil\0name"})]),
    ("unknown-type", EITHER, r"odd", [header(b"odd", b"00000000000\0", b"V")]),
    ("bad-checksum", CORRUPT, r"", [b"garbage" * 64 + bytes(BLOCK - 448)]),
    ("half-a-gigabyte-name", EITHER, r"", [
        header(b"././@LongLink", b"%011o\0" % (512 << 20), b"L"), pad(b"x")]),
    ("huge-pax", EITHER, r"", [header(b"p", b"%011o\0" % (512 << 20), b"x"), pad(b"x")]),
    ("size-2-63", EITHER, r"big|size|trunc|end|header|corrupt",
     [header(b"big", b"\x80\0\0\0" + struct.pack(">Q", 1 << 63)), pad(b"x")]),
    ("size-2-63-less-1", EITHER, r"big|size|trunc|end|header|corrupt",
     [header(b"big", b"\x80\0\0\0" + struct.pack(">Q", (1 << 63) - 1)), pad(b"x")]),
    ("size-negative", EITHER, r"",
     [header(b"big", b"\xff" * 12), pad(b"x")]),
    ("size-too-large", CORRUPT, r"", [header(b"big", b"77777777777\0"), pad(b"x")]),
    ("size-not-octal", CORRUPT, r"", [header(b"big", b"9z9z9z9z9z9\0"), pad(b"x")]),
]


def at_front(extra):
    return lambda good: pack(extra + good)


def at_end(extra):
    return lambda good: pack(good + extra)


def in_delta(extra):
    return lambda good: pack(replaced(
        good, "rootfs-diff.tar", pack(untar(member(good, "rootfs-diff.tar")) + extra)))


for _name, _status, _regex, _extra in hostile:
    case(f"{_name}", _status, _regex)(at_front(_extra))
    case(f"last-{_name}", _status, _regex)(at_end(_extra))
    case(f"delta-{_name}", _status, _regex)(in_delta(_extra))


# --- documents

@case("config-not-json", CORRUPT, r"config\.dump")
def _(good):
    return pack(replaced(good, "config.dump", b'{"id": '))


@case("config-empty", CORRUPT, r"config\.dump")
def _(good):
    return pack(replaced(good, "config.dump", b""))


@case("config-array", CORRUPT, r"config\.dump")
def _(good):
    return pack(replaced(good, "config.dump", b"[]"))


@case("config-deep", EITHER, r"config\.dump")
def _(good):
    return pack(replaced(good, "config.dump", b'{"x":' + b"[" * 10000 + b"]" * 10000 + b"}"))


@case("config-duplicate-keys", CORRUPT, r"config\.dump")
def _(good):
    return pack(replaced(good, "config.dump", b'{"id":"a","id":"b"}'))


@case("config-trailing", CORRUPT, r"config\.dump")
def _(good):
    return pack(replaced(good, "config.dump", member(good, "config.dump") + b"x"))


@case("spec-not-json", CORRUPT, r"spec\.dump")
def _(good):
    return pack(replaced(good, "spec.dump", b"\xff\xfe{}"))


@case("spec-deep", EITHER, r"spec\.dump")
def _(good):
    return pack(replaced(good, "spec.dump", b"[" * 10000 + b"]" * 10000))


@case("deleted-not-json", CORRUPT, r"deleted\.files")
def _(good):
    return pack(replaced(good, "deleted.files", b'["/a",'))


@case("deleted-dotdot", CORRUPT, r"deleted\.files")
def _(good):
    return pack(replaced(good, "deleted.files", b'["/../../etc/passwd"]'))


@case("deleted-root", CORRUPT, r"deleted\.files")
def _(good):
    return pack(replaced(good, "deleted.files", b'["/"]'))


@case("deleted-numbers", CORRUPT, r"deleted\.files")
def _(good):
    return pack(replaced(good, "deleted.files", b"[1,2]"))


@case("no-config", CORRUPT, r"config\.dump")
def _(good):
    return pack(without(good, "config.dump"))


@case("no-spec", CORRUPT, r"spec\.dump")
def _(good):
    return pack(without(good, "spec.dump"))


@case("no-inventory", CORRUPT, r"inventory\.img")
def _(good):
    return pack(without(good, "checkpoint/inventory.img"))


@case("config-is-a-folder", CORRUPT, r"config\.dump")
def _(good):
    return pack([entry("config.dump", tarfile.DIRTYPE, mode=0o755)] + without(good, "config.dump"))


@case("config-is-a-symlink", CORRUPT, r"config\.dump")
def _(good):
    return pack([entry("config.dump", tarfile.SYMTYPE, "/etc/passwd")]
                + without(good, "config.dump"))


@case("images-symlink-out", CORRUPT, r"checkpoint/evil")
def _(good):
    return pack(good + [entry("checkpoint/evil", tarfile.SYMTYPE, "/etc/passwd")])


@case("images-device", CORRUPT, r"checkpoint/evil")
def _(good):
    return pack(good + [entry("checkpoint/evil", tarfile.CHRTYPE, devmajor=1, devminor=1)])


# --- deltas

@case("delta-whiteout-name", EITHER, r"\.wh\..*evil")
def _(good):
    return in_delta([entry("data/.wh.evil")])(good)


@case("delta-cut", CORRUPT, r"rootfs-diff\.tar")
def _(good):
    return pack(replaced(good, "rootfs-diff.tar", member(good, "rootfs-diff.tar")[:4096]))


@case("delta-not-a-tar", CORRUPT, r"rootfs-diff\.tar")
def _(good):
    return pack(replaced(good, "rootfs-diff.tar", b"no tar at all" * 1000))


@case("delta-xattr-huge", EITHER, r"user\.big|xattr|attribute")
def _(good):
    return in_delta([entry("x", data=b"x", pax_headers={"SCHILY.xattr.user.big": "v" * 70000})])(good)


@case("delta-xattrs-many", EITHER, r"xattr|attribute")
def _(good):
    many = {f"SCHILY.xattr.user.{i}": "v" for i in range(1000)}
    return in_delta([entry("x", data=b"x", pax_headers=many)])(good)


# --- not archives; bombs

@case("empty", CORRUPT, r"")
def _(_good):
    return b""


@case("only-an-end", CORRUPT, r"config\.dump|inventory\.img|checkpoint")
def _(_good):
    return bytes(10240)


@case("text", CORRUPT, r"")
def _(_good):
    return b"this is no archive\n" * 100


@case("gzip-cut", CORRUPT, r"")
def _(good):
    data = gzip.compress(pack(good), mtime=0)
    return data[:len(data) // 2]


@case("gzip-bad-crc", CORRUPT, r"")
def _(good):
    data = bytearray(gzip.compress(pack(good), mtime=0))
    data[-8] ^= 1
    return bytes(data)


@case("zstd-garbage", CORRUPT, r"")
def _(_good):
    return b"\x28\xb5\x2f\xfd" + b"garbage" * 1000


def stream(good, name, size):
    """The archive with member `name` replaced by `size` zero bytes, piece by piece."""
    piece = bytes(1 << 20)
    yield pack(without(good, name))[:-2 * BLOCK]
    yield header(name.encode(), b"%011o\0" % size if size < 1 << 33 else
                 b"\x80\0\0\0" + struct.pack(">Q", size))
    for _ in range(size // len(piece)):
        yield piece
    yield bytes(2 * BLOCK)


@case("config-1-gib", EITHER, r"config\.dump")
def _(good):
    return stream(good, "config.dump", 1 << 30)


@case("spec-1-gib", EITHER, r"spec\.dump")
def _(good):
    return stream(good, "spec.dump", 1 << 30)


def squeezed(data):
    return gzip.compress(data, mtime=0)


@case("gzip-bomb", EITHER, r"200 times")
def _(good):
    """64 GiB of zero pages in 64 MB: refused long before. Each piece is a gzip member of its own."""
    whole = list(zip(range(2), stream(good, "checkpoint/pages-9.img", 64 << 30)))
    zeros = squeezed(bytes(64 << 20))
    yield squeezed(b"".join(piece for _, piece in whole))
    for _ in range(1 << 10):
        yield zeros


@case("gzip-of-zeros", EITHER, r"200 times|config\.dump|inventory\.img")
def _(_good):
    zeros = squeezed(bytes(64 << 20))
    for _ in range(1 << 10):
        yield zeros


# Of more entries an image could be made, into which nobody could look.
@case("262145-entries", CORRUPT, r"more than 262144")
def _(good):
    roots = squeezed(header(b"./", b"00000000000\0", b"5") * (1 << 15))
    return roots * 8 + squeezed(pack(good))


def main():
    what, good = sys.argv[1:3]
    if what == "list":
        for name, (status, regex, _fn) in cases.items():
            print(f"{name}\t{status}\t{regex or '.'}")
    elif what == "make":
        made = cases[sys.argv[3]][2](load(good))
        try:
            for piece in [made] if isinstance(made, bytes) else made:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # the reader has seen enough
            sys.stderr.close()
    elif what == "large":
        for piece in stream(load(good), "checkpoint/pages-9.img", int(sys.argv[3]) << 20):
            sys.stdout.buffer.write(piece)
    elif what == "many":
        names = (f"many/folder-{i % 100}/a-file-with-a-longer-name-{i}" for i in range(int(sys.argv[3])))
        sys.stdout.buffer.write(in_delta([entry(n, data=b"x") for n in names])(load(good)))
    elif what == "end":
        with tarfile.open(good) as tar:
            tar.getmembers()
            print(tar.offset)


main()

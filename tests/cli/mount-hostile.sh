#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What firn mount makes of layers, archives and documents that lie: an error, or the tar's own truth; never
# something of this host, and nothing left behind.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/mount-lib.sh
. "$top_srcdir/tests/cli/mount-lib.sh"

refused() { # STATUS REGEX WHAT ARGUMENT...: of mount
	fails "$1" "$2" "$3" mount_it "${@:4}" m
	is "$(traces)$(ls -A m)" "" "$3: nothing is left"
	[ "$status" != 0 ] || "$firn" umount m
}
archived() { # EDIT...: makes bad.tar
	python3 "$input" archive c.tar bad.tar "$id" "$@"
}
from_archive=(--base oci:base:app bad.tar)

# --- an index that isn't the tar's

mount_it oci:layout:r1 m >/dev/null && describe m/rootfs >want && "$firn" umount m
# In the delta: another name deleted. In the images: another file's place.
python3 - <<'PY'
import glob, shutil
for kind, text in (("delta", b"rename-me"), ("images", b"pages-1.img")):
    shutil.copytree("layout", "forged-" + kind)
    hits = 0
    for path in glob.glob(f"forged-{kind}/blobs/sha256/*"):
        with open(path, "r+b") as f:
            head = f.read(65536)
            at = head.find(text)
            if head[1024:1028] == b"\xe2\xe1\xf5\xe0" and at >= 0:
                f.seek(at)
                f.write(text[:-1] + b"Z")
                hits += 1
    assert hits == 1, (kind, hits)
PY
for kind in delta images; do
	check "a forged index ($kind)" mount_it oci:forged-$kind:r1 m
	is "$(describe m/rootfs | diff want -)" "" "a forged index ($kind): the tar counts"
	cmp -s m/checkpoint/pages-1.img <(tar -xOf c.tar checkpoint/pages-1.img) && ok "for the images too" || not_ok "for the images too"
	"$firn" umount m
	refused 3 'index is not that of its tar' "a forged index ($kind), --strict" --strict oci:forged-$kind:r1
done
check "an honest one, --strict" mount_it --strict oci:layout:r1 m
"$firn" umount m

cp -r layout proven
mount_it oci:proven:r1 m >/dev/null && "$firn" umount m
python3 - <<'PY'
import glob
for path in glob.glob("proven/blobs/sha256/*"):
    with open(path, "r+b") as f:
        head = f.read(65536)
        if head[1024:1028] == b"\xe2\xe1\xf5\xe0" and (at := head.find(b"rename-me")) >= 0:
            f.seek(at)
            f.write(b"rename-mZ")
PY
check "an index that is forged after it was proven" mount_it oci:proven:r1 m
is "$(describe m/rootfs | diff want -)" "" "is proven again"
"$firn" umount m

# --- blobs that somebody else may change while they are mounted

"$firn" build --quiet --compress zstd --base oci:base:app c.tar oci:packed:r1 >/dev/null || bail "build"
tar -xOf c.tar checkpoint/pages-1.img >want.img
for form in layout packed; do
	for owner in 0 65534; do
		cp -r $form $form-$owner && chown -R $owner $form-$owner
		check "of user $owner, $form" mount_it oci:$form-$owner:r1 m
		# What nobody has looked up yet the kernel reads from the blob now.
		PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$top_srcdir/tests/cli python3 - $form-$owner <<'PY'
import glob, sys
import erofs_blob
hits, name = 0, "checkpoint/pages-1.img"
for path in glob.glob(sys.argv[1] + "/blobs/sha256/*"):
    with open(path, "r+b") as f:
        data = f.read()
        if data[1024:1028] != b"\xe2\xe1\xf5\xe0" or name not in (b := erofs_blob.Blob(data)).inodes:
            continue
        at = b.clusters(name)[1] if b.layout(name) == erofs_blob.FULL else b.chunk(name)
        b.put("<I", at + 4, b.get("<I", at + 4)[0] + 1)
        f.seek(0)
        f.write(b.data)
        hits += 1
assert hits == 1
PY
		# Root can do as much to its own file, and the kernel has no way to tell.
		if [ $owner != 0 ]; then
			cmp -s m/checkpoint/pages-1.img want.img && ok "what that user does to the index then isn't seen" ||
				not_ok "what that user does to the index then isn't seen"
		fi
		"$firn" umount m
		check "of user $owner, $form: forged, and mounted again" mount_it oci:$form-$owner:r1 m
		cmp -s m/checkpoint/pages-1.img want.img && ok "is the tar's" || not_ok "is the tar's"
		"$firn" umount m
	done
done

# A blob that is cut: what isn't there any more can't be read, and that is all.
for form in layout packed; do
	cp -r $form $form-cut
	check "to be cut, $form" mount_it oci:$form-cut:r1 m
	for f in $form-cut/blobs/sha256/*; do
		[ "$(stat -c %s "$f")" -lt 20480 ] || truncate -s 16384 "$f"
	done
	fails 1 'Input/output error|Structure needs cleaning' "an error, $form" cat m/checkpoint/pages-1.img
	check "nothing keeps it from being unmounted, $form" "$firn" umount m
	fails 3 'bytes' "and it isn't mounted again, $form" mount_it oci:$form-cut:r1 m
done
touch had # of what the cache has

# --- blobs that aren't what the documents say

blob_of() { # LAYOUT TEXT: the layer that has TEXT in its head
	grep -la "$2" "$1"/blobs/sha256/* | while read -r f; do [ "$(stat -c %s "$f")" -gt 65536 ] && echo "$f"; done | head -n 1
}
cp -r layout short && truncate -s -4096 "$(blob_of short pages-1.img)"
refused 3 'bytes' "a layer that is too short" oci:short:r1
cp -r layout long && head -c 4096 /dev/zero >>"$(blob_of long pages-1.img)"
refused 3 'bytes' "a layer that is too long" oci:long:r1
cp -r layout missing && rm "$(blob_of missing pages-1.img)"
refused 4 'No such|not' "a layer that isn't there" oci:missing:r1
cp -r layout broken && f=$(blob_of broken pages-1.img) && printf 'X' | dd of="$f" bs=1 seek=$((65536 + 150)) conv=notrunc status=none
refused 3 'layer|header' "a layer whose headers are damaged" oci:broken:r1

base_of() { # LAYER...: rebuilds what bad.tar stands on
	rm -rf liar
	read -r liar_id _ < <(python3 "$input" image liar app "$@")
	python3 "$input" archive "$data/podman-ignore-rootfs.tar" bad.tar "$liar_id"
}
edit_config() { # PYTHON: of the base's config, with new digests all the way up
	python3 - "$1" <<'PY'
import hashlib, json, sys
def load(d):
    return json.load(open("liar/blobs/sha256/" + d["digest"][7:]))
def store(d, doc):
    data = json.dumps(doc).encode()
    d["digest"], d["size"] = "sha256:" + hashlib.sha256(data).hexdigest(), len(data)
    open("liar/blobs/sha256/" + d["digest"][7:], "wb").write(data)
index = json.load(open("liar/index.json"))
desc = index["manifests"][0]
manifest = load(desc)
config = load(manifest["config"])
exec(sys.argv[1])
store(manifest["config"], config)
store(desc, manifest)
json.dump(index, open("liar/index.json", "w"))
print(manifest["config"]["digest"][7:])
PY
}
from_liar=(--base oci:liar:app bad.tar)
cp "$data/base-tiny-rootfs.tar" plain.tar && gzip -nk plain.tar
for kind in plain.tar plain.tar.gz; do
	base_of "$kind"
	liar_id=$(edit_config 'config["rootfs"]["diff_ids"][0] = "sha256:" + 64 * "1"')
	python3 "$input" archive "$data/podman-ignore-rootfs.tar" bad.tar "$liar_id"
	refused 3 'diff_id' "a diff_id that is another's ($kind)" "${from_liar[@]}"
done
is "$(find "$cache/blobs" -type f -newer had 2>/dev/null)" "" "and nothing wrong gets a name in the cache"
head -c 300M /dev/zero | zstd -q >bomb.zst
base_of bomb.zst
refused 3 'expands' "a layer that unpacks to a multiple" "${from_liar[@]}"
head -c 500 plain.tar.gz >cut.gz && cp plain.tar.gz whole.gz
base_of whole.gz && cp cut.gz "liar/blobs/sha256/$(sha256sum <whole.gz | cut -c1-64)"
refused 3 'bytes' "a compressed layer that was cut" "${from_liar[@]}"
is "$(find "$cache/blobs" -type f -newer had 2>/dev/null)" "" "nothing of it stays in the cache"

# --- layers of others that want to steer the overlay

python3 - <<'PY'
import io, tarfile
def add(tar, name, data=b"", **more):
    t = tarfile.TarInfo(name)
    t.size, t.mtime = len(data), 1767225600
    for k, v in more.items():
        setattr(t, k, v)
    tar.addfile(t, io.BytesIO(data))
def new(name):
    return tarfile.open(name, "w", format=tarfile.PAX_FORMAT)
with new("low.tar") as tar:
    add(tar, "dir", type=tarfile.DIRTYPE, mode=0o755)
    add(tar, "dir/below", b"below\n")
    add(tar, "secret", type=tarfile.DIRTYPE, mode=0o700)
    add(tar, "secret/key", b"key\n", mode=0o600)
    add(tar, "twice", b"first\n")
    add(tar, "twice", b"second\n")
    add(tar, "kind", b"file\n")
    add(tar, "kind", type=tarfile.DIRTYPE, mode=0o755)
    add(tar, "kind/now", b"a folder\n")
x = "SCHILY.xattr."
with new("high.tar") as tar:
    add(tar, "dir", type=tarfile.DIRTYPE, mode=0o755, pax_headers={x + "trusted.overlay.opaque": "y", x + "user.kept": "1"})
    add(tar, "dir/above", b"above\n")
    add(tar, "show", type=tarfile.DIRTYPE, mode=0o755, pax_headers={x + "trusted.overlay.redirect": "/secret"})
    add(tar, "file", b"own\n", pax_headers={x + "trusted.overlay.metacopy": "", x + "trusted.overlay.redirect": "/secret/key"})
PY
base_of low.tar high.tar
check "overlay's xattrs in a layer" mount_it "${from_liar[@]}" m
is "$(describe m/rootfs | grep -v 'dir$' | tr '\n' ';')" \
	"dir/above: above;dir/below: below;file: own;kind/now: a folder;secret/key: key;twice: second;" \
	"overlay's xattrs in a layer mean nothing, and the last of two entries counts"
if have getfattr; then
	is "$(getfattr --absolute-names --only-values -n user.kept m/rootfs/dir)" 1 "other xattrs are kept"
else
	skip_one "no getfattr" "other xattrs are kept"
fi
"$firn" umount m

# --- archives

archived file=config.json=evil file=rootfs=file file=work/restore.log=evil file=engine/hosts=evil file=engine/criu.conf=evil
check "members that have the names of our own files" mount_it "${from_archive[@]}" m
is "$(grep -c evil m/config.json) $(ls -A m/work) $(stat -c %F m/rootfs) $(grep -r evil m/engine)" "0  directory " "ours count"
"$firn" umount m
for edit in link=work=/etc link=checkpoint/x=/etc/passwd link=checkpoint/parent=/etc link=devshm=/etc link=ctr.log2=../x; do
	archived "$edit"
	refused 3 'neither a file nor a folder' "a link: $edit" "${from_archive[@]}"
done
archived file=../escape=x
refused 3 'leaves' "a member that leaves the archive" "${from_archive[@]}"
archived file=/etc/escape=x
refused 3 'absolute' "an absolute member" "${from_archive[@]}"
for edit in deleted=/../etc/passwd deleted=/; do
	archived "$edit"
	refused 3 'deleted.files' "$edit" "${from_archive[@]}"
done
archived deleted=/keep.txt/below deleted=/nowhere/x
check "deletions of what can't be there" mount_it "${from_archive[@]}" m
is "$(describe m/rootfs | diff want -)" "" "change nothing"
"$firn" umount m
archived drop=checkpoint/inventory.img
refused 2 'inventory.img|no ' "an archive without an inventory" "${from_archive[@]}"
archived drop=spec.dump
refused 3 'spec.dump' "an archive without spec.dump" "${from_archive[@]}"
for name in config.dump spec.dump; do
	for text in '{' '[]' '{"a":1,"a":2}' "$(printf '[%.0s' {1..9999})"; do
		archived "file=$name=$text"
		refused 3 "$name" "$name: $(cut -c1-20 <<<"$text")" "${from_archive[@]}"
	done
done
archived file=checkpoint/inventory.img=junk
refused 3 'inventory' "an inventory of nothing" "${from_archive[@]}"
size=$(stat -c %s c.tar) problem=''
for ((n = 0; n < size; n += 20 * 512)); do
	head -c $n c.tar >bad.tar
	run mount_it "${from_archive[@]}" m
	case $status in 2 | 3) ;; *) problem="$problem; $n bytes: status $status: $err" ;; esac
	[ -z "$(traces)$(ls -A m)" ] || problem="$problem; $n bytes, left: $(traces)"
done
is "$problem" "" "an archive that ends early, at many places"
is "$(ls -d /etc/escape ../escape escape 2>/dev/null)" "" "nothing was written outside"
done_testing

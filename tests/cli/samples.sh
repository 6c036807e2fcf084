#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every real archive in tests/data that this version reads gives the tree that expected.json knows, by way of
# an image and straight from the archive, whatever the compression and the road the bytes took.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd
need_mount

own_mounts
cd "$work" || exit 99
expected=$top_srcdir/tests/cli/expected.py
mkdir m
mount -t tmpfs tmpfs /run || bail "no tmpfs on /run"
cache=$work/cache

# digests NAME SUFFIX HOW...: of these tags, "missing" for one that isn't there
digests() {
	python3 -c 'import json, sys
index = json.load(open("layout/index.json"))["manifests"]
tags = {d["annotations"]["org.opencontainers.image.ref.name"]: d["digest"] for d in index}
for how in sys.argv[3:]:
    print(tags.get(f"{sys.argv[1]}-{how}{sys.argv[2]}", f"missing {how}"))' "$@"
}

# named_and_compat ARCHIVE TAG ENGINE LAST WHAT: the other two ways to an engine's restore
named_and_compat() {
	check "$5: build with a name for the rootfs image" "$firn" build --base oci:base:app --for "$3" \
		--rootfs-name registry.test/app/r:1 "$1" "oci:layout:$2-named"
	is "$(python3 "$top_srcdir/tests/cli/check-engine.py" --rootfs-name registry.test/app/r:1 layout "$2-named" "$3" 2>&1)" "" \
		"$5: $3 would find it by that name"
	check "$5: build with the changes in the checkpoint" "$firn" build --base oci:base:app --engine-delta=archive \
		"$1" "oci:layout:$2-compat"
	# An archive without changes leaves nothing to be told apart.
	[ "$4" = none ] || is "$(python3 "$top_srcdir/tests/cli/check-engine.py" layout "$2-compat" "$3" 2>&1)" "" \
		"$5: $3 would restore this one too"
	check "$5: mount of it" "$firn" mount --cache "$cache" "oci:layout:$2-compat" "$work/m"
	is "$(python3 "$expected" check m/rootfs "$data" "$4" 2>&1)" "" "$5: the tree of expected.json"
	check "$5: umount of it" "$firn" umount "$work/m"
}

# The busybox base of the samples is no part of them: the tiny one has the same /data. Only the ID of the
# image in config.dump is changed, to that of an image made of the tiny base.
id=$(python3 "$top_srcdir/tests/cli/make-base.py" "$data/base-tiny-rootfs.tar" base app)
python3 "$top_srcdir/tests/cli/make-base.py" --gzip "$data/base-tiny-rootfs.tar" base-gz app >/dev/null
# The config is the same whatever the layer's compression, so both have that ID.
while read -r name last; do
	python3 "$expected" rehome "$data/$name" "$id" "$name.rehomed.tar"
	ln -sf "$name.rehomed.tar" "$name.none"
	gzip -nc "$name.rehomed.tar" >"$name.gzip"
	zstd -qc "$name.rehomed.tar" >"$name.zstd"
	for how in none gzip zstd; do
		check "$name as $how: build" "$firn" build --base oci:base:app "$name.$how" "oci:layout:$name-$how"
		check "$name as $how: mount" "$firn" mount --cache "$cache" "oci:layout:$name-$how" "$work/m"
		is "$(python3 "$expected" check m/rootfs "$data" "$last" 2>&1)" "" "$name as $how: the tree of expected.json"
		check "$name as $how: umount" "$firn" umount "$work/m"
	done
	run_stdin "$firn" build --base oci:base:app - "oci:layout:$name-stdin" <"$name.zstd"
	status_is 0 "$name from a pipe: build"
	mkdir -p "$name.folder" && tar -C "$name.folder" --numeric-owner -xpf "$name.rehomed.tar"
	check "$name as a folder: build" "$firn" build --base oci:base:app "$name.folder" "oci:layout:$name-folder"
	is "$(python3 "$top_srcdir/tests/cli/check-engine.py" layout "$name-none" podman 2>&1)" "" "$name: Podman would restore it with its changes"
	named_and_compat "$name.zstd" "$name" podman "$last" "$name"
	is "$(digests "$name" '' none gzip zstd stdin | sort -u | wc -l)" 1 "$name: four roads, one digest"
	is "$(digests "$name" .rootfs none gzip zstd stdin folder | sort -u | wc -l)" 1 "$name: one rootfs image, from a folder too"
	check "$name: mount of the archive" "$firn" mount --cache "$cache" --base oci:base-gz:app "$name.rehomed.tar" "$work/m"
	is "$(python3 "$expected" check m/rootfs "$data" "$last" 2>&1)" "" "$name: the tree of expected.json"
	check "$name: umount" "$firn" umount "$work/m"
done <<'EOS'
podman-none.tar 7
podman-gzip.tar.gz 8
podman-zstd.tar.zst 9
podman-ignore-rootfs.tar none
EOS

# An image of Podman's own --create-image: a layout, and an archive of one, plain and compressed.
python3 "$expected" rehome-image "$data/podman-create-image-oci.tar" "$id" image
tar -C image -cf image.tar . && gzip -nk image.tar
for form in image image.tar image.tar.gz; do
	check "$form of --create-image: build" "$firn" build --base oci:base:app "$form" "oci:layout:created-$form"
done
is "$(digests created '' image image.tar image.tar.gz | sort -u | wc -l)" 1 "image of --create-image: three roads, one digest"
check "image of --create-image: mount" "$firn" mount --cache "$cache" oci:layout:created-image "$work/m"
is "$(python3 "$expected" check m/rootfs "$data" 5 2>&1)" "" "image of --create-image: the tree of expected.json"
check "image of --create-image: umount" "$firn" umount "$work/m"
is "$(python3 "$top_srcdir/tests/cli/check-engine.py" layout created-image podman 2>&1)" "" "image of --create-image: Podman would restore ours"
check "podman-create-image-oci.tar as it is: build" "$firn" build "$data/podman-create-image-oci.tar" oci:layout:created

# The same containers as CRI-O would have exported them.
while read -r name last; do
	python3 "$top_srcdir/tests/cli/make-crio.py" "$data/$name" "$id" crio.tar
	check "$name in CRI-O's words: build" "$firn" build --base oci:base:app crio.tar "oci:layout:$name-crio"
	run_stdin "$firn" build --base oci:base:app - "oci:layout:$name-crio-stdin" <crio.tar
	status_is 0 "$name in CRI-O's words, from a pipe: build"
	is "$(digests "$name" '' crio crio-stdin | sort -u | wc -l)" 1 "$name in CRI-O's words: both have one digest"
	check "$name in CRI-O's words: mount" "$firn" mount --cache "$cache" "oci:layout:$name-crio" "$work/m"
	is "$(python3 "$expected" check m/rootfs "$data" "$last" 2>&1)" "" "$name in CRI-O's words: the tree of expected.json"
	is "$(tar -xOf crio.tar bind.mounts | cmp - m/bind.mounts)" "" "$name in CRI-O's words: bind.mounts as it was"
	check "$name in CRI-O's words: umount" "$firn" umount "$work/m"
	is "$(python3 "$top_srcdir/tests/cli/check-engine.py" layout "$name-crio" cri-o 2>&1)" "" "$name: CRI-O would restore it with its changes"
	named_and_compat crio.tar "$name-crio" cri-o "$last" "$name in CRI-O's words"
done <<'EOS'
podman-none.tar 7
podman-zstd.tar.zst 9
podman-ignore-rootfs.tar none
EOS

# As they are: without a base there is a delta alone, and a mount asks for the base.
for name in podman-none.tar podman-gzip.tar.gz podman-zstd.tar.zst; do
	check "$name as it is: build" "$firn" build "$data/$name" "oci:layout:$name"
	like "$err" '[Hh]ost|lost|missing' "$name: what Podman's archive may have lost is said"
	fails 4 'localhost/bb:1.*c56abf9a787d35a48e001b70aab28ef8ba1285451e4aa6b4aed5291b7ea29ffa' "$name: a mount asks for the base, with name and ID" \
		"$firn" mount "oci:layout:$name" "$work/m"
	is "$(ls -A m)" "" "$name: and leaves nothing"
	is "$(python3 "$top_srcdir/tests/cli/check-engine.py" layout "$name" podman 2>&1)" "the container would be made without its changes" \
		"$name: without a base Podman would restore it without its changes"
done
fails 1 "$id.*c56abf9a|c56abf9a.*$id" "a wrong base is refused, with both IDs" "$firn" mount --base oci:base:app oci:layout:podman-none.tar "$work/m"
fails 1 "$id.*c56abf9a|c56abf9a.*$id" "also for an archive" "$firn" mount --base oci:base:app "$data/podman-none.tar" "$work/m"

# The delta as a changeset: one whiteout a deletion, an opaque mark for the re-created folder.
names=$(python3 - <<'EOS'
import json, tarfile
entries = {d["annotations"]["org.opencontainers.image.ref.name"]: d for d in json.load(open("layout/index.json"))["manifests"]}
def doc(d):
    return json.load(open("layout/blobs/sha256/" + d["digest"].split(":")[1]))
layer = doc(entries["podman-none.tar.rootfs"])["layers"][-1]
print(*sorted(t.name.removeprefix("./") for t in tarfile.open("layout/blobs/sha256/" + layer["digest"].split(":")[1]) if ".wh." in t.name))
EOS
)
is "$names" "data/.wh.del.txt data/.wh.deldir data/.wh.rename-me data/redir/.wh..wh..opq" "whiteouts"

# Bare CRIU dumps: the images as they are, and no rootfs.
for name in raw-criu-1proc.tar raw-criu-2proc.tar ctr-t-bare-criu.tar; do
	mkdir raw && tar -C raw -xf "$data/$name"
	images=$(dirname raw/*/inventory.img)
	check "$name: build" "$firn" build "$images" "oci:layout:$name"
	check "$name: mount" "$firn" mount --cache "$cache" "oci:layout:$name" "$work/m"
	is "$(for f in "$images"/*.img; do cmp "$f" "m/checkpoint/${f##*/}" 2>&1; done)" "" "$name: every image, byte for byte"
	is "$([ -e m/rootfs ] && echo rootfs)" "" "$name: no rootfs"
	check "$name: umount" "$firn" umount "$work/m"
	rm -rf raw
done
is "$(python3 "$top_srcdir/tests/cli/check-layout.py" layout 2>&1 | grep -v ^tags)" "" "the layout is whole"
is "$(grep -E " $work/m" /proc/self/mountinfo)" "" "nothing stays mounted"
done_testing

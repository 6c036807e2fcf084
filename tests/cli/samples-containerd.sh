#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# containerd's real checkpoints in tests/data, of a kubelet and of ctr: each gives the tree that expected.json
# knows, and what is built of them is what containerd reads.
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

# The tiny containers' own base lies in the index that ctr made with --image: an ordinary image.
base_of_tiny=a7e2ee4ba6156c02fa55b43c2a6518e5c57d09ac9ec23bfe4d821755f332dfa7
mkdir base-tiny && tar -C base-tiny -xf "$data/ctr-index-image-tiny.oci.tar"
cat >base-tiny/index.json <<EOS
{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:$base_of_tiny",
"size":568,"annotations":{"org.opencontainers.image.ref.name":"app"}}]}
EOS
# That of the busybox ones is no part of the samples; the tiny one has the same /data.
python3 "$top_srcdir/tests/cli/make-base.py" "$data/base-tiny-rootfs.tar" base-busybox app >/dev/null
digest=$(python3 -c 'import json; print(json.load(open("base-busybox/index.json"))["manifests"][0]["digest"])')
python3 "$expected" rehome "$data/containerd-cri.tar" "$digest" busybox.tar
cp "$data/containerd-cri-tiny.tar" tiny.tar

# delta_of TAG: media type and digest of the rootfs image's last layer
delta_of() {
	python3 -c 'import json, sys
def doc(digest):
    return json.load(open("layout/blobs/sha256/" + digest.split(":")[1]))
tags = {d["annotations"]["org.opencontainers.image.ref.name"]: d for d in json.load(open("layout/index.json"))["manifests"]}
layer = doc(tags[sys.argv[1] + ".rootfs"]["digest"])["layers"][-1]
print(layer["mediaType"], layer["digest"].split(":")[1])' "$1"
}
check_engine() { python3 "$top_srcdir/tests/cli/check-engine.py" "$@"; }
mounted_is_right() { # TAG LAST ENGINE WHAT [OPTION...]
	check "$4: mount" "$firn" mount --cache "$work/cache" "${@:5}" "oci:layout:$1" "$work/m"
	is "$(python3 "$expected" check m/rootfs "$data" "$2" "$3" 2>&1)" "" "$4: the tree of expected.json"
	check "$4: umount" "$firn" umount "$work/m"
}
while read -r name last; do
	gzip -nc "$name.tar" >"$name.gzip"
	zstd -qc "$name.tar" >"$name.zstd"
	mkdir -p "$name.folder" && tar -C "$name.folder" --numeric-owner -xpf "$name.tar"
	for how in tar gzip zstd folder; do
		check "$name as $how: build" "$firn" build --format '{{.Rootfs}}' --base "oci:base-$name:app" "$name.$how" "oci:layout:$name-$how"
		echo "$out" >>"$name.digests"
	done
	run_stdin "$firn" build --format '{{.Rootfs}}' --base "oci:base-$name:app" - "oci:layout:$name-stdin" <"$name.zstd"
	status_is 0 "$name from a pipe: build"
	echo "$out" >>"$name.digests"
	is "$(wc -l <"$name.digests") $(sort -u "$name.digests" | wc -l)" "5 1" "$name: five roads, one rootfs image"
	is "$(delta_of "$name-tar")" "application/vnd.oci.image.layer.v1.tar+gzip $(tar -xOf "$name.tar" rootfs-diff.tar | sha256sum | cut -d' ' -f1)" \
		"$name: the delta is containerd's own changeset, byte for byte"
	mounted_is_right "$name-tar" "$last" containerd "$name"
	check "$name: build with a name for the rootfs image" "$firn" build --base "oci:base-$name:app" --for containerd \
		--rootfs-name registry.test:5000/app/r:1 "$name.tar" "oci:layout:$name-named"
	is "$(check_engine --rootfs-name registry.test:5000/app/r:1 layout "$name-named" containerd 2>&1)" "" \
		"$name: containerd would restore it with its changes"
	is "$(check_engine layout "$name-tar" containerd 2>&1)" "the container would be made without its changes" \
		"$name: without a name it would not, and the check knows"
	check "$name: build with the changes in the checkpoint" "$firn" build --base "oci:base-$name:app" \
		--engine-delta=archive "$name.tar" "oci:layout:$name-compat"
	is "$(check_engine layout "$name-compat" containerd 2>&1)" "" "$name: containerd would restore this one too"
	mounted_is_right "$name-compat" "$last" containerd "$name with the changes in the checkpoint"
	check "$name: mount of the archive" "$firn" mount --cache "$work/cache" --base "oci:base-$name:app" "$name.tar" "$work/m"
	is "$(python3 "$expected" check m/rootfs "$data" "$last" containerd 2>&1)" "" "$name: the tree of expected.json"
	check "$name: umount" "$firn" umount "$work/m"
done <<'EOS'
tiny 8
busybox 12
EOS

check "without its base: build" "$firn" build tiny.tar oci:layout:alone
fails 4 "localhost:5055/tiny.*$base_of_tiny|$base_of_tiny" "a mount asks for it, with its digest" \
	"$firn" mount oci:layout:alone "$work/m"
mounted_is_right alone 8 containerd "with its base at the mount" --base oci:base-tiny:app
fails 1 "$base_of_tiny" "another base is refused" "$firn" mount --base oci:base-busybox:app oci:layout:alone "$work/m"

# ctr's own indexes: as it exports them, compressed, as a layout, in the layer of an image.
while read -r name last base; do
	options=()
	[ -z "$base" ] || options=(--base "oci:$base:app")
	cp "$data/$name" "$name.tar" && gzip -nk "$name.tar"
	mkdir "$name.folder" && tar -C "$name.folder" -xf "$data/$name"
	(cd "$name.folder" && tar -cf ../nested.tar -- *)
	python3 "$top_srcdir/tests/cli/make-base.py" nested.tar "$name.nested" image >/dev/null
	for how in tar tar.gz folder nested; do
		check "$name as $how: build" "$firn" build --format '{{.Rootfs}}' "${options[@]}" "$name.$how" "oci:layout:$name-$how"
		echo "$out" >>"$name.digests"
	done
	is "$(wc -l <"$name.digests") $(sort -u "$name.digests" | wc -l)" "4 1" "$name: four roads, one rootfs image"
	mounted_is_right "$name-tar" "$last" ctr "$name"
done <<'EOS'
ctr-index-image-tiny.oci.tar 7
ctr-index-basetrick-tiny.oci.tar 7
ctr-index.oci.tar 7 base-busybox
EOS
cp -r layout before
fails 3 'larger than what is left|cut' "a truncated export, which ctr didn't notice, is refused" \
	"$firn" build "$data/ctr-index-image-tiny.truncated.oci.tar" oci:layout:cut
is "$(diff -r layout before)" "" "with nothing left of it"
fails 3 'larger than what is left|cut' "also where there was no layout" \
	"$firn" build "$data/ctr-index-image-tiny.truncated.oci.tar" oci:fresh:cut
is "$(ls -d fresh 2>/dev/null)" "" "with nothing left of it"

is "$(python3 "$top_srcdir/tests/cli/check-layout.py" layout 2>&1 | grep -v ^tags)" "" "the layout is whole"
is "$(grep -E " $work/m" /proc/self/mountinfo)" "" "nothing stays mounted"
done_testing

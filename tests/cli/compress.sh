#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn build --compress: layers in zstd that the kernel mounts as they lie, and that are the plain layers for
# everybody who unpacks them. That their trees are right in every detail, layer-mount.sh shows.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/mount-lib.sh
. "$top_srcdir/tests/cli/mount-lib.sh"
need_tool bsdtar
need_tool jq

blob() { echo "layout/blobs/sha256/${1#sha256:}"; }
# layers TAG C|R: media type and digest of each layer that we made, a line each
layers() {
	local d
	d=$(jq -r --arg t "$1.$2" '.manifests[] | select(.annotations."org.opencontainers.image.ref.name" == $t).digest' layout/index.json)
	jq -r '.layers[] | select(.annotations."org.firn.mountable") | [.mediaType, .digest] | @tsv' "$(blob "$d")"
}
config_of() {
	local d
	d=$(jq -r --arg t "$1.$2" '.manifests[] | select(.annotations."org.opencontainers.image.ref.name" == $t).digest' layout/index.json)
	jq -r .config.digest "$(blob "$d")"
}

# The checkpoint gets some memory worth the name: zeros, noise, text, and sizes around the limits of a frame.
mkdir big && tar -C big -xf c.tar
for n in 1 4082 4090 4096 4097 8191 8193 131073 139263 139265; do
	head -c $n /dev/urandom >big/checkpoint/noise-$n.img
	yes "text of $n" | head -c $n >big/checkpoint/text-$n.img
done
{ head -c 3000000 /dev/zero && head -c 2000000 /dev/urandom && yes memory | head -c 3000001; } >big/checkpoint/pages-77.img
tar -C big -cf big.tar .
check "build" "$firn" build --quiet --base oci:base:app big.tar oci:layout:plain
for form in zstd zstd:1 zstd:19; do
	check "build --compress $form" "$firn" build --quiet --compress $form --base oci:base:app big.tar "oci:layout:${form/:/-}"
done
is "$(for t in checkpoint rootfs; do layers zstd $t; done | cut -f1 | sort -u)" "application/vnd.oci.image.layer.v1.tar+zstd" \
	"every layer of ours has the media type of zstd"
is "$(config_of zstd checkpoint) $(config_of zstd rootfs)" "$(config_of plain checkpoint) $(config_of plain rootfs)" \
	"configurations, and the rootfs' image ID, are those of the plain layers"
for t in checkpoint rootfs; do
	for form in zstd zstd-1 zstd-19; do
		paste <(layers plain $t | cut -f2) <(layers $form $t | cut -f2) >pairs
		while read -r plain packed; do
			is "sha256:$(zstd -qdc "$(blob "$packed")" | sha256sum | cut -d' ' -f1)" "$plain" "$form, $t: zstd -d gives the plain layer"
			is "$(bsdtar -tf "$(blob "$packed")" 2>&1 | sha256sum)" "$(tar -tf "$(blob "$plain")" | sha256sum)" \
				"bsdtar lists the same members"
		done <pairs
	done
done
stored=$(layers zstd-1 checkpoint | while read -r _ d; do cat "$(blob "$d")"; done | wc -c)
is "$((stored < 3500000))" 1 "what can get smaller did"

# The same bytes from any number of threads, from a pipe, and again
want=$(jq -r '.manifests[] | select(.annotations."org.opencontainers.image.ref.name" == "zstd").digest' layout/index.json)
for n in 1 2 3 16; do
	is "$("$firn" build --quiet -f -z zstd --threads $n --base oci:base:app big.tar oci:layout:again)" "$want" "$n threads"
done
is "$("$firn" build --quiet -f -z zstd:3 --base oci:base:app - oci:layout:again <big.tar)" "$want" "from standard input, level 3"
is "$(gzip -1c big.tar | "$firn" build --quiet -f -z zstd --base oci:base:app - oci:layout:again)" "$want" "and compressed"
fails 2 'zstd:LEVEL' "a level that there isn't" "$firn" build -z zstd:23 big.tar oci:layout:x
fails 2 'zstd:LEVEL' "nor this" "$firn" build -z zstd:0 big.tar oci:layout:x
fails 2 'zstd:LEVEL' "another codec" "$firn" build -z gzip big.tar oci:layout:x
fails 2 'for --compress' "threads for nothing" "$firn" build --threads 2 big.tar oci:layout:x

# Mounted as they lie
tree() { (cd m && find checkpoint rootfs ./*.dump -printf '%p %y %m %U:%G %s %T@ %l\n' | sort && find checkpoint rootfs -type f -exec sha256sum {} + | sort); }
kept() { find "$cache/blobs" -type f 2>/dev/null | wc -l; }
packed_mounts=1
check "mount of the plain image" mount_it --read-only oci:layout:plain m
tree >plain.tree
"$firn" umount m
for form in zstd zstd-1 zstd-19; do
	check "mount of $form" mount_it --read-only oci:layout:$form m
	tree >packed.tree
	is "$(diff plain.tree packed.tree | head -5)" "" "$form: the same tree, contents and all"
	"$firn" umount m
done
base=$(jq -r '[.layers[] | select(.annotations."org.firn.mountable" == null)] | length' "$(blob "$(jq -r '.manifests[] | select(.annotations."org.opencontainers.image.ref.name" == "plain.rootfs").digest' layout/index.json)")")
if [ "$(kept)" -gt "$base" ]; then
	packed_mounts=0
	skip_one "this kernel has no zstd in EROFS" "from the blobs, nothing was unpacked" erofs-zstd
else
	ok "from the blobs, nothing was unpacked"
fi
is "$(traces)" "" "nothing is left"

# A mount of an oci-archive has to unpack them
tar -C layout -cf layout.tar .
check "mount from an oci-archive" mount_it --read-only oci-archive:layout.tar:zstd m
tree >packed.tree
is "$(diff plain.tree packed.tree | head -5)" "" "the same tree"
"$firn" umount m
rm -f layout.tar

# inspect, export and verify: as with plain layers
for form in plain zstd; do
	run "$firn" inspect --format json oci:layout:$form
	status_is 0 "inspect of $form"
	jq -S '.[0] | del(.images, .delta.size, .checkpoint_size.root_fs_diff_size)' <<<"$out" >$form.json
	check "export of $form" "$firn" export oci:layout:$form $form.tar
done
is "$(diff plain.json zstd.json | grep '^[<>]' | grep -v 'oci:layout' | head -5)" "" "inspect tells the same"
is "$(($(wc -c <plain.json) > 1000))" 1 "which is a lot"
check "export gives the same archive" cmp plain.tar zstd.tar
check "verify" "$firn" verify --deep oci:layout:zstd

# An index that was tampered with: not mounted as it is, with --strict not at all
images=$(layers zstd checkpoint | cut -f2 | tail -n 1)
forge() { # OFFSET: flip a byte of the layer of images, keep names
	python3 - "$(blob "$images")" "$1" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]), 2 if sys.argv[2].startswith("-") else 0)
    at = f.tell()
    b = f.read(1)
    f.seek(at)
    f.write(bytes([b[0] ^ 4]))
PY
}
size=$(stat -c %s "$(blob "$images")")
meta=$(($(od -An -tu4 -j$((1024 + 40)) -N4 "$(blob "$images")") * 4096))
is "$((meta > 4096 && meta < size))" 1 "the metadata comes last"
for at in $((1024 + 16)) $((meta + 4)) $((meta + 70)) $((size - 4000)); do
	cp "$(blob "$images")" images.was
	forge "$at"
	if ! cmp -s images.was "$(blob "$images")"; then
		before=$(kept)
		fails 3 'EROFS index is not that of its tar' "byte $at: --strict refuses it" mount_it --strict --read-only oci:layout:zstd m
		check "byte $at: mount" mount_it --read-only oci:layout:zstd m
		tree >packed.tree
		is "$(diff plain.tree packed.tree | head -5)" "" "the tar's tree"
		"$firn" umount m
		is "$(($(kept) >= before && $(kept) > base))" 1 "unpacked for that"
		run "$firn" verify --format '{{.Code}}' oci:layout:zstd
		status_is 3 "verify finds it"
		is "$(grep -v image-unknown <<<"$out" | sort -u | tr "\n" " ")" "digest-differs index-differs " "for both reasons"
	fi
	cp images.was "$(blob "$images")"
done
is "$(traces)" "" "nothing is left"

# A chain of dumps and several containers share one pool of threads
check "two containers" "$firn" build --quiet -z zstd a=big.tar b=c.tar oci:layout:both
check "verify them" "$firn" verify oci:layout:both
tar -xf "$data/raw-criu-1proc.tar" && mv img 1 && cp -a 1 2 && cp -a 1 3 && ln -s ../1 2/parent && ln -s ../2 3/parent
chain_tree() { (cd m && find . -printf '%p %y %m %s %l\n' | sort && find . -type f -name '*.img' -exec sha256sum {} + | sort); }
check "a chain of dumps" "$firn" build --quiet 3 oci:layout:chain-plain
check "compressed" "$firn" build --quiet -z zstd 3 oci:layout:chain
check "verify it" "$firn" verify --deep oci:layout:chain
for t in chain-plain chain; do
	check "mount of $t" mount_it --read-only oci:layout:$t m
	chain_tree >$t.tree
	"$firn" umount m
done
is "$(diff chain-plain.tree chain.tree | head -5)" "" "the same tree, with the dumps before"
is "$(grep -c ' l .*parent' <(awk '{ print $1, $2 }' chain.tree | sed 's/^\(.*\) l$/ l \1/')) $(layers chain checkpoint | wc -l)" "2 4" \
	"two links and a layer for each dump"
check "the engine's own delta and the source" "$firn" build --quiet -z zstd --engine-delta=archive --keep-source --base oci:base:app big.tar oci:layout:all
check "export of that" "$firn" export oci:layout:all all.tar
check "the very same bytes" cmp all.tar big.tar
done_testing

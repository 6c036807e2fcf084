#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every sample by every road: the tree of expected.json, and the very same one each time.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd
need_tool getfattr
need_mount

own_mounts
cd "$work" || exit 99
expected=$top_srcdir/tests/cli/expected.py
mkdir m
mount -t tmpfs tmpfs /run || bail "no tmpfs on /run"
# Copies are flushed to the disk: in memory that takes no time.
mkdir cache-copy && mount -t tmpfs -o mode=700 tmpfs cache-copy

# How many links a folder has is the file system's own business.
tree() { (cd "$1" && find . -mindepth 1 -type d -printf '%p %m %U:%G %T@\n' -o ! -type d -printf '%p %y %m %U:%G %n %T@ %l\n' | sort &&
	find . -type f -exec sha256sum {} + | sort &&
	find . -print0 | sort -z | xargs -0 getfattr -Phd -m - -e hex 2>/dev/null); }
can() { "$firn" version --features --format json |
	python3 -c 'import json, sys; sys.exit(not [f for f in json.load(sys.stdin)["Features"] if f["Name"] == sys.argv[1] and f["State"] == "yes"])' "$1"; }
roads=(copy)
if can erofs-file; then roads+=(file); else roads+=(auto); fi
if can loop; then roads+=(loop); fi
if can fuse; then roads+=(fuse); fi
diag "roads: ${roads[*]}"

# by_every_road WHAT LAST ENGINE ARGUMENT...: of mount. LAST "none": the delta is empty; "": no rootfs
by_every_road() {
	local road problem='' first=''
	for road in "${roads[@]}"; do
		run "$firn" mount --format '{{.Method}}' --cache "$work/cache-$road" --mount-method "$road" "${@:4}" "$work/m"
		if [ "$status" != 0 ]; then
			problem="$problem; $road: $err"
			continue
		fi
		case $road:$out in auto:* | copy:copy | copy:reflink | file:erofs-file* | loop:erofs-loop | fuse:fuse) ;; *) problem="$problem; $road: by way of $out" ;; esac
		tree m/checkpoint >"got-$road"
		if [ -n "$2" ]; then
			problem="$problem$(python3 "$expected" check m/rootfs "$data" "$2" "$3" 2>&1)"
			tree m/rootfs >>"got-$road"
		fi
		"$firn" umount "$work/m" || problem="$problem; $road: umount"
		first=${first:-got-$road}
		cmp -s "$first" "got-$road" || problem="$problem; $road: $(diff "$first" "got-$road" | head -n 5)"
	done
	is "$problem" "" "$1: one tree by ${#roads[@]} roads"
}

id=$(python3 "$top_srcdir/tests/cli/make-base.py" "$data/base-tiny-rootfs.tar" base-podman app)
python3 "$top_srcdir/tests/cli/make-base.py" --gzip "$data/base-tiny-rootfs.tar" base-gzip app >/dev/null
manifest=$(python3 -c 'import json; print(json.load(open("base-podman/index.json"))["manifests"][0]["digest"])')
while read -r name last engine; do
	wanted=$id
	[ "$engine" = podman ] || wanted=$manifest
	python3 "$expected" rehome "$data/$name" "$wanted" a.tar || bail "$name"
	check "$name: build" "$firn" build --base oci:base-podman:app a.tar "oci:layout:$name"
	by_every_road "$name" "$last" "$engine" "oci:layout:$name"
	check "$name: build, compressed" "$firn" build --compress zstd --base oci:base-podman:app a.tar "oci:layout:$name-zstd"
	by_every_road "$name, compressed" "$last" "$engine" "oci:layout:$name-zstd"
	if [ "$engine" = podman ]; then
		by_every_road "$name as it lies" "$last" "$engine" --base oci:base-gzip:app a.tar
	else
		by_every_road "$name as it lies" "$last" "$engine" --base oci:base-podman:app a.tar
	fi
done <<'EOS'
podman-none.tar 7 podman
podman-gzip.tar.gz 8 podman
podman-zstd.tar.zst 9 podman
podman-ignore-rootfs.tar none podman
containerd-cri.tar 12 containerd
EOS
python3 "$expected" rehome-image "$data/podman-create-image-oci.tar" "$id" image
check "an image of --create-image: build" "$firn" build --base oci:base-podman:app image oci:layout:created
by_every_road "an image of --create-image" 5 podman oci:layout:created
for name in raw-criu-1proc.tar raw-criu-2proc.tar ctr-t-bare-criu.tar; do
	mkdir raw && tar -C raw -xf "$data/$name"
	check "$name: build" "$firn" build "$(dirname raw/*/inventory.img)" "oci:layout:$name"
	by_every_road "$name" "" "" "oci:layout:$name"
	rm -rf raw
done
check "an index of ctr: build" "$firn" build "$data/ctr-index-image-tiny.oci.tar" oci:layout:ctr
by_every_road "an index of ctr" 7 ctr oci:layout:ctr
is "$(grep -c " $work/m" /proc/self/mountinfo)" 0 "nothing stays mounted"
umount cache-copy
done_testing

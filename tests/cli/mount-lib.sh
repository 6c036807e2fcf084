# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the mount tests share; sourced after lib.sh. They run in a mount namespace of their own, with a /run of
# their own: whatever happens, nothing stays on the host.
need_tool python3
need_tool zstd
need_mount
own_mounts
cd "$work" || exit 99
work=$PWD
mount -t tmpfs tmpfs /run || bail "no tmpfs on /run"
input=$top_srcdir/tests/cli/mount-input.py
cache=$work/cache

mount_it() { "$firn" mount --cache "$cache" "$@"; }
# shellcheck disable=SC2317 # by run
method() { "$firn" mount --cache "$cache" --format '{{.Method}}' "$@"; }
# What is mounted at or below a folder, and what is left of mounts besides.
mounts() { awk -v top="$1" '$5 == top || index($5, top "/") == 1 { print $5 }' /proc/self/mountinfo; }
traces() {
	mounts "$work"
	mounts /run/firn
	find /run/firn -mindepth 1 -not -name '*.mount' 2>/dev/null
	find /run/firn -size +0 -type f 2>/dev/null
	losetup -ln -O BACK-FILE 2>/dev/null | grep -F "$work"
}
flags() { awk -v at="$1" '$5 == at { print $6 }' /proc/self/mountinfo; }
# The names and contents of a tree, as mount-input.py prints them.
describe() {
	(cd "$1" && find . -mindepth 1 -printf '%P\n' | sort | while read -r f; do
		if [ -d "$f" ]; then echo "$f: dir"; else echo "$f: $(tr -d '\000' <"$f")"; fi
	done)
}

# A base, a checkpoint made from it, and the image of both.
read -r id manifest < <(python3 "$input" image base app "$data/base-tiny-rootfs.tar")
python3 "$input" archive "$data/podman-none.tar" c.tar "$id"
"$firn" build --quiet --base oci:base:app c.tar oci:layout:r1 >/dev/null || bail "build"
mkdir m

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# ./bootstrap demo: the main job on real checkpoints of tests/data, in a scratch folder. Every command is
# printed before it runs; the first one that fails ends the demo. What needs root is left out without it.
set -eu
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data=$tests/data
work=$(mktemp -d "${TMPDIR:-/var/tmp}/firn-demo.XXXXXX")
finish() {
	[ ! -e state ] || firn umount --state state --all || true
	cd / && rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$work"

say() { printf '\n# %s\n' "$*"; }
run() {
	printf '$ %s\n' "$*"
	"$@"
}
blob_of() { echo "layout/blobs/sha256/${1#sha256:}"; }
# The blob of an image's layer, by the role that firn gave it.
layer_of() { # TAG ROLE
	local manifest
	manifest=$(blob_of "$(tr '{' '\n' <layout/index.json | grep -B1 -F "\"$1\"" | grep -o 'sha256:[0-9a-f]*' | head -n 1)")
	blob_of "$(tr '{' '\n' <"$manifest" | grep -B1 -F "\"org.firn.layer\":\"$2\"" | grep -o 'sha256:[0-9a-f]*' | head -n 1)"
}

# The sample's own base image, busybox, is not shipped. A small one with the same /data takes its place, and its
# image ID that of busybox in the checkpoint.
id=$(python3 "$tests/cli/make-base.py" "$data/base-tiny-rootfs.tar" base app)
python3 "$tests/cli/expected.py" rehome "$data/podman-none.tar" "$id" c1.tar
cp -r "$data" data && tar -xf data/raw-criu-1proc.tar img
mv img dump

say "A container that Podman checkpointed ..."
run tar tf c1.tar
say "... becomes an image of an OCI layout, over the image it was made from"
run firn build --base oci:base:app c1.tar oci:layout:c1
say "Three names: the whole (an index), the checkpoint, the container's file system"
run cat layout/index.json
echo
say "Its layers are ordinary tar files. What the container had changed, as a changeset:"
run tar tvf "$(layer_of c1.rootfs delta)"
say "A process that criu dump wrote, without any container"
run firn build --format json dump oci:layout:tick

if [ "$(id -u)" != 0 ] || ! { grep -qw erofs /proc/filesystems || modprobe erofs; } 2>/dev/null || ! unshare -m true 2>/dev/null; then
	say "Mounting needs root and EROFS in the kernel: the demo ends here"
	exit
fi
say "The same blob, mounted by the kernel: nothing is unpacked"
mkdir delta
run mount -t erofs -o ro "$(layer_of c1.rootfs delta)" delta
run ls -l delta/data
run umount delta
say "firn puts all layers together as an OCI bundle, after it compared each blob's index with its tar headers"
run firn mount --state state --cache cache oci:layout:c1 ckpt --format '{{.Dir}} by {{.Method}}'
run ls -l ckpt ckpt/checkpoint
run ls -l ckpt/rootfs ckpt/rootfs/data
run findmnt -o TARGET,FSTYPE,OPTIONS -R ckpt || true
run firn umount --state state ckpt
say "Or straight from the engine's archive, without an image"
run firn mount --state state --cache cache --base oci:base:app c1.tar ckpt
run cat ckpt/rootfs/count
run firn umount --state state ckpt
say "'make -C build check-real' restores containers and processes from such mounts, with runc, Podman and CRIU."

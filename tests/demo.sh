#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# ./bootstrap demo: the main job on real checkpoints of tests/data, in a scratch folder. Every command is
# printed before it runs; the first one that fails ends the demo. What needs root is left out without it.
set -eu
data=$(cd "$(dirname "${BASH_SOURCE[0]}")/data" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/firn-demo.XXXXXX")
state=$work/state
finish() {
	firn umount --state "$state" --all || true
	rm -rf --one-file-system "$work"
}
trap finish EXIT
cd "$work"

say() { printf '\n# %s\n' "$*"; }
run() {
	printf '$ %s\n' "$*"
	"$@"
}
# The blob of an image's layer, by the role that firn gave it.
layer_of() { # TAG ROLE
	local manifest
	manifest=$(blob_of "$(tr '{' '\n' <layout/index.json | grep -F "\"$1\"" | grep -o 'sha256:[0-9a-f]*' | head -n 1)")
	blob_of "$(tr '{' '\n' <"$manifest" | grep -B1 -F "\"org.firn.layer\":\"$2\"" | grep -o 'sha256:[0-9a-f]*' | head -n 1)"
}
blob_of() { echo "layout/blobs/sha256/${1#sha256:}"; }

say "A container that Podman checkpointed, as an image of an OCI layout"
run firn build "$data/podman-none.tar" oci:layout:c1 --format '{{json .}}'
run ls -l layout layout/blobs/sha256

images=$(layer_of c1.checkpoint images)
delta=$(layer_of c1.rootfs delta)
say "Its layers are ordinary tar files: what the container had changed, and CRIU's images"
run tar tvf "$delta"
run tar tf "$images"

say "A process that criu dump wrote, without any container"
mkdir dump
run tar -C dump -xf "$data/raw-criu-1proc.tar"
run firn build dump/img oci:layout:tick
if [ "$(id -u)" != 0 ] || ! { grep -qw erofs /proc/filesystems || modprobe erofs; } 2>/dev/null; then
	say "Mounting needs root and EROFS in the kernel: the demo ends here"
	exit
fi

say "The same blobs, mounted by the kernel: nothing is unpacked"
mkdir delta images
run mount -t erofs -o ro "$delta" delta
run ls -lR delta
run umount delta
say "firn does this for a whole checkpoint: first it compares the index in each blob with the tar headers"
run firn mount --state "$state" oci:layout:tick "$work/ckpt" --format '{{.Dir}}: {{.Method}}'
run ls -l ckpt ckpt/checkpoint
run findmnt -R -o TARGET,FSTYPE,OPTIONS "$work/ckpt" || true
run firn umount --state "$state" "$work/ckpt"
say "Done. 'make -C build check-real' restores containers and processes from such mounts, with CRIU and runc."

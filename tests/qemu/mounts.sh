#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every way to mount an image, on the kernels of the Debian releases that firn supports: each boots in QEMU (no
# KVM: some seconds) with the built firn in its initramfs and the images on a disk; see init. Trees are compared
# with what tar unpacks here.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
here=$top_srcdir/tests/qemu
input=$top_srcdir/tests/cli/mount-input.py
seconds=${FIRN_QEMU_SECONDS:-240} # for a guest that hangs: it takes about 20

# shellcheck disable=SC2317 # by need
is_amd64() { [ "$(uname -m)" = x86_64 ]; }
PATH=$PATH:/usr/sbin:/sbin
need qemu "the guests are x86_64" is_amd64
need qemu "qemu-system-x86_64 is not installed" command -v qemu-system-x86_64
need qemu "mke2fs is not installed" command -v mke2fs
need qemu "python3 is not installed" command -v python3
need_root
cd "$work" || exit 99
kernels=$("$here/kernels.sh" make 2>kernels.err) ||
	need qemu "Debian's kernels can't be had: $(tail -n 1 kernels.err)" false
busybox=$("$top_srcdir/tests/real/root.sh" make 2>/dev/null)/bin/busybox

# --- the images, and what is to be seen in them

mkdir disk
# Compressed, too, it makes a layer that is large enough to be sealed.
noise=$(python3 -c 'import base64, random; print("firn-noise-" + base64.b64encode(random.Random(1).randbytes(90000)).decode())')
read -r id _ < <(python3 "$input" image disk/base app "$data/base-tiny-rootfs.tar")
python3 "$input" archive "$data/podman-none.tar" disk/c.tar "$id" "file=checkpoint/noise.img=$noise"
"$firn" build --quiet --base oci:disk/base:app disk/c.tar oci:disk/layout:plain >/dev/null || bail "build"
"$firn" build --quiet --compress zstd --base oci:disk/base:app disk/c.tar oci:disk/layout:zstd >/dev/null || bail "build, zstd"
mkdir archive want
tar -C archive -xf disk/c.tar
tar -C want -xpf "$data/base-tiny-rootfs.tar"
python3 - <<'END' >deleted
import json
for path in json.load(open("archive/deleted.files")):
    print(path.lstrip("/"))
END
while read -r path; do
	rm -rf "want/${path:?}"
done <deleted
tar -C want -xpf archive/rootfs-diff.tar
mkdir bin && "$busybox" --install -s bin
tree() { env -i PATH="$work/bin" sh "$here/tree.sh" "$@"; }
tree contents archive/checkpoint >disk/want.checkpoint
tree all want >disk/want.rootfs
for tree in disk/want.*; do
	[ -s "$tree" ] || bail "no $tree"
done
truncate -s 64M disk.ext4
truncate -s 24M verity.ext4
mke2fs -q -t ext4 -d disk disk.ext4 || bail "mke2fs"
# Older kernels have fs-verity in blocks of a page alone.
mke2fs -q -t ext4 -b 4096 -O verity verity.ext4 || bail "mke2fs, fs-verity"

# --- the guests' first files: busybox, firn and the libraries that it is linked with or loads itself

libraries() { ldd "$@" 2>/dev/null | grep -o '/[^ :]*\.so[^ :]*' | sort -u; }
mkdir -p root/bin root/firn
cp "$busybox" root/bin/busybox
cp "$here/init" "$here/tree.sh" root/
chmod 755 root/init root/tree.sh
cp -L "$firn" root/firn/firn
mine=$(ldd "$firn" | grep -o '/[^ ]*libfirn\.so[^ ]*')
cp -L "$mine" root/firn/
loaded=$(ldconfig -p | awk '$1 ~ /^libfuse3\.so/ { print $NF }')
# shellcheck disable=SC2086 # lists
for library in $(libraries "$firn" $mine $loaded) $loaded; do
	mkdir -p "root$(dirname "$library")"
	cp -L "$library" "root$library"
done
pack() { (cd "$1" && find . | "$busybox" cpio -o -H newc 2>/dev/null); }
pack root >root.cpio

boot() { # SUITE
	mkdir -p "$1/modules"
	cp "$kernels/$1"/modules/*.ko "$1/modules"
	(cat root.cpio && pack "$1") >"$1.cpio"
	cp disk.ext4 "$1.ext4"
	cp verity.ext4 "$1.verity"
	timeout "$seconds" qemu-system-x86_64 -accel tcg -cpu max -m 512 -no-reboot -nodefaults -display none -net none \
		-serial "file:$1.console" -drive "file=$1.ext4,format=raw,if=virtio" -drive "file=$1.verity,format=raw,if=virtio" \
		-kernel "$kernels/$1/vmlinuz" -initrd "$1.cpio" -append "console=ttyS0 quiet panic=-1" >"$1.qemu" 2>&1 </dev/null
	tr -d '\r' <"$1.console" | sed -n 's/^.*FIRN /FIRN /; s/^FIRN //p' >"$1.said"
}
for suite in bookworm trixie; do
	boot $suite &
done
wait

# --- what they said

packed=0
for blob in disk/layout/blobs/sha256/*; do
	[ "$(head -c 4 "$blob" | od -An -tx1 | tr -d ' ')" != 28b52ffd ] || packed=$((packed + 1))
done
is_not "$packed" 0 "the compressed image has layers in zstd"

said() { grep "^$1" "$suite.said" | cut -d ' ' -f "$2"; } # LINE FIELDS
want() { # IMAGE METHOD: the end of its line: status, road, trees, layers unpacked, things left
	local unpacked=0 file=erofs-file-directio

	[ "$1" != zstd ] || file=erofs-file
	# Before 6.10 no kernel reads zstd in EROFS, before 6.12 none mounts a file.
	[ "$1 $suite" != "zstd bookworm" ] || unpacked=$packed
	case $2-$suite in
	file-bookworm) echo "1 - - - 0 0" ;;
	auto-bookworm | loop-*) echo "0 erofs-loop same same $unpacked 0" ;;
	auto-trixie | file-trixie) echo "0 $file same same $unpacked 0" ;;
	*) echo "0 $2 same same - 0" ;;
	esac
}
result() { # IMAGE METHOD
	local line

	line=$(said "mount $1 $2 " 4-)
	# How many layers these unpack is theirs to know.
	case $2 in
	copy | fuse) line=$(awk '{ $(NF - 1) = "-"; print }' <<<"$line") ;;
	esac
	is "$line" "$(want "$1" "$2")" "$release: $1 by $2: $(said "mount $1 $2 " 4,5)"
}
for suite in bookworm trixie; do
	release=$(cat "$kernels/$suite/release")
	if ! grep -q '^end' "$suite.said"; then
		not_ok "$release: boots and comes to its end"
		diag "$(tail -n 20 "$suite.console" "$suite.qemu")"
		continue
	fi
	ok "$release: boots and comes to its end"
	is "$(said kernel 2)" "$release" "$release: it is that kernel"
	is "$(grep '^wrong' "$suite.said")" "" "$release: nothing went wrong"
	for method in auto file loop copy fuse; do
		for image in plain zstd archive; do
			result $image $method
		done
	done
	[ "$tap_failed" = 0 ] || diag "$(grep -v '^features' "$suite.said")"
	is "$(grep -c '^shared' "$suite.said")" 1 "$release: two bundles of one blob have one file system"
	is "$(said left 2)" 0 "$release: nothing is left"
	# fs-verity
	is "$(said verity 2)" yes "$release: the second disk has fs-verity"
	like "$(said "seals layout " 3-)" '^0 0 [1-9][0-9]* 0$' "$release: without it nothing is sealed"
	for layout in built copied; do
		like "$(said "seals /sealed/$layout " 3-)" '^[1-9][0-9]* 0 0 0$' "$release: $layout: all large blobs are sealed, and nothing else"
	done
	is "$(said "mount sealed auto " 4-)" "$(want plain auto)" "$release: sealed blobs are mounted"
	unpacked=0
	[ $suite = trixie ] || unpacked=$packed
	is "$(said "mount owned auto " 4-7)" "$(want zstd auto | cut -d ' ' -f -4)" "$release: also when somebody else owns them"
	is "$(said "mount owned auto " 8)" $unpacked "$release: as they lie"
	[ "$(said "mount others auto " 8)" -gt 0 ]
	is $? 0 "$release: without a seal they are unpacked"
	like "$(said damaged 2)" '^[0-9]' "$release: a byte is changed behind the file system"
	like "$(said read 2-)" '[Ee]rror' "$release: which is an error to who reads it"
	[ "$(said bytes 2)" -lt 120000 ]
	is $? 0 "$release: what the disk has isn't read"
	is "$(said stay 2)" 0 "$release: firn gc removes what is sealed"
	# What the kernel can do, for whoever reads the log.
	diag "$(said features 2-)"
done
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A delta of 20,000 files: its EROFS metadata doesn't fit the head and goes behind the end-of-archive
# marker. The blob stays an ordinary tar for everybody and an EROFS image for the kernel.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

files=20000
make_images
# shellcheck disable=SC2016 # runs in the container
must podman run -d --pids-limit=0 --network host --name many localhost/app:1 /bin/sh -c '
	mkdir /many; i=0
	while [ $i -lt '$files' ]; do echo file $i >/many/some-file-with-a-longer-name-$i; i=$((i+1)); done
	ln /many/some-file-with-a-longer-name-0 /many/hard; ln -s hard /many/soft; mkfifo /many/fifo
	echo done >/done; while true; do sleep 1; done'
pid=$(podman inspect -f '{{.State.Pid}}' many)
wait_for 120 test -e "/proc/$pid/root/done" || bail "the container doesn't finish"
must podman container checkpoint -c none --export=many.tar many
same_as_checkpointctl many.tar
must podman rm -f -t 0 many
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
vital "build" firn build --base oci:base:app many.tar oci:layout:many

manifest=layout/blobs/sha256/$(jq -r '.manifests[] | select(.annotations."org.opencontainers.image.ref.name" == "many.rootfs").digest' layout/index.json | cut -d: -f2)
layer=$(jq -r '.layers[-1].digest' "$manifest" | cut -d: -f2)
blob=$PWD/layout/blobs/sha256/$layer
is "$(jq -r '.layers[-1].mediaType' "$manifest")" application/vnd.oci.image.layer.v1.tar "the delta is a plain tar layer"
end=$(python3 - "$blob" <<'PY'
import sys, tarfile
t = tarfile.open(sys.argv[1])
n = len(t.getmembers())
print(n, t.offset)
PY
)
size=$(stat -c %s "$blob")
diag "entries and end of the archive: $end; size of the blob: $size"
[ $((size - ${end#* })) -gt 1000000 ]
is $? 0 "more than a megabyte lies behind the end of the archive"
is $((size % 4096)) 0 "the blob is padded to 4096"

# As a tar.
check "GNU tar lists it" tar -tf "$blob"
is "$(grep -c '^\(\./\)\?many/some-file' <<<"$out")" $files "with every file"
check "bsdtar lists it" bsdtar -tf "$blob"
is "$(grep -c '^\(\./\)\?many/some-file' <<<"$out")" $files "with every file"
check "busybox tar lists it" busybox tar -tf "$blob"
is "$(grep -c '^\(\./\)\?many/some-file' <<<"$out")" $files "with every file"
mkdir t-gnu t-bsd t-busybox
check "GNU tar extracts it" tar -C t-gnu --numeric-owner -xpf "$blob"
check "bsdtar extracts it" bsdtar -C t-bsd --numeric-owner -xpf "$blob"
check "busybox tar extracts it" busybox tar -C t-busybox --numeric-owner -xpf "$blob"
list_tree t-gnu >gnu
list_tree t-bsd >bsd
list_tree t-busybox >busybox
same_tree gnu bsd "GNU tar and bsdtar extract one tree"
# busybox tar keeps whole seconds of a file, not the time of a link.
sed 's/ mtime=[^ ]*//' gnu >gnu2
sed 's/ mtime=[^ ]*//' busybox >busybox2
same_tree gnu2 busybox2 "busybox tar as well"
is "$(grep -c 'many/some-file.*[0-9a-f]\{64\}$' gnu)" $files "with the contents of every file"

# As EROFS.
check "fsck.erofs accepts it" fsck.erofs "$blob"
diag "$out"
check "dump.erofs accepts it" dump.erofs -s "$blob"
like "$out" 'magic number' "and knows what it is"
check "fsck.erofs extracts it" fsck.erofs --extract=t-erofs --preserve --no-xattrs "$blob"
mkdir k
vital "the kernel mounts it" mount -t erofs -o ro,loop "$blob" k
list_tree k >kernel
sed 's/ user[^ ]*//' kernel | grep -v ' c---------\|^c---------' >kernel2
grep -v '/\.wh\.\|^[^ ]* [^ ]* [^ ]* [^ ]* [^ ]* \.wh\.' gnu >gnu3
same_tree gnu3 kernel2 "and shows the tree of the tar"
is "$(find t-erofs/many -name 'some-file*' | wc -l)" $files "fsck.erofs had extracted every file"
must umount k

# Through another store and back.
vital "skopeo into containers-storage" skopeo copy oci:layout:many.rootfs containers-storage:localhost/many:1
vital "and out again" skopeo copy --dest-oci-accept-uncompressed-layers containers-storage:localhost/many:1 oci:back:many
[ -f "back/blobs/sha256/$layer" ]
is $? 0 "the layer comes back with its digest"
check "byte for byte" cmp "$blob" "back/blobs/sha256/$layer"

vital "mount" firn mount --read-only oci:layout:many "$PWD/m"
is "$(find m/rootfs/many -name 'some-file*' | wc -l)" $files "our mount has every file"
is "$(cat m/rootfs/many/some-file-with-a-longer-name-$((files - 1)))" "file $((files - 1))" "with its contents"
is "$(stat -c %F,%h m/rootfs/many/fifo m/rootfs/many/hard m/rootfs/many/soft | tr '\n' ' ')" \
	"fifo,1 regular file,2 symbolic link,1 " "hard link, symbolic link and fifo are what they were"
check "umount" firn umount "$PWD/m"
vital "firn restore" firn restore oci:layout:many many
must runc kill many KILL
nothing_stays "nothing stays mounted"
done_testing

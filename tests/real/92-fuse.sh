#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What firn shows through FUSE, CRIU and runc restore from, plain and compressed; and an ordinary user sees the
# container's files, with the libfuse of a newer distribution than the one firn may be built on.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

server_ends() { ! pgrep -x firn-fuse >/dev/null; }

make_images
start_app c1
must podman container checkpoint -c none --export=c1.tar c1
n=$(count_in_archive c1.tar)
must podman rm -f -t 0 c1
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
vital "build" firn build --base oci:base:app c1.tar oci:layout:plain
vital "build --compress zstd" firn build --compress zstd --base oci:base:app c1.tar oci:layout:zstd

# --- restored by root

for tag in plain zstd; do
	vital "$tag: mount" firn mount --mount-method fuse "oci:layout:$tag" "$PWD/m"
	is "$(stat -f -c %T m/checkpoint)" fuse "$tag: the CRIU images come from FUSE"
	data_is_right m/rootfs "$tag: the mounted rootfs before the restore"
	vital "$tag: runc restore by hand" runc restore -d --bundle "$PWD/m" --image-path "$PWD/m/checkpoint" --work-path "$PWD/m/work" hand
	counts_on m/rootfs/count "$n" "$tag, runc by hand: the counter goes on"
	data_is_right m/rootfs "$tag, runc by hand: the files are right"
	end_container hand
	check "$tag: umount" firn umount "$PWD/m"
	check "$tag: the server ends with its last mount" wait_for 10 server_ends
	vital "$tag: firn restore" firn restore --mount-method fuse "oci:layout:$tag" one
	pid=$(runc state one | jq .pid)
	counts_on "/proc/$pid/root/count" "$n" "$tag, firn restore: the counter goes on"
	data_is_right "/proc/$pid/root" "$tag, firn restore: the files are right"
	end_container one
	nothing_stays "$tag: nothing stays mounted"
	check "$tag: nor does a process" wait_for 20 server_ends
done
vital "firn restore --verify-reads" firn restore --verify-reads oci:layout:plain one
pid=$(runc state one | jq .pid)
counts_on "/proc/$pid/root/count" "$n" "firn restore --verify-reads: the counter goes on"
end_container one
nothing_stays "firn restore --verify-reads: nothing stays mounted"

# --- looked at by a user

# A device that users may open, as distributions have it.
must mknod fuse c 10 229 && must chmod 666 fuse && must mount --bind fuse /dev/fuse
mkdir home && cp -a layout home/layout && chown -R nobody home && chmod 755 .
as_user() { setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME="$PWD/home" XDG_RUNTIME_DIR="$PWD/home" "$@"; }
wait_for 20 server_ends
for tag in plain zstd; do
	vital "$tag: mount as a user" as_user firn mount "oci:home/layout:$tag" "$PWD/home/m"
	is "$(as_user cat home/m/rootfs/data/redir/new1)" new1 "$tag, as a user: what the container made"
	is "$(as_user ls home/m/rootfs/data | tr '\n' ' ')" "chmod.txt keep.txt lnk mod.txt newdir redir renamed sub " "$tag, as a user: what it deleted is gone"
	check "$tag: umount as a user" as_user firn umount "$PWD/home/m"
	check "$tag, as a user: the server ends" wait_for 10 server_ends
done
done_testing

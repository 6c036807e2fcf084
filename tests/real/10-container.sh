#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A Podman container, checkpointed in every compression, becomes an image; runc restores it by hand
# straight from our mount, and `firn restore` does it in one step.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

make_images
start_app c1
for c in none gzip zstd; do
	must podman container checkpoint -c $c --leave-running --export=$c.tar c1
	same_as_checkpointctl $c.tar
done
must podman rm -f -t 0 c1
# The three forms in which a base comes: compressed layers, an archive, layers as plain tars.
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
must skopeo copy -q containers-storage:localhost/app:1 oci-archive:base.tar:app
must skopeo copy -q --dest-oci-accept-uncompressed-layers containers-storage:localhost/app:1 oci:plain:app

restored_files() { # ROOTFS COUNT WHAT
	counts_on "$1/count" "$2" "$3: the counter goes on"
	data_is_right "$1" "$3: added files are there, deleted ones gone, the re-created folder has only its new one"
}

by_hand() { # COMPRESSION BASE
	local tar=$1.tar tag=r$1 n pid

	n=$(count_in_archive "$tar")
	vital "$1: build" firn build --base "$2" "$tar" oci:layout:"$tag"
	like "$err" 'mod.txt|modified|host' "$1: the build warns of what Podman's archive loses"
	vital "$1: mount" firn mount oci:layout:"$tag" "$PWD/m"
	is "$(stat -f -c %T m/checkpoint)" erofs "$1: the CRIU images are a mount, not a copy"
	[ -s m/checkpoint/inventory.img ] && [ -s m/config.json ] && [ -s m/config.dump ] && [ -d m/work ]
	is $? 0 "$1: config.json, checkpoint, config.dump and work are there"
	data_is_right m/rootfs "$1: the mounted rootfs before the restore"
	check "$1: runc restore by hand" runc restore -d --bundle "$PWD/m" --image-path "$PWD/m/checkpoint" \
		--work-path "$PWD/m/work" "hand-$1"
	[ "$status" = 0 ] || diag "$(grep -E 'Error' m/work/restore.log | head -n 5)"
	restored_files m/rootfs "$n" "$1, runc by hand"
	(cd m/rootfs/data && exec sleep 1000) &
	wait_for 10 test "/proc/$!/cwd" -ef m/rootfs/data
	fails 1 'busy|in use|uses' "$1: umount refuses while somebody is in the rootfs" firn umount "$PWD/m"
	data_is_right m/rootfs "$1: and has changed nothing"
	kill $! && wait $! 2>/dev/null
	# The container holds mounts of its own.
	check "$1: umount while the container runs" firn umount "$PWD/m"
	pid=$(runc state "hand-$1" | jq .pid)
	counts_on "/proc/$pid/root/count" "$n" "$1: the container goes on" 8
	end_container "hand-$1"
	nothing_stays "$1: nothing stays mounted"
	check "$1: umount again is no error" firn umount "$PWD/m"
}
by_hand none oci:base:app
by_hand gzip oci-archive:base.tar:app
by_hand zstd oci:plain:app

# The same image in one step.
in_one_step() { # COMPRESSION
	local id=one-$1 pid n

	n=$(count_in_archive "$1.tar")
	vital "$1: firn restore" firn restore "oci:layout:r$1" "$id"
	like "$out" "(^|[^a-z0-9-])$id(\$|[^a-z0-9-])" "$1: it prints the container's id"
	pid=$(runc state "$id" | jq .pid)
	restored_files "/proc/$pid/root" "$n" "$1, firn restore"
	is "$(awk '$5 ~ /checkpoint$/' /proc/self/mountinfo)" "" "$1: the checkpoint's own mounts are gone already"
	end_container "$id"
	nothing_stays "$1: nothing stays mounted when the container has ended"
}
in_one_step none
in_one_step zstd

# Straight from the archive, no image at all.
n=$(count_in_archive none.tar)
vital "archive: mount" firn mount --base oci:base:app none.tar "$PWD/m"
data_is_right m/rootfs "archive: the mounted rootfs"
vital "archive: runc restore" runc restore -d --bundle "$PWD/m" --image-path "$PWD/m/checkpoint" \
	--work-path "$PWD/m/work" hand-archive
restored_files m/rootfs "$n" "archive, runc by hand"
end_container hand-archive
check "archive: umount" firn umount "$PWD/m"
nothing_stays "archive: nothing stays mounted"

# A restore that can't work says why, with the reason from CRIU's log, and leaves nothing.
mkdir unpacked && bsdtar -C unpacked -xf none.tar
truncate -s 100 unpacked/checkpoint/pages-1.img
vital "build from an unpacked folder with cut pages" firn build --base oci:base:app unpacked oci:layout:cut
fails 3 'pages-1.img: 100 bytes, its pagemap needs' "its restore is refused before CRIU starts" \
	timeout 60 firn restore oci:layout:cut cut
nothing_stays "and nothing stays mounted"
must bsdtar -C unpacked -xf none.tar checkpoint/pages-1.img
truncate -s 12 unpacked/checkpoint/core-1.img
vital "build from an unpacked folder with a cut core" \
	firn build --force --base oci:base:app unpacked oci:layout:cut
fails 3 'core-1.img' "its restore is refused before CRIU starts" timeout 60 firn restore oci:layout:cut cut
fails 5 'EOF|core-1' "without a check it fails with CRIU's own reason" timeout 60 firn restore --no-check oci:layout:cut cut
like "$err" '/[^ ]*\.log' "and with the path of the whole log"
nothing_stays "and nothing stays mounted"
runc list -q | grep -q cut
is $? 1 "and no container stays"

# Two restores at once of one checkpoint, whose name both containers would get: the slower one doesn't touch
# the other's, whether firn or the runtime sees it.
firn restore oci:layout:rnone >a.out 2>a.err &
firn restore oci:layout:rnone >b.out 2>b.err
b=$?
wait $!
is "$(($? + b)) $(cat a.out b.out | wc -l) $(cat a.err b.err | wc -l)" "1 1 1" "of two restores under one name one succeeds"
like "$(cat a.err b.err)" 'has a container .* already|restores one of that id just now' "and the other says why not"
name=$(cat a.out b.out)
is "$(runc list -f json | jq -r ".[] | select(.id == \"$name\").status")" running "the container runs"

# What is left of an ended container, and in use, is no obstacle to another.
end_container "$name"
nothing_stays "it leaves nothing mounted"
vital "a restore without a name" firn restore oci:layout:rnone
root=/run/firn/containers/restore-0/bundle/rootfs
pkill -9 -x firn-watch
runc kill "$name" KILL && wait_for 10 no_process_of "$name" && runc delete "$name"
(cd "$root" && exec sleep 60) &
wait_for 10 test "/proc/$!/cwd" -ef "$root"
check "a restore beside a busy folder that another has left" firn restore oci:layout:rnone
end_container "$name"
kill $!
wait
check "which umount takes down in the end" firn umount --all
nothing_stays "and nothing stays mounted"
done_testing

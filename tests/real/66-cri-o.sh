#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# CRI-O's archives hold the processes' memory before the documents. No Debian package has CRI-O, so a real
# Podman checkpoint is put into its words (tests/cli/make-crio.py); what comes of it goes on under runc.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

make_images
start_app c1
must podman container checkpoint -c none --export=podman.tar c1
must podman rm -f -t 0 c1
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
id=$(podman image inspect -f '{{.Id}}' localhost/app:1)
must python3 /firn/tests/cli/make-crio.py podman.tar "$id" c1.tar
same_as_checkpointctl podman.tar
same_as_checkpointctl c1.tar "an archive in the words of CRI-O"
whole c1.tar "an archive in the words of CRI-O"
n=$(count_in_archive c1.tar)

vital "build" firn build --format '{{.Engine}} {{.Container}}' --base oci:base:app c1.tar oci:layout:r1
is "$out" "CRI-O c1" "it is CRI-O's, with the container's short name"
run_stdin firn build --base oci:base:app - oci:layout:piped <c1.tar
status_is 0 "build from a pipe, where the documents come last"
is "$(digest_of piped)" "$(digest_of r1)" "gives the same image"
vital "firn restore, by runc" firn restore oci:layout:r1 r1
pid=$(runc state r1 | jq .pid)
counts_on "/proc/$pid/root/count" "$n" "the counter goes on"
data_is_right "/proc/$pid/root" "and its files are right"
end_container r1
nothing_stays "nothing stays mounted"
is "$(python3 /firn/tests/cli/check-engine.py layout r1 cri-o 2>&1)" "" "CRI-O would restore it with its changes"

vital "R into the storage that CRI-O shares with Podman" skopeo copy -q oci:layout:r1.rootfs containers-storage:localhost/r1-rootfs:1
vital "C into it" skopeo copy -q oci:layout:r1.checkpoint containers-storage:localhost/r1:1
mnt=$(podman image mount localhost/r1:1) || bail "podman image mount failed"
is "$(jq -r .rootfsImageRef "$mnt/config.dump")" "$(podman image inspect -f '{{.Id}}' localhost/r1-rootfs:1)" \
	"config.dump in C names R by its image id"
must podman image unmount localhost/r1:1

vital "export" firn export oci:layout:r1 c1.out
is "$(bsdtar -tf c1.out)" "$(bsdtar -tf c1.tar)" "the same members in the same order"
bsdtar -xOf c1.tar config.dump >want && bsdtar -xOf c1.out config.dump >got
check "config.dump, byte for byte" cmp want got
checkpointctl_takes c1.out c1 CRI-O "the export"
vital "build of the export" firn build --base oci:base:app c1.out oci:layout:again
vital "its mount" firn mount oci:layout:again "$PWD/m"
data_is_right m/rootfs "its tree"
check "its umount" firn umount "$PWD/m"
done_testing

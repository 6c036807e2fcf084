#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Checkpoints that are images already: what Podman's own --create-image made, as skopeo brings it out of the
# storage, and what people make of an archive with buildah. Ours goes on under runc, and under Podman.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

make_images
start_app c1
must podman container checkpoint -c none --leave-running --export=c1.tar c1
same_as_checkpointctl c1.tar
must podman container checkpoint --create-image localhost/cp:1 c1
must podman rm -f -t 0 c1
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
must skopeo copy -q containers-storage:localhost/cp:1 oci:gzip:cp
must skopeo copy -q --dest-compress-format zstd containers-storage:localhost/cp:1 oci:zstd:cp
must skopeo copy -q containers-storage:localhost/cp:1 oci-archive:archive.tar:cp
must skopeo copy -q containers-storage:localhost/cp:1 docker-archive:docker.tar:cp:1
grep -q tar+zstd zstd/blobs/sha256/* || bail "skopeo made no zstd layer"
dir=$(podman image mount localhost/cp:1) || bail "podman image mount failed"
n=$(bsdtar -xOf "$dir/rootfs-diff.tar" count | tail -n 1)
must podman image unmount localhost/cp:1

while read -r tag form; do
	check "$form: build" firn build --format '{{.Rootfs}}' --base oci:base:app "$form" "oci:layout:$tag"
	echo "$out" >>digests
done <<'EOS'
gzip gzip
zstd oci:zstd:cp
archive.tar oci-archive:archive.tar:cp
docker.tar docker.tar
EOS
is "$(wc -l <digests) $(sort -u digests | wc -l)" "4 1" "all of them give one rootfs image"
for form in oci:zstd:cp oci-archive:archive.tar:cp docker.tar; do
	same_inspection gzip $form --but images
done
like "$err" 'mod.txt|modified|host' "the build warns of what Podman's archive loses"

# The documented way for Kubernetes: buildah adds the archive to nothing. Then the same in two layers, the
# documents on top of the memory.
c=$(buildah from scratch) && must buildah add "$c" c1.tar / && must buildah commit "$c" localhost/one:1
mkdir parts && must bsdtar -C parts -xpf c1.tar && mkdir memory && mv parts/checkpoint memory
c=$(buildah from scratch) && must buildah add "$c" memory / && must buildah commit "$c" localhost/memory:1
c=$(buildah from localhost/memory:1) && must buildah add "$c" parts / && must buildah commit "$c" localhost/two:1
vital "the archive: build" firn build --format '{{.Rootfs}}' --base oci:base:app c1.tar oci:layout:c1
want=$out
for form in one two; do
	must skopeo copy -q "containers-storage:localhost/$form:1" "oci:$form:cp"
	check "buildah's image, layers: $form: build" firn build --format '{{.Rootfs}}' --base oci:base:app "$form" "oci:layout:$form"
	is "$out" "$want" "the same rootfs image as from the archive"
	same_inspection c1.tar "$form" --but members
	check "mount" firn mount "oci:layout:$form" "$PWD/m"
	is "$(for f in memory/checkpoint/*; do cmp "$f" "m/checkpoint/${f##*/}" 2>&1; done)" "" "every CRIU image, byte for byte"
	check "umount" firn umount "$PWD/m"
done

vital "mount" firn mount oci:layout:gzip "$PWD/m"
data_is_right m/rootfs "the mounted rootfs"
check "umount" firn umount "$PWD/m"
vital "firn restore, by runc" firn restore oci:layout:zstd r1
pid=$(runc state r1 | jq .pid)
counts_on "/proc/$pid/root/count" "$n" "the counter goes on"
data_is_right "/proc/$pid/root" "and its files are right"
end_container r1
nothing_stays "nothing stays mounted"

vital "R into Podman's storage" skopeo copy -q oci:layout:archive.tar.rootfs containers-storage:localhost/r1-rootfs:1
vital "C into Podman's storage" skopeo copy -q oci:layout:archive.tar.checkpoint containers-storage:localhost/r1:1
vital "podman container restore IMAGE" podman container restore localhost/r1:1
pid=$(podman inspect -f '{{.State.Pid}}' c1)
counts_on "/proc/$pid/root/count" "$n" "Podman: the counter goes on"
data_is_right "/proc/$pid/root" "Podman: and its files are right"
must podman rm -f -t 0 c1
done_testing

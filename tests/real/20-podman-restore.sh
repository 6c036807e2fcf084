#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# An unmodified Podman restores from our two images: R is an ordinary image with the delta as a layer, and
# config.dump in C names it.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

make_images
start_app c1
must podman container checkpoint -c none --export=c1.tar c1
same_as_checkpointctl c1.tar
n=$(count_in_archive c1.tar)
must podman rm -f -t 0 c1
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
vital "build" firn build --base oci:base:app c1.tar oci:layout:r1
vital "R into Podman's storage" skopeo copy oci:layout:r1.rootfs containers-storage:localhost/r1-rootfs:1
vital "C into Podman's storage" skopeo copy oci:layout:r1.checkpoint containers-storage:localhost/r1:1
id=$(podman image inspect -f '{{.Id}}' localhost/r1-rootfs:1)
dir=$(podman image mount localhost/r1:1) || bail "podman image mount failed"
is "$(jq -r .rootfsImageID "$dir/config.dump")" "$id" "config.dump in C names R by its image id"
must podman image unmount localhost/r1:1

vital "podman container restore IMAGE" podman container restore localhost/r1:1
pid=$(podman inspect -f '{{.State.Pid}}' c1)
counts_on "/proc/$pid/root/count" "$n" "the counter goes on"
data_is_right "/proc/$pid/root" "added files are there, deleted ones gone, the re-created folder has only its new one"
is "$(podman inspect -f '{{.Image}}' c1)" "$id" \
	"the container is made from R: the delta is one of its layers"

# Podman's own way, for comparison: what our images keep is more, never less.
must podman rm -f -t 0 c1
vital "podman container restore --import of the original archive" podman container restore --import c1.tar
pid=$(podman inspect -f '{{.State.Pid}}' c1)
if [ -e "/proc/$pid/root/data/redir/new1" ]; then
	diag "this Podman restores a re-created folder itself"
else
	diag "this Podman's own restore loses /data/redir/new1, ours had it"
fi
must podman rm -f -t 0 c1

# By a name that Podman pulls.
start_registry
cat >registries.conf <<EOS
[[registry]]
location = "$registry"
insecure = true
EOS
export CONTAINERS_REGISTRIES_CONF=$PWD/registries.conf
vital "build with a name for R" firn build --base oci:base:app --for podman --rootfs-name "$registry/r2:1" c1.tar oci:layout:r2
vital "R to the registry" push oci:layout:r2.rootfs r2:1
vital "C to the registry" push oci:layout:r2.checkpoint r2-c:1
vital "podman pull of C alone" podman pull -q "$registry/r2-c:1"
podman image exists "$registry/r2:1"
is $? 1 "R isn't there yet"
vital "podman container restore IMAGE" podman container restore "$registry/r2-c:1"
pid=$(podman inspect -f '{{.State.Pid}}' c1)
counts_on "/proc/$pid/root/count" "$n" "the counter goes on"
data_is_right "/proc/$pid/root" "R was pulled by its name, with all changes"
must podman rm -f -t 0 c1

# With the changes in Podman's own form: no R at all, and what Podman makes of it.
vital "build with the changes in the checkpoint" firn build --base oci:base:app --engine-delta=archive c1.tar oci:layout:r3
vital "C into Podman's storage" skopeo copy -q oci:layout:r3.checkpoint containers-storage:localhost/r3:1
vital "podman container restore IMAGE" podman container restore localhost/r3:1
pid=$(podman inspect -f '{{.State.Pid}}' c1)
counts_on "/proc/$pid/root/count" "$n" "the counter goes on"
is "$(cat "/proc/$pid/root/data/newdir/file"; ls "/proc/$pid/root/data")" "created
chmod.txt
keep.txt
lnk
mod.txt
newdir
renamed
sub" "Podman applied the changes itself, and lost the re-created folder as it always does"
is "$(podman inspect -f '{{.Image}}' c1)" "$(podman image inspect -f '{{.Id}}' localhost/app:1)" "to the image that the container came from"
must podman rm -f -t 0 c1

# A run from R alone, as from any image.
is "$(podman run --rm --network none --pids-limit=0 localhost/r1-rootfs:1 cat /data/redir/new1)" new1 \
	"R runs as an ordinary image"
done_testing

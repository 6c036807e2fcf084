#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Checkpoints of containerd's own ctr, as it exports them, as a layout, as docker keeps images, nested in an
# image, and as bare CRIU images: each builds, mounts with the true tree and is restored by runc.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/real/containerd.sh
. "$(dirname "$0")/containerd.sh"

make_images
start_registry
must push containers-storage:localhost/app:1 app:1
app=$registry/app:1
start_containerd "$app"
must ctr images pull --plain-http "$app"
must ctr run -d --net-host --runc-binary "$PWD/runc" "$app" c1
pid=$(ctr task ls | awk '$1 == "c1" { print $2 }')
wait_for 10 counted_to 3 "/proc/$pid/root/count" || bail "the container doesn't count"
must ctr container checkpoint --rw --task c1 localhost/rw:1
must ctr container checkpoint --rw --task --image c1 localhost/image:1
must ctr task checkpoint c1
must ctr task kill -s KILL c1
wait_for 10 ctr task delete c1 || bail "the container doesn't end"
task=$(ctr images ls -q | grep '^containerd.io/checkpoint/')
must ctr images export --local --skip-manifest-json rw.tar localhost/rw:1
must ctr images export --local --skip-manifest-json image.tar localhost/image:1
must ctr images export --local --skip-manifest-json task.tar "$task"
whole rw.tar
whole image.tar
whole task.tar
must skopeo copy -q --src-tls-verify=false "docker://$app" oci:base:app

# count_in_index FILE: the last number in the /count of the rw layer
count_in_index() {
	local index layer
	index=$(bsdtar -xOf "$1" index.json | jq -r '.manifests[0].digest' | tr : /)
	layer=$(bsdtar -xOf "$1" "blobs/$index" |
		jq -r '.manifests[] | select(.mediaType | startswith("application/vnd.oci.image.layer")).digest' | tr : /)
	bsdtar -xOf "$1" "blobs/$layer" | bsdtar -xOf - count | tail -n 1
}
# goes_on CHECKPOINT N TAG [OPTION...]: build, mount, restore
goes_on() {
	local pid

	vital "$3: build" firn build "${@:4}" "$1" "oci:layout:$3"
	vital "$3: mount" firn mount "oci:layout:$3" "$PWD/m"
	data_is_right m/rootfs "$3: the tree" containerd
	check "$3: umount" firn umount "$PWD/m"
	vital "$3: firn restore, by runc" firn restore "oci:layout:$3" "$3"
	pid=$(runc state "$3" | jq .pid)
	counts_on "/proc/$pid/root/count" "$2" "$3: the counter goes on"
	data_is_right "/proc/$pid/root" "$3: and its files are right" containerd
	end_container "$3"
	nothing_stays "$3: nothing stays mounted"
}
goes_on rw.tar "$(count_in_index rw.tar)" rw --base oci:base:app
goes_on image.tar "$(count_in_index image.tar)" image
goes_on task.tar "$(count_in_index task.tar)" task

# The same in other clothes: only the build differs.
mkdir unpacked && must bsdtar -C unpacked -xf image.tar
want=$(firn build -q --format '{{.Rootfs}}' image.tar oci:layout:again)
same_rootfs() { # WHAT CHECKPOINT TAG
	check "$1: build" firn build --format '{{.Rootfs}}' "$2" "oci:layout:$3"
	is "$out" "$want" "$1: the same rootfs image"
}
same_rootfs "a layout" oci:unpacked unpacked
c=$(buildah from scratch) && must buildah add "$c" unpacked / && must buildah commit "$c" localhost/nested:1
must skopeo copy -q containers-storage:localhost/nested:1 oci-archive:nested.tar:nested
same_rootfs "an image with the layout in it" nested.tar nested
must podman save -q -o saved.tar localhost/nested:1
same_rootfs "the same in a docker-archive" saved.tar saved
must podman create -q --name nested localhost/nested:1 none
must podman export -o exported.tar nested
must podman rm nested
same_rootfs "the file system of a container of it" exported.tar exported
for form in oci:unpacked nested.tar saved.tar exported.tar; do
	same_inspection image.tar $form
done
run firn inspect --format '{{.Name}} {{.Engine}} {{.Image}} {{.Command}}' image.tar
is "$out" "c1 containerd $app /bin/sh /work.sh " "who it is"
run firn inspect --format json image.tar
is "$(jq -c '.[0].delta | [.modified.files, .removed.entries]' <.out)" "[2,7]" \
	"what of the base it changed and removed"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A container of containerd's CRI, checkpointed as a kubelet does it, becomes an image that runc restores
# straight from our mount, and containerd itself from a registry.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/real/containerd.sh
. "$(dirname "$0")/containerd.sh"

make_images
start_registry
must push containers-storage:localhost/app:1 app:1
app=$registry/app:1
start_containerd "$app"
must cri pull "$app"

pod pod1
ctr=$(cri create "$pod" pod1 counter "$app") || bail "no container"
must cri start "$ctr"
pid=$(pid_of "$ctr")
wait_for 10 counted_to 3 "/proc/$pid/root/count" || bail "the container doesn't count"
must setfattr -n user.lab -v hello "/proc/$pid/root/data/newdir/xattr"
must cri checkpoint "$ctr" "$PWD/c1.tar"
same_as_checkpointctl c1.tar
whole c1.tar "containerd's archive"
must cri stop "$ctr"
must cri remove "$ctr"
must cri remove-sandbox "$pod"
n=$(count_in_archive c1.tar)
must skopeo copy -q --src-tls-verify=false "docker://$app" oci:base:app

# --- in: built, mounted and restored without containerd

vital "build" firn build --base oci:base:app c1.tar oci:layout:r1
vital "mount" firn mount oci:layout:r1 "$PWD/m"
data_is_right m/rootfs "the mounted rootfs" containerd
check "umount" firn umount "$PWD/m"
vital "firn restore, by runc" firn restore oci:layout:r1 r1
pid=$(runc state r1 | jq .pid)
counts_on "/proc/$pid/root/count" "$n" "the counter goes on"
data_is_right "/proc/$pid/root" "and its files are right" containerd
end_container r1
nothing_stays "nothing stays mounted"

# --- out: containerd itself restores from our image, with the changes as a layer of the rootfs image

version=$(containerd --version | awk '{ print $3 }')
case $version in
2.[1-3].*) ;;
*)
	skip_one "containerd $version restores from no image" "containerd restores from ours"
	done_testing
	exit
	;;
esac

# containerd_restores NAME IMAGE WHAT: sets $pid
containerd_restores() {
	pod "$1"
	ctr=$(cri create "$pod" "$1" counter "$2") || bail "$3: CreateContainer failed"
	vital "$3: StartContainer" cri start "$ctr"
	pid=$(pid_of "$ctr")
	counts_on "/proc/$pid/root/count" "$n" "$3: the counter goes on"
	data_is_right "/proc/$pid/root" "$3: and its files are right" containerd
}
end_pod() {
	must cri stop "$ctr"
	must cri remove "$ctr"
	must cri remove-sandbox "$pod"
}
# lowers: how many layers the root of $pid has below the writable one
lowers() {
	awk '$5 == "/"' "/proc/$pid/mountinfo" | grep -o 'lowerdir=[^,]*' | tr : '\n' | wc -l
}
containerd_restores own "$PWD/c1.tar" "containerd from its own archive"
is "$(lowers)" 2 "containerd from its own archive: the base has two layers"
end_pod

vital "build for containerd" firn build --base oci:base:app --for containerd --rootfs-name "$registry/app-r:1" c1.tar oci:layout:out
is "$(python3 /firn/tests/cli/check-engine.py --rootfs-name "$registry/app-r:1" layout out containerd 2>&1)" "" \
	"what containerd reads of it is right"
vital "R to the registry" push oci:layout:out.rootfs app-r:1 --preserve-digests
vital "C to the registry" push oci:layout:out.checkpoint app-c:1 --preserve-digests
vital "the index to the registry" push oci:layout:out app-i:1 --preserve-digests --all
for image in app-c app-i; do
	must cri pull "$registry/$image:1"
	containerd_restores "$image" "$registry/$image:1" "containerd from $image"
	is "$(lowers)" 3 "$image: the changes are one of the container's lower directories"
	end_pod
done
vital "build with the changes in the checkpoint" firn build --base oci:base:app --engine-delta=archive c1.tar oci:layout:compat
is "$(python3 /firn/tests/cli/check-engine.py layout compat containerd 2>&1)" "" "what containerd reads of it is right"
vital "it to the registry" push oci:layout:compat.checkpoint compat:1 --preserve-digests
must cri pull "$registry/compat:1"
containerd_restores compat "$registry/compat:1" "containerd from the compat layer"
end_pod

# --- out: containerd's own archive again

checkpointctl_takes_export() { # TAG WHAT
	vital "$2: export" firn export "oci:layout:$1" "$1.out"
	is "$(bsdtar -tf "$1.out")" "$(bsdtar -tf c1.tar)" "$2: the same members in the same order"
	for name in config.dump spec.dump status.dump rootfs-diff.tar; do
		bsdtar -xOf c1.tar $name >want && bsdtar -xOf "$1.out" $name >got
		check "$2: $name, byte for byte" cmp want got
	done
	checkpointctl_takes "$1.out" counter containerd "$2"
}
checkpointctl_takes_export r1 "from layers"
checkpointctl_takes_export out "with another rootfs image in config.dump"
checkpointctl_takes_export compat "from the recipe"
check "from the recipe: the very file that came in" cmp compat.out c1.tar
containerd_restores exported "$PWD/out.out" "containerd from our export"
end_pod
done_testing

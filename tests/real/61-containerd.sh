#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A container of containerd's CRI, checkpointed as a kubelet does it, becomes an image that runc restores
# straight from our mount.
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
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Podman's service on its socket: a checkpoint comes out of it and goes back into it, and whatever goes
# wrong between leaves no half image and tells what became of the container.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

sock=/run/podman/podman.sock
# serve: start the service, its pid in $service
serve() {
	mkdir -p "$(dirname "$sock")"
	command podman --cgroup-manager=cgroupfs --runtime runc system service -t 0 "unix://$sock" \
		>"$work/service.log" 2>&1 </dev/null &
	service=$!
	wait_for 10 test -S "$sock" || bail "no service: $(cat "$work/service.log")"
}
state() { podman inspect -f '{{.State.Status}}' "$1"; }
count_of() { last_count "/proc/$(podman inspect -f '{{.State.Pid}}' "$1")/root/count"; }

make_images
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
serve
start_app c1

# --- out

run "$firn" build --leave-running --base oci:base:app podman:c1 oci:layout:left
status_is 0 "a checkpoint of a container that goes on"
is "$(state c1)" running "it runs"
n=$(count_of c1)
wait_for 10 counted_to $((n + 2)) "/proc/$app_pid/root/count"
is "$(podman inspect -f '{{.State.Pid}}' c1)" "$app_pid" "as the same process"

run "$firn" build --base oci:base:app --format '{{.Engine}} {{.Container}}' podman:c1 oci:layout:c1
is "$status $out" "0 Podman c1" "a checkpoint, straight into the layout"
is "$(state c1)" exited "the container is stopped then"
mkdir tmp
n=$(podman container restore --print-stats c1 >/dev/null && count_of c1)
podman rm -f -t 0 c1 >/dev/null
check "firn mount" firn mount --read-only oci:layout:c1 m
data_is_right m/rootfs "what it had changed is in the image"
n=$(last_count m/rootfs/count)
check "firn umount" firn umount m
check "firn restore" firn restore oci:layout:c1 c1
pid=$(runc state c1 | jq .pid)
counts_on "/proc/$pid/root/count" "$n" "and it goes on by firn restore"
runc kill c1 KILL
wait_for 20 sh -c '! runc state c1'
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Podman's service on its socket: a checkpoint comes out of it and goes back into it, and whatever goes
# wrong between leaves no half image and tells what became of the container.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

sock=/run/podman/podman.sock
service=
serve() { # its pid in $service
	mkdir -p "$(dirname "$sock")"
	rm -f "$sock"
	command podman --cgroup-manager=cgroupfs --runtime runc system service -t 0 "unix://$sock" \
		>"$work/service.log" 2>&1 </dev/null &
	service=$!
	disown # of its end nobody needs to hear
	wait_for 10 test -S "$sock" || bail "no service: $(cat "$work/service.log")"
}
# between PATTERN ANSWERED SENT [PID]: a proxy that cuts, see proxy.py; its socket is $bad
bad=/run/bad.sock
proxy=
between() {
	[ -z "$proxy" ] || kill "$proxy"
	rm -f "$bad"
	python3 /firn/tests/real/proxy.py "$bad" "$sock" "$@" >"$work/proxy.log" 2>&1 </dev/null &
	proxy=$!
	wait_for 10 test -S "$bad" || bail "no proxy: $(cat "$work/proxy.log")"
}
state() { podman inspect -f '{{.State.Status}}' "$1"; }
pid_of() { podman inspect -f '{{.State.Pid}}' "$1"; }
count_of() { last_count "/proc/$(pid_of "$1")/root/count"; }
tags() { jq -r '[.manifests[].annotations["org.opencontainers.image.ref.name"]] | sort | join(" ")' "$1/index.json"; }
# What Podman's own restore, which loses a re-created folder, leaves of data_is_right().
changes_are_in() { # ROOTFS WHAT
	is "$(cat "$1/data/newdir/file" "$1/data/renamed") $(stat -c %a "$1/data/newdir/suid") $(getfattr --only-values \
		-n user.lab "$1/data/newdir/xattr" 2>/dev/null) $(ls "$1" | grep -c tiny)" "created
ren 4755 hello 0" "$2"
}
# whole_again: the container runs and counts on, from the checkpoint that Podman has
whole_again() {
	check "$1: it goes on as the message says" podman container restore c1
	app_pid=$(pid_of c1)
	n=$(count_of c1)
	wait_for 10 counted_to $((n + 2)) "/proc/$app_pid/root/count" || not_ok "$1: it counts no more"
}

make_images
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
must skopeo copy -q containers-storage:localhost/base:1 oci:base:other
serve
start_app c1

# --- out of it

run "$firn" build --leave-running --base oci:base:app podman:c1 oci:layout:left
status_is 0 "a checkpoint of a container that goes on"
check "firn mount" firn mount --read-only oci:layout:left m
data_is_right m/rootfs "what it had changed is in the image"
check "firn umount" firn umount m
is "$(state c1) $(pid_of c1)" "running $app_pid" "it runs, as the same process"
n=$(count_of c1)
wait_for 10 counted_to $((n + 2)) "/proc/$app_pid/root/count" && ok "and counts" || not_ok "and counts"
before=$(tags layout)

# --- what is found before the container is touched

run "$firn" build podman:nobody oci:layout:x
status_is 4 "no such container"
like "$err" 'container nobody: Podman: no container with name or ID "nobody" found' "Podman says it"
run "$firn" build --base oci:base:other podman:c1 oci:layout:x
status_is 1 "another base"
like "$err" "base has image ID [0-9a-f]*, container c1 was made from [0-9a-f]* \(localhost/app:1\)" "both images are named"
run "$firn" build podman:c1 oci:layout:left
status_is 1 "a tag that is there"
run env CONTAINER_HOST=ssh://host/run/podman.sock "$firn" build podman:c1 oci:layout:x
status_is 2 "a service elsewhere"
like "$err" '\$CONTAINER_HOST: "ssh://host/run/podman.sock" is no unix socket' "and why"
run "$firn" build --socket /run/nothing.sock podman:c1 oci:layout:x
status_is 4 "no service"
is "$(state c1) $(tags layout)" "running $before" "the container runs, the layout is as it was"

# --- what breaks in the middle

between /checkpoint 100000 -
run "$firn" build --socket "$bad" --base oci:base:app podman:c1 oci:layout:x
status_is 1 "the connection is cut within the archive"
like "$err" "the connection broke.*; container c1 is stopped now \(exited\) and Podman has its checkpoint: podman container restore c1" \
	"what became of the container"
whole_again "cut"

between /checkpoint 100000 -
run "$firn" build --socket "unix://$bad" --leave-running podman:c1 oci:layout:x
status_is 1 "the same with --leave-running"
like "$err" "; container c1 is running now" "and it runs"

between /checkpoint stall -
run "$firn" build --socket "$bad" --timeout 2 podman:c1 oci:layout:x
status_is 1 "no answer"
like "$err" "no answer within 2 s; container c1 is stopped now" "the time-out, and the container"
whole_again "no answer"

mkdir small && must mount -t tmpfs -o size=150k tmpfs small
run "$firn" build podman:c1 oci:small/layout:x
status_is 1 "no space for the image"
like "$err" "No space left on device; container c1 is stopped now" "why, and the container"
is "$(find small -type f | wc -l)" 0 "nothing is left there"
umount small
whole_again "no space"

between /checkpoint 100000 - "$service"
run "$firn" build --socket "$bad" podman:c1 oci:layout:x
status_is 1 "the service is killed within the archive"
like "$err" "the connection broke.*; Podman doesn't say what container c1 does now; if it is stopped: podman container restore c1" \
	"nobody can tell about the container"
serve
whole_again "the service is killed"
is "$(tags layout)" "$before" "the layout is as it was, after all that"

# --- out of it again, to the end

run env PODMAN_SOCKET="unix://$sock" "$firn" build --base oci:base:app --source-digest \
	--format '{{.Engine}} {{.Container}} {{.Bytes}}' podman:c1 oci:layout:c1
like "$status $out" "^0 Podman c1 [0-9]+\$" "a checkpoint, straight into the layout"
is "$(state c1)" exited "the container is stopped then"
run "$firn" build podman:c1 oci:layout:x
status_is 1 "it isn't running"
like "$err" "container c1: isn't running \(exited\): it was checkpointed before; .podman container restore c1. lets it go on" "what to do"
must podman rm -f -t 0 c1
check "firn mount" firn mount --read-only oci:layout:c1 m
changes_are_in m/rootfs "what it had changed is in the image"
n=$(last_count m/rootfs/count)
check "firn umount" firn umount m
check "firn restore" firn restore oci:layout:c1 c1
pid=$(runc state c1 | jq .pid)
counts_on "/proc/$pid/root/count" "$n" "and it goes on by firn restore"
runc kill c1 KILL
wait_for 20 sh -c '! runc state c1'
nothing_stays "nothing stays of it"

# --- back into it

run "$firn" restore --runtime podman --format '{{.Runtime}} {{.ID}} {{.PID}}' oci:layout:c1
is "$status ${out%% *}" "0 podman" "firn restore --runtime podman"
is "${out#* }" "$(podman inspect -f '{{.Id}} {{.State.Pid}}' c1)" "it is a container of Podman's"
pid=$(pid_of c1)
counts_on "/proc/$pid/root/count" "$n" "and goes on"
changes_are_in "/proc/$pid/root" "with what it had changed"
nothing_stays "nothing is mounted for it"

run "$firn" restore --runtime podman oci:layout:c1
status_is 5 "a second one of that name"
like "$err" 'Podman: .*; restore it under another name, or podman rm' "Podman says no, and what to do"
run "$firn" restore --runtime podman oci:layout:c1 c2
status_is 0 "a second one of another name"
counts_on "/proc/$(pid_of c2)/root/count" "$n" "both run"
is "$(state c1) $(state c2)" "running running" "both are Podman's"
must podman rm -f -t 0 c1 c2

between /restore - 200000
run "$firn" restore --runtime podman --socket "$bad" oci:layout:c1
status_is 1 "the connection is cut within the archive"
between /restore stall -
run "$firn" restore --runtime podman --socket "$bad" --timeout 2 oci:layout:c1 c3
status_is 1 "no answer"
like "$err" "no answer within 2 s; Podman restores it all the same" "and what may come of that"
wait_for 20 podman inspect c3
is "$(state c3) $(podman ps -aq | wc -l)" "running 1" "a whole archive is restored all the same, half of one isn't"
must podman rm -f -t 0 c3

run "$firn" restore --runtime podman --upper up oci:layout:c1
status_is 2 "what Podman can't be given"
must podman rmi -f localhost/app:1
run "$firn" restore --runtime podman oci:layout:c1
status_is 4 "without the container's image"
like "$err" "Podman's storage lacks the image localhost/app:1 \(ID [0-9a-f]{12}\).*skopeo copy oci:DIR:TAG containers-storage:localhost/app:1" \
	"how to get it there"
must skopeo copy -q oci:base:app containers-storage:localhost/app:1
run "$firn" restore --runtime podman oci:layout:c1
status_is 0 "that is what it takes"
must podman rm -f -t 0 c1

# --- two containers at once

for c in a b; do
	must podman run -d --pids-limit=0 --network host --name $c localhost/app:1
	wait_for 10 counted_to 2 "/proc/$(pid_of $c)/root/count"
done
run "$firn" build --base oci:base:app podman:a bee=podman:b oci:layout:pair
status_is 0 "two containers, one image"
is "$(state a) $(state b)" "exited exited" "both are stopped"
run "$firn" restore --runtime podman oci:layout:pair
status_is 5 "back, while Podman still has them"
is "$(podman ps -aq | wc -l)" 2 "nothing is added"
must podman rm -f -t 0 a b
run "$firn" restore --runtime podman oci:layout:pair
status_is 0 "back"
is "$(state a) $(state bee)" "running running" "each under its name in the image"
must podman rm -f -t 0 a
run "$firn" restore --runtime podman oci:layout:pair
status_is 5 "one that is there still"
is "$(podman ps -a --format '{{.Names}}')" bee "and the other is gone again: all or none"
must podman rm -f -t 0 bee

# the second one can't be dumped: the first one is stopped by then
must podman run -d --pids-limit=0 --network host --name a localhost/app:1
must podman run -d --pids-limit=0 --network host --name b localhost/app:1
wait_for 10 counted_to 2 "/proc/$(pid_of a)/root/count"
between "$(podman inspect -f '{{.Id}}' b)/checkpoint" 100000 -
run "$firn" build --socket "$bad" podman:a podman:b oci:layout:half
status_is 1 "the second one's connection is cut"
like "$err" "the connection broke.*; container b is stopped now" "the second one"
like "$err" "warning: a: no image was made; container a is stopped now .*podman container restore a" "the first one"
is "$(tags layout | grep -c half)" 0 "and no image"
must podman rm -f -t 0 a b

# --- what CRIU refuses

c=$(buildah from localhost/base:1) && m=$(buildah mount "$c") || bail "buildah failed"
for f in /usr/bin/flock $(ldd /usr/bin/flock | grep -o '/[^ ]*'); do
	must install -D "$f" "$m$f" # busybox has none
done
must buildah umount "$c"
must buildah commit "$c" localhost/locks:1
must podman run -d --pids-limit=0 --network host --name locks localhost/locks:1 \
	flock /lock sh -c 'while :; do sleep 1; done'
wait_for 10 test -e "/proc/$(pid_of locks)/root/lock"
run "$firn" build podman:locks oci:layout:locks
status_is 1 "a file lock that nobody allowed"
like "$err" "container locks: Podman: ./usr/bin/runc checkpoint .*failed: exit status 1; CRIU's log is /[^ ]*/dump.log; container locks is running now" \
	"what Podman says, where CRIU says more, and the container"
log=${err#*CRIU\'s log is }
like "$(cat "${log%%;*}")" "Error .*file-locks" "it is that log"
run "$firn" build --file-locks podman:locks oci:layout:locks
status_is 0 "a file lock that is allowed"
must podman rm -f -t 0 locks
run "$firn" restore --runtime podman --file-locks oci:layout:locks
is "$status $(state locks)" "0 running" "on the way back"
must podman rm -f -t 0 locks

mkdir volume
must podman run -d --pids-limit=0 --network host --name volume -v "$PWD/volume:/volume" localhost/app:1
check "build" firn build podman:volume oci:layout:volume
must podman rm -f -t 0 volume
rmdir volume
run "$firn" restore --runtime podman oci:layout:volume
status_is 5 "a volume that isn't there"
like "$err" "Podman: .*/volume.*; it has left container volume behind, which doesn't run: podman rm volume" \
	"Podman says it, and what it leaves behind"
check "that is how it goes" podman rm volume
is "$(podman ps -aq | wc -l)" 0 "and nothing else is there"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn restore --lazy: what is restored runs before its memory is read, has the right memory in the end, and never
# a wrong one: also when CRIU's daemon dies, or the process does.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

state_of() { tail -n 1 "$1/state"; }
ticks_to() { grep -qx "bad.*" "$2/state" && return 1; [ "$(state_of "$2")" -ge "$1" ]; }
gone() { [ ! -e "/proc/$1" ]; }
# No process, of which a zombie is none.
ended() { gone "$1" || grep -q '^State:.Z' "/proc/$1/status"; }
unmounted() { ! grep -q " /run/firn/" /proc/self/mountinfo; }
daemon_pid() { pgrep -f 'criu lazy-pages'; }
no_images() { ! grep -q "/lazy1/bundle/checkpoint " /proc/self/mountinfo; }
no_daemon() { ! daemon_pid >/dev/null; }

# checkpoint NAME MIB: of a process that checks its own checksum; sets pid and n
checkpoint() {
	mkdir "$1"
	(cd "$1" && exec setsid /inst/memsum "$2" </dev/null >out 2>&1 3>&- 255>&-) &
	wait_for 30 test -s "$1/pid" || bail "memsum doesn't start"
	pid=$(cat "$1/pid")
	wait_for 30 ticks_to 3 "$1" || bail "memsum doesn't tick: $(cat "$1/out")"
	mkdir "$1/img"
	must criu dump -t "$pid" -D "$PWD/$1/img" -o dump.log
	wait_for 10 gone "$pid" || bail "the dumped process stays"
	n=$(state_of "$1")
	must firn build "$PWD/$1/img" "oci:layout:$1"
}

checkpoint p 64
vital "restore --lazy of a process" firn restore --lazy oci:layout:p
is "$out" "$pid" "it prints the pid"
check "it goes on" wait_for 20 ticks_to $((n + 3)) p
check "the daemon ends when all pages are in" wait_for 60 no_daemon
check "then nothing stays mounted" wait_for 20 unmounted
check "the memory is right" ticks_to $((n + 3)) p
is "$(awk '$1 != n++' n=0 p/state)" "" "not a tick was lost"
kill -9 "$pid"
wait_for 10 ended "$pid"

# The daemon dies while pages are missing. CRIU brings what nobody touches in its own time, so 512 MiB last.
checkpoint q 512
vital "restore --lazy of a large process" firn restore --lazy oci:layout:q
kill -9 "$(daemon_pid)"
check "its daemon dies: the process is killed" wait_for 20 ended "$pid"
is "$(grep bad q/state)" "" "and never saw a page that is not its own"
check "nothing stays mounted" wait_for 20 unmounted
is "$(ls /run/firn/logs/"$pid"/lazy-pages.log)" "/run/firn/logs/$pid/lazy-pages.log" "the daemon's log is kept"

# The process dies while pages are missing.
vital "restore --lazy once more" firn restore --lazy oci:layout:q
kill -9 "$pid"
check "the daemon ends with the process" wait_for 20 no_daemon
check "nothing stays mounted then" wait_for 20 unmounted

# Restore fails: no daemon is left.
checkpoint r 1
vital "restore of a third" firn restore oci:layout:r
fails 5 'File exists' "a pid that is taken" firn restore --no-check --lazy oci:layout:r
check "no daemon stays" wait_for 10 no_daemon
nothing_stays "nor a mount"
kill -9 "$pid"

# A container.
make_images
start_app c1
must podman container checkpoint -c none --export=c1.tar c1
same_as_checkpointctl c1.tar
last=$(count_in_archive c1.tar)
must podman rm -f c1
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
vital "build of a container" firn build --base oci:base:app "$PWD/c1.tar" oci:layout:c1
vital "restore --lazy of a container" firn restore --lazy oci:layout:c1 lazy1
root=/run/firn/containers/lazy1/bundle/rootfs
counts_on "$root/count" "$last" "it counts on"
check "the images go when all pages are in" wait_for 20 no_images
check "the rootfs stays" grep -q "$root " /proc/self/mountinfo
must runc kill lazy1 KILL
check "and goes with the container" wait_for 20 unmounted
fails 2 'Podman can.t be given' "Podman has no lazy restore" firn restore --runtime podman --lazy oci:layout:c1 lazy2
done_testing

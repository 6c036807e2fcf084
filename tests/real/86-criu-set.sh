#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn verify on dumps of processes of all kinds (zoo.c): nothing is wrong with any; each image that is taken
# away is missed; and where it says that an image is missing, CRIU restores nothing.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2317 # wait_for calls it
no_zoo() { ! pgrep -x zoo >/dev/null; }
# zoo DIR UNSHARE THINGS [CRIU-OPTION...]: a dump in DIR/checkpoint
zoo() {
	mkdir -p "$1/checkpoint" "$1/work"
	# shellcheck disable=SC2086 # words
	(cd "$1/work" && exec setsid unshare $2 --fork /inst/zoo $3 </dev/null >/dev/null 2>&1 3>&- 255>&-) &
	disown
	wait_for 20 test -e "$1/work/ready" || bail "$1: zoo doesn't start"
	pid=$(pgrep -x -o zoo)
	criu dump -t "$pid" -D "$PWD/$1/checkpoint" -o dump.log -v2 "${@:4}" >/dev/null 2>&1 || {
		diag "$1: $(grep -E 'Error' "$1/checkpoint/dump.log" | tail -n 5)"
		pkill -KILL -x zoo
		bail "$1: CRIU makes no dump"
	}
	wait_for 10 no_zoo || pkill -KILL -x zoo
}

zoo plain "" ""
zoo threads "" "threads"
zoo shared "" "shared memfd"
zoo ended "" "zombie stopped"
zoo deleted "" "deleted"
zoo talk "" "pipes sockets events"
zoo terminal "" "terminal"
zoo table "" "one-table"
zoo ipc "--ipc --uts" "system-v threads shared"
zoo pids "--pid" "threads stopped"
zoo user "--user --map-root-user" ""
zoo clock "--time" ""
zoo mounts "--mount --pid --ipc" "shared" --external 'mnt[]'
zoo net "--net" "" --network-lock skip
zoo no-net "--net" "" --network-lock skip --empty-ns net
dumps="plain threads shared ended deleted talk terminal table ipc pids user clock mounts net no-net"
for d in $dumps; do
	whole "$d"
done

# --- each image is missed, but for those that nothing calls for

# What was in pipes, sockets and queues; seccomp.img is without filters here, timens-0.img the host's.
may_go='^(pipes-data|fifo-data|sk-queues|ipcns-(msg|sem)-.*|seccomp|timens-0|rule-.*|route6-.*|nftables-.*|ip6?tables-.*)\.img$'
for d in $dumps; do
	for f in "$d"/checkpoint/*.img; do
		n=${f##*/}
		[[ $n =~ $may_go || $n = inventory.img ]] && continue
		mv "$f" held
		run firn verify "$d"
		[[ $n = fdinfo-* && $out = *"$n: warning:"* ]] || [ "$status" = 3 ] || echo "$d/$n"
		mv held "$f"
	done
done >unnoticed
is "$(cat unnoticed)" "" "every image that is taken away is missed"

# --- CRIU thinks so, too

comes_back() { # DIR: CRIU restores it
	rm -rf "$1/work"
	mkdir "$1/work"
	criu restore -d -D "$PWD/$1/checkpoint" -W "$PWD/$1/work" -o restore.log >/dev/null 2>&1
	local rc=$?

	pkill -KILL -x zoo
	wait_for 10 no_zoo || bail "a restored process stays"
	return $rc
}
for d in threads shared; do
	check "$d: CRIU restores it as it is" comes_back "$d"
done
for d in threads shared; do
	# Not pages: CRIU 4.1.1 doesn't always notice that they are missing.
	for f in "$d"/checkpoint/{core,mm,pagemap,fs}-*.img "$d"/checkpoint/{files,pstree}.img; do
		mv "$f" held
		run firn verify "$d"
		[ "$status" = 3 ] || echo "firn: $f"
		! comes_back "$d" || echo "CRIU: $f"
		mv held "$f"
	done
done >differently
is "$(cat differently)" "" "what is missed, CRIU can't do without"

# --- a dump that builds on another

cp -a plain chain
cp -a plain/checkpoint chain/pre-checkpoint
must python3 /firn/tests/real/increment.py chain/checkpoint chain/pre-checkpoint ../pre-checkpoint
whole chain
mv chain/pre-checkpoint elsewhere
run firn verify chain
is "$status" 3 "without the dump before it"
like "$out$err" "pages are in the dump before this one" "it says what is missing"
mkdir chain/pre-checkpoint
cp elsewhere/*.img chain/pre-checkpoint
echo more >>chain/pre-checkpoint/pages-1.img
run firn verify chain
is "$status" 3 "with a pages file of another length in the dump before it"
like "$out$err" "pre-checkpoint/pages-[0-9]*.img: has" "it says where"

# --- engines: a terminal, a tmpfs, a network namespace of the engine's, volumes

# clean_archives NAME OPTION...
clean_archives() {
	must podman run -d --pids-limit=0 --name "$1" "${@:2}" localhost/app:1
	wait_for 20 test -s "/proc/$(podman inspect -f '{{.State.Pid}}' "$1")/root/count" || bail "$1 doesn't count"
	must podman container checkpoint --leave-running -c none "--export=$1.tar" "$1"
	must podman container checkpoint --leave-running -c zstd "--export=$1.tar.zst" "$1"
	must podman container checkpoint -c none --ignore-volumes "--export=$1-no-volumes.tar" "$1"
	for f in "$1.tar" "$1.tar.zst" "$1-no-volumes.tar"; do
		same_as_checkpointctl "$f"
	done
	whole "$1.tar"
	whole "$1.tar.zst"
}
make_images
must podman volume create v1
clean_archives c1 --network host -t --tmpfs /t --volume v1:/v
run firn verify c1-no-volumes.tar
is "$status" 0 "without its volume there is no fault"
like "$out" "volumes/v1.tar: note:" "it is told"
# CRIU closes a network while it dumps, with a program that this root doesn't have. No packet comes here.
cp -a /usr/sbin sbin
for tool in iptables-restore ip6tables-restore; do
	[ -x "sbin/$tool" ] || install -m 755 /dev/stdin "sbin/$tool" <<<$'#!/bin/sh\ncat >/dev/null'
done
must mount --bind sbin /usr/sbin
must ip netns add joined
clean_archives c2 --network ns:/run/netns/joined
done_testing

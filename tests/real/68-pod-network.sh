#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Three Podman containers in one image, two of which had one network: they have one again. And what runs of
# them when one can't.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

# CRIU closes a network while it dumps, with a program that this root doesn't have. No packet comes here.
cp -a /usr/sbin sbin
for tool in iptables-restore ip6tables-restore; do
	[ -x "sbin/$tool" ] || install -m 755 /dev/stdin "sbin/$tool" <<<$'#!/bin/sh\ncat >/dev/null'
done
must mount --bind sbin /usr/sbin

make_images
mkdir pod
declare -A was
for c in a b other; do
	net=pod
	[ $c != other ] || net=other
	[ -e /run/netns/$net ] || must ip netns add $net
	must podman run -d --pids-limit=0 --network ns:/run/netns/$net --name $c localhost/app:1
	pid=$(podman inspect -f '{{.State.Pid}}' $c)
	wait_for 10 counted_to 3 "/proc/$pid/root/count" || bail "$c doesn't count"
done
for c in a b other; do
	must podman container checkpoint -c none --export=pod/$c.tar $c
	same_as_checkpointctl pod/$c.tar
	was[$c]=$(count_in_archive pod/$c.tar)
done
must podman rm -f -t 0 a b other
whole pod/a.tar "a container in a network of the engine's"
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
vital "build" firn build --base oci:base:app --project pod oci:layout:pod

vital "mount" firn mount oci:layout:pod m
like "$err" '^firn: warning: other: .*network' "a warning says whose it is"
inode() { stat -L -c %i "m/$1/engine/netns"; }
is "$(inode a)" "$(inode b)" "two have one network"
is_not "$(inode a)" "$(inode other)" "the third has another"
check "umount" firn umount m
nothing_stays "nothing stays mounted"

vital "build, the last one without its base" firn build --base a=oci:base:app --base b=oci:base:app --project pod \
	oci:layout:half
fails 4 'container other: ' "mount of all, when the last one can't be" firn mount oci:layout:half m
nothing_stays "what was mounted before it is gone"
[ ! -e m ]
is $? 0 "and the folder"

vital "restore" firn restore oci:layout:pod
is "$out" "a
b
other" "the ids"
pid_of() { runc state "$1" | jq .pid; }
network() { readlink "/proc/$(pid_of "$1")/ns/net"; }
for c in a b other; do
	counts_on "/proc/$(pid_of $c)/root/count" "${was[$c]}" "$c goes on"
done
is "$(network a)" "$(network b)" "two run in one network"
is_not "$(network a)" "$(network other)" "the third in another"
is_not "$(network a)" "$(readlink /proc/self/ns/net)" "which is not this host's"
end_container a
wait_for 10 test ! -e /run/firn/containers/a
like "$(nsenter -t "$(pid_of b)" -n ip link show lo)" 'LOOPBACK,UP' "it stays when the first of them ends"

# b and other run: a pod that has one of them can't.
fails 1 'restore: b: ' "restore of all, while one runs" firn restore oci:layout:pod
unlike "$err" 'was killed, but' "and takes down what was restored for it"
[ ! -e /run/firn/containers/a ]
is $? 0 "nothing of that is left"
is "$(runc list -q | sort)" "b
other" "what was restored for it is gone again, what ran before runs"
run firn restore --keep-going oci:layout:pod
is "$status $out" "5 a" "--keep-going: the one that can runs"
like "$err" 'warning: restore: b: ' "each of the others is told"
like "$err" '2 of 3 containers could not be restored' "and counted"
fails 1 'none of 3 containers could be restored' "--keep-going, when none can" firn restore --keep-going oci:layout:pod
is "$(grep -c 'restore: a: ' <<<"$err")" 1 "each is told once"
end_container b
end_container other
counts_on "/proc/$(pid_of a)/root/count" "${was[a]}" "it goes on" 8
end_container a

# The first ends by itself, and somebody else takes its name, before the second can't be restored.
mkdir -p own/rootfs/bin wrap
cp /bin/busybox own/rootfs/bin
(cd own && runc spec && jq '.process.terminal = false | .process.args = ["/bin/busybox", "sleep", "1000"]' \
	config.json >new && mv new config.json)
cat >wrap/runc <<EOF
#!/bin/bash
case "\$* " in
*"restore "*" b ")
	runc kill a KILL
	for i in {1..100}; do
		[ -e /run/firn/containers/a ] || break
		sleep 0.1
	done
	runc run -d --bundle "$PWD/own" a </dev/null >/dev/null 2>&1
	exit 1
	;;
esac
exec runc "\$@"
EOF
chmod 755 wrap/runc
fails 5 'restore: b: ' "restore of all, with a runtime that fails" firn restore --runtime "$PWD/wrap/runc" oci:layout:pod
is "$(runc state a | jq -r .status)" running "who has the first one's name now isn't killed for it"
must runc delete --force a
nothing_stays "nothing stays mounted"
done_testing

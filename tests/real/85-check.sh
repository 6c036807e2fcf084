#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# `firn check` is right in both directions: where it says no, CRIU fails when it is made to try; where it
# says yes, CRIU restores. For containers and bare processes, one thing after another changed.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

holder=/firn/tests/real/holder.py
ip link set lo up

no_failures() { ! grep -q '^FAIL' <<<"$1"; }
# says_yes WHAT ARGUMENT...
says_yes() {
	local what=$1
	shift
	check "$what: it says yes" firn check "$@"
	no_failures "$out" || not_ok "$what: no line says FAIL"
}
# says_no REGEX WHAT ARGUMENT...: one line alone says FAIL, and is matched
says_no() {
	local regex=$1 what=$2
	shift 2
	fails 5 "can't be restored here, for 1 reason\$" "$what: it says no" firn check "$@"
	like "$(grep '^FAIL' <<<"$out")" "$regex" "$what: and why"
}
# refused REGEX WHAT ARGUMENT...: firn restore doesn't try; told to, CRIU fails
refused() {
	local regex=$1 what=$2
	shift 2
	fails 5 'it would fail: .*--no-check' "$what: firn restore refuses" firn restore "$@"
	fails 5 "$regex" "$what: CRIU fails" timeout 60 firn restore --no-check "$@"
	nothing_stays "$what: nothing stays mounted"
}

# --- a bare process: one thing that it holds

gone() { [ ! -e "/proc/$1" ]; }
end() { kill -9 "$1" && wait_for 10 gone "$1"; }
# dump_of NAME WHAT [DUMP OPTION...]: a process that holds WHAT is dumped in ./NAME, $pid
dump_of() {
	local dir=$1 what=$2
	shift 2
	mkdir -p "$dir/img"
	(cd "$dir" && exec setsid "$holder" "$what" </dev/null >out 2>&1 3>&- 255>&-) &
	wait_for 30 test -s "$dir/pid" || bail "the holder of $what doesn't start: $(cat "$dir/out")"
	pid=$(cat "$dir/pid")
	must criu dump -t "$pid" -D "$PWD/$dir/img" -v4 -o dump.log "$@"
	wait_for 10 gone "$pid" || bail "the dumped process stays"
}
image_of() { must firn build "$PWD/$1/img" "oci:layout:$1"; }
# restores WHAT ARGUMENT...
restores() {
	local what=$1
	shift
	check "$what: CRIU restores" firn restore "$@"
	[ "$status" != 0 ] || end "$pid"
	nothing_stays "$what: nothing stays mounted"
}

dump_of data data
image_of data
says_yes "a bare process" oci:layout:data
restores "a bare process" oci:layout:data
echo more >>data/data
says_no 'files .*data": is 15 bytes long, and was 10' "a file has grown" oci:layout:data
refused 'bad size' "a file has grown" oci:layout:data
printf 'ten other\n' >data/data
says_yes "the same size, another content" oci:layout:data
restores "the same size, another content" oci:layout:data
chmod 600 data/data
says_no 'files .*data": has the mode 0100600, and had 0100644' "other permissions" oci:layout:data
refused 'bad mode' "other permissions" oci:layout:data
says_yes "permissions that CRIU is told not to compare" --runtime-arg --skip-file-rwx-check oci:layout:data
restores "permissions that CRIU is told not to compare" --runtime-arg --skip-file-rwx-check oci:layout:data
rm data/data
says_no 'files .*data": isn.t there' "a file is gone" oci:layout:data
refused 'No such file' "a file is gone" oci:layout:data
mkdir data/data
fails 5 'reason' "a folder in its place" firn check oci:layout:data
refused 'Error|Is a directory|data' "a folder in its place" oci:layout:data
rmdir data/data
printf 'ten bytes\n' >data/data
chmod 700 data
says_no 'files .*data": has the mode 040700' "the folder it is in has other permissions" oci:layout:data
refused 'bad mode' "the folder it is in has other permissions" oci:layout:data
chmod 755 data
restores "all as it was" oci:layout:data

# Its number is taken: by a process that runs.
(cd data && exec sh -c "while :; do sleep 1; done" 3>&- 255>&-) &
taken=$!
dump_of pid nothing
image_of pid
# shellcheck disable=SC2034
python3 - "$PWD/pid/img" "$pid" "$taken" <<-'EOS'
	import os, sys, pycriu
	d, old, new = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
	for name in os.listdir(d):
	    if f"-{old}.img" in name:
	        os.rename(f"{d}/{name}", f"{d}/" + name.replace(f"-{old}.img", f"-{new}.img"))
	with open(f"{d}/pstree.img", "rb") as f:
	    image = pycriu.images.load(f)
	e = image["entries"][0]
	e.update(pid=new, pgid=new, sid=new, threads=[new])
	with open(f"{d}/pstree.img", "wb") as f:
	    pycriu.images.dump(image, f)
EOS
must firn build "$PWD/pid/img" oci:layout:taken
says_no "pids .*process id $taken is taken by sh" "a number that is taken" oci:layout:taken
refused 'File exists' "a number that is taken" oci:layout:taken
pid=$taken
kill -9 $taken
wait $taken 2>/dev/null
says_yes "a number that is free again" oci:layout:taken
restores "a number that is free again" oci:layout:taken

dump_of log log
image_of log
echo two >>log/log
says_yes "a log that has grown" oci:layout:log
restores "a log that has grown" oci:layout:log
dump_of deleted deleted
image_of deleted
says_yes "a deleted file" oci:layout:deleted
restores "a deleted file" oci:layout:deleted
dump_of lock lock --file-locks
image_of lock
says_yes "a lock" oci:layout:lock
like "$out" 'warning +locks .*1 locks' "it warns of the lock"
restores "a lock" oci:layout:lock
says_yes "a lock that is taken again" --file-locks oci:layout:lock
unlike "$out" 'warning +locks' "it doesn't warn then"
restores "a lock that is taken again" --file-locks oci:layout:lock

# A socket of somebody else.
mkdir unix
(cd unix && exec python3 -c "
import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('$PWD/outside.sock')
time.sleep(1000)" 3>&- 255>&-) &
server=$!
wait_for 10 test -S unix/outside.sock
dump_of unix unix --ext-unix-sk
image_of unix
says_yes "a socket of others" oci:layout:unix
like "$out" 'warning +sockets .*--ext-unix-sk' "it warns of the socket"
restores "a socket of others" oci:layout:unix
says_yes "a socket of others, allowed" --ext-unix-sk oci:layout:unix
restores "a socket of others, allowed" --ext-unix-sk oci:layout:unix
kill -9 $server
wait $server 2>/dev/null
says_no 'sockets .*outside.sock": .*nobody listens' "a socket that nobody listens to" --ext-unix-sk oci:layout:unix
refused 'Connection refused' "a socket that nobody listens to" --ext-unix-sk oci:layout:unix
rm unix/outside.sock
says_no 'sockets .*outside.sock": .*isn.t there' "a socket that is gone" --ext-unix-sk oci:layout:unix
refused 'No such file' "a socket that is gone" --ext-unix-sk oci:layout:unix

# TCP.
dump_of connection marker
"$holder" socket connection/img 1 40001 40002
image_of connection
says_no 'connections .*127.0.0.1 port 40001 to 127.0.0.1 port 40002.*--tcp-established' "a TCP connection" oci:layout:connection
refused 'Connected TCP socket' "a TCP connection" oci:layout:connection
says_yes "a TCP connection that is closed" --runtime-arg --tcp-close oci:layout:connection
restores "a TCP connection that is closed" --runtime-arg --tcp-close oci:layout:connection
dump_of listener marker
"$holder" socket listener/img 10 40003 0
image_of listener
says_yes "a server" oci:layout:listener
restores "a server" oci:layout:listener
python3 -c "
import socket, time
s = socket.socket()
s.bind(('127.0.0.1', 40003))
s.listen()
time.sleep(1000)" 3>&- 255>&- &
server=$!
listens() { grep -q ':9C43 .* 0A ' /proc/net/tcp; }
wait_for 10 listens
says_no 'addresses .*TCP port 40003 of 127.0.0.1 is taken' "a port that is taken" oci:layout:listener
refused 'Address already in use' "a port that is taken" oci:layout:listener
kill -9 $server
wait $server 2>/dev/null
restores "a port that is free again" oci:layout:listener

# A terminal that a shell has.
mkdir -p shell/img
(cd shell && exec script -qc "$holder nothing" /dev/null </dev/null >out 2>&1 3>&- 255>&-) &
wait_for 30 test -s shell/pid
pid=$(cat shell/pid)
must criu dump -t "$pid" -D "$PWD/shell/img" --shell-job -v4 -o dump.log
image_of shell
says_no 'terminal .*--shell-job' "a shell's job" oci:layout:shell
refused 'master peer' "a shell's job" oci:layout:shell
says_yes "a shell's job, with a terminal" --shell-job oci:layout:shell
check "a shell's job, with a terminal: CRIU restores" script -qec "firn restore --shell-job oci:layout:shell" /dev/null

# Another build of the program, of the same size.
mkdir -p built/img
cp /inst/memsum built/prog
(cd built && exec setsid ./prog 1 </dev/null >out 2>&1 3>&- 255>&-) &
wait_for 30 test -s built/state
pid=$(cat built/pid)
must criu dump -t "$pid" -D "$PWD/built/img" -v4 -o dump.log
wait_for 10 gone "$pid"
image_of built
says_yes "a program" oci:layout:built
restores "a program" oci:layout:built
"$holder" build-id built/prog
says_no 'files .*prog": is another build' "another build of the program" oci:layout:built
refused 'bad build-ID' "another build of the program" oci:layout:built

# --- a container

# with_volume NAME: a container with a volume, a file that it writes to and its script open
with_volume() {
	must podman run -d --pids-limit=0 --network host --name "$1" -v "$PWD/vol:/vol" localhost/app:1 \
		sh -c 'exec 5>>/vol/log 6<>/data/open; while :; do echo tick >&5; sleep 0.2; done'
	wait_for 10 test -s vol/log
	must podman container checkpoint -c none --export="$1.tar" "$1"
	must podman rm -f -t 0 "$1"
}
# edit_spec ARCHIVE NEW FILTER: a checkpoint whose spec.dump went through jq
edit_spec() {
	rm -rf unpacked && mkdir unpacked
	must tar -C unpacked -xf "$1"
	jq -c "$3" unpacked/spec.dump >spec.new && mv spec.new unpacked/spec.dump
	(cd unpacked && tar --sort=name -cf "../$2" -- *)
}
container_restores() { # WHAT ARGUMENT...
	local what=$1 id=yes-$((++nrestored))
	shift
	check "$what: CRIU restores" firn restore "$@" "$id"
	[ "$status" != 0 ] || end_container "$id"
	nothing_stays "$what: nothing stays mounted"
}
nrestored=0

make_images
mkdir vol
with_volume v1
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
must firn build --base oci:base:app v1.tar oci:layout:v1
says_yes "a container" oci:layout:v1
container_restores "a container" oci:layout:v1
says_yes "its archive" --base oci:base:app v1.tar
says_no 'base .*--base' "its archive without the base" v1.tar
fails 4 '--base' "its archive without the base: firn restore" firn restore v1.tar
fails 5 "can't be restored here" "another runtime: it says no" firn check --runtime crun oci:layout:v1
like "$out" 'mounts +"/proc/keys": .*--runtime runc' "another runtime: and why"
fails 5 'it would fail' "another runtime: firn restore refuses" firn restore --runtime crun oci:layout:v1 swapped
fails 5 'crun failed' "another runtime: it fails" timeout 60 firn restore --no-check --runtime crun oci:layout:v1 swapped

# The volume isn't here, or elsewhere, or not in the specification.
mv vol elsewhere
says_no 'volumes .*--volume' "a volume that isn't here" oci:layout:v1
fails 4 '--volume' "a volume that isn't here: firn restore" firn restore oci:layout:v1 no
says_yes "a volume elsewhere" --volume "/vol=$PWD/elsewhere" oci:layout:v1
container_restores "a volume elsewhere" --volume "/vol=$PWD/elsewhere" oci:layout:v1
rm elsewhere/log
says_no 'files +\"/vol/log": isn.t there' "a file in a volume is gone" --volume "/vol=$PWD/elsewhere" oci:layout:v1
refused 'No such file|vol/log' "a file in a volume is gone" --volume "/vol=$PWD/elsewhere" oci:layout:v1 no
mv elsewhere vol
echo tick >vol/log
edit_spec v1.tar unmounted.tar 'del(.mounts[] | select(.destination == "/vol"))'
must firn build --base oci:base:app unmounted.tar oci:layout:unmounted
says_no 'mounts +\"/vol": .*external mnt' "a mount removed from the specification" oci:layout:unmounted
refused 'No mapping for' "a mount removed from the specification" oci:layout:unmounted no
must cp -a /etc etc
must mount --bind etc /etc
at_exit 'umount -l /etc'
mkdir -p /etc/criu
echo "external mnt[/vol]:$PWD/vol" >/etc/criu/runc.conf
says_yes "CRIU is told what belongs there" oci:layout:unmounted
container_restores "CRIU is told what belongs there" oci:layout:unmounted
rm /etc/criu/runc.conf
edit_spec v1.tar unmasked.tar 'del(.linux.maskedPaths)'
must firn build --base oci:base:app unmasked.tar oci:layout:unmasked
says_yes "hidden files removed from the specification" oci:layout:unmasked
container_restores "hidden files removed from the specification" oci:layout:unmasked

# A file of /proc that another kernel had.
rm -rf unpacked && mkdir unpacked && must tar -C unpacked -xf v1.tar
"$holder" place unpacked/checkpoint /proc/timer_list /proc/timer_other
(cd unpacked && tar --sort=name -cf ../kernel.tar -- *)
must firn build --base oci:base:app kernel.tar oci:layout:kernel
says_no 'mounts +\"/proc/timer_other": .*kernel' "a hidden file that this kernel hasn't" oci:layout:kernel
refused 'timer_other|No such file' "a hidden file that this kernel hasn't" oci:layout:kernel no

# The rootfs: --upper keeps what is changed in it.
must firn mount --upper "$PWD/upper" oci:layout:v1 "$PWD/m"
changed() { # REGEX CRIU'S WHAT
	says_no "$1" "$3" --rootfs "$PWD/m/rootfs" oci:layout:v1
	must firn umount "$PWD/m"
	refused "$2" "$3" --upper "$PWD/upper" oci:layout:v1 no
	must firn mount --upper "$PWD/upper" oci:layout:v1 "$PWD/m"
}
says_yes "a rootfs that is given" --rootfs "$PWD/m/rootfs" oci:layout:v1
echo longer >>m/rootfs/data/open
changed 'files +\"/data/open": is 7 bytes long, and was 0' 'bad size' "a file of the rootfs with another size"
: >m/rootfs/data/open
chmod 640 m/rootfs/data/open
changed 'files +\"/data/open": has the mode 0100640' 'bad mode' "a file of the rootfs with another mode"
rm m/rootfs/data/open
changed 'files +\"/data/open": isn.t there' 'No such file|data/open' "a file of the rootfs that is gone"
: >m/rootfs/data/open
says_yes "the rootfs as it was" --rootfs "$PWD/m/rootfs" oci:layout:v1
chmod 711 m/rootfs
says_no 'files +\"/": has the mode 040711' "the root directory's mode" --rootfs "$PWD/m/rootfs" oci:layout:v1
fails 1 . "the root directory's mode: runc fails" runc restore -d --bundle "$PWD/m" --image-path "$PWD/m/checkpoint" \
	--work-path "$PWD/m/work" byhand
like "$(cat m/work/restore.log)" 'bad mode 040711' "the root directory's mode: for CRIU's reason"
runc delete -f byhand 2>/dev/null
must firn umount "$PWD/m"
container_restores "the root directory with the mode that firn gives it" --upper "$PWD/upper" oci:layout:v1
fails 5 'it would fail: .*read-only' "a read-only rootfs: firn restore refuses" \
	firn restore --read-only oci:layout:v1 no
fails 5 '[Rr]ead-only' "a read-only rootfs: runc fails" timeout 60 firn restore --no-check --read-only oci:layout:v1 no
nothing_stays "nothing stays mounted"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SIGINT and SIGTERM at any moment: a build leaves the layout as it was, a mount leaves nothing mounted.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
if tap_erofs >/dev/null 2>&1; then
	own_mounts
fi
# What a process had when a signal ended it is no leak. Its handler runs another program, which must not come
# into the middle of LeakSanitizer's search: that would hang for ever.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
cd "$work" || exit 99
tar -xf "$data/raw-criu-1proc.tar" img
check "a build" "$firn" build img oci:layout:first
listing() { (cd layout && find . -type f -exec sha256sum {} + | sort); }
listing >before

# interrupt SIGNAL SECONDS COMMAND...: its exit status, as the shell tells it, in $status
interrupt() {
	local signal=$1 seconds=$2 pid
	shift 2
	"$@" >out 2>err </dev/null &
	pid=$!
	sleep "$seconds"
	kill -"$signal" $pid 2>/dev/null
	wait $pid
	status=$?
}

# Half of an archive, and then nothing for a second. A background job of this shell would ignore SIGINT, so the
# build stays in the foreground and the signal comes from the feeder.
for signal in INT TERM; do
	mkfifo pipe
	(
		exec >pipe
		head -c 100000 "$data/podman-none.tar"
		sleep 1
		kill -$signal "$(cat pid)"
		sleep 1
	) &
	feeder=$!
	bash -c 'echo $BASHPID >pid; exec env --default-signal=INT,TERM "$@"' bash "$firn" build - oci:layout:second <pipe >out 2>err
	status=$?
	wait $feeder 2>/dev/null
	rm pipe
	is "$status" $((128 + $(kill -l $signal))) "SIG$signal ends a build"
	is "$(listing)" "$(cat before)" "and leaves the layout as it was"
done
check "the next build succeeds" "$firn" build "$data/podman-none.tar" oci:layout:second

# A folder that is exported has its name when it is whole, or isn't there; one that was there is empty again.
head -c 20M /dev/urandom >img/pages-99.img
check "a larger image" "$firn" build img oci:layout:large
whole() { [ -e there/checkpoint/pages-99.img ] && diff -r there want >/dev/null; }
check "an export" "$firn" export --to dir oci:layout:large want
stale='' broken=0 codes=''
for ((i = 0; i < 24; i++)); do
	[ $((i % 2)) = 0 ] || mkdir there
	interrupt "$([ $((i % 4)) -lt 2 ] && echo TERM || echo HUP)" "0.0$(printf %02d $((i * 2)))" "$firn" export --to dir oci:layout:large there
	codes+="$status "
	case $status in
	143 | 129)
		# The signal may come between the folder's name and the end of the process.
		if ! whole; then
			broken=$((broken + 1))
			[ -z "$(ls -A there 2>/dev/null)" ] || stale+="after $((i * 2)) ms: $(ls -A there) "
			[ $((i % 2)) = 1 ] || [ ! -e there ] || stale+="after $((i * 2)) ms: it is there "
		fi
		;;
	0) whole || stale+="after $((i * 2)) ms: not whole " ;;
	*) stale+="after $((i * 2)) ms: status $status $(cat err) " ;;
	esac
	[ -z "$(find . -maxdepth 2 -name '.firn-*')" ] || stale+="after $((i * 2)) ms: $(find . -maxdepth 2 -name '.firn-*') "
	rm -rf there
done
diag "exit statuses: $codes"
is "$stale" "" "a signal while a folder is exported leaves nothing"
is "$([ $broken -gt 0 ] && echo yes)" yes "it hit before the folder was whole at least once"
for form in new empty; do
	for ms in 05 10 15; do
		[ $form = new ] || mkdir -p there
		interrupt KILL "0.0$ms" "$firn" export --to dir oci:layout:large there
		[ "$status" != 0 ] || rm -rf there
	done
	run "$firn" export --to dir oci:layout:large there
	is "$status $(find . -maxdepth 2 -name '.firn-*')" "0 " "the export after a SIGKILL removes what is left ($form)"
	rm -rf there
done
mkdir there && echo mine >there/.firn-export
fails 1 'not empty' "a file of that name alone is no mark" "$firn" export --to dir oci:layout:large there
is "$(cat there/.firn-export)" mine "and stays"
ln -sf mine there/.firn-export
fails 1 'not empty' "nor is a link elsewhere" "$firn" export --to dir oci:layout:large there
is "$(readlink there/.firn-export)" mine "and it stays"
rm -rf there

if [ "${FIRN_TEST_UNSHARED:-}" != 1 ]; then
	skip_one "needs root and a kernel with EROFS" "SIGTERM while a mount is made" mount
	done_testing
fi
mount_it=("$firn" mount --state "$work/state" --cache "$work/cache" oci:layout:first "$work/m")
there() { grep -c " $work/" /proc/self/mountinfo; }
mounts=$(there)
broken=0 stale='' codes=''
for ms in $(seq 0 2 60); do
	interrupt TERM "0.0$(printf %02d "$ms")" "${mount_it[@]}"
	codes+="$status "
	case $status in
	143)
		broken=$((broken + 1))
		[ "$(there)" = "$mounts" ] || stale+="after $ms ms: $(grep " $work/" /proc/self/mountinfo | tail -n 1) "
		;;
	0 | 130) ;; # 130: it was not firn yet
	*) stale+="after $ms ms: status $status $(cat err) " ;;
	esac
	"$firn" umount --state "$work/state" m 2>/dev/null
	[ "$(there)" = "$mounts" ] || stale+="after $ms ms and umount: $(grep " $work/" /proc/self/mountinfo | tail -n 1) "
done
diag "exit statuses: $codes"
is "$stale" "" "SIGTERM while a mount is made leaves nothing mounted"
is "$([ $broken -gt 0 ] && echo yes)" yes "it hit before the mount was done at least once"
is "$(losetup -l -n -O BACK-FILE 2>/dev/null | grep -F "$work")" "" "no loop device stays"
# A restore that is at its mount has no program that the signal would end: it takes down what there is.
"${mount_it[@]}" >/dev/null || not_ok "a mount that shares its layers"
for signal in INT TERM; do
	flock "$work/state/shared" sleep 1 &
	sleep 0.3
	interrupt $signal 0.3 env --default-signal=INT,TERM "$firn" restore --state "$work/state" --cache "$work/cache" oci:layout:first x
	wait
	is "$status $(cat out err)" "$((128 + $(kill -l $signal))) " "SIG$signal while a restore mounts ends it"
	is "$(grep " $work/state/containers" /proc/self/mountinfo)$(ls "$work/state/containers")" "" "and leaves nothing"
done
check "its umount" "$firn" umount --state "$work/state" m
check "the next mount succeeds" "${mount_it[@]}"
check "and so does its umount" "$firn" umount --state "$work/state" m
done_testing

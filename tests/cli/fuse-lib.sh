# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the tests of mounts without root share; sourced after lib.sh. They run as nobody in a mount namespace of
# their own, with a /dev/fuse that users may open; what they compare with, root mounts beside it.
need_tool python3
need_tool zstd
need_tool ps
need_mount
tap_fuse() {
	have fusermount3 && have setpriv && { grep -qw fuse /proc/filesystems || modprobe fuse; } &&
		python3 -c 'import ctypes
try: ctypes.CDLL("libfuse3.so.3")
except OSError: ctypes.CDLL("libfuse3.so.4")'
}
tap_user_python() { setpriv --reuid=nobody --clear-groups env PATH=/usr/bin:/bin python3 -c 'import hashlib'; }
need python3 "no python3 that every user can run" tap_user_python
need fuse "needs fusermount3, libfuse3, setpriv and a kernel with FUSE" tap_fuse
own_mounts
cd "$work" || exit 99
work=$PWD
firn_for_all
mount -t tmpfs tmpfs /run || bail "no tmpfs on /run"
mkdir dev home && mount -t tmpfs -o dev,mode=755 dev dev && mknod dev/fuse c 10 229 && chmod 666 dev/fuse || bail "no device"
[ -e /dev/fuse ] || touch /dev/fuse
mount --bind dev/fuse /dev/fuse || bail "no /dev/fuse"
mkdir -m 700 home/run && chown -R nobody home
at_exit 'umount -l "$work/dev" 2>/dev/null'
me=$(id -u nobody)
as_user() {
	setpriv --reuid="$me" --regid="$(id -g nobody)" --clear-groups env PATH=/usr/bin:/bin HOME="$work/home" XDG_RUNTIME_DIR="$work/home/run" \
		LD_LIBRARY_PATH="$LD_LIBRARY_PATH" "$@"
}
user_firn() { as_user "$work/bin/firn" "$@"; }
list_tree() { as_user python3 "$work/bin/list-tree.py" "$@"; }
cp "$top_srcdir/tests/cli/list-tree.py" bin/
# What is left of mounts of this user: mounts, records, processes that show them.
servers() { ps -eo pid=,user=,comm=,stat= | awk -v user=nobody '$3 == "firn-fuse" && $4 !~ /^Z/ { print $1 }'; }
mounts() { awk -v top="$1" '$5 == top || index($5, top "/") == 1 { print $5 }' /proc/self/mountinfo; }
traces() {
	mounts "$work/home"
	find "$work/home/run/firn" -mindepth 1 -not -name '*.mount' -not \( -name containers -empty \) 2>/dev/null
	find "$work/home/run/firn" -size +0 -type f 2>/dev/null
}
# A process ends a moment after its mount.
server_ends() { # PID
	local i
	for ((i = 0; i < 100; i++)); do
		[ -e "/proc/$1" ] && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}
server_of() { # the newest process that shows something of this test's
	local pid
	for pid in $(servers | sort -rn); do
		if find "/proc/$pid/fd" -lname "$work/*" 2>/dev/null | grep -q .; then
			echo "$pid"
			return
		fi
	done
}

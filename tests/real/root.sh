#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A Debian trixie root with CRIU, runc, Podman and friends, for the tests in this folder and for bench/.
#
#   root.sh make            make the root in the cache unless it is there, print its path
#   root.sh run CMD...      run CMD in it; exit status is CMD's
#
# What runs in the root has its own mount, pid and cgroup namespace, so that CRIU finds no mount and no
# descriptor of the caller, pids that a restore needs are free, and nothing at all outlives CMD:
#
#   /           the cached root, read-only: any number of runs share it
#   /firn       this source tree, read-only           /inst       a `make install DESTDIR=`, read-only
#   /scratch    an empty folder on a real file system (not tmpfs, not overlayfs), gone at the end
#   /var/lib/containers, /var/tmp, /var/cache    likewise              /tmp, /run  tmpfs
#
# FIRN_REAL_CACHE   where the root is kept (/var/cache/firn-tests)
# FIRN_REAL_INST    the folder for /inst
# FIRN_REAL_ENV     names of further variables to hand in
set -eu

# A new version for every change below: an old root isn't brought up to date.
version=6
packages=attr,buildah,busybox-static,checkpointctl,criu,docker-registry,erofs-utils,fuse3,iproute2,jq,libarchive-tools
packages+=,libarchive13t64,libcriu2,libcurl4t64,libjansson4,libprotobuf-c1,oras,podman,procps,python3,python3-pycriu,redis-server
packages+=,runc,skopeo,time,umoci,zstd
# What debootstrap can't order: a second step of apt. Trixie's containerd is a 1.7, which makes no checkpoint
# for a kubelet; sid's does, and needs nothing else from there.
packages_apt="python3-grpcio containerd/sid"
cache=${FIRN_REAL_CACHE:-/var/cache/firn-tests}
root=$cache/trixie-$version
top=$(cd "$(dirname "$0")/../.." && pwd)

die() {
	echo "root.sh: $*" >&2
	exit 1
}

# add_packages ROOT, with sid from the same mirror, whose Release file may be an old one. Signatures count.
add_packages() {
	local apt=$1/etc/apt

	echo 'APT::Default-Release "trixie";' >"$apt/apt.conf.d/10release"
	sed 's/^deb /deb [check-valid-until=no] /; s/ trixie / sid /' "$apt/sources.list" >"$apt/sources.list.d/sid.list"
	# shellcheck disable=SC2086 # a list
	chroot "$1" sh -c 'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends "$@"' \
		- $packages_apt
}

make_root() {
	local tmp

	[ ! -d "$root" ] || return 0
	[ "$(id -u)" = 0 ] || die "needs root"
	command -v debootstrap >/dev/null || die "debootstrap is not installed"
	mkdir -p "$cache"
	exec 9>"$cache/lock"
	flock 9
	[ ! -d "$root" ] || return 0
	tmp=$(mktemp -d "$root.XXXXXX")
	echo "making $root: a minute or two" >&2
	if ! debootstrap --variant=minbase --include="$packages" trixie "$tmp" >"$cache/debootstrap.log" 2>&1; then
		rm -rf --one-file-system "$tmp"
		tail -n 3 "$cache/debootstrap.log" >&2
		die "debootstrap failed, see $cache/debootstrap.log"
	fi
	add_packages "$tmp" >"$cache/apt.log" 2>&1 || {
		tail -n 3 "$cache/apt.log" >&2
		echo "root.sh: no containerd in $root, see $cache/apt.log; remove the root to try again" >&2
	}
	rm -rf "$tmp"/var/cache/apt/archives/*.deb "$tmp"/var/lib/apt/lists/*
	mkdir -p "$tmp"/{firn,inst,scratch,etc/containers,var/lib/containers}
	[ -f "$tmp/etc/containers/policy.json" ] ||
		echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$tmp/etc/containers/policy.json"
	# As a booted Debian has it; fusermount3 would lock another one, in a folder that is read-only here.
	ln -sf ../proc/self/mounts "$tmp/etc/mtab"
	chmod 755 "$tmp"
	mv "$tmp" "$root"
	exec 9>&-
}

# What a killed run has left: its lock is free.
sweep() {
	local old

	for old in "$cache"/run.*; do
		[ ! -d "$old" ] || (flock -n 7 && rm -rf --one-file-system "$old") 7>>"$old/lock" || :
	done
}

run_in_root() {
	local scratch rc=0 child

	make_root
	sweep
	scratch=$(mktemp -d "$cache/run.XXXXXX")
	exec 8>>"$scratch/lock"
	flock 8 # held by unshare as well, so until the last process of the run is gone
	# shellcheck disable=SC2064 # this one
	trap "rm -rf --one-file-system '$scratch'" EXIT
	mkdir "$scratch"/{root,scratch,containers,tmp,cache}
	chmod 1777 "$scratch/tmp"
	unshare --mount --propagation private --pid --fork --kill-child --cgroup \
		"$BASH" "$0" inside "$scratch" "$@" </dev/null &
	child=$!
	# Pid 1 of the namespaces dies with unshare, and everything in them with pid 1.
	trap 'kill -KILL $child; wait $child; sleep 0.2; exit 143' TERM INT HUP
	wait $child || rc=$?
	exit $rc
}

# As pid 1 of the namespaces.
inside() {
	local scratch=$1 new=$1/root keep=() fd name
	shift
	mount --bind "$root" "$new"
	mount -t proc proc "$new/proc"
	mount -t sysfs sysfs "$new/sys"
	mount -t cgroup2 cgroup2 "$new/sys/fs/cgroup"
	mount --rbind /dev "$new/dev"
	# Podman keeps its locks there: not the host's.
	mount -t tmpfs -o mode=1777,size=512m tmpfs "$new/dev/shm"
	# With limits: a CRIU that goes mad writes its log there.
	mount -t tmpfs -o mode=755,size=512m tmpfs "$new/run"
	mount -t tmpfs -o mode=1777,size=512m tmpfs "$new/tmp"
	mkdir "$new/run/lock"
	mount --bind "$scratch/scratch" "$new/scratch"
	mount --bind "$scratch/containers" "$new/var/lib/containers"
	mount --bind "$scratch/tmp" "$new/var/tmp"
	mount --bind "$scratch/cache" "$new/var/cache"
	mount --bind "$top" "$new/firn"
	mount -o remount,bind,ro "$new/firn"
	if [ -n "${FIRN_REAL_INST:-}" ]; then
		mount --bind "$FIRN_REAL_INST" "$new/inst"
		mount -o remount,bind,ro "$new/inst"
	fi
	mount -o remount,bind,ro "$new"
	cd "$new"
	pivot_root . .
	umount -l .
	cd /scratch
	for fd in /proc/self/fd/*; do
		fd=${fd##*/}
		[ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
	done
	for name in FIRN_REQUIRE ${FIRN_REAL_ENV:-}; do
		[ -z "${!name+set}" ] || keep+=("$name=${!name}")
	done
	# Not exec: pid 1 has to reap what the command leaves behind.
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp \
		LC_ALL=C TZ=UTC FIRN_IN_ROOT=1 "${keep[@]}" "$@"
}

case ${1:-} in
make)
	make_root
	echo "$root"
	;;
run)
	shift
	[ $# -gt 0 ] || die "run what?"
	run_in_root "$@"
	;;
inside)
	shift
	inside "$@"
	;;
*)
	die "make, or run CMD..."
	;;
esac

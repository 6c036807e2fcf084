#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A mount that is killed, or refused by the system, at each of its steps: umount takes down what there is, and
# so does the next mount. And what older kernels refuse is done another way.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/mount-lib.sh
. "$top_srcdir/tests/cli/mount-lib.sh"

mount_it oci:layout:r1 m >/dev/null && describe m/rootfs >want && "$firn" umount m
[ -s want ] || bail "a mount without faults"
whole() { # says what isn't as it should be of a complete mount
	[ "$(mounts "$work/m" | wc -l)" = 4 ] || echo "mounts: $(mounts "$work/m")"
	describe m/rootfs | diff want - | head -n 3
	cmp m/checkpoint/pages-1.img <(tar -xOf c.tar checkpoint/pages-1.img) 2>&1
}
gone() { # says what is left
	traces
	ls -A m
}
clean_stderr() { ! grep -Eq 'Sanitizer|runtime error' <<<"$err"; }

# --- killed at any moment: these need no test build

problem=
killed=0
for ((i = 1; i <= 60; i++)); do
	"$firn" mount --cache "$cache" oci:layout:r1 m >/dev/null 2>&1 </dev/null &
	pid=$!
	sleep "0.0$((i % 6))$((i % 10))"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
	if [ $((i % 2)) = 0 ] && [ -z "$(ls -A m)" ]; then
		run mount_it oci:layout:r1 m
		[ "$status" = 0 ] && [ -z "$(whole)" ] || problem="$problem; $i: mount again: $err $(whole)"
	fi
	run "$firn" umount m
	case $status in 0 | 4) ;; *) problem="$problem; $i: umount: $err" ;; esac
	[ -z "$(gone)" ] || problem="$problem; $i: left: $(gone)"
done
is "$problem" "" "killed at 60 moments ($killed before the end): umount, or the next mount, takes it down"

FIRN_FAULT=mount.attach:kill run mount_it oci:layout:r1 m
if [ "$status" != 137 ]; then
	"$firn" umount m
	skip_one "not configured with --enable-fault" "killed at each step of mounting" fault
	done_testing
fi
"$firn" umount m

# --- killed, or refused, at each step

# A point is passed more than once: go on until the mount no longer notices.
fault_at() { # POINT WHAT [COLD]: COLD empties the cache each time
	local n problem='' hits=0

	for ((n = 1; n < 60; n++)); do
		[ -z "${3:-}" ] || rm -rf "$cache"
		FIRN_FAULT=$1:$n:$2 run mount_it oci:layout:r1 m
		if [ "$status" = 0 ]; then
			[ -z "$(whole)" ] || problem="$problem; hit $n: $(whole)"
			"$firn" umount m
			break
		fi
		hits=$n
		if [ "$2" = kill ]; then
			[ "$status" = 137 ] || problem="$problem; hit $n: status $status: $err"
			if [ $((n % 2)) = 0 ]; then
				run mount_it oci:layout:r1 m
				[ "$status" = 0 ] && [ -z "$(whole)" ] || problem="$problem; hit $n: mount again: $err $(whole)"
			fi
			run "$firn" umount m
			case $status in 0 | 4) ;; *) problem="$problem; hit $n: umount: $err" ;; esac
		else
			[ "$status" = 1 ] && [ -n "$err" ] && clean_stderr || problem="$problem; hit $n: status $status: $err"
		fi
		[ -z "$(gone)" ] || problem="$problem; hit $n: left: $(gone)"
	done
	if [ "$hits" = 0 ]; then
		not_ok "$1:$2 never happens"
	elif [ -z "$problem" ]; then
		ok "$2 at $1: $hits times, and nothing stays"
	else
		not_ok "$2 at $1"
		diag "$problem"
	fi
}
for point in mount.record mount.create mount.attach mount.umount; do
	fault_at $point kill
	fault_at $point EIO
done
for point in publish.tmpfile publish.flush publish.rename; do
	fault_at $point kill cold
done
fault_at publish.flush ENOSPC cold
# First a proof is noted, which fails no mount; then an index is kept, without which there is none.
rm -rf "$cache"
FIRN_FAULT=publish.rename:1:ENOSPC run mount_it oci:layout:r1 m
is "$status $(whole)" "0 " "ENOSPC for the note of a proof: the mount is whole"
check "and goes" "$firn" umount m
rm -rf "$cache"
FIRN_FAULT='publish.rename:*:ENOSPC' fails 1 'No space left' "ENOSPC at publish.rename" mount_it oci:layout:r1 m
is "$(gone)" "" "and nothing stays"

# umount, killed at each step; and somebody in the way at each of them: of the bundle's four mounts first, then
# of what it could have had together with others, of which no user is in the way.
bundle_mounts=4
problem=
hits=0
for ((n = 1; n < 20; n++)); do
	mount_it oci:layout:r1 m >/dev/null
	FIRN_FAULT=mount.umount:$n:EBUSY run "$firn" umount m
	[ "$status" = 0 ] && break
	hits=$n
	[ "$status" = 1 ] && grep -q 'busy' <<<"$err" && clean_stderr || problem="$problem; busy $n: status $status: $err"
	[ $n -gt $bundle_mounts ] || [ -z "$(whole)" ] || problem="$problem; busy $n: $(whole)"
	[ $n -le $bundle_mounts ] || [ -n "$(gone)" ] || problem="$problem; busy $n: nothing is left to take down"
	[ $n -le $bundle_mounts ] || run "$firn" umount m
	[ $n -le $bundle_mounts ] || [ "$status $(gone)" = "0 " ] || problem="$problem; after busy $n: $err $(gone)"
	[ $n -le $bundle_mounts ] || mount_it oci:layout:r1 m >/dev/null
	FIRN_FAULT=mount.umount:$n:kill run "$firn" umount m
	[ "$status" = 137 ] || problem="$problem; kill $n: status $status: $err"
	run "$firn" umount m
	[ "$status" = 0 ] || problem="$problem; after kill $n: $err"
	[ -z "$(gone)" ] || problem="$problem; after kill $n, left: $(gone)"
done
is "$problem" "" "umount, refused and killed at each of $hits steps: nothing changed, and then nothing left"
is "$hits" $((bundle_mounts + 4)) "one step for each mount, and for each layer that nobody else has"

# --- what older kernels refuse (1: the stage, 2: the images, 3: the metadata, 4, 5: layers, 6, 7: overlays)

older() { # WHAT METHOD FAULTS
	FIRN_FAULT=$3 run method oci:layout:r1 m
	is "$status $out $err" "0 $2 " "$1: goes another way"
	is "$(whole)" "" "$1: all of it is there"
	"$firn" umount m
	is "$(gone)" "" "$1: nothing is left"
}
older "no directio (before 6.13)" erofs-file "mount.create:2:EINVAL,mount.create:4:EINVAL"
older "no EROFS from files (before 6.12)" erofs-loop "mount.create:2:ENOTBLK"
older "neither" erofs-loop "mount.create:2:EINVAL,mount.create:3:ENOTBLK"
older "an index over a blob goes through two loop devices" erofs-file-directio "mount.create:5:ENOTBLK"
older "layers one by one (before 6.7)" erofs-file-directio "mount.create:6:EINVAL"
older "layers one by one for the rootfs" erofs-file-directio "mount.create:7:EINVAL"
done_testing

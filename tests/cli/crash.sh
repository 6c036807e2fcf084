#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a build leaves behind when it is killed, when the disk is full and when another one works in the same
# layout: always a whole layout, with the old tags or with the new one, and a second try succeeds.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3

cd "$work" || exit 99
old=$data/podman-none.tar new=$data/podman-zstd.tar.zst
whole() { # LAYOUT TAG...: prints what is wrong
	python3 "$top_srcdir/tests/cli/check-layout.py" "$@" 2>&1
}
sentence() { [ -n "$err" ] && ! grep -qv '^firn: ' <<<"$err"; }
clean_stderr() { ! grep -Eq 'Sanitizer|runtime error' <<<"$err"; }
fresh() { rm -rf layout && cp -a first layout; }

check "a first build" "$firn" build "$old" oci:first:old
is "$(whole first old)" "" "gives a whole layout"
cp -a first both && check "a second build" "$firn" build "$new" oci:both:new
is "$(whole both old new)" "" "gives a whole layout"
# In whatever order they come, the same input makes the same blobs.
reference=$(cd both && find blobs -type f | sort | sha256sum)

# --- killed, or refused by the system, at each step of publishing

# A point is passed more than once: go on until the build no longer notices.
fault_at() { # POINT WHAT
	local n problem='' hits=0

	for ((n = 1; n < 60; n++)); do
		fresh
		# The shell would tell of each kill.
		{ FIRN_FAULT=$1:$n:$2 run "$firn" build "$new" oci:layout:new; } 2>/dev/null
		[ "$status" != 0 ] || break
		hits=$n
		if [ "$2" = kill ]; then
			[ "$status" = 137 ] || problem="$problem; hit $n: status $status: $err"
			# A kill may come after the tag: then it is the layout as it should be.
			[ -z "$(whole layout old)" ] || [ -z "$(whole layout old new)" ] ||
				problem="$problem; hit $n: $(whole layout old)"
		else
			[ "$status" = 1 ] && sentence && clean_stderr || problem="$problem; hit $n: status $status: $err"
			[ -z "$(whole layout old)" ] || problem="$problem; hit $n: $(whole layout old)"
			diff -r first layout >/dev/null || problem="$problem; hit $n: $(diff -rq first layout | head -n 2)"
		fi
		run "$firn" build --force "$new" oci:layout:new
		[ "$status" = 0 ] || problem="$problem; hit $n: the second run: $err"
		[ -z "$(whole layout old new)" ] || problem="$problem; hit $n: second run: $(whole layout old new)"
	done
	if [ "$hits" = 0 ]; then
		not_ok "$1:$2 never happens"
	elif [ -z "$problem" ]; then
		ok "$2 at $1: $hits times, and the layout is whole each time"
	else
		not_ok "$2 at $1"
		diag "$problem"
	fi
}
fresh
{ FIRN_FAULT=publish.sync:kill run "$firn" build "$new" oci:layout:new; } 2>/dev/null
if [ "$status" = 137 ]; then
	for point in blob.write publish.tmpfile publish.flush publish.link publish.rename publish.sync \
		layout.lock layout.blobs layout.index layout.done; do
		fault_at $point kill
	done
	for point in blob.write publish.flush publish.link publish.rename layout.blobs layout.index; do
		fault_at $point ENOSPC
	done
	# The road without O_TMPFILE.
	fresh
	FIRN_FAULT='publish.tmpfile:*:EOPNOTSUPP' run "$firn" build "$new" oci:layout:new
	is "$status$(whole layout old new)" 0 "a file system without O_TMPFILE"
	is "$(cd layout && find blobs -type f | sort | sha256sum)" "$reference" "gives the same blobs"
else
	skip_one "not configured with --enable-fault" "killed at each step of publishing" fault
fi

# --- killed at any moment

killed=0 problem=
for ((i = 1; i <= 40; i++)); do
	fresh
	"$firn" build "$new" oci:layout:new >/dev/null 2>&1 </dev/null &
	pid=$!
	sleep "0.0$((i / 4))$((i % 4 * 2))"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
	[ -z "$(whole layout old)" ] || [ -z "$(whole layout old new)" ] || problem="$problem $i: $(whole layout old)"
	run "$firn" build --force "$new" oci:layout:new
	[ "$status$(whole layout old new)" = 0 ] || problem="$problem $i, second run: $err $(whole layout old new)"
done
is "$problem" "" "killed at 40 moments ($killed before the end): whole, and a second run succeeds"

# --- two at once

for ((i = 1; i <= 10; i++)); do
	rm -rf layout
	"$firn" build "$old" oci:layout:a >a.out 2>a.err </dev/null &
	a=$!
	"$firn" build "$new" oci:layout:b >b.out 2>b.err </dev/null &
	b=$!
	wait $a && wait $b || echo "$i: $(cat a.err b.err)"
	whole layout a b
done >problems
is "$(cat problems)" "" "two builds into one new layout at once: both are in it"
for ((i = 1; i <= 10; i++)); do
	fresh
	"$firn" build "$old" oci:layout:x >a.out 2>a.err </dev/null &
	a=$!
	"$firn" build "$new" oci:layout:x >b.out 2>b.err </dev/null &
	b=$!
	wait $a
	rc=$?
	wait $b
	rc="$rc $?"
	case $rc in "0 1" | "1 0") ;; *) echo "$i: statuses $rc: $(cat a.err b.err)" ;; esac
	grep -q '"x"\|x' a.err b.err || echo "$i: no word about x"
	whole layout old x
done >problems
is "$(cat problems)" "" "two builds of one tag at once: one wins, the other says so"
for ((i = 1; i <= 10; i++)); do
	fresh
	"$firn" build --force "$new" oci:layout:x >/dev/null 2>a.err </dev/null &
	a=$!
	"$firn" build --force "$new" oci:layout:x >/dev/null 2>b.err </dev/null &
	b=$!
	wait $a && wait $b || echo "$i: $(cat a.err b.err)"
	whole layout old x
done >problems
is "$(cat problems)" "" "two builds of the same thing at once, with --force: both are fine"

# --- a full disk, at every step

full_disk() {
	local free need problem='' full=0

	mkdir small
	mount -t tmpfs -o size=4m,mode=700 tmpfs small || return 1
	at_exit "umount '$work/small'"
	need=$(($(du -s --block-size=4096 both | cut -f1) - $(du -s --block-size=4096 first | cut -f1) + 4))
	for ((free = 0; free <= need; free++)); do
		rm -rf small/* && cp -a first small/layout
		# All that is left but $free pages.
		fallocate -l $((($(stat -f -c %a small) - free) * 4096)) small/filler || return 1
		run "$firn" build "$new" oci:small/layout:new
		if [ "$status" != 0 ]; then
			full=$((full + 1))
			[ "$status" = 1 ] && sentence && clean_stderr && grep -q 'No space left' <<<"$err" ||
				problem="$problem; $free pages: status $status: $err"
			diff -r first small/layout >/dev/null || problem="$problem; $free pages: $(diff -rq first small/layout)"
		else
			[ -z "$(whole small/layout old new)" ] || problem="$problem; $free pages: $(whole small/layout old new)"
		fi
		rm small/filler
		run "$firn" build --force "$new" oci:small/layout:new
		[ "$status$(whole small/layout old new)" = 0 ] ||
			problem="$problem; $free pages, with room again: $err $(whole small/layout old new)"
	done
	[ $full -gt 10 ] || problem="$problem; it was full only $full times"
	is "$problem" "" "a disk that is full at each of $full points: an error, the layout as it was, then success"
	# The same for a layout that isn't there yet.
	problem=
	for ((free = 0; free <= need; free += 5)); do
		rm -rf small/*
		fallocate -l $((($(stat -f -c %a small) - free) * 4096)) small/filler || return 1
		run "$firn" build "$new" oci:small/layout:new
		rm small/filler
		[ "$status" = 0 ] || grep -q 'No space left' <<<"$err" || problem="$problem; $free pages: $err"
		run "$firn" build --force "$new" oci:small/layout:new
		[ "$status$(whole small/layout new)" = 0 ] || problem="$problem; $free pages, with room again: $err"
	done
	is "$problem" "" "and for a layout that isn't there yet"
}
if tap_is_root && unshare -m true 2>/dev/null; then
	full_disk || not_ok "a full disk"
else
	skip_one "needs root" "a full disk" root
fi
done_testing

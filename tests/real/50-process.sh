#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A bare process with 64 MiB of memory that checks its own checksum: dumped by CRIU, built, mounted and
# restored by CRIU by hand and by `firn restore`.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

last() { tail -n 1 "$1/state"; }
ticks_to() { grep -qx "bad.*" "$2/state" && return 1; [ "$(last "$2")" -ge "$1" ]; }
start() { # DIR MIB: sets pid
	mkdir "$1"
	(cd "$1" && exec setsid /inst/memsum "$2" </dev/null >out 2>&1 3>&- 255>&-) &
	wait_for 30 test -s "$1/pid" || bail "memsum doesn't start"
	pid=$(cat "$1/pid")
	wait_for 30 ticks_to 3 "$1" || bail "memsum doesn't tick: $(cat "$1/out")"
}
dump() { # DIR
	mkdir "$1/img"
	must criu dump -t "$pid" -D "$PWD/$1/img" -v4 -o dump.log
	wait_for 10 gone "$pid" || bail "the dumped process stays"
}
gone() { [ ! -e "/proc/$1" ]; }
goes_on() { # DIR N PID WHAT
	if wait_for 20 ticks_to $(($2 + 3)) "$1" && awk -v n=0 '$1 != n++ { exit 1 }' "$1/state"; then
		ok "$4: it goes on, and its memory is right"
	else
		not_ok "$4: it goes on, and its memory is right"
		diag "dumped at $2, then: $(tail -n 5 "$1/state") $(cat "$1/out")"
	fi
	kill -9 "$3"
	wait_for 10 gone "$3"
}

start p 64
dump p
n=$(last p)
vital "build" firn build "$PWD/p/img" oci:layout:p
vital "mount" firn mount oci:layout:p "$PWD/m"
is "$(stat -f -c %T m/checkpoint)" erofs "the CRIU images are a mount, not a copy"
for f in p/img/*.img; do
	cmp -s "$f" "m/checkpoint/${f##*/}" || echo "${f##*/}"
done >different
is "$(cat different)" "" "every image is there, byte for byte"
is "$([ -e m/rootfs ] && echo rootfs)" "" "a bare process has no rootfs"
vital "criu restore by hand, with our folder as it is" criu restore -d -D "$PWD/m/checkpoint" -W "$PWD/m/work" -o restore.log
goes_on p "$n" "$pid" "criu by hand"
check "umount" firn umount "$PWD/m"
nothing_stays "nothing stays mounted"

# A second time, in one step.
start q 64
dump q
n=$(last q)
vital "build of another" firn build "$PWD/q/img" oci:layout:q
vital "firn restore" firn restore oci:layout:q
like "$out" "(^|[^0-9])$pid([^0-9]|\$)" "it prints the pid"
nothing_stays "the mount is gone as soon as the process runs"
goes_on q "$n" "$pid" "firn restore"

# The same pid is taken: the reason comes from CRIU's log.
start r 1
dump r
vital "build of a third" firn build "$PWD/r/img" oci:layout:r
vital "firn restore of it" firn restore oci:layout:r
fails 5 "process id $pid is taken" "a second restore is refused" firn restore oci:layout:r
fails 5 'File exists' "and fails with CRIU's own reason" firn restore --no-check oci:layout:r
like "$err" '/[^ ]*\.log' "and with the path of the whole log"
nothing_stays "nothing stays mounted"
kill -9 "$pid"
done_testing

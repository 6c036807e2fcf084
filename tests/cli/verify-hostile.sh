#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn verify keeps below 64 MiB of resident memory, whatever CRIU's images hold.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
grep -q '^SAN_CFLAGS = .*-fsanitize' "$top_builddir/Makefile" && skip_all "a sanitizer build has another memory"

cd "$work" || exit 99
limit=$((64 * 1024))
# The exit status and the peak in KiB; the interpreter's own some 14 MiB are a lower bound of it.
peak() {
	python3 -c 'import resource, subprocess, sys
rc = subprocess.call(sys.argv[1:])
print(rc, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)' "$@" 2>peak >findings
}
python3 "$top_srcdir/tests/cli/make_hostile_set.py" in >cases || bail "no hostile checkpoints"
while read -r name code; do
	peak "$firn" -q verify --format json "in/$name"
	read -r rc kib < <(tail -n 1 peak)
	if [ "$code" = - ]; then
		is "$rc" 0 "$name: nothing is wrong"
	else
		is "$rc $(grep -c "\"$code\"" findings | sed 's/^[1-9][0-9]*$/some/')" "3 some" "$name: $code"
	fi
	if [ "$kib" -lt $limit ]; then
		ok "$name: $((kib / 1024)) MiB"
	else
		not_ok "$name: peak $kib KiB, limit $limit"
	fi
done <cases
done_testing

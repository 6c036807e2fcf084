#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn verify keeps below 64 MiB of resident memory, whatever CRIU's images hold.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
sanitized && skip_all "a sanitizer build has another memory"

cd "$work" || exit 99
python3 "$top_srcdir/tests/cli/make-hostile-set.py" in >cases || bail "no hostile checkpoints"
while read -r name code; do
	peak "$firn" -q verify --format json "in/$name"
	if [ "$code" = - ]; then
		is "$status" 0 "$name: nothing is wrong"
	else
		is "$status $(grep -c "\"$code\"" .out | sed 's/^[1-9][0-9]*$/some/')" "3 some" "$name: $code"
	fi
	small "$name"
done <cases
done_testing

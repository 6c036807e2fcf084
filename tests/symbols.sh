#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The version script, the public headers and the library must name the same calls, and each header
# compiles alone, as C and as C++.
. "${top_srcdir:?}/tests/cli/lib.sh"
so=$top_builddir/.libs/libfirn.so
[ -e "$so" ] || bail "no $so"

same() { # A B WHAT
	if cmp -s "$1" "$2"; then ok "$3"; else
		not_ok "$3"
		diag "$(diff "$1" "$2")"
	fi
}
sed -n 's/^[[:space:]]*\(firn_[a-z0-9_]*\);.*/\1/p' "$top_srcdir/lib/libfirn.map" | sort -u >"$work/map"
nm -D --defined-only "$so" | awk '$2 ~ /[TDBRVW]/ && $3 !~ /^FIRN_/ { sub(/@.*/, "", $3); print $3 }' |
	sort -u >"$work/so"
cat "$top_srcdir"/include/firn/*.h | tr '\n' ' ' | grep -o 'FIRN_EXPORT[^;{]*;' |
	sed 's/(.*//; s/.*[ *]//' | sort -u >"$work/headers"
[ -s "$work/map" ] || bail "the map has no names"
same "$work/map" "$work/so" "the map names what the library exports"
same "$work/map" "$work/headers" "the map names what the headers declare"

read -ra cc <<<"${CC:-cc}" # CC may be a command with arguments
for h in "$top_srcdir"/include/firn/*.h; do
	name=firn/$(basename "$h")
	check "$name compiles alone as C" "${cc[@]}" -std=c11 -Wall -Wextra -Werror -pedantic -fsyntax-only \
		-I"$top_srcdir/include" -x c "$h"
	if have c++; then
		check "$name compiles alone as C++" c++ -std=c++11 -Wall -Wextra -Werror -fsyntax-only \
			-I"$top_srcdir/include" -x c++ "$h"
	else
		skip_one "no C++ compiler" "$name compiles alone as C++"
	fi
done
done_testing

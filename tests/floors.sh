#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# lib/FLOORS holds: an #include goes down or stays in its folder, and a third-party header is included
# by its home alone. The tool sees the public headers and nothing else.
. "${top_srcdir:?}/tests/cli/lib.sh"
cd "$top_srcdir/lib" || bail "no lib/"

empty() { # WHAT, with the offenders in $work/bad
	local bad
	bad=$(cat "$work/bad")
	if [ -z "$bad" ]; then ok "$1"; else
		not_ok "$1"
		diag "$bad"
	fi
}
sources() { find . -name '*.[ch]' ! -name '*.pb-c.[ch]' | sed 's,^\./,,' | sort; }

for dir in */; do
	grep -Eq "^[0-9]+ ${dir%/}\$" FLOORS || echo "$dir is not ranked in FLOORS"
done >"$work/bad"
empty "every folder has a floor"

sources | xargs grep -Hn '#[[:space:]]*include[[:space:]]*"' | awk '
	BEGIN {
		while ((getline line < "FLOORS") > 0)
			if (split(line, f, " ") >= 2 && f[1] ~ /^[0-9]+$/)
				rank[f[2]] = f[1]
	}
	{
		split($0, quoted, "\"")
		split($0, at, "/")
		from = at[1]
		n = split(quoted[2], to, "/")
		if (quoted[2] == "config.h" || to[1] == "firn")
			next
		if (n != 2 || !(to[1] in rank))
			print $0 ": spell it \"module/header.h\""
		else if (from != to[1] && rank[to[1]] + 0 >= rank[from] + 0)
			print $0 ": goes up or sideways"
	}' >"$work/bad"
empty "includes only go down"

# only HEADER HOME...: HEADER is a name or a folder ("openssl/"), a home may be a pattern.
while read -r word header homes; do
	[ "$word" = only ] || continue
	read -ra homes <<<"$homes"
	sources | xargs grep -Hn "#[[:space:]]*include[[:space:]]*[<\"]$header" | while IFS= read -r hit; do
		home=no
		for pattern in "${homes[@]}"; do
			# shellcheck disable=SC2053 # it is a pattern
			[[ ${hit%%:*} == $pattern ]] && home=yes
		done
		[ $home = yes ] || echo "$hit: belongs in ${homes[*]}"
	done
done <FLOORS >"$work/bad"
empty "third-party headers stay home"

# An include that is neither ours nor libc's must have a fence. Asking for a header's package takes long.
declare -A owner
sources | xargs grep -Hno '#[[:space:]]*include[[:space:]]*<[^>]*>' | while IFS= read -r hit; do
	name=${hit#*<}
	name=${name%>}
	case $name in
	sys/* | linux/* | asm/* | firn/*) continue ;;
	*/*) top=${name%%/*}/ ;;
	*) top=$name ;;
	esac
	grep -Fq "only $top " FLOORS && continue
	[ -e "/usr/include/$name" ] || continue
	[ -n "${owner[$name]+asked}" ] || owner[$name]=$(dpkg -S "/usr/include/$name" 2>/dev/null)
	pkg=${owner[$name]}
	[ -n "$pkg" ] || continue
	case $pkg in libc6* | linux-libc* | libcrypt-dev*) ;; *) echo "$hit: $pkg" ;; esac
done >"$work/bad"
empty "third-party headers have a fence in FLOORS"

find ../src -name '*.[ch]' ! -name fault.c -exec grep -Hn '#[[:space:]]*include[[:space:]]*"' {} + |
	grep -Ev '"(config|[a-z_]+)\.h"' >"$work/bad"
empty "the tool includes public headers alone"
find ../src -name '*.[ch]' ! -name fault.c -exec grep -EHn '#[[:space:]]*include[[:space:]]*[<"](archive|jansson|zstd|zlib|openssl|curl|ostree|protobuf)' {} + \
	>"$work/bad"
empty "the tool has no third-party headers"
find ../include -name '*.h' -exec grep -Hn '#[[:space:]]*include' {} + |
	grep -Ev '<(firn/[a-z]+|stddef|stdint|stdbool|sys/types)\.h>' >"$work/bad"
empty "public headers need libc alone"
done_testing

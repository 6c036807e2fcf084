#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# --help and the man pages name the same options, commands and fields; help goes to standard output and
# fits a terminal; the pages are what scdoc takes.
. "${top_srcdir:?}/tests/cli/lib.sh"
man=$top_srcdir/man

# Options of a part of --help: "-b, --base IMAGE" is "-b --base".
help_options() { sed -n '/^Options/,/^$/p' | sed -n 's/^  \(-[A-Za-z]\), \(--[a-z-]*\).*/\1 \2/p; s/^ *\(--[a-z-]*\).*/\1/p' | sort -u; }
# Those that a page defines: "*-b*, *--base* _IMAGE_" at the beginning of a line.
page_options() { sed -n 's/^\*\(-[A-Za-z]\)\*, \*\(--[a-z-]*\)\*.*/\1 \2/p; s/^\*\(--[a-z-]*\)\*.*/\1/p' "$1" | sort -u; }
same_options() { # WHAT, in $work/help and $work/page
	if cmp -s "$work/help" "$work/page"; then ok "$1"; else
		not_ok "$1"
		diag "$(diff "$work/help" "$work/page")"
	fi
}

mapfile -t names < <("$firn" help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "${#names[@]}" -gt 1 ] || bail "firn help lists no commands"

run "$firn" help
status_is 0 "firn help"
is "$err" "" "firn help says nothing on standard error"
full=$out
run "$firn" --help
is "$out" "$full" "firn --help is firn help"
printf '%s\n' "$full" | help_options >"$work/help"
page_options "$man/firn.scd" | grep -v -e --format >"$work/page"
same_options "firn(1) has the options of every command"

for name in "${names[@]}"; do
	run "$firn" help "$name"
	text=$out
	is "$status $err" "0 " "firn help $name goes to standard output"
	run "$firn" "$name" --help
	is "$out" "$text" "firn $name --help is firn help $name"
	is "$(printf '%s\n' "$text" "$full" | awk 'length > 79')" "" "help of $name fits 79 columns"
	like "$text" "^usage: firn $name( |\$)" "help of $name begins with its usage"
	page=$man/firn-$name.scd
	if [ ! -e "$page" ]; then
		like "$(cat "$man/firn.scd")" "^\*firn $name\*" "firn(1) has the command $name"
		continue
	fi
	printf '%s\n' "$text" | sed '/^Options of every command/,/^$/d' | help_options >"$work/help"
	page_options "$page" >"$work/page"
	same_options "firn-$name(1) has the options of firn $name"
	for field in $(printf '%s\n' "$text" | sed -n '/^Fields/,/^$/p' | grep -o '\.[A-Z][A-Za-z]*'); do
		like "$(cat "$page")" "^_${field#.}_|, _${field#.}_" "firn-$name(1) has the field ${field#.}"
	done
	like "$(cat "$man/firn.scd")" "^\*firn-$name\*\(1\)" "firn(1) points to firn-$name(1)"
done

for page in "$man"/*.scd; do
	name=$(basename "$page" .scd)
	is "$(sed -n 's/^# \(.*\)/\1/p' "$page" | sed -n '1,3p' | tr '\n' ' ')" "NAME SYNOPSIS EXAMPLES " \
		"$name: examples come first after the synopsis"
	case $name in
	firn-format | libfirn | firn) ;;
	firn-*) [[ " ${names[*]} " == *" ${name#firn-} "* ]] ||
		not_ok "$name: a page without a command" ;;
	esac
done
for call in $(sed -n 's/^[[:space:]]*\(firn_[a-z0-9_]*\);.*/\1/p' "$top_srcdir/lib/libfirn.map"); do
	grep -Fq "*$call*()" "$man/libfirn.scd" || not_ok "libfirn(3) lacks $call"
done
for header in "$top_srcdir"/include/firn/*.h; do
	grep -Fq "*#include <firn/$(basename "$header")>*" "$man/libfirn.scd" || not_ok "libfirn(3) lacks $(basename "$header")"
done
ok "libfirn(3) was compared with the library's calls and headers"
done_testing

# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# For tests of bad input, which run in a folder of their own, $work/sandbox: what a refusal must be.
# shellcheck disable=SC2154 # status, out, err: of tests/cli/lib.sh

# A file that was written, renamed or made again has another time of change or inode number.
listing() { find . \( -type f -printf '%p %y %m %s %i %C@\n' \) -o -printf '%p %y %m %l\n' | sort; }
keep() {
	rm -rf ../kept && cp -a . ../kept
	listing >../before
}

# refused STATUS REGEX: the last run ended as a refusal must
problem=
refused() {
	problem=
	case $1,$status in
	0,1 | 0,3 | 0,4) ;;
	"$status,$status") ;;
	*) problem="status $status" ;;
	esac
	if [ "$(grep -c '^firn: ' <<<"$err")" = 0 ] || grep -qv '^firn: ' <<<"$err"; then
		problem="$problem; stderr isn't a sentence"
	fi
	grep -Eq -- "$2" <<<"$err" || problem="$problem; the error doesn't say $2"
	grep -Eq 'Sanitizer|runtime error' <<<"$err" && problem="$problem; sanitizer"
	[ -z "$out" ] || problem="$problem; something on stdout"
	listing >../after
	if ! cmp -s ../before ../after; then
		problem="$problem; changed: $(diff ../before ../after | grep '^[<>]' | head -n 3 | tr '\n' ' ')"
		find . -mindepth 1 -delete && cp -a ../kept/. . && listing >../before
	fi
	[ -z "$problem" ]
}
refused_or_tell() { # STATUS REGEX WHAT
	if refused "$1" "$2"; then
		ok "$3"
		diag "${err##*$'\n'}"
	else
		not_ok "$3"
		diag "$problem"
		tap_show
	fi
}

# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What every TAP test in bash shares. A test sources this file, checks with ok/is/like/status_is..., and
# ends with done_testing: a test that dies half way has no plan, and the TAP driver calls that an error.
#
#   $work   a scratch folder, gone at exit         $firn   the built tool
#   $data   tests/data of the source tree          $out $err $status   what the last `run` gave
#
# Tools that may be absent: `need NAME why command...` skips the whole test, or fails it when NAME is
# in FIRN_REQUIRE ("root mount skopeo"), so that a CI run can't skip what it counts on.
set -u
: "${top_srcdir:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${top_builddir:=$top_srcdir}"
# shellcheck disable=SC2034 # for the tests
firn=$top_builddir/firn
# The program itself where that is libtool's script, which takes more time than firn.
if [ -x "$top_builddir/.libs/firn" ]; then
	firn=$top_builddir/.libs/firn
	export LD_LIBRARY_PATH=$top_builddir/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
# shellcheck disable=SC2034
data=$top_srcdir/tests/data
export LC_ALL=C TZ=UTC
umask 022
# Not /tmp: on many systems that is a tmpfs, from which the kernel mounts nothing without a loop device.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/firn-test.XXXXXX") || exit 99
tap_count=0 tap_failed=0 status=0 out='' err='' tap_cleanup=()

tap_exit() {
	local i
	# A signal may find a background job that has not yet forgotten its parent's traps.
	[ $BASHPID = $$ ] || return
	for ((i = ${#tap_cleanup[@]} - 1; i >= 0; i--)); do
		eval "${tap_cleanup[i]}"
	done
	rm -rf --one-file-system "$work"
}
trap tap_exit EXIT
trap 'exit 130' INT TERM

# at_exit 'command': run when the test ends, however it ends; the last one given runs first.
at_exit() { tap_cleanup+=("$1"); }

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }
ok() { printf 'ok %d - %s\n' $((++tap_count)) "$*"; }
not_ok() {
	tap_failed=$((tap_failed + 1))
	printf 'not ok %d - %s\n' $((++tap_count)) "$*"
}
# skip_one WHY WHAT: one check of a test that goes on.
skip_one() {
	if tap_required "${3:-}"; then
		not_ok "$2 (required, but: $1)"
	else
		printf 'ok %d - %s # SKIP %s\n' $((++tap_count)) "$2" "$1"
	fi
}
done_testing() {
	echo "1..$tap_count"
	[ "$tap_failed" = 0 ]
	exit
}
skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}
bail() {
	echo "Bail out! $*"
	exit 99
}

tap_required() {
	[ -n "$1" ] && case " ${FIRN_REQUIRE:-} " in *" $1 "*) ;; *) false ;; esac
}
# need NAME WHY COMMAND...: without COMMAND's success there is nothing to test.
need() {
	local name=$1 why=$2
	shift 2
	"$@" >/dev/null 2>&1 </dev/null && return
	tap_required "$name" && bail "$name is required: $why"
	skip_all "$why"
}
have() { command -v "$1" >/dev/null 2>&1; }
need_tool() { need "$1" "$1 is not installed" command -v "$1"; }
tap_is_root() { [ "$(id -u)" = 0 ]; }
need_root() { need root "needs root" tap_is_root; }
tap_erofs() { tap_is_root && { grep -qw erofs /proc/filesystems || modprobe erofs; } && unshare -m true; }
# Begin the test again in a mount namespace of its own: whatever happens, nothing stays on the host.
own_mounts() {
	[ "${FIRN_TEST_UNSHARED:-}" != 1 ] || return 0
	rm -rf "$work"
	FIRN_TEST_UNSHARED=1 exec unshare --mount --propagation private "$BASH" "$0"
}
need_mount() { need mount "needs root and a kernel with EROFS" tap_erofs; }
# After this every user can run $work/bin/firn: not everybody can look into the folder of the build.
firn_for_all() {
	chmod 755 "$work" && mkdir -p "$work/bin" && cp "$firn" "$work/bin/firn"
	cp "$(dirname "$firn")"/libfirn.so.0 "$work/bin/" 2>/dev/null
	export LD_LIBRARY_PATH=$work/bin${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

# run COMMAND...: its output in $out and $err, its exit status in $status. Standard input is empty.
run() {
	"$@" >"$work/.out" 2>"$work/.err" </dev/null
	status=$?
	tap_load
}
# The same with standard input as it is: run_stdin cmd <file
run_stdin() {
	"$@" >"$work/.out" 2>"$work/.err"
	status=$?
	tap_load
}
tap_load() {
	out=$(tr -d '\000' <"$work/.out")
	err=$(tr -d '\000' <"$work/.err")
}
tap_show() {
	diag "status $status"
	[ -z "$out" ] || diag "out: $(printf %s "$out" | head -c 2000)"
	[ -z "$err" ] || diag "err: $(printf %s "$err" | head -c 2000)"
}

# wait_for SECONDS COMMAND...
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}
# A sanitizer build has another memory.
sanitized() { grep -q '^SAN_CFLAGS = .*-fsanitize' "$top_builddir/Makefile"; }
# peak COMMAND...: as run_stdin; $kib is the most memory that it had, of which an interpreter's 14 MiB are a lower bound.
peak() {
	run_stdin python3 -c 'import resource, subprocess, sys
rc = subprocess.call(sys.argv[2:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=open(sys.argv[1], "w"))
sys.exit(rc)' "$work/.kib" "$@"
	kib=$(cat "$work/.kib")
}
# small WHAT: 64 MiB are the limit, whatever the input.
small() {
	if sanitized; then
		skip_one "a sanitizer build has another memory" "$1: memory"
	elif [ "$kib" -lt 65536 ]; then
		ok "$1: $((kib / 1024)) MiB"
	else
		not_ok "$1: peak $kib KiB, limit 65536"
	fi
}

# is GOT WANT WHAT
is() {
	if [ "$1" = "$2" ]; then
		ok "$3"
	else
		not_ok "$3"
		diag "got:  $1"
		diag "want: $2"
	fi
}
is_not() {
	if [ "$1" != "$2" ]; then
		ok "$3"
	else
		not_ok "$3"
		diag "got what must not be: $1"
	fi
}
# like TEXT REGEX WHAT (extended regular expression, any line)
like() {
	if printf '%s\n' "$1" | grep -Eq -- "$2"; then
		ok "$3"
	else
		not_ok "$3"
		diag "got:   $1"
		diag "match: $2"
	fi
}
unlike() {
	if printf '%s\n' "$1" | grep -Eq -- "$2"; then
		not_ok "$3"
		diag "got:      $1"
		diag "no match: $2"
	else
		ok "$3"
	fi
}
# status_is N WHAT: of the last run
status_is() {
	if [ "$status" = "$1" ]; then
		ok "$2"
	else
		not_ok "$2"
		diag "want status $1"
		tap_show
	fi
}
# check WHAT COMMAND...: it succeeds
check() {
	local what=$1
	shift
	run "$@"
	status_is 0 "$what"
}
# fails N REGEX WHAT COMMAND...: exit status N, and a message on stderr
fails() {
	local want=$1 re=$2 what=$3
	shift 3
	run "$@"
	if [ "$status" = "$want" ] && printf '%s\n' "$err" | grep -Eq -- "$re"; then
		ok "$what"
	else
		not_ok "$what"
		diag "want status $want and stderr like: $re"
		tap_show
	fi
}

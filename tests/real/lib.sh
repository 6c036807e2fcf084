# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every scenario of this folder sources this file first. Outside the Debian root (root.sh) it starts the
# scenario again inside; there it brings the TAP helpers of tests/cli/lib.sh and what scenarios share.
#
#   make check-real                         all of them, with the tool as `make install` puts it
#   sh tests/real/10-container.sh           one, after that: firn comes from tests/real/inst
#
# Without root, or where the Debian root can't be made, a scenario is skipped; it fails instead when
# FIRN_REQUIRE names "real".
if [ "${FIRN_IN_ROOT:-}" != 1 ]; then
	here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
	inst=${FIRN_REAL_INST:-${top_builddir:-$here/../..}/tests/real/inst}
	cannot() {
		case " ${FIRN_REQUIRE:-} " in
		*" real "*) echo "Bail out! real is required: $*" && exit 99 ;;
		*) echo "1..0 # SKIP $*" && exit 0 ;;
		esac
	}
	[ "$(id -u)" = 0 ] || cannot "needs root"
	[ -f "$inst/env" ] || cannot "nothing in $inst: use make check-real"
	unshare --mount --pid --fork --cgroup true 2>/dev/null || cannot "may not make namespaces"
	"$here/root.sh" make >/dev/null || cannot "no Debian root: see above"
	"$here/root.sh" run criu check >/dev/null 2>&1 || cannot "CRIU doesn't run on this kernel"
	FIRN_REAL_INST=$(cd "$inst" && pwd) FIRN_REAL_ENV="${FIRN_REAL_ENV:-} FIRN_REAL_KEEP" \
		exec "$here/root.sh" run bash "/firn/tests/real/$(basename "$0")" "$@"
fi

export top_srcdir=/firn TMPDIR=/scratch
# shellcheck source=tests/cli/lib.sh
. /firn/tests/cli/lib.sh
# shellcheck source=/dev/null # what `make check-real` notes: bindir, libdir
. /inst/env
# shellcheck disable=SC2154
PATH=/inst$bindir:$PATH
# shellcheck disable=SC2154
export LD_LIBRARY_PATH=/inst$libdir
export firn=firn
# shellcheck disable=SC2164
cd "$work"
firn --version >/dev/null 2>&1 || bail "the installed firn doesn't run: $(firn --version 2>&1)"

podman() { command podman --cgroup-manager=cgroupfs --runtime runc "$@"; }
# Copies are chatty on stderr; what fails says why.
skopeo() {
	command skopeo "$@" 2>"$work/.skopeo" || {
		diag "skopeo $*: $(tail -n 3 "$work/.skopeo")"
		return 1
	}
}
# must COMMAND...: what a scenario stands on; without it there is nothing to test.
must() {
	"$@" >"$work/.must" 2>&1 </dev/null || {
		diag "$(tail -n 20 "$work/.must")"
		bail "$* failed"
	}
}
# vital WHAT COMMAND...: a check without which the ones after it mean nothing
vital() {
	check "$@"
	[ "$status" = 0 ] || bail "$1 failed"
}

# --- the container under test: two layers over busybox; the second one adds, replaces and deletes

# make_images: localhost/base:1 and, over it, localhost/app:1, which runs work.sh
make_images() {
	local c m

	mkdir rootfs
	must tar -C rootfs -xf "$data/base-tiny-rootfs.tar"
	must cp /usr/bin/busybox rootfs/bin/
	must chroot rootfs /bin/busybox --install -s /bin
	must tar -C rootfs --sort=name --mtime=2026-01-01 -cf rootfs.tar .
	must podman import rootfs.tar localhost/base:1
	c=$(buildah from localhost/base:1) && m=$(buildah mount "$c") || bail "buildah failed"
	must install -m 755 "$data/work.sh" "$m/work.sh"
	echo second >"$m/data/sub/second"
	rm "$m/tiny"
	touch -d 2026-02-02 "$m/work.sh" "$m/data/sub/second" "$m/data/sub"
	must buildah umount "$c"
	must buildah config --cmd '["/bin/sh","/work.sh"]' "$c"
	must buildah commit "$c" localhost/app:1
	must buildah rm "$c"
}
# start_app NAME: run it, give it the attribute that expected.json knows, wait until it counts
start_app() {
	must podman run -d --pids-limit=0 --network host --name "$1" localhost/app:1
	app_pid=$(podman inspect -f '{{.State.Pid}}' "$1")
	wait_for 10 test -s "/proc/$app_pid/root/count" || bail "$1 doesn't count"
	must setfattr -n user.lab -v hello "/proc/$app_pid/root/data/newdir/xattr"
	wait_for 10 counted_to 3 "/proc/$app_pid/root/count" || bail "$1 doesn't count"
}
last_count() { tail -n 1 "$1"; }
counted_to() { [ "$(last_count "$2")" -ge "$1" ]; }
# count_in_archive FILE: the last number in an export's /count
count_in_archive() {
	bsdtar -xOf "$1" rootfs-diff.tar >.diff.tar && bsdtar -xOf .diff.tar count | tail -n 1
}
# counts_on FILE N WHAT [MORE]: the numbers go on after N, by MORE (3). The engine lets a container that is left running go on
# before it reads its files, so its archive may hold one number more than the process knows: one
# step back is all right, at N.
counts_on() {
	local more=${4:-3}

	wait_for 20 counted_to $(($2 + more)) "$1"
	if awk -v n="$2" -v more="$more" '
		NR == 1 { bad = $1 != 0 }
		NR > 1 && $1 != last + 1 && !($1 >= last - 1 && $1 <= last && last >= n - 1 && last <= n + 1 && !back++) { bad = 1 }
		{ last = $1 }
		END { exit bad || last < n + more }' "$1"; then
		ok "$3"
	else
		not_ok "$3"
		diag "the archive had counted to $2, then: $(tail -n 8 "$1" | tr '\n' ' ')"
	fi
}

# same_as_checkpointctl ARCHIVE [WHAT]: both tell the same of it, field by field
same_as_checkpointctl() {
	local what=${2:-$1}

	checkpointctl inspect --all --format json "$1" >.theirs.json 2>.theirs.err || {
		not_ok "$what: checkpointctl inspect"
		diag "$(tail -n 3 .theirs.err)"
		return
	}
	firn inspect --ps-tree-env --format json "$1" >.ours.json 2>.ours.err || {
		not_ok "$what: firn inspect"
		diag "$(tail -n 3 .ours.err)"
		return
	}
	is "$(python3 /firn/tests/cli/same-fields.py .theirs.json .ours.json 2>&1)" "" \
		"$what: inspect tells what checkpointctl tells, field by field"
}

# same_inspection CHECKPOINT FORM [--but FIELD]...: one checkpoint, in whatever form, is told of in one way
same_inspection() {
	firn inspect --ps-tree-env --areas --format json "$1" >.want.json 2>.inspect.err &&
		firn inspect --ps-tree-env --areas --format json "$2" >.form.json 2>.inspect.err || {
		not_ok "firn inspect of $1 and $2"
		diag "$(tail -n 3 .inspect.err)"
		return
	}
	is "$(python3 /firn/tests/cli/same-fields.py .want.json .form.json "${@:3}" 2>&1)" "" "$2: inspect tells the same as of $1"
}

# end_container ID: of runc's
end_container() {
	runc kill "$1" KILL && wait_for 10 no_process_of "$1" && runc delete -f "$1"
}
no_process_of() { [ "$(runc state "$1" 2>/dev/null | jq -r .status)" != running ]; }

# --- a registry on this machine's loopback, plain http: $registry is its HOST:PORT

start_registry() {
	local port
	port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
	registry=127.0.0.1:$port
	mkdir registry
	cat >registry.yml <<-EOS
		version: 0.1
		log: {level: warn}
		storage: {filesystem: {rootdirectory: $PWD/registry}}
		http: {addr: $registry}
	EOS
	docker-registry serve registry.yml >registry.log 2>&1 </dev/null &
	wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || bail "the registry doesn't start: $(cat registry.log)"
}
# push FROM REPO:TAG [OPTION...]
push() { skopeo copy -q "${@:3}" --dest-tls-verify=false "$1" "docker://$registry/$2"; }

# --- what the truth of expected.json says about a rootfs, minus what the engine's archive loses

# data_is_right ROOTFS WHAT [podman|containerd|upper]: Podman may have lost what was modified in place, containerd
# attributes of users, the upper directory itself nothing
data_is_right() {
	local d=$1/data engine=${3:-podman} bad='' lab


	problem() { bad="$bad $*;"; }
	[ "$(cat "$d/keep.txt")" = keep ] || problem keep.txt
	[ "$(readlink "$d/lnk")" = keep.txt ] || problem lnk
	[ "$(cat "$d/sub/untouched" "$d/sub/second")" = "s
second" ] || problem "sub: $(cat "$d"/sub/*)"
	[ "$(ls "$d")" = "chmod.txt
keep.txt
lnk
mod.txt
newdir
redir
renamed
sub" ] || problem "names: $(ls -x "$d")"
	[ "$(ls "$d/redir") $(cat "$d/redir/new1")" = "new1 new1" ] || problem "redir: $(ls -x "$d/redir")"
	[ "$(cat "$d/renamed") $(stat -c %Y "$d/renamed")" = "ren 1767225600" ] || problem renamed
	[ "$(cat "$d/newdir/file") $(stat -c %h "$d/newdir/file")" = "created 2" ] || problem newdir/file
	[ "$d/newdir/file" -ef "$d/newdir/hard" ] || problem newdir/hard
	[ "$(readlink "$d/newdir/sym")" = file ] || problem newdir/sym
	[ "$(stat -c %a "$d/newdir/suid")" = 4755 ] || problem newdir/suid
	[ "$(stat -c %u:%g "$d/newdir/owned")" = 33:33 ] || problem newdir/owned
	[ $engine = containerd ] && lab='' || lab=hello
	[ "$(getfattr --only-values -n user.lab "$d/newdir/xattr" 2>/dev/null)" = "$lab" ] || problem user.lab
	[ $engine = podman ] || [ "$(stat -c %a "$d/chmod.txt") $(cat "$d/mod.txt")" = "600 original
changed" ] || problem "mod.txt, chmod.txt"
	[ ! -e "$1/tiny" ] || problem "tiny is back"
	if [ -z "$bad" ]; then
		ok "$2"
	else
		not_ok "$2"
		diag "wrong:$bad"
	fi
}

# whole INPUT [WHAT]: firn verify finds nothing, neither fault nor warning nor note
whole() {
	run firn verify --deep "$1"
	is "$status $out" "0 $1: no faults" "${2:-$1}: nothing is wrong"
}

# --- trees

# list_tree DIR: one line a file, sorted: type, mode, owner, size or device, mtime, links, name, target,
# extended attributes, sha256. The root's own mode and time are left out: every engine sets its own.
list_tree() {
	python3 /firn/tests/real/tree.py "$1"
}
# same_tree FILE FILE WHAT, of list_tree
same_tree() {
	if cmp -s "$1" "$2"; then
		ok "$3 ($(wc -l <"$1") files)"
	else
		not_ok "$3"
		diag "$(diff "$1" "$2" | head -n 20)"
	fi
}

# digest_of TAG, in ./layout
digest_of() {
	jq -r --arg t "$1" '.manifests[] | select(.annotations."org.opencontainers.image.ref.name" == $t).digest' layout/index.json
}

# checkpointctl_takes ARCHIVE CONTAINER ENGINE WHAT
checkpointctl_takes() {
	check "$4: checkpointctl show" checkpointctl show "$1"
	like "$out" " $2 .* $3 " "$4: it knows the container and the engine"
	check "$4: checkpointctl inspect" checkpointctl inspect --all --format json "$1"
	is "$(jq -r '.[0] | [.container_name, .engine, .process_tree.command, (.file_descriptors | length > 0)] | @tsv' <<<"$out")" \
		"$2	$3	sh	true" "$4: it sees the process and its files"
}

# --- after the fact

firn_mounts() { grep -E ' - (erofs|overlay) ' /proc/self/mountinfo | grep -v /var/lib/containers; }
nothing_mounted() { ! firn_mounts; }
# nothing_stays WHAT: within some seconds
nothing_stays() {
	if wait_for 10 nothing_mounted; then
		ok "$1"
	else
		not_ok "$1"
		diag "$(firn_mounts)"
	fi
}

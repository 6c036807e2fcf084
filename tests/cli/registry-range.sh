#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Checkpoints in a registry, looked into where they are: what is told of them is what is told of the same images in a
# layout, whatever the form of their layers, and what is fetched for it doesn't grow with the memory that they have.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd
need_mount
need curl "no libcurl" python3 -c 'import ctypes; ctypes.CDLL("libcurl.so.4")'
own_mounts
cd "$work" || exit 99
work=$PWD
mount -t tmpfs tmpfs /run || bail "no tmpfs on /run"
export HOME=$work XDG_RUNTIME_DIR=$work
unset REGISTRY_AUTH_FILE XDG_CONFIG_HOME XDG_STATE_HOME DOCKER_CONFIG
input=$top_srcdir/tests/cli/mount-input.py

# serve LAYOUT NAME [FAULT]: a registry with the layout's images, what it was asked in NAME.log, its repository in $at
serve() {
	: >"$2.log"
	python3 "$top_srcdir/tests/cli/range-registry.py" "$1" "$2.port" "$2.log" "${@:3}" 2>"$2.err" </dev/null &
	at_exit "kill $! 2>/dev/null"
	wait_for 10 test -s "$2.port" || bail "no registry: $(cat "$2.err")"
	at=docker://127.0.0.1:$(cat "$2.port")/a
}
# far COMMAND ARG...: firn with what it takes to ask these registries
far() { "$firn" "$1" --plain-http "${@:2}"; }
fetched() { awk '{ sum += $NF } END { print sum + 0 }' "$1.log"; }
# answers FILE: a check's, without how much memory is free just now
answers() {
	python3 -c 'import json, sys
for c in json.load(open(sys.argv[1])):
    c["checks"] = [l for l in c["checks"] if l["check"] != "memory"]
    print(json.dumps(c, indent=1))' "$1" 2>&1
}
# alike TAG CHECK_OPTION...: inspect and check, of the layout and of the registry
alike() {
	local here there
	"$firn" inspect --format json "oci:layout:$1" >here 2>here.err
	here=$?
	far inspect --format json "$at:$1" >there 2>there.err
	is "$? $(cmp here there 2>&1)" "$here " "$1: inspect"
	[ "$here" = 0 ] || diag "$(cat here.err there.err)"
	"$firn" check --cache cache --format json "${@:2}" "oci:layout:$1" >here 2>here.err
	here=$?
	far check --cache cache --format json "${@:2}" "$at:$1" >there 2>there.err
	there=$?
	is "$there $(answers there | head -c 20)" "$here $(answers here | head -c 20)" "$1: check: exit status $here"
	is "$(answers there)" "$(answers here)" "$1: check"
}

# --- every sample, in both forms of layers, with a base inside, given, and not at all

python3 "$input" image plain-base app "$data/base-tiny-rootfs.tar" >/dev/null
gzip -nc "$data/base-tiny-rootfs.tar" >base.tar.gz
read -r id _ < <(python3 "$input" image base app base.tar.gz)
python3 "$input" archive "$data/podman-none.tar" podman.tar "$id"
mkdir raw && tar -C raw -xf "$data/raw-criu-2proc.tar"
for form in none zstd; do
	"$firn" build -q --compress $form raw/img "oci:layout:raw-$form" >/dev/null || bail "build of a bare process"
	for name in podman-none.tar containerd-cri.tar ctr-index-image-tiny.oci.tar; do
		"$firn" build -q --compress $form "$data/$name" "oci:layout:${name%%.*}-$form" >/dev/null || bail "build of $name"
	done
	"$firn" build -q --compress $form --base oci:base:app podman.tar "oci:layout:inside-$form" >/dev/null || bail "build with a base"
	"$firn" build -q --compress $form podman.tar "oci:layout:outside-$form" >/dev/null || bail "build without its base"
	"$firn" build -q --compress $form one="$data/podman-none.tar" two="$data/containerd-cri.tar" "oci:layout:pod-$form" >/dev/null || bail "build of a pod"
done
"$firn" copy -q "oci-archive:$data/podman-create-image-oci.tar" oci:layout:others >/dev/null || bail "copy of an image of others"
serve layout all
for form in none zstd; do
	for name in podman-none containerd-cri raw ctr-index-image-tiny pod; do
		alike "$name-$form"
	done
	alike "inside-$form"
	alike "outside-$form" --base oci:base:app
	alike "outside-$form" --strict --base oci:plain-base:app
	alike "outside-$form" --rootfs "$work"
done
alike others
fails 4 'MANIFEST_UNKNOWN|404' "none there" far check "$at:none"
check "memory" bash -c "$firn memory --plain-http --format json $at:podman-none-zstd >there && $firn memory --format json oci:layout:podman-none-zstd | cmp - there"
check "memory's bytes" bash -c "$firn memory --plain-http --pid 1 --area stack -o - $at:podman-none-zstd >there &&
	$firn memory --pid 1 --area stack -o - oci:layout:podman-none-none | cmp - there"
check "diff" far diff --exit-code "$at:podman-none-zstd" oci:layout:podman-none-none
fails 1 '' "diff of two" far diff --exit-code --no-memory "$at:podman-none-zstd" "$at:containerd-cri-none"
for command in verify restore "mount x" "export x"; do
	# shellcheck disable=SC2086 # the argument behind the image
	fails 1 'lies in a registry.*firn copy makes a layout of it' "${command% *} needs it here" "$firn" ${command% *} "$at:podman-none-none" \
		${command#"${command% *}"}
done

fails 1 'lies in a registry' "build takes none from there" "$firn" build "$at:podman-none-none" oci:layout:none
fails 1 'lies in a registry' "nor its base" "$firn" build --base "$at:others" podman.tar oci:layout:none

# --- a base in a registry

serve base given
given=$at
at=docker://127.0.0.1:$(cat all.port)/a
for what in podman.tar oci:layout:outside-zstd "$at:outside-none"; do
	far check --cache cache --format json --base oci:base:app "$what" >here 2>/dev/null
	here=$?
	far check --cache cache2 --format json --base "$given:app" "$what" >there 2>there.err
	is "$? $(answers there | sed "s|$given:app|oci:base:app|")" "$here $(answers here)" "${what##*/}: check with a base in a registry"
	far inspect --format json --base oci:base:app "$what" >here
	check "inspect with it" bash -c "test -s here && $firn inspect --plain-http --format json --base $given:app $what | cmp - here"
done
like "$(far check --cache cache --base "$given:app" podman.tar 2>/dev/null)" '^ok +base .*is the image that the container was made from' "which is proven to be the one"
like "$(far check --cache cache --base "$at:others" podman.tar 2>/dev/null)" '^FAIL +base .*has image ID' "and another one isn't"

# --- large ones: 64 MiB in 20,000 pieces, and no more is fetched than of a small one but the list of the pieces

python3 "$top_srcdir/tests/cli/make-large.py" "$data/podman-none.tar" large.tar 64 20000
for form in none zstd; do
	"$firn" build -q --compress $form large.tar "oci:large:$form" >/dev/null || bail "build of a large one"
done
serve large much
for form in none zstd; do
	: >much.log
	peak "$firn" inspect --plain-http --format json "$at:$form"
	cp .out there
	sum=$(fetched much)
	diag "inspect, $form: $sum bytes in $(wc -l <much.log) answers, $kib KiB of memory"
	check "inspect of a large one ($form) fetches less than 768 KiB" test "$sum" -lt 786432
	sanitized || check "in less than 64 MiB of memory" test "$kib" -lt 65536
	check "and tells of all its memory" grep -q '"pages_present": 16401' there
	: >much.log
	far check --format json "$at:$form" >there 2>/dev/null
	sum=$(fetched much)
	diag "check, $form: $sum bytes in $(wc -l <much.log) answers"
	check "check of it fetches less than 256 KiB" test "$sum" -lt 262144
done

# --- a registry that means harm, or knows no ranges

serve layout whole whole
far inspect --format json "$at:podman-none-zstd" >there
check "one that sends whole blobs" bash -c "$firn inspect --format json oci:layout:podman-none-zstd | cmp - there"
for fault in elsewhere changed; do
	for form in none zstd; do
		serve layout $fault-$form $fault
		run far inspect "$at:podman-none-$form"
		is "$status $out" "3 " "$fault parts of blobs ($form): $err"
		run far check "$at:podman-none-$form"
		is "$status $out" "3 " "check ($form): $err"
	done
done
done_testing

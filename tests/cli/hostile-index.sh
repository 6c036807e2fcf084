#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A layer whose EROFS reading is not that of its tar is never mounted with its own index, and refused with
# --strict: what is shown is the tar's tree, as GNU tar extracts it.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd
need_mount
own_mounts
mount -t tmpfs tmpfs /run || bail "no tmpfs on /run"
cd "$work" || exit 99
work=$PWD

for form in plain zstd; do
	mkdir "$work/$form" && cd "$work/$form" || exit 99
	python3 "$top_srcdir/tests/cli/hostile.py" "$firn" "$top_builddir/tests/unit/layer_tool" \
		"$data/podman-ignore-rootfs.tar" $form >"$work/said" 2>"$work/.err" </dev/null
	status=$?
	while read -r line; do
		case $line in
		"ok "*) ok "$form: ${line#ok }" ;;
		*) not_ok "$form: ${line#not ok }" ;;
		esac
	done <"$work/said"
	[ $status = 0 ] || diag "$(cat "$work/.err")"
	is "$status" 0 "$form: every case was made"
	is "$(($(grep -c '(forged)' "$work/said") >= 30))" 1 "$form: there are some"
	cd "$work" || exit 99
	is "$(awk -v top="$work" 'index($5, top "/") == 1' /proc/self/mountinfo)" "" "$form: nothing stays mounted"
done
done_testing

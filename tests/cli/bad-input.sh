#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Hostile and broken checkpoints: a clear error, status 1 or 3, the layout as it was, nothing outside.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/refused.sh
. "$top_srcdir/tests/cli/refused.sh"
need_tool python3

make_bad=$top_srcdir/tests/cli/make-bad.py
good=$data/podman-none.tar
cd "$work" || exit 99
mkdir sandbox && cd sandbox || exit 99

# What the faults aim at: if any of it changes, something was written outside.
mkdir -p outside/etc
echo untouched >outside/etc/passwd

check "a good build to begin with" "$firn" build "$good" oci:layout:good
[ "$status" = 0 ] || bail "no layout to test with"
keep
passwd=$(sha256sum /etc/passwd)

python3 "$make_bad" list "$good" >../cases
while IFS=$'\t' read -r name want regex; do
	case $name in
	# Too large for a file; the others come both ways, since a file's headers are scanned first.
	*-1-gib | gzip-bomb | gzip-of-zeros) ;;
	*)
		python3 "$make_bad" make "$good" "$name" >../bad.tar
		run "$firn" build ../bad.tar oci:layout:bad
		refused_or_tell "$want" "$regex" "$name"
		run_stdin "$firn" build - oci:layout:bad <../bad.tar
		refused_or_tell "$want" "$regex" "$name, from a pipe"
		continue
		;;
	esac
	python3 "$make_bad" make "$good" "$name" 2>/dev/null | (
		run_stdin "$firn" build - oci:layout:bad
		refused_or_tell "$want" "$regex" "$name, from a pipe" >../result
	)
	# The counter of that subshell is lost: number its line here.
	if grep -q '^ok' ../result; then ok "$name, from a pipe"; else not_ok "$name, from a pipe"; fi
	sed -n 's/^# */# /p' ../result
done <../cases

# Cut at every block: there must always be an error, up to the end-of-archive marker.
end=$(python3 "$make_bad" end "$good")
blocks=$((end / 512))
wrong='' every=1
sanitized && every=5 # each takes five times as long
for ((i = 0; i <= blocks; i += every)); do
	head -c $((i * 512)) "$good" >../cut.tar
	run "$firn" build ../cut.tar oci:layout:cut
	refused 3 . || wrong="$wrong $i($problem)"
done
is "$wrong" "" "cut after every $every of $blocks blocks of 512 bytes"
wrong=
for ((i = 0; i <= blocks; i += 7)); do
	run_stdin "$firn" build - oci:layout:cut < <(head -c $((i * 512)) "$good")
	refused 3 . || wrong="$wrong $i($problem)"
done
is "$wrong" "" "the same from a pipe, every seventh"
wrong=
for c in podman-gzip.tar.gz podman-zstd.tar.zst; do
	size=$(stat -c %s "$data/$c")
	for ((i = 0; i < size; i += 997 * every)); do
		head -c $i "$data/$c" >../cut
		run "$firn" build ../cut oci:layout:cut
		refused 3 . || wrong="$wrong $c:$i($problem)"
	done
done
is "$wrong" "" "compressed archives cut at every $((997 * every)) bytes"

# A base that isn't the checkpoint's.
check "a layout with another image" python3 "$top_srcdir/tests/cli/make-base.py" "$data/base-tiny-rootfs.tar" other other
id=$out
keep
run "$firn" build --base oci:other:other "$good" oci:layout:bad
refused_or_tell 1 "$id.*[0-9a-f]{64}" "a base that doesn't match: the error has both IDs"
run "$firn" build --base oci:other:missing "$good" oci:layout:bad
refused_or_tell 4 missing "a base tag that isn't there"
python3 "$top_srcdir/tests/cli/expected.py" rehome "$good" "$id" ../rehomed.tar
layer=$(find other/blobs/sha256 -type f -size +2k)
printf x | dd of="$layer" bs=1 seek=5000 conv=notrunc status=none
keep
run "$firn" build --base oci:other:other ../rehomed.tar oci:layout:bad
refused_or_tell 3 "${layer##*/}" "a base with a byte changed in its layer"
rm "$layer"
keep
run "$firn" build --base oci:other:other ../rehomed.tar oci:layout:bad
refused_or_tell 0 "${layer##*/}" "a base whose layer isn't there"

# A tag that is there already, a layout that is none.
run "$firn" build "$good" oci:layout:good
refused_or_tell 1 'good' "a tag that is there already"
mkdir no-layout && echo '{"imageLayoutVersion":"9"}' >no-layout/oci-layout && echo '{}' >no-layout/index.json
echo keep >no-layout/file
keep
run "$firn" build "$good" oci:no-layout:x
refused_or_tell 0 'no-layout' "a folder that is no layout"
run "$firn" build no-such-file oci:layout:bad
refused_or_tell 4 'no-such-file' "a checkpoint that isn't there"
run "$firn" build /dev/null oci:layout:bad
refused_or_tell 0 'null' "a device"

# Folders as input: nothing in them is followed out of them.
mkdir ../folder && tar -C ../folder -xf "$good"
ln -s /etc/passwd ../folder/checkpoint/evil
run "$firn" build ../folder oci:layout:bad
refused_or_tell 0 'evil' "a symbolic link in an unpacked folder"
rm ../folder/checkpoint/evil && mv ../folder/config.dump ../config && ln -s ../config ../folder/config.dump
run "$firn" build ../folder oci:layout:bad
refused_or_tell 0 'config.dump' "config.dump as a symbolic link"
rm ../folder/config.dump && mkfifo ../folder/config.dump
run timeout 20 "$firn" build ../folder oci:layout:bad
refused_or_tell 0 'config.dump' "config.dump as a fifo: no waiting"

is "$(cat outside/etc/passwd)" untouched "nothing was written outside"
is "$(sha256sum /etc/passwd)" "$passwd" "nor at absolute names"
is "$(find / -xdev -maxdepth 2 -name evil 2>/dev/null)" "" "nor anywhere near the root"
is "$(find "$work" -name 'evil*' | grep -v folder)" "" "nor here"
done_testing

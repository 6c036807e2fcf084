#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Hostile and broken OCI content as input: a clear error, the layout as it was, nothing outside.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/refused.sh
. "$top_srcdir/tests/cli/refused.sh"
need_tool python3
need_tool zstd

make_bad=$top_srcdir/tests/cli/make-bad-oci.py
good=$data/ctr-index-image-tiny.oci.tar
export PYTHONDONTWRITEBYTECODE=1
cd "$work" || exit 99
mkdir sandbox && cd sandbox || exit 99
check "a good build to begin with" "$firn" build "$data/podman-none.tar" oci:layout:good
[ "$status" = 0 ] || bail "no layout to test with"
keep

if ! python3 "$make_bad" list >../cases || ! python3 "$make_bad" make "$data" ../bad; then
	bail "the cases can't be made"
fi
while IFS=$'\t' read -r name want regex; do
	run "$firn" build "../bad/$name" oci:layout:bad
	refused_or_tell "$want" "$regex" "$name"
	[ -d "../bad/$name" ] || continue
	# The same as an archive is read by other code.
	tar -cf ../bad.tar -C "../bad/$name" .
	run "$firn" build ../bad.tar oci:layout:bad
	if refused "$want" "$regex"; then ok "$name, as an archive"; else
		not_ok "$name, as an archive"
		diag "$problem"
		tap_show
	fi
done <../cases

# Cut anywhere: nothing is taken for the end that isn't.
size=$(stat -c %s "$good") wrong=
for ((i = 0; i < size - 1024; i += 3584)); do
	head -c $i "$good" >../cut
	run "$firn" build ../cut oci:layout:cut
	refused 3 . || wrong="$wrong $i($problem)"
done
is "$wrong" "" "cut at every seventh block of 512 bytes"
gzip -nc "$good" >../good.gz
size=$(stat -c %s ../good.gz) wrong=
for ((i = 0; i < size; i += 997)); do
	head -c $i ../good.gz >../cut
	run "$firn" build ../cut oci:layout:cut
	refused 3 . || wrong="$wrong $i($problem)"
done
is "$wrong" "" "compressed and cut at every 997 bytes"

# Another byte anywhere: refused, or it was one that says nothing, and the image is the same.
check "the good image" "$firn" build "$good" oci:../flips:x
image=$out wrong='' same=0
python3 "$make_bad" flip "$good" 997 ../flipped || bail "no flips"
for flipped in ../flipped/*; do
	run "$firn" build "$flipped" oci:../flips:x --force
	if [ "$status" = 0 ]; then
		same=$((same + 1))
		[ "$out" = "$image" ] || wrong="$wrong ${flipped##*/}(another image)"
	else
		refused 0 . || wrong="$wrong ${flipped##*/}($problem)"
	fi
done
is "$wrong" "" "another byte at every 997: refused or the same image"
diag "$same bytes say nothing"

# Folders and references.
run "$firn" build oci:nowhere oci:layout:bad
refused_or_tell 4 nowhere "a layout that isn't there"
run "$firn" build oci-archive:"$good":none oci:layout:bad
refused_or_tell 4 'no tag "none"' "a tag that isn't there"
run "$firn" build "oci-archive:$good@sha256:$(printf %064d 0)" oci:layout:bad
refused_or_tell 4 000000 "a digest that isn't there"
mkdir ../links && tar -C ../links -xf "$good"
keep
blob=../links/blobs/sha256/b5277848b97899384538c99341233273ddf8b434685f110f5dbec4e5d19190b9
mv $blob ../pages && ln -s ../../../pages $blob
run "$firn" build ../links oci:layout:bad
refused_or_tell 0 b5277848b978 "a blob as a symbolic link"
rm $blob && mkfifo $blob
run timeout 20 "$firn" build ../links oci:layout:bad
refused_or_tell 0 b5277848b978 "a blob as a fifo: no waiting"
rm $blob && mv ../pages $blob
rm ../links/index.json && ln -s /etc/passwd ../links/index.json
run "$firn" build ../links oci:layout:bad
refused_or_tell 0 index.json "index.json as a symbolic link"
is "$(find "$work" -name evil)" "" "nothing was written outside"
done_testing

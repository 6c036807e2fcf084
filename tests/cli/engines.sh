#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# How today's engines get at a container's changes, with real checkpoints of each: R under the name that the
# engine looks for, or its own archive's delta; the archive made again; the archive kept.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd

cd "$work" || exit 99
cli=$top_srcdir/tests/cli
id=$(python3 "$cli/make-base.py" "$data/base-tiny-rootfs.tar" base app)
manifest=$(python3 -c 'import json; print(json.load(open("base/index.json"))["manifests"][0]["digest"])')
python3 "$cli/expected.py" rehome "$data/podman-zstd.tar.zst" "$id" podman.tar
python3 "$cli/make-crio.py" "$data/podman-none.tar" "$id" cri-o.tar
python3 "$cli/expected.py" rehome "$data/containerd-cri.tar" "$manifest" containerd.tar
engine_says() { python3 "$cli/check-engine.py" "$@" 2>&1; }
blob() { # TAG ROLE: the manifest of that role in TAG's index
	python3 - "$1" "$2" <<'EOS'
import json, sys
def doc(digest):
    return json.load(open("layout/blobs/sha256/" + digest.split(":")[1]))
tags = {d["annotations"]["org.opencontainers.image.ref.name"]: d["digest"] for d in json.load(open("layout/index.json"))["manifests"]}
print(next((d["digest"] for d in doc(tags[sys.argv[1]])["manifests"] if d["annotations"]["org.firn.role"] == sys.argv[2]), "none"))
EOS
}
kept() { # TAG: the kept file
	python3 - "$(blob "$1" source)" <<'EOS'
import json, sys
m = json.load(open("layout/blobs/sha256/" + sys.argv[1].split(":")[1]))
print("layout/blobs/sha256/" + m["layers"][0]["digest"].split(":")[1], m["layers"][0]["mediaType"])
EOS
}

for engine in podman cri-o containerd; do
	# R under a name
	check "$engine: build with a name" "$firn" build --for "$engine" --base oci:base:app --rootfs-name reg.example:5000/lab/r:1 $engine.tar oci:layout:$engine-named
	is "$err" "$(grep -v 'rootfs-name\|without the changes' <<<"$err")" "$engine: nothing stands in the way of its restore"
	is "$(engine_says --rootfs-name reg.example:5000/lab/r:1 layout $engine-named $engine)" "" "$engine: finds R by the name, and the changes in it"

	# its archive's own delta
	check "$engine: build with the archive's delta" "$firn" build --for "$engine" --engine-delta=archive --base oci:base:app $engine.tar oci:layout:$engine-archive
	is "$(engine_says layout $engine-archive $engine)" "" "$engine: finds its own delta, on the image it was made from"
	is "$(python3 "$cli/recipe.py" layout $engine-archive again.tar)" none "$engine: the recipe"
	check "$engine: the recipe makes the very archive" cmp again.tar $engine.tar
	is "$(blob $engine-archive rootfs)" "$(blob $engine-named rootfs)" "$engine: R is the same either way"

	# from a pipe, compressed
	for how in gzip zstd; do
		$how -c $engine.tar >$engine.$how
		run_stdin "$firn" build --engine-delta=archive --keep-source --base oci:base:app - oci:layout:$engine-$how < <(cat $engine.$how)
		status_is 0 "$engine: from a pipe with $how"
		is "$(python3 "$cli/recipe.py" layout $engine-$how again.tar)" $how "$engine: the recipe knows of $how"
		check "$engine: and makes the tar in it" cmp again.tar $engine.tar
		read -r file type < <(kept $engine-$how)
		check "$engine: the $how archive is kept" cmp "$file" $engine.$how
		is "$type" "application/x-tar+$how" "$engine: its media type"
	done

	# kept beside the same images
	check "$engine: build, the archive kept" "$firn" build --keep-source --source-digest --base oci:base:app --rootfs-name reg.example:5000/lab/r:1 $engine.tar oci:layout:$engine-kept
	check "$engine: build with its digest" "$firn" build --source-digest --base oci:base:app --rootfs-name reg.example:5000/lab/r:1 $engine.tar oci:layout:$engine-digest
	is "$(blob $engine-kept checkpoint) $(blob $engine-kept rootfs)" "$(blob $engine-digest checkpoint) $(blob $engine-digest rootfs)" \
		"$engine: C and R are the same with it and without"
	read -r file type < <(kept $engine-kept)
	check "$engine: the archive is kept" cmp "$file" $engine.tar
	is "$(basename "$file") $type" "$(sha256sum <$engine.tar | cut -d' ' -f1) application/x-tar" "$engine: as a blob of its digest"
	is "$(engine_says --rootfs-name reg.example:5000/lab/r:1 layout $engine-kept $engine)" "" "$engine: restores beside it"
	for other in podman cri-o containerd; do
		[ $other = $engine ] || fails 1 "made by .*can't restore that, it needs what it writes itself" "$engine for $other: refused" \
			"$firn" build --for $other --base oci:base:app $engine.tar oci:layout:no
	done
done

# Podman's real xz and bzip2 don't exist; other people's do.
for how in xz bzip2; do
	have $how || { skip_one "$how is not installed" "the recipe of $how"; continue; }
	$how -c podman.tar >podman.$how
	check "podman: $how" "$firn" build --engine-delta=archive --keep-source podman.$how oci:layout:podman-$how
	is "$(python3 "$cli/recipe.py" layout podman-$how again.tar)" $how "podman: the recipe knows of $how"
	check "podman: and makes the tar in it" cmp again.tar podman.tar
	is "$(kept podman-$how | cut -d' ' -f2)" application/octet-stream "podman: $how has no media type"
done

run "$firn" build --base oci:base:app containerd.tar oci:layout:containerd-nameless
like "$err" '--rootfs-name' "containerd without a name: a warning names the option"
fails 2 'none of maker' "an unknown engine" "$firn" build --for docker podman.tar oci:layout:no
fails 2 '[Bb]ase' "a name for a rootfs image without its base" "$firn" build --rootfs-name x:1 podman.tar oci:layout:no
fails 2 '[Bb]ase' "for an engine, without the base" "$firn" build --for podman podman.tar oci:layout:no
fails 2 'no name' "a name that nobody would read" "$firn" build --engine-delta=archive --base oci:base:app --rootfs-name x:1 podman.tar oci:layout:no
fails 2 'several' "one name for several" "$firn" build --rootfs-name x:1 --base oci:base:app a=podman.tar b=cri-o.tar oci:layout:no
mkdir folder && tar -C folder -xf podman.tar
fails 2 'no single file' "a folder can't be kept" "$firn" build --keep-source folder oci:layout:no
check "but its delta may stay the archive's" "$firn" build --engine-delta=archive --base oci:base:app folder oci:layout:folder
is "$(engine_says layout folder podman)" "" "podman: restores from that"
check "two containers, both kept" "$firn" build --keep-source --engine-delta=archive --base oci:base:app a=podman.tar b=cri-o.tar oci:layout:pod
is "$(python3 "$cli/check-layout.py" layout 2>&1 | grep -v ^tags)" "" "the layout is whole"

if have skopeo; then
	check "skopeo copies all of it" skopeo copy -q --all --dest-oci-accept-uncompressed-layers oci:layout:podman-kept oci:copy:r
	read -r file type < <(kept podman-kept)
	check "the kept archive too" cmp "${file/layout/copy}" podman.tar
	is "$(engine_says --rootfs-name reg.example:5000/lab/r:1 copy r podman)" "" "podman: restores from the copy"
	have umoci && check "umoci keeps it" umoci gc --layout copy
	check "which is still there" cmp "${file/layout/copy}" podman.tar
else
	skip_one "skopeo is not installed" "skopeo copies all of it" skopeo
fi
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Checkpoints that come as OCI content: containerd's own indexes and checkpoint images, from layouts, archives
# and docker-archives, packed and nested as they come. Each gives the tree that expected.json knows, and one
# checkpoint is one image, whatever it came in.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd
need_mount

own_mounts
cd "$work" || exit 99
expected=$top_srcdir/tests/cli/expected.py
make_oci=$top_srcdir/tests/cli/make_oci.py
mkdir m
mount -t tmpfs tmpfs /run || bail "no tmpfs on /run"

mounted_is_right() { # TAG LAST ENGINE WHAT [OPTION...]
	check "$4: mount" "$firn" mount --cache "$work/cache" "${@:5}" "oci:layout:$1" "$work/m"
	is "$(python3 "$expected" check m/rootfs "$data" "$2" "$3" 2>&1)" "" "$4: the tree of expected.json"
	check "$4: umount" "$firn" umount "$work/m"
}
digest_of() { python3 -c 'import json, sys
for d in json.load(open("layout/index.json"))["manifests"]:
    if d["annotations"]["org.opencontainers.image.ref.name"] == sys.argv[1]: print(d["digest"])' "$1"; }

# An index with its base inside: by every road, one image.
index=$data/ctr-index-image-tiny.oci.tar
mkdir index && tar -C index -xf "$index"
ctr_digest=$(python3 -c 'import json; print(json.load(open("index/index.json"))["manifests"][0]["digest"])')
gzip -nc "$index" >index.tar.gz
zstd -qc "$index" >index.tar.zst
mkdir export && cp -r index/. export && echo '[{"Config":"x","RepoTags":["localhost/ckpt-tiny:1"],"Layers":[]}]' >export/manifest.json
tar -cf export.tar -C export .
tar -cf foldered.tar index
for how in oci archive docker export; do
	for packed in none gzip zstd; do
		[ "$how-$packed" = export-gzip ] || [ "$how-$packed" = export-zstd ] ||
			python3 "$make_oci" nest index "nested-$how-$packed" "$how,$packed"
	done
done
gzip -nc nested-export-none >nested-export-gzip
while read -r name from; do
	check "index $name: build" "$firn" build "$from" "oci:layout:$name"
	digest_of "$name" >>digests
done <<EOS
archive $index
archive-ref oci-archive:$index
archive-tag oci-archive:$index:1
archive-digest oci-archive:$index@$ctr_digest
layout index
layout-ref oci:index
layout-tag oci:index:1
layout-digest oci:index@$ctr_digest
gzip index.tar.gz
zstd index.tar.zst
docker-style export.tar
docker-style-folder export
foldered foldered.tar
nested-layout nested-oci-none
nested-layout-gzip nested-oci-gzip
nested-layout-zstd oci:nested-oci-zstd:1
nested-archive nested-archive-none
nested-archive-gzip oci-archive:nested-archive-gzip
nested-archive-zstd nested-archive-zstd
nested-docker nested-docker-none
nested-docker-gzip nested-docker-gzip
nested-docker-zstd nested-docker-zstd
nested-export nested-export-none
nested-export-gzip nested-export-gzip
EOS
run_stdin "$firn" build - oci:layout:stdin <"$index"
status_is 0 "index from a file as standard input: build"
digest_of stdin >>digests
is "$(wc -l <digests) $(sort -u digests | wc -l)" "25 1" "25 roads, one image"
mounted_is_right archive 7 ctr "index with its base inside"
check "mount of the documents" "$firn" mount --cache "$work/cache" oci:layout:archive "$work/m"
is "$(cd m/ctr && sha256sum -- * | cut -c1-12 | sort | tr '\n' ' ')" "16e642faff0e 7d3151453569 c651925cca32 dbeaf97ca9e6 " \
	"the index and its documents are kept, byte for byte"
is "$(python3 -c 'import json; print(json.load(open("m/spec.dump"))["process"]["args"])')" "['/tiny']" "spec.dump is the spec"
is "$(stat -c %s m/checkpoint/pages-1.img) $(sha256sum <m/checkpoint/pages-1.img)" \
	"16384 $(tar -xOf index/blobs/sha256/b5277848b97899384538c99341233273ddf8b434685f110f5dbec4e5d19190b9 pages-1.img | sha256sum)" "pages"
is "$(cat m/checkpoint/config.dump m/config.dump 2>/dev/null)" "" "no config.dump is made up"
check "umount" "$firn" umount "$work/m"

# A layout whose index.json is the checkpoint's own index.
cp -r index inline && cp index/blobs/sha256/16e642faff0e* inline/index.json
check "index.json as the checkpoint: build" "$firn" build inline oci:layout:inline
is "$(digest_of inline.rootfs)" "$(digest_of archive.rootfs)" "and its rootfs image is the same"
mounted_is_right inline 7 ctr "index.json as the checkpoint"
tar -cf inline.tar -C inline .
check "and in an archive: build" "$firn" build inline.tar oci:layout:inline-tar
is "$(digest_of inline-tar)" "$(digest_of inline)" "one image"

# Its base is shared with an image that is there already, by digest; a base that the caller gives goes first.
python3 "$top_srcdir/tests/cli/make-base.py" "$data/base-tiny-rootfs.tar" other app >/dev/null
fails 1 'a7e2ee4ba6156c02fa55b43c2a6518e5c57d09ac9ec23bfe4d821755f332dfa7' "a base that isn't the index' own is refused" \
	"$firn" build --base oci:other:app "$index" oci:layout:wrong
is "$(digest_of wrong)" "" "and nothing has the name"

# Without --image there is none inside: the busybox base of the sample has the tiny one's /data.
check "index without a base: build" "$firn" build "$data/ctr-index.oci.tar" oci:layout:bare
fails 4 'localhost:5055/bb:1' "a mount asks for its base by name" "$firn" mount oci:layout:bare "$work/m"
mounted_is_right bare 7 ctr "index without a base" --base oci:other:app
check "index and a base: build" "$firn" build --base oci:other:app "$data/ctr-index.oci.tar" oci:layout:based
like "$err" 'trust' "that the base is taken on trust is said"
mounted_is_right based 7 ctr "index and a base"
check "base trick: build" "$firn" build "$data/ctr-index-basetrick-tiny.oci.tar" oci:layout:trick
mounted_is_right trick 7 ctr "index whose base has the changes"

fails 3 'ctr-index-image-tiny.truncated.*b5277848b97899384538c99341233273ddf8b434685f110f5dbec4e5d19190b9' "a truncated export is refused" \
	"$firn" build "$data/ctr-index-image-tiny.truncated.oci.tar" oci:fresh:x
is "$(ls -A fresh 2>/dev/null)" "" "and leaves nothing"
fails 1 'whole file, not from a pipe' "OCI content from a pipe is refused" bash -c "cat '$index' | '$firn' build - oci:layout:pipe"

# Podman's --create-image, as it is and with the tiny base's ID.
mkdir podman && tar -C podman --strip-components=1 -xf "$data/podman-create-image-oci.tar"
check "Podman's image: build" "$firn" build podman oci:layout:podman
fails 4 'localhost/bb:1.*c56abf9a' "a mount asks for its base" "$firn" mount oci:layout:podman "$work/m"
check "its archive: build" "$firn" build "$data/podman-create-image-oci.tar" oci:layout:podman-tar
is "$(digest_of podman-tar)" "$(digest_of podman)" "one image"
python3 "$make_oci" layer podman podman.layer
id=$(python3 "$top_srcdir/tests/cli/make-base.py" "$data/base-tiny-rootfs.tar" base app)
python3 "$expected" rehome podman.layer "$id" podman.tar
: >digests
check "the same as an archive: build" "$firn" build --base oci:base:app podman.tar oci:layout:p-tar
rootfs=$(digest_of p-tar.rootfs)
for how in oci,annotated oci,gzip oci,zstd,docker-types oci,gzip,docker-types,index oci,index archive,zstd,annotated docker docker,gzip oci,layers oci,layers,gzip archive,layers,zstd,annotated docker,layers; do
	tag=p-${how//,/-}
	python3 "$make_oci" image podman.tar "image-$tag" "$how"
	check "image $how: build" "$firn" build --base oci:base:app "image-$tag" "oci:layout:$tag"
	is "$(digest_of "$tag.rootfs")" "$rootfs" "image $how: the rootfs image of the archive"
	case $how in
	*layers*) digest_of "$tag.checkpoint" >>digests ;;
	*) is "$(digest_of "$tag")" "$(digest_of p-tar)" "image $how: the image of the archive" ;;
	esac
done
is "$(wc -l <digests) $(sort -u digests | wc -l)" "4 1" "four times many layers, one image"
mounted_is_right p-oci-layers 5 podman "image of many layers"
check "image of many layers: mount" "$firn" mount --cache "$work/cache" oci:layout:p-oci-layers "$work/m"
tar -xOf podman.tar checkpoint/inventory.img >inventory
check "the upper layer's inventory" cmp inventory m/checkpoint/inventory.img
is "$(ls -d m/checkpoint/core-99* m/gone m/stale-link m/etc m/dev 2>/dev/null)" "" "nothing that a layer hides"
check "umount" "$firn" umount "$work/m"
mounted_is_right p-oci-annotated 5 podman "image with annotations"

# None of these can be mounted as it lies; that has to be said.
for from in index "$index" podman nested-docker-none; do
	run "$firn" mount --cache "$work/cache" "$from" "$work/m"
	is_not "$status" 0 "mount of ${from##*/} as it is fails"
done
fails 2 'firn build makes one' "and says what to do" "$firn" mount index "$work/m"

# What is firn's own is no input.
fails 2 'firn made already.*firn export' "an image of firn's own is refused" "$firn" build oci:layout:archive oci:layout:again
fails 2 'firn made already' "so is its checkpoint image alone" "$firn" build oci:layout:archive.checkpoint oci:layout:again
check "several at once" "$firn" build "one=$index" "two=oci:index:1" oci:layout:several
is "$(python3 "$top_srcdir/tests/cli/check-layout.py" layout 2>&1 | grep -v ^tags)" "" "the layout is whole"
is "$(grep -E " $work/m" /proc/self/mountinfo)" "" "nothing stays mounted"
done_testing

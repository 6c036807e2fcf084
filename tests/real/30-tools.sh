#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Other tools take our layout as any other: inspect, copy with digests kept, unpack and mount, and all see
# the tree that our own mount shows.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

make_images
start_app c1
must podman container checkpoint -c zstd --export=c1.tar c1
same_as_checkpointctl c1.tar
must podman rm -f -t 0 c1
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
vital "build" firn build --base oci:base:app c1.tar oci:layout:r1

for tag in r1.checkpoint r1.rootfs; do
	check "skopeo inspect $tag" command skopeo inspect "oci:layout:$tag"
	is "$(command skopeo inspect --format '{{.Digest}}' "oci:layout:$tag")" \
		"$(jq -r --arg t $tag '.manifests[] | select(.annotations."org.opencontainers.image.ref.name" == $t).digest' layout/index.json)" \
		"skopeo and index.json agree on the digest of $tag"
done
check "skopeo inspect --raw of the index" command skopeo inspect --raw oci:layout:r1
is "$(jq '.manifests | length' <<<"$out")" 2 "the index holds C and R"
vital "copy of the index with digests kept" skopeo copy --all --preserve-digests oci:layout:r1 oci:copy:r1
for tag in r1.checkpoint r1.rootfs; do
	vital "copy of $tag with digests kept" skopeo copy --preserve-digests oci:layout:$tag oci:copy:$tag
done
entry='.manifests | map({t: .annotations."org.opencontainers.image.ref.name", digest, size}) | sort'
want=$(jq -c "$entry" layout/index.json)
is "$(jq length <<<"$want") $(jq -c "$entry" copy/index.json)" "3 $want" "the copy has the same three digests"
(cd layout/blobs/sha256 && sha256sum -- * >"$work/sums")
is "$(awk '$1 != $2' sums)" "" "every blob of ours has the digest that it is named by"
missing=$(cd layout/blobs/sha256 && for b in *; do [ -f "$work/copy/blobs/sha256/$b" ] || echo "$b"; done)
is "$missing" "" "every blob of ours went over"

# A layout that firn made is one that it can use again after someone else has copied it.
vital "mount of the copy" firn mount --read-only oci:copy:r1 "$PWD/m"
list_tree m/rootfs >ours
must firn umount "$PWD/m"
vital "mount of the original" firn mount --read-only oci:layout:r1 "$PWD/m"
list_tree m/rootfs >again
same_tree ours again "both have one tree"
data_is_right m/rootfs "which is the right one"

vital "umoci unpack" umoci unpack --image layout:r1.rootfs u
list_tree u/rootfs >theirs
same_tree ours theirs "umoci unpacks the same tree: names, types, modes, owners, times, attributes, contents"
must skopeo copy -q oci:layout:r1.rootfs containers-storage:localhost/r1-rootfs:1
dir=$(podman image mount localhost/r1-rootfs:1) || bail "podman image mount failed"
list_tree "$dir" >theirs
same_tree ours theirs "podman image mount shows the same tree"
must podman image unmount localhost/r1-rootfs:1

# The checkpoint image: its files are plain files for everybody.
must skopeo copy -q oci:layout:r1.checkpoint containers-storage:localhost/r1:1
dir=$(podman image mount localhost/r1:1) || bail "podman image mount failed"
list_tree "$dir/checkpoint" >theirs
list_tree m/checkpoint >ours
same_tree ours theirs "podman image mount shows the CRIU images that our mount shows"
mkdir archive && bsdtar -xpf c1.tar -C archive
# Ours are 0600, whatever CRIU's are: memory is nobody else's business.
list_tree archive/checkpoint | sed 's/^[^ ]* //; s/ mtime=[^ ]*//' >theirs
sed 's/^[^ ]* //; s/ mtime=[^ ]*//' ours >ours2
same_tree ours2 theirs "and they are the archive's, byte for byte"
is "$(find m/checkpoint -perm /077)" "" "for nobody but root"
must firn umount "$PWD/m"

# Other people's entries stay.
must umoci new --image layout:foreign
before=$(jq -cS '.manifests[] | select(.annotations."org.opencontainers.image.ref.name" == "foreign")' layout/index.json)
vital "a second build beside umoci's image" firn build --base oci:base:app c1.tar oci:layout:r2
is "$(jq -cS '.manifests[] | select(.annotations."org.opencontainers.image.ref.name" == "foreign")' layout/index.json)" \
	"$before" "keeps its entry as it was"
check "umoci gc keeps what our tags need" umoci gc --layout layout
vital "mount after umoci gc" firn mount --read-only oci:layout:r1 "$PWD/m"
must firn umount "$PWD/m"
done_testing

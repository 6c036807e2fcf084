#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What firn copies, skopeo, umoci and Podman read, and the other way round: every digest stays, and the folders
# of skopeo's are the same files whoever wrote them.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

make_images
start_app c1
must podman container checkpoint -c none --export=c1.tar c1
must podman rm -f -t 0 c1
must command skopeo copy -q containers-storage:localhost/app:1 oci:base:app
vital "build" firn build -q --base oci:base:app c1.tar oci:layout:r1
keep=(--all --preserve-digests -q)
digest=$(jq -r '.manifests[] | select(.annotations."org.opencontainers.image.ref.name" == "r1").digest' layout/index.json)
blobs() { (cd "$1/blobs/sha256" && sha256sum -- * | awk '{ print $1, $2 }'); }
want=$(blobs layout)
is "$(awk '$1 != $2' <<<"$want")" "" "every blob is what its name says"

# Ours, read by the others.
vital "to a folder" firn copy -q oci:layout:r1 dir:ours
must command skopeo copy "${keep[@]}" oci:layout:r1 dir:theirs
check "the same files as skopeo's" diff -r ours theirs
vital "skopeo takes our folder" skopeo copy "${keep[@]}" dir:ours oci:from-ours:r1
is "$(blobs from-ours)" "$want" "the same blobs"
vital "to an archive" firn copy -q oci:layout:r1 oci-archive:ours.tar
vital "skopeo takes our archive" skopeo copy "${keep[@]}" oci-archive:ours.tar:r1 oci:from-archive:r1
is "$(blobs from-archive)" "$want" "the same blobs"
is "$(command skopeo inspect --raw oci-archive:ours.tar:r1 | sha256sum | cut -d' ' -f1)" "${digest#sha256:}" "skopeo inspect --raw has the digest"
vital "the rootfs image alone" firn copy -q --only rootfs oci:layout:r1 oci-archive:plain.tar:plain
vital "podman load of it" podman load -q -i plain.tar
check "podman runs it" podman run --rm --pids-limit=0 --network host "$(podman images -q --no-trunc | head -n 1)" /bin/busybox true
vital "to a layout" firn copy -q oci:layout:r1 oci:umoci:r1
check "umoci stat of its rootfs image" umoci stat --image umoci:r1.rootfs
vital "umoci unpack of it" umoci unpack --image umoci:r1.rootfs unpacked
vital "umoci gc" umoci gc --layout umoci
is "$(blobs umoci)" "$want" "takes nothing away"

# Theirs, read by us.
must command skopeo copy "${keep[@]}" oci:layout:r1 oci-archive:theirs.tar:r1
vital "from skopeo's folder" firn copy -q dir:theirs oci:to-ours:r1
is "$(blobs to-ours)" "$want" "the same blobs"
vital "from skopeo's archive" firn copy -q oci-archive:theirs.tar:r1 oci:to-ours2:r1
is "$(blobs to-ours2)" "$want" "the same blobs"
must command podman save -q --format oci-archive -o saved.tar localhost/app:1
vital "from podman save" firn copy -q oci-archive:saved.tar oci:saved:app
is "$(firn verify -q oci:saved >/dev/null; echo $?)" 0 "is whole"
must command podman save -q --format docker-dir -o saved.dir localhost/app:1
vital "from a folder of podman's with Docker's types" firn copy -q dir:saved.dir oci:docker:app
check "and back" firn copy -q oci:docker:app dir:docker.dir
check "is the very folder" diff -r saved.dir docker.dir

# Restored from what went through all of it.
vital "a long way" bash -c 'firn copy -q dir:ours oci-archive:way.tar:r1 && firn copy -q oci-archive:way.tar oci:way'
vital "restore from its end" firn restore --runtime runc oci:way:r1 r1
check "what was restored runs" bash -c 'runc state r1 | jq -e ".status == \"running\""'
runc delete -f r1 >/dev/null 2>&1
done_testing

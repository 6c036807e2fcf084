#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn verify on what other tools write: layouts and archives of skopeo, umoci, buildah and podman have no
# findings; a byte changed in any blob of theirs is found; checkpoints of Podman and CRIU are whole.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

clean() { # WHAT ARGUMENT...
	run firn verify "${@:2}"
	if [ "$status $out" = "0 ${*: -1}: no faults" ]; then ok "$1"; else
		not_ok "$1"
		tap_show
	fi
}
both() { # WHAT INPUT
	clean "$1" "$2"
	clean "$1, unpacked" --deep "$2"
}
codes() { python3 -c 'import json, sys; print(*sorted({f["code"] for f in json.load(sys.stdin) if f["level"] == sys.argv[1]}))' "$1" <<<"$out"; }

make_images

# --- layouts that others wrote

must skopeo copy -q containers-storage:localhost/app:1 oci:skopeo:app
both "skopeo's layout" oci:skopeo
must skopeo copy -q --dest-compress-format zstd --dest-compress containers-storage:localhost/app:1 oci:skopeo-zstd:app
both "skopeo's layout with zstd" oci:skopeo-zstd
must skopeo copy -q --dest-decompress oci:skopeo:app dir:plain
must skopeo copy -q containers-storage:localhost/base:1 oci:skopeo:base
both "two images in it" skopeo
clean "one of them" oci:skopeo:app
must skopeo copy -q oci:skopeo:app oci-archive:skopeo.tar:app
both "skopeo's oci-archive" skopeo.tar
clean "by its name" oci-archive:skopeo.tar:app
must skopeo copy -q oci:skopeo:app docker-archive:docker.tar:localhost/app:1
both "skopeo's docker-archive" docker.tar
must podman save -q --format oci-archive -o podman.tar localhost/app:1
both "podman's oci-archive" podman.tar
must podman save -q --format docker-archive -o podman-docker.tar localhost/app:1
both "podman's docker-archive" podman-docker.tar
must podman save -q --format oci-dir -o podman-dir localhost/app:1
both "podman's layout" podman-dir
must buildah push -q localhost/app:1 oci:buildah:app
both "buildah's layout" oci:buildah
must buildah push -q --format v2s2 localhost/app:1 oci-archive:buildah.tar:app
both "buildah's oci-archive" buildah.tar
must buildah manifest create many
must buildah manifest add many containers-storage:localhost/app:1
must buildah manifest add many containers-storage:localhost/base:1
must buildah manifest push -q --all many oci:many:all
both "an index of buildah's" oci:many
must buildah manifest create wrong
must buildah manifest add --arch arm64 wrong containers-storage:localhost/base:1
must buildah manifest push -q --all wrong oci:wrong:all
run firn verify --format '{{.Level}} {{.Code}}' oci:wrong
is "$status $out" "0 warning platform-differs" "an index that says another platform than the image"

must umoci init --layout umoci
must umoci new --image umoci:new
both "umoci's layout with an image without layers" oci:umoci
must umoci unpack --image skopeo:app bundle
echo changed >bundle/rootfs/data/sub/changed
rm -f bundle/rootfs/data/keep.txt
must cp -r skopeo repacked
must umoci repack --image repacked:more bundle
both "umoci's layer on skopeo's" oci:repacked
must umoci config --image repacked:more --config.user nobody
run firn verify --format json oci:repacked
is "$status $(codes fault)$(codes warning)" "0 " "no fault after umoci config"
is "$(codes note)" orphan "but what umoci's own garbage collector removes"
must umoci gc --layout repacked
both "and nothing after that" oci:repacked
must umoci tag --image repacked:more again
both "two tags of one image" oci:repacked

# --- a byte changed anywhere is found

python3 - skopeo umoci <<'END' || bail "no flips"
import os, shutil
base = "skopeo/blobs/sha256"
for i, name in enumerate(sorted(os.listdir(base))):
    shutil.copytree("skopeo", f"flip{i}")
    with open(f"flip{i}/blobs/sha256/{name}", "r+b") as f:
        f.seek(os.path.getsize(f.name) // 2)
        byte = f.read(1)
        f.seek(-1, 1)
        f.write(bytes([byte[0] ^ 1]))
    open(f"flip{i}.name", "w").write(name)
END
for flip in flip*.name; do
	run firn verify --format json "oci:${flip%.name}"
	is "$status $(grep -c "\"place\": \"blobs/sha256/$(cat "$flip")\"" <<<"$out") $(grep -c '"code": "digest-differs"' <<<"$out")" \
		"3 $(grep -c "\"place\": \"blobs/sha256/$(cat "$flip")\"" <<<"$out") 1" "a bit in blob $(cut -c1-12 "$flip")"
	like "$out" "\"place\": \"blobs/sha256/$(cat "$flip")\"" "at its place"
done

# --- checkpoints, and what firn makes of them, before and after others have copied it

start_app c1
for how in none gzip zstd; do
	must podman container checkpoint --leave-running -c $how --export=$how.tar c1
	both "Podman's archive, $how" $how.tar
done
must podman container checkpoint --leave-running --create-image localhost/cp:1 c1
must skopeo copy -q containers-storage:localhost/cp:1 oci:cp:1
both "Podman's checkpoint image" oci:cp
must podman rm -f -t 0 c1
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
vital "build" firn build --base oci:base:app zstd.tar oci:layout:r1
both "firn's layout" oci:layout
must skopeo copy -q --all --preserve-digests oci:layout:r1 oci:copy:r1
both "copied by skopeo" oci:copy
must skopeo copy -q oci:layout:r1.rootfs oci:packed:r
both "with its layers compressed" oci:packed
must umoci gc --layout copy
both "after umoci gc" oci:copy
done_testing

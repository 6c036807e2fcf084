#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn copy and a registry: what it pushes skopeo, oras and Podman pull and the other way round, with every digest as it
# was; what is there isn't sent; what breaks off is gone on with by the next try.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

export HOME=$work/home
mkdir -p "$HOME"
start_registry
at_exit 'kill $(jobs -p) 2>/dev/null'
make_images
start_app c1
must podman container checkpoint -c none --export=c1.tar c1
must podman rm -f -t 0 c1
push containers-storage:localhost/app:1 app:1 || bail "no base in the registry"
must command skopeo copy -q --src-tls-verify=false "docker://$registry/app:1" oci:base:app
vital "build" firn build -q --base oci:base:app c1.tar oci:layout:r1
digest=$(digest_of r1)
blobs() { (cd "$1/blobs/sha256" && sha256sum -- * | awk '{ print $1, $2 }'); }
want=$(blobs layout)
keep=(--all --preserve-digests -q)

# --- push

vital "push" firn copy -q --plain-http oci:layout:r1 "docker://$registry/cp/one:r1"
is "$out" "$digest" "prints the digest"
check "push once more" firn copy -q --plain-http --format '{{.Blobs}} {{.PresentBlobs}}' oci:layout:r1 "docker://$registry/cp/one:r1"
is "$out" "0 $(wc -l <<<"$want")" "sends nothing"
must command skopeo copy "${keep[@]}" --src-tls-verify=false "docker://$registry/cp/one:r1" oci:theirs:r1
is "$(blobs theirs)" "$want" "skopeo pulls the same"
is "$(command skopeo inspect --raw --tls-verify=false "docker://$registry/cp/one:r1" | sha256sum | cut -d' ' -f1)" "${digest#sha256:}" \
	"the tag is that image"
check "podman pulls the rootfs image" podman pull -q --tls-verify=false "$registry/cp/one@$(digest_of r1.rootfs)"
check "and runs it" podman run --rm --pids-limit=0 --network host "$registry/cp/one@$(digest_of r1.rootfs)" /bin/busybox true
fails 1 'is there already \(--force replaces it\)' "a tag that is another image's" firn copy -q --plain-http oci:layout:r1.rootfs "docker://$registry/cp/one:r1"
check "with --force" firn copy -q --plain-http --force oci:layout:r1.rootfs "docker://$registry/cp/one:r1"
is "$(command skopeo inspect --format '{{.Digest}}' --tls-verify=false "docker://$registry/cp/one:r1")" "$(digest_of r1.rootfs)" "it is the other one's"
check "without a tag" firn copy -q --plain-http oci:layout:r1 "docker://$registry/cp/one"
check "is latest" command skopeo inspect --raw --tls-verify=false "docker://$registry/cp/one:latest"
fails 2 'tag "a/b"' "a name that no registry takes" firn copy -q --plain-http oci:layout:r1 "docker://$registry/cp/one:a/b"
check "from one repository to another" firn copy --progress=json --plain-http "docker://$registry/cp/one" "docker://$registry/cp/two:x"
like "$err" '"state":"mounted"' "takes the blobs over"
unlike "$err" '"state":"copied".*layer' "and sends none"
must command skopeo copy "${keep[@]}" --src-tls-verify=false "docker://$registry/cp/two:x" oci:theirs2:r1
is "$(blobs theirs2)" "$want" "all of it is there"

# The base's layers are in the registry already, in the repository that the image names.
name=$(jq -r --arg d "$(digest_of r1.rootfs)" '.annotations."org.opencontainers.image.base.name"' "layout/blobs/sha256/$(digest_of r1.rootfs | cut -d: -f2)")
diag "the base's name: $name"
mkdir named && cp -a layout/. named/
python3 - named "$registry/app:1" <<'END'
import hashlib, json, sys
top, name = sys.argv[1:]
def path(d): return f"{top}/blobs/" + d.replace(":", "/")
index = json.load(open(top + "/index.json"))
entry = next(d for d in index["manifests"] if d["annotations"]["org.opencontainers.image.ref.name"] == "r1.rootfs")
doc = json.load(open(path(entry["digest"])))
doc.setdefault("annotations", {})["org.opencontainers.image.base.name"] = name
text = json.dumps(doc).encode()
entry.update(digest="sha256:" + hashlib.sha256(text).hexdigest(), size=len(text))
open(path(entry["digest"]), "wb").write(text)
json.dump(index, open(top + "/index.json", "w"))
END
check "push of an image whose base is there" firn copy --progress=json --plain-http oci:named:r1.rootfs "docker://$registry/cp/three:x"
base=$(jq -r '.layers[].digest' "base/blobs/sha256/$(jq -r '.manifests[0].digest' base/index.json | cut -d: -f2)")
is "$(for b in $base; do grep "$b" <<<"$err" | grep -o '"state":"[a-z]*"'; done | sort -u)" '"state":"mounted"' "takes the base's layers over"

# --- pull

vital "pull" firn copy -q --plain-http "docker://$registry/cp/one" oci:pulled:r1
is "$(blobs pulled)" "$want" "the same blobs"
check "pull by digest" firn copy -q --plain-http "docker://$registry/cp/one@$digest" oci:pulled2:r1
is "$(blobs pulled2)" "$want" "the same blobs"
check "pull into an archive" firn copy -q --plain-http "docker://$registry/cp/one@$digest" oci-archive:pulled.tar:r1
must firn copy -q oci:layout:r1 oci-archive:local.tar
check "the very archive that a layout gives" cmp pulled.tar local.tar
check "pull into a folder" firn copy -q --plain-http "docker://$registry/cp/one@$digest" dir:flat
must command skopeo copy "${keep[@]}" --src-tls-verify=false "docker://$registry/cp/one@$digest" dir:flat2
check "the very folder that skopeo makes" diff -r flat flat2
must command skopeo copy "${keep[@]}" --dest-tls-verify=false oci:layout:r1 "docker://$registry/their/push:r1"
vital "pull of what skopeo pushed" firn copy -q --plain-http "docker://$registry/their/push:r1" oci:pulled3:r1
is "$(blobs pulled3)" "$want" "the same blobs"
check "all tags, both ways" bash -c "firn copy -q -a --plain-http oci:layout docker://$registry/all && firn copy -q -a --plain-http docker://$registry/all oci:every"
is "$(jq -c '[.manifests[] | {t: .annotations["org.opencontainers.image.ref.name"], digest}] | sort' every/index.json)" \
	"$(jq -c '[.manifests[] | {t: .annotations["org.opencontainers.image.ref.name"], digest}] | sort' layout/index.json)" "the same images under the same tags"
fails 4 'MANIFEST_UNKNOWN|not' "of nothing" firn copy -q --plain-http "docker://$registry/cp/one:none" oci:none:x
fails 1 'refused' "of nobody" firn copy -q --plain-http docker://127.0.0.1:1/cp/one:none oci:none:x
check "leaves no folder" test ! -e none
vital "restore of what was pulled" firn restore --runtime runc oci:pulled:r1 r1
check "runs" bash -c 'runc state r1 | jq -e ".status == \"running\""'
end_container r1 >/dev/null 2>&1

# --- oras: what firn pushed, and what firn is given by it

plain=(--no-tty --plain-http)
is "$(oras manifest fetch --plain-http "$registry/cp/two:x" | sha256sum | cut -d' ' -f1)" "${digest#sha256:}" "oras fetches the index as it was"
check "oras pulls what firn pushed" oras cp --no-tty --from-plain-http --to-oci-layout "$registry/cp/two:x" oras1:r1
is "$(blobs oras1)" "$want" "the same blobs"
check "oras copies a layout of firn's" oras cp --no-tty --from-oci-layout --to-plain-http layout:r1 "$registry/oras/one:r1"
vital "pull of what oras pushed" firn copy -q --plain-http "docker://$registry/oras/one:r1" oci:oras2:r1
is "$out $(blobs oras2)" "$digest $want" "the same image"
vital "copy of a layout that oras wrote" firn copy -q oci:oras1:r1 oci:oras3:r1
is "$out $(blobs oras3)" "$digest $want" "the same image"
whole oci:oras1:r1
# The rootfs image with what refers to it: oras finds the checkpoint by firn's push, and firn by oras'.
rootfs=$(digest_of r1.rootfs) checkpoint=$(digest_of r1.checkpoint)
check "oras discover" oras discover --plain-http --format json "$registry/cp/two@$rootfs"
is "$(jq -r '.manifests[].digest' <<<"$out")" "$checkpoint" "finds the checkpoint of an image that firn pushed"
check "oras copies an image with its checkpoint" oras cp --no-tty -r --from-plain-http --to-plain-http "$registry/cp/two@$rootfs" "$registry/oras/two:r"
is "$(firn list --plain-http --format '{{.Kind}} {{.Digest}}' "docker://$registry/oras/two@$rootfs")" "checkpoint $checkpoint" "firn list finds it there"
check "oras attaches a note" bash -c "echo note >note.txt && oras attach ${plain[*]} --artifact-type application/x-note $registry/oras/two@$rootfs note.txt:text/plain"
note=$(oras discover --plain-http --format json --artifact-type application/x-note "$registry/oras/two@$rootfs" | jq -r '.manifests[0].digest')
check "a copy of the note" firn copy -q --plain-http "docker://$registry/oras/two@$note" "docker://$registry/oras/three:note"
is "$(oras discover --plain-http --format json "$registry/oras/three@$rootfs" | jq -r '.manifests[].digest')" "$note" \
	"brings the image that it is attached to, and oras finds it there"
check "oras pulls the note's file" oras pull "${plain[@]}" -o pulled "$registry/oras/three:note"
is "$(cat pulled/note.txt)" note "as it was"

# --- compressed on the way

must firn build -q -z zstd --base oci:base:app c1.tar oci:zstd:r1
packed=$(jq -r '.manifests[0].digest' zstd/index.json)
want_packed=$(blobs zstd)
rootfs=$(jq -r '.manifests[2].digest' zstd/index.json)
vital "push, compressed" firn copy -q --plain-http -z zstd oci:layout:r1 "docker://$registry/cp/zstd:r1"
is "$out" "$packed" "is the image that a build writes so"
check "once more" firn copy -q --plain-http -z zstd --format '{{.Blobs}} {{.PresentBlobs}}' oci:layout:r1 "docker://$registry/cp/zstd:r1"
is "$out" "0 $(wc -l <<<"$want_packed")" "sends nothing"
must command skopeo copy "${keep[@]}" --src-tls-verify=false "docker://$registry/cp/zstd:r1" oci:theirs.z:r1
is "$(blobs theirs.z)" "$want_packed" "skopeo pulls it, byte for byte"
check "podman pulls the rootfs image" podman pull -q --tls-verify=false "$registry/cp/zstd@$rootfs"
is "$(podman image inspect -f '{{.Id}}' "$registry/cp/zstd@$rootfs")" \
	"$(jq -r .config.digest "layout/blobs/sha256/$(digest_of r1.rootfs | cut -d: -f2)" | cut -d: -f2)" "with the ID that it has uncompressed"
check "and runs it" podman run --rm --pids-limit=0 --network host "$registry/cp/zstd@$rootfs" /bin/busybox true
check "from one repository to another, compressed" firn copy -q --plain-http -z zstd "docker://$registry/cp/one@$digest" "docker://$registry/cp/zstd2:r1"
is "$out" "$packed" "is the same image"
vital "pull of it" firn copy -q --plain-http "docker://$registry/cp/zstd2:r1" oci:pulled.z:r1
is "$(blobs pulled.z)" "$want_packed" "the same blobs"
vital "pull, decompressed" firn copy -q --plain-http --decompress "docker://$registry/cp/zstd:r1" oci:pulled.p:r1
is "$(blobs pulled.p)" "$want" "gives the plain ones again"
check "push, decompressed" firn copy -q --plain-http --decompress oci:zstd:r1 "docker://$registry/cp/plain:r1"
must command skopeo copy "${keep[@]}" --src-tls-verify=false "docker://$registry/cp/plain:r1" oci:theirs.p:r1
is "$(blobs theirs.p)" "$want" "as well"
is "$(podman image inspect -f '{{.Digest}}' "$registry/cp/zstd@$rootfs")" "$rootfs" "and the rootfs image is still that one"
vital "restore of what was pulled compressed" firn restore --runtime runc oci:pulled.z:r1 r1z
check "runs" bash -c 'runc state r1z | jq -e ".status == \"running\""'
end_container r1z >/dev/null 2>&1

# --- what breaks off

# An image with layers large enough to be cut in the middle.
mkdir -p large/blobs/sha256
python3 - large <<'END'
import hashlib, json, os, sys
top = sys.argv[1]
def put(data, media):
    digest = hashlib.sha256(data).hexdigest()
    open(f"{top}/blobs/sha256/{digest}", "wb").write(data)
    return {"mediaType": media, "digest": "sha256:" + digest, "size": len(data)}
layers = [put(os.urandom(n << 20), "application/x-noise") for n in (96, 64, 5, 1)]
m = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": put(b"{}", "application/vnd.oci.empty.v1+json"), "layers": layers}
root = put(json.dumps(m).encode(), m["mediaType"])
root["annotations"] = {"org.opencontainers.image.ref.name": "t"}
open(top + "/oci-layout", "w").write('{"imageLayoutVersion":"1.0.0"}')
json.dump({"schemaVersion": 2, "manifests": [root]}, open(top + "/index.json", "w"))
END
# killed_while COMMAND...: after a while, longer each time, until it comes to its end; $tries counts
killed_while() {
	tries=0
	while [ $tries -lt 60 ]; do
		tries=$((tries + 1))
		if timeout -s KILL "$(awk "BEGIN { print 0.04 + $tries * 0.02 }")" "$@" >/dev/null 2>.killed; then
			return 0
		elif [ $? != 137 ]; then
			cat .killed
			return 1
		fi
	done
}
check "a push that is killed again and again comes to its end" killed_while firn copy -q --plain-http oci:large:t "docker://$registry/large:t"
check "it was killed" test $tries -gt 2
must command skopeo copy "${keep[@]}" --src-tls-verify=false "docker://$registry/large:t" oci:large2:t
is "$(blobs large2)" "$(blobs large)" "and every digest is right"
check "so does a pull" killed_while firn copy -q --plain-http "docker://$registry/large:t" oci:large3:t
check "it was killed, too" test $tries -gt 2
is "$(blobs large3)" "$(blobs large)" "and every digest is right"
check "nothing unfinished is left" test ! -e large3/.firn-partial
mkdir noisy && tar -C noisy -xf c1.tar
{ head -c 24M /dev/urandom && yes text | head -c 64M; } >noisy/checkpoint/pages-99.img
must firn build -q noisy oci:noisy.p:t
must firn build -q -z zstd noisy oci:noisy.z:t
check "and a push that compresses" killed_while firn copy -q --plain-http -z zstd oci:noisy.p:t "docker://$registry/noisy:t"
check "it was killed" test $tries -gt 2
must command skopeo copy "${keep[@]}" --src-tls-verify=false "docker://$registry/noisy:t" oci:noisy2:t
is "$(blobs noisy2)" "$(blobs noisy.z)" "and every digest is right"
check "a pull that decompresses" killed_while firn copy -q --plain-http --decompress "docker://$registry/noisy:t" oci:noisy3:t
is "$(blobs noisy3)" "$(blobs noisy.p)" "comes to its end as well"
is "$(find /var/tmp /scratch -maxdepth 1 -name '.firn*')" "" "no temporary file is left"

half() { rm -rf half && timeout -s KILL 0.15 firn copy -q -j 1 --plain-http "docker://$registry/large:t" oci:half:t >/dev/null 2>&1; ls half/.firn-partial 2>/dev/null; }
for _ in 1 2 3 4 5; do
	name=$(half)
	[ -z "$name" ] || break
done
if [ -n "$name" ]; then
	size=$(stat -c %s "half/.firn-partial/$name")
	dd if=/dev/urandom of="half/.firn-partial/$name" bs=1 seek=$((size / 2)) count=8 conv=notrunc status=none
	check "a beginning that is spoilt" firn copy -q --plain-http "docker://$registry/large:t" oci:half:t
	is "$(blobs half)" "$(blobs large)" "is fetched anew"
else
	not_ok "no download could be cut"
fi
mkdir -p half/.firn-partial && echo beginning >half/.firn-partial/"$name"
check "gc" firn gc oci:half
unlike "$out" unfinished "lets a young one be"
check "gc without grace" firn gc --grace 0 oci:half
like "$out" 'removed: 1 unfinished downloads' "removes it"
check "and its folder" test ! -e half/.firn-partial
is "$(blobs half)" "$(blobs large)" "and nothing else"
done_testing

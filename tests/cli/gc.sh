#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Names of images, and what goes when nobody names it any more: nothing that anything refers to ever does.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
tap_erofs && own_mounts
cd "$work" || exit 99

whole() { python3 "$top_srcdir/tests/cli/check-layout.py" "$@" 2>&1; }
tags() { python3 -c 'import json, sys
for d in json.load(open(sys.argv[1] + "/index.json"))["manifests"]:
    print(d.get("annotations", {}).get("org.opencontainers.image.ref.name", "-"))' "$1" | sort | tr '\n' ' '; }
digest_of() { python3 -c 'import json, sys
print(next(d["digest"] for d in json.load(open(sys.argv[1] + "/index.json"))["manifests"]
           if d.get("annotations", {}).get("org.opencontainers.image.ref.name") == sys.argv[2]))' "$@"; }
blobs() { (cd "$1" && find blobs -type f | sort); }
# add_blob LAYOUT: one of standard input; prints its digest
add_blob() {
	local sum

	cat >.blob
	sum=$(sha256sum <.blob | cut -d' ' -f1)
	cp .blob "$1/blobs/sha256/$sum"
	echo "sha256:$sum"
}
# Three checkpoints of one container, moments apart, and one of another.
make_layout() { # DIR
	for t in old:podman-none.tar middle:podman-gzip.tar.gz new:podman-zstd.tar.zst other:containerd-cri-tiny.tar; do
		"$firn" build -q "$data/${t#*:}" "oci:$1:${t%%:*}" >/dev/null || bail "build of $t"
	done
}
make_layout first
is "$(whole first old middle new other)" "" "a layout of four checkpoints"

# --- names

cp -a first l
check "tag" "$firn" tag oci:l:old golden
is "$(tags l)" "golden golden.checkpoint golden.rootfs middle middle.checkpoint middle.rootfs new new.checkpoint new.rootfs old \
old.checkpoint old.rootfs other other.checkpoint other.rootfs " "names the image and its parts"
is "$(digest_of l golden) $(digest_of l golden.rootfs)" "$(digest_of l old) $(digest_of l old.rootfs)" "each is the same image"
is "$(python3 -c 'import json
print(sum(set(d["annotations"]) != {"org.opencontainers.image.ref.name"} for d in json.load(open("l/index.json"))["manifests"]))')" 0 "and is said no more of than a build says"
cp l/index.json before
fails 1 'tag "golden" is there already \(--force replaces it\)' "a name that is taken" "$firn" tag oci:l:new golden
check "nothing has changed" cmp l/index.json before
check "tag --force" "$firn" tag --force oci:l:new golden
is "$(digest_of l golden) $(digest_of l golden.checkpoint)" "$(digest_of l new) $(digest_of l new.checkpoint)" "it is the other image's now"
"$firn" tag oci:l:golden.rootfs golden.1
check "tag --force for a part alone" "$firn" tag --force oci:l:old.checkpoint golden
is "$(tags l | tr ' ' '\n' | grep golden | tr '\n' ' ')" "golden golden.1 " "has no parts of the image that was there"
check "tag --force once more" "$firn" tag --force oci:l:new golden
check "tag by digest, two at once" "$firn" tag "oci:l@$(digest_of l middle)" a b
is "$(digest_of l a) $(digest_of l b.checkpoint)" "$(digest_of l middle) $(digest_of l middle.checkpoint)" "both are there"
check "tag of one part" "$firn" tag oci:l:other.rootfs base
is "$(digest_of l base)" "$(digest_of l other.rootfs)" "a part alone has one name"
fails 2 '' "a name that can't be one" "$firn" tag oci:l:old 'a b'
fails 4 'no' "tag of nothing" "$firn" tag oci:l:none x
check "rm" "$firn" rm oci:l:golden
is "$(echo $out)" "golden golden.checkpoint golden.rootfs" "prints what is gone"
is "$(digest_of l new.checkpoint)" "$(digest_of first new.checkpoint)" "the image's other names stay"
check "rm as JSON" "$firn" rm --format json oci:l:a
is "$(python3 -c 'import json, sys; print(*sorted(json.loads(sys.argv[1])["Tags"]))' "$out")" "a a.checkpoint a.rootfs" "has the same"
fails 4 'no such tag' "rm of nothing" "$firn" rm oci:l:golden
fails 2 'needs a tag' "rm of a whole layout" "$firn" rm oci:l
# A name that looks like a part's, and is somebody's own.
"$firn" tag oci:l:old mine && "$firn" tag oci:l:other.checkpoint mine.extra
check "rm of an image" "$firn" rm oci:l:mine
is "$(digest_of l mine.extra)" "$(digest_of first other.checkpoint)" "a name of the same beginning for another image stays"
is "$(digest_of l golden.1)" "$(digest_of first new.rootfs)" "and so does one for a part that no build has given"

# --- what nobody refers to

rm -rf l && cp -a first l
blobs l >all
check "gc of a layout in which all is named" "$firn" gc --grace 0 oci:l
is "$out" "removed: 0 blobs, 0 B" "removes nothing"
check "rm of the oldest" "$firn" rm oci:l:old
check "gc with its usual grace" "$firn" gc oci:l
like "$out" '^removed: 0 blobs' "removes nothing yet"
like "$out" '^kept for their age: [1-9]' "says that it is young"
check "gc --dry-run" "$firn" gc --grace 0 --dry-run oci:l
like "$out" '^would be removed: [1-9]' "tells what would go"
is "$(blobs l)" "$(cat all)" "and removes nothing"
would=${out#would be }
check "gc" "$firn" gc --grace 0 oci:l
is "$out" "$would" "removes just that"
is "$(whole l middle new other)" "" "and the others are whole"
is "$(python3 - l <<'END'
import json, os, re, sys
top = sys.argv[1]
todo, seen = [open(f"{top}/index.json").read()], set()
while todo:
    for digest in re.findall(r'"sha256:([0-9a-f]{64})"', todo.pop()):
        path = f"{top}/blobs/sha256/{digest}"
        if digest not in seen and os.path.exists(path):
            seen.add(digest)
            if os.path.getsize(path) < 1 << 20 and open(path, "rb").read(1) == b"{":
                todo.append(open(path).read())
print(*(set(os.listdir(f"{top}/blobs/sha256")) - seen))
END
)" "" "nothing is left that nobody names"
check "gc once more" "$firn" gc --grace 0 --format '{{.Blobs}} {{.Bytes}} {{.YoungBlobs}}' oci:l
is "$out" "0 0 0" "finds nothing"
check "the image can be built again" "$firn" build -q "$data/podman-none.tar" oci:l:old
is "$(whole l old middle new other)" "" "and is whole"

# Others' things: an index in an index, a subject, a type that nobody knows, JSON that is none, a file that is no blob.
rm -rf l && cp -a first l
deep=$(echo deep | add_blob l)
deeper=$(echo deeper | add_blob l)
odd=$(printf '{"mediaType":"application/x-odd+json","parts":[{"digest":"%s","size":5,"mediaType":"a/b"}]}' "$deep" | add_blob l)
manifest=$(printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/x-odd+json","digest":"%s","size":1},"layers":[]}' "$odd" | add_blob l)
subject=$(printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"x/y","digest":"%s","size":1},"layers":[],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":1}}' "$deep" "$manifest" | add_blob l)
lines=$(printf '{"a":1}\n{"b":"%s"}\n' "$deeper" | add_blob l)
packed=$(printf '{}' | gzip -n | add_blob l)
artifact=$(printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"x/y","digest":"%s","size":1},"layers":[{"mediaType":"application/x-ndjson","digest":"%s","size":80},{"mediaType":"application/x-odd+json+gzip","digest":"%s","size":22}]}' "$deep" "$lines" "$packed" | add_blob l)
index=$(printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":1},{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":1},{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%064d","size":1}]}' "$artifact" "$subject" 7 | add_blob l)
loose=$(echo loose | add_blob l)
echo kept >l/blobs/sha256/README
python3 - l "$index" <<'END'
import json, sys
path = sys.argv[1] + "/index.json"
top = json.load(open(path))
top["manifests"].append({"mediaType": "application/vnd.oci.image.index.v1+json", "digest": sys.argv[2], "size": 1})
json.dump(top, open(path, "w"))
END
cp -a l foreign
check "gc of a layout with images of others" "$firn" gc --grace 0 --format '{{json .Removed}} {{.Absent}}' oci:l
is "$out" "[\"$loose\"] 1" "removes what nobody names alone"
for d in "$deep" "$deeper" "$odd" "$manifest" "$subject" "$lines" "$packed" "$artifact" "$index"; do
	[ -e "l/blobs/sha256/${d#sha256:}" ] || echo "$d"
done >gone
is "$(cat gone)" "" "all that others refer to stays"
is "$(cat l/blobs/sha256/README)" kept "so does a file that is no blob"
rm -rf l && cp -a foreign l
echo '{"broken":1}' >"l/blobs/sha256/${subject#sha256:}"
fails 3 "${subject#sha256:}" "a document that isn't what it should be" "$firn" gc --grace 0 oci:l
check "then nothing is removed" test -e "l/blobs/sha256/${loose#sha256:}"
rm -rf l && cp -a foreign l
none=$(echo '{"schemaVersion":2,' | add_blob l)
sed -i "s/$index/$none/" l/index.json
fails 3 "${none#sha256:}" "an index that is no JSON" "$firn" gc --grace 0 oci:l
check "then nothing is removed" test -e "l/blobs/sha256/${loose#sha256:}"
# An image that is somebody's opaque layer before it is anybody's image.
rm -rf l && cp -a first l
python3 - l <<'END'
import hashlib, json, sys
top = sys.argv[1]
path, name = top + "/index.json", "org.opencontainers.image.ref.name"
index = json.load(open(path))
new = next(d for d in index["manifests"] if d["annotations"][name] == "new")
layer = {"mediaType": "application/octet-stream", "digest": new["digest"], "size": new["size"]}
data = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": layer, "layers": [layer]}).encode()
digest = hashlib.sha256(data).hexdigest()
open(f"{top}/blobs/sha256/{digest}", "wb").write(data)
index["manifests"] = [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + digest, "size": len(data)}, new]
json.dump(index, open(path, "w"))
END
check "gc of a layout with an image that is a layer, too" "$firn" gc --grace 0 oci:l
check "the image is whole" "$firn" verify oci:l:new
fails 2 'whole layout' "gc of one image" "$firn" gc oci:l:new
fails 2 'no age' "an age that is none" "$firn" gc --grace soon oci:l
fails 2 'no size' "a size that is none" "$firn" gc --max-size 1X oci:l

# --- old checkpoints

kept() { # WHAT WANT OPTION...: the tags that stay
	local what=$1 want=$2
	shift 2
	rm -rf l && cp -a first l
	check "gc $*" "$firn" gc --grace 0 "$@" oci:l
	is "$(tags l | tr ' ' '\n' | grep -v '\.' | tr '\n' ' ')" "$want" "$what"
	# shellcheck disable=SC2086 # a list
	is "$(whole l $want)" "" "and what stays is whole"
}
kept "the two newest of each container stay" "middle new other " --keep-last 2
kept "the newest of each container stays" "new other " --keep-last 1
kept "what is younger stays, too" "middle new old other " --keep-last 1 --keep-within 5200w
kept "of what is old the newest stays" "new other " --keep-within 1s
kept "a small allowance leaves the newest" "new other " --max-size 1
kept "a large one leaves all" "middle new old other " --max-size 1T
all=$(cd first/blobs/sha256 && cat ./* | wc -c)
kept "one in between leaves some" "middle new other " --max-size $((all * 3 / 4))
rm -rf l && cp -a first l
check "a dry run of it" "$firn" gc --grace 0 --dry-run --keep-last 1 oci:l
like "$out" '^would be untagged: old.checkpoint$' "tells the names"
check "and changes nothing" diff -r first l
"$firn" tag oci:l:old golden && "$firn" tag oci:l:golden.rootfs golden.1
check "an old image under two names" "$firn" gc --grace 0 --keep-last 1 oci:l
is "$(tags l)" "golden.1 new new.checkpoint new.rootfs other other.checkpoint other.rootfs " "loses both, and none that is somebody's own"
made() { # TAG=TIME...: other times at which these checkpoints were made
	rm -rf l && cp -a first l
	python3 - l "$@" <<'END'
import hashlib, json, sys
top, times = sys.argv[1], dict(a.split("=", 1) for a in sys.argv[2:])
path = top + "/index.json"
index = json.load(open(path))
for d in index["manifests"]:
    time = times.get(d["annotations"]["org.opencontainers.image.ref.name"])
    if time:
        image = json.load(open(f"{top}/blobs/sha256/{d['digest'][7:]}"))
        image["annotations"]["org.opencontainers.image.created"] = time
        data = json.dumps(image).encode()
        digest = hashlib.sha256(data).hexdigest()
        open(f"{top}/blobs/sha256/{digest}", "wb").write(data)
        d.update(digest="sha256:" + digest, size=len(data))
json.dump(index, open(path, "w"))
END
	check "gc of checkpoints of $*" "$firn" gc --grace 0 --keep-last 1 oci:l
	kept=$(tags l | tr ' ' '\n' | grep -v '\.' | tr '\n' ' ')
}
made old=2026-01-01T02:00:00+05:00 middle=2026-01-01T01:00:00Z new=2025-12-31T22:00:00-01:00
is "$kept" "middle other " "the newest stays, in whatever zone it was made"
made old=yesterday,-at-half-past-nine
is "$kept" "new old other " "a time that is none is not the newest, and doesn't say how old it is"
rm -rf l && cp -a first l && sed -i 's/"old"/"o l d"/' l/index.json
check "a name that isn't one of ours" "$firn" gc --grace 0 --keep-last 1 oci:l
is "$(grep -c 'o l d' l/index.json)" 0 "goes as the others do"
mkdir raw two
tar -C raw -xf "$data/raw-criu-1proc.tar" && tar -C two -xf "$data/raw-criu-2proc.tar"
img=$(dirname "$(find "$PWD/raw" -name inventory.img)")
check "build of a bare process" "$firn" build -q "$img" oci:l:raw
check "build of another" "$firn" build -q "$(dirname "$(find "$PWD/two" -name inventory.img)")" oci:l:two
check "gc of processes without a name" "$firn" gc --grace 0 --keep-last 1 oci:l
like "$(tags l)" 'raw raw.checkpoint two two.checkpoint' "no one is another's older one"

# --- beside others

# What somebody names while we wait for the lock is looked at when we have it.
rm -rf l && cp -a first l
(
	flock 9
	touch locked
	sleep 1
	sed "s/$(digest_of first old)/$(digest_of first other)/" first/index.json >l/index.new
	mv l/index.new l/index.json
) 9<l &
until [ -e locked ]; do sleep 0.01; done
check "gc while an old name becomes another container's" "$firn" gc --grace 0 --keep-last 1 oci:l
wait
is "$(digest_of l old)" "$(digest_of first other)" "it stays"

rm -rf l && cp -a first l
(
	for i in 1 2 3 4; do
		"$firn" build -q --force "$data/podman-none.tar" oci:l:old || echo "build $i"
		"$firn" rm oci:l:old || echo "rm $i"
	done
	"$firn" build -q "$data/podman-none.tar" oci:l:old || echo "build"
) >builds 2>&1 &
while kill -0 $! 2>/dev/null; do
	"$firn" gc --grace 0 oci:l >/dev/null || echo gc
done >sweeps 2>&1
wait
is "$(grep -v -e '^sha256:' -e '^old' builds; cat sweeps)" "" "builds and gc beside each other all succeed"
is "$(whole l middle new old other)" "" "and every image is whole"

if "$firn" --version | grep -q fault || FIRN_FAULT=sweep.remove:EIO "$firn" gc --grace 0 oci:first 2>&1 | grep -q 'remove blob'; then
	for n in 1 2 3 4 5; do
		rm -rf l && cp -a first l
		"$firn" rm oci:l:old >/dev/null
		{ FIRN_FAULT=sweep.remove:$n:kill "$firn" gc --grace 0 oci:l; } >/dev/null 2>&1
		whole l middle new other
		"$firn" gc --grace 0 oci:l >/dev/null || echo "gc after a kill"
		whole l middle new other
		[ "$(cd l && find blobs -type f | wc -l)" = "$(cd first && find blobs -type f | wc -l)" ] && echo "nothing removed"
	done >problems 2>&1
	is "$(cat problems)" "" "killed between any two blobs it leaves a whole layout"
fi

if tap_erofs; then
	rm -rf l && cp -a first l && mkdir m
	check "build of a bare process" "$firn" build -q "$img" oci:l:raw
	check "mount of an image" "$firn" mount --state "$work/run" --cache "$work/cache" oci:l:raw "$work/m"
	want=$(cd m && find . -type f -exec sha256sum {} + | sort)
	"$firn" rm oci:l:raw >/dev/null
	check "gc of what is mounted" "$firn" gc --grace 0 oci:l
	like "$out" 'removed: [1-9]' "removes it"
	echo 3 >/proc/sys/vm/drop_caches
	is "$(cd m && find . -type f -exec sha256sum {} + | sort)" "$want" "and the mount reads on"
	check "umount" "$firn" umount --state "$work/run" "$work/m"
else
	skip_one "needs root and EROFS" "gc of what is mounted" mount
fi
done_testing

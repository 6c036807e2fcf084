#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images from one place to another: all that belongs to them arrives, with the digests that it had.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
tap_erofs && own_mounts
cd "$work" || exit 99

whole() { python3 "$top_srcdir/tests/cli/check-layout.py" "$@" 2>&1; }
make() { python3 "$top_srcdir/tests/cli/make-copy.py" "$@"; }
blobs() { (cd "$1" && find blobs -type f | sort); }
tags() { python3 -c 'import json, sys
for d in json.load(open(sys.argv[1] + "/index.json"))["manifests"]:
    print(d.get("annotations", {}).get("org.opencontainers.image.ref.name", "-"))' "$1" | sort | tr '\n' ' '; }
digest_of() { python3 -c 'import json, sys
print(next(d["digest"] for d in json.load(open(sys.argv[1] + "/index.json"))["manifests"]
           if d.get("annotations", {}).get("org.opencontainers.image.ref.name") == sys.argv[2]))' "$@"; }
# Whether the files of a dir: image are what skopeo would have made of the image @2 of the layout @1.
flat() { python3 - "$@" <<'END'
import hashlib, json, os, sys
layout, digest, folder = sys.argv[1:]
want, todo = {"version": b"Directory Transport Version: 1.1\n"}, [(digest, True)]
while todo:
    d, document = todo.pop()
    alg, hexa = d.split(":")
    try:
        data = open(f"{layout}/blobs/{alg}/{hexa}", "rb").read()
    except FileNotFoundError:
        continue
    want["manifest.json" if d == digest else hexa + (".manifest.json" if document else "")] = data
    if document:
        doc = json.loads(data)
        for c in doc.get("manifests", []) + doc.get("layers", []) + [doc[k] for k in ("config", "subject") if k in doc]:
            todo.append((c["digest"], "manifest.v" in c["mediaType"] or "index.v" in c["mediaType"] or "manifest.list" in c["mediaType"]))
have = {n: open(f"{folder}/{n}", "rb").read() for n in os.listdir(folder)}
for n in sorted(want.keys() | have.keys()):
    if want.get(n) != have.get(n):
        print(n, "missing" if n not in have else "too much" if n not in want else "differs")
END
}
copied() { "$firn" copy -q "$@" >/dev/null || bail "copy $*"; }

"$firn" build -q "$data/podman-none.tar" oci:l:one >/dev/null && "$firn" build -q "$data/podman-zstd.tar.zst" oci:l:two >/dev/null ||
	bail "no layout"
one=$(digest_of l one) two=$(digest_of l two)
cp -a l before

# --- layout to layout

check "copy" "$firn" copy oci:l:one oci:a
is "$out" "$one" "prints the digest alone"
is "$(whole a one)" "" "the layout is whole"
is "$(tags a)" "one one.checkpoint one.rootfs " "the parts have their names, too"
check "copy of what is there, under another name" "$firn" copy --format '{{.Tag}} {{.Blobs}} {{.Bytes}} {{.PresentBlobs}}' oci:l:one oci:a:other
is "$out" "other 0 0 8" "copies nothing"
is "$(blobs a)" "$(blobs a | sort -u)" "and no blob is there twice"
cp a/index.json index.json
fails 1 'tag "one" is there already' "copy to a name that is taken" "$firn" copy oci:l:two oci:a:one
check "has changed nothing" cmp a/index.json index.json
check "copy of the image that has the name" "$firn" copy -q oci:l:one oci:a:one
check "changes nothing either" cmp a/index.json index.json
check "copy --force" "$firn" copy --force --digestfile digest oci:l:two oci:a:one
is "$(digest_of a one) $(cat digest)" "$two $two" "replaces it, and the digest is in the file"
# A name that becomes somebody else's while we copy is no more this image's.
rm -rf q && check "copy to another name" "$firn" copy -q oci:l:one oci:q:one
(
	flock 9
	touch locked
	sleep 1
	sed "s/$one/$two/" q/index.json >q/index.new
	mv q/index.new q/index.json
) 9<q &
until [ -e locked ]; do sleep 0.01; done
fails 1 'tag "one" is there already' "copy of it again while the name is given away" "$firn" copy -q oci:l:one oci:q:one
wait
is "$(digest_of q one)" "$two" "the name stays whose it is"
is "$(whole a one other)" "" "and the layout is whole"
check "by digest" "$firn" copy "oci:l@$one" oci:b:x
is "$(digest_of b x)" "$one" "is the same image"
fails 2 'needs a tag' "by digest, without a name for it" "$firn" copy "oci:l@$one" oci:none
check "leaves no folder" test ! -e none
fails 4 'no tag "zzz"' "of nothing" "$firn" copy oci:l:zzz oci:none:x
check "leaves none either" test ! -e none
fails 2 'has [0-9]* images' "without a tag, of several" "$firn" copy oci:l oci:none:x
check "the source is what it was" diff -r l before
check "all tags" "$firn" copy --all-tags oci:l oci:all
is "$(wc -l <<<"$out")" 6 "a line for each"
like "$out" "^$one one\$" "with its tag"
is "$(whole all one two)" "" "all are there"
check "all tags into a layout that has others" "$firn" copy --all-tags oci:l oci:b
is "$(tags b)" "one one.checkpoint one.rootfs two two.checkpoint two.rootfs x x.checkpoint x.rootfs " "which stay"
fails 2 'exclude each other' "all tags of one image" "$firn" copy --all-tags oci:l:one oci:b
fails 2 'all tags' "all tags under one name" "$firn" copy --all-tags oci:l oci:b:x
fails 2 'exclude each other' "all tags and one part" "$firn" copy --all-tags --only rootfs oci:l oci:b
for part in checkpoint rootfs; do
	check "--only $part" "$firn" copy --only $part oci:l:one oci:$part:p
	is "$out" "$(digest_of l one.$part)" "copies that image"
	is "$(tags $part)" "p " "under one name"
done
is "$(blobs checkpoint | wc -l) $(blobs rootfs | wc -l)" "4 3" "and nothing of the other one"
fails 2 'no parts' "--only of what has no parts" "$firn" copy --only rootfs oci:l:one.rootfs oci:c:p
check "a checkpoint without --only" "$firn" copy oci:l:one.checkpoint oci:c:p
is "$(blobs c | wc -l)" 7 "has its rootfs with it, which is its subject"
for jobs in 1 2 64; do
	rm -rf j && check "$jobs at once" "$firn" copy -j $jobs --all-tags oci:l oci:j
	is "$(blobs j)" "$(blobs l)" "copies the same"
done
fails 2 'from 1 to 64' "none at once" "$firn" copy -j 0 oci:l:one oci:j
fails 2 '' "a destination that is only a path" "$firn" copy oci:l:one ./j
fails 2 'not a digest' "a destination by digest" "$firn" copy oci:l:one "oci:j@$one"
mkdir foreign && touch foreign/file
fails 3 'not empty' "a folder of somebody's" "$firn" copy oci:l:one oci:foreign:x
check "stays so" test "$(ls foreign)" = file
run "$firn" copy --progress=json oci:l:one oci:events:x
is "$(python3 -c 'import json, sys
for e in map(json.loads, sys.stdin):
    if e["event"] == "blob" and e["state"] != "copying": print(e["digest"], e["state"])' <<<"$err" | sort)" \
	"$(blobs a | grep -f <(blobs checkpoint; blobs rootfs; echo "${one#sha256:}") | sed 's,.*/\(.*\),sha256:\1 copied,' | sort)" "JSON lines tell of each blob"

# --- archives

check "to an archive" "$firn" copy oci:l:one oci-archive:one.tar
is "$out" "$one" "has the digest"
check "that is a tar of a layout" bash -c 'mkdir un && tar -C un -xf one.tar'
is "$(tags un) $(blobs un)" "one  $(blobs events)" "which has all its blobs"
is "$(cd un/blobs/sha256 && for f in *; do echo "$f  $f"; done | sha256sum -c --quiet 2>&1)" "" "and each is what it should be"
check "once more" "$firn" copy -j 9 oci:l:one oci-archive:again.tar:one
check "gives the same bytes" cmp one.tar again.tar
is "$(stat -c %a one.tar)" 600 "for nobody else's eyes"
fails 1 'is there already \(--force replaces it\)' "over an archive" "$firn" copy oci:l:two oci-archive:one.tar
check "which stays" cmp one.tar again.tar
check "with --force" "$firn" copy --force oci:l:two oci-archive:again.tar
check "back to a layout" "$firn" copy oci-archive:again.tar oci:d
is "$(digest_of d two)$(whole d two)" "$two" "is the same image"
check "from one archive to another" "$firn" copy oci-archive:one.tar oci-archive:third.tar
check "same bytes again" cmp one.tar third.tar
check "a path of an archive" "$firn" copy one.tar oci:e:x
is "$(digest_of e x)" "$one" "is taken for what it is"
check "all tags to an archive" "$firn" copy --all-tags oci:l oci-archive:all.tar
check "and out of it" "$firn" copy --all-tags oci-archive:all.tar oci:f
# A name that would write to the terminal, and lines that look like results.
cp -r l forged && python3 - forged/index.json <<'END'
import json, sys
index = json.load(open(sys.argv[1]))
for d in index["manifests"]:
    d.setdefault("annotations", {})["org.opencontainers.image.ref.name"] = "\x1b[2J\nsha256:00 other"
json.dump(index, open(sys.argv[1], "w"))
END
for to in oci:forged2 oci-archive:forged.tar; do
	fails 2 'letters and digits' "names that are none to $to" "$firn" copy --all-tags oci:forged $to
done
is "$(find forged2 -path '*/blobs/*' -type f 2>/dev/null)$(ls forged.tar 2>/dev/null)" "" "and nothing was copied"
is "$(tags f)$(whole f one two)" "$(tags l)" "all are there"
check "by digest to an archive" "$firn" copy "oci:l@$one" oci-archive:nameless.tar
check "has no name there" "$firn" copy oci-archive:nameless.tar oci:g:x
# As Go writes a map that isn't there.
cp -a l null && python3 - null "$one" <<'END'
import json, sys
path = sys.argv[1] + "/index.json"
top = json.load(open(path))
for d in top["manifests"]:
    if d["digest"] == sys.argv[2]:
        d["annotations"] = None
json.dump(top, open(path, "w"))
END
check "no annotations, and a name" "$firn" copy "oci:null@$one" oci-archive:null.tar:x
check "which it has then" "$firn" copy oci-archive:null.tar:x oci:null:x
is "$(digest_of g x)" "$one" "and is found without"
fails 2 'no name for a file' "to standard output" "$firn" copy oci:l:one oci-archive:-
(cat >piped.tar) < <("$firn" copy -q oci:l:one oci-archive:/dev/fd/3 3>&1 >/dev/null)
check "through a pipe" cmp piped.tar one.tar
if have zstd; then
	zstd -q one.tar -o one.tar.zst
	check "from a compressed archive" "$firn" copy oci-archive:one.tar.zst oci:h:x
	is "$(whole h x)" "" "is whole"
fi
python3 - one.tar <<'END' >misplaced
import sys, tarfile
for m in tarfile.open(sys.argv[1]):
    if m.size >= 4096 and m.offset_data % 4096:
        print(m.name, m.offset_data)
END
is "$(cat misplaced)" "" "layers begin where a file system can share them"
if tap_erofs; then
	mkdir m raw
	tar -C raw -xf "$data/raw-criu-1proc.tar"
	"$firn" build -q "$(dirname "$(find "$PWD/raw" -name inventory.img)")" oci:raw.l:raw >/dev/null || bail "no bare process"
	copied oci:raw.l:raw oci-archive:raw.tar
	copied oci-archive:raw.tar dir:raw.flat
	copied dir:raw.flat oci:raw.copy:x
	check "mount out of the archive" "$firn" mount --state "$work/run" --cache "$work/cache" oci-archive:raw.tar "$work/m"
	(cd m/checkpoint && find . -type f -exec sha256sum {} +) | sort >sums
	like "$(cat sums)" inventory "has the images"
	check "umount" "$firn" umount --state "$work/run" "$work/m"
	check "mount of a copy of a copy" "$firn" mount --state "$work/run" --cache "$work/cache" oci:raw.copy:x "$work/m"
	is "$( (cd m/checkpoint && find . -type f -exec sha256sum {} +) | sort)" "$(cat sums)" "has the same files"
	check "umount of it" "$firn" umount --state "$work/run" "$work/m"
else
	skip_one "needs root and EROFS" "mount out of the archive" mount
fi

# --- skopeo's folders

check "to a folder" "$firn" copy oci:l:one dir:flat
is "$out$(flat l "$one" flat)" "$one" "has skopeo's names"
is "$(stat -c %a flat flat/manifest.json | tr '\n' ' ')" "700 600 " "for nobody else's eyes"
check "back" "$firn" copy dir:flat oci:i:x
is "$(digest_of i x)$(whole i x)" "$one" "is the same image"
fails 2 'needs a tag' "back without a name" "$firn" copy dir:flat oci:none
check "to an archive from there" "$firn" copy dir:flat oci-archive:flat.tar:one
check "the same bytes" cmp flat.tar one.tar
fails 1 'has an image' "over it" "$firn" copy oci:l:two dir:flat
is "$(flat l "$one" flat)" "" "which stays"
check "over it with --force" "$firn" copy --force oci:l:two dir:flat
is "$(flat l "$two" flat)" "" "is the other one, and nothing of the old one is left"
check "a single image" "$firn" copy oci:l:one.rootfs dir:single
is "$(flat l "$(digest_of l one.rootfs)" single)" "" "has its manifest alone"
fails 1 'not empty' "into a folder of somebody's" "$firn" copy --force oci:l:one dir:foreign
check "stays so, too" test "$(ls foreign)" = file
fails 2 'one image' "all tags to a folder" "$firn" copy --all-tags oci:l dir:many
check "leaves none" test ! -e many
fails 2 'one image' "all tags of a folder" "$firn" copy --all-tags dir:flat oci:none
fails 1 'firn copy' "a folder for another command" "$firn" inspect dir:flat
mkdir "colon:@sha256" && check "a path with a colon" "$firn" copy oci:l:one "dir:colon:@sha256"
is "$(flat l "$one" "colon:@sha256")" "" "is a path"

# --- images of others

odd=$(make odd odd)
check "an image of everything odd" "$firn" copy oci:odd:t oci:o1
is "$(blobs o1)" "$(blobs odd)" "every blob arrives"
is "$(cd o1 && find blobs -type f -exec cmp {} ../odd/{} \;)" "" "with the bytes it had"
is "$(python3 -c 'import json; print(json.load(open("o1/index.json"))["manifests"][0]["annotations"]["org.example.kept"])')" yes \
	"and what index.json says of it"
check "to an archive" "$firn" copy oci:o1 oci-archive:odd.tar
check "to a folder" "$firn" copy oci-archive:odd.tar dir:odd.flat
is "$(flat odd "$odd" odd.flat)" "" "has skopeo's names"
check "and back" "$firn" copy dir:odd.flat oci:o2:t
is "$(blobs o2) $(digest_of o2 t)" "$(blobs odd) $odd" "every blob arrives"
sparse=$(make sparse sparse)
check "an image of which two platforms are there" "$firn" copy oci:sparse:t oci:s1
like "$err" 'warning: 3 images or blobs' "says so"
is "$(digest_of s1 t) $(blobs s1)" "$sparse $(blobs sparse)" "and copies what there is"
make wide wide >/dev/null
check "an image of 300" "$firn" copy -q oci:wide:t oci:w1
is "$(blobs w1 | wc -l)" "$(blobs wide | wc -l)" "arrives"

# --- what can't be right

hostile() { # WHAT STATUS RE SOURCE: nothing of it gets a name
	local to

	for to in oci:none:x oci-archive:none dir:none; do
		fails "$2" "$3" "$1 to $to" "$firn" copy -q "$4" "$to"
		[ ! -e none/index.json ] && [ ! -f none ] && [ ! -e none/manifest.json ] || not_ok "$1 has an image at $to"
		rm -rf none
	done
}
for kind in missing short wrong deep bomb; do
	make $kind $kind >/dev/null
done
hostile "a blob that isn't there" 4 'blob sha256:[0-9a-f]* is not there' oci:missing:t
hostile "a blob that is short" 3 'has 4096 bytes, its descriptor says 200000' oci:short:t
hostile "a blob with another byte" 3 'its content is sha256' oci:wrong:t
hostile "too many indexes" 3 'more than 8' oci:deep:t
hostile "too many layers" 3 'more than 1000' oci:bomb:t
tar -C wrong -cf wrong.tar . && tar -C short -cf short.tar .
hostile "an archive with another byte" 3 'its content is' oci-archive:wrong.tar
hostile "an archive with a short blob" 3 'has 4096 bytes' oci-archive:short.tar
bad() { rm -rf bad && cp -a single bad; }
layer=$(basename "$(find single -size +64k)")
bad && rm bad/version
hostile "a folder that is no image" 4 'version' dir:bad
bad && echo "Directory Transport Version: 2.0" >bad/version
hostile "a folder of another version" 1 'not known' dir:bad
bad && head -c 100000 /dev/zero >bad/version
hostile "a version without end" 3 'version: larger' dir:bad
bad && rm bad/manifest.json
hostile "a folder without a manifest" 4 'manifest.json' dir:bad
bad && echo '{}' >bad/manifest.json
hostile "a manifest that is none" 3 'neither a manifest' dir:bad
bad && truncate -s 1G bad/manifest.json
hostile "a manifest of a gigabyte" 3 'larger than' dir:bad
bad && ln -sf /etc/passwd "bad/$layer"
hostile "a link instead of a blob" 1 'symbolic link' dir:bad
bad && rm "bad/$layer" && mkfifo "bad/$layer"
hostile "a fifo instead of a blob" 3 'no regular file' dir:bad
bad && truncate -s +1 "bad/$layer"
hostile "a blob that is long" 3 'its descriptor says' dir:bad
bad && printf x | dd of="bad/$layer" conv=notrunc bs=1 seek=5000 status=none
hostile "a blob of a folder with another byte" 3 'its content is' dir:bad

# What was brought before a failure is found by the next try, and by gc.
cp -a l big && make wrong big2 >/dev/null && head -c 9000000 /dev/urandom >blob
python3 - big2 <<'END'
import hashlib, json, os, sys
top = sys.argv[1]
index = json.load(open(top + "/index.json"))
old = index["manifests"][0]["digest"].split(":")[1]
m = json.load(open(f"{top}/blobs/sha256/{old}"))
data = open("blob", "rb").read()
d = hashlib.sha256(data).hexdigest()
open(f"{top}/blobs/sha256/{d}", "wb").write(data)
m["layers"].insert(0, {"mediaType": "x/y", "digest": "sha256:" + d, "size": len(data)})
text = json.dumps(m).encode()
d = hashlib.sha256(text).hexdigest()
open(f"{top}/blobs/sha256/{d}", "wb").write(text)
index["manifests"][0].update(digest="sha256:" + d, size=len(text))
json.dump(index, open(top + "/index.json", "w"))
END
fails 3 'its content is' "a good blob, then a bad one" "$firn" copy -j 1 oci:big2:t oci:big
is "$(whole big one two)" "" "the layout is whole"
is "$(blobs big | wc -l)" "$(($(blobs l | wc -l) + 1))" "the good one is there"
check "gc" "$firn" gc --grace 0 oci:big
is "$(blobs big)" "$(blobs l)" "takes it away again"

# Downloads that broke off (tests/real/95-copy-registry.sh makes them).
mkdir big/.firn-partial && echo beginning >"big/.firn-partial/sha256-$(printf %064d 7)"
ln -s /etc/passwd big/.firn-partial/link
check "a copy into a layout with one" "$firn" copy -q --force oci:l:one oci:big
check "gc" "$firn" gc --format '{{.Partial}} {{.PartialBytes}}' oci:big
is "$out" "0 0" "lets it be while it is young"
check "gc --dry-run" "$firn" gc --grace 0 --dry-run oci:big
like "$out" '^would be removed: 1 unfinished downloads, 10 B' "tells of it"
check "gc without grace" "$firn" gc --grace 0 --format '{{.Partial}} {{.PartialBytes}}' oci:big
is "$out $(ls big/.firn-partial)" "1 10 link" "removes it, and nothing else"
rm big/.firn-partial/link && rmdir big/.firn-partial && ln -s /etc big/.firn-partial
fails 1 'symbolic link' "a link instead of the folder" "$firn" gc --grace 0 oci:big
rm big/.firn-partial
fails 1 'refused' "a registry that isn't there" "$firn" copy docker://127.0.0.1:1/a/b:c oci:none:x
fails 2 'tag' "a name that no registry takes" "$firn" copy oci:l:one docker://127.0.0.1:1/a/b:c/d
fails 2 'not a digest' "a digest as a destination" "$firn" copy oci:l:one "docker://127.0.0.1:1/a/b@$one"
check "leaves nothing" test ! -e none

# --- killed, or refused by the system

fault_at() { # POINT WHAT DESTINATION CHECK...
	local point=$1 how=$2 to=$3 n hits=0 problem=

	shift 3
	for ((n = 1; n < 60; n++)); do
		rm -rf k && { [ ! -d k.before ] || cp -a k.before k; }
		{ FIRN_FAULT=$point:$n:$how run "$firn" copy -q -j 1 --force oci:l:one "$to"; } 2>/dev/null
		[ "$status" != 0 ] || break
		hits=$n
		[ ! -e k ] || problem+=$("$@" k before)
		run "$firn" copy -q --force oci:l:one "$to"
		[ "$status" = 0 ] || problem+="; hit $n: the second run: $err"
		problem+=$("$@" k after)
	done
	[ $hits -gt 0 ] || problem="never happens"
	is "$problem" "" "$how at $point ($hits times) to $to: as it was, or as it should be"
}
layout_is() { # DIR before|after
	if [ "$2" = after ]; then
		whole "$1" one two
	else
		whole "$1" two >.problem && return
		whole "$1" one two >/dev/null || cat .problem
	fi
}
archive_is() {
	if [ "$2" = after ] || ! cmp -s "$1" k.was; then
		cmp "$1" one.tar 2>&1
	fi
}
flat_is() {
	if [ "$2" = after ]; then
		flat l "$one" "$1"
	elif [ -e "$1/manifest.json" ] && ! "$firn" copy -q "dir:$1" oci:flat.check:x >/dev/null 2>.problem; then
		cat .problem
	fi
	rm -rf flat.check
}
copied oci:l:two oci:k.probe
{ FIRN_FAULT=publish.sync:kill run "$firn" copy -q oci:l:one oci:k.probe; } 2>/dev/null
if [ "$status" = 137 ]; then
	copied oci:l:two oci:k.before
	for point in blob.write publish.flush publish.link publish.rename publish.sync layout.lock layout.blobs layout.index layout.done; do
		fault_at $point kill oci:k layout_is
	done
	for point in blob.write publish.flush publish.link layout.index; do
		fault_at $point ENOSPC oci:k layout_is
	done
	rm -rf k.before && copied oci:l:two dir:k.before
	for point in blob.write publish.flush publish.link publish.rename publish.sync; do
		fault_at $point kill dir:k flat_is
		fault_at $point EIO dir:k flat_is
	done
	rm -rf k.before k && touch k.was
	for point in sink.write publish.flush publish.link publish.sync; do
		fault_at $point kill oci-archive:k archive_is
		fault_at $point ENOSPC oci-archive:k archive_is
	done
else
	skip_one "not configured with --enable-fault" "killed at each step" fault
fi

# --- beside others

for i in 1 2 3 4 5; do
	rm -rf p
	"$firn" copy -q oci:l:one oci:p:a >/dev/null 2>p.err &
	"$firn" copy -q oci:l:one oci:p:b >/dev/null 2>>p.err &
	"$firn" copy -q oci:l:two oci:p:c >/dev/null 2>>p.err &
	wait
	cat p.err
	whole p a b c
done >problems
is "$(cat problems)" "" "three copies into one new layout at once: all are in it"

# --- every checkpoint in tests/data

for f in "$data"/*.tar "$data"/*.tar.gz "$data"/*.tar.zst; do
	name=$(basename "$f")
	"$firn" build -q "$f" oci:every:x >/dev/null 2>&1 || { rm -rf every; continue; }
	"$firn" copy -q oci:every:x oci-archive:every.tar >/dev/null 2>&1 && "$firn" copy -q oci-archive:every.tar dir:every.flat >/dev/null &&
		"$firn" copy -q dir:every.flat oci:every2:x >/dev/null && diff -r every every2 && echo "$name" >>went
	rm -rf every every2 every.flat every.tar
done >problems 2>&1
is "$(cat problems)" "" "every checkpoint is the same after a way through everything"
check "and there are some" test "$(wc -l <went)" -ge 8
done_testing

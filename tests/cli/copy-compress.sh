#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn copy --compress and --decompress: the image that comes out is the one that firn build writes in that form,
# byte for byte, from whatever to whatever; there and back is the same image.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd
tap_erofs && own_mounts
cd "$work" || exit 99
cli=$top_srcdir/tests/cli
export XDG_STATE_HOME=$work/state

# Every blob is what its name says.
proven() { (cd "$1/blobs/sha256" && for f in *; do echo "$f  $f"; done | sha256sum -c --quiet 2>&1); }
whole() { python3 "$cli/check-layout.py" "$@" 2>&1; }
blobs() { (cd "$1" && find blobs -type f | sort); }
digest_of() { python3 -c 'import json, sys
print(next(d["digest"] for d in json.load(open(sys.argv[1] + "/index.json"))["manifests"]
           if d.get("annotations", {}).get("org.opencontainers.image.ref.name") == sys.argv[2]))' "$@"; }
built() { "$firn" build -q "$@" >/dev/null 2>&1 || bail "build $*"; }
copied() { "$firn" copy -q "$@" >/dev/null 2>&1 || bail "copy $*"; }
same() { is "$(diff -r "$1" "$2" 2>&1 | head -5)" "" "$3"; }

# A checkpoint of an image with a base in gzip, with layers large and small, and sizes around the limits of a frame.
id=$(python3 "$cli/make-base.py" --gzip "$data/base-tiny-rootfs.tar" base app)
python3 "$cli/expected.py" rehome "$data/podman-none.tar" "$id" c.tar
mkdir big && tar -C big -xf c.tar
for n in 1 4082 4096 4097 8193 131073 139263 139265; do
	head -c $n /dev/urandom >big/checkpoint/noise-$n.img
	yes "text of $n" | head -c $n >big/checkpoint/text-$n.img
done
{ head -c 3000000 /dev/zero && head -c 2000000 /dev/urandom && yes memory | head -c 3000001; } >big/checkpoint/pages-77.img
tar -C big -cf big.tar .
built --base oci:base:app big.tar oci:p:x
built -z zstd --base oci:base:app big.tar oci:z:x

# --- to and from

check "copy --compress" "$firn" copy --compress zstd --digestfile digest oci:p:x oci:pz
is "$out $(cat digest)" "$(digest_of z x) $(digest_of z x)" "prints the digest of the new image"
same z pz "is what build --compress writes"
check "copy --decompress" "$firn" copy --decompress oci:z:x oci:zp
is "$out" "$(digest_of p x)" "prints the digest of the plain one"
same p zp "is what build writes"
copied oci:z:x oci-archive:z.tar
copied oci:p:x oci-archive:p.tar
copied oci:z:x dir:z.flat
copied oci:p:x dir:p.flat
gzip -k z.tar p.tar
for from in oci:p:x oci-archive:p.tar oci-archive:p.tar.gz dir:p.flat; do
	rm -rf to to.tar to.flat
	check "$from to a layout" "$firn" copy -z zstd "$from" oci:to:x
	same z to "is the compressed one"
	check "$from to an archive" "$firn" copy -z zstd "$from" oci-archive:to.tar:x
	check "is the compressed one" cmp to.tar z.tar
	check "$from to a folder" "$firn" copy -z zstd "$from" dir:to.flat
	same z.flat to.flat "is the compressed one"
done
for from in oci:z:x oci-archive:z.tar oci-archive:z.tar.gz dir:z.flat; do
	rm -rf to to.tar to.flat
	check "$from to a layout" "$firn" copy --decompress "$from" oci:to:x
	same p to "is the plain one"
	check "$from to an archive" "$firn" copy --decompress "$from" oci-archive:to.tar:x
	check "is the plain one" cmp to.tar p.tar
	check "$from to a folder" "$firn" copy --decompress "$from" dir:to.flat
	same p.flat to.flat "is the plain one"
done
for n in 1 3 16; do
	rm -rf to && check "$n threads" "$firn" copy -z zstd --threads $n -j $n oci:p:x oci:to
	same z to "the same bytes"
done
for level in 1 19; do
	rm -rf zl to
	built -z zstd:$level --base oci:base:app big.tar oci:zl:x
	check "level $level" "$firn" copy -z zstd:$level oci:p:x oci:to
	same zl to "as built"
	check "and back" "$firn" copy --decompress oci:to:x oci:back
	same p back "is the plain one"
	rm -rf back
done
check "once more, what is compressed" "$firn" copy -z zstd oci:z:x oci:again
same z again "stays what it is"
check "what is plain, once more" "$firn" copy --decompress oci:p:x oci:again2
same p again2 "as well"
check "where it is already" "$firn" copy -z zstd --format '{{.Blobs}} {{.PresentBlobs}}' oci:p:x oci:pz
is "$out" "0 $(blobs z | wc -l)" "nothing is copied"
fails 1 'tag "x" is there' "over the plain one" "$firn" copy -z zstd oci:p:x oci:p
check "beside the plain one" "$firn" copy -z zstd oci:p:x oci:p:xz
is "$(whole p x xz)" "" "both are whole"
{ "$firn" rm oci:p:xz && "$firn" gc --grace 0 oci:p; } >/dev/null
same p zp "and one goes again"
for part in checkpoint rootfs; do
	check "--only $part" "$firn" copy -z zstd --only $part oci:p:x oci:$part:p
	is "$out" "$(digest_of z x.$part)" "has the digest that it has in the whole"
	copied --only $part oci:z:x oci:$part.want:p
	same $part.want $part "as if it was copied out of that"
	check "and back" "$firn" copy --decompress --only $part oci:z:x oci:$part.plain:p
	is "$out" "$(digest_of p x.$part)" "likewise"
	copied --only $part oci:p:x oci:$part.was:p
	same $part.was $part.plain "likewise"
done
is "$(blobs checkpoint | wc -l) $(blobs rootfs | wc -l)" "4 4" "and nothing of the other one"
fails 2 'exclude each other' "both ways at once" "$firn" copy -z zstd --decompress oci:p:x oci:no:x
fails 2 'for --compress' "threads for nothing" "$firn" copy --threads 2 oci:p:x oci:no:x
fails 2 'zstd:LEVEL' "another codec" "$firn" copy -z gzip oci:p:x oci:no:x
fails 4 'none' "a folder for temporary files that isn't there" "$firn" copy -z zstd --tmp none oci:p:x oci:no:x
check "leaves no layout" test ! -e no
is "$(find . -name '.firn*')" "" "no temporary file is left"
if tap_erofs; then
	mkdir m
	check "mount of what was compressed" "$firn" mount --state "$work/run" --cache "$work/cache" oci:pz:x "$work/m"
	is "$(cd m/checkpoint && for f in *; do cmp "$f" "../../big/checkpoint/$f" 2>&1; done)" "" "has the files"
	check "umount" "$firn" umount --state "$work/run" "$work/m"
else
	skip_one "needs root and EROFS" "mount of what was compressed" mount
fi
run "$firn" copy --progress=json -z zstd oci:p:x oci:told:x
is "$(python3 -c 'import json, sys
last = {}
for e in map(json.loads, sys.stdin):
    if e["event"] == "progress" and e["what"].startswith("zstd "): last[e["what"]] = e
print(len(last), all(e["done"] == e["total"] for e in last.values()))' <<<"$err")" "3 True" "JSON lines tell of each layer that is compressed"

# --- what is known need not be made

packs() { "$firn" copy --progress=json --force "$@" 2>&1 >/dev/null | grep -c '"what":"zstd '; }
is "$(packs -z zstd oci:p:x oci:told:x)" 0 "what is there is not compressed again"
is "$(packs -z zstd oci:p:x dir:told.flat) $(packs -z zstd oci:p:x dir:told.flat)" "3 0" "nor in a folder"
same z.flat told.flat "which has the image"
is "$(packs -z zstd:4 oci:p:x oci:told:x)" 3 "at another level it is"
is "$(stat -c '%a %h' state/firn/packed-layers)" "600 1" "what is known is nobody else's"
notes=state/firn/packed-layers
spoil() {
	case $1 in
	cut) truncate -s 5 $notes ;;
	noise) head -c 786432 /dev/urandom >$notes ;;
	fifo) rm $notes && mkfifo $notes ;;
	link) rm $notes && ln -s /dev/null $notes ;;
	esac
}
for how in cut noise fifo link; do
	rm -rf told2 && spoil $how
	check "with notes that are a $how" "$firn" copy -q -z zstd oci:p:x oci:told2
	same z told2 "the image is right"
done
rm -f state/firn/packed-layers
copied -z zstd oci:p:x oci:told3
rm -f told3/blobs/sha256/"$(cd told3/blobs/sha256 && find . -size +512k -printf '%f')"
check "what is known and isn't there" "$firn" copy -q -z zstd --force oci:p:x oci:told3
same z told3 "is made again"

# --- every checkpoint, pods, chains, and what else an image may have

# form WHAT BUILD-ARGUMENTS...: the image of them is the same built and copied, there and back
form() {
	local what=$1

	shift
	rm -rf f.p f.z f.pz f.zp
	built "$@" oci:f.p:x
	built -z zstd "$@" oci:f.z:x
	{ "$firn" copy -q -z zstd oci:f.p:x oci:f.pz && "$firn" copy -q --decompress oci:f.z:x oci:f.zp; } >/dev/null 2>form.err || cat form.err
	# Names are in another order when there are several containers.
	{ diff -r f.z/blobs f.pz/blobs && diff -r f.p/blobs f.zp/blobs; } >form.out 2>&1
	is "$(digest_of f.pz x) $(digest_of f.zp x)" "$(digest_of f.z x) $(digest_of f.p x)" "$what: the same digests"
	is "$(head -5 form.out)" "" "$what: as built, both ways"
}
for f in "$data"/*.tar "$data"/*.tar.gz "$data"/*.tar.zst; do
	"$firn" build -q "$f" oci:every:x >/dev/null 2>&1 && form "$(basename "$f")" "$f"
	rm -rf every
done
form "without a base" big.tar
form "several containers" --base a=oci:base:app a=big.tar b="$data/containerd-cri-tiny.tar"
form "the engine's own delta and the source" --engine-delta=archive --keep-source --source-digest --base oci:base:app big.tar
tar -xf "$data/raw-criu-1proc.tar" && mv img 1 && cp -a 1 2 && cp -a 1 3 && ln -s ../1 2/parent && ln -s ../2 3/parent
form "a chain of dumps" 3
# The rootfs image of one is the base of the next.
copied oci:p:x.rootfs oci:base2:app
copied oci:z:x.rootfs oci:base3:app
id2=$(python3 -c 'import json; d = lambda x: json.load(open("base2/blobs/" + x.replace(":", "/")))
print(d(json.load(open("base2/index.json"))["manifests"][0]["digest"])["config"]["digest"].split(":")[1])')
python3 "$cli/expected.py" rehome "$data/podman-zstd.tar.zst" "$id2" c2.tar
form "a base that has plain mountable layers" --base oci:base2:app c2.tar
form "a base that has compressed ones" --base oci:base3:app c2.tar
copied --all-tags oci:p oci:tags.p
built --base oci:base2:app c2.tar oci:tags.p:y
copied --all-tags oci:z oci:tags.z
built -z zstd --base oci:base2:app c2.tar oci:tags.z:y
check "all tags" "$firn" copy -q --all-tags -z zstd oci:tags.p oci:tags.pz
is "$(diff -r tags.z/blobs tags.pz/blobs)$(whole tags.pz x y)" "" "as built"
check "and back" "$firn" copy -q --all-tags --decompress oci:tags.pz oci:tags.zp
is "$(diff -r tags.p/blobs tags.zp/blobs)" "" "as built"

# containerd looks for the rootfs image by its digest, which is in a layer.
manifest=$(digest_of base app)
python3 "$cli/expected.py" rehome "$data/containerd-cri.tar" "$manifest" containerd.tar
tar --delete -f containerd.tar rootfs-diff.tar || bail "no rootfs-diff.tar"
mkdir -p upper/etc && echo changed >upper/etc/file
built --upperdir upper --base oci:base:app --rootfs-name reg.example:5000/lab/r:1 containerd.tar oci:named:x
check "an image whose config.dump names the rootfs" "$firn" copy -z zstd oci:named:x oci:named.z
like "$err" "warning: config.dump names the rootfs image by .* $(digest_of named x.rootfs): " "is warned of"
check "and back" "$firn" copy --decompress oci:named.z:x oci:named.p
unlike "$err" "warning" "needs no warning"
same named named.p "is the same image"

# --- images that others have written down

python3 "$cli/make-copy-forms.py" p x || bail "make-copy-forms.py"
for f in forms/*; do
	what=$(basename "$f")
	rm -rf there back
	check "$what: compress" "$firn" copy -z zstd "oci:$f:t" oci:there
	is "$(blobs there | grep -cFf <(blobs "$f"))" "$(blobs "$f" | grep -cvE "$(cat "$f/changes")")" "$what: what should change did"
	is "$(proven there)" "" "$what: every digest is right"
	check "$what: and back" "$firn" copy --decompress oci:there:t oci:back
	same "$f/blobs" back/blobs "$what: is the same image"
done

# --- what can't be right

# hostile WHAT STATUS RE OPTION SOURCE
hostile() {
	local to

	for to in oci:none:x oci-archive:none dir:none; do
		fails "$2" "$3" "$1 to $to" "$firn" copy -q "$4" "$5" "$to"
		[ ! -e none/index.json ] && [ ! -f none ] && [ ! -e none/manifest.json ] || not_ok "$1 has an image at $to"
		rm -rf none
	done
}
for kind in diff_id content; do
	for l in p z; do
		rm -rf bad && cp -a $l bad && python3 "$cli/make-copy-forms.py" --spoil $kind bad x.checkpoint || bail "spoil $kind"
		[ $l = p ] && how=--compress=zstd || how=--decompress
		hostile "$l with another $kind" 3 'its content is|has not the diff_id|zstd' $how oci:bad:x.checkpoint
	done
done
for l in p z; do
	[ $l = p ] && how=--compress=zstd || how=--decompress
	for kind in index config; do
		rm -rf bad to && cp -a $l bad && touch bad/mark && python3 "$cli/make-copy-forms.py" --spoil $kind bad x.checkpoint || bail "spoil $kind"
		check "$l with another $kind" "$firn" copy $how oci:bad:x.checkpoint oci:to
		like "$err" "warning: sha256:.*: it is copied as it is" "$l with another $kind: a warning tells"
		is "$(proven to)" "" "every digest is right"
		biggest=$(find bad/blobs -type f -newer bad/mark -printf "%s %p\n" | sort -rn | sed -n "1s,[0-9]* ,,p")
		check "and what is wrong stays" cmp "$biggest" "to/${biggest#bad/}"
	done
done

# --- killed, or refused by the system

{ FIRN_FAULT=publish.sync:kill run "$firn" copy -q oci:p:x oci:probe; } 2>/dev/null
if [ "$status" = 137 ]; then
	for how in kill ENOSPC; do
		for to in oci:k:x oci-archive:k dir:k; do
			problem='' hits=0
			for n in 1 2 3 7 20 33 60 90; do
				rm -rf k
				{ FIRN_FAULT=blob.write:$n:$how run "$firn" copy -q -z zstd oci:p:x $to; } 2>/dev/null
				[ "$status" != 0 ] || break
				hits=$((hits + 1))
				[ ! -e k/index.json ] && [ ! -f k ] && [ ! -e k/manifest.json ] || problem+="$n: has an image; "
				[ -z "$(find k -size +4k 2>/dev/null)" ] || [ "$to" != oci-archive:k ] || problem+="$n: leaves a file; "
				run "$firn" copy -q -z zstd oci:p:x $to
				[ "$status" = 0 ] || problem+="$n: the second run: $err; "
			done
			[ $hits -gt 0 ] || problem="never happens"
			is "$problem" "" "$how while layers are compressed ($hits times) to $to: nothing, or all of it"
		done
	done
else
	skip_one "not configured with --enable-fault" "killed at each step" fault
fi

# Whatever the size.
mkdir large && cp -a big/. large && yes "some memory, and more of it" | head -c 100000000 >large/checkpoint/pages-78.img
tar -C large -cf - . | "$firn" build -q - oci:large.p:x >/dev/null 2>&1 || bail "large"
peak "$firn" copy -q -z zstd oci:large.p:x oci:large.z
status_is 0 "100 MB, compressed"
small "compress"
peak "$firn" copy -q --decompress -j 4 oci:large.z:x oci:large.zp
status_is 0 "and decompressed"
small "decompress"
same large.p large.zp "is the same image"
done_testing

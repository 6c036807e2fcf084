#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn verify: every planted fault is found, at its place and by its word, with nothing else than what follows
# from it; and nothing in what is whole, whoever made it.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd
cd "$work" || exit 99
export PYTHONDONTWRITEBYTECODE=1
make_oci=$top_srcdir/tests/cli/make_oci.py

# --- what is whole

id=$(python3 "$top_srcdir/tests/cli/make-base.py" "$data/base-tiny-rootfs.tar" base app)
python3 "$top_srcdir/tests/cli/expected.py" rehome "$data/podman-none.tar" "$id" rehomed.tar || bail "no archive on the base"
check "an image to begin with" "$firn" build --base oci:base:app rehomed.tar oci:firn:r1
[ "$status" = 0 ] || bail "no layout to test with"
check "with the engine's own delta" "$firn" build --engine-delta=archive "$data/podman-gzip.tar.gz" oci:all:archive
check "with its own file" "$firn" build --keep-source "$data/podman-zstd.tar.zst" oci:all:source
for sample in "$data"/*.tar "$data"/*.tar.*; do
	name=$(basename "$sample")
	case $name in base-* | *bare-criu* | raw-* | *.truncated.*) continue ;; esac
	check "$name: build" "$firn" build "$sample" "oci:all:${name%%.*}"
done
check "two containers" "$firn" build c1="$data/podman-none.tar" c2="$data/containerd-cri-tiny.tar" oci:pod:pod
for how in oci,gzip oci,zstd oci,gzip,docker-types,annotated,layers archive,gzip docker docker,gzip; do
	must_make=$(python3 "$make_oci" image "$data/podman-none.tar" "foreign-$how" "$how" 2>&1) || bail "$how: $must_make"
done
tar -C firn -cf firn.tar . && gzip -k firn.tar && mkdir in && cp -r firn in/folder && tar -cf in.tar in
for raw in 1proc 2proc; do
	mkdir raw-$raw && tar -C raw-$raw -xf "$data/raw-criu-$raw.tar" || bail "raw-criu-$raw.tar"
done
clean() { # WHAT ARGUMENT...
	run "$firn" verify "${@:2}"
	if [ "$status $out" = "0 ${*: -1}: no faults" ]; then ok "$1"; else
		not_ok "$1"
		tap_show
	fi
}
for deep in '' --deep; do
	for what in oci:firn firn oci:firn:r1 oci:firn:r1.rootfs oci:all pod oci-archive:firn.tar firn.tar firn.tar.gz \
		oci-archive:firn.tar:r1 foreign-* "$data"/podman-*.tar* \
		"$data"/containerd-*.tar "$data"/ctr-index.oci.tar raw-1proc/img raw-2proc/img; do
		# shellcheck disable=SC2086 # nothing or one word
		clean "nothing is wrong with $what $deep" $deep "$what"
	done
done

# --- what is not

tell() { # CODES PLACE: what is wrong with the last run's findings
	python3 - "$@" "$work/.out" "$status" <<'END'
import json, re, sys
codes, place, out, status = sys.argv[1:]
codes = codes.split(",")
try:
    faults = [f for f in json.load(open(out)) if f["level"] == "fault"]
except ValueError as e:
    sys.exit(f"no JSON: {e}")
if status != "3":
    print("status", status)
if not any(f["code"] == codes[0] and re.fullmatch(place, f["place"]) for f in faults):
    print(f"not found: {codes[0]} at {place!r}")
for f in faults:
    if f["code"] not in codes and "*" not in codes:
        print("not expected:", f["code"], f["place"], f["text"])
END
}
faults() { # FEWEST SCRIPT ARGUMENT...: what it makes is found
	local count=0 name options codes place
	python3 "$top_srcdir/tests/cli/$2" "${@:3}" "${2%.py}" >cases || bail "$2 can't make its faults"
	while IFS=$'\t' read -r name options codes place; do
		[ "$options" != - ] || options=
		# shellcheck disable=SC2086 # nothing or one word
		run "$firn" verify --format json $options "${2%.py}/$name"
		count=$((count + 1))
		is "$(tell "$codes" "$place")" "" "fault: $name"
	done <cases
	if [ $count -ge "$1" ]; then ok "$count faults"; else not_ok "$count faults are not $1"; fi
}
faults 40 make-faults.py firn pod foreign-oci,gzip "$data/podman-none.tar"
faults 40 make-set-faults.py

lacking=''
while read -r code; do
	grep -Fq "*$code*" "$top_srcdir/man/firn-verify.scd" || lacking+=" $code"
done < <(cut -f 3 cases | tr -d '*' | tr ',' '\n' | sort -u | grep .)
is "$lacking" "" "firn-verify(1) has all these codes"

# A bit in each of the layout's files.
cp -r all flipped
for blob in all/blobs/sha256/*; do
	blob=${blob#all/}
	python3 - "all/$blob" "flipped/$blob" <<'END'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 2] ^= 4
open(sys.argv[2], "wb").write(data)
END
	run "$firn" verify --format '{{.Code}} {{.Place}}' flipped
	if [ "$status" = 3 ] && grep -Fxq "digest-differs $blob" <<<"$out"; then ok "a bit in ${blob:0:25}"; else
		not_ok "a bit in $blob"
		tap_show
	fi
	cp "all/$blob" "flipped/$blob"
done

# --- what isn't wrong but worth a word

cp -r firn odd
touch odd/README odd/blobs/sha256/.firn-abcdef odd/blobs/sha256/"$(printf 1%.0s {1..63})"
mkdir odd/blobs/md5
printf x >odd/blobs/sha256/2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
run "$firn" verify --format '{{.Level}} {{.Code}} {{.Place}}' odd
is "$status $(cut -c1-50 <<<"$out" | sort)" "0 note leftover blobs/sha256/.firn-abcdef
note orphan blobs/sha256/2d711642b726b04401627ca9f
note stray-file README
note stray-file blobs/md5
note stray-file blobs/sha256/111111111111111111111" "files that don't belong to it"
python3 - <<'END'
import json
index = json.load(open("odd/index.json"))
index["manifests"].append(dict(index["manifests"][0]))
json.dump(index, open("odd/index.json", "w"))
END
run "$firn" verify --format '{{.Code}}' odd
like "$out" '^duplicate-tag$' "a tag twice"
run "$firn" verify --format '{{.Code}}' oci:odd:r1
is "$status $out" "0 " "which is nothing to one of its images"
run "$firn" verify odd
like "$out" '^README: note: .*' "a note is called one"
like "$out" '^odd: no faults, 1 warning, 5 notes$' "the sum"
touch odd/$'b\nodd: no faults'
check "a file with a name of two lines" "$firn" verify odd
like "$out" '^b\\x0aodd: no faults: note: ' "takes one"
fails 4 'no tag "nope"' "a tag that isn't there" "$firn" verify oci:firn:nope
fails 4 'No such file' "a layout that isn't there" "$firn" verify oci:nope
fails 2 'is no checkpoint' "a tar of something else" "$firn" verify "$data/base-tiny-rootfs.tar"
mkdir dir-image
fails 1 "firn copy makes a layout of it" "a dir: image" "$firn" verify dir:dir-image
head -c 120000 "$data/podman-none.tar" >cut.tar
"$firn" verify cut.tar >both 2>&1
is "$(tail -n 1 both)" "firn: verify: cut.tar: 1 fault" "the findings come before their number"
run bash -c '"$0" verify cut.tar >/dev/full' "$firn"
is "$status $(tail -n 1 <<<"$err")" "3 firn: standard output: No space left on device" "findings for nobody"
run_stdin "$firn" verify --deep - <"$data/podman-none.tar"
is "$status $out" "0 -: no faults" "a checkpoint from standard input"
mkdir a:b@c && cp -r firn a:b@c/layout
clean "a path that no reference can say" a:b@c/layout

# --- hostile documents: a loop of forged digests, and as many small values as JSON may have, in each of a chain

cat >hostile.py <<'END'
import hashlib, json, os, sys
TYPE = "application/vnd.oci.image."
many = b'"x":[' + b",".join([b"{}"] * 130000) + b"]}"

def put(kind, data, digest=None):
    digest = digest or "sha256:" + hashlib.sha256(data).hexdigest()
    with open("hostile/blobs/sha256/" + digest[7:], "wb") as f:
        f.write(data)
    return {"mediaType": TYPE + kind, "digest": digest, "size": len(data)}

def text(**doc):
    return json.dumps(doc)[:-1].encode() + b"," + many

os.makedirs("hostile/blobs/sha256")
config = put("config.v1+json", text(architecture="amd64", os="linux", rootfs={"type": "layers", "diff_ids": []}))
entry = put("manifest.v1+json", text(schemaVersion=2, config=config, layers=[]))
for _ in range(7):
    entry = put("index.v1+json", text(schemaVersion=2, manifests=[entry]))
loop = {"mediaType": TYPE + "index.v1+json", "digest": "sha256:" + "a" * 64, "size": 1}
put("index.v1+json", json.dumps({"schemaVersion": 2, "manifests": [loop] * 9000}).encode(), loop["digest"])
open("hostile/oci-layout", "w").write('{"imageLayoutVersion":"1.0.0"}')
json.dump({"schemaVersion": 2, "manifests": [entry, loop]}, open("hostile/index.json", "w"))
END
python3 hostile.py || bail "no hostile layout"
peak "$firn" verify --format '{{.Code}}' hostile
is "$status $(sort -u .out | tr '\n' ' ')" "3 digest-differs size-differs " "hostile documents: what is wrong with them"
is "$(wc -l <.out)" 102 "a hundred of 9001 findings, and how many more"
small "hostile documents"
done_testing

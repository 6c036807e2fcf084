#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Chains of dumps and upper directories: how the options are used, what a mount of a chain looks like, and
# links that would lead elsewhere.
. "${top_srcdir:?}/tests/cli/lib.sh"
tap_is_root && own_mounts
cd "$work" || bail "no $work"
need_tool python3

# --- what goes together

mkdir u && touch one.tar two.tar
for words in "--previous one.tar one.tar two.tar oci:l:t" "--upperdir u a=one.tar b=two.tar oci:l:t" \
	"--previous one.tar --project . oci:l:t" "--upperdir u --project . oci:l:t"; do
	# shellcheck disable=SC2086
	fails 2 'exclude each other' "firn build $words" "$firn" build $words
done
fails 2 'upper directory are a layer' "--upperdir and an engine's own form of the changes" \
	"$firn" build --engine-delta=archive --upperdir u "$data/podman-ignore-rootfs.tar" oci:l:t
fails 4 'upper directory "none"' "an upper directory that isn't there" \
	"$firn" build --upperdir none "$data/podman-ignore-rootfs.tar" oci:l:t
fails 1 'upper directory "one.tar"' "an upper directory that is a file" \
	"$firn" build --upperdir one.tar "$data/podman-ignore-rootfs.tar" oci:l:t
fails 4 '"none"' "a dump before it that isn't there" \
	"$firn" build --previous none "$data/podman-none.tar" oci:l:t
fails 3 'two.tar' "a dump before it that is nothing" \
	"$firn" build --previous two.tar "$data/podman-none.tar" oci:l:t
fails 2 'is complete in itself' "a dump before one that needs none" \
	"$firn" build --previous "$data/podman-none.tar" "$data/podman-none.tar" oci:l:t
[ ! -e l/index.json ] || [ "$(jq '.manifests | length' l/index.json 2>/dev/null || grep -c digest l/index.json)" = 0 ]
is $? 0 "and nothing came of any of them"

# --- a sample as a chain of three, which all have the same pages

tar -xf "$data/raw-criu-1proc.tar" && mv img 1
cp -a 1 2 && ln -s ../1 2/parent
cp -a 1 3 && ln -s ../2 3/parent
check "build of three dumps" "$firn" build 3 oci:l:three
cp -a 3 moved && rm moved/parent && ln -s ../../gone/2 moved/parent
touch -h -r 3/parent moved/parent
check "build of the newest, moved, with --previous" "$firn" build --previous 2 moved oci:l:moved
same_layers() {
	python3 - "$@" <<'END'
import json, sys
blob = lambda d: json.load(open("l/blobs/" + d.replace(":", "/")))
tags = {m["annotations"]["org.opencontainers.image.ref.name"]: m["digest"] for m in json.load(open("l/index.json"))["manifests"]}
layers = [[l["digest"] for l in blob(tags[t + ".checkpoint"])["layers"] if l["annotations"]["org.firn.layer"] == "images"]
          for t in sys.argv[1:]]
print(len(layers[0]), layers[0] == layers[1])
END
}
is "$(same_layers three moved)" "3 True" "both have the same three layers"

# make_tar FILE TARGET: the sample as an archive, with a link "parent" to TARGET and a dump before it
make_tar() {
	rm -rf t && mkdir t && cp -a 1 t/checkpoint && cp -a 1 t/pre-checkpoint && ln -s "$2" "t/${3:-checkpoint}/parent"
	tar -C t --sort=name -cf "$1" .
}
make_tar good.tar ../pre-checkpoint
check "build of an archive with both" "$firn" build good.tar oci:l:good
for target in ../.. /etc ../checkpoint ../pre-checkpoint/. "$(printf '../pre-checkpoint\n')x"; do
	make_tar bad.tar "$target"
	fails 4 "isn't here" "a link to $target" "$firn" build bad.tar oci:l:bad
done
make_tar bad.tar ../pre-checkpoint/x nothing 2>/dev/null
rm -rf t/checkpoint/parent && ln -s ../checkpoint t/pre-checkpoint/parent && tar -C t --sort=name -cf bad.tar .
fails 4 "isn't here" "a dump that builds on the newest" "$firn" build bad.tar oci:l:bad

if ! tap_erofs; then
	skip_one "no mounts here" "mounts" mount
	done_testing
fi
check "mount" "$firn" mount --state s --cache c oci:l:three "$PWD/m"
is "$(readlink m/checkpoint/parent m/pre-checkpoint.2/parent | xargs)" "../pre-checkpoint.2 ../pre-checkpoint" \
	"each links to the one before it"
is "$(cd m/checkpoint/parent/parent && ls | wc -l)" "$(find 1 -name '*.img' | wc -l)" "and the links lead there"
cmp 1/pages-1.img m/checkpoint/parent/parent/pages-1.img
is $? 0 "the oldest one's pages are its own"
is "$(stat -f -c %T m/pre-checkpoint)" erofs "and no copy"
check "umount" "$firn" umount --state s "$PWD/m"
check "an archive with both is mounted as it lies" "$firn" mount --state s --cache c good.tar "$PWD/m"
is "$(cd m/checkpoint/parent && pwd -P)" "$PWD/m/pre-checkpoint" "with the link between them"
check "umount" "$firn" umount --state s "$PWD/m"
for target in ../.. /etc ../checkpoint; do
	make_tar bad.tar "$target"
	fails 3 'checkpoint/parent": is neither a file nor a folder' "a link to $target isn't mounted" \
		"$firn" mount --state s --cache c bad.tar "$PWD/m"
done
make_tar bad.tar ../pre-checkpoint.2
fails 4 'pre-checkpoint.2, which isn.t here' "a dump that isn't there" "$firn" mount --state s --cache c bad.tar "$PWD/m"
is "$(find m -mindepth 1 2>/dev/null)" "" "and nothing is left of them"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# All containers of an image are mounted, each on a folder of its name, and go together.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/mount-lib.sh
. "$top_srcdir/tests/cli/mount-lib.sh"

"$firn" build -q --base oci:base:app a=c.tar b=c.tar oci:layout:pod >/dev/null || bail "build"
mount_it oci:layout:r1 m >/dev/null && describe m/rootfs >want && "$firn" umount m
[ -s want ] || bail "a mount of one"
whole() { # says what isn't as it should be of a complete mount
	local c
	[ "$(mounts "$work/p" | wc -l)" = 8 ] || echo "mounts: $(mounts "$work/p")"
	for c in a b; do
		describe p/$c/rootfs | diff want - | head -n 3
		cmp p/$c/checkpoint/pages-1.img <(tar -xOf c.tar checkpoint/pages-1.img) 2>&1
		[ -s p/$c/config.json ] || echo "no config.json"
	done
}
gone() {
	traces
	ls -d p 2>/dev/null
}

check "mount of two" mount_it oci:layout:pod p
is "$out" "$work/p/a
$work/p/b" "the bundles' paths, a line each"
is "$(whole)" "" "both are whole"
is "$(ls p)" "a
b" "and nothing else is there"
like "$(cat p/a/config.json)" '"/firn/a"' "each has a cgroup of its name"
like "$(cat p/b/config.json)" '"/firn/b"' "the other too"
fails 1 'something is mounted' "again on the same folder" mount_it oci:layout:pod p
fails 1 'something is mounted' "on one of them" mount_it oci:layout:r1 p/a
is "$(whole)" "" "nothing has changed"
(cd p/b/rootfs && exec sleep 1000) &
wait_for 10 test "/proc/$!/cwd" -ef p/b/rootfs
fails 1 'busy' "umount while somebody is in one of them" "$firn" umount p
is "$(whole)" "" "changes nothing"
kill $! && wait $! 2>/dev/null
echo changed >p/a/rootfs/data/mine
[ ! -e p/b/rootfs/data/mine ]
is $? 0 "what one changes the other doesn't see"
check "umount of one" "$firn" umount p/a
is "$(mounts "$work/p/a")" "" "takes it down"
[ "$(mounts "$work/p" | wc -l)" = 4 ]
is $? 0 "and leaves the other"
check "umount of all" "$firn" umount p
is "$(gone)" "" "takes the rest down, and the folders that were made"
check "umount again is no error" "$firn" umount p
mkdir p
check "on a folder that is there" mount_it --format '{{.Container}} {{.Dir}}' oci:layout:pod p/
is "$out" "a $work/p/a
b $work/p/b" "the fields"
check "umount --all" "$firn" umount --all
is "$(traces)$(ls -A p)" "" "leaves the folder, empty"
rmdir p

check "--container" mount_it --container b oci:layout:pod p
is "$(describe p/rootfs | diff want -)" "" "is mounted on the folder itself"
check "umount" "$firn" umount p
fails 4 'no container "c"' "a container that isn't there" mount_it --container c oci:layout:pod p
check "by C's own tag" mount_it oci:layout:pod.a.checkpoint p
is "$(describe p/rootfs | diff want -)" "" "it is one container's"
check "umount" "$firn" umount p
check "--upper" mount_it --upper up oci:layout:pod p
echo kept >p/b/rootfs/data/kept
"$firn" umount p
is "$(cat up/b/upper/data/kept) $(ls up)" "kept a
b" "has a folder for each"
is "$(gone)" "" "nothing stays"
fails 2 'one id' "--id" mount_it --id x oci:layout:pod p
check "bases by name" "$firn" build -q x=c.tar y=c.tar oci:layout:bare
fails 4 'container x: .*needs the image' "a base that is missing" mount_it oci:layout:bare p
fails 4 'container y: .*needs the image' "a base for the other one" mount_it --base x=oci:base:app oci:layout:bare p
is "$(gone)" "" "what was mounted already is taken down"
fails 2 'no such container' "a base for nobody" mount_it --base z=oci:base:app oci:layout:bare p
check "a base each" mount_it --base x=oci:base:app --base y=oci:base:app oci:layout:bare p
check "umount" "$firn" umount p
check "one base for all" mount_it --base oci:base:app oci:layout:bare p
is "$(describe p/y/rootfs | diff want -)" "" "is everybody's"
check "umount" "$firn" umount p

# The second one is broken: the first one is taken down.
cp -r layout torn
b=$("$firn" mount --cache "$cache" --container b --format '{{.Digest}}' oci:layout:pod p) && "$firn" umount p
truncate -s 100 "torn/blobs/sha256/${b#sha256:}"
fails 3 'container b: ' "a broken second one" mount_it oci:torn:pod p
is "$(gone)" "" "nothing stays"

# Names that nobody of ours would have given.
hostile() { # NAME NAME
	rm -rf hostile && cp -r layout hostile
	python3 - "$@" <<'PY'
import hashlib, json, sys
names = dict(zip("ab", sys.argv[1:]))
index = json.load(open("hostile/index.json"))
entry = next(m for m in index["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == "pod")
doc = json.load(open("hostile/blobs/" + entry["digest"].replace(":", "/")))
for m in doc["manifests"]:
    m["annotations"]["org.firn.container"] = names[m["annotations"]["org.firn.container"]]
text = json.dumps(doc).encode()
digest = hashlib.sha256(text).hexdigest()
open("hostile/blobs/sha256/" + digest, "wb").write(text)
entry["digest"], entry["size"] = "sha256:" + digest, len(text)
json.dump(index, open("hostile/index.json", "w"))
PY
}
for name in ../a /a . .. '' 'a/b' "$(printf 'a\nb')" ; do
	hostile "$name" b
	fails 3 'container name|containers' "container \"$name\" has no folder" mount_it oci:hostile:pod p
	is "$(gone)" "" "nothing of it is there"
done
hostile b b
fails 3 'two containers' "two of one name" mount_it oci:hostile:pod p

# --- killed at any moment

problem=
killed=0
for ((i = 1; i <= 30; i++)); do
	"$firn" mount --cache "$cache" oci:layout:pod p >/dev/null 2>&1 </dev/null &
	pid=$!
	sleep "0.0$((i % 7))$((i % 10))"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
	if [ $((i % 2)) = 0 ] && [ -z "$(ls p 2>/dev/null)" ]; then
		run mount_it oci:layout:pod p
		[ "$status" = 0 ] && [ -z "$(whole)" ] || problem="$problem; $i: mount again: $err $(whole)"
	fi
	run "$firn" umount p
	case $status in 0 | 4) ;; *) problem="$problem; $i: umount: $err" ;; esac
	# The folder is made before it is recorded: it may stay, but nothing in it.
	rmdir p 2>/dev/null
	[ -z "$(gone)" ] || problem="$problem; $i: left: $(gone)"
	rm -rf p
done
is "$problem" "" "killed at 30 moments ($killed before the end): umount, or the next mount, takes it down"
for signal in INT TERM; do
	"$firn" mount --cache "$cache" oci:layout:pod p >/dev/null 2>&1 </dev/null &
	pid=$!
	sleep 0.02
	kill -$signal $pid 2>/dev/null
	wait $pid 2>/dev/null && "$firn" umount p
	rmdir p 2>/dev/null
	is "$(gone)" "" "SIG$signal leaves nothing"
done

FIRN_FAULT=mount.attach:kill run mount_it oci:layout:pod p
[ "$status" = 0 ] || "$firn" umount p
if [ "$status" != 137 ]; then
	"$firn" umount p
	skip_one "not configured with --enable-fault" "killed at each step of mounting" fault
	done_testing
fi
for point in mount.record mount.attach mount.umount; do
	problem=
	for ((n = 1; n < 60; n++)); do
		FIRN_FAULT=$point:$n:kill run mount_it oci:layout:pod p
		[ "$status" = 137 ] || break
		[ $((n % 2)) = 1 ] || mount_it oci:layout:pod p >/dev/null 2>&1 || problem="$problem; $n: mount again"
		run "$firn" umount p
		case $status in 0 | 4) ;; *) problem="$problem; hit $n: umount: $err" ;; esac
		rmdir p 2>/dev/null
		[ -z "$(gone)" ] || problem="$problem; hit $n: left: $(gone)"
		rm -rf p
	done
	"$firn" umount p
	is "$problem" "" "killed at $point, $((n - 1)) times"
done
done_testing

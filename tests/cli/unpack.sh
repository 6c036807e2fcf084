#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Layers unpacked into the cache: proven by their digest, whole or not there whatever happens, made once however
# many ask for them, and sharing blocks with the blobs where the file system can.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/mount-lib.sh
. "$top_srcdir/tests/cli/mount-lib.sh"

copy() { method --mount-method copy "$@"; }
trees() { find "$cache/tree/sha256" -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sort; }
inodes() { find "$cache/tree/sha256" -mindepth 1 -printf '%i\n' 2>/dev/null | sort; }
look() { describe "$1/rootfs" && cmp "$1/checkpoint/pages-1.img" <(tar -xOf c.tar checkpoint/pages-1.img) 2>&1; }

mount_it oci:layout:r1 m >/dev/null && look m >want && "$firn" umount m
[ -s want ] || bail "a mount without faults"

# --- made once
run copy oci:layout:r1 m
status_is 0 "a mount by copies"
like "$out" '^(copy|reflink)$' "is told to be one"
is "$(look m | diff want -)" "" "the tree of the others"
is "$(findmnt -n -o OPTIONS --mountpoint "$work/m/checkpoint" | tr ',' '\n' | grep -xE 'ro|nodev|nosuid|noexec' | sort | tr '\n' ' ')" \
	"nodev noexec nosuid ro " "its flags as well"
is "$(stat -c %a "$cache" "$cache/tree" "$cache/tree/sha256" "$cache"/tree/sha256/* | sort -u)" 700 "for nobody else's eyes"
"$firn" umount m
trees >made && inodes >before
is "$(wc -l <made)" 4 "a tree for each layer"
run copy oci:layout:r1 m
is "$status $(look m | diff want -)$(inodes | diff before -)" "0 " "the next one takes what there is"
run mount_it oci:layout:r1 m2
fails 1 'is mounted' "and is a mount as any other" copy oci:layout:r1 m
"$firn" umount m && "$firn" umount m2
check "read-only" copy --read-only oci:layout:r1 m
is "$(look m | diff want -)" "" "read-only: the tree"
"$firn" umount m
echo more >up.txt
check "with an upper folder" copy --upper "$work/up" oci:layout:r1 m
cp up.txt m/rootfs/data/more && "$firn" umount m
is "$(cat up/upper/data/more)" more "what was written is there"
is "$(inodes | diff before -)" "" "and not in the cache"

# --- an archive's parts have no digest: what is known of its file tells
rm -rf "$cache"
check "an archive by copies" copy --base oci:base:app c.tar m
is "$(look m | diff want -)" "" "the same tree"
"$firn" umount m && trees >made
check "once more" copy --base oci:base:app c.tar m
"$firn" umount m
is "$(trees | diff made -)" "" "it is made once"
cp c.tar d.tar && check "another file of the same bytes" copy --base oci:base:app d.tar m
"$firn" umount m
is "$(trees | wc -l)" "$(($(wc -l <made) + 2))" "isn't taken for it"

# --- proven
cp -r layout forged
python3 - <<'PY'
import glob, os
# A byte of a content, none of a header.
path = max(glob.glob("forged/blobs/sha256/*"), key=os.path.getsize)
with open(path, "r+b") as f:
    size = os.fstat(f.fileno()).st_size
    f.seek(size // 2)
    old = f.read(1)
    f.seek(size // 2)
    f.write(bytes([old[0] ^ 1]))
PY
rm -rf "$cache"
fails 3 'not those of its diff_id' "a blob of other bytes" copy oci:forged:r1 m
is "$(trees | grep -v -xFf <(trees | grep -E '^[0-9a-f]{64}(\.data)?$'))" "" "is given no name"
is "$(traces)$(ls -A m)" "" "nothing is left"
check "the right one is mounted after it" copy oci:layout:r1 m
is "$(look m | diff want -)" "" "and is itself"
"$firn" umount m
for form in "" zstd; do
	rm -rf "$cache"
	"$firn" build --quiet ${form:+--compress "$form"} --base oci:base:app c.tar "oci:index$form:r1" >/dev/null || bail "build"
	check "--strict${form:+, $form}" copy --strict "oci:index$form:r1" m
	"$firn" umount m
done

# From here on in memory: the disk's flushes take most of the time.
mkdir ram && mount -t tmpfs tmpfs ram && cache=$work/ram/cache
# --- everybody at once
rm -rf "$cache"
for i in 1 2 3 4 5 6; do
	mkdir "many$i"
	copy oci:layout:r1 "many$i" >"out$i" 2>&1 &
done
wait
for i in 1 2 3 4 5 6; do
	is "$(cat "out$i") $(look "many$i" | diff want -)" "$(cat out1) " "six at once: the ${i}th"
	"$firn" umount "many$i"
done
is "$(trees | wc -l) $(trees | grep -c '^\.')" "4 0" "six at once: each tree is made once"
is "$(traces | grep -vx "$work/ram")" "" "six at once: nothing is left"

# --- killed at any moment
python3 - <<'PY'
import random
random.seed(7)
import tarfile, io
with tarfile.open("large.tar", "w", format=tarfile.PAX_FORMAT) as tar:
    def add(name, data=b"", kind=tarfile.REGTYPE):
        t = tarfile.TarInfo(name)
        t.type, t.size, t.mode = kind, len(data), 0o755
        tar.addfile(t, io.BytesIO(data))
    add("./", kind=tarfile.DIRTYPE)
    for d in range(40):
        add(f"d{d}/", kind=tarfile.DIRTYPE)
        for i in range(50):
            add(f"d{d}/f{i}", random.randbytes(random.randrange(20000)))
PY
read -r large _ < <(python3 "$input" image large app large.tar)
python3 "$input" archive c.tar l.tar "$large"
"$firn" build --quiet --base oci:large:app l.tar oci:large-r:r1 >/dev/null || bail "build"
sums() { (cd "$1/rootfs" && find . -type f -exec sha256sum {} + | sort | sha256sum); }
mount_it oci:large-r:r1 m >/dev/null && sums m >large-want && "$firn" umount m
killed=0 problem=
for ((i = 1; i <= 24; i++)); do
	[ $((i % 6)) != 1 ] || rm -rf "$cache"
	"$firn" mount --cache "$cache" --mount-method copy oci:large-r:r1 m >/dev/null 2>&1 </dev/null &
	pid=$!
	sleep "0.0$((i * 7 % 10))$((i * 3 % 10))"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
	"$firn" umount m 2>/dev/null
	[ "$(traces)" = "$work/ram" ] || problem="$problem; $i: left $(traces)"
	if [ $((i % 3)) = 0 ]; then
		run copy oci:large-r:r1 m
		[ "$status" = 0 ] || problem="$problem; $i: $err"
		sums m | cmp - large-want || problem="$problem; $i: another tree"
		"$firn" umount m
		[ "$(trees | grep -c '^\.')" = 0 ] || problem="$problem; $i: left $(trees)"
	fi
done
is "$problem" "" "killed at 24 moments ($killed before the end): the next one makes it whole, and removes what is left"

umount ram && cache=$work/cache && rm -rf "$cache"
FIRN_FAULT=unpack.name:kill run copy oci:layout:r1 m
if [ "$status" != 137 ]; then
	"$firn" umount m
	skip_one "not configured with --enable-fault" "killed, and refused, at each step of unpacking" fault
else
	is "$(trees | grep -c '^\.')" 1 "killed before the name: only what was in the making is there"
	"$firn" umount m
	problem=
	for spec in unpack.file:kill unpack.file:7:kill unpack.name:kill unpack.name:2:kill unpack.file:2:ENOSPC unpack.name:EIO; do
		FIRN_FAULT=$spec run copy oci:layout:r1 m
		[ "$status" != 0 ] || problem="$problem; $spec: done"
		"$firn" umount m 2>/dev/null
		case $spec in *kill) ;; *) [ "$(trees | grep -c '^\.')" = 0 ] || problem="$problem; $spec: left $(trees)" ;; esac
		[ -z "$(traces)" ] || problem="$problem; $spec: left $(traces)"
		run copy oci:layout:r1 m
		[ "$status" = 0 ] && [ -z "$(look m | diff want -)" ] || problem="$problem; $spec: $err"
		[ "$(trees | grep -c '^\.')" = 0 ] || problem="$problem; $spec: not swept"
		"$firn" umount m
		rm -rf "$cache"
	done
	is "$problem" "" "killed, and refused, at each step of unpacking"
	for what in "oci:layout:r1" "oci:indexzstd:r1" "--base oci:base:app c.tar"; do
		# shellcheck disable=SC2086 # several words
		FIRN_FAULT='mount.erofs:*:EINVAL' run method $what m
		like "$out" '^(copy|reflink)$' "without EROFS in the kernel: $what"
		is "$(look m | diff want -)" "" "without EROFS in the kernel: the same tree"
		"$firn" umount m
		# shellcheck disable=SC2086
		FIRN_FAULT='mount.erofs:*:EINVAL' fails 1 "can't mount" "and no road is forced that isn't there: $what" \
			mount_it --mount-method loop $what m
	done
fi

# --- blocks shared
xfs() { truncate -s 400M xfs.img && mkfs.xfs -q -m reflink=1 xfs.img && mkdir x && mount -o loop xfs.img x; }
if ! have mkfs.xfs || ! xfs 2>xfs.err; then
	skip_one "no XFS to mount: $(head -n 1 xfs.err 2>/dev/null)" "blocks shared with the blobs" reflink
	done_testing
fi
head -c 100M /dev/urandom >pages && mkdir dump && tar -C dump -xf c.tar checkpoint
(cd dump && mv ../pages checkpoint/pages-99.img && cp ../c.tar ../big.tar && tar -rf ../big.tar checkpoint/pages-99.img)
"$firn" build --quiet --base oci:base:app big.tar oci:x/layout:r1 >/dev/null || bail "build"
sync -f x
used() { df --output=used -B1M x | tail -n 1; }
blocks=$(used)
cache=$work/x/cache
is "$("$firn" version --features --dir x --format json | python3 -c 'import json, sys
print([f["State"] for f in json.load(sys.stdin)["Features"] if f["Name"] == "reflink"][0])')" yes "it can share blocks"
run copy oci:x/layout:r1 m
is "$status $out" "0 reflink" "blocks shared with the blobs"
sync -f x
is "$(cmp m/checkpoint/pages-99.img dump/checkpoint/pages-99.img)" "" "the same bytes"
is "$(($(used) - blocks < 20))" 1 "of 100 MiB ($(($(used) - blocks)) MiB more on the disk)"
like "$(filefrag -v m/checkpoint/pages-99.img 2>/dev/null)" 'shared' "its extents say so"
"$firn" umount m
umount x
is "$(traces)" "" "nothing is left"
done_testing

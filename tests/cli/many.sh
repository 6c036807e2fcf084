#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Many mounts at once: bundles of one blob have one file system of it together, and with that one page cache; what
# many processes mount and take down at the same time leaves nothing behind, and what is killed is repaired.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/mount-lib.sh
. "$top_srcdir/tests/cli/mount-lib.sh"

fs() { stat -c %d "$1/checkpoint/pages-1.img"; } # the file system that CRIU's images are in
cached() { fincore -bno RES "$1/checkpoint/pages-1.img"; }
pages_of() { tar -xOf "$1" checkpoint/pages-1.img | sha256sum; }
pages() { sha256sum <"$1/checkpoint/pages-1.img"; }
erofs() { awk '$5 ~ "^/run/firn/shared/"' /proc/self/mountinfo | wc -l; }
want=$(pages_of c.tar)

# --- one blob, one file system

mkdir m1 m2 m3
check "mount" mount_it oci:layout:r1 m1
layers=$(erofs)
check "mount the same" mount_it oci:layout:r1 m2
is "$(fs m2)" "$(fs m1)" "one file system for both"
is "$(erofs)" "$layers" "no further one was mounted"
is "$(find /run/firn/shared -mindepth 2 -maxdepth 2 -type f | wc -l)" $((2 * layers)) "each bundle is noted as a user of each"
if have fincore; then
	is "$(cached m2 | tr -d " ")" 0 "nothing of the pages is in memory yet"
	is "$(pages m1)" "$want" "read in one of them"
	is "$(cached m2 | tr -d " ")" "$(stat -c %s m2/checkpoint/pages-1.img)" "and the other finds them in memory"
else
	skip_one "no fincore" "the page cache is shared"
fi
check "by another road" mount_it --mount-method loop oci:layout:r1 m3
is_not "$(fs m3)" "$(fs m1)" "it has a file system of that road"
check "umount that" "$firn" umount m3
is "$(erofs)" "$layers" "which goes with it"
echo new >m1/rootfs/only-here
is "$(ls m2/rootfs/only-here 2>/dev/null)" "" "what is written in one is not in the other"
check "umount one" "$firn" umount m1
is "$(pages m2)" "$want" "the other has all of it still"
is "$(erofs)" "$layers" "and it stays mounted for that one"
check "mount on the first once more" mount_it oci:layout:r1 m1
is "$(fs m1)" "$(fs m2)" "it has the same again"
exec 8<m1/checkpoint/inventory.img
fails 1 'busy' "in use: umount" "$firn" umount m1
check "not in use by that: the other's umount" "$firn" umount m2
exec 8<&-
looked_at=$(printf "%s\n" /run/firn/shared/*/erofs-*/checkpoint | head -n 1)
(cd "$looked_at" && exec sleep 60) &
looker=$!
wait_for 10 test "/proc/$looker/cwd" -ef "$looked_at"
check "umount the last one, while somebody looks at what it had" "$firn" umount m1
{ kill $looker && wait $looker; } 2>/dev/null
is "$(traces)" "" "nothing is left"

check "an archive as it lies" mount_it --base oci:base:app c.tar m1
check "and once more" mount_it --base oci:base:app c.tar m2
is "$(fs m2)" "$(fs m1)" "one file system for both, with an index that is in no file"
touch c.tar
check "an archive that was changed meanwhile" mount_it --base oci:base:app c.tar m3
is_not "$(fs m3)" "$(fs m1)" "is another one"
"$firn" umount --all
chmod o+w c.tar
mount_it --base oci:base:app c.tar m1 >/dev/null && mount_it --base oci:base:app c.tar m2 >/dev/null
is_not "$(fs m2)" "$(fs m1)" "an archive that others can write to has a mount for each bundle"
"$firn" umount --all
chmod o-w c.tar

read -r twice _ < <(python3 "$input" image twice app "$data/base-tiny-rootfs.tar" "$data/base-tiny-rootfs.tar")
python3 "$input" archive "$data/podman-none.tar" t.tar "$twice"
check "a base that has a layer twice" mount_it --base oci:twice:app t.tar m1
check "and another bundle of it" mount_it --base oci:twice:app t.tar m2
is "$(describe m1/rootfs)" "$(describe m2/rootfs)" "both are whole"
"$firn" umount m1
is "$(pages m2)" "$want" "the other stays when the first goes"
umount -R m2 # not by firn
check "what went without firn: mount there" mount_it oci:layout:r1 m2
check "umount" "$firn" umount m2
is "$(traces)" "" "nothing is left"

# --- 20 processes, 20 images, 200 mounts

for ((i = 0; i < 20; i++)); do
	python3 "$input" archive "$data/podman-none.tar" one.tar "$id" "file=number=$i"
	"$firn" build --quiet --base oci:base:app one.tar "oci:layout:i$i" >/dev/null || bail "build $i"
done
mkdir m0 many
check "one that stays" mount_it oci:layout:i7 m0

# shellcheck disable=SC2317 # by crowd
worker() { # NUMBER: ten mounts of ten images, on one folder
	local k n

	for ((k = 0; k < 10; k++)); do
		n=$((($1 * 3 + k * 7) % 20))
		"$firn" mount -q --cache "$cache" "oci:layout:i$n" "many/$1" >/dev/null || echo "$1: mount $n"
		[ "$(cat "many/$1/number")" = "$n" ] || echo "$1: $n is another image"
		[ "$(pages "many/$1")" = "$want" ] || echo "$1: $n has other pages"
		"$firn" umount "many/$1" || echo "$1: umount $n"
	done
}
crowd() { # FUNCTION: 20 of them at once; what they say is what went wrong
	local p workers=()

	for ((p = 0; p < 20; p++)); do
		"$1" "$p" >"said.$p" 2>&1 </dev/null &
		workers+=($!)
	done
	wait "${workers[@]}"
	cat said.*
}
is "$(crowd worker)" "" "200 mounts and unmounts of 20 images by 20 processes"
is "$(erofs) $(pages m0)" "$layers $want" "the one that stays is all that is left, and whole"
check "it goes too" "$firn" umount m0
is "$(traces)" "" "nothing is left"

# --- killed, any of them at any moment

check "one that stays" mount_it oci:layout:i7 m0
# shellcheck disable=SC2317 # by crowd
killer() { # NUMBER: mounts and unmounts that live for some milliseconds only
	local k n

	for ((k = 0; k < 6; k++)); do
		n=$((($1 * 3 + k * 7) % 20))
		timeout -s KILL "0.0$((RANDOM % 100 + 1))" "$firn" mount -q --cache "$cache" "oci:layout:i$n" "many/$1"
		[ $((RANDOM % 2)) = 0 ] || timeout -s KILL "0.00$((RANDOM % 10 + 1))" "$firn" umount "many/$1"
		if [ $((k % 3)) = 2 ]; then
			"$firn" umount "many/$1"
			"$firn" mount -q --cache "$cache" "oci:layout:i$n" "many/$1" >/dev/null || echo "wrong: $1: mount $n after kills"
			[ "$(cat "many/$1/number")" = "$n" ] || echo "wrong: $1: $n is another image"
			"$firn" umount "many/$1" || echo "wrong: $1: umount $n after kills"
		fi
	done 2>&1
}
crowd killer >said
is "$(grep ^wrong: said)" "" "killed at any moment: the next mount or umount there repairs it"
is "$(pages m0) $(cat m0/number)" "$want 7" "the one that stays is whole"
check "umount --all" "$firn" umount --all
is "$(traces)" "" "umount --all repairs what is left: nothing is"
is "$(find many -mindepth 2 | head)" "" "nor in the folders"
done_testing

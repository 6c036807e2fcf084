#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Mounts through FUSE when things go wrong below them: the process that shows them is killed, blobs are cut,
# removed or changed. Whoever reads gets an error or what was there, never something else.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/fuse-lib.sh
. "$top_srcdir/tests/cli/fuse-lib.sh"
input=$top_srcdir/tests/cli/mount-input.py
m=$work/home/m

# A base with a large file that nobody has read yet, plain and in zstd.
mkdir base-files && head -c 6000000 /dev/urandom >base-files/big && echo first >base-files/a && echo last >base-files/z
tar -C base-files -cf base.tar --sort=name a big z
read -r id _ < <(python3 "$input" image base app base.tar)
python3 "$input" archive "$data/podman-ignore-rootfs.tar" c.tar "$id" drop=devshm-checkpoint.tar
"$firn" build --quiet --base oci:base:app c.tar oci:plain:r1 >/dev/null || bail "build"
# The base as a layer of ours: the changes of a container that wrote all of it.
python3 "$input" image none app "$data/base-tiny-rootfs.tar" >ids
python3 "$top_srcdir/tests/cli/fuse-input.py" "$data/podman-none.tar" base.tar "$(cut -d' ' -f1 ids)" delta.tar
"$firn" build --quiet --base oci:none:app delta.tar oci:ours:r1 >/dev/null || bail "build"
"$firn" build --quiet --compress zstd --base oci:none:app delta.tar oci:packed:r1 >/dev/null || bail "build"
chown -R nobody plain ours packed

# The blob that has the large file: the largest.
blob_of() { find "$1/blobs" -type f -printf '%s %p\n' | sort -n | tail -n 1 | cut -d' ' -f2; }
fresh() { # LAYOUT [OPTION...]: a copy to spoil, mounted
	rm -rf home/layout && cp -a "$1" home/layout
	check "$1: mount ${*:2}" user_firn mount "${@:2}" oci:home/layout:r1 "$m"
	blob=$(blob_of home/layout)
	server=$(server_of)
}
read_all() { as_user cat "$m/rootfs/$1"; }
done_with() { check "$1: umount" user_firn umount "$m"; is "$(traces)" "" "$1: nothing is left"; }

# --- the process is killed

for layout in plain packed; do
	fresh $layout
	is "$(read_all a)" first "$layout: it is there"
	kill -9 "$server"
	server_ends "$server"
	run read_all big
	is "$status $(stat -c %s "$work/.out")" "1 0" "$layout, killed: nothing is read"
	like "$err" 'not connected|connection abort' "$layout, killed: and that is said"
	done_with "$layout, killed"
done
fresh plain
kill -9 "$server"
server_ends "$server"
check "killed: the next mount takes its place" user_firn mount oci:home/layout:r1 "$m"
is "$(read_all z)" last "killed: all of it is there again"
done_with "killed"

# --- the blob is cut, or goes

for layout in plain ours packed; do
	fresh $layout
	is "$(read_all a)" first "$layout: the first file"
	truncate -s 1000000 "$blob"
	run read_all big
	is "$status" 1 "$layout, cut: reading fails"
	like "$err" 'Input/output error' "$layout, cut: with an error"
	cmp -n "$(stat -c %s "$work/.out")" base-files/big "$work/.out" >/dev/null && ok "$layout, cut: what came before is right" ||
		not_ok "$layout, cut: what came before is right"
	run read_all z
	is "$status$out" 1 "$layout, cut: a file behind the cut is no empty one"
	done_with "$layout, cut"
	fresh $layout
	rm "$blob"
	read_all big | cmp -s - base-files/big && ok "$layout, removed: what is open stays" || not_ok "$layout, removed: what is open stays"
	done_with "$layout, removed"
done

# --- the blob is changed

spoil() { printf 'SPOILED' | dd of="$blob" bs=1 seek=3000000 conv=notrunc 2>/dev/null; }
fresh ours
spoil
read_all big | cmp -s - base-files/big && not_ok "without --verify-reads" || ok "without --verify-reads a change is shown, as the kernel shows it"
done_with "changed"
for layout in plain ours packed; do
	fresh $layout --verify-reads
	spoil
	is "$(read_all a) $(read_all z)" "first last" "$layout, checked: what didn't change is read"
	run read_all big
	like "$status $err" '^1 .*Input/output error' "$layout, checked: what did is an error"
	cmp -n "$(stat -c %s "$work/.out")" base-files/big "$work/.out" >/dev/null && ok "$layout, checked: no changed byte was shown" ||
		not_ok "$layout, checked: no changed byte was shown"
	done_with "$layout, checked"
	run user_firn mount --verify-reads oci:home/layout:r1 "$m"
	like "$status $err" '^3 .*sha256' "$layout, checked: a layer that isn't what its digest says is refused"
	is "$(traces)" "" "$layout, checked: and nothing is left"
	fresh $layout --verify-reads
	read_all big | cmp -s - base-files/big && ok "$layout, checked: all of it" || not_ok "$layout, checked: all of it"
	done_with "$layout, checked"
done
cp delta.tar home/delta.tar
chown nobody home/delta.tar
chmod -R a+rX none
check "archive, checked: mount" user_firn mount --verify-reads --base oci:none:app home/delta.tar "$m"
read_all big | cmp -s - base-files/big && ok "archive, checked: all of it" || not_ok "archive, checked: all of it"
done_with "archive, checked"

# --- a forged index

fresh ours
user_firn umount "$m"
python3 - "$blob" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(1024 + 4)
    f.write(b"\x55")
PY
check "forged: mount" user_firn mount oci:home/layout:r1 "$m"
is "$(read_all a) $(read_all z)" "first last" "forged: its tar counts"
done_with "forged"
run user_firn mount --strict oci:home/layout:r1 "$m"
like "$status $err" '^3 .*not that of its tar' "forged: refused when that is asked for"
is "$(traces)" "" "forged: and nothing is left"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What this host can do, as firn version --features tells it, and the roads by which layers are mounted: each
# shows the same tree.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
. "$top_srcdir/tests/cli/mount-lib.sh"

# ask EXPRESSION: of the JSON on standard input, which is j
ask() { python3 -c 'import json, sys; j = json.load(sys.stdin); r = eval(sys.argv[1]); print(r if isinstance(r, str) else " ".join(map(str, r)))' "$1"; }
features() { "$firn" version --features --format json "$@"; }
state() { features "${@:2}" | ask "[f['State'] for f in j['Features'] if f['Name'] == '$1']"; }
road() { features | ask "[l['Method'] for l in j['Layers'] if l['Kind'] == '$1']"; }

# --features
run features
status_is 0 "version --features"
printf '%s' "$out" >features
is "$(ask "{f['State'] for f in j['Features']} - {'yes', 'no', 'unknown'}" <features)" "" "each feature is there or not, or unknown"
is "$(ask "[f['Name'] for f in j['Features'] if (f['State'] == 'yes') != (f['Reason'] is None)]" <features)" "" "and a reason where it isn't"
is "$(ask "[l['Kind'] for l in j['Layers']]" <features)" "mountable mountable-zstd tar tar-compressed" "every kind of layer"
is "$(state erofs) $(state overlay)" "yes yes" "what these tests need is there"
like "$("$firn" version --features)" '^erofs +yes$' "in plain text too"
is "$("$firn" version --format json | ask "[j['Features'], j['Layers']]")" "[] []" "nothing is tried unasked"
fails 4 'nowhere' "no such folder" "$firn" version --features --dir nowhere
fails 2 '--dir is for --features' "a folder for nothing" "$firn" version --dir .
is "$(find . -name "*firn-probe*")" "" "nothing is left in the folder"
is "$(losetup -ln -O BACK-FILE | grep -c "$work")" 0 "and no loop device"
# On a tmpfs the kernel finds no way to read a file as a device.
mkdir shm && mount -t tmpfs tmpfs shm
is "$(state erofs-file --dir shm)" no "no file on a tmpfs is mounted"
umount shm
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
if ! nobody "$firn" version >/dev/null 2>&1; then
	skip_one "nobody can't run the tool that was built here" "an ordinary user asks"
else
	mkdir -m 777 open
	cd open || exit 99
	run nobody "$firn" version --features --format json
	cd ..
	status_is 0 "an ordinary user asks"
	is "$(printf '%s' "$out" | ask "[f['State'] for f in j['Features'] if f['Name'] == 'erofs']")" unknown "what he may not try isn't known"
fi

# What was told is what happens, and every road shows the same tree.
tree() { (cd "$1" && find . -printf '%p %y %m %U:%G %T@ %l\n' | sort && find . -type f -exec sha256sum {} + | sort &&
	getfattr -RPhd -m - -e hex . 2>/dev/null | grep -v '^$'); }
look() { # rootfs and images of the bundle in m; what CRIU and engines write is not the layers'
	tree "$1/checkpoint"
	tree "$1/rootfs"
}
is "$(method oci:layout:r1 "$work/m")" "$(road mountable)" "a layer of ours is mounted as was told"
look m >want
umount_it() { "$firn" umount "$work/m" || not_ok "umount $1"; }
umount_it auto
for how in file loop; do
	feature=$([ $how = file ] && echo erofs-file || echo loop)
	if [ "$(state "$feature")" != yes ]; then
		fails 1 '.' "$how can't be forced here" mount_it --mount-method "$how" oci:layout:r1 "$work/m"
		continue
	fi
	run method --mount-method "$how" oci:layout:r1 "$work/m"
	like "$out" "^erofs-$how(-directio)?\$" "by way of a $how"
	look m >got
	is "$(diff want got)" "" "$how: the same tree"
	umount_it "$how"
	run method --mount-method "$how" --base oci:base:app c.tar "$work/m"
	like "$out" "^erofs-$how(-directio)?\$" "an archive by way of a $how"
	tree m/checkpoint >got
	is "$(diff <(sed -n '1,/^\. d/p' want | sed '$d') got | grep -c '^[<>] .*  ')" 0 "$how: the images of the archive"
	umount_it "$how, archive"
done
fails 2 '"road" is none of auto' "an unknown method" mount_it --mount-method road oci:layout:r1 "$work/m"
is "$(traces)" "" "nothing is left"
done_testing

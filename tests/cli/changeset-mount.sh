#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A mount whose topmost layer is an engine's own: what it doesn't describe, the root folder above all, is as the
# layers below have it; the first time and out of the cache.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_mount

own_mounts
cd "$work" || exit 99
mkdir m
mount -t tmpfs tmpfs /run || bail "no tmpfs on /run"
# A root folder like no other one.
python3 - "$data/base-tiny-rootfs.tar" base.tar <<'EOS'
import sys, tarfile
with tarfile.open(sys.argv[1]) as src, tarfile.open(sys.argv[2], "w", format=tarfile.PAX_FORMAT) as dst:
    root = tarfile.TarInfo("./")
    root.type, root.mode, root.uid, root.gid, root.mtime = tarfile.DIRTYPE, 0o711, 5, 6, 1234567
    dst.addfile(root)
    for t in src:
        if t.name not in (".", "./", ""):
            dst.addfile(t, src.extractfile(t) if t.isreg() else None)
EOS
python3 "$top_srcdir/tests/cli/make-base.py" base.tar base app >/dev/null
manifest=$(python3 -c 'import json; print(json.load(open("base/index.json"))["manifests"][0]["digest"])')
python3 "$top_srcdir/tests/cli/expected.py" rehome "$data/containerd-cri-tiny.tar" "$manifest" c.tar
check "build" "$firn" build --base oci:base:app c.tar oci:layout:c
check "build without the base" "$firn" build c.tar oci:layout:alone
for how in "the first time" "out of the cache"; do
	check "mount $how" "$firn" mount --cache "$work/cache" oci:layout:c m
	is "$(stat -c '%u %g %Y' m/rootfs)" "5 6 1234567" "$how: the root folder is the base's"
	is "$(ls m/rootfs/data/newdir/file m/rootfs/data/del.txt 2>&1 | grep -c 'No such')" 1 "$how: the changes are there"
	is "$(python3 -c 'import os; print(*os.listxattr("m/rootfs"))')" "" "$how: the root folder has no attributes that nobody gave it"
	check "umount" "$firn" umount m
done
check "mount read-only" "$firn" mount --read-only --cache "$work/cache" oci:layout:c m
is "$(stat -c '%u %g %Y' m/rootfs)" "5 6 1234567" "read-only: the root folder is the base's"
check "umount" "$firn" umount m
check "mount on the base" "$firn" mount --base oci:base:app --cache "$work/cache" oci:layout:alone m
is "$(stat -c '%u %g %Y' m/rootfs)" "5 6 1234567" "on the base: the root folder is the base's"
check "umount" "$firn" umount m
is "$(grep -E " $work/m" /proc/self/mountinfo)" "" "nothing stays mounted"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn as an ordinary user: what it mounts through FUSE is the tree that root's mount shows, name by name, from
# whichever place it comes; and nothing is left of it afterwards.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/fuse-lib.sh
. "$top_srcdir/tests/cli/fuse-lib.sh"
input=$top_srcdir/tests/cli/mount-input.py
cache=$work/cache
m=$work/home/m
mkdir root

# same WHAT ARGUMENT...: both mounts of it show the same
same() {
	local what=$1 part
	shift
	check "$what: mount as root" "$firn" mount --cache "$cache" "$@" root
	check "$what: mount as a user" user_firn mount --format '{{.Dir}} {{.Method}}' "$@" "$m"
	is "$out" "$m fuse" "$what: through FUSE"
	for part in checkpoint rootfs; do
		[ -e "root/$part" ] || continue
		python3 bin/list-tree.py "root/$part" >want 2>&1
		list_tree "$m/$part" >got 2>&1
		is "$(wc -l <want)" "$(wc -l <got)" "$what: as many names in $part"
		is "$(diff want got | head -n 20)" "" "$what: the tree of $part"
	done
	# Besides config.json, which names its own folder, and what is made at the time of the mount.
	is "$(as_user ls -A "$m" 2>&1)" "$(ls -A root)" "$what: the same bundle"
	is "$(cd root && find . -maxdepth 1 -type f -not -name config.json -exec sha256sum {} + | sort)" \
		"$(as_user sh -c "cd $m && find . -maxdepth 1 -type f -not -name config.json -exec sha256sum {} + | sort")" \
		"$what: the metadata, byte for byte"
	if [ -e root/config.json ]; then
		is "$(sed "s,$work/root/,DIR/,g; s,/firn/[0-9a-f]\{16\},/firn/ID,g" root/config.json | sha256sum)" \
			"$(as_user cat "$m/config.json" | sed "s,$m/,DIR/,g; s,/firn/[0-9a-f]\{16\},/firn/ID,g" | sha256sum)" "$what: config.json"
		python3 bin/list-tree.py --no-time root/engine | grep -v '^netns' >want
		list_tree --no-time "$m/engine" | grep -v '^netns' >got
		is "$(diff want got | head)" "" "$what: the engine's files"
	fi
	check "$what: umount as a user" user_firn umount "$m"
	check "$what: umount as root" "$firn" umount root
	is "$(traces)" "" "$what: nothing is left"
}

# --- the other commands need no root either

read -r id manifest < <(python3 "$input" image base app "$data/base-tiny-rootfs.tar")
python3 "$input" archive "$data/podman-none.tar" c.tar "$id"
chmod -R a+rX base c.tar
check "build as a user" user_firn build --quiet --base oci:base:app c.tar oci:home/layout:r1
"$firn" build --quiet --base oci:base:app c.tar oci:layout:r1 >/dev/null
is "$(as_user cat home/layout/index.json | sha256sum)" "$(sha256sum <layout/index.json)" "and gives the same image: uid and gid are the archive's"
check "inspect as a user" user_firn inspect oci:home/layout:r1
check "verify as a user" user_firn verify oci:home/layout:r1
check "list as a user" user_firn list oci:home/layout
check "memory as a user" user_firn memory oci:home/layout:r1
check "diff as a user" user_firn diff oci:home/layout:r1 oci:home/layout:r1
chown -R nobody layout c.tar base
# What root's mount says of base, mounts and files.
asked() {
	python3 -c 'import json
print(*[(c["check"], c["level"], c["what"]) for c in json.load(open("said.json"))[0]["checks"] if c["check"] in ("base", "mounts", "files")], sep="\n")'
}
"$firn" check --cache "$cache" --base oci:base:app --format json c.tar >said.json 2>/dev/null
asked >want
user_firn check --base oci:base:app --format json c.tar >said.json 2>/dev/null
is "$(asked | diff want - | head)" "" "check as a user says what it says to root"
is "$(traces)" "" "and leaves nothing"

# --- root may ask for it: one server in place of the kernel's own mounts

for how in file fuse; do
	check "root, $how: mount" "$firn" mount --cache "$cache" --mount-method $how --format '{{.Method}}' oci:layout:r1 root
	like "$out" "$how" "root, $how: by that method"
	for part in . checkpoint rootfs; do python3 bin/list-tree.py --no-time "root/$part"; done >"$how.list" 2>&1
	python3 bin/list-tree.py root/rootfs >>"$how.list"
	echo new >root/rootfs/new && rm root/rootfs/count && ls root/rootfs >>"$how.list"
	[ $how = file ] || is "$(mounts "$work/root" | wc -l)" 4 "root, fuse: as many mounts"
	check "root, $how: umount" "$firn" umount root
done
is "$(diff file.list fuse.list | head)" "" "root, fuse: the same bundle, which can be written"
check "root: --verify-reads" "$firn" mount --cache "$cache" --verify-reads --format '{{.Method}}' oci:layout:r1 root
is "$out" fuse "root: goes through FUSE"
"$firn" umount root
fails 1 'method fuse' "root: and no other way" "$firn" mount --verify-reads --mount-method loop oci:layout:r1 root
fails 1 'no method but fuse' "a user has no other way" user_firn mount --mount-method loop oci:home/layout:r1 "$m"

# --- the bundle

check "mount" user_firn mount oci:home/layout:r1 "$m"
is "$out" "$m" "prints where"
is "$(awk -v at="$m" '$5 == at { print $6, $8 }' /proc/self/mountinfo)" "ro,nosuid,nodev,relatime fuse.firn" "one mount, read-only"
is "$(mounts "$work/home")" "$m" "and none besides"
is "$(stat -c %a home/run/firn) $(find home/run/firn -name '*.mount' -size +0 | wc -l)" "700 1" "its record is the user's own"
is "$(find home/.cache/firn -type d ! -perm 700)" "" "so is the cache"
is "$(as_user cat "$m/rootfs/count" | wc -l)" 8 "the rootfs"
is "$(as_user touch "$m/rootfs/x" 2>&1 | grep -c 'Read-only')" 1 "can't be written"
is "$(ls "$m" 2>&1 | grep -c 'Permission denied')" 1 "nobody else sees it, not even root"
fails 1 'something is mounted on' "a second mount on it is refused" user_firn mount oci:home/layout:r1 "$m"
server=$(server_of)
is "$(find "/proc/$server/fd" -lname '*/layout/blobs/*' | wc -l) $(readlink "/proc/$server/cwd")" "4 /" "a process in the background has its layers open"
is "$(find "/proc/$server/fd" -printf '%l\n' | grep -cE 'mount|sock|pipe')" 0 "and nothing that was its caller's"
exec 7< <(as_user tail -f "$m/config.dump")
for ((i = 0; i < 50; i++)); do
	ls -l /proc/*/fd 2>/dev/null | grep -q "$m/config.dump" && break
	sleep 0.1
done
fails 1 'busy' "in use: umount is refused" user_firn umount "$m"
is "$(as_user cat "$m/rootfs/count" | wc -l)" 8 "and all of it is there"
kill "$!" 2>/dev/null
exec 7<&-
for ((i = 0; i < 50; i++)); do
	user_firn umount "$m" 2>/dev/null && break
	sleep 0.1
done
is "$(traces)" "" "umount: nothing is left"
check "umount once more is no error" user_firn umount "$m"
server_ends "$server" && ok "the process ends with it" || not_ok "the process ends with it"
# What was in /dev/shm may be more than fits into 64 MiB of memory.
python3 - <<'PY'
import io, tarfile
with tarfile.open("shm.tar", "w") as tar:
    for name, data in ("./large", b"\xa5" * (70 << 20)), ("./small", b"small"):
        t = tarfile.TarInfo(name)
        t.size = len(data)
        tar.addfile(t, io.BytesIO(data))
PY
python3 "$input" archive c.tar shm-large.tar "$id" shm=shm.tar && rm shm.tar
check "70 MiB in /dev/shm: mount" user_firn mount --base oci:base:app shm-large.tar "$m"
is "$(as_user cat "$m/engine/shm/small") $(as_user sha256sum "$m/engine/shm/large" | cut -c 1-16)" \
	"small $(head -c $((70 << 20)) /dev/zero | tr '\0' '\245' | sha256sum | cut -c 1-16)" "70 MiB in /dev/shm: all of it is there"
kib=$(awk '$1 == "RssAnon:" { print $2 }' "/proc/$(server_of)/status")
small "70 MiB in /dev/shm: memory of its own"
user_firn umount "$m"
rm shm-large.tar
fails 1 'read-only' "an upper folder needs root" user_firn mount --upper home/upper oci:home/layout:r1 "$m"
is "$(traces)" "" "and nothing is left of the attempt"

# --- trees

same "image" oci:layout:r1
same "archive as it lies" --base oci:base:app c.tar
check "build without the base" "$firn" build --quiet c.tar oci:external:r1
chown -R nobody external
same "image without its base" --base oci:base:app oci:external:r1
tar -C layout -cf layout.tar . && chown nobody layout.tar
same "oci-archive" oci-archive:layout.tar:r1
python3 "$input" archive "$data/containerd-cri-tiny.tar" containerd.tar "$id,$manifest"
chown nobody containerd.tar
same "containerd's archive, whose delta is compressed" --base oci:base:app containerd.tar
for name in raw-criu-2proc.tar ctr-t-bare-criu.tar; do
	mkdir raw && tar -C raw -xf "$data/$name"
	"$firn" build --quiet "$(dirname raw/*/inventory.img)" "oci:layout:$name" >/dev/null
	chown -R nobody layout
	same "$name" "oci:layout:$name"
	rm -rf raw
done

# Compressed and still mountable: no layer is unpacked for it. (The base is plain.)
"$firn" build --quiet --compress zstd --base oci:base:app c.tar oci:packed:r1 >/dev/null
chown -R nobody packed
rm -rf home/.cache
same "layers in zstd" oci:packed:r1
is "$(find home/.cache/firn -path "*/blobs/*" -type f | wc -l)" 0 "layers in zstd: none was unpacked"

# Layers that hide and replace what is below, compressed and not.
python3 "$input" layers many 50
for f in many/*.tar; do
	case $f in *3.tar) gzip -n "$f" ;; *7.tar) zstd -q --rm "$f" ;; esac
done
read -r many_id _ < <(python3 "$input" image fifty app many/*.tar*)
python3 "$input" archive "$data/podman-ignore-rootfs.tar" fifty.tar "$many_id" drop=devshm-checkpoint.tar
"$firn" build --quiet --base oci:fifty:app fifty.tar oci:fifty-layout:r1 >/dev/null
chown -R nobody fifty-layout
same "a base of 50 layers" oci:fifty-layout:r1

# Everything that a layer can have.
python3 - <<'PY'
import io, tarfile
def layer(name, entries):
    with tarfile.open(name, "w", format=tarfile.PAX_FORMAT) as tar:
        for path, kind, more in entries:
            t = tarfile.TarInfo(path)
            data = more.pop("data", b"")
            t.type, t.size, t.mtime = kind, len(data), 1767225600
            for k, v in more.items():
                setattr(t, k, v)
            tar.addfile(t, io.BytesIO(data))
R, D, S, L = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
layer("l0.tar", [
    ("./", D, {"mode": 0o751, "uid": 3, "gid": 4}), ("d/", D, {"mode": 0o700, "uid": 5}), ("d/a", R, {"data": b"a" * 5000}),
    ("d/b", L, {"linkname": "d/a"}), ("d/c", L, {"linkname": "d/a"}), ("e/", D, {"mode": 0o755}), ("e/gone", R, {"data": b"x"}),
    ("e/kept", R, {"data": b"kept", "mode": 0o4755, "uid": 1000, "gid": 70000}), ("f", R, {"data": b"file becomes folder"}),
    ("g/", D, {"mode": 0o755}), ("g/in", R, {"data": b"folder becomes link"}), ("null", tarfile.CHRTYPE, {"devmajor": 1, "devminor": 3}),
    ("block", tarfile.BLKTYPE, {"devmajor": 8, "devminor": 300}), ("pipe", tarfile.FIFOTYPE, {"mode": 0o640}),
    ("x", R, {"data": b"x", "pax_headers": {"SCHILY.xattr.user.one": "1", "SCHILY.xattr.security.capability":
        "\x01\0\0\x02\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"}}), ("o/", D, {"mode": 0o755}), ("o/old", R, {"data": b"old"}),
    ("o/sub/deep/", D, {"mode": 0o755}), ("implied/by/child", R, {"data": b"c"}), ("sym", S, {"linkname": "d/a"}),
    ("n\u00e9\n name", R, {"data": b"odd"}), ("empty", R, {}), ("t", R, {"data": b"t" * 4096}), ("zero", R, {"data": bytes(300000)})])
layer("l1.tar", [
    ("d/.wh.a", R, {}), ("e/.wh.gone", R, {}), ("f/", D, {"mode": 0o711}), ("f/new", R, {"data": b"n"}), ("g", S, {"linkname": "e"}),
    ("o/", D, {"mode": 0o700}), ("o/.wh..wh..opq", R, {}), ("o/new", R, {"data": b"new"}), ("e/link", R, {"data": b"l"}),
    ("e/link2", L, {"linkname": "e/link"}), (".wh.t", R, {}), (".wh.never", R, {}), ("implied/by/", D, {"mode": 0o705, "uid": 9})])
layer("l2.tar", [("t/", D, {"mode": 0o777}), ("t/again", R, {"data": b"1"}), ("o/sub", R, {"data": b"file now"}), ("e/link", R, {"data": b"other"})])
PY
read -r odd_id _ < <(python3 "$input" image odd app l0.tar l1.tar l2.tar)
python3 "$input" archive "$data/podman-none.tar" odd.tar "$odd_id" deleted=/implied/by/child deleted=/d/b
"$firn" build --quiet --base oci:odd:app odd.tar oci:odd-layout:r1 >/dev/null
chown -R nobody odd odd.tar odd-layout
same "everything a layer can have" oci:odd-layout:r1
same "everything a layer can have, under an archive" --base oci:odd:app odd.tar
# --- root of a user namespace, who is nobody outside: a writable bundle over FUSE, no fusermount3
cat >bin/inside.sh <<'END'
set -e
cd "$1"
firn=$2/firn
"$firn" mount --format '{{.Method}}' oci:layout:r1 m
find m/checkpoint -type f -exec sha256sum {} + | sort -k 2
cd m/rootfs
echo new >data/new
rm data/keep.txt
rm -r etc && mkdir etc && echo own >etc/own
cat data/new etc/own
ls etc
[ ! -e data/keep.txt ] || echo "data/keep.txt is there"
cd ../..
"$firn" umount m
[ ! -e m ] || ls -A m
END
if as_user unshare -rm true 2>/dev/null; then
	check "in a user namespace" as_user unshare -rm sh "$work/bin/inside.sh" "$work/home" "$work/bin"
	inside=$out
	check "as root" "$firn" mount --cache "$cache" oci:layout:r1 root
	is "$inside" "fuse
$(cd root && find checkpoint -type f -exec sha256sum {} + | sort -k 2 | sed 's,  ,  m/,')
new
own
own" "the same images, a rootfs that can be changed, and nothing is left"
	check "umount as root" "$firn" umount root
	is "$(traces)" "" "nor noted"
else
	skip_one "no user namespaces for users" "in a user namespace"
fi
done_testing

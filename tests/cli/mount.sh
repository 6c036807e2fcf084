#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn mount and umount: what a mounted checkpoint looks like, from whichever place it comes, and that nothing is
# left of it afterwards. What trees come out, samples.sh checks.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/mount-lib.sh
. "$top_srcdir/tests/cli/mount-lib.sh"

# --- the bundle

run method oci:layout:r1 m
status_is 0 "mount"
is "$out" erofs-file-directio "straight from the blob, without a second copy in the page cache"
is "$(sort -n /sys/class/bdi/erofs-*/read_ahead_kb | tail -n 1)" 4096 "the CRIU images are read far ahead"
is "$(mounts "$work/m" | sort | tr '\n' ' ')" "$work/m $work/m/checkpoint $work/m/engine/shm $work/m/rootfs " \
	"four mounts, and none besides"
is "$(traces | grep -v -e "^$work/m" -e ^/run/firn/shared | sed 's/[0-9a-f]\{16\}/ID/')" "/run/firn/ID.mount" "one record of it"
is "$(stat -c '%a %U' m m/checkpoint m/work m/rootfs | tr '\n' ' ')" "700 root 700 root 700 root 555 root " "modes"
like "$(flags "$work/m/checkpoint")" '^ro,nosuid,nodev,noexec' "the CRIU images: read-only, nosuid, nodev, noexec"
like "$(flags "$work/m")" '^rw,nosuid,nodev,noexec' "the bundle: nosuid, nodev, noexec"
like "$(flags "$work/m/rootfs")" '^rw,nodev,relatime' "the rootfs: nodev"
python3 - <<'PY' >got 2>&1
import json, os
spec = json.load(open("m/config.json"))
was = json.load(open("m/spec.dump"))
print(spec["root"]["path"], spec["process"]["args"] == was["process"]["args"])
for m in spec["mounts"]:
    if "bind" in m.get("options", []) or m.get("type") == "bind":
        print(m["destination"], os.path.exists(m["source"]), m["source"].startswith(os.path.realpath("m") + "/engine/"))
PY
is "$(head -1 got)" "rootfs True" "config.json says where the rootfs is"
is "$(sed 1d got | grep -vc 'True True$')" 0 "every bind mount of the engine has a source here"
is "$(stat -c '%a' m/engine/shm)" 1777 "the engine's files: /dev/shm"
cp m/spec.dump spec.was
tar -xOf c.tar spec.dump | cmp -s - m/spec.dump && ok "spec.dump as it was" || not_ok "spec.dump as it was"
echo log >m/work/restore.log && ok "work/ can be written" || not_ok "work/ can be written"
echo new >m/rootfs/data/keep.txt && rm m/rootfs/data/renamed && is "$(cat m/rootfs/data/keep.txt)" new "the rootfs can be written"
is "$(touch m/checkpoint/x 2>&1 | grep -c 'Read-only')" 1 "checkpoint/ can't"
fails 1 'something is mounted on' "a second mount on it is refused" mount_it oci:layout:r1 m
check "umount" "$firn" umount m
is "$(traces)" "" "nothing is left"
check "umount once more is no error" "$firn" umount m
fails 4 'mounted nothing' "umount where nothing ever was" "$firn" umount base
mkdir other && mount -t tmpfs mine other
fails 1 'something is mounted on' "nor is anybody else's mount touched" mount_it oci:layout:r1 other
fails 4 'mounted nothing' "by umount either" "$firn" umount other
umount other
mount -t tmpfs mine m
check "what is mounted there since" "$firn" umount m
is "$(mounts "$work/m")" "$work/m" "stays"
umount m
touch other/file
fails 2 'not empty' "a folder with something in it is refused" mount_it oci:layout:r1 other
fails 4 'No such' "no such layout" mount_it oci:nowhere:r1 m
fails 4 r9 "no such tag" mount_it oci:layout:r9 m
is "$(traces)" "" "nothing is left of all that"

check "a folder that isn't there is made" mount_it oci:layout:r1 new
is "$(stat -c %a new)" 700 "for its owner's eyes only"
"$firn" umount new
is "$(ls -d new 2>&1 | grep -c 'No such')" 1 "and goes with the mount"

# --- whoever uses it keeps it

check "mount again" mount_it oci:layout:r1 m
before=$(mounts "$work/m" | sort)
busy() { # WHAT
	fails 1 'busy' "in use ($1): refused" "$firn" umount "$work/m"
	is "$(mounts "$work/m" | sort)" "$before" "in use ($1): nothing is changed"
	is "$(wc -l <"$work/m/rootfs/count") $(stat -c %s "$work/m/checkpoint/inventory.img")" "8 86" "in use ($1): and all of it is there"
}
exec 7<m/config.dump
busy "a metadata file"
exec 7<m/checkpoint/pages-1.img
busy "an image"
exec 7>m/rootfs/tmp/x
busy "a file of the rootfs"
exec 7>m/work/log
busy "a log"
exec 7<&-
cd m/rootfs || exit 99
busy "a current folder"
cd "$work" || exit 99
check "umount when they are gone" "$firn" umount m
is "$(traces)" "" "nothing is left"

# Mounts of others on top, and below, go too.
mount_it oci:layout:r1 m >/dev/null && mount -t tmpfs t m/rootfs/tmp && mkdir m/rootfs/tmp/y && mount -t tmpfs t m
mkdir m/rootfs && mount -t tmpfs t m/rootfs
check "umount of a mount that is covered" "$firn" umount m
is "$(traces)" "" "takes all of it"

# What somebody has mounted since on a folder of which he took firn's mount himself is his.
for how in m --all; do
	mount_it oci:layout:r1 m >/dev/null && umount -R m && mount -t tmpfs t m && mkdir m/sub && mount -t tmpfs t m/sub
	check "umount $how where another's mount is by now" "$firn" umount $how
	is "$(mounts "$work/m" | wc -l)" 2 "umount $how: leaves it alone"
	fails 1 'something is mounted' "umount $how: nor is anything mounted over it" mount_it oci:layout:r1 m
	umount -R m
	is "$(traces)" "" "umount $how: nothing of firn's is left"
done
# Folders above it go, or are something else by now.
mkdir -p above/it above2
mount_it oci:layout:r1 above/it/m >/dev/null && mount_it oci:layout:r1 above2/m >/dev/null && umount -R above/it/m above2/m
rm -r above above2 && touch above2
check "umount --all of mounts whose folders are gone" "$firn" umount --all
is "$(traces)" "" "and whose records go"

# --- read-only, and with the changes kept

check "read-only" mount_it --read-only oci:layout:r1 m
is "$(stat -c %a m/rootfs) $(wc -l <m/rootfs/count)" "555 8" "read-only: the root's mode is CRIU's"
is "$(touch m/rootfs/tmp/x 2>&1 | grep -c 'Read-only')" 1 "read-only: it is"
"$firn" umount m
fails 2 '../x"?: must be' "an id that a cgroup can't have" mount_it --id ../x oci:layout:r1 m
is "$(mounts "$work/m")" "" "an id that a cgroup can't have: nothing is mounted"
check "changes into a folder" mount_it --upper "$work/up,p:er" oci:layout:r1 m
echo kept >m/rootfs/data/kept
"$firn" umount m
is "$(cat "up,p:er/upper/data/kept")" kept "changes into a folder: are there"
mount_it --upper "$work/up,p:er" oci:layout:r1 m >/dev/null
is "$(cat m/rootfs/data/kept)" kept "changes into a folder: and again in the next mount"
fails 1 'upper folder .*: is that of another mount' "changes of two mounts into one folder" \
	mount_it --upper "$work/up,p:er" oci:layout:r1 second
is "$(ls -d second 2>/dev/null)$(mounts "$work/second")" "" "and the second is not there"
"$firn" umount m
check "and then it may have the folder" mount_it --upper "$work/up,p:er" oci:layout:r1 second
is "$(cat second/rootfs/data/kept)" kept "with what is in it"
"$firn" umount second
# What is mounted below it must have a path, too.
in_depth() { # BYTES COMMAND...: in a folder whose path, with one name of BYTES and a slash more, has 4090
	local bytes=$1 folder
	shift
	folder=$(printf 'd%.0s' {1..200})
	(
		while [ $((4090 - ${#PWD} - bytes)) -gt 204 ]; do mkdir -p "$folder" && cd "$folder" || exit; done
		folder=$(head -c $((4090 - ${#PWD} - bytes - 2)) /dev/zero | tr '\0' e)
		mkdir -p "$folder" && cd "$folder" && "$@"
	)
}
fails 2 'path has more than' "a folder whose own fit into no path" in_depth 20 \
	mount_it "oci:$work/layout:r1" 12345678901234567890
fails 2 'exclude' "both at once" mount_it --read-only --upper "$work/upper" oci:layout:r1 m
is "$(traces)" "" "nothing is left"

# --- where it comes from

# (No colon in the layout's own path: what follows one is the tag.)
odd="a,b c d
é\\\\\"'#"
mkdir "$odd" "$odd:" && cp -r layout "$odd/lay,out"
run "$firn" --state "$odd:/st:ate" mount --cache "$odd:/ca,che" "oci:$odd/lay,out:r1" "$odd:/mo,unt"
status_is 0 "names with a colon, commas, blanks, a newline and more"
is "$(wc -l <"$odd:/mo,unt/rootfs/count") $(stat -c %s "$odd:/mo,unt/checkpoint/inventory.img")" "8 86" "odd names: all of it is there"
check "odd names: umount" "$firn" --state "$odd:/st:ate" umount "$odd:/mo,unt"
is "$(traces)$(find "$odd:/st:ate" -mindepth 1 -size +0)" "" "odd names: nothing is left"

mkdir memory && mount -t tmpfs memory memory && cp -r layout memory/layout
run method oci:memory/layout:r1 m
is "$out" erofs-loop "a layout on a tmpfs goes through loop devices"
is "$(wc -l <m/rootfs/count)" 8 "and is the same"
cmp -s m/checkpoint/pages-1.img <(tar -xOf c.tar checkpoint/pages-1.img) && ok "to the byte" || not_ok "to the byte"
"$firn" umount m
run "$firn" mount --cache memory/cache --format '{{.Method}}' oci:layout:r1 m
is "$out" erofs-file-directio "a cache on a tmpfs matters to the rootfs alone"
is "$(wc -l <m/rootfs/count)" 8 "and is the same"
"$firn" umount m
umount memory
is "$(traces)" "" "no loop device is left"

tar -C layout -cf layout.tar .
run method oci-archive:layout.tar:r1 m
is "$out" erofs-file-directio "an oci-archive is mounted as it lies"
is "$(wc -l <m/rootfs/count)" 8 "and is the same"
cmp -s m/checkpoint/pages-1.img <(tar -xOf c.tar checkpoint/pages-1.img) && ok "to the byte" || not_ok "to the byte"
"$firn" umount m

run method --base oci:base:app c.tar m
is "$out" erofs-file-directio "an engine's archive is mounted as it lies"
describe m/rootfs >archive.tree
"$firn" umount m
mount_it oci:layout:r1 m >/dev/null && describe m/rootfs >image.tree && "$firn" umount m
is "$(diff archive.tree image.tree)" "" "and shows the tree of the image made from it"
fails 4 "localhost/bb:1.*$id" "an archive without its base: which one it needs" mount_it c.tar m
gzip -c c.tar >c.tar.gz
fails 1 'firn build' "a compressed archive: what to do" mount_it --base oci:base:app c.tar.gz m

check "an image without its base: build" "$firn" build --quiet c.tar oci:external:r1
fails 4 "localhost/bb:1.*$id" "an image without its base: which one it needs" mount_it oci:external:r1 m
check "an image without its base: mount" mount_it --base oci:base:app oci:external:r1 m
is "$(describe m/rootfs | diff image.tree -)" "" "an image without its base: the tree of the other"
"$firn" umount m
run mount_it --base oci:base:app oci:layout:r1 m
like "$status $err" '^0 .*base inside' "an image with its base says that it needs no other"
"$firn" umount m

python3 "$input" archive "$data/containerd-cri-tiny.tar" containerd.tar "$id,$manifest"
check "containerd's archive, whose delta is compressed" mount_it --base oci:base:app containerd.tar m
is "$(wc -l <m/rootfs/count) $(ls -A m/rootfs/data/redir) $(ls m/rootfs/data/del.txt 2>&1 | grep -c 'No such')" \
	"9 new1 1" "its delta is applied"
"$firn" umount m
is "$(traces)" "" "nothing is left"

# --- the base's layers

python3 "$input" layers many 50
for f in many/*.tar; do
	case $f in *3.tar) gzip -n "$f" ;; *7.tar) zstd -q --rm "$f" ;; esac
done
read -r many_id _ < <(python3 "$input" image fifty app many/*.tar*)
python3 "$input" archive "$data/podman-ignore-rootfs.tar" fifty.tar "$many_id" drop=devshm-checkpoint.tar
"$firn" build --quiet oci:x:y 2>/dev/null
check "a base of 50 layers: build" "$firn" build --quiet --base oci:fifty:app fifty.tar oci:fifty-layout:r1
rm -rf "$cache"
check "a base of 50 layers: mount" mount_it oci:fifty-layout:r1 m
is "$(describe m/rootfs | diff many/want - | head -20)" "" "a base of 50 layers: what they give"
is "$(mounts "$work/m" | wc -l)" 4 "a base of 50 layers: four mounts"
"$firn" umount m
is "$(find "$cache" -type d ! -perm 700; find "$cache" -type f ! -perm 600)" "" "the cache is for its owner's eyes only"
is "$(find "$cache/blobs" -type f | wc -l) $(find "$cache/index" -type f | wc -l)" "10 50" "ten layers unpacked, 50 indexes"
find "$cache" -type f -printf '%p %T@ %i\n' | sort >cache.was
mount_it oci:fifty-layout:r1 m >/dev/null && describe m/rootfs | diff many/want - >/dev/null &&
	ok "a second mount from the cache" || not_ok "a second mount from the cache"
is "$(find "$cache" -type f -printf '%p %T@ %i\n' | sort | diff cache.was -)" "" "makes nothing anew"
"$firn" umount m
# Two at once with nothing in the cache.
rm -rf "$cache"
mount_it oci:fifty-layout:r1 m >/dev/null 2>a.err &
mount_it oci:fifty-layout:r1 m2 >/dev/null 2>b.err
wait $!
is "$?$(cat a.err b.err)$(describe m/rootfs | diff many/want -)$(describe m2/rootfs | diff many/want -)" "0" "two mounts fill the cache at once"
check "umount of everything" "$firn" umount --all
is "$(traces)" "" "nothing is left"
mount_it oci:layout:r1 m >/dev/null 2>a.err &
mount_it oci:layout:r1 m >/dev/null 2>b.err
a=$?
wait $!
is "$((a + $?))" 1 "of two mounts on one folder one wins"
is "$(cat a.err b.err | grep -c 'is mounted on')" 1 "and the other says why"
"$firn" umount m

# --- volumes and /dev/shm

python3 "$input" archive c.tar vol.tar "$id" volume=/srv/nothing/vol
fails 4 '/vol.*/srv/nothing/vol.*--volume' "a missing volume" mount_it --base oci:base:app vol.tar m
is "$(traces)$(ls m)" "" "nothing is left"
mkdir vol
check "a volume that lies elsewhere" mount_it --base oci:base:app --volume "/srv/nothing/vol=$work/vol" vol.tar m
is "$(python3 -c 'import json; print(*[m["source"] for m in json.load(open("m/config.json"))["mounts"] if m["destination"] == "/vol"])')" \
	"$work/vol" "a volume that lies elsewhere: config.json says so"
unlike "$err" "volume" "a volume that lies elsewhere: nothing is to be said"
"$firn" umount m
python3 "$input" archive c.tar named.tar "$id" volume=/srv/nothing/vol named=v1
check "a volume whose content is in the checkpoint" mount_it --base oci:base:app --volume "/vol=$work/vol" named.tar m
like "$err" "volume ./vol.: the container gets .$work/vol. as it is; .* in .volumes/v1.tar" "what its content is, is told"
"$firn" umount m

python3 - <<'PY'
import io, tarfile
def add(tar, name, kind, data=b"", **more):
    t = tarfile.TarInfo(name)
    t.type, t.size, t.mtime = kind, len(data), 1767225600
    for k, v in more.items():
        setattr(t, k, v)
    tar.addfile(t, io.BytesIO(data))
with tarfile.open("shm.tar", "w", format=tarfile.PAX_FORMAT) as tar:
    add(tar, "./", tarfile.DIRTYPE, mode=0o1777)
    add(tar, "./sem.x", tarfile.REGTYPE, b"semaphore", mode=0o640, uid=33, gid=34)
    add(tar, "./d/", tarfile.DIRTYPE, mode=0o750)
    add(tar, "./d/hard", tarfile.LNKTYPE, linkname="./sem.x")
    add(tar, "./d/sym", tarfile.SYMTYPE, linkname="/etc/passwd")
    add(tar, "./fifo", tarfile.FIFOTYPE, mode=0o600)
for name, entries in {"up": [("../x", tarfile.REGTYPE, "")], "abs": [("/tmp/firn-x", tarfile.REGTYPE, "")],
                      "through": [("l", tarfile.SYMTYPE, "/tmp"), ("l/firn-x", tarfile.REGTYPE, "")],
                      "over": [("l", tarfile.SYMTYPE, "/tmp/firn-x"), ("l", tarfile.REGTYPE, "")],
                      "dev": [("null", tarfile.CHRTYPE, "")]}.items():
    with tarfile.open(f"shm-{name}.tar", "w") as tar:
        for path, kind, target in entries:
            add(tar, path, kind, linkname=target)
PY
python3 "$input" archive c.tar shm-good.tar "$id" shm=shm.tar
check "/dev/shm" mount_it --base oci:base:app shm-good.tar m
is "$(cd m/engine/shm && find . ! -path . -printf '%P %M %U:%G %n %TY %l\n' | sort | tr '\n' ';')" \
	"d drwxr-x--- 0:0 2 2026 ;d/hard -rw-r----- 33:34 2 2026 ;d/sym lrwxrwxrwx 0:0 1 2026 /etc/passwd;fifo prw------- 0:0 1 2026 ;sem.x -rw-r----- 33:34 2 2026 ;" \
	"/dev/shm is as it was"
is "$(cat m/engine/shm/d/hard)" semaphore "with what was in it"
"$firn" umount m
for name in up abs through over dev; do
	python3 "$input" archive c.tar bad.tar "$id" shm="shm-$name.tar"
	run mount_it --base oci:base:app bad.tar m
	is "$((status != 0)) $(ls -d x /tmp/firn-x 2>/dev/null) $(traces)$(ls m)" "1  " "/dev/shm: \"$name\" is refused, and nothing left ($err)"
done

# --- a folder that others share

mkdir shared && mount -t tmpfs shared shared && mount --make-shared shared && mkdir shared/m peer
mount --bind shared peer
check "on a shared mount" mount_it oci:layout:r1 shared/m
is "$(mounts "$work/peer" | sort | tr '\n' ' ')" "$work/peer $work/peer/m " "what lies on top of it is nobody else's"
check "on a shared mount: umount" "$firn" umount shared/m
is "$(mounts "$work/peer")" "$work/peer" "on a shared mount: also with the peer"
umount peer shared
mount --make-shared /run && mount --bind /run peer
check "with a shared state folder" mount_it oci:layout:r1 m
is "$(mounts "$work/peer" | grep -v "^$work/peer/firn/shared/")" "$work/peer" \
	"with a shared state folder: what it was put together on is gone everywhere"
"$firn" umount m
is "$(mounts "$work/peer")" "$work/peer" "and what it had together with others, with the last of them"
umount peer
mount --make-private /run
is "$(traces)" "" "nothing is left"
done_testing

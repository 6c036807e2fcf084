#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A container that Podman checkpoints in place, with its changes out of the overlay's upper directory: the
# tree is the container's own, where the export of the same container lacks files and modes.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

make_images
start_app c1
# More of what archives lose, and what only overlayfs' own words tell.
root=/proc/$app_pid/root
chmod 1770 "$root/data/sub" && touch -d 2026-03-03 "$root/data/sub"
mknod "$root/data/null" c 1 3 && mkfifo "$root/data/fifo"
setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$root/data/newdir/suid"
python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$root/data/sock"
must podman container checkpoint -c none --leave-running --export=export.tar c1
must podman container checkpoint -c none --leave-running --ignore-rootfs --export=ignored.tar c1
same_as_checkpointctl export.tar
same_as_checkpointctl ignored.tar
must podman container checkpoint --keep c1
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
folder=$(dirname "$(podman inspect -f '{{.OCIConfigPath}}' c1)")
upper=$(podman inspect -f '{{.GraphDriver.Data.UpperDir}}' c1)
diag "$(ls -x "$folder")"
list_tree "$(podman mount c1)" >true.list
must podman umount c1
n=$(last_count "$upper/count")

run firn inspect --format '{{.Name}} {{.Engine}} {{.Image}} {{.Command}}' "$folder"
is "$out" "c1 Podman localhost/app:1 /bin/sh /work.sh " "in place: inspect tells whose it is"
run firn list --format '{{.Name}} {{.Container}}' "$(dirname "$folder")"
like "$out" '^userdata c1$' "in place: list finds it"
run firn list --format '{{.Name}} {{.Container}}' .
like "$out" '^export.tar c1$' "list finds the archives"

# tree_of TAG: what its mount shows
tree_of() {
	firn mount --read-only "oci:layout:$1" "$PWD/m" >/dev/null && list_tree m/rootfs && firn umount "$PWD/m"
}

vital "in place: build" firn build --format '{{.Container}} {{.Engine}} {{json .Losses}}' --base oci:base:app \
	--upperdir "$upper" "$folder" oci:layout:upper
is "$out" 'c1 Podman ["socket \"data/sock\" is left out: layers can'\''t hold sockets"]' \
	"in place: Podman's storage names it, and a socket is all that is lost"
first=$(skopeo inspect oci:layout:upper.rootfs | jq -r .Digest)
check "in place: a second build" firn build --force --base oci:base:app --upperdir "$upper" "$folder" oci:layout:upper
is "$(skopeo inspect oci:layout:upper.rootfs | jq -r .Digest)" "$first" "in place: gives the same digest"
must skopeo copy -q containers-storage:localhost/base:1 oci:base:other
fails 1 'has image ID .* was made from' "in place: another base is refused" firn build --base oci:base:other \
	--upperdir "$upper" "$folder" oci:layout:other
must firn build --base oci:base:app export.tar oci:layout:export

tree_of upper >upper.list
tree_of export >export.list
grep -v ' data/sock' true.list >true-but-socket.list
same_tree true-but-socket.list upper.list "in place: the tree is the container's own"
diag "the container's own tree, and what its export has of it:"
diag "$(diff true.list export.list | grep -v ' count ' | cut -c1-150)"
line() { grep -E " $2( |\$)" "$1.list"; }
isnt_there() { [ -z "$(line export "$1")" ] || [ "$(line export "$1")" != "$(line true "$1")" ]; }
for file in data/mod.txt data/sub; do
	isnt_there $file
	is $? 0 "the export has lost $file"
	is "$(line upper $file)" "$(line true $file)" "the upper directory has it: $file"
done
like "$(line upper data/sub)" '^drwxrwx--T' "with its mode"

# It goes on from there, with runc and with nothing of Podman's.
must podman rm -f -t 0 c1
vital "in place: firn restore" firn restore oci:layout:upper again
pid=$(runc state again | jq .pid)
counts_on "/proc/$pid/root/count" "$n" "in place: the counter goes on"
data_is_right_but_new() { # the files above are no surprise
	rm "/proc/$pid/root/data/null" "/proc/$pid/root/data/fifo" && data_is_right "/proc/$pid/root" "$1"
}
data_is_right_but_new "in place: added files are there, deleted ones gone"
is "$(tail -n 1 "/proc/$pid/root/data/mod.txt")" changed "in place: and the modified one is there"
end_container again
nothing_stays "in place: nothing stays mounted"

# A checkpoint that has no changes of its own takes them from there as well; one that has some doesn't.
start_app c2
upper=$(podman inspect -f '{{.GraphDriver.Data.UpperDir}}' c2)
must podman container checkpoint -c none --ignore-rootfs --export=c2.tar c2
vital "--ignore-rootfs: build" firn build --base oci:base:app --upperdir "$upper" c2.tar oci:layout:c2
list_tree "$(podman mount c2)" >true.list
tree_of c2 >upper.list
same_tree true.list upper.list "--ignore-rootfs: the tree is the container's own"
fails 2 'holds the changes .* itself' "an export with its changes and an upper directory exclude each other" \
	firn build --base oci:base:app --upperdir "$upper" export.tar oci:layout:both
fails 2 'is a mounted overlay' "the merged folder is no upper directory" \
	firn build --base oci:base:app --upperdir "$(podman mount c2)" c2.tar oci:layout:both
is "$(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' layout/index.json | grep -c both)" 0 \
	"and neither left anything"

# What an upper directory can say that no layer can.
mkdir l u w o && mkdir l/folder && echo text >l/file
must mount -t overlay -o redirect_dir=on,metacopy=on,lowerdir=l,upperdir=u,workdir=w overlay o
mv o/folder o/renamed
must umount o
fails 1 '"renamed": was renamed by an overlay with redirect_dir' "a renamed folder is refused" \
	firn build --upperdir u c2.tar oci:layout:bad
rm -rf u w && mkdir u w
must mount -t overlay -o redirect_dir=on,metacopy=on,lowerdir=l,upperdir=u,workdir=w overlay o
chmod 700 o/file
must umount o
fails 1 '"file": the overlay copied its attributes alone' "a file with its attributes alone is refused" \
	firn build --upperdir u c2.tar oci:layout:bad
done_testing

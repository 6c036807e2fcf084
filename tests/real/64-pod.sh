#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Two Podman containers in one image: by names, by a project's folder; mounted and restored one by one and
# all at once.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

make_images
start_app web
# shellcheck disable=SC2016 # runs in the container
must podman run -d --pids-limit=0 --network host --name db localhost/base:1 /bin/sh -c '
	mkdir /db; i=0; while true; do echo $i >>/count; cp /count /db/$i; i=$((i + 1)); sleep 0.2; done'
pid=$(podman inspect -f '{{.State.Pid}}' db)
wait_for 10 counted_to 3 "/proc/$pid/root/count" || bail "db doesn't count"
mkdir shop
must podman container checkpoint -c none --export=shop/web.tar web
must podman container checkpoint -c zstd --export=shop/db.tar.zst db
same_as_checkpointctl shop/web.tar
same_as_checkpointctl shop/db.tar.zst
must podman rm -f -t 0 web db
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
must skopeo copy -q containers-storage:localhost/base:1 oci:base:base
# shellcheck disable=SC2034 # ${!1}
web=$(count_in_archive shop/web.tar) db=$(count_in_archive shop/db.tar.zst)
bases=(--base web=oci:base:app --base db=oci:base:base)

vital "build of NAME=PATH" firn build "${bases[@]}" web=shop/web.tar db=shop/db.tar.zst oci:layout:named
named=$out
echo '{"name":"shop","services":[{"name":"web","image":"x","archive":"web.tar"},{"name":"db","archive":"db.tar.zst"}]}' >shop/project.json
vital "build of the project" firn build "${bases[@]}" --project shop oci:layout:project
is "$out" "$named" "it is the same image"
rm shop/project.json
vital "build of the folder" firn build "${bases[@]}" --project shop oci:layout:folder
is "$(digest_of folder.web.rootfs) $(digest_of folder.db.checkpoint)" "$(digest_of named.web.rootfs) $(digest_of named.db.checkpoint)" \
	"it has the same images"
for name in web db; do
	is "$(python3 /firn/tests/cli/check-engine.py layout named podman $name 2>&1)" "" "$name: Podman would restore it with its changes"
done

# is_db ROOTFS WHAT
is_db() {
	is "$(cat "$1/db/2"; ls -d "$1"/work.sh 2>/dev/null)" "0
1
2" "$2: db's own files, and none of web's"
}
runs() { # web|db ID WHAT
	local root
	root=/proc/$(runc state "$2" | jq .pid)/root
	counts_on "$root/count" "${!1}" "$3: $1's counter goes on"
	if [ "$1" = web ]; then data_is_right "$root" "$3: web's files are right"; else is_db "$root" "$3"; fi
}
vital "mount of one" firn mount --container db oci:layout:named "$PWD/m"
is_db m/rootfs "mount --container"
check "umount" firn umount "$PWD/m"
vital "mount of all" firn mount oci:layout:named "$PWD/all"
is "$(ls all)" "db
web" "a folder each"
data_is_right all/web/rootfs "web is right"
is_db all/db/rootfs "mount of all"
check "umount of all" firn umount "$PWD/all"
nothing_stays "nothing stays mounted"

vital "restore of one" firn restore --container db oci:layout:named db1
runs db db1 "restore --container"
end_container db1
vital "restore of all" firn restore oci:layout:named
runs web web "restore of all"
runs db db "restore of all"
end_container web
end_container db
nothing_stays "nothing stays mounted"

# A pod's checkpoint as Kubernetes has it: a folder a container, and which is whose. One of them can't be restored:
# its process' own image is cut.
mkdir -p pod/web-1 pod/db-1
must bsdtar -C pod/web-1 -xpf shop/web.tar
must bsdtar -C pod/db-1 -xpf shop/db.tar.zst
echo '{"version":1,"containers":{"web":"web-1","db":"db-1"},"annotations":{}}' >pod/pod.options
vital "build of a pod's checkpoint" firn build "${bases[@]}" --project pod oci:layout:pod
is "$(digest_of pod.web.rootfs) $(digest_of pod.db.rootfs)" "$(digest_of named.web.rootfs) $(digest_of named.db.rootfs)" "it has the same rootfs images"
truncate -s 12 pod/db-1/checkpoint/core-1.img
vital "build with a cut core" firn build --force "${bases[@]}" --project pod oci:layout:pod
fails 3 'db.*core-1' "what can't be restored of them is said before any runs" timeout 60 firn restore oci:layout:pod
fails 5 'db.*(EOF|core-1)' "a restore that fails for one of them says for which" timeout 60 firn restore --no-check oci:layout:pod
is "$(runc list -q 2>&1)" "" "and leaves none of them running"
nothing_stays "nor anything mounted"

# The images of one container are as ordinary as those of a build of one.
must skopeo copy -q oci:layout:named.db.rootfs containers-storage:localhost/db-rootfs:1
must skopeo copy -q oci:layout:named.db.checkpoint containers-storage:localhost/db:1
vital "podman container restore IMAGE" podman container restore localhost/db:1
pid=$(podman inspect -f '{{.State.Pid}}' db)
counts_on "/proc/$pid/root/count" "$db" "Podman: db's counter goes on"
is_db "/proc/$pid/root" "Podman"
must podman rm -f -t 0 db

vital "export of one" firn export --container db oci:layout:named db.out
checkpointctl_takes db.out db Podman "export of one"
vital "podman container restore --import" podman container restore --import db.out
pid=$(podman inspect -f '{{.State.Pid}}' db)
counts_on "/proc/$pid/root/count" "$db" "Podman, from the export: db's counter goes on"
is_db "/proc/$pid/root" "Podman, from the export"
must podman rm -f -t 0 db
done_testing

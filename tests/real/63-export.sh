#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The engine's own archive again: an unmodified Podman restores from it, checkpointctl reads it, and with what
# a build can keep it is the very file that came in.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

make_images
start_app c1
for c in none gzip zstd; do
	must podman container checkpoint -c $c --leave-running --export=$c.tar c1
	same_as_checkpointctl $c.tar
done
must podman rm -f -t 0 c1
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app

# podman_restores ARCHIVE N WHAT
podman_restores() {
	local pid

	vital "$3: podman container restore --import" podman container restore --import "$1"
	pid=$(podman inspect -f '{{.State.Pid}}' c1)
	counts_on "/proc/$pid/root/count" "$2" "$3: the counter goes on"
	data_is_right "/proc/$pid/root" "$3: the tree is right, the re-created folder too, which Podman's own archive loses"
	must podman rm -f -t 0 c1
}
# tree_of TAG FILE
tree_of() {
	must firn mount --read-only "oci:layout:$1" "$PWD/m"
	list_tree m/rootfs >"$2"
	must firn umount "$PWD/m"
}
unpacked() { case $1 in *none*) cat "$1" ;; *gzip*) gzip -dc "$1" ;; *) zstd -qdc "$1" ;; esac; }
magic() { od -An -tx1 -N4 "$1"; }

for c in none gzip zstd; do
	n=$(count_in_archive $c.tar)
	vital "$c: build" firn build --base oci:base:app $c.tar oci:layout:$c
	vital "$c: export" firn export --compress $c oci:layout:$c $c.out
	is "$(magic $c.out)" "$(magic $c.tar)" "$c: the compression is as wanted"
	is "$(bsdtar -tf $c.out)" "$(bsdtar -tf $c.tar)" "$c: the same members in the same order"
	bsdtar -xOf $c.tar config.dump >want && bsdtar -xOf $c.out config.dump >got
	check "$c: config.dump, byte for byte" cmp want got
	checkpointctl_takes $c.out c1 Podman "$c"
	podman_restores $c.out "$n" "$c"
	vital "$c: build of the export" firn build --base oci:base:app $c.out oci:layout:$c-again
	tree_of $c want && tree_of $c-again got
	same_tree got want "$c: and the tree is the same"

	vital "$c: build with --engine-delta=archive" firn build --engine-delta=archive --base oci:base:app $c.tar oci:layout:$c-delta
	firn export oci:layout:$c-delta - >$c.delta
	is $? 0 "$c: its export, to a pipe"
	is "$(magic $c.delta)" "$(magic $c.tar)" "$c: packed as it was"
	unpacked $c.tar >want && unpacked $c.delta >got
	check "$c: the very bytes that were packed" cmp want got

	vital "$c: build with --keep-source" firn build --keep-source --base oci:base:app $c.tar oci:layout:$c-source
	vital "$c: its export" firn export oci:layout:$c-source $c.source
	check "$c: the very file that came in" cmp $c.source $c.tar
	is "$(digest_of $c-source.rootfs) $(digest_of $c-source.checkpoint)" "$(digest_of $c.rootfs) $(digest_of $c.checkpoint)" \
		"$c: both images are the same as without it"
done


# Layers that somebody packed on the way.
must skopeo copy -q --dest-compress-format zstd --dest-compress --all oci:layout:none oci:packed:none
grep -q tar+zstd packed/blobs/sha256/* || bail "skopeo has packed nothing"
must skopeo copy -q oci:layout:none-delta oci:copied:delta --all
vital "export of what skopeo has packed" firn export oci:packed:none packed.out
bsdtar -xOf none.out checkpoint/pages-1.img >want && bsdtar -xOf packed.out checkpoint/pages-1.img >got
check "its memory is right" cmp want got
vital "export of what skopeo has copied" firn export oci:copied:delta copied.out
check "the very bytes that came in" cmp copied.out none.tar

# The folder that containerd's task API takes, and runc.
vital "export --to dir" firn export --to dir oci:layout:none task
must firn mount oci:layout:none "$PWD/m"
is "$(for f in m/checkpoint/*; do cmp "$f" "task/checkpoint/${f##*/}" 2>&1; done)" "" "its images are those of the mount"
mkdir task/work
check "runc restores from it" runc restore -d --bundle "$PWD/m" --image-path "$PWD/task/checkpoint" --work-path "$PWD/task/work" r1
counts_on "/proc/$(runc state r1 | jq .pid)/root/count" "$(count_in_archive none.tar)" "the counter goes on"
end_container r1
must firn umount "$PWD/m"

# As checkpointctl runs its plugins.
run timeout 0.5 checkpointctl-firn --plugin-description
is "$status $(wc -l <<<"$out")" "42 1" "checkpointctl's question is answered: status 42 and one line"
vital "checkpointctl firn build" checkpointctl-firn build --base oci:base:app none.tar oci:layout:plugin
is "$(digest_of plugin)" "$(digest_of none)" "gives what firn build gives"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn list: folders of whatever there is, the kubelet's names, layouts; newest first, broken ones with the reason.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd

cd "$work" || exit 99
# rows EXPRESSION ARG...: one line for each row, "r" being it
rows() {
	local what=$1
	shift
	run "$firn" list --format json "$@"
	[ "$status" = 0 ] && [ -z "$err" ] || tap_show
	python3 -c 'import json, sys
for r in json.load(open(".out")): print(eval(sys.argv[1]))' "$what" 2>&1
}

mkdir -p dumps/pod1/app dumps/deep/er/est
cp "$data/podman-none.tar" dumps/plain.tar
cp "$data/podman-zstd.tar.zst" dumps/plain.tar.zst
cp "$data/containerd-cri.tar" "dumps/checkpoint-web_default-counter-2026-11-23T03:14:37Z.tar"
cp "$data/podman-create-image-oci.tar" dumps/podman-image.tar
cp "$data/ctr-index-image-tiny.oci.tar" dumps/pod1/ctr-index
head -c 5000 "$data/podman-none.tar" >"dumps/checkpoint-bad_kube-system-app-2026-11-24T03:14:37+01:00.tar"
cp "$data/base-tiny-rootfs.tar" dumps/base.tar
cp "$data/podman-none.tar" dumps/.hidden.tar
tar -C dumps/pod1/app -xf "$data/podman-none.tar"
cp "$data/podman-none.tar" dumps/deep/er/est/too-deep.tar
echo "nothing of ours" >dumps/README
: >dumps/empty.tar
ln -s nowhere dumps/broken-link
ln -s . dumps/circle
mkfifo dumps/fifo.tar
check "an image" "$firn" build -q "$data/podman-none.tar" oci:dumps/layout:a
check "two containers in one" "$firn" build -q "a=$data/podman-none.tar" "b=$data/podman-zstd.tar.zst" oci:dumps/layout:pod
touch -d 2026-11-20T00:00:00Z dumps/base.tar dumps/empty.tar

is "$(rows 'r["name"], r["kind"], r.get("container"), r.get("engine"), r.get("image")' dumps)" \
	"('checkpoint-bad_kube-system-app-2026-11-24T03:14:37+01:00.tar', 'archive', None, None, None)
('podman-image.tar', 'archive', 'c1', 'Podman', 'localhost/bb:1')
('pod1/ctr-index', 'archive', 'ti1', 'containerd', 'localhost:5055/tiny:1')
('layout:a', 'checkpoint', 'c1', 'Podman', 'localhost/bb:1')
('layout:pod', 'checkpoint', 'a', 'Podman', 'localhost/bb:1')
('plain.tar', 'archive', 'c1', 'Podman', 'localhost/bb:1')
('plain.tar.zst', 'archive', 'c1', 'Podman', 'localhost/bb:1')
('pod1/app', 'folder', 'c1', 'Podman', 'localhost/bb:1')
('checkpoint-web_default-counter-2026-11-23T03:14:37Z.tar', 'archive', 'counter', 'containerd', 'localhost:5055/bb:1')
('base.tar', 'archive', None, None, None)
('empty.tar', 'archive', None, None, None)" "what is in a folder, the newest first"
is "$(rows '(r["name"], r.get("pod"), r.get("namespace"), r["time"], r["problem"][:30]) if "problem" in r else ""' dumps | grep .)" \
	"('checkpoint-bad_kube-system-app-2026-11-24T03:14:37+01:00.tar', 'bad', None, '2026-11-24T02:14:37Z', 'entry \"config.dump\": is larger')
('base.tar', None, None, '2026-11-20T00:00:00Z', 'is no checkpoint: it has no ch')
('empty.tar', None, None, '2026-11-20T00:00:00Z', 'is empty: no tar archive')" "broken ones, and why"
is "$(rows 'r["pod"], r["namespace"], r["time"], r["size"], r["path"]' "dumps/checkpoint-web_default-counter-2026-11-23T03:14:37Z.tar")" \
	"('pod1', 'default', '2026-11-23T03:11:45Z', $(stat -c %s "$data/containerd-cri.tar"), 'dumps/checkpoint-web_default-counter-2026-11-23T03:14:37Z.tar')" \
	"the documents know better than the name"
is "$(rows 'r["base_id"][:12], r["runtime"], r["created"]' dumps/plain.tar)" "('c56abf9a787d', 'runc', '2026-11-23T03:14:37Z')" "an archive alone"
is "$(rows 'r["name"], r["problem"]' dumps/README)" "('README', 'is no tar archive: ends in the middle')" "another file that is asked for"
for form in oci:dumps/layout dumps/layout; do
	is "$(rows 'r["name"], r["kind"], r["tag"], r["container"], r.get("containers"), r["external_base"], r["size"] > 400000' "$form")" \
		"('a', 'checkpoint', 'a', 'c1', None, True, True)
('pod', 'checkpoint', 'pod', 'a', ['a', 'b'], True, True)" "$form"
done
tar -C dumps/layout -cf layout.tar .
is "$(rows 'r["name"], r["time"]' oci-archive:layout.tar)" "$(rows 'r["name"], r["time"]' dumps/layout)" "an archive of it"
tar -xf "$data/podman-create-image-oci.tar"
is "$(rows 'r["name"], r["kind"], r["container"], r["engine"], r["image"]' podman-image-oci)" "('cp', 'checkpoint', 'c1', 'Podman', 'localhost/bb:1')" \
	"an image of Podman's"
mkdir index && tar -C index -xf "$data/ctr-index-image-tiny.oci.tar"
is "$(rows 'r["name"], r["kind"], r["engine"], r["image"]' index)" "('1', 'checkpoint', 'containerd', 'localhost:5055/tiny:1')" "an index of ctr"
id=$(python3 "$top_srcdir/tests/cli/make-base.py" "$data/base-tiny-rootfs.tar" base app)
python3 "$top_srcdir/tests/cli/expected.py" rehome "$data/podman-zstd.tar.zst" "$id" podman.tar
check "an image with its base" "$firn" build -q --base oci:base:app podman.tar oci:own:r1
is "$(rows 'r["image"], r["base_id"], r["external_base"]' own)" "('localhost/bb:1', '$id', False)" \
	"what the container was made from, not what the engine finds now"
is "$(rows 'r["name"], r["kind"], "problem" in r' base)" "('app', 'image', False)" "an ordinary image"
digest=$(rows 'r["digest"]' index)
rm "index/blobs/sha256/${digest#sha256:}"
is "$(rows 'r["name"], r["kind"], "not in the layout" in r["problem"] or r["problem"]' index)" "('1', 'index', True)" "a blob that is gone"
check "the table" "$firn" list dumps
like "$out" '^NAME  +TIME  +SIZE  +ENGINE  +CONTAINER  +POD/NAMESPACE  +IMAGE$' "has a head"
like "$out" '^plain.tar  +2026-11-23T03:14:39Z  249.0 KiB +Podman +c1 +localhost/bb:1$' "and rows"
like "$out" '^layout:pod .* a,b  +localhost/bb:1$' "with all containers of an image"
like "$out" '^empty.tar  +2026-11-20T00:00:00Z  0 B +is empty' "with what is wrong"
table=$out
check "--format table" "$firn" list --format table dumps
is "$out" "$table" "is the default"
check "a template" "$firn" list --format '{{.Name}} {{.Container}} {{.Size}} {{json .Problem}}' dumps/plain.tar
is "$out" "plain.tar c1 254976 null" "with fields"
fails 2 'there is no \.Nothing' "a field that there isn't" "$firn" list --format '{{.Nothing}}' dumps
mkdir none
check "an empty folder" "$firn" list none
is "$out" "" "has nothing to tell"
is "$("$firn" list --format json none)" "[]" "in JSON too"
fails 4 'nowhere' "a folder that isn't there" "$firn" list nowhere
fails 2 'neither a file nor a folder' "a device" "$firn" list /dev/null
fails 2 'leave out the tag' "one image" "$firn" list oci:dumps/layout:a
fails 2 'at most|too many|one argument' "two folders" "$firn" list dumps none
[ -e /var/lib/kubelet/checkpoints ] || fails 4 '/var/lib/kubelet/checkpoints' "no kubelet here" "$firn" list

if tap_is_root && have setpriv; then
	firn_for_all
	mkdir -p half/seen/shut && cp "$data/podman-none.tar" half/seen/one.tar && touch half/seen/shut/two.tar
	chmod 755 half half/seen && chmod 644 half/seen/one.tar && chmod 744 half/seen/shut
	run nobody "$work/bin/firn" list --format '{{.Name}} {{.Container}} {{.Problem}}' half
	is "$status $(sort <<<"$out" | sed 's/ *$//')" "0 seen/one.tar c1
seen/shut  read half/seen/shut: Permission denied" "a folder that can't be read ends nothing"
else
	skip_one "needs root and setpriv" "a folder that can't be read"
fi

mkdir many
for i in $(seq 200); do ln "$data/podman-none.tar" "many/checkpoint-p_n-c$i-2026-11-23T03:14:37Z.tar" 2>/dev/null || cp "$data/podman-none.tar" "many/checkpoint-p_n-c$i-2026-11-23T03:14:37Z.tar"; done
is "$(rows 'r["container"]' many | sort | uniq -c | tr -s ' ')" " 200 c1" "two hundred archives"
done_testing

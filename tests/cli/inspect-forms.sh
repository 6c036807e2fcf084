#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn inspect on everything that firn build takes: indexes of ctr, images of others, folders of engines with the
# dumps before them, standard input. Whatever one checkpoint comes in, what is told of it is the same.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd

cd "$work" || exit 99
make_oci=$top_srcdir/tests/cli/make_oci.py
same_fields() { python3 "$top_srcdir/tests/cli/same-fields.py" "$@" 2>&1; }
value() { python3 -c 'import json, sys
a = json.load(open(sys.argv[1]))[0]
print(eval(sys.argv[2]))' "$@" 2>&1; }
# inspect NAME ARG...: as JSON into NAME.json
inspect() {
	local name=$1
	shift
	run "$firn" inspect --format json --ps-tree-env --areas "$@"
	cp .out "$name.json"
	[ "$status" = 0 ] && [ -z "$err" ] || {
		not_ok "inspect $*"
		tap_show
	}
}

# --- an index of ctr
index=$data/ctr-index-image-tiny.oci.tar
inspect ctr "$index"
is "$(value ctr.json '[a[k] for k in ("container_name", "engine", "image", "processes")] + [a["process_tree"]["arguments"]]')" \
	"['ti1', 'containerd', 'localhost:5055/tiny:1', 1, ['/tiny']]" "ctr: who it is"
is "$(value ctr.json 'a["base"]["digest"], a["images"]["index"][:19], a["delta"]["size"], a["delta"]["deleted"] > 0')" \
	"('sha256:a7e2ee4ba6156c02fa55b43c2a6518e5c57d09ac9ec23bfe4d821755f332dfa7', 'sha256:16e642faff0e', 665, True)" \
	"ctr: its base, its index, its changes"
mkdir index && tar -C index -xf "$index"
ctr_digest=$(python3 -c 'import json; print(json.load(open("index/index.json"))["manifests"][0]["digest"])')
gzip -nc "$index" >index.tar.gz
zstd -qc "$index" >index.tar.zst
mkdir export && cp -r index/. export && echo '[{"Config":"x","RepoTags":["localhost/ckpt-tiny:1"],"Layers":[]}]' >export/manifest.json
tar -cf export.tar -C export .
tar -cf foldered.tar index
for how in oci archive docker export; do
	for packed in none gzip zstd; do
		[ "$how-$packed" = export-gzip ] || [ "$how-$packed" = export-zstd ] ||
			python3 "$make_oci" nest index "nested-$how-$packed" "$how,$packed"
	done
done
gzip -nc nested-export-none >nested-export-gzip
while read -r name from; do
	inspect form "$from"
	is "$(same_fields ctr.json form.json)" "" "$name tells the same"
done <<EOF
archive-ref oci-archive:$index
archive-tag oci-archive:$index:1
archive-digest oci-archive:$index@$ctr_digest
layout index
layout-ref oci:index
layout-tag oci:index:1
layout-digest oci:index@$ctr_digest
gzip index.tar.gz
zstd index.tar.zst
docker-style export.tar
docker-style-folder export
foldered foldered.tar
nested-layout nested-oci-none
nested-layout-gzip nested-oci-gzip
nested-layout-zstd oci:nested-oci-zstd:1
nested-archive nested-archive-none
nested-archive-gzip oci-archive:nested-archive-gzip
nested-archive-zstd nested-archive-zstd
nested-docker nested-docker-none
nested-docker-gzip nested-docker-gzip
nested-docker-zstd nested-docker-zstd
nested-export nested-export-none
nested-export-gzip nested-export-gzip
EOF
inspect bb "$data/ctr-index.oci.tar"
is "$(value bb.json 'a["container_name"], a["image"], a["base"].get("digest"), a["process_tree"]["children"][0]["arguments"]')" \
	"('bb1', 'localhost:5055/bb:1', None, ['sleep', '0.2'])" "an index without a base"
cp -r index inline && cp index/blobs/sha256/16e642faff0e* inline/index.json
inspect inline inline
is "$(same_fields ctr.json inline.json --but images)" "" "index.json as the index"
fails 3 'b5277848b97899384538c99341233273ddf8b434685f110f5dbec4e5d19190b9' "a truncated export" \
	"$firn" inspect "$data/ctr-index-image-tiny.truncated.oci.tar"

# --- images of others
mkdir podman && tar -C podman --strip-components=1 -xf "$data/podman-create-image-oci.tar"
inspect image podman
is "$(value image.json '[a[k] for k in ("container_name", "engine", "image", "processes")] + [a["base"]["id"][:12], len(a["images"]["layers"]), a["delta"]["files"]]')" \
	"['c1', 'Podman', 'localhost/bb:1', 2, 'c56abf9a787d', 1, 7]" "Podman's image"
inspect image-tar "$data/podman-create-image-oci.tar"
is "$(same_fields image.json image-tar.json)" "" "Podman's image in an archive tells the same"
for how in oci,annotated oci,gzip oci,zstd,docker-types oci,gzip,docker-types,index oci,index archive,zstd,annotated docker docker,gzip \
	oci,layers oci,layers,gzip archive,layers,zstd,annotated docker,layers; do
	python3 "$make_oci" image "$data/podman-none.tar" "image-${how//,/-}" "$how"
done
inspect plain "$data/podman-none.tar"
for form in image-*[a-z]; do
	case $form in *.json) continue ;; esac
	inspect form "$form"
	is "$(same_fields plain.json form.json --but members)" "" "$form tells what the archive tells"
	is "$(value form.json 'len(a["images"]["layers"]) > 0')" True "and of its layers"
done
check "an image of firn's" "$firn" build -q "$data/podman-none.tar" oci:own:x
only() { # LAYOUT TAG: no other entry in its index.json
	python3 - "$@" <<'END'
import json, sys
i = json.load(open(sys.argv[1] + "/index.json"))
i["manifests"] = [m for m in i["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == sys.argv[2]]
json.dump(i, open(sys.argv[1] + "/index.json", "w"))
END
}
only own x
python3 "$make_oci" nest own nested-own oci
inspect own oci:own:x
inspect nested-own nested-own
is "$(same_fields own.json nested-own.json)" "" "an image of firn's in an image of others"
fails 2 'only an image' "--container of an image of others" "$firn" inspect --container c1 podman

# --- standard input
for name in podman-none.tar podman-zstd.tar.zst ctr-index-image-tiny.oci.tar podman-create-image-oci.tar; do
	inspect want "$data/$name"
	run_stdin "$firn" inspect --format json --ps-tree-env --areas - <"$data/$name"
	cp .out form.json
	is "$(same_fields want.json form.json)" "" "$name as standard input"
	run bash -c "cat '$data/$name' | '$firn' inspect --format json --ps-tree-env --areas -"
	cp .out form.json
	is "$(same_fields want.json form.json)" "" "$name through a pipe"
done
check "two containers" "$firn" build -q "a=$data/podman-none.tar" "b=$data/podman-zstd.tar.zst" oci:pod:p
tar -C pod -cf pod.tar .
run bash -c "cat pod.tar | '$firn' inspect --format '{{.Name}} {{.PagesSize}}' -"
status_is 2 "a layout with more than one image through a pipe"
only pod p
tar -C pod -cf one.tar .
run bash -c "cat one.tar | '$firn' inspect --format '{{.Name}} {{.PagesSize}}' -"
is "$status $out" "0 c1 131072
c1 139264" "both containers of an image through a pipe"
run bash -c "head -c 30000 '$data/podman-none.tar' | '$firn' inspect -"
status_is 3 "a pipe that ends too early"
run bash -c ": | '$firn' inspect -"
status_is 3 "an empty one"

# --- folders of engines
mkdir -p storage/overlay-containers/482ab/userdata unpacked
userdata=storage/overlay-containers/482ab/userdata
tar -C unpacked -xf "$data/podman-none.tar"
cp -r unpacked/checkpoint unpacked/network.status unpacked/stats-dump $userdata 2>/dev/null
cp unpacked/spec.dump $userdata/config.json
echo "left of an export" >$userdata/rootfs-diff.tar
mkfifo $userdata/attach
cat >storage/overlay-containers/containers.json <<'EOF'
[{"id": "1", "names": ["other"]}, {"id": "482ab", "names": ["c1"], "image": "c56abf9a787d",
  "metadata": "{\"image-name\": \"localhost/bb:1\"}"}]
EOF
inspect userdata $userdata
is "$(value userdata.json '[a[k] for k in ("container_name", "engine", "image", "processes")] + [a["base"]["id"], "delta" in a]')" \
	"['c1', 'Podman', 'localhost/bb:1', 2, 'c56abf9a787d', False]" "Podman's own folder"
is "$(same_fields plain.json userdata.json --but id --but runtime --but created --but root_fs_diff_size --but members --but delta --but ref --but requested)" "" \
	"tells what the archive tells but for what config.dump alone has"
rm storage/overlay-containers/containers.json
inspect userdata $userdata
is "$(value userdata.json 'a["container_name"], a["engine"], a["image"]')" "('', 'Podman', '')" "without containers.json"
mkdir bundle && cp -r unpacked/checkpoint bundle
python3 - <<'EOF'
import json
s = json.load(open("unpacked/spec.dump"))
s["annotations"] = {}
json.dump(s, open("bundle/config.json", "w"))
s["annotations"] = {"io.kubernetes.cri.container-name": "work", "io.kubernetes.cri.sandbox-name": "pod1"}
json.dump(s, open("task.json", "w"))
EOF
inspect bundle bundle
is "$(value bundle.json 'a["engine"], a["processes"], len(a["mounts"]) > 0')" "('OCI bundle', 2, True)" "a bundle"
mkdir task && cp -r unpacked/checkpoint task && cp task.json task/config.json
inspect of-task task
is "$(value of-task.json 'a["engine"], a["container_name"], a["metadata"]["pod_name"]')" "('containerd', 'work', 'pod1')" "a task of containerd's"

# --- the delta beside its base: what is new, what replaces something, what is gone
split() { # NAME: added and modified files, what is gone
	value "$1" 'a["delta"].get("not_split") or ([a["delta"][k][n] for k in ("added", "modified") for n in ("files", "bytes")] + [a["delta"]["removed"][n] for n in ("entries", "bytes")])'
}
# expected.json: two files modified; del.txt, deldir with a and b, rename-me, and old1 and old2 of redir are gone
is "$(split ctr.json)" "[9, 55, 2, 22, 7, 22]" "an index with its base inside"
is "$(value ctr.json '[a["delta"]["added"][k] + a["delta"]["modified"][k] - a["delta"][k] for k in ("files", "folders", "links", "others")]')" \
	"[0, 0, 0, 0]" "together they are all there is"
is "$(split plain.json)" "the base image is not in the checkpoint: --base names it" "an archive alone"
id=$(python3 "$top_srcdir/tests/cli/make-base.py" "$data/base-tiny-rootfs.tar" base app)
python3 "$make_oci" layer podman podman.layer
python3 "$top_srcdir/tests/cli/expected.py" rehome podman.layer "$id" rehomed.tar
gzip -nc rehomed.tar >rehomed.tar.gz
mkdir rehomed && tar -C rehomed -xf rehomed.tar
for form in rehomed.tar rehomed.tar.gz rehomed; do
	inspect form --base oci:base:app "$form"
	# What Podman's archive lost is no modified file.
	is "$(split form.json)" "[7, 51, 0, 0, 7, 22]" "$form and its base"
done
check "an image with its base" "$firn" build -q --base oci:base:app rehomed.tar oci:based:x
inspect form oci:based:x
is "$(split form.json)" "[7, 51, 0, 0, 7, 22]" "an image that has its base"
check "an image without" "$firn" build -q rehomed.tar oci:unbased:x
inspect form oci:unbased:x
is "$(split form.json)" "the base image is not in the checkpoint: --base names it" "one that hasn't"
inspect form --base oci:base:app oci:unbased:x
is "$(split form.json)" "[7, 51, 0, 0, 7, 22]" "with the base beside it"
check "the tree" "$firn" inspect oci:based:x
like "$out" 'Added: 7 files \(51 B\), [0-9]* folders, 2 links, 0 others$' "tells both"
like "$out" 'Of the base: 7 files and folders \(22 B\)$' "and what is gone"
layer=$(python3 - <<'END'
import json
def blob(d): return json.load(open("based/blobs/" + d["digest"].replace(":", "/")))
top = [m for m in json.load(open("based/index.json"))["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == "x.rootfs"][0]
print(blob(top)["layers"][0]["digest"].replace(":", "/"))
END
)
rm "based/blobs/$layer"
inspect form oci:based:x
is "$(split form.json)" "a layer of the base image is not here" "one whose base isn't all there"
fails 1 'has image ID [0-9a-f]{64}, the container was made from c56abf9a' "another image as the base" \
	"$firn" inspect --base oci:base:app "$data/podman-none.tar"
fails 4 'base oci:base:none' "a base that isn't there" "$firn" inspect --base oci:base:none rehomed.tar

# --- chains of dumps
python3 "$top_srcdir/tests/cli/make-images.py" chain chain || bail "make-images.py chain"
inspect chain chain
mkdir dumps && cp -r chain/checkpoint dumps/new && cp -r chain/pre-checkpoint dumps/old && rm -f dumps/new/parent && ln -s ../old dumps/new/parent
inspect dumps dumps/new
is "$(same_fields chain.json dumps.json --but members)" "" "a dump whose parent link leads beside it"
mkdir kata kata/2 && cp -r dumps/new kata/2/checkpoint && cp -r dumps/old kata/1 && cp task.json kata/2/config.json &&
	rm kata/2/checkpoint/parent && ln -s ../../1 kata/2/checkpoint/parent
inspect kata kata/2
is "$(value kata.json 'a["process_tree"]["arguments"], a["process_tree"]["memory"]["pages_parent"], a["container_name"]')" \
	"(['/bin/prog', '-v'], 3, 'work')" "a task's folder with the dump before"
ln -sfn ../gone dumps/new/parent
inspect gone dumps/new
is "$(value gone.json '"arguments" in a["process_tree"], a["criu"]["parent"]')" "(False, '../gone')" "whose parent is gone"
ln -sfn ../../../../etc dumps/new/parent
inspect away dumps/new
is "$(value away.json '"arguments" in a["process_tree"]')" False "or lies outside"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A build and an export keep below 64 MiB of resident memory, whatever the checkpoint's size and the road it comes on.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
sanitized && skip_all "a sanitizer build has another memory"

cd "$work" || exit 99
limit=$((64 * 1024))
make_bad=$top_srcdir/tests/cli/make-bad.py
# Peak of the children; the interpreter's own some 14 MiB are a lower bound of it.
peak() {
	python3 -c 'import resource, subprocess, sys
rc = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if rc == 0 else "failed")' "$@" 2>err
}
below() { # KIB WHAT
	if [ "$1" != failed ] && [ "$1" -lt $limit ]; then
		ok "$2: $(($1 / 1024)) MiB"
	else
		not_ok "$2: peak $1 KiB, limit $limit"
		diag "$(tail -n 3 err)"
	fi
}
python3 "$make_bad" large "$data/podman-none.tar" 256 >large.tar
below "$(peak "$firn" build large.tar oci:layout:file)" "256 MiB of pages from a file"
below "$(peak "$firn" build - oci:layout:pipe < <(cat large.tar))" "from a pipe"
below "$(peak "$firn" export oci:layout:file large.out)" "its export"
below "$(peak "$firn" export -c gzip oci:layout:file -)" "its export, gzip, to a pipe"
below "$(peak "$firn" export -c zstd oci:layout:file -)" "its export, zstd, to a pipe"
below "$(peak "$firn" export --to dir oci:layout:file large.dir)" "its export as a folder"
rm -rf large.out large.dir
below "$(peak "$firn" build - oci:layout:gzip < <(gzip -1c large.tar))" "from a pipe, gzip"
if have zstd; then
	below "$(peak "$firn" build - oci:layout:zstd < <(zstd -qc large.tar))" "from a pipe, zstd"
else
	skip_one "zstd is not installed" "from a pipe, zstd" zstd
fi
below "$(peak "$firn" build --engine-delta=archive --keep-source - oci:layout:kept < <(cat large.tar))" "from a pipe, kept and with its recipe"
mkdir folder && tar -C folder -xf large.tar
below "$(peak "$firn" build folder oci:layout:folder)" "from a folder"
rm -rf layout folder
python3 "$top_srcdir/tests/cli/make-base.py" large.tar image cp >/dev/null
below "$(peak "$firn" build image oci:layout:image)" "from a checkpoint image"
tar -c image | gzip -1c >image.tar.gz
below "$(peak "$firn" build image.tar.gz oci:layout:packed)" "from the same in a compressed archive"
rm -rf layout image image.tar.gz large.tar
python3 "$make_bad" many "$data/podman-none.tar" 20000 >many.tar
below "$(peak "$firn" build many.tar oci:layout:many)" "a delta of 20,000 files"
below "$(peak "$firn" build - oci:layout:many-pipe < <(cat many.tar))" "from a pipe"
below "$(peak "$firn" export oci:layout:many -)" "its export"
rm -rf layout many.tar
mkdir pod && cp "$data/podman-none.tar" pod/x.tar
python3 -c 'import json
json.dump({"services": [{"name": f"c{i}", "archive": "x.tar"} for i in range(64)]}, open("pod/project.json", "w"))'
below "$(peak "$firn" build --engine-delta=archive --keep-source --project pod oci:layout:pod)" "64 containers in one image"
rm -rf layout pod
# Its index.json names one index, which says much of itself, a hundred times.
python3 - tags <<'EOF'
import hashlib, json, os, sys
kind = "application/vnd.oci.image.index.v1+json"
index = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": [], "annotations": {"org.firn.format": "1"}, "x": [[1] * 100] * 1000}).encode()
digest = hashlib.sha256(index).hexdigest()
os.makedirs(f"{sys.argv[1]}/blobs/sha256")
for name, data in {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}', f"blobs/sha256/{digest}": index,
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [
            {"mediaType": kind, "digest": "sha256:" + digest, "size": len(index), "annotations": {"org.opencontainers.image.ref.name": f"t{n}"}}
            for n in range(100)]}).encode()}.items():
    with open(f"{sys.argv[1]}/{name}", "wb") as f:
        f.write(data)
EOF
below "$(peak "$firn" copy -q --all-tags oci:tags oci:layout)" "a copy of a hundred tags"
done_testing

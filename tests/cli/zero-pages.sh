#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Pages of zeros: counted when an image is built, told by inspect, and where there are many side by side no room is
# taken for them, though every reader of the layer gets their bytes.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
cd "$work" || exit 99

mkdir source
tar -C source -xf "$data/raw-criu-1proc.tar" || bail "no sample"
pages=$(find source -name pages-1.img)
folder=$(dirname "$pages")
python3 - "$pages" <<'END'
import sys
with open(sys.argv[1], "ab") as f:
    f.write(b"\0" * (4 << 20))                   # 1024 pages side by side
    f.write((b"\1" * 4096 + b"\0" * 4096) * 64)  # 64 alone
    f.write(b"\0" * 4095 + b"\1" + b"\1" + b"\0" * 4095)
END
cat >count.py <<'END'
import sys
data = open(sys.argv[1], "rb").read()
print(sum(data[at:at + 4096] == bytes(4096) for at in range(0, len(data), 4096)))
END
want=$(python3 count.py "$pages")
[ "$want" -ge 1088 ] || bail "$want pages of zeros"

zero_pages() { # IMAGE
	"$firn" inspect --format json "$1" |
		python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["checkpoint_size"].get("zero_pages", "none"))'
}
blob() { # TAG: the file of the layer with the pages
	local hex
	hex=$("$firn" inspect --format json "oci:layout:$1" | python3 -c 'import json, sys
print(next(l["digest"][7:] for l in json.load(sys.stdin)[0]["images"]["layers"] if l["role"] == "images"))')
	echo "layout/blobs/sha256/$hex"
}
holes() { # FILE: kilobytes of it that take no room
	python3 -c 'import os, sys
s = os.stat(sys.argv[1])
print(max(0, s.st_size - 512 * s.st_blocks) >> 10)' "$1"
}
truncate -s 4M probe

check "build" "$firn" build --quiet "$folder" oci:layout:plain
is "$(zero_pages oci:layout:plain)" "$want" "inspect says how many"
like "$("$firn" inspect oci:layout:plain)" "Pages of zeros: $want\$" "also to people"
plain=$(blob plain)
is "$(sha256sum <"$plain" | cut -c 1-64)" "${plain##*/}" "the layer has all its bytes"
is "$(tar -xOf "$plain" checkpoint/pages-1.img | sha256sum)" "$(sha256sum <"$pages")" "and tar finds the pages in it"
if [ "$(holes probe)" -ge 4096 ]; then
	is "$(($(holes "$plain") >= 4000))" 1 "the 4 MiB take no room ($(holes "$plain") KiB)"
	is "$(($(holes "$plain") < 4096 + 256))" 1 "single pages of zeros do"
else
	skip_one "the file system has no holes" "pages of zeros take no room"
fi
check "from a folder that is not sparse, and elsewhere" "$firn" build --quiet "$folder" oci:other:plain
is "$(cd layout/blobs/sha256 && echo *)" "$(cd other/blobs/sha256 && echo *)" "the same image"

check "build, compressed" "$firn" build --quiet --compress zstd "$folder" oci:layout:zstd
is "$(zero_pages oci:layout:zstd)" "$want" "inspect says how many"
is "$(($(stat -c %s "$(blob zstd)") < 1 << 20))" 1 "they take next to nothing in it ($(stat -c %s "$(blob zstd)") bytes)"
tar -C source -xf "$data/raw-criu-1proc.tar"
check "build of a dump without any" "$firn" build --quiet "$folder" oci:layout:none
is "$(python3 count.py "$pages") $(zero_pages oci:layout:none)" "0 none" "nothing is said of them"

if tap_erofs 2>/dev/null; then
	for tag in plain zstd; do
		# shellcheck disable=SC2016 # for the inner shell
		is "$(unshare -m bash -c 'mount -t tmpfs tmpfs /run && "$0" mount -q --cache cache oci:layout:$1 m >/dev/null &&
			sha256sum <m/checkpoint/pages-1.img && "$0" umount m' "$firn" $tag)" \
			"$(tar -xOf "$plain" checkpoint/pages-1.img | sha256sum)" "$tag: mounted, the pages are all there"
	done
else
	skip_one "needs root and a kernel with EROFS" "mounted, the pages are all there" mount
fi
done_testing

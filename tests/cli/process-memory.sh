#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn memory: lists, hex dumps, searches and files, the same from every form of a checkpoint; what it refuses, and that
# it stays small whatever the checkpoint.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd

cd "$work" || exit 99
make_images() { python3 "$top_srcdir/tests/cli/make-images.py" "$@" || bail "make-images.py $*"; }
plain=$data/podman-none.tar

# --- lists
check "processes" "$firn" memory "$plain"
is "$out" "    PID  AREAS        SIZE      STORED  COMMAND
      1     11     2.3 MiB    68.0 KiB  sh
     24     11     2.3 MiB    60.0 KiB  sleep" "in a table"
check "by a template" "$firn" memory --format '{{.PID}} {{.Command}} {{.Pages}} {{.Stored}} {{.Zero}} {{.File}} {{.Missing}}' "$plain"
is "$out" "1 sh 585 17 65 496 7
24 sleep 585 15 67 496 7" "with the sums of their pages"
check "areas" "$firn" memory --pid 1 "$plain"
like "$out" '^2fc78000-2fc9a000 +rw-p +34 +4 +30 +0 +0  heap$' "the heap"
like "$out" '^401000-595000 +r-xp +404 +1 +0 +403 +0  file  /bin/busybox$' "a file, of which one page was written to"
like "$out" '^ffffffffff600000-ffffffffff601000 +--xp +1 +0 +0 +0 +1  vsyscall$' "up to the last one"
check "areas by a template" "$firn" memory --pid 24 --format '{{.Start}} {{.End}} {{.Protection}} {{.Kind}} {{.Stored}} {{json .Path}}' "$plain"
is "$(wc -l <.out)" 11 "a line each"
like "$out" ' rw-p stack [0-9]+ null$' "a field that an area hasn't"
check "as JSON" "$firn" memory --pid 1 --format json "$plain"
is "$(python3 -c 'import json, sys
p = json.load(sys.stdin)[0]
m, a = p["memory"], p["memory_areas"]
kinds = [k for k in m if k.startswith("pages_")]
print(p["pid"], p["command"], len(a) == m["areas"], all(sum(x[k] for x in a) == m[k] for k in kinds),
      all(sum(x[k] for k in kinds) == x["pages"] for x in a), sum(m[k] for k in kinds) * m["page_size"] == m["size"])' <.out)" \
	"1 sh True True True True" "every page is counted once"
mkdir lines && tar -C lines -xf "$plain"
python3 - lines/checkpoint/core-24.img <<'END' || bail "core-24.img is another"
import sys
core = open(sys.argv[1], "rb").read()
assert core.count(b"\5sleep") == 2  # the task's and its thread's
open(sys.argv[1], "wb").write(core.replace(b"\5sleep", b"\5a\n\33[2"))
END
check "a process with a name of two lines" "$firn" memory lines
like "$out" '^ +24 .* KiB  a\\x0a\\x1b\[2$' "takes one"

# --- bytes
check "a hex dump" "$firn" memory --pid 1 --address 0x7ffdeb7cef79+10 "$plain"
is "$out" "# 7ffdeb7ae000-7ffdeb7cf000 rw-p stack
00007ffdeb7cef70                              2f 62 69 6e 2f 73 68  |         /bin/sh|
00007ffdeb7cef80  00 2f 77 6f 72 6b 2e 73  68                       |./work.sh|" "from the very byte to the very byte"
check "START-END" "$firn" memory --pid 1 --address 7ffdeb7cef79-7FFDEB7CEF89 "$plain"
is "$(tail -n 1 .out)" "00007ffdeb7cef80  00 2f 77 6f 72 6b 2e 73  68                       |./work.sh|" "is the same"
check "START alone" "$firn" memory -p 1 -a 7ffdeb7cef00 "$plain"
is "$(sed 1d .out | head -n 1 | cut -c 1-16) $(wc -l <.out)" "00007ffdeb7cef00 12" "is 256 bytes, zeros in one line"
check "an area" "$firn" memory -p 1 --area heap "$plain"
like "$out" $'\n\\*\n' "lines that repeat are one star"
like "$(tail -n 1 .out)" '^000000002fc9a000$' "and its end"
check "areas of a file" "$firn" memory -p 1 --area busybox "$plain"
is "$(grep -c '^#' .out)" 3 "by its name"
cp .out named
check "or path" "$firn" memory -p 1 --area /bin/busybox "$plain"
is "$out" "$(cat named)" "likewise"
check "raw bytes" "$firn" memory -p 1 -a 7ffdeb7cef79+10 -o - "$plain"
is "$(od -An -c .out | tr -d ' \n')" '/bin/sh\0/work.sh' "on standard output"
check "into a file" "$firn" memory -p 1 --area heap -o heap.bin "$plain"
is "$out" "heap.bin: 136.0 KiB" "says how many"
is "$(stat -c '%a %s' heap.bin) $(($(stat -c %b heap.bin) * 512 < 40000))" "600 139264 1" "for its owner alone, zeros are holes"
"$firn" memory -p 1 --area heap -o - "$plain" >heap.out 2>/dev/null
check "as on standard output" cmp heap.bin heap.out
echo old >there
check "over a file" "$firn" memory -p 1 -a 7ffdeb7cef79+7 -o there "$plain"
is "$(cat there)" "/bin/sh" "replaces it"
mkfifo fifo
tr '\0' ' ' <fifo >piped &
check "into a fifo" "$firn" memory -p 1 -a 7ffdeb7cef79+10 -o fifo "$plain"
wait
is "$(cat piped)" "/bin/sh /work.sh" "as they come"

# --- searches
check "a text" "$firn" memory --search PATH=/usr "$plain"
is "$(sed 's/^0x7ff[0-9a-f]*/STACK/' .out)" "process 1 (sh):
STACK stack: PATH=/usr
process 24 (sleep):
STACK stack: PATH=/usr" "in all processes"
check "with context" "$firn" memory -p 1 -s work.sh -c 9 --format '{{.Address}} {{.Length}} {{.Kind}} {{.Before}}[{{.Match}}]{{.After}}' "$plain"
is "$out" "0x7ffdeb7cef82 7 stack /bin/sh./[work.sh].PATH=/us" "around it"
check "any case" "$firn" memory -p 1 -i -s path=/USR --format '{{.Match}}' "$plain"
is "$out" "PATH=/usr" "--ignore-case"
check "an expression" "$firn" memory -p 1 --regex '[A-Z]{4}=[!-~]+' --area stack --format '{{.Match}}' "$plain"
is "$out" "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/
NAME=vm" "the longest matches"
check "bytes" "$firn" memory -p 1 -x 2f62696e2f736800 --format '{{.Match}} {{.Hex}}' "$plain"
is "$(sort -u .out)" "/bin/sh. 2f62696e2f736800" "with a NUL among them"
check "in a range" "$firn" memory -p 1 -s /bin/sh -a 7ffdeb7cef79+7 "$plain"
is "$out" "0x7ffdeb7cef79 stack: /bin/sh" "that just holds it"
check "in a smaller one" "$firn" memory -p 1 -s /bin/sh -a 7ffdeb7cef79+6 "$plain"
is "$out$err" "" "there is none, which is no failure"
check "as JSON" "$firn" memory -p 1 -m 2 -c 1 -s bin --format json "$plain"
is "$(python3 -c 'import json, sys
p = json.load(sys.stdin)[0]
print([(m["length"], m["match"], m["hex"], len(m["before"]), len(m["after"])) for m in p["matches"]], p["more_matches"], "memory_areas" in p)' <.out)" \
	"[(3, 'bin', '62696e', 1, 1), (3, 'bin', '62696e', 1, 1)] True False" "no more than --max, and that there are others"
for context in 0 1 1024; do
	check "more than fits, context $context" "$firn" memory -p 1 -m 1000000 -c $context -e '[\x00-\xff]' --format json "$plain"
	is "$(python3 -c 'import json, sys
p = json.load(sys.stdin)[0]
print(len(p["matches"]) > 5000, p["more_matches"])' <.out)" "True True" "is left out, and told"
done

# --- every form
mkdir folder && tar -C folder -xf "$plain"
check "an image" "$firn" build -q "$plain" oci:layout:c1
check "two in one" "$firn" build -q "a=$plain" "b=$data/podman-zstd.tar.zst" oci:layout:pod
gzip -nc "$plain" >again.tar.gz
zstd -qc "$plain" >again.tar.zst
check "all there is" "$firn" memory -p 1 --area all "$plain"
cp .out want
for form in folder folder/checkpoint oci:layout:c1 again.tar.gz again.tar.zst; do
	check "$form" "$firn" memory -p 1 --area all "$form"
	cp .out is
	check "has the same bytes" cmp is want
	check "$form: an expression" "$firn" memory -e '[A-Z]{4,}=[!-~]+' "$form"
	cp .out found
	check "as" "$firn" memory -e '[A-Z]{4,}=[!-~]+' "$plain"
	is "$(cat found)" "$out" "has the same matches"
done
check "one of several containers" "$firn" memory --container b oci:layout:pod
like "$out" ' sleep$' "by its name"
fails 2 'has 2 containers' "none of them by itself" "$firn" memory oci:layout:pod
make_images chain chain
check "a page of the dump before" "$firn" memory -p 1 -s two -c 2 --format '{{.Address}} {{.Before}}' chain
like "$out" '^0x10[0-9a-f]+ B=$' "is found"

# --- as many areas as Linux allows by itself (vm.max_map_count)
tar -xf "$data/raw-criu-1proc.tar"
python3 - img/mm-*.img <<'EOS'
import struct, sys

def number(v):
    return bytes([v]) if v < 128 else bytes([v & 127 | 128]) + number(v >> 7)

def read(at):
    v = s = 0
    while body[at] > 127:
        v, s, at = v | (body[at] & 127) << s, s + 7, at + 1
    return v | body[at] << s, at + 1

def area(i):
    start = 0x7f0000000000 + 8192 * i
    vma = b"".join(number(k << 3) + number(v) for k, v in
                   enumerate((start, start + 4096, 0, 0, 3, 0x22, 0x201, 2**64 - 1), 1))
    return number(14 << 3 | 2) + number(len(vma)) + vma

with open(sys.argv[1], "rb") as f:
    head, body = f.read(8), f.read()[4:]
at, parts = 0, []
while at < len(body):
    begin, (key, at) = at, read(at)
    value, at = read(at)
    at += value if key & 7 == 2 else 0
    parts.append((key >> 3, body[begin:at]))
first = [k for k, _ in parts].index(14) + 1
body = b"".join(p for _, p in parts[:first]) + b"".join(map(area, range(65525))) + b"".join(p for _, p in parts[first:])
with open(sys.argv[1], "wb") as f:
    f.write(head + struct.pack("<I", len(body)) + body)
EOS
check "65530 areas" "$firn" memory --pid 14379 --format '{{.Start}}' img
is "$(wc -l <.out)" 65530 "are all told"

# --- refused
fails 4 'there is no process 7' "nobody" "$firn" memory -p 7 "$plain"
fails 4 'there is no process 7' "nobody's bytes" "$firn" memory -p 7 --area all "$plain"
fails 4 'nothing of that memory' "where there is nothing" "$firn" memory -p 1 -a 1000+10 "$plain"
for range in 7ffdeb7cef79- 7ffdeb7cef79+ 5- 5-6- 5/6; do
	fails 2 'want START-END or START\+LENGTH' "half a range: $range" "$firn" memory -p 1 -a $range "$plain"
done
fails 2 'an address is hexadecimal' "no address" "$firn" memory -p 1 -a heap "$plain"
fails 2 'want START-END' "half a range" "$firn" memory -p 1 -a 10-zz "$plain"
for range in 20-10 20-0 0-0 0+0 10+0; do
	fails 2 'ends before it begins' "no range: $range" "$firn" memory -p 1 -a $range "$plain"
done
fails 2 'pid says of which' "bytes of nobody" "$firn" memory --area heap "$plain"
fails 2 'one at a time' "two searches" "$firn" memory -s a -e b "$plain"
fails 2 'two hexadecimal digits' "half a byte" "$firn" memory -x abc "$plain"
fails 2 'TEXT is empty' "a search for nothing" "$firn" memory -s '' "$plain"
fails 2 'there is nothing to search for' "context of nothing" "$firn" memory -c 1 "$plain"
fails 2 'byte 3: a parenthesis is open' "no expression" "$firn" memory -e '(a' "$plain"
fails 2 'matches go to standard output' "matches into a file" "$firn" memory -s a -o x "$plain"
fails 2 '--format is for lists' "bytes by a template" "$firn" memory -p 1 --area heap --format json "$plain"
fails 2 'there is no \.Nothing' "a field that there isn't" "$firn" memory --format '{{.Nothing}}' "$plain"
fails 4 'No such file or directory' "into a folder that isn't there" "$firn" memory -p 1 --area heap -o none/heap "$plain"
make_images foreign foreign
fails 1 'CRIU stored the pages in a way that only CRIU reads' "compressed pages" "$firn" memory -p 1 -s a foreign
check "are counted" "$firn" memory -p 1 --format json foreign
like "$out" '"pages_compressed": [1-9]' "nevertheless"

# --- hostile ones
make_images ranges ranges 100000
check "100000 ranges" "$firn" memory --format '{{.Stored}}' ranges
is "$out" 100000 "are counted"
make_images areas areas 20000
check "20000 areas" "$firn" memory -p 1 --format '{{.Start}}' areas
is "$(wc -l <.out)" 20000 "are listed"
# Zeros in a few bytes: they are a hole again when they are unpacked.
make_images zeros zeros
tar -C zeros -cf - . | zstd -q >zeros.tar.zst
for input in zeros zeros.tar.zst; do
	peak "$firn" memory -s at-the-end --format '{{.Address}}' "$input"
	is "$out" "$(printf '0x%x' $((0x100000000 + (1 << 28) - 100)))" "$input: a text behind many zeros"
	small "$input"
done
done_testing

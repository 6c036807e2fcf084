#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn diff: every difference of two checkpoints is counted and told, whatever form they are in; none where there is none.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd

cd "$work" || exit 99
make_pair() { python3 "$top_srcdir/tests/cli/make-pair.py" "$@" || bail "make-pair.py $*"; }
# value EXPRESSION: a Python expression over the object that was printed last, "d"
value() { python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
names = ("processes", "files", "sockets", "mounts", "mountpoints", "environment", "delta", "memory")
counts = lambda n: [d[n][k] for k in ("equal", "changed", "new", "gone")]
entries = lambda n: ["%s %s" % (e["change"], e.get("path") or e.get("command")) for e in d[n].get("entries", [])]
changes = lambda n, i: [(c["field"], c.get("a"), c.get("b")) for c in d[n]["entries"][i]["changes"]]
print(eval(sys.argv[2]))' "$work/.out" "$1" 2>&1; }
# diff ARG...: as JSON; stops where that fails
diff_json() {
	run "$firn" diff --format json "$@"
	[ "$status$err" = 0 ] || {
		not_ok "diff $*"
		tap_show
	}
}

# --- nothing differs where nothing does: each sample and its image, in both directions
for name in podman-none.tar podman-gzip.tar.gz podman-zstd.tar.zst podman-ignore-rootfs.tar containerd-cri.tar \
	containerd-cri-tiny.tar ctr-index.oci.tar ctr-index-basetrick-tiny.oci.tar podman-create-image-oci.tar; do
	[ -e "$data/$name" ] || continue
	check "an image of $name" "$firn" build -q "$data/$name" "oci:layout:$name"
	check "$name is equal to itself" "$firn" diff --exit-code --content "$data/$name" "$data/$name"
	like "$out" ': no differences$' "and says so"
	check "$name is equal to its image" "$firn" diff --exit-code --content "$data/$name" "oci:layout:$name"
	check "and the image to it" "$firn" diff --exit-code --content "oci:layout:$name" "$data/$name"
done
diff_json "$data/podman-none.tar" oci:layout:podman-none.tar
is "$(value 'd["memory"]["equal"], d["memory"]["compared"], d["delta"]["equal"] > 10, d["equal"], d["weight"]["memory"]')" \
	"(32, 'bytes', True, True, 0)" "all pages were looked at"
diff_json "$data/podman-zstd.tar.zst" oci:layout:podman-zstd.tar.zst
is "$(value 'd["memory"]["equal"], d["memory"]["compared"], d["equal"]')" "(34, 'hashes', True)" \
	"of a compressed archive by their hashes"

# --- what a container did in some seconds
diff_json "$data/podman-none.tar" "$data/podman-gzip.tar.gz"
is "$(value 'counts("processes"), entries("processes"), [d["processes"]["entries"][0][k] for k in ("pid", "pid_b")]')" \
	"([1, 1, 0, 0], ['changed sleep'], [24, 25])" "the same shell, another sleep"
is "$(value 'entries("delta"), [d[n]["changed"] + d[n]["new"] + d[n]["gone"] for n in ("files", "mounts", "environment")]')" \
	"(['changed /count'], [0, 0, 0])" "it has counted"
is "$(value 'd["origin"], d["equal"]')" "([], False)" "it is the same container"
diff_json "$data/containerd-cri.tar" "$data/podman-none.tar"
is "$(value '[c for c in d["origin"] if c["field"] in ("engine", "pod_name")]')" \
	"[{'field': 'engine', 'a': 'containerd', 'b': 'Podman'}, {'field': 'pod_name', 'a': 'pod1'}]" "where they come from"
is "$(value 'counts("mounts"), counts("environment"), "entries" in d["environment"]')" \
	"([5, 5, 1, 0], [7, 2, 2, 0], False)" "mounts; environments are counted and not shown"
unlike "$(cat .out)" "sbin" "nor anything of them"

# --- known differences, from every form
known() { # WHAT
	is "$(value '[counts(n) for n in names]')" \
		"[[2, 1, 1, 1], [1, 1, 1, 1], [1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [3, 9, 2, 2], [9, 5, 5, 3]]" "$1: all counts"
	is "$(value '[(p["pid"], p["command"], [p[k] for k in ("equal", "changed", "new", "gone")]) for p in d["memory"]["processes"]]')" \
		"[(1, 'prog', [9, 5, 2, 1]), (2, 'second', [3, 1, 0, 0]), (5, 'gone', [0, 0, 0, 2]), (5, 'new', [0, 0, 3, 0])]" "$1: the memory of each process"
	is "$(value '[d["weight"][k] for k in ("pages", "memory", "filesystem")], d["memory"]["compared"]')" "([8, 32768, 32768], '$2')" \
		"$1: the pages and files that a delta would have"
}
make_pair known known
for side in a b; do
	tar -C known/$side -cf $side.tar .
	gzip -nc $side.tar >$side.tar.gz
	zstd -qc $side.tar >$side.tar.zst
	check "an image of $side" "$firn" build -q $side.tar oci:layout:$side
done
diff_json --content known/a known/b
known folders bytes
is "$(value 'entries("processes"), entries("sockets"), [e["fd"] for e in d["files"]["entries"]]')" \
	"(['changed moved', 'gone gone', 'new new'], ['gone prog'], ['REG 3', 'REG 5', 'REG 6'])" "who and what it is"
is "$(value '[(e["path"], e["change"], e.get("type"), [c["field"] for c in e.get("changes", [])]) for e in d["delta"]["entries"]]' | sed 's/), (/),\n(/g')" \
	"[('/content', 'changed', None, ['content']),
('/etc/b', 'gone', 'deletion', []),
('/etc/c', 'new', 'deletion', []),
('/gone', 'gone', 'file', []),
('/kind', 'changed', None, ['type']),
('/link', 'changed', None, ['target']),
('/mode', 'changed', None, ['mode']),
('/new', 'new', 'file', []),
('/node', 'changed', None, ['device']),
('/owner', 'changed', None, ['owner']),
('/size', 'changed', None, ['size']),
('/time', 'changed', None, ['mtime']),
('/xattr', 'changed', None, ['xattrs'])]" "the filesystem delta entry by entry"
is "$(value 'changes("files", 0), changes("delta", 4), changes("delta", 11)')" \
	"([('position', 10, 20)], [('type', 'file', 'folder')], [('mtime', '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z')])" "with both values"
is "$(value 'd["sockets"]["entries"][0]')" \
	"{'change': 'gone', 'pid': 1, 'command': 'prog', 'fd': 7, 'family': 'IPV4', 'protocol': 'TCP', 'socket_type': 'STREAM', 'socket_state': 'ESTABLISHED', 'src': '127.0.0.1', 'src_port': 80, 'dst': '127.0.0.1', 'dst_port': 50000}" \
	"a closed socket"
diff_json --content a.tar b.tar
known archives bytes
diff_json --content a.tar.gz b.tar.zst
known "compressed archives" hashes
diff_json --content a.tar b.tar.zst
known "one of each" hashes
diff_json --content a.tar.gz known/b
known "the other way round" hashes
diff_json known/a known/b
is "$(value 'counts("delta"), d["delta"]["content_compared"]')" "([4, 8, 2, 2], False)" "content is compared when it is asked for"
diff_json --content oci:layout:a oci:layout:b
is "$(value 'counts("delta")[1:], counts("memory"), d["equal"]')" "([9, 2, 2], [9, 5, 5, 3], False)" "images of them"
diff_json --content a.tar oci:layout:b
is "$(value '[e["path"] for e in d["delta"]["entries"]]')" \
	"['/content', '/etc/b', '/etc/c', '/gone', '/kind', '/link', '/mode', '/new', '/node', '/owner', '/size', '/time', '/xattr']" \
	"an archive and an image"
diff_json --ps-tree-env known/a known/b
is "$(value '[(e["change"], e["name"], e.get("a"), e.get("b")) for e in d["environment"]["entries"]]')" \
	"[('changed', 'B', 'two', 'three'), ('gone', 'GONE', 'x', None), ('new', 'NEW', None, 'y')]" "--ps-tree-env shows variables"
for b in known/b b.tar.zst; do
	diff_json --moved known/a $b
	is "$(value 'counts("memory"), d["memory"]["moved"], [p["moved"] for p in d["memory"]["processes"]], d["weight"]["pages"]')" \
		"([9, 5, 5, 3], 2, [0, 0, 0, 2], 6)" "$b: --moved finds pages at other addresses"
done
diff_json --no-memory known/a known/b
is "$(value '"memory" in d, "weight" in d, counts("delta")[1]')" "(False, False, 8)" "--no-memory: all but the memory"

# --- dumps in a chain, memory that is elsewhere, pages of 64 KiB
make_pair chain chain
diff_json --content chain/a chain/b
known "a chain" bytes
is "$(value 'd["origin"]')" "[{'field': 'parent_dump', 'b': '../pre-checkpoint'}]" "whose dump before it is a difference"
(cd chain/b && tar -czf ../b.tar.gz .)
diff_json --content chain/a chain/b.tar.gz
known "a chain in a compressed archive" hashes
make_pair lazy lazy
diff_json lazy/a lazy/b
is "$(value 'counts("memory"), d["memory"]["unknown"], d["equal"], d["uncertain"]')" "([1, 0, 0, 0], 2, False, True)" \
	"pages that are elsewhere are unknown"
check "the tree of it" "$firn" diff lazy/a lazy/b
like "$out" 'not all of it could be compared' "says so"
fails 1 '^$' "and for --exit-code they are not equal" "$firn" diff -e lazy/a lazy/a
make_pair big-pages big
diff_json big/a big/b
is "$(value 'counts("memory"), d["weight"]["memory"]')" "([1, 1, 0, 0], 65536)" "pages of 64 KiB are compared as such"
(cd big/b && tar -czf ../b.tar.gz .)
diff_json big/a big/b.tar.gz
is "$(value 'counts("memory"), d["weight"]["memory"]')" "([1, 1, 0, 0], 65536)" "by their hashes too"
diff_json big/a lazy/a
is "$(value 'counts("memory"), d["uncertain"]')" "([0, 0, 2, 2], True)" "pages of another size are other pages"

# --- what is printed
check "the tree" "$firn" diff known/a known/b
like "$out" '^known/a -> known/b$' "begins with both"
like "$out" '^│   ├── changed \[30 -> 31\] moved$' "has the processes"
like "$out" 'gone \[1\] fd 7: IPV4 TCP ESTABLISHED 127.0.0.1:80 -> 127.0.0.1:50000$' "the sockets"
like "$out" '^└── B over A: ' "and what it would weigh"
tree=$out
check "--format tree is the default" "$firn" diff --format tree known/a known/b
is "$out" "$tree" "word by word"
check "a template" "$firn" diff --format '{{.Equal}} {{.Origin}} {{.Processes}} {{.Files}} {{.Sockets}} {{.Environment}} {{.Delta}} {{.PagesEqual}} {{.PagesChanged}} {{.PagesNew}} {{.PagesGone}} {{.PagesMoved}} {{.WeightPages}}' known/a known/b
is "$out" "false 0 3 3 1 3 12 9 5 5 3 0 8" "with fields"
fails 1 '^$' "--exit-code: they differ" "$firn" diff --exit-code known/a known/b
is "$out" "$tree" "and it is told all the same"
check "without it they may" "$firn" diff --quiet known/a known/b

# --- several containers
check "two containers in one image" "$firn" build -q a=a.tar b=b.tar oci:layout:pod
fails 2 '"oci:layout:pod": has 2 containers' "which one?" "$firn" diff oci:layout:pod oci:layout:pod
check "--container" "$firn" diff --exit-code --container a oci:layout:pod oci:layout:pod
diff_json --container a --container-b b oci:layout:pod oci:layout:pod
is "$(value 'counts("memory")')" "[9, 5, 5, 3]" "one and the other"

# --- broken ones
fails 2 'diff: needs A B' "one alone" "$firn" diff known/a
fails 4 '"nothing": .*No such file' "nothing" "$firn" diff known/a nothing
run_stdin "$firn" diff --exit-code oci:layout:podman-none.tar - <"$data/podman-none.tar"
is "$status $err" "0 " "one from standard input"
fails 2 'only one of the two' "standard input twice" "$firn" diff - -
fails 2 '"'"$top_srcdir"'.*is no checkpoint' "a folder of something else" "$firn" diff known/a "$top_srcdir/man"
cp -r known/b broken
head -c 20000 known/b/checkpoint/pages-1.img >broken/checkpoint/pages-1.img
fails 3 'process 1: .*pages-1.img: ends early' "a pages file that is cut off" "$firn" diff known/a broken
tar -C broken -czf broken.tar.gz .
fails 3 'process 1: .*pages-1.img: ends before the pages' "in a compressed archive" "$firn" diff known/a broken.tar.gz
cp known/b/checkpoint/pages-1.img broken/checkpoint/pages-1.img
head -c 3000 known/b/rootfs-diff.tar >broken/rootfs-diff.tar
fails 3 '"broken": filesystem delta' "a delta that is cut off" "$firn" diff known/a broken
tar -C broken -czf broken.tar.gz .
fails 3 '"broken.tar.gz": .*rootfs-diff.tar' "a compressed one" "$firn" diff known/a broken.tar.gz

# --- many of everything
make_pair many many 30000
diff_json many/a many/b
is "$(value 'counts("delta"), counts("files"), d["files"]["left_off"] > 0, len(d["files"]["entries"]) + d["files"]["left_off"]')" \
	"([20000, 0, 10000, 10000], [1, 19999, 0, 0], True, 19999)" "more than can be shown is counted"
make_pair many too-many 200001
check "a delta that is too large" "$firn" diff too-many/a too-many/b
like "$err" 'a filesystem delta is too large' "says so"
like "$out" 'Filesystem delta: not compared: rootfs-diff.tar: more than 200000 entries' "and why"

# --- memory stays below 64 MiB
sanitized && done_testing
make_pair many largest 200000
make_pair pages pages 30000
tar -C pages/b -czf pages/b.tar.gz .
while read -r a b; do
	peak "$firn" diff "$a" "$b"
	is "$status" 0 "$a $b"
	small "$a $b"
done <<'END'
many/a many/b
largest/a largest/b
pages/a pages/b
pages/a pages/b.tar.gz
END
for b in b b.tar.gz; do
	diff_json pages/a pages/$b
	is "$(value 'counts("memory"), d["weight"]["pages"]')" "([29701, 299, 0, 0], 299)" "30000 ranges: $b"
done
done_testing

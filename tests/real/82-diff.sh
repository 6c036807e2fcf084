#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn diff of two dumps of processes that changed by known numbers, beside a comparison of all their pages
# by other means; and of what a container did between two checkpoints.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

value() { python3 -c 'import json
d = json.load(open("diff.json"))
counts = lambda v: [v[k] for k in ("equal", "changed", "new", "gone")]
result = '"$1"'
print(result)' 2>&1; }
diff_json() { # WHAT ARG...
	local what=$1
	shift
	vital "$what" firn diff --format json "$@"
	cp .out diff.json
}

# --- two dumps of a process and its child
mkdir p
(cd p && exec setsid /inst/changes </dev/null >out 2>&1 3>&- 255>&-) &
wait_for 10 test -e p/step1 || bail "the process doesn't come to its first state: $(cat p/out)"
pid=$(cat p/step1)
mkdir d1 d2
must criu dump -t "$pid" -D d1 -o dump.log --leave-running
kill -USR1 "$pid"
wait_for 10 test -e p/step2 || bail "nor to its second: $(cat p/out)"
must criu dump -t "$pid" -D d2 -o dump.log
diff_json "firn diff" d1 d2
cat >pages.py <<'END'
# All pages by their address, with another reader of pagemaps; shared memory once, by its offset.
import glob, os, sys
sys.path.insert(0, "/firn/tests/real")
import increment
def memory(folder, name):
    return {at: page if flags & increment.PRESENT else bytes(4096) for at, flags, page in increment.entries(folder, name)}
def compare(a, b):
    both = [at for at in a if at in b]
    equal = sum(a[at] == b[at] for at in both)
    return [equal, len(both) - equal, len(b) - len(both), len(a) - len(both)]
names = [sorted(os.path.basename(p) for p in glob.glob(f"{d}/pagemap-*.img")) for d in ("d1", "d2")]
assert names[0] == names[1], names
for name in names[0]:
    print(name, *compare(memory("d1", name), memory("d2", name)))
END
python3 pages.py >truth || bail "pages.py"
diag "$(cat truth)"
total() { awk '{ for (i = 2; i <= 5; i++) n[i] += $i } END { print "[" n[2] ", " n[3] ", " n[4] ", " n[5] "]" }' truth; }
is "$(value 'counts(d["memory"])')" "$(total)" "equal, changed, new and gone pages are those that another reader finds"
is "$(grep shmem truth | cut -d' ' -f3)" 5 "5 shared pages were written"
n=$(awk '/^pagemap-[0-9]/ { changed += $3; new += $4; gone += $5 } END { print (changed >= 38 && new >= 11 && gone >= 3) }' truth)
is "$n" 1 "38 private ones, 11 touched for the first time, 3 unmapped"
is "$(value 'sum(p["changed"] for p in d["memory"]["processes"]) - d["memory"]["changed"], len(d["memory"]["processes"])')" "(5, 2)" \
	"each process that maps the shared memory tells of it, the sum has it once"
is "$(value '[(e["change"], e["fd"], e["path"].rsplit("/", 1)[1]) for e in d["files"]["entries"]]')" \
	"[('new', 'REG 4', 'new'), ('changed', 'REG 5', 'file'), ('changed', 'REG 5', 'file')]" \
	"a file was opened where the socket was; both have another position in another one"
is "$(value '[c for e in d["files"]["entries"] for c in e.get("changes", [])]')" \
	"[{'field': 'position', 'a': 10, 'b': 4}, {'field': 'position', 'a': 10, 'b': 4}]" "from where to where"
is "$(value '[(e["change"], e["fd"], e["address"].rstrip(chr(0))) for e in d["sockets"]["entries"]], d["sockets"]["equal"]')" \
	"([('gone', 4, 'goes.sock')], 3)" "a socket was closed, the others are as they were"
is "$(value 'counts(d["processes"])[1:], counts(d["environment"])[1:]')" "([1, 0, 0], [0, 0, 0])" "one process has another area, no environment is another one"
tar -C d1 -czf d1.tar.gz --transform 's,^\.,checkpoint,' .
tar -C d2 -cf d2.tar --transform 's,^\.,checkpoint,' .
for b in d2 d2.tar; do
	diff_json "d1.tar.gz and $b" d1.tar.gz "$b"
	is "$(value 'counts(d["memory"]), d["memory"]["compared"]')" "($(total), 'hashes')" "the same numbers by hashes"
done
must firn build d1.tar.gz oci:layout:d1
must firn build d2 oci:layout:d2
diff_json "images of them" oci:layout:d1 oci:layout:d2
is "$(value 'counts(d["memory"]), d["memory"]["compared"]')" "($(total), 'bytes')" "the same numbers in images"
check "an image has all of its archive" firn diff --exit-code --content d1.tar.gz oci:layout:d1
python3 /firn/tests/real/increment.py d2 d1 ../d1 >kept || bail "increment.py"
diag "$(cat kept) pages are left in the increment"
diff_json "the second as an increment" d1 d2
is "$(value 'counts(d["memory"])')" "$(total)" "the same numbers through the dump before"

# --- what a container does
make_images
start_app c1
must podman container checkpoint --leave-running -c none --export=before.tar c1
must podman exec c1 sh -c 'echo new >/data/new; rm /data/keep.txt; chmod 700 /data/newdir/file; echo longer >>/data/newdir/owned'
wait_for 10 counted_to $(($(count_in_archive before.tar) + 3)) "/proc/$app_pid/root/count" || bail "c1 doesn't go on"
must podman container checkpoint --leave-running -c none --export=after.tar c1
must podman container checkpoint -c zstd --export=last.tar.zst c1
diff_json "two checkpoints of a container" before.tar after.tar
is "$(value 'sorted((e["change"], e["path"], e.get("type"), tuple(c["field"] for c in e.get("changes", []) if c["field"] != "mtime")) for e in d["delta"]["entries"] if e.get("type") != "folder" and e.get("changes", [{}])[0].get("field") != "mtime")' | sed 's/), (/),\n(/g')" \
	"[('changed', '/count', None, ('size',)),
('changed', '/data/newdir/file', None, ('mode',)),
('changed', '/data/newdir/hard', None, ('mode',)),
('changed', '/data/newdir/owned', None, ('size',)),
('new', '/data/keep.txt', 'deletion', ()),
('new', '/data/new', 'file', ())]" "the filesystem delta, entry by entry"
is "$(value 'counts(d["processes"])[2:], counts(d["mounts"])[1:], counts(d["mountpoints"])[1:], [o["field"] for o in d["origin"]]')" \
	"([0, 0], [0, 0, 0], [0, 0, 0], [])" "it is the same container"
diff_json "and the last one" before.tar last.tar.zst
is "$(value '"/data/new" in [e["path"] for e in d["delta"]["entries"]], d["memory"]["compared"], d["memory"]["changed"] > 0')" "(True, 'hashes', True)" \
	"in a compressed archive"
for name in before.tar last.tar.zst; do
	must firn build "$name" "oci:layout:${name%%.*}"
	check "$name is in its image" firn diff --exit-code --content "$name" "oci:layout:${name%%.*}"
done
must podman rm -f -t 0 c1
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn inspect beside checkpointctl on archives made here, and beside crit on the same images.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

same_fields() { python3 /firn/tests/cli/same-fields.py "$@" 2>&1; }

make_images
start_app c1
for how in none gzip zstd; do
	must podman container checkpoint --leave-running -c $how --export=$how.tar c1
	vital "checkpointctl inspect" checkpointctl inspect --all --format json $how.tar
	cp .out theirs.json
	vital "firn inspect" firn inspect --ps-tree-env --format json $how.tar
	cp .out ours.json
	is "$(same_fields theirs.json ours.json)" "" "$how: every field of checkpointctl's, every value"
done
must podman rm -f -t 0 c1

# A server with sockets and more than one process.
cat >server.py <<'END'
import os, socket, time
s = socket.socket(socket.AF_UNIX); s.bind("/scratch/server.sock"); s.listen(5)
a = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); a.bind("\0firn-test")
if os.fork() == 0:
    r, w = os.pipe()
    time.sleep(1000)
open("/scratch/server.ready", "w").close()
time.sleep(1000)
END
setsid python3 server.py </dev/null >/dev/null 2>&1 &
pid=$!
wait_for 10 test -e /scratch/server.ready || bail "the server doesn't start"
mkdir img
must criu dump -t $pid -D img -o dump.log
vital "firn inspect of a folder of images" firn inspect --areas --format json img
cp .out ours.json
cat >crit.py <<'END'
# What crit decodes must be what firn tells: pstree, mm, pagemap, files.
import json, os, pycriu
top = json.load(open("ours.json"))[0]
load = lambda name: pycriu.images.load(open("img/" + name, "rb"))["entries"]
tasks = {}
def walk(p):
    tasks[p["pid"]] = p
    for c in p.get("children", []):
        walk(c)
walk(top["process_tree"])
want, got = [], []
files = {f["id"]: f for f in load("files.img")}
for p in load("pstree.img"):
    pid, t = p["pid"], tasks[p["pid"]]
    mm, pm = load(f"mm-{pid}.img")[0], load(f"pagemap-{pid}.img")
    # CRIU 4.2 counts pages in a field that older tools don't know; then the pages file tells.
    pages = sum(e["nr_pages"] for e in pm[1:]) or os.path.getsize(f"img/pages-{pm[0]['pages_id']}.img") // 4096
    fds = load("fdinfo-%d.img" % load(f"ids-{pid}.img")[0]["files_id"])
    want.append([pid, p["ppid"], p["pgid"], p["sid"], len(p["threads"]), len(mm["vmas"]), pages,
                 [(hex(v["start"]), hex(v["end"])) for v in mm["vmas"]],
                 sorted((f["fd"], files[f["id"]].get("reg", {}).get("name")) for f in fds if f["type"] == "REG")])
    mine = next(f for f in top["file_descriptors"] if f["pid"] == pid)["open_files"]
    got.append([pid, t["ppid"], t["pgid"], t["sid"], t["threads"], t["memory"]["areas"], t["memory"]["pages_present"],
                [(a["start"], a["end"]) for a in t["memory_areas"]],
                sorted((int(f["fd"].split()[1]), f["path"]) for f in mine if f["type"] == "REG")])
assert len(want) == top["processes"] == 2
for w, g in zip(want, got):
    for x, y in zip(w, g):
        if x != y:
            print(x, y)
END
if python3 -c 'import pycriu' 2>/dev/null; then
	is "$(python3 crit.py 2>&1)" "" "crit decodes the same processes, areas, pages and files"
else
	skip_one "python3-pycriu is not in the root" "crit decodes the same processes, areas, pages and files" crit
fi
value() { python3 -c 'import json; top = json.load(open("ours.json"))[0]; print('"$1"')'; }
is "$(value '[(s["data"]["address"], s["socket_type"], s["socket_state"]) for s in top["sockets"][0]["open_sockets"]]')" \
	"[('/scratch/server.sock\\x00', 'STREAM', 'LISTEN'), ('\\x00firn-test', 'DGRAM', 'CLOSE')]" "sockets"
is "$(value 'top["process_tree"]["arguments"]')" "['python3', 'server.py']" "the command line"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn inspect: the fields of checkpointctl, the same answers from every form of a checkpoint, hostile ones refused,
# and what isn't compressed never read through.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd

cd "$work" || exit 99
make_images() { python3 "$top_srcdir/tests/cli/make-images.py" "$@" || bail "make-images.py $*"; }
same_fields() { python3 "$top_srcdir/tests/cli/same-fields.py" "$@" 2>&1; }
# value FILE EXPRESSION: a Python expression over the list that firn printed, "a" being its first container
value() { python3 -c 'import json, sys
a = json.load(open(sys.argv[1]))[0]
print(eval(sys.argv[2]))' "$@" 2>&1; }
# inspect NAME ARG...: as JSON into NAME.json
inspect() {
	local name=$1
	shift
	run "$firn" inspect --format json "$@"
	cp .out "$name.json"
	[ "$status" = 0 ] && [ -z "$err" ] || {
		not_ok "inspect $*"
		tap_show
	}
}

# --- field by field what checkpointctl shows
for name in podman-none.tar podman-gzip.tar.gz podman-zstd.tar.zst podman-ignore-rootfs.tar containerd-cri.tar \
	containerd-cri-tiny.tar; do
	[ -e "$data/$name" ] || continue
	python3 -c 'import json, sys; json.dump(json.load(open(sys.argv[1]))[sys.argv[2]], sys.stdout)' \
		"$data/checkpointctl.json" "$name" >theirs.json
	inspect "$name" --ps-tree-env "$data/$name"
	but=()
	case $name in containerd*) but=(--but cmdline) ;; esac # blanks there, of a CRIU that it doesn't know
	is "$(same_fields theirs.json "$name.json" "${but[@]}")" "" "$name: checkpointctl's fields, checkpointctl's values"
done
is "$(value containerd-cri-tiny.tar.json 'a["process_tree"]["cmdline"], a["process_tree"]["arguments"]')" \
	"('/tiny ', ['/tiny'])" "the command line out of CRIU 4.2's pages"
is "$(value podman-none.tar.json 'a["process_tree"]["children"][0]["arguments"], a["process_tree"]["children"][0]["exe"]')" \
	"(['sleep', '0.2'], '/bin/busybox')" "and CRIU 4.1's"
is "$(value podman-none.tar.json '[a["delta"][k] for k in ("size", "files", "folders", "links", "others", "deleted", "file_bytes")]')" \
	"[10752, 7, 1, 2, 0, 4, 55]" "the delta in numbers"
is "$(value containerd-cri-tiny.tar.json '[a["delta"][k] for k in ("files", "deleted")]')" \
	"$(python3 -c 'import io, tarfile, sys
t = tarfile.open(sys.argv[1])
d = tarfile.open(fileobj=io.BytesIO(t.extractfile("rootfs-diff.tar").read()))
names = [m for m in d if m.isfile() and "/.wh." not in "/" + m.name]
print([len(names), sum("/.wh." in "/" + m.name for m in d)])' "$data/containerd-cri-tiny.tar")" "whiteouts are deletions"
is "$(value podman-zstd.tar.zst.json 'a["delta"]["files"], a["delta"]["deleted"]')" "(7, 4)" \
	"out of a compressed archive too"
for name in podman-none.tar podman-zstd.tar.zst; do
	inspect quiet "$data/$name"
	unlike "$(cat quiet.json)" environment_variables "$name: no environment unless it is asked for"
	is "$(grep -c "PATH=\|sbin" quiet.json)" 0 "$name: nor anything of it"
done

# --- every form of one checkpoint
check "an image to look into" "$firn" build -q "$data/podman-none.tar" oci:layout:plain
check "from a gzip archive" "$firn" build -q "$data/podman-gzip.tar.gz" oci:layout:gz
mkdir folder && tar -C folder -xf "$data/podman-none.tar"
tar -C layout -cf layout.tar .
gzip -nc "$data/podman-none.tar" >again.tar.gz
zstd -qc "$data/podman-none.tar" >again.tar.zst
xz -c "$data/podman-none.tar" >again.tar.xz 2>/dev/null || rm -f again.tar.xz
inspect plain --ps-tree-env --areas "$data/podman-none.tar"
for form in folder oci:layout:plain oci-archive:layout.tar:plain again.tar.gz again.tar.zst again.tar.xz; do
	case $form in again*) [ -e "$form" ] || continue ;; esac
	inspect form --ps-tree-env --areas "$form"
	but=()
	# Our own layer is the delta there; the engine's tar has neither the folders nor the whiteouts.
	case $form in oci*) but=(--but delta --but root_fs_diff_size --but members) ;; esac
	is "$(same_fields plain.json form.json "${but[@]}")" "" "$form tells what the archive tells"
done
inspect image oci:layout:plain
is "$(value image.json 'a["delta"]["files"], a["delta"]["deleted"] + a["delta"]["opaque"], a["delta"]["loss"] != []')" "(7, 4, True)" \
	"an image's delta is its layer"
is "$(value image.json '[(l["image"], l["role"]) for l in a["images"]["layers"]]')" \
	"[('checkpoint', 'metadata'), ('checkpoint', 'images'), ('rootfs', 'delta')]" "its layers"
is "$(value image.json 'a["base"]["external"]')" True "its base is elsewhere"
inspect bare folder/checkpoint
is "$(value bare.json 'a["engine"], a["processes"], a["process_tree"]["cmdline"]')" "('criu', 2, '/bin/sh /work.sh ')" \
	"a folder of CRIU images alone"
tar -xf "$data/raw-criu-2proc.tar"
inspect raw img
is "$(value raw.json 'a["statistics"]["pages_written"], a["host"]["criu_version"], [n["own"] for n in a["namespaces"]].count(True)')" \
	"(34, '4.2.1', 0)" "a bare process: statistics and log beside the images"

# --- several containers in one image
check "two containers in one image" "$firn" build -q "a=$data/podman-none.tar" "b=$data/podman-zstd.tar.zst" oci:layout:pod
inspect pod oci:layout:pod
is "$(python3 -c 'import json; print([(c["images"]["container"], c["processes"]) for c in json.load(open("pod.json"))])')" \
	"[('a', 2), ('b', 2)]" "both are told"
check "--container" "$firn" inspect --container b --format '{{.Name}} {{.PagesSize}}' oci:layout:pod
is "$out" "c1 139264" "one of them"
fails 2 'has 2 containers: name the one of process 1' "--pid without a container" "$firn" inspect --pid 1 oci:layout:pod
check "--pid with one" "$firn" inspect --pid 1 --container a oci:layout:pod

# --- what is printed
check "the tree" "$firn" inspect "$data/podman-none.tar"
like "$out" '^c1$' "begins with the name"
like "$out" '^├── Image: localhost/bb:1$' "has the image"
like "$out" '^        └── \[24\] sleep 0.2 $' "and the processes"
tree=$out
check "--format tree is the default" "$firn" inspect --format tree "$data/podman-none.tar"
is "$out" "$tree" "word by word"
check "a template" "$firn" inspect --format '{{.Name}}|{{.Engine}}|{{.Processes}}|{{.PagesSize}}|{{.Command}}|{{json .Pod}}' \
	"$data/podman-none.tar"
is "$out" "c1|Podman|2|131072|/bin/sh /work.sh |null" "with fields"
fails 2 'there is no \.Nothing' "a field that there isn't" "$firn" inspect --format '{{.Nothing}}' "$data/podman-none.tar"
inspect pid --pid 24 "$data/podman-none.tar"
is "$(value pid.json 'a["process_tree"]["pid"], len(a["file_descriptors"]), len(a["process_tree"]["memory_areas"])')" \
	"(24, 1, 11)" "--pid: one process, with its memory areas"
is "$(value pid.json 'sum(m["pages_present"] for m in a["process_tree"]["memory_areas"]), a["process_tree"]["memory"]["pages_present"]')" \
	"(15, 15)" "whose pages add up"
fails 4 'there is no process 7' "--pid of nobody" "$firn" inspect --pid 7 "$data/podman-none.tar"
fails 2 'only an image' "--container of an archive" "$firn" inspect --container x "$data/podman-none.tar"
fails 4 'no container "x"' "--container of an image without it" "$firn" inspect --container x oci:layout:plain
check "its own container" "$firn" inspect --container c1 oci:layout:plain

# --- sockets, states, chains, made by hand
make_images sockets sockets
inspect sockets sockets
is "$(value sockets.json '"\n".join(" ".join(str(s["data"].get(k, "-")) for k in ("type", "state", "src", "src_port", "dst", "dst_port", "send_buf", "recv_buf")) for s in a["sockets"][0]["open_sockets"] if "src_port" in s["data"])')" \
	"TCP LISTEN 127.0.0.1 80 0.0.0.0 0 208.0 KB 128.0 KB
TCP ESTABLISHED 2001:db8::7 8080 10.0.0.9 50000 208.0 KB 128.0 KB
UDP CLOSE 0.0.0.0 53 0.0.0.0 0 208.0 KB 128.0 KB" "TCP and UDP"
is "$(value sockets.json '[(s["family"], s["socket_type"], s["socket_state"], s["data"].get("address"), s["data"].get("recv_buf")) for s in a["sockets"][0]["open_sockets"][3:]]')" \
	"[('UNIX', 'STREAM', 'LISTEN', '/run/s\\x00', None), ('UNIX', 'SEQPACKET', 'ESTABLISHED', '\\x00abstract', None), ('NETLINK', '', 'CLOSE', None, '128.0 KB'), ('PACKET', 'RAW', '', None, '3.0 GB')]" \
	"unix, netlink and packet sockets"
is "$(value sockets.json '[f["fd"] + " " + f["path"] + " " + f.get("name", "-") for f in a["file_descriptors"][0]["open_files"][6:]]')" \
	"['PACKETSK 9 PACKETSK.7 -', 'TTY 10 TTY.8 /data', 'FIFO 11 FIFO.9 /data', 'EVENTFD 12 EVENTFD.10 -', 'UNKNOWN 13 UNKNOWN.11 -', 'REG 14 Unknown path -', 'cwd /data -', 'root / -']" \
	"other files"
is "$(value sockets.json '{k: a["process_tree"][k] for k in ("uid", "gid", "euid", "capabilities", "no_new_privileges", "lsm_profile", "seccomp", "oom_score_adj")}')" \
	"{'uid': 1000, 'gid': 100, 'euid': 0, 'capabilities': '0x00000001000000ff', 'no_new_privileges': True, 'lsm_profile': 'profile', 'seccomp': 'filter', 'oom_score_adj': -17}" \
	"credentials"
check "the tree of them" "$firn" inspect sockets
like "$out" '\[3\] TCP LISTEN 127.0.0.1:80 -> 0.0.0.0:0$' "has the sockets"
like "$out" '\[7\] UNIX SEQPACKET ESTABLISHED @abstract$' "abstract ones too"
make_images states states
inspect states --ps-tree-env states
is "$(value states.json '[(c["pid"], c["command"], c["task_state"], c.get("cmdline"), c.get("stop_signal"), c.get("exit_code")) for c in a["process_tree"]["children"]]')" \
	"[(5, 'stopped', 'Stopped', None, 19, None), (9, 'deadÿ\\n', 'Zombie', None, None, 2304)]" \
	"states; a page that is elsewhere has no command line"
is "$(value states.json 'a["process_tree"]["children"][0]["children"][0]["cmdline"], a["process_tree"]["environment_variables"]')" \
	"('     ', {'A': '3', 'B': 'two'})" "zero pages are zeros; the last variable of a name counts"
check "the tree with a name that is no text" "$firn" inspect states
unlike "$out" $'\xff|^dead' "prints neither its line end nor its bytes"
make_images chain chain
inspect chain chain
is "$(value chain.json 'a["process_tree"]["arguments"], a["process_tree"]["memory"]["pages_parent"], a["criu"]["parent"]')" \
	"(['/bin/prog', '-v'], 3, '../pre-checkpoint')" "the command line out of the dump before"
ln -sfn ../checkpoint chain/checkpoint/parent
inspect loop chain
is "$(value loop.json '"arguments" in a["process_tree"]')" False "a chain that goes in circles ends"
make_images shared shared/checkpoint
tar -C shared -czf shared.tar.gz checkpoint
for form in shared shared.tar.gz; do
	inspect lines "$form"
	is "$(value lines.json '[c["cmdline"] for c in a["process_tree"]["children"]]')" "['bin', 'prog']" \
		"$form: command lines within another one"
done
make_images foreign foreign
inspect foreign foreign
is "$(value foreign.json '"cmdline" in a["process_tree"], a["process_tree"]["memory"]["pages_present"]')" "(False, 1)" \
	"pages of a later CRIU are counted and not read"

# --- broken ones
while read -r kind want re; do
	make_images "$kind" "$kind"
	fails "$want" "^firn: inspect: \"$kind\": .*$re" "$kind" "$firn" inspect "$kind"
	is "$out" "" "$kind: nothing is printed"
done <<'END'
loop 3 process 2 has more than 200 processes above it
orphan 3 process 2 has no parent 5
twins 3 two processes 2
back-to-front 3 pagemap-1.img: the pages at 10000 are out of order
huge-record 3 files.img: a record of 4294967280 bytes
no-inventory 2 is no checkpoint: the folder has neither
no-pstree 3 pstree.img: is missing
bad-magic 3 mm-1.img: is no such CRIU image
END
make_images deep deep 201
check "processes 201 deep" "$firn" inspect deep
make_images deep deeper 300
fails 3 'more than 200 processes above it' "and deeper" "$firn" inspect deeper
head -c 100000 "$data/podman-none.tar" >cut.tar
fails 3 'cut.tar.*larger than what is left' "an archive that is cut off" "$firn" inspect cut.tar
head -c 20000 "$data/podman-zstd.tar.zst" >cut.tar.zst
fails 3 'cut.tar.zst' "a compressed one" "$firn" inspect cut.tar.zst
fails 2 'is no checkpoint' "a tar of something else" "$firn" inspect "$data/base-tiny-rootfs.tar"
fails 3 'no tar archive' "a file of something else" "$firn" inspect "$top_srcdir/COPYING"
fails 4 'No such file' "nothing" "$firn" inspect nothing
fails 2 'neither a file nor a folder' "a device" "$firn" inspect /dev/null
mkdir empty
fails 2 'is no checkpoint' "an empty folder" "$firn" inspect empty
tar -C folder -cf twice.tar config.dump checkpoint checkpoint
fails 3 'comes twice' "members that come twice" "$firn" inspect twice.tar
(cd folder && rm config.dump && ln -s /etc/passwd config.dump)
fails 3 'config.dump.*is no file' "a document that is a link" "$firn" inspect folder

# --- O(metadata): a checkpoint with 8 GiB of memory, none of which is there
cat >meter.py <<'END'
import os, resource, subprocess, sys
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)
io = dict(l.split(": ") for l in open(f"/proc/{p.pid}/io").read().splitlines())
p.wait()
print(p.returncode, int(io["rchar"]) >> 20, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
END
rm -rf folder && mkdir folder && tar -C folder -xf "$data/podman-none.tar"
truncate -s 8G folder/checkpoint/pages-1.img
python3 - folder big.tar <<'END'
import os, sys, tarfile
folder, out = sys.argv[1:]
# Payloads that are holes stay holes.
with open(out, "wb") as f:
    for root, dirs, files in os.walk(folder):
        for name in sorted(files):
            path = os.path.join(root, name)
            info = tarfile.TarInfo(os.path.relpath(path, folder))
            info.size = os.path.getsize(path)
            f.write(info.tobuf(tarfile.PAX_FORMAT))
            if info.size < 1 << 30:
                f.write(open(path, "rb").read())
            else:
                f.seek(info.size, 1)
            f.seek(-f.tell() % 512, 1)
    f.write(bytes(1024))
END
for form in big.tar folder; do
	read -r rc read_mib rss < <(python3 meter.py "$firn" inspect "$form")
	if [ "$rc" = 0 ] && [ "$read_mib" -lt 4 ]; then ok "$form of 8 GiB: $read_mib MiB read"; else not_ok "$form of 8 GiB: status $rc, $read_mib MiB read"; fi
done
rm -rf big.tar folder

# --- memory stays below 64 MiB
sanitized && done_testing
while read -r kind n want; do
	make_images "$kind" "many-$kind" "$n"
	read -r rc read_mib rss < <(python3 meter.py "$firn" inspect --areas "many-$kind")
	if [ "$rc" = "$want" ] && [ "$rss" -lt 64 ]; then ok "$n $kind: $rss MiB"; else not_ok "$n $kind: status $rc, $rss MiB"; fi
done <<'END'
ranges 100000 0
areas 20000 0
files 20000 0
tasks 500 0
END
done_testing

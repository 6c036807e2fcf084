#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn check: the surroundings of the samples' processes against a root directory that is given, every form of a
# checkpoint, and what it prints. What it says of this host is another matter; tests/real has real restores.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3

cd "$work" || exit 99
# The names, levels and answers of the world's checks alone: "NAME LEVEL WHAT" each.
world() {
	python3 -c 'import json, sys
world = "base mount volumes mounts files pids connections addresses sockets locks terminal".split()
for c in json.load(open(sys.argv[1])):
    for line in c["checks"]:
        if line["check"] in world:
            print(line["check"], line["level"], line["what"])' "$1" 2>&1
}
# ask ARG...: into $said, whatever the host is
ask() {
	run "$firn" check --format json "$@"
	cp .out said.json
	[ "$status" = 0 ] || [ "$status" = 5 ] || {
		not_ok "check $*"
		tap_show
	}
	said=$(world said.json)
}
all_well="base ok not looked at: the rootfs is given
mounts ok 5 mounts from outside have their counterparts, 12 are the container's own
files ok 9 files that processes use are there as they were; 1 come from the dump itself
pids ok the processes have a pid namespace of their own
connections ok no TCP connections
addresses ok no socket is bound to a port
sockets ok no unix sockets of others
locks ok no locks on files
terminal ok no terminals"

# The root directory that podman-none.tar's processes had, as far as they use it.
mkdir -p root/bin root/data
python3 - "$data/podman-none.tar" "$firn" <<'EOS'
import json, os, subprocess, sys
c = json.loads(subprocess.run([sys.argv[2], "inspect", "--format", "json", sys.argv[1]], stdout=subprocess.PIPE,
                              check=True).stdout)[0]
for p in c["file_descriptors"]:
    for f in p["open_files"]:
        if f.get("size") and f["path"].startswith("/work"):
            with open("root" + f["path"], "w") as to:
                to.truncate(f["size"])
            os.chmod("root" + f["path"], int(f["mode"], 8))
EOS
ask --rootfs root "$data/podman-none.tar"
like "$said" 'files fail "/bin/busybox": isn.t there' "a program that isn't there"
unlike "$said" 'work\.sh' "what is as it was isn't told"
like "$said" 'files fail "/": has the mode 040755, and had 040555' "the root directory's mode"
: >root/bin/busybox
chmod 755 root/bin/busybox
chmod 555 root
ask --rootfs root "$data/podman-none.tar"
want=$(sed -n 's/^files fail "\/bin\/busybox": is 0 bytes long, and was \([0-9]*\) in the dump$/\1/p' <<<"$said")
like "$want" '^[0-9]+$' "a program of another size"
truncate -s "${want:-0}" root/bin/busybox
for name in podman-none.tar podman-gzip.tar.gz podman-zstd.tar.zst; do
	[ -e "$data/$name" ] || continue
	ask --rootfs root "$data/$name"
	is "$(sed 's/^mounts ok [0-9]* mounts from outside have their counterparts, [0-9]* are/mounts ok 5 mounts from outside have their counterparts, 12 are/
s/^files ok [0-9]* files that processes use are there as they were; [0-9]* come/files ok 9 files that processes use are there as they were; 1 come/
/^files ok [0-9]* more/d' <<<"$said")" "$all_well" "$name: all is well"
done
chmod 700 root/work.sh
ask --rootfs root "$data/podman-none.tar"
is "$status" 5 "other permissions: the exit status"
like "$err" "^firn: check: .*podman-none.tar: can't be restored here, for [1-9][0-9]* reasons?\$" "and the message"
like "$said" 'files fail "/work.sh": has the mode 0100700' "and the answer"
ask --rootfs root --runtime-arg --skip-file-rwx-check "$data/podman-none.tar"
unlike "$said" ' fail ' "unless CRIU is told not to compare them"
ask --rootfs root --runtime crun "$data/podman-none.tar"
like "$said" 'mounts fail "/proc/[a-z_]*": runc had hidden it' "crun doesn't know what runc has hidden"

# --- what is printed
run "$firn" check --rootfs root "$data/podman-none.tar"
like "$out" '^FAIL +files +"/work.sh": has the mode .*\. To do: set its permissions' "a line for people"
like "$out" '^ok +pids +the processes have' "and another"
run "$firn" check --rootfs root --format '{{.Container}} {{.Check}} {{.Level}}' "$data/podman-none.tar"
like "$out" '^c1 files fail$' "a template"
is "$(python3 -c 'import json, sys
c, = json.load(open("said.json"))
print(sorted(c), c["restorable"] == (c["failures"] == 0), all({"check", "level", "what"} <= set(l) for l in c["checks"]))')" \
	"['checks', 'container', 'failures', 'restorable', 'warnings'] True True" "the JSON's members"

# --- other forms, and none
mkdir folder && tar -C folder -xf "$data/podman-none.tar"
for form in folder "$data/containerd-cri.tar" "$data/ctr-index.oci.tar" "$data/podman-create-image-oci.tar"; do
	[ -e "$form" ] || continue
	ask --rootfs root "$form"
	like "$said" '^files ' "${form##*/}: is asked"
done
mkdir raw && tar -C raw -xf "$data/raw-criu-2proc.tar"
ask raw/img
like "$said" '^pids ' "a bare process: is asked"
run "$firn" check --format json "$data/podman-none.tar"
cp .out said.json
! tap_is_root || like "$(world said.json)" '^files warning not compared: the image that the container was made from is missing' \
	"without a base: that is why files aren't compared"
# --- a chain of dumps: what the newest leaves to the one before it has to fit, too
cp -a raw/img before && cp -a raw/img after && ln -s ../before after/parent
python3 - after <<'EOS'
import glob, struct, sys
for name in glob.glob(sys.argv[1] + "/pagemap-[0-9]*.img")[:1]:
    number = lambda v: bytes([v & 127 | 128]) + number(v >> 7) if v > 127 else bytes([v])
    entry = b"\x08" + number(1 << 24) + b"\x10" + number(1 << 30) + b"\x20" + number(1)  # 4 TiB: in the dump before
    with open(name, "r+b") as f:
        f.seek(8)
        f.seek(struct.unpack("<I", f.read(4))[0], 1)  # its head stays
        f.write(struct.pack("<I", len(entry)) + entry)
        f.truncate()
EOS
for form in raw/img after; do
	run "$firn" check --rootfs root --format '{{.Check}} {{.Level}} {{.What}}' "$form"
	is "$(sed -n 's/^memory \([a-z]*\) the processes need \([0-9]*\) MiB.*/\1 \2/p' <<<"$out")" \
		"$([ $form = after ] && echo fail 4194304 || echo ok 1)" "$form: the memory it needs"
done
: >empty
fails 3 'no tar archive' "no checkpoint" "$firn" check empty
fails 4 'No such file' "nothing there" "$firn" check gone
fails 4 'gone' "no root directory" "$firn" check --rootfs gone "$data/podman-none.tar"
fails 2 'Podman' "Podman restores in its own way" "$firn" check --runtime podman "$data/podman-none.tar"
if tap_is_root && have setpriv; then
	firn_for_all
	cp "$data/podman-none.tar" one.tar && chmod 644 one.tar
	run nobody "$work/bin/firn" check --format json one.tar
	cp .out said.json
	like "$(world said.json)" '^base (fail it needs the image|warning not looked at)' "without root: it asks for the base, or says why not"
	like "$(world said.json)" '^mounts ok ' "and asks the rest"
	chmod 700 root/bin
	run nobody "$work/bin/firn" check --rootfs root --format json one.tar
	cp .out said.json
	like "$(world said.json)" '^files warning [1-9][0-9]* more were not compared: .* only others may enter' \
		"a folder that may not be entered"
	like "$(world said.json)" '^pids ok ' "and what comes behind it is asked"
else
	skip_one "needs root" "without root"
fi
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn memory: what a checkpoint has of a process against what the kernel showed of it before the dump, against crit,
# and beside checkpointctl memparse.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

memory_py() { python3 /firn/tests/real/memory.py "$@" 2>&1; }

# --- private and shared memory, a memfd, changed pages of files, zeros
# Restartable sequences are memory that the kernel writes to whenever it likes.
GLIBC_TUNABLES=glibc.pthread.rseq=0 setsid python3 /firn/tests/real/memory.py hold </dev/null >hold.log 2>&1 &
wait_for 20 test -e ready || bail "the process doesn't start: $(cat hold.log)"
read -r pid child base shared whole mine <ready
mkdir before img
must criu dump -t "$pid" -D before -o dump.log --leave-running
stopped() { grep -q '^State:.T' "/proc/$1/status"; }
kill -STOP "$pid" "$child"
for p in $pid $child; do
	wait_for 10 stopped "$p" || bail "$p doesn't stop"
done
for p in $pid $child; do
	must python3 /firn/tests/real/memory.py truth "$p"
done
must criu dump -t "$pid" -D img -o dump.log --leave-running
tar -cf packed.tar --transform 's,^img,checkpoint,' img
zstd -q packed.tar

for p in $pid $child; do
	vital "areas of $p" firn memory --pid "$p" --format json img
	cp .out "areas-$p.json"
	is "$(memory_py compare "$p" "areas-$p.json" img)" "" "every page of every area is what it was"
	is "$(memory_py compare "$p" "areas-$p.json" packed.tar.zst)" "" "out of a compressed archive, too"
	if python3 -c 'import pycriu' 2>/dev/null; then
		is "$(memory_py crit "$p" "areas-$p.json" img)" "" "crit has the same areas and pages"
	else
		skip_one "python3-pycriu is not in the root" "crit has the same areas and pages" crit
	fi
	for regex in 'PRIVATE page [0-9]+,' 'SHARED page 00000[39]' 'api_key=[a-z0-9-]+' 'MEMFD|MY-OWN' 'FROM-THE-CHILD[.]{2}'; do
		check "searching for $regex" firn memory --pid "$p" --regex "$regex" --format '{{.Address}}' img
		# In files that changed in part nobody knows what is elsewhere.
		vital "where it is" firn memory --pid "$p" --regex "$regex" --format json img
		is "$(python3 -c 'import json, sys
p = json.load(sys.stdin)[0]
print("\n".join(m["address"] for m in p["matches"] if m["kind"] != "file"))' <.out)" \
			"$(memory_py search "$p" "$regex" "areas-$p.json")" "$regex is where it was"
	done
done
check "a text over the border of two areas" firn memory -s OVER-THE-BORDER-OF-TWO-AREAS --pid "$pid" --format '{{.Address}} {{.Length}}' img
like "$out" "^$(printf '0x%x 28' $((base + 32 * 4096 - 10)))\$" "is found"
check "bytes of shared memory" firn memory --pid "$child" -a "$shared+20" img
like "$out" '^# [0-9a-f]+-[0-9a-f]+ rw-s shared memory /dev/zero
[0-9a-f]+  53 48 41 52 45 44 20 70  61 67 65 20 30 30 30 30  \|SHARED page 0000\|' "in a hex dump"
check "a memfd" firn memory --pid "$pid" -a "$(printf %x $((whole + 2 * 4096)))+10" img
like "$out" '\|MEMFD page 00000\|' "is shared memory, too"
check "a private copy of one" firn memory --pid "$pid" -a "$(printf %x $((mine + 5 * 4096)))+10" img
like "$out" '\|MY-OWN page 0000\|' "has what was written to it"
check "and where nothing was" firn memory --pid "$pid" -a "$(printf %x $((mine + 6 * 4096)))+10" img
like "$out" '\|MEMFD page 00000\|' "what the memfd has"

# --- a chain: unchanged pages are in the dump before
must python3 /firn/tests/real/increment.py img before ../before
mkdir chain
cp -a img chain/checkpoint
cp -a before chain/before
ln -sfn ../before chain/checkpoint/parent
tar -C chain -cf chain.tar .
gzip chain.tar
check "an image of the chain" firn build -q chain oci:layout:chain
for form in img chain chain.tar.gz oci:layout:chain; do
	vital "$form" firn memory --pid "$pid" --format json $form
	cp .out areas.json
	is "$(python3 -c 'import json; m = json.load(open("areas.json"))[0]["memory"]; print(m["pages_parent"] > 1000, m["pages_absent"] < 10)')" \
		"True True" "$form: most pages are in the dump before"
	is "$(memory_py compare "$pid" areas.json $form)" "" "$form: every page of every area is what it was"
done
rm -r before
check "a dump without the one before it" firn memory --pid "$pid" --format json img
is "$(python3 -c 'import json, sys; m = json.load(sys.stdin)[0]["memory"]; print(m["pages_absent"] > 1000, m["pages_parent"])' <.out)" \
	"True 0" "lacks its pages"
kill -9 "$pid" "$child"
wait 2>/dev/null

# --- an engine's archive, beside checkpointctl
make_images
start_app c1
for how in none zstd; do
	must podman container checkpoint --leave-running -c $how --export=$how.tar c1
	for regex in 'PATH=[a-z:/]+' 'busy|work[.]sh'; do
		# Its table: | ADDRESS | MATCH | INSTANCE |
		vital "checkpointctl memparse" checkpointctl memparse --pid 1 -r "$regex" $how.tar
		theirs=$(sed -n 's/^| \([0-9a-f]\{16\}\) | \(.*[^ ]\) *| *[0-9]* |$/\1 \2/p' .out | sed 's/?/./g; s/^0*//')
		vital "firn memory" firn memory --pid 1 -e "$regex" --format '{{.Address}} {{.Match}}' $how.tar
		is "$(sed 's/^0x//' .out)" "$theirs" "$how: $regex: checkpointctl's matches"
	done
	vital "checkpointctl's hex dump" checkpointctl memparse --pid 1 $how.tar
	cp .out theirs
	vital "firn's" firn memory --pid 1 --area all $how.tar
	cp .out ours
	is "$(memory_py dumps ours theirs)" "True 0 []" "$how: all of checkpointctl's bytes"
done
check "of an image" firn build -q none.tar oci:layout:c1
check "the same areas" firn memory --pid 1 oci:layout:c1
cp .out image
check "as of the archive" firn memory --pid 1 none.tar
is "$(cat image)" "$out" "line by line"
must podman rm -f -t 0 c1
done_testing

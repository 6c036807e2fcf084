#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Incremental dumps: the whole chain becomes an image, and CRIU finds its way from one to the other in the
# mount. Where the kernel doesn't track writes, full dumps are made into increments (increment.py).
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

if criu check --feature mem_dirty_track >/dev/null 2>&1; then
	tracked=1
	diag "the kernel tracks writes: CRIU's own pre-dumps"
else
	tracked=0
	diag "the kernel doesn't track writes: full dumps, made into increments"
fi
increment() { python3 /firn/tests/real/increment.py "$@"; }

# --- a bare process that writes a part of its memory in every round

last() { tail -n 1 "$1/state"; }
ticks_to() { grep -q bad "$2/state" && return 1; [ "$(last "$2")" -ge "$1" ]; }
gone() { [ ! -e "/proc/$1" ]; }
goes_on() { # DIR N PID WHAT
	if wait_for 20 ticks_to $(($2 + 3)) "$1" && awk '$1 != n++ { exit 1 }' "$1/state"; then
		ok "$4: it goes on, and its memory is right"
	else
		not_ok "$4: it goes on, and its memory is right"
		diag "dumped at $2, then: $(tail -n 5 "$1/state") $(cat "$1/out")"
	fi
	kill -9 "$3"
	wait_for 10 gone "$3"
}
start() { # DIR MIB: sets pid
	mkdir "$1"
	(cd "$1" && exec setsid /inst/memwrite "$2" </dev/null >out 2>&1 3>&- 255>&-) &
	wait_for 30 test -s "$1/pid" || bail "memwrite doesn't start"
	pid=$(cat "$1/pid")
	wait_for 30 ticks_to 3 "$1" || bail "memwrite doesn't tick: $(cat "$1/out")"
}
# predump DIR N, dump DIR N: the N-th of the chain
predump() {
	mkdir "$1/$2"
	if [ $tracked = 1 ]; then
		local before=()

		[ "$2" = 1 ] || before=(--prev-images-dir "../$(($2 - 1))")
		must criu pre-dump -t "$pid" -D "$PWD/$1/$2" --track-mem -o dump.log "${before[@]}"
	else
		must criu dump -t "$pid" -D "$PWD/$1/$2" --leave-running -o dump.log
		[ "$2" = 1 ] || increment "$1/$2" "$1/$(($2 - 1))" "../$(($2 - 1))" >>"$1/kept"
	fi
	wait_for 10 ticks_to $(($(last "$1") + 3)) "$1" || bail "memwrite doesn't go on"
}
dump() {
	mkdir "$1/$2"
	if [ $tracked = 1 ]; then
		must criu dump -t "$pid" -D "$PWD/$1/$2" --track-mem -o dump.log --prev-images-dir "../$(($2 - 1))"
	else
		must criu dump -t "$pid" -D "$PWD/$1/$2" -o dump.log
		increment "$1/$2" "$1/$(($2 - 1))" "../$(($2 - 1))" >>"$1/kept"
	fi
	wait_for 10 gone "$pid" || bail "the dumped process stays"
}

start p 64
predump p 1
predump p 2
dump p 3
n=$(last p)
[ ! -f p/kept ] || diag "$(cat p/kept)"
diag "$(du -sh p/1 p/2 p/3)"

whole p/3 "the newest dump and those before it"
vital "build of the newest dump" firn build p/3 oci:layout:p
manifest=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "p.checkpoint").digest' \
	layout/index.json)
layers() { jq -r '.layers[] | .annotations["org.firn.layer"]' "layout/blobs/${1/://}" | sort | uniq -c | xargs; }
is "$(layers "$manifest")" "3 images 1 metadata" "there is a layer for each dump"
like "$err" 'chain of dumps' "the build says that engines can't take it"
vital "mount" firn mount oci:layout:p "$PWD/m"
is "$(readlink m/checkpoint/parent) $(readlink m/pre-checkpoint.2/parent)" "../pre-checkpoint.2 ../pre-checkpoint" \
	"each dump links to the one before it"
is "$(stat -f -c %T m/pre-checkpoint m/pre-checkpoint.2 | xargs)" "erofs erofs" "the older ones are mounts as well"
for f in p/1/*.img p/2/*.img p/3/*.img; do
	case $f in p/1/*) in=pre-checkpoint ;; p/2/*) in=pre-checkpoint.2 ;; *) in=checkpoint ;; esac
	cmp -s "$f" "m/$in/${f##*/}" || echo "$f"
done >different
is "$(cat different)" "" "every image is there, byte for byte"
vital "criu restore by hand, with our folder as it is" \
	criu restore -d -D "$PWD/m/checkpoint" -W "$PWD/m/work" -o restore.log
goes_on p "$n" "$pid" "criu by hand"
check "umount" firn umount "$PWD/m"
nothing_stays "nothing stays mounted"

# In one step; and the chain as it grows shares what it has.
start q 16
predump q 1
predump q 2
cp -a q/2 q/2-as-it-was
vital "build in the middle of the chain" firn build --name q q/2 oci:layout:q2
predump q 3
dump q 4
n=$(last q)
vital "build of a longer one" firn build q/4 oci:layout:q4
whole oci:layout "chains in a layout"
digest_of() { # TAG N
	local m
	m=$(jq -r --arg t "$1.checkpoint" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $t).digest' \
		layout/index.json)
	jq -r --argjson n "$2" '[.layers[] | select(.annotations["org.firn.layer"] == "images")][$n].digest' \
		"layout/blobs/${m/://}"
}
is "$(digest_of q4 1)" "$(digest_of q2 1)" "the oldest dump's layer is the same in both"
vital "firn restore" firn restore oci:layout:q4
nothing_stays "the mounts are gone as soon as the process runs"
goes_on q "$n" "$pid" "firn restore"

# What CRIU would stumble over is found before it starts.
cp -a q r && mkdir alone && cp -a q/4 alone
fails 4 'leads to "../3"' "a dump that is missing is an error" firn build alone/4 oci:layout:r
check "--previous says where it is" firn build --previous q/3 alone/4 oci:layout:r
is "$(digest_of r 0) $(digest_of r 1)" "$(digest_of q4 0) $(digest_of q4 1)" "and gives the same layers"
rm -r r/1
fails 4 'leads to "../1"' "the oldest one missing is an error, too" firn build r/4 oci:layout:r2
rm r/2/parent && ln -s ../4 r/2/parent
fails 3 'in a circle' "dumps in a circle are an error" firn build r/4 oci:layout:r2
truncate -s 4096 q/1/pages-1.img
vital "build with cut pages in the oldest dump" firn build --force q/4 oci:layout:q4
fails 3 'pre-checkpoint/pages-1.img: 4096 bytes, its pagemap needs' "its restore is refused before CRIU starts" \
	timeout 60 firn restore oci:layout:q4
nothing_stays "and nothing stays mounted"

# --- a container, in Podman's two archives

make_images
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
start_app c1
if [ $tracked = 1 ]; then
	must podman container checkpoint -c none --pre-checkpoint --leave-running --export=pre.tar c1
	wait_for 10 counted_to $(($(last_count "/proc/$app_pid/root/count") + 3)) "/proc/$app_pid/root/count"
	must podman container checkpoint -c none --with-previous --export=c1.tar c1
	same_as_checkpointctl c1.tar "a chain of dumps"
else
	must podman container checkpoint -c none --leave-running --export=whole1.tar c1
	wait_for 10 counted_to $(($(last_count "/proc/$app_pid/root/count") + 3)) "/proc/$app_pid/root/count"
	must podman container checkpoint -c none --export=whole2.tar c1
	same_as_checkpointctl whole2.tar
	mkdir pre new
	must bsdtar -C pre -xf whole1.tar checkpoint config.dump spec.dump
	must bsdtar -C new -xf whole2.tar
	diag "$(increment new/checkpoint pre/checkpoint ../pre-checkpoint)"
	mv pre/checkpoint pre/pre-checkpoint
	must tar -C pre -cf pre.tar config.dump spec.dump pre-checkpoint
	must tar -C new --sort=name -cf c1.tar .
fi
must podman rm -f -t 0 c1
n=$(count_in_archive c1.tar)
fails 4 'builds on the dump pre-checkpoint' "the second archive alone is refused" \
	firn build --base oci:base:app c1.tar oci:layout:alone
fails 3 'a pre-dump alone' "and so is the first" firn build --base oci:base:app pre.tar oci:layout:alone
fails 4 'builds on the dump pre-checkpoint' "nor can the second be mounted as it lies" \
	firn mount --base oci:base:app c1.tar "$PWD/m"
run firn verify c1.tar
is "$status" 3 "firn verify misses the dump before the second"
like "$out" "pages are in the dump before this one" "and says so"
vital "build from both" firn build --base oci:base:app --previous pre.tar c1.tar oci:layout:c1
whole oci:layout:c1 "both"
vital "mount" firn mount oci:layout:c1 "$PWD/m"
is "$(readlink m/checkpoint/parent)" "../pre-checkpoint" "Podman's own link"
vital "runc restore by hand" runc restore -d --bundle "$PWD/m" --image-path "$PWD/m/checkpoint" \
	--work-path "$PWD/m/work" by-hand
counts_on m/rootfs/count "$n" "runc by hand: the counter goes on"
end_container by-hand
check "umount" firn umount "$PWD/m"
vital "firn restore" firn restore oci:layout:c1 chained
pid=$(runc state chained | jq .pid)
counts_on "/proc/$pid/root/count" "$n" "firn restore: the counter goes on"
end_container chained
nothing_stays "nothing stays mounted when the container has ended"

# Podman restores from both in one archive, which is what the export is.
vital "firn export" firn export oci:layout:c1 back.tar
check "podman container restore from the export" timeout 120 podman container restore --import back.tar
pid=$(podman inspect -f '{{.State.Pid}}' c1)
counts_on "/proc/$pid/root/count" "$n" "Podman from the export: the counter goes on"
must podman rm -f -t 0 c1

# Both in one archive, mounted as it lies.
mkdir both && bsdtar -C both -xf c1.tar && bsdtar -C both -xf pre.tar pre-checkpoint
must tar -C both --sort=name -cf both.tar .
vital "an archive with both, as it lies: mount" firn mount --base oci:base:app both.tar "$PWD/m"
vital "an archive with both: runc restore" runc restore -d --bundle "$PWD/m" --image-path "$PWD/m/checkpoint" \
	--work-path "$PWD/m/work" lying
counts_on m/rootfs/count "$n" "an archive with both: the counter goes on"
end_container lying
check "umount" firn umount "$PWD/m"
nothing_stays "nothing stays mounted"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# firn build --compress zstd: real checkpoints restored by CRIU, runc and Podman out of compressed layers, which
# nobody has unpacked; and the tools of others take the layers for what they are, ordinary ones in zstd.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

blob() { echo "layout/blobs/sha256/${1#sha256:}"; }
# ours TAG: digests of the layers that we made, a line each
ours() { jq -r '.layers[] | select(.annotations."org.firn.mountable") | .digest' "$(blob "$(digest_of "$1")")"; }
media_types() { jq -r '.layers[] | select(.annotations."org.firn.mountable") | .mediaType' "$(blob "$(digest_of "$1")")" | sort -u; }
# What had to be unpacked to be mounted lies in the cache: base layers, which others compressed, alone.
unpacked() { find /var/cache/firn -type f -path '*blobs*' 2>/dev/null | wc -l; }
zstd=application/vnd.oci.image.layer.v1.tar+zstd

make_images
start_app c1
must podman container checkpoint -c none --export=c1.tar c1
n=$(count_in_archive c1.tar)
must podman rm -f -t 0 c1
must skopeo copy -q containers-storage:localhost/app:1 oci:base:app
vital "build" firn build --base oci:base:app c1.tar oci:layout:plain
vital "build --compress zstd" firn build --compress zstd --base oci:base:app c1.tar oci:layout:z
is "$(media_types z.checkpoint) $(media_types z.rootfs)" "$zstd $zstd" "layers are tar+zstd"
is "$(jq -r .config.digest "$(blob "$(digest_of z.rootfs)")")" "$(jq -r .config.digest "$(blob "$(digest_of plain.rootfs)")")" \
	"R has the image id that it has without compression"
whole oci:layout:z
same_inspection oci:layout:plain oci:layout:z --but images --but size --but root_fs_diff_size

# --- the tools of others

for tag in checkpoint rootfs; do
	for d in $(ours z.$tag); do
		zstd -qdc "$(blob "$d")" >layer.tar 2>zstd.err
		is "$? $(cat zstd.err)" "0 " "zstd -d of a layer of $tag"
		is "$(tar -tf layer.tar | sort)" "$(bsdtar -tf "$(blob "$d")" | sort)" "bsdtar reads it as it lies"
		is "$(zstd -qdc "$(blob "$d")" | tar -tf - | sort)" "$(tar -tf layer.tar | sort)" "and zstd | tar"
	done
done
vital "skopeo copy with digests kept" skopeo copy --all --preserve-digests oci:layout:z oci:copy:z
is "$(for d in $(ours z.checkpoint) $(ours z.rootfs); do cmp "$(blob "$d")" "copy/blobs/sha256/${d#sha256:}" 2>&1; done)" "" \
	"every layer went over as it was"
must skopeo copy -q oci:layout:plain.rootfs containers-storage:localhost/plain:1
dir=$(podman image mount localhost/plain:1) || bail "podman image mount failed"
list_tree "$dir" >plain.tree
must podman image unmount localhost/plain:1
must podman rmi -f localhost/plain:1
vital "skopeo copy of R into Podman's storage" skopeo copy oci:layout:z.rootfs containers-storage:localhost/z-rootfs:1
dir=$(podman image mount localhost/z-rootfs:1) || bail "podman image mount failed"
list_tree "$dir" >podman.tree
same_tree plain.tree podman.tree "podman image mount shows the tree of the plain layers"
must podman image unmount localhost/z-rootfs:1
c=$(buildah from localhost/z-rootfs:1) && m=$(buildah mount "$c") || bail "buildah failed"
list_tree "$m" >buildah.tree
same_tree plain.tree buildah.tree "buildah as well"
must buildah rm "$c"
is "$(podman run --rm --network none --pids-limit=0 localhost/z-rootfs:1 cat /data/redir/new1)" new1 "podman run of R"
tar -C layout -cf layout.tar .
c=$(buildah from oci-archive:layout.tar:z.rootfs) && m=$(buildah mount "$c") || bail "buildah failed"
list_tree "$m" >buildah.tree
same_tree plain.tree buildah.tree "buildah from an oci-archive of it"
must buildah rm "$c"
rm -f layout.tar
must podman rmi -f localhost/z-rootfs:1
vital "an oci-archive of R alone" skopeo copy --preserve-digests oci:layout:z.rootfs oci-archive:r.tar:localhost/loaded:1
check "podman load" podman load -q -i r.tar
is "$(podman image inspect -f '{{.Id}}' localhost/loaded:1)" "$(jq -r .config.digest "$(blob "$(digest_of z.rootfs)")" | cut -d: -f2)" \
	"it is R"

# --- Podman's own restore

must skopeo copy -q oci:layout:z.rootfs containers-storage:localhost/z-rootfs:1
vital "C into Podman's storage" skopeo copy -q oci:layout:z.checkpoint containers-storage:localhost/z:1
vital "podman container restore IMAGE" podman container restore localhost/z:1
pid=$(podman inspect -f '{{.State.Pid}}' c1)
counts_on "/proc/$pid/root/count" "$n" "Podman: the counter goes on"
data_is_right "/proc/$pid/root" "Podman: the files are right"
must podman rm -f -t 0 c1

# --- mounted as it lies, restored by runc

vital "mount" firn mount oci:layout:z "$PWD/m"
is "$(stat -f -c %T m/checkpoint)" erofs "the CRIU images are a mount"
others=$(jq '[.layers[] | select(.annotations."org.firn.mountable" == null)] | length' "$(blob "$(digest_of z.rootfs)")")
if [ "$(unpacked)" -gt "$others" ]; then
	skip_one "this kernel has no zstd in EROFS" "nothing of ours was unpacked" erofs-zstd
else
	ok "nothing of ours was unpacked"
fi
mkdir archive && bsdtar -xpf c1.tar -C archive
for f in archive/checkpoint/*; do
	cmp -s "$f" "m/checkpoint/${f##*/}" || echo "${f##*/}"
done >different
is "$(cat different)" "" "every image is the archive's, byte for byte"
data_is_right m/rootfs "the mounted rootfs before the restore"
vital "runc restore" runc restore -d --bundle "$PWD/m" --image-path "$PWD/m/checkpoint" --work-path "$PWD/m/work" hand
counts_on m/rootfs/count "$n" "runc: the counter goes on"
data_is_right m/rootfs "runc: the files are right"
end_container hand
check "umount" firn umount "$PWD/m"
vital "firn restore" firn restore oci:layout:z one
pid=$(runc state one | jq .pid)
counts_on "/proc/$pid/root/count" "$n" "firn restore: the counter goes on"
end_container one
nothing_stays "nothing stays mounted"

# --- export gives back what came in

for how in "" "--engine-delta=archive" "--keep-source"; do
	vital "build -z zstd:1 $how" firn build --force -z zstd:1 $how --base oci:base:app c1.tar oci:layout:e
	rm -f e.tar
	check "export" firn export oci:layout:e e.tar
	[ -z "$how" ] || check "build $how, export: the very same archive" cmp c1.tar e.tar
done
vital "Podman restores from the export of a compressed image" podman container restore --import e.tar
must podman rm -f -t 0 c1

# --- a bare process that checks its own memory

last() { tail -n 1 "$1/state"; }
ticks_to() { ! grep -q bad "$2/state" && [ "$(last "$2")" -ge "$1" ]; }
gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }
unmounted() { ! grep -q " /run/firn/" /proc/self/mountinfo; }
dump() { # DIR MIB heap|noise: sets pid and n
	mkdir "$1" "$1/img"
	(cd "$1" && exec setsid /inst/memsum "$2" 1 "$3" </dev/null >out 2>&1 3>&- 255>&-) &
	wait_for 30 ticks_to 3 "$1" || bail "memsum doesn't tick"
	pid=$(cat "$1/pid")
	must criu dump -t "$pid" -D "$PWD/$1/img" -o dump.log
	wait_for 10 gone "$pid" || bail "the dumped process stays"
	n=$(last "$1")
}
goes_on() { # DIR WHAT
	if wait_for 30 ticks_to $((n + 3)) "$1" && awk '$1 != n++ { exit 1 }' "$1/state"; then
		ok "$2: it goes on, and its memory is right"
	else
		not_ok "$2: it goes on, and its memory is right"
		diag "$(tail -n 5 "$1/state")"
	fi
	kill -9 "$pid"
	wait_for 10 gone "$pid"
}
for kind in heap noise; do
	dump $kind 96 $kind
	cp $kind/state $kind.was
	before=$(unpacked)
	vital "$kind: build" firn build -z zstd $kind/img oci:layout:$kind
	size=$(for d in $(ours $kind.checkpoint); do cat "$(blob "$d")"; done | wc -c)
	[ $kind = noise ] || is "$((size * 3 < $(cat $kind/img/* | wc -c)))" 1 "$kind: it has less than a third of the size"
	vital "$kind: mount" firn mount oci:layout:$kind "$PWD/m"
	vital "$kind: criu restore" criu restore -d -D "$PWD/m/checkpoint" -W "$PWD/m/work" -o restore.log
	goes_on $kind "$kind, criu"
	must firn umount "$PWD/m"
	cat $kind.was >$kind/state
	vital "$kind: firn restore" firn restore oci:layout:$kind
	goes_on $kind "$kind, firn restore"
	cat $kind.was >$kind/state
	vital "$kind: firn restore --lazy" firn restore --lazy oci:layout:$kind
	goes_on $kind "$kind, firn restore --lazy"
	wait_for 20 unmounted
	nothing_stays "$kind: nothing stays mounted"
	[ "$(unpacked)" = "$before" ] && ok "$kind: no layer was unpacked" ||
		skip_one "this kernel has no zstd in EROFS" "$kind: no layer was unpacked" erofs-zstd
	check "$kind: firn memory of the dump" firn memory "$PWD/$kind/img"
	tail -n +2 <<<"$out" >want
	check "$kind: firn memory of the image" firn memory oci:layout:$kind
	is "$(tail -n +2 <<<"$out")" "$(cat want)" "$kind: both tell the same"
	check "$kind: firn diff of the dump and the image" firn diff --exit-code "$PWD/$kind/img" oci:layout:$kind
	like "$out" ' 0 changed, 0 new, 0 gone' "$kind: no page differs"
done
# --- what CRIU has read goes out of the page cache, unless others have it mounted too; what it will read of a
# --- compressed layer comes in

cached() { # FILE: mebibytes of it; "?" from a kernel that doesn't tell
	python3 -c 'import ctypes, os, sys
fd, st = os.open(sys.argv[1], os.O_RDONLY), (ctypes.c_uint64 * 5)()
rc = ctypes.CDLL(None).syscall(451, fd, (ctypes.c_uint64 * 2)(), st, 0)
print("?" if rc else st[0] * os.sysconf("SC_PAGESIZE") >> 20)' "$1"
}
at_most() { [ "$(cached "$2")" -le "$1" ]; }
at_least() { [ "$(cached "$2")" -ge "$1" ]; }
# One who reads all pages as CRIU does, tells what becomes of them, and is CRIU then.
mkdir stand-in
{
	declare -f cached at_most at_least wait_for
	cat <<'END'
while [ $# -gt 0 ] && [ "$1" != --images-dir ]; do args+=("$1") && shift; done
pages=$2/pages-1.img
if [ "$(cached "$pages")" = '?' ]; then
	echo '?'
else
	if [ -e packed ]; then
		wait_for 20 at_least 60 "$pages" && sleep 0.5 && at_most 66 "$pages" && printf "a window is unpacked, "
	fi
	dd if="$pages" of=/dev/null bs=1M status=none
	if [ -e others ]; then sleep 0.5; else wait_for 20 at_most 20 "$pages"; fi
	at_least 60 "$pages" && echo "all stays" || { at_most 20 "$pages" && echo "a little stays"; }
fi >told
exec criu "${args[@]}" "$@"
END
} >stand-in/body
printf '#!/bin/bash\ncd %q || exit 1\n. stand-in/body\n' "$PWD" >stand-in/criu
chmod 755 stand-in/criu
told() { # WANT WHAT
	if [ "$(cat told)" = '?' ]; then
		skip_one "this kernel doesn't tell what is cached" "$2" cachestat
	else
		is "$(cat told)" "$1" "$2"
	fi
}
again() { # DIR TAG WHAT: its restore, by the one who stands in
	pid=$(cat "$1/pid") n=$(tail -n 1 "$1.was")
	cat "$1.was" >"$1/state"
	rm -f told
	vital "$3" firn restore --runtime "$PWD/stand-in/criu" "oci:layout:$2"
	goes_on "$1" "$3"
}
vital "noise: build, plain" firn build noise/img oci:layout:noise-plain
again noise noise-plain "restore, plain"
told "a little stays" "pages that were read are forgotten"
vital "mount beside it" firn mount oci:layout:noise-plain "$PWD/m"
touch others
again noise noise-plain "restore of what is mounted elsewhere"
told "all stays" "pages that others may want are not"
must firn umount "$PWD/m"
rm others
touch packed
again heap heap "restore, compressed"
if firn version --features | grep -q '^erofs-zstd *yes'; then
	told "a window is unpacked, a little stays" "pages are unpacked before anybody reads them, and forgotten behind who does"
else
	skip_one "this kernel has no zstd in EROFS" "pages are unpacked before anybody reads them" erofs-zstd
fi
nothing_stays "nothing stays mounted"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every real archive in tests/data comes back: the same file where that was promised, the same members and the
# same tree where not; and nothing comes of an image that lies, of a full disk or of a reader that goes away.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool zstd

tap_is_root && own_mounts
cd "$work" || exit 99
helper=$top_srcdir/tests/cli/export.py expected=$top_srcdir/tests/cli/expected.py
way() { "$firn" export -q --format '{{.Way}} {{.Compression}}' "$@" 2>&1; }
unfold() { # ARCHIVE DIR: a folder that its owner can look into; Podman's checkpoint/ has mode 0600
	mkdir -p "$2" && tar -C "$2" -xf "$1" && chmod -R u+rwX "$2"
}
plain() { # FILE: unpacked to standard output
	case $1 in *.gz) gzip -dc "$1" ;; *.zst) zstd -qdc "$1" ;; *) cat "$1" ;; esac
}
same() { # FILE FILE WHAT
	if cmp "$1" "$2" >cmp.out 2>&1; then ok "$3"; else
		not_ok "$3"
		diag "$(cat cmp.out)"
	fi
}

# --- the same bytes

for name in podman-none.tar podman-gzip.tar.gz podman-zstd.tar.zst podman-ignore-rootfs.tar containerd-cri-tiny.tar; do
	case $name in *.gz) was=gzip ;; *.zst) was=zstd ;; *) was=none ;; esac
	plain "$data/$name" >want.tar
	check "$name: build" "$firn" build "$data/$name" "oci:layout:$name"
	is "$(way "oci:layout:$name" out)" "layers none" "$name: from the layers alone"
	same out want.tar "$name: is the engine's own archive"
	is "$(stat -c %a out)" 600 "$name: nobody else may read it"
	check "$name: build with a recipe" "$firn" build --engine-delta=archive "$data/$name" "oci:layout:recipe-$name"
	is "$(way "oci:layout:recipe-$name" out)" "recipe $was" "$name: by its recipe, packed as it came"
	check "$name: not packed" "$firn" export -c none "oci:layout:recipe-$name" out
	same out want.tar "$name: the recipe gives the same bytes"
	check "$name: build with its source" "$firn" build --keep-source "$data/$name" "oci:layout:source-$name"
	is "$(way "oci:layout:source-$name" out)" "source $was" "$name: the kept source"
	same out "$data/$name" "$name: is the very same file"
	"$firn" export -q -c none "oci:layout:source-$name" - >out 2>err
	same out want.tar "$name: unpacked, through a pipe"
	[ "$name" = containerd-cri-tiny.tar ] && continue
	for how in gzip zstd; do
		check "$name: as $how" "$firn" export --compress $how "oci:layout:$name" out
		$how -dc <out >got.tar
		same got.tar want.tar "$name: as $how it is the same archive"
	done
done
fails 2 'containerd takes no compressed' "containerd gets no packed archive" "$firn" export -c zstd oci:layout:containerd-cri-tiny.tar out
check "again" "$firn" export oci:layout:podman-none.tar out1
check "and again" "$firn" export oci:layout:podman-none.tar out2
same out1 out2 "twice the same"

# --- what the engine makes of it. The busybox base of the samples is no part of them: the tiny one has the same /data.

id=$(python3 "$top_srcdir/tests/cli/make-base.py" "$data/base-tiny-rootfs.tar" base app)
manifest=$(python3 -c 'import json; print(json.load(open("base/index.json"))["manifests"][0]["digest"])')
tree_is() { # DIR LAST ENGINE WHAT
	if tap_is_root; then
		is "$(python3 "$expected" check "$1" "$data" "$2" "$3" 2>&1)" "" "$4"
	else
		skip_one "needs root to unpack" "$4" root
	fi
}
while read -r name last engine; do
	base=$id
	[ "$engine" = podman ] || base=$manifest
	python3 "$expected" rehome "$data/$name" "$base" rehomed.tar
	check "$name with its base: build" "$firn" build --base oci:base:app rehomed.tar "oci:layout:based-$name"
	check "$name with its base: export" "$firn" export "oci:layout:based-$name" out.tar
	unlike "$err" "without the base" "$name with its base: nothing is unknown"
	is "$(tar -xOf out.tar config.dump | sha256sum)" "$(tar -xOf rehomed.tar config.dump | sha256sum)" "$name: config.dump is the engine's own"
	is "$(tar -tf out.tar | sort)" "$(tar -tf rehomed.tar | sort)" "$name: and so are the names"
	rm -rf tree
	python3 "$helper" apply "$data/base-tiny-rootfs.tar" out.tar tree >apply.out 2>&1
	is "$(cat apply.out)" "" "$name: the engine can apply its changes"
	tree_is tree "$last" "$engine" "$name: the tree of expected.json, as the engine makes it"
	# Others have packed its layers.
	for how in gzip zstd; do
		rm -rf packed && cp -a layout packed
		python3 "$helper" repack packed "based-$name" $how
		check "$name, layers as $how: export" "$firn" export "oci:packed:based-$name" out2.tar
		if [ "$engine$how" = containerdgzip ]; then
			rm -rf tree
			python3 "$helper" apply "$data/base-tiny-rootfs.tar" out2.tar tree
			tree_is tree "$last" "$engine" "$name, layers as $how: the tree"
		elif [ "$engine" = podman ]; then
			same out2.tar out.tar "$name, layers as $how: nothing else comes out"
		fi
		rm -rf dir tree
		check "$name, layers as $how: --to dir" "$firn" export --to dir "oci:packed:based-$name" dir
		python3 "$helper" unpack "$data/base-tiny-rootfs.tar" dir/rootfs-diff.tar tree
		tree_is tree "$last" "$engine" "$name, layers as $how: the folder's changeset"
	done
	is "$(find . -maxdepth 1 -name ".firn*")" "" "$name: nothing is left behind"
done <<'EOS'
podman-none.tar 7 podman
podman-zstd.tar.zst 9 podman
containerd-cri-tiny.tar 8 containerd
EOS
is "$(tar -xOf out.tar rootfs-diff.tar | sha256sum)" "$(tar -xOf "$data/containerd-cri-tiny.tar" rootfs-diff.tar | sha256sum)" \
	"containerd's changeset is its own blob"
python3 "$top_srcdir/tests/cli/make-crio.py" "$data/podman-none.tar" "$id" crio.tar
check "CRI-O's words: build" "$firn" build --base oci:base:app crio.tar oci:layout:crio
check "CRI-O's words: export" "$firn" export oci:layout:crio crio-out.tar
is "$(tar -tf crio-out.tar)" "$(tar -tf crio.tar)" "CRI-O's words: the same members in the same order"
is "$(tar -xOf crio-out.tar config.dump spec.dump bind.mounts io.kubernetes.cri-o.LogPath | sha256sum)" \
	"$(tar -xOf crio.tar config.dump spec.dump bind.mounts io.kubernetes.cri-o.LogPath | sha256sum)" "CRI-O's words: its documents"
rm -rf tree
python3 "$helper" apply "$data/base-tiny-rootfs.tar" crio-out.tar tree
tree_is tree 7 podman "CRI-O's words: the tree"
"$firn" export -q oci:layout:based-podman-none.tar - >out.tar
tar -xOf out.tar deleted.files >deleted.json
is "$(python3 -c 'import json; print(*json.load(open("deleted.json")))')" \
	"/data/del.txt /data/deldir /data/redir/old1 /data/redir/old2 /data/rename-me" \
	"a folder that was made again is not named, what it hides is"
check "without the base" "$firn" export oci:layout:podman-none.tar out.tar
like "$err" 'data/redir.*remove' "a warning says what the engine will lose"

# --- other kinds of checkpoints

unfold "$data/raw-criu-2proc.tar" raw
check "a bare process: build" "$firn" build raw/img oci:layout:bare
check "a bare process: export" "$firn" export oci:layout:bare bare.tar
is "$(tar -xOf bare.tar checkpoint/pages-1.img | sha256sum)" "$(sha256sum <raw/img/pages-1.img)" "a bare process: the images"
check "a bare process: builds again" "$firn" build bare.tar oci:layout:bare2
check "an image of --create-image: build" "$firn" build "oci-archive:$data/podman-create-image-oci.tar" oci:layout:create
check "an image of --create-image: export" "$firn" export oci:layout:create create.tar
like "$(tar -tf create.tar | tr '\n' ' ')" '^artifacts/ devshm-checkpoint.tar config.dump spec.dump .*rootfs-diff.tar deleted.files $' \
	"an image of --create-image: an archive in Podman's order"
check "ctr's checkpoint: build" "$firn" build "$data/ctr-index-image-tiny.oci.tar" oci:layout:ctr
fails 1 'ctr.*--to dir' "ctr's checkpoint: no archive, and the way out" "$firn" export oci:layout:ctr ctr.tar
is "$(ls ctr.tar 2>&1)" "ls: cannot access 'ctr.tar': No such file or directory" "ctr's checkpoint: no file"
check "ctr's checkpoint: --to dir" "$firn" export --to dir oci:layout:ctr ctr
rm -rf tree
python3 "$helper" unpack "$data/base-tiny-rootfs.tar" ctr/rootfs-diff.tar tree
tree_is tree 7 ctr "ctr's checkpoint: the folder's changeset"
check "two containers: build" "$firn" build "a=$data/podman-none.tar" "b=$data/containerd-cri-tiny.tar" oci:layout:two
fails 2 '"a", "b"' "two containers: which one?" "$firn" export oci:layout:two two.tar
check "two containers: the second" "$firn" export --container b oci:layout:two two.tar
same two.tar "$data/containerd-cri-tiny.tar" "two containers: is what went in"

# A chain: every dump, the older ones first, and the links between them.
unfold "$data/podman-none.tar" chain
cp -a chain/checkpoint chain/pre-checkpoint && ln -s ../pre-checkpoint chain/checkpoint/parent
tar -C chain -cf chain.tar artifacts config.dump spec.dump pre-checkpoint checkpoint
check "a chain: build" "$firn" build chain.tar oci:layout:chain
check "a chain: export" "$firn" export oci:layout:chain chain-out.tar
is "$(tar -tf chain-out.tar | grep -v checkpoint/. | tr '\n' ' ')" "artifacts/ config.dump spec.dump pre-checkpoint/ checkpoint/ " \
	"a chain: older dumps go first"
unfold chain-out.tar chain-out
is "$(readlink chain-out/checkpoint/parent)" ../pre-checkpoint "a chain: the link to the dump before"
check "a chain: --to dir" "$firn" export --to dir oci:layout:chain chain-dir
is "$(cat chain-dir/checkpoint/parent/pages-1.img | sha256sum)" "$(sha256sum <chain/pre-checkpoint/pages-1.img)" "a chain: the folder's link leads there"

# What no engine's archive has: taken from the upper directory, it goes into the archive all the same.
list() { (cd "$1" && find . -mindepth 1 -printf '%P %y %m %U:%G %l ' \( -type f -exec sha256sum {} \; -o -printf '\n' \) | sort); }
if tap_is_root; then
	mkdir o && mount -t tmpfs -o mode=700 tmpfs o
	mkdir o/{base,upper,work,merged} && tar -C o/base -xpf "$data/base-tiny-rootfs.tar"
	mkdir -p o/base/data/{sub/deep,other} && echo x >o/base/data/sub/deep/x && tar -C o/base --sort=name -cf o/base.tar .
	id=$(python3 "$top_srcdir/tests/cli/make-base.py" o/base.tar deep app)
	if mount -t overlay -o "lowerdir=o/base,upperdir=o/upper,workdir=o/work" overlay o/merged; then
		(
			cd o/merged/data || exit
			echo changed >>mod.txt && chmod 600 chmod.txt && chmod 750 sub && rm del.txt
			rm -r redir && mkdir redir && echo new >redir/new1
			rm -r deldir && echo file >deldir && rm keep.txt && mkdir keep.txt && echo in >keep.txt/in
			rm lnk && mkdir lnk && rm -r sub/deep && mkdir sub/deep && ln mod.txt hard && mkfifo fifo
		)
		list o/merged >want.list && umount o/merged
		python3 "$expected" rehome "$data/podman-ignore-rootfs.tar" "$id" rehomed.tar
		unfold rehomed.tar kept
		check "an upper directory: build" "$firn" build --base oci:deep:app --upperdir o/upper kept oci:layout:upper
		check "an upper directory: export" "$firn" export oci:layout:upper upper.tar
		python3 "$helper" apply o/base.tar upper.tar o/tree >apply.out 2>&1
		list o/tree >got.list
		is "$(cat apply.out; diff want.list got.list)" "" "an upper directory: Podman makes the same tree of it"
	else
		skip_one "no overlay" "an upper directory" mount
	fi
	umount o
else
	skip_one "needs root" "an upper directory" root
fi

# --- a folder

check "a folder" "$firn" export --to dir --format '{{.Way}} {{.Engine}}' oci:layout:podman-none.tar dir1/
is "$out" "folder Podman" "a folder: of Podman's"
is "$(find dir1 -type d ! -perm 700 -o -type f ! -perm 600)" "" "a folder: for its owner alone"
unfold "$data/podman-none.tar" was
rm was/rootfs-diff.tar was/deleted.files
is "$(diff -r was dir1)" "Only in dir1: rootfs-diff.tar" "a folder: every file, and the changes as a layer"
fails 1 'not empty' "a folder that isn't empty is refused" "$firn" export --to dir oci:layout:podman-none.tar dir1
is "$(diff -r was dir1)" "Only in dir1: rootfs-diff.tar" "and stays as it is"
fails 1 'no folder' "a file is no folder" "$firn" export --to dir oci:layout:podman-none.tar two.tar
ln -s nowhere dangling
fails 1 'link to something that isn.t there' "nor is a link that leads nowhere" "$firn" export --to dir oci:layout:podman-none.tar dangling
mkdir -m 755 dir2
check "an empty one is filled" "$firn" export --to dir oci:layout:podman-none.tar dir2
is "$(stat -c %a dir2)" 700 "and closed"
fails 2 'standard output' "a folder is no stream" "$firn" export --to dir oci:layout:podman-none.tar -
share_on() { # MKFS
	rm -rf disk disk.img && truncate -s 400M disk.img && mkdir disk &&
		"mkfs.$1" -q disk.img >mkfs.out 2>&1 && mount -o loop disk.img disk || return
	cp -r layout disk/layout
	run "$firn" export --to dir --format '{{.Shared}}' oci:disk/layout:podman-none.tar disk/out
	if [ "$status" = 0 ] && [ "$out" -gt 200000 ]; then ok "$1: shares $out bytes with the image"; else not_ok "$1: shares"; fi
	is "$(diff -r dir1 disk/out)" "" "$1: shared or copied, the bytes are the same"
	umount disk
}
for fs in btrfs xfs; do
	if tap_is_root && have mkfs.$fs && grep -qw $fs /proc/filesystems; then
		share_on $fs || not_ok "$fs: can't be mounted"
	else
		skip_one "no $fs" "$fs shares the bytes" $fs
	fi
done

# --- where it goes

echo old >file
check "a file is replaced" "$firn" export oci:layout:podman-none.tar file
same file "$data/podman-none.tar" "by the whole"
echo old >target && ln -s target link
check "a link" "$firn" export oci:layout:podman-none.tar link
same target "$data/podman-none.tar" "what it points to is replaced"
is "$(readlink link)" target "and the link stays"
mkfifo fifo && { cat fifo >from-fifo & }
check "a fifo" "$firn" export oci:layout:podman-none.tar fifo
wait
same from-fifo "$data/podman-none.tar" "a fifo is written to"
fails 1 '/dev/full.*No space left' "a full device says so" "$firn" export oci:layout:podman-none.tar /dev/full
run bash -c '"$0" export oci:layout:podman-none.tar - >/dev/full' "$firn"
status_is 1 "standard output on a full device"
like "$err" 'standard output.*No space left' "says so"
bash -c '"$0" export -q oci:layout:podman-none.tar - 2>pipe.err; echo $? >pipe.status' "$firn" | head -c 1000 >/dev/null
is "$(cat pipe.status)" 1 "a reader that goes away is a failure"
like "$(cat pipe.err)" 'Broken pipe' "and no silent death"
if have script; then
	run script -qec "$firn export oci:layout:podman-none.tar -" /dev/null
	like "$out" 'is a terminal' "a terminal is no place for an archive"
else
	skip_one "no script(1)" "a terminal is no place for an archive"
fi
fails 2 'folder' "nor is a folder" "$firn" export oci:layout:podman-none.tar dir1
fails 4 'nowhere' "nor a folder that isn't there" "$firn" export oci:layout:podman-none.tar nowhere/file
fails 2 'compression "xz"' "an unknown compression" "$firn" export -c xz oci:layout:podman-none.tar out
fails 4 'nosuch' "a tag that isn't there" "$firn" export oci:layout:nosuch out
fails 2 'rootfs image' "R alone is no checkpoint" "$firn" export oci:layout:podman-none.tar.rootfs out
fails 2 'no checkpoint image' "an ordinary image is none" "$firn" export oci:base:app out
if tap_is_root; then
	mkdir small && mount -t tmpfs -o size=128k,mode=700 tmpfs small
	echo old >small/out
	fails 1 'small/out.*No space left' "a full disk" "$firn" export oci:layout:podman-none.tar small/out
	is "$(cat small/out; ls -A small)" "old
out" "a full disk: the old file, and nothing else"
	fails 1 'No space left' "a full disk: a folder" "$firn" export --to dir oci:layout:podman-none.tar small/dir
	is "$(ls -A small)" out "a full disk: no folder"
	mkdir small/dir
	fails 1 'No space left' "a full disk: an empty folder" "$firn" export --to dir oci:layout:podman-none.tar small/dir
	is "$(ls -A small/dir)" "" "a full disk: is empty again"
	umount small
else
	skip_one "needs root" "a full disk" root
fi

# --- killed at any moment

mkdir kill && cd kill || exit 99
problem='' killed=0
for ((i = 1; i <= 40; i++)); do
	echo old >out
	"$firn" export -q "oci:../layout:podman-none.tar" out >/dev/null 2>&1 </dev/null &
	pid=$!
	sleep "0.0$((i / 10))$((i % 10))"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
	[ "$(cat out)" = old ] || cmp -s out "$data/podman-none.tar" || problem="$problem $i"
done 2>/dev/null
is "$problem" "" "killed at 40 moments ($killed before the end): the old file or the whole new one"
cd ..

# --- images that lie

bad() { # STATUS REGEX HOW [SUFFIX]
	rm -rf forged && cp -a layout forged
	python3 "$helper" forge forged "$4" "$3" || bail "forge $3"
	rm -rf forged.out forged.dir
	fails "$1" "$2" "$3: no archive" "$firn" export "oci:forged:$4" forged.out
	is "$(ls -d forged.out .firn* 2>/dev/null)" "" "$3: no file"
	case $3 in recipe-*) return ;; esac
	fails "$1" "$2" "$3: no folder" "$firn" export --to dir "oci:forged:$4" forged.dir
	is "$(ls -d forged.dir .firn* 2>/dev/null)" "" "$3: no folder is left"
}
while read -r how code re; do
	bad "$code" "$re" "$how" based-podman-none.tar
done <<'EOS'
parent 3 leaves
absolute 3 absolute
symlink 3 link.*files.and.folders
parent-link 3 files.and.folders
device 3 files.and.folders
fifo 3 files.and.folders
whiteout 3 delete
twice 3 twice
below-file 3 spec.dump
undo-text 3 undo
undo-range 3 undo
undo-other 3 config.dump.*isn't
undo-unproven 3 org.firn.config.digest
undo-digest 3 config.dump.*isn't
diff-id 3 diff_id
recipe-empty 3 recipe
recipe-magic 3 recipe
recipe-cut 3 recipe
recipe-nothing 3 recipe.*ghost
recipe-size 3 recipe.*spec.dump
EOS

# A byte of any blob that is used: found, at the latest at the end, and nothing has a name.
corrupt() { # TAG...
	local blob problem='' n=0 tag

	for blob in $(cd one && find blobs -type f -size +0); do
		rm -rf flipped && cp -a one flipped && chmod -R u+w flipped
		python3 - "flipped/$blob" <<'EOS'
import sys
with open(sys.argv[1], "r+b") as f:
    data = bytearray(f.read())
    at = len(data) * 2 // 3
    data[at] ^= 1
    f.seek(0)
    f.write(data)
EOS
		for tag in "$@"; do
			rm -rf flipped.dir
			echo old >flipped.out
			run "$firn" export "oci:flipped:$tag" flipped.out
			[ "$status" = 0 ] || n=$((n + 1))
			[ "$status" = 0 ] || [ "$status" = 3 ] || problem="$problem; $blob: $status: $err"
			[ "$status" = 0 ] || [ "$(cat flipped.out)" = old ] || problem="$problem; $blob: a file"
			# What isn't used may be broken: then it is the whole archive.
			[ "$status" != 0 ] || cmp -s flipped.out one.tar || problem="$problem; $blob: another archive"
			run "$firn" export --to dir "oci:flipped:$tag" flipped.dir
			[ "$status" = 0 ] || [ "$status" = 3 ] || problem="$problem; $blob: dir: $status: $err"
			[ "$status" = 0 ] || [ ! -e flipped.dir ] || problem="$problem; $blob: a folder"
			[ "$status" != 0 ] || diff -r one.dir flipped.dir >/dev/null || problem="$problem; $blob: another folder"
		done
	done
	is "$problem" "" "$*: a flipped bit in every blob, $n times found"
	[ "$n" -gt 4 ] || not_ok "$*: a flipped bit is found"
}
for name in podman-none.tar containerd-cri-tiny.tar; do
	rm -rf one one.dir
	"$firn" build -q "$data/$name" oci:one:x >/dev/null && "$firn" export -q oci:one:x one.tar >/dev/null &&
		"$firn" export -q --to dir oci:one:x one.dir >/dev/null
	corrupt x
done
rm -rf one one.dir
"$firn" build -q --keep-source "$data/podman-none.tar" oci:one:x >/dev/null && cp "$data/podman-none.tar" one.tar
"$firn" export -q --to dir oci:one:x one.dir >/dev/null
corrupt x

# --- checkpointctl's plugin

# Before libtool's script there is a program; it alone knows by which name it was called.
real=$top_builddir/.libs/firn
[ -x "$real" ] || real=$firn
ln -s "$real" checkpointctl-firn
export LD_LIBRARY_PATH=$top_builddir/.libs
run ./checkpointctl-firn --plugin-description
is "$status $(printf '%s\n' "$out" | wc -l) $err" "42 1 " "one line for checkpointctl, and status 42"
run ./checkpointctl-firn export oci:layout:podman-none.tar plugin.tar
same plugin.tar "$data/podman-none.tar" "checkpointctl firn export"
run "$firn" --plugin-description
status_is 2 "under its own name firn has no such option"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A mountable layer is what it says: an ordinary tar for every tar program, an EROFS image for the kernel, and
# both show the tree that it was made of.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_mount
need_tool bsdtar
need_tool zstd
need_tool busybox
need_tool setfattr
need_tool unshare
tool=$top_builddir/tests/unit/layer_tool

own_mounts
cd "$work" || exit 99
mkdir m m2

# A name of $1 bytes
name() { printf "%0$1d" 7; }

# Everything that can be said of the tree in folder $1, a line each. With "plain": as far as busybox goes, which
# sets times of files alone, and in seconds.
describe() {
	local file='%T@' other='%T@'
	[ "${2:-}" != plain ] || file='%Ts' other=''
	(
		cd "$1" || exit
		find . -type f -printf "%p %m %U:%G %s $file n=%n\n"
		find . ! -type d ! -type f -printf "%p %y %m %U:%G %s $other n=%n -> %l\n"
		find . -type d -printf "%p %y %m %U:%G $other\n"
		find . \( -type c -o -type b \) -exec stat -c '%n %t:%T' {} +
		find . -type f -exec sha256sum {} +
		[ "${2:-}" = plain ] || getfattr -RPhd -m - -e hex .
	) 2>&1 | sort
}

# How many names there are in folder $1, itself included
count() { find "$1" -printf x | wc -c; }

# same WANT-FILE DIR WHAT [plain]
same() {
	describe "$2" "${4:-}" >got
	if cmp -s "$1" got; then ok "$3"; else
		not_ok "$3"
		diag "$(diff "$1" got | head -20)"
	fi
}

# What every tar program can hold...
make_plain() {
	mkdir -p "$1/dir/empty" "$1/deep" "$1/many" "$1/$(name 90)/$(name 60)"
	echo text >"$1/file"
	ln "$1/file" "$1/dir/hard"
	ln "$1/file" "$1/a-hard"
	: >"$1/empty"
	head -c 4096 /dev/urandom >"$1/page"
	head -c 70001 /dev/urandom >"$1/odd"
	truncate -s 300000 "$1/hole" && echo end >>"$1/hole"
	echo x >"$1/$(name 90)/$(name 60)/$(name 99)"
	ln -s ../file "$1/dir/link"
	ln -s nowhere "$1/dangling"
	ln "$1/dangling" "$1/dangling-too"
	mknod "$1/char" c 10 200
	mknod "$1/block" b 259 70000
	mkfifo -m 600 "$1/fifo"
	install -m 4755 /dev/null "$1/setuid"
	install -m 2755 -o 1000 -g 70000 /dev/null "$1/setgid"
	chmod 1777 "$1/deep"
	local d=$1/deep i
	for ((i = 0; i < 60; i++)); do d=$d/d$i; done
	mkdir -p "$d" && echo deep >"$d/f"
	(cd "$1/many" && seq -f 'entry-%05g' 3000 | xargs touch -d @1000000000 && echo one >entry-00001)
	echo sp >"$1/ leading and  spaces"
	touch -d @0 "$1/char" && touch -h -d @1234567890 "$1/dangling" && touch -d @1700000000 "$1/dir"
}
# ...and what needs pax records
make_full() {
	make_plain "$1"
	mkdir -p "$1/$(name 255)/$(name 254)/$(name 253)"
	echo long >"$1/$(name 255)/$(name 254)/$(name 253)/$(name 252)"
	ln "$1/$(name 255)/$(name 254)/$(name 253)/$(name 252)" "$1/hard-to-long"
	ln -s "$(name 101)" "$1/link-101"
	ln -s "$(name 4000)" "$1/link-4000"
	ln -s "$(name 4095)" "$1/link-4095"
	echo utf8 >"$1/"$'\xc3\xa4\xe2\x82\xac'
	echo raw >"$1/"$'\xff\xfe\n\x01'
	echo caps >"$1/caps"
	setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 "$1/caps"
	setfattr -n user.text -v 'a=b' "$1/caps"
	setfattr -n user.empty "$1/caps"
	setfattr -n user.binary -v 0x000a3d00ff "$1/dir"
	setfattr -n trusted.big -v "$(name 1500)" "$1/dir"
	setfattr -h -n trusted.on-link -v x "$1/dir/link"
	setfattr -n user.root -v r "$1"
	chown -h 4000000000:3000000 "$1/caps" "$1/dir/link"
	touch -d '1969-12-31 23:59:50' "$1/page"
	touch -d '1901-01-01' "$1/odd"
	touch -d '2300-01-01 00:00:00.123456789' "$1/hole"
	touch -d '2020-01-01 00:00:00.5' "$1/empty"
	touch -d '2021-01-01 00:00:00.000000001' "$1"
}

# fsck IMAGE WHAT [OPTION]: older ones don't know chunks on devices
fsck() {
	run fsck.erofs -V
	if printf '%s\n' "$out" "$err" | grep -Eq 'erofs-utils[) ]+ *(1\.[89]|1\.[1-9][0-9]|[2-9])'; then
		check "$2: fsck.erofs" fsck.erofs ${3:+"$3"} "$1"
		check "$2: dump.erofs" dump.erofs -s ${3:+"$3"} "$1"
	else
		skip_one "no fsck.erofs of version 1.8" "$2: fsck.erofs" fsck.erofs
	fi
}

make_plain plain
make_full full
describe plain plain >plain.want
describe full >full.want

for t in plain full; do
	check "$t: pack" "$tool" pack "$t" "$work/$t.tar"
	"$tool" pack "$t" "$work/$t.again"
	check "$t: the same bytes each time" cmp "$t.tar" "$t.again"
	is "$("$tool" check "$t.tar")" "ours $(count $t)" "$t: the layer is ours"
	is "$(($(stat -c %s $t.tar) % 4096))" 0 "$t: whole pages"
	check "$t: mount" "$tool" mount $t.tar m
	diag "$out"
	same <(describe $t) m "$t: mounted"
	umount m
	if mount -t erofs -o ro,loop,nodev $t.tar m 2>mount.err; then
		same <(describe $t) m "$t: mounted by way of a loop device"
		umount m
	else
		skip_one "no loop devices: $(cat mount.err)" "$t: mounted by way of a loop device" loop
	fi
	fsck $t.tar $t
done

# The compressed form: the same tree, from a blob that is zstd for everybody else
need_zstd() { "$tool" mount "$1" m 2>/dev/null && umount m; }
for t in plain full; do
	for level in 1 19; do
		z=$t-$level.tar.zst
		check "$t, level $level: compress" "$tool" compress $t.tar $z $level
		"$tool" compress $t.tar $t.again $level
		check "the same bytes each time" cmp $z $t.again
		is "$("$tool" check $z)" "ours $(count $t)" "$z: the layer is ours"
		is "$(($(stat -c %s $z) % 4096))" 0 "$z: whole pages"
		check "$z: zstd takes it" zstd -qt $z
		is "$(zstd -qdc $z | sha256sum)" "$(sha256sum <$t.tar)" "$z: unpacked, it is the plain layer"
		if need_zstd $z; then
			check "$z: mount" "$tool" mount $z m
			same <(describe $t) m "$z: mounted"
			umount m
		else
			skip_one "the kernel has no zstd in EROFS" "$z: mounted" erofs-zstd
		fi
		if need_zstd $z && mount -t erofs -o ro,loop,nodev $z m 2>mount.err; then
			same <(describe $t) m "$z: mounted by way of a loop device"
			umount m
		else
			skip_one "no loop devices: $(cat mount.err)" "$z: mounted by way of a loop device" loop
		fi
		fsck $z $z
	done
done
names_in_zstd() { # WHAT COMMAND...
	local what=$1
	shift
	run "$@"
	sed -e 's#^\./##' -e 's#/$##' -e '/^$/d' "$work/.out" | sort >got
	(cd plain && find . -mindepth 1 -printf '%P\n' | sort) >want
	run cmp want got
	status_is 0 "$what"
}
names_in_zstd "bsdtar lists the compressed layer" bsdtar -tf plain-1.tar.zst
names_in_zstd "GNU tar lists it" tar --zstd -tf plain-1.tar.zst
names_in_zstd "and from a pipe" sh -c 'zstd -dc <plain-19.tar.zst | tar -t'
mkdir x1
check "bsdtar extracts it" bsdtar -C x1 --numeric-owner -xpf full-1.tar.zst
touch -r full x1
same full.want x1 "bsdtar: the same tree"
rm -rf x1 *.zst *.again

# Ordinary tars
names_are() { # FOLDER WHAT COMMAND...: it lists the names in FOLDER, with or without ./ and trailing slashes
	local folder=$1 what=$2
	shift 2
	(cd "$folder" && find . -mindepth 1 -printf '%P\n' | sort) >want
	run "$@"
	sed -e 's#^\./##' -e 's#/$##' -e '/^$/d' "$work/.out" | sort >got
	is "$err" "" "$what, without a warning"
	run cmp want got
	status_is 0 "$what"
}
names_are plain "GNU tar lists it" tar -tf plain.tar
names_are plain "bsdtar lists it" bsdtar -tf plain.tar
names_are plain "busybox tar lists it" busybox tar -tf plain.tar
names_are plain "GNU tar lists it from a pipe" sh -c 'cat plain.tar | tar -t'

mkdir x1 x2 x3
check "GNU tar extracts it" tar -C x1 --warning=no-timestamp --xattrs --xattrs-include='*' --numeric-owner -xpf full.tar
is "$err" "" "without a warning"
same full.want x1 "GNU tar: the same tree"
check "bsdtar extracts it" bsdtar -C x2 --numeric-owner -xpf full.tar
touch -r full x2 # bsdtar leaves the folder alone that it is called in
same full.want x2 "bsdtar: the same tree"
check "busybox tar extracts it" busybox tar -C x3 -xpf plain.tar
same plain.want x3 "busybox tar: the same tree" plain
rm -rf x1 x2 x3

# Somebody else's tar, indexed as it lies
tar -C full --format=pax --xattrs --xattrs-include='*' --numeric-owner -cf foreign.tar .
is "$("$tool" check foreign.tar)" "foreign $(count full)" "a foreign tar is foreign"
check "index of it" "$tool" index foreign.tar foreign.idx
fsck foreign.idx "the index" --device=foreign.tar
check "mount of that" "$tool" mount foreign.idx m foreign.tar
same full.want m "the same tree in 512-byte blocks"
umount m

# Whiteouts and opaque folders, for overlayfs and for those who unpack
mkdir -p upper/opaque upper/kept base/opaque/old base/kept/old
mknod upper/gone c 0 0
mknod upper/kept/old c 0 0
echo new >upper/opaque/new
setfattr -n trusted.overlay.opaque -v y upper/opaque
echo x >base/gone
"$tool" pack upper "$work/upper.tar"
is "$(tar -tf upper.tar | sort | tr '\n' ' ')" \
	"./ .wh.gone kept/ kept/.wh.old opaque/ opaque/.wh..wh..opq opaque/new " "whiteouts as layers spell them"
is "$(tar --numeric-owner -tvf upper.tar .wh.gone opaque/.wh..wh..opq | tr -s ' ' | cut -d' ' -f1-5 | sort -u)" \
	"---------- 0/0 0 1970-01-01 00:00" "with no attributes"
check "mount of it" "$tool" mount upper.tar m
is "$(stat -c '%F %t:%T' m/gone)" "character special file 0:0" "and as overlayfs does"
is "$(getfattr --only-values -n trusted.overlay.opaque m/opaque)" y "both kinds"
if mount -t overlay -o ro,lowerdir=m:base overlay m2 2>mount.err; then
	is "$(cd m2 && find . | sort | tr '\n' ' ')" ". ./kept ./opaque ./opaque/new " "an overlay hides what they say"
	umount m2
else
	skip_one "no overlay: $(cat mount.err)" "an overlay hides what they say" overlay
fi
umount m

# Above the limits of ustar's size field and of one chunk
mkdir large
truncate -s $((9 << 30)) large/file
at=(0 $(((2 << 30) - 3)) $(((2 << 30) + 5)) $(((4 << 30) - 4)) $(((9 << 30) - 8)))
for i in "${at[@]}"; do printf 'here%04d' $((i % 9999)) | dd of=large/file bs=8 seek="$i" oflag=seek_bytes conv=notrunc status=none; done
"$tool" pack large "$work/large.tar"
is "$("$tool" check large.tar)" "ours 2" "a file of 9 GiB"
is "$(tar -tvf large.tar 2>&1 | tr -s ' ' | cut -d' ' -f3,6)" $'0 ./\n9663676416 file' "GNU tar sees its size"
is "$(bsdtar -tvf large.tar 2>&1 | tr -s ' ' | cut -d' ' -f5,9)" $'0 ./\n9663676416 file' "bsdtar sees its size"
"$tool" mount large.tar m >/dev/null
for i in "${at[@]}"; do
	is "$(dd if=m/file bs=8 count=1 skip="$i" iflag=skip_bytes status=none)" "$(printf 'here%04d' $((i % 9999)))" \
		"its bytes at $i"
done
umount m
rm -f large.tar large/file

# Metadata above 900 KB, behind the end-of-archive marker
mkdir wide
mount -t tmpfs tmpfs wide && at_exit 'umount wide'
for d in {00..39}; do
	mkdir wide/$d
	(cd wide/$d && seq -f "$(name 30)-%05g" 500 | xargs touch -d @1500000000)
done
echo content >wide/39/file
"$tool" pack wide "$work/wide.tar"
is "$("$tool" check wide.tar)" "ours $(count wide)" "20,000 files"
is "$(($(stat -c %s wide.tar) % 4096))" 0 "whole pages"
meta=$(($(od -An -td4 -j$((1024 + 40)) -N4 wide.tar) * 4096)) # meta_blkaddr
is "$((meta > 900000 && $(stat -c %s wide.tar) - meta > 900000))" 1 "its metadata comes behind the tar"
fsck wide.tar wide
names_are wide "GNU tar lists it" tar -tf wide.tar
names_are wide "bsdtar lists it" bsdtar -tf wide.tar
names_are wide "busybox tar lists it" busybox tar -tf wide.tar
check "mount of it" "$tool" mount wide.tar m
same <(describe wide) m "mounted"
umount m
check "compressed" "$tool" compress wide.tar wide.tar.zst 1
is "$("$tool" check wide.tar.zst)" "ours $(count wide)" "20,000 files in zstd"
if need_zstd wide.tar.zst; then
	check "mount of it" "$tool" mount wide.tar.zst m
	same <(describe wide) m "mounted"
	umount m
else
	skip_one "the kernel has no zstd in EROFS" "mounted" erofs-zstd
fi
done_testing

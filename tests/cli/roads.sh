#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What this host can do, as firn version --features tells it, and the roads by which layers are mounted: each
# shows the same tree.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/mount-lib.sh
. "$top_srcdir/tests/cli/mount-lib.sh"
need_tool setfattr
need_tool setpriv

# ask EXPRESSION: of the JSON on standard input, which is j
ask() { python3 -c 'import json, sys; j = json.load(sys.stdin); r = eval(sys.argv[1]); print(r if isinstance(r, str) else " ".join(map(str, r)))' "$1"; }
features() { "$firn" version --features --format json "$@"; }
state() { features "${@:2}" | ask "[f['State'] for f in j['Features'] if f['Name'] == '$1']"; }
road() { features | ask "[l['Method'] for l in j['Layers'] if l['Kind'] == '$1']"; }

# --features
run features
status_is 0 "version --features"
printf '%s' "$out" >features
is "$(ask "{f['State'] for f in j['Features']} - {'yes', 'no', 'unknown'}" <features)" "" "each feature is there or not, or unknown"
is "$(ask "[f['Name'] for f in j['Features'] if (f['State'] == 'yes') != (f['Reason'] is None)]" <features)" "" "and a reason where it isn't"
is "$(ask "[l['Kind'] for l in j['Layers']]" <features)" "mountable mountable-zstd tar tar-compressed" "every kind of layer"
is "$(state erofs) $(state overlay)" "yes yes" "what these tests need is there"
like "$("$firn" version --features)" '^erofs +yes$' "in plain text too"
is "$("$firn" version --format json | ask "[j['Features'], j['Layers']]")" "[] []" "nothing is tried unasked"
fails 4 'nowhere' "no such folder" "$firn" version --features --dir nowhere
is "$(state erofs --dir /proc) $(state erofs-file --dir /proc)" "unknown unknown" "where no file can be made nothing is known of those that need one"
is "$(mkdir no-proc && unshare -m sh -c "mount --bind no-proc /proc && exec '$firn' version --features" | awk '/erofs|loop|overlay|verity/ { print $2 }' | tr -d : | sort -u)" \
	unknown "without /proc nothing is known of those that need it"
fails 2 '--dir is for --features' "a folder for nothing" "$firn" version --dir .
is "$(find . -name "*firn-probe*")" "" "nothing is left in the folder"
is "$(losetup -ln -O BACK-FILE | grep -c "$work")" 0 "and no loop device"
# On a tmpfs the kernel finds no way to read a file as a device.
mkdir shm && mount -t tmpfs tmpfs shm
is "$(state erofs-file --dir shm)" no "no file on a tmpfs is mounted"
umount shm
firn_for_all
mkdir -m 777 open
cd open || exit 99
run nobody "$work/bin/firn" version --features --format json
cd ..
status_is 0 "an ordinary user asks"
is "$(printf '%s' "$out" | ask "[f['State'] for f in j['Features'] if f['Name'] == 'erofs']")" unknown "what he may not try isn't known"

# What was told is what happens, and every road shows the same tree.
# How many links a folder has is the file system's own business.
tree() { (cd "$1" && find . -type d -printf '%p d %m %U:%G %T@\n' -o -printf '%p %y %m %U:%G %n %T@ %l\n' | grep -v '^\./checkpoint d' | sort &&
	find . -type f -exec sha256sum {} + | sort &&
	find . -print0 | sort -z | xargs -0 getfattr -Phd -m - -e hex 2>/dev/null); }
look() { # of the bundle in m what comes from the checkpoint, whatever it has
	tree m/checkpoint
	tree m/rootfs
	sha256sum m/config.dump m/spec.dump m/stats-dump
}
# A layer of everything that there can be, over it layers that hide and replace, one of them twice.
mkdir zoo && tar -C zoo --numeric-owner -xpf "$data/base-tiny-rootfs.tar"
(
	cd zoo || exit
	mkdir -p empty closed deep/er "$(printf '%0200d' 1)/$(printf '%0200d' 2)"
	head -c 70001 /dev/urandom >deep/odd
	truncate -s 1M deep/hole && printf end >>deep/hole
	head -c 8192 /dev/zero | tr '\0' x >"$(printf '%0200d' 1)/$(printf '%0200d' 2)/pages"
	ln deep/odd empty-not && ln deep/odd deep/er/again
	ln -s ../nowhere deep/link && ln deep/link deep/link-too
	printf utf8 >$'\xc3\xa4\xff' && : >nothing
	mknod char c 10 200 && mknod block b 7 70000 && mkfifo -m 600 fifo
	install -m 4755 /dev/null setuid && install -m 2755 -o 1000 -g 70000 /dev/null setgid
	setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 setgid
	setfattr -n user.text -v 'a=b' deep && setfattr -n user.empty deep/odd
	setfattr -h -n trusted.on-link -v x deep/link && setfattr -n trusted.big -v "$(printf '%01500d' 3)" fifo
	chown -h 4000000000:3000000 deep/link && chmod 1777 empty && chmod 0 closed
	touch -d '1969-12-31 23:59:50' setuid && touch -d '2038-01-20 00:00:00.123456789' deep/hole
	touch -h -d @1234567890 deep/link && touch -d '2021-01-01 00:00:00.5' closed deep
) || bail "no zoo"
tar -C zoo --format=pax --xattrs --xattrs-include='*' --numeric-owner -cf zoo.tar .
python3 "$input" layers more 12 && gzip more/003.tar && zstd -q more/005.tar
read -r zoo _ < <(python3 "$input" image zoo app zoo.tar more/00{0,1,2}.tar more/003.tar.gz more/004.tar \
	more/005.tar.zst more/01*.tar more/001.tar)
python3 "$input" archive "$data/podman-none.tar" z.tar "$zoo"
"$firn" build --quiet --base oci:zoo:app z.tar oci:layout:zoo >/dev/null || bail "build"
"$firn" build --quiet --compress zstd --base oci:zoo:app z.tar oci:layout:packed >/dev/null || bail "build"
tar -C layout -cf layout.tar .

is "$(method oci:layout:zoo "$work/m")" "$(road mountable)" "a layer of ours is mounted as was told"
"$firn" umount m
is "$(method oci:layout:packed "$work/m")" "$(road mountable-zstd)" "a compressed one as well"
"$firn" umount m
is "$(method --base oci:zoo:app z.tar "$work/m")" "$(road tar)" "an archive as well"
"$firn" umount m

while read -r what; do
	# shellcheck disable=SC2086 # several words
	mount_it $what m >/dev/null || not_ok "mount $what"
	look >want
	"$firn" umount m
	[ "$(wc -l <want)" -gt 10 ] || not_ok "there is nothing to compare"
	for how in file loop copy; do
		feature=$([ $how = file ] && echo erofs-file || echo loop)
		if [ $how != copy ] && [ "$(state "$feature")" != yes ]; then
			# shellcheck disable=SC2086
			fails 1 '.' "$what: $how can't be forced here" mount_it --mount-method "$how" $what m
			continue
		fi
		# shellcheck disable=SC2086
		run method --mount-method "$how" $what m
		like "$out" "^(erofs-$how(-directio)?|$how|reflink)\$" "$what: by way of a $how"
		look >got
		is "$(diff want got | head -20)" "" "$what: $how: the same tree"
		run "$firn" umount m
		status_is 0 "$what: umount"
	done
done <<EOS
oci:layout:zoo
oci:layout:packed
oci-archive:layout.tar:zoo
oci-archive:layout.tar:packed
--base oci:zoo:app z.tar
EOS
fails 2 '"road" is none of auto' "an unknown method" mount_it --mount-method road oci:layout:r1 "$work/m"
is "$(traces)" "" "nothing is left"
done_testing

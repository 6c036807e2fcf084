#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Debian's own kernels of the releases that firn supports, for the tests in this folder.
#
#   kernels.sh make     get them unless they are in the cache, print the folder: SUITE/vmlinuz, SUITE/release
#                       and SUITE/modules/NN-NAME.ko, to be loaded in this order
#   kernels.sh fetch SUITE   in the Debian root of tests/real: the same as a tar on stdout
#
# FIRN_REAL_CACHE   where they are kept (/var/cache/firn-tests)
set -eu

# A new version for every change below.
version=1
suites="bookworm trixie"
modules="virtio_pci virtio_blk crc32c_generic ext4 loop erofs overlay fuse"
cache=${FIRN_REAL_CACHE:-/var/cache/firn-tests}
kernels=$cache/kernels-$version
here=$(cd "$(dirname "$0")" && pwd)

make_kernels() {
	local tmp suite

	if [ ! -d "$kernels" ]; then
		mkdir -p "$cache"
		exec 9>"$cache/kernels.lock"
		flock 9
	fi
	if [ ! -d "$kernels" ]; then
		tmp=$(mktemp -d "$kernels.XXXXXX")
		# shellcheck disable=SC2064 # this one
		trap "rm -rf '$tmp'" EXIT
		for suite in $suites; do
			echo "getting the kernel of Debian $suite" >&2
			mkdir "$tmp/$suite"
			FIRN_REAL_ENV="http_proxy https_proxy" "$here/../real/root.sh" run bash /firn/tests/qemu/kernels.sh \
				fetch "$suite" 2>"$cache/kernel-$suite.log" | tar -C "$tmp/$suite" -x || :
			[ -s "$tmp/$suite/vmlinuz" ] || {
				tail -n 5 "$cache/kernel-$suite.log" >&2
				echo "kernels.sh: no kernel of $suite, see $cache/kernel-$suite.log" >&2
				exit 1
			}
		done
		chmod 755 "$tmp"
		mv "$tmp" "$kernels"
	fi
	echo "$kernels"
}

fetch() {
	local suite=$1 dir=/scratch/apt options image

	mkdir -p "$dir"/{lists/partial,cache/archives/partial,tree,out/modules}
	# The mirror that the root itself came from.
	sed "s/^deb /deb [check-valid-until=no] /; s/ trixie / $suite /" /etc/apt/sources.list >"$dir/sources.list"
	options=(-q -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$dir/lists"
		-o "Dir::Cache=$dir/cache" -o Dir::State::status=/dev/null -o APT::Architecture=amd64 -o APT::Architectures=amd64
		-o APT::Sandbox::User=root -o "APT::Default-Release=$suite" -o Acquire::Languages=none)
	cd "$dir"
	apt-get "${options[@]}" update >&2
	image=$(apt-cache "${options[@]}" depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	apt-get "${options[@]}" download "$image" >&2
	dpkg-deb -x "$image"_*.deb tree
	cp tree/boot/vmlinuz-* out/vmlinuz
	echo "${image#linux-image-}" >out/release
	# shellcheck disable=SC2086 # a list
	python3 /firn/tests/qemu/modules.py tree out/modules $modules
	tar -C out -c .
}

case ${1:-} in
make) make_kernels ;;
fetch) fetch "$2" ;;
*) echo "kernels.sh make" >&2 && exit 1 ;;
esac

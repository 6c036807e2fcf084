#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# tree.sh contents|all FOLDER: the files in a folder with the sha256 of what is in them; and, "all", everything in
# it with type, mode and owner, symbolic links with their targets. By busybox, the same on the host and in a guest.
cd "$2" || exit 1
find . -mindepth 1 -type f -exec sha256sum {} + | sort -k 2
[ "$1" = all ] || exit 0
find . -mindepth 1 ! -type l -exec stat -c '%n %F %a %u:%g %t:%T' {} + | sort
find . -mindepth 1 -type f -exec stat -c '%n %s %Y %h' {} + | sort
find . -mindepth 1 -type l | sort | while read -r link; do
	echo "$link $(stat -c '%u:%g' "$link") $(readlink "$link")"
done

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every fuzz target goes through the inputs of its corpus folder. A target without a corpus is a failure,
# and so is a corpus without a target.
. "${top_srcdir:?}/tests/cli/lib.sh"
corpus=$top_srcdir/tests/fuzz/corpus
: "${FUZZ_TARGETS=}"

for target in $FUZZ_TARGETS; do
	name=$(basename "$target")
	inputs=$(find "$corpus/$name" -type f ! -name '.*' 2>/dev/null | wc -l)
	if [ "$inputs" = 0 ]; then
		not_ok "$name: tests/fuzz/corpus/$name holds no input"
		continue
	fi
	# libFuzzer writes what it finds to the first folder, and -runs=0 just replays.
	if grep -aq LLVMFuzzerRunDriver "$top_builddir/$target" 2>/dev/null; then
		mkdir -p "$work/new"
		check "$name: $inputs inputs" "$top_builddir/$target" -runs=0 "$work/new" "$corpus/$name"
	else
		check "$name: $inputs inputs" "$top_builddir/$target" "$corpus/$name"
		is "$out" "$inputs inputs" "$name: none left out"
	fi
done
for dir in "$corpus"/*/; do
	[ -d "$dir" ] || continue
	name=$(basename "$dir")
	case " $FUZZ_TARGETS " in
	*"/$name "*) ;;
	*) not_ok "corpus $name has no target" ;;
	esac
done
[ "$tap_count" != 0 ] || skip_all "no fuzz target in this tree"
done_testing

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The house style, as far as a machine can tell: format, sizes, licence lines, spelling, shell.
. "${top_srcdir:?}/tests/cli/lib.sh"
cd "$top_srcdir" || bail "no $top_srcdir"
file_max=600     # lines
function_max=80

none() { # WHAT, with the offenders in $work/bad
	if [ ! -s "$work/bad" ]; then ok "$1"; else
		not_ok "$1"
		diag "$(head -40 "$work/bad")"
	fi
}
mapfile -t c_files < <(find include lib src tests bench -name '*.[ch]' ! -name '*.pb-c.*' ! -path 'tests/data/*' | sort)
mapfile -t sh_files < <(find tests bench bootstrap .ci -type f ! -path 'tests/data/*' ! -path 'tests/fuzz/corpus/*' | sort |
	while IFS= read -r f; do
		case $(head -c 128 "$f" | tr -d '\000' | head -1) in
		'#!'*sh) echo "$f" ;; # what they source is checked along
		esac
	done)
if [ "${#c_files[@]}" -lt 10 ] || [ "${#sh_files[@]}" -lt 4 ]; then
	bail "sources not found"
fi

if clang-format --version 2>/dev/null | grep -q 'version 14'; then
	clang-format --dry-run -Werror "${c_files[@]}" 2>&1 | grep -E 'error:' >"$work/bad"
	none "clang-format has nothing to change"
else
	skip_one "clang-format 14 is not installed" "clang-format has nothing to change"
fi

wc -l "${c_files[@]}" | awk -v max=$file_max '$2 != "total" && $1 > max { print $2 ": " $1 " lines" }' >"$work/bad"
none "no file has more than $file_max lines"

# In this style a function's body begins with "{" in the first column and ends with "}" there.
awk -v max=$function_max '
	FNR == 1 { begin = 0 }
	/^\{/ { begin = FNR; name = before }
	/^\}/ && begin { if (FNR - begin - 1 > max) print FILENAME ":" begin ": " name ": " FNR - begin - 1 " lines"; begin = 0 }
	/^[^ \t{}]/ { before = $0 }' "${c_files[@]}" >"$work/bad"
none "no function has more than $function_max lines"

for f in "${c_files[@]}"; do
	[ "$(head -1 "$f")" = '/* SPDX-License-Identifier: LGPL-2.1-or-later */' ] || echo "$f"
done >"$work/bad"
none "every source begins with the licence line"

# A manual page begins with its title.
while read -r f; do
	head -3 "$f" | grep -qE '^(#|;|dnl) SPDX-License-Identifier: LGPL-2.1-or-later$' || echo "$f"
done < <(printf '%s\n' configure.ac Makefile.am bench/*.am lib/*/*.am man/*.am man/*.scd src/*.am tests/*.am tests/*/*.am) >"$work/bad"
none "and so do the build's own files and the manual pages"

grep -nE '\bgoto\b' -- "${c_files[@]}" | grep -vE '^[^:]*:[0-9]*:[[:space:]]*(/\*|\*|//)' >"$work/bad"
none "no goto"

grep -nE '(^|[^>.a-z_])(open|openat|socket|pipe|dup|accept|memfd_create|epoll_create|creat|fopen)[(]' -- lib/*/*.c |
	grep -vE 'CLOEXEC|"[rwa]b?e"|/\*|^[^:]*:[0-9]*:[[:space:]]*\*' | while IFS=: read -r file line text; do
	# flags may be put together some lines before
	sed -n "$((line > 12 ? line - 12 : 1)),$((line + 3))p" "$file" | grep -q CLOEXEC || echo "$file:$line:$text"
done >"$work/bad"
none "every descriptor of the library is close-on-exec"

grep -nE '\b(printf|puts|putchar|perror|exit|abort|getenv|secure_getenv)[(]' -- lib/*/*.c |
	grep -vE '^lib/base/fault\.c:' >"$work/bad"
none "the library does not print, exit or read the environment"

if have codespell; then
	codespell --ignore-words-list=crate,nd,ro,te,fo,ans,parms,inout -q 3 include lib src man tests/cli tests/unit \
		tests/*.sh ./*.md NEWS bootstrap --skip '*.pb-c.*,*.tar*,*.zst,*.1,*.3,*.5' >"$work/bad" 2>&1
	none "codespell finds nothing"
else
	skip_one "codespell is not installed" "codespell finds nothing"
fi
if have shellcheck; then
	shellcheck -S warning -e SC2010,SC2034 -x -a -P "$top_srcdir" "${sh_files[@]}" >"$work/bad" 2>&1
	none "shellcheck finds nothing"
else
	skip_one "shellcheck is not installed" "shellcheck finds nothing"
fi
done_testing

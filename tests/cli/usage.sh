#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# How the tool is called: exit statuses, where text goes, JSON, completion.
. "${top_srcdir:?}/tests/cli/lib.sh"
cd "$work" || bail "no $work"

# Usage mistakes: a sentence and where to look, status 2, nothing on standard output.
while IFS='|' read -r words re; do
	eval "set -- $words"
	fails 2 "$re" "usage: firn $words" "$firn" "$@"
	# shellcheck disable=SC2016 # backquotes as they are
	like "$err" '^firn: try `firn ([a-z]+ )?--help`$' "usage: firn $words: points to the help"
	is "$out" "" "usage: firn $words: no output"
done <<'END'
|firn: a command is missing
nothing|there is no command "nothing"
--nothing|there is no option --nothing
--state|--state needs DIR
--state= version|--state: DIR is empty
--progress=loud version|"loud" is none of auto
--quiet=1 version|--quiet takes no value
version x|version: "x" is one argument too many
version --format table|neither json nor a template
version --format '{{.Name}}'|there is no .Name, but .Version .Library
version --format '{{.Version'|{{ without }}
help nothing|there is no command "nothing"
completion|needs bash
completion tcsh|none of bash, zsh and fish
END

for words in "version" "--version" "-V" "-q version" "version --quiet" "--progress none version -q"; do
	# shellcheck disable=SC2086 # words
	run "$firn" $words
	is "$status $out" "0 firn $("$firn" version --format '{{.Version}} (libfirn {{.Library}})')" "firn $words"
done

json_valid() { python3 -c 'import json,sys; [json.loads(l) for l in sys.stdin]'; }
if have python3; then
	"$firn" version --format json >lines
	run_stdin json_valid <lines
	status_is 0 "version --format json is JSON"
	run "$firn" --progress=json build "$(printf 'no\nsuch\033"\\\377file')" oci:l:t
	is "$status" 4 "a failure with --progress=json"
	printf '%s\n' "$err" >lines
	is "$(wc -l <lines)" 1 "the failure is one line"
	run_stdin json_valid <lines
	status_is 0 "the failure is JSON"
	run "$firn" --progress=json --state state umount one two
	like "$err" '"status":4\}$' "each failure of several has its status, too"
	unlike "$err" '"status":[^4]' "and no other"
	is "$status" 4 "which is the exit status"
else
	skip_one "no python3" "JSON is valid" python3
fi
run "$firn" build "$(printf 'a\033[31mb')" oci:l:t
unlike "$err" "$(printf '\033')" "no escape sequence gets from a name to the terminal"

# Standard output that can't be written
for words in version help "help version" "completion bash" "version --format json"; do
	# shellcheck disable=SC2086
	"$firn" $words >/dev/full 2>err
	is "$? $(cat err)" "1 firn: standard output: No space left on device" "firn $words >/dev/full"
	# shellcheck disable=SC2086
	"$firn" $words 2>err >&-
	is "$? $(cat err)" "1 firn: standard output: Bad file descriptor" "firn $words >&-"
done
(
	trap - PIPE
	{
		"$firn" completion zsh
		echo $? >code
	} | true
)
like "$(cat code)" '^(141|0)$' "a reader that goes away ends it quietly"

# Completion: the scripts parse, and complete what the tables say.
"$firn" completion bash >c.bash && "$firn" completion zsh >_firn && "$firn" completion fish >c.fish
check "bash takes its script" bash -n c.bash
complete_bash() { # WORDS..., the last one is completed
	bash -c '. ./c.bash; compopt() { :; }
		COMP_WORDS=(firn "$@"); COMP_CWORD=$#; COMPREPLY=()
		_firn; printf "%s\n" "${COMPREPLY[@]}" | sort | tr "\n" " "' bash "$@"
}
mkdir -p dir/sub && touch dir/file
is "$(complete_bash vers)" "version " "bash completes a command"
is "$(complete_bash version --for)" "--format " "bash completes an option"
is "$(complete_bash --progress '=' pl)" "plain " "bash completes a value behind ="
is "$(complete_bash --state dir/)" "dir/sub " "bash completes a folder"
is "$(complete_bash build -b oci : dir/f)" "dir/file " "bash completes a path behind oci:"
is "$(complete_bash build oci)" "oci-archive: oci: " "bash completes a transport"
is "$(complete_bash diff dir/file dir/f)" "dir/file " "bash completes what is compared"
is "$(complete_bash copy oci : dir/f)" "dir/file " "bash completes what is copied"
is "$(complete_bash build -b oci : layout : d)$(complete_bash build -b oci : layout :)" "  " "bash has no files for tags"
is "$(complete_bash --progress = none --state=dir vers)" "version " "bash finds the command behind options with ="
like "$(complete_bash build --)" "--base .*--force.*--help .*--source-digest" "bash offers a command's options"
if have zsh; then
	check "zsh takes its script" zsh -n _firn
	while IFS='|' read -r typed want; do
		run python3 "$top_srcdir/tests/cli/zsh-completes.py" "firn $typed"
		is "$status $out$err" "0 firn $want" "zsh completes firn $typed"
	done <<'END'
vers|version
version --feat|version --features
build dir/f|build dir/file
build --base=oci:dir/f|build --base=oci:dir/file
tag oci:dir/s|tag oci:dir/sub/
diff dir/file dir/f|diff dir/file dir/file
--state dir copy oci:dir/f|--state dir copy oci:dir/file
END
else
	skip_one "no zsh" "zsh takes its script"
fi
if have fish; then
	check "fish takes its script" fish -n c.fish
	complete_fish() { HOME=$work fish -c 'source c.fish; complete -C"'"$1"'"' | cut -f1 | sort | tr '\n' ' '; }
	is "$(complete_fish 'firn vers')" "version " "fish completes a command"
	is "$(complete_fish 'firn version --for')" "--format " "fish completes an option"
	is "$(complete_fish 'firn --progress pl')" "plain " "fish completes a value"
	is "$(complete_fish 'firn --state dir vers')" "version " "fish finds the place of the command behind a value"
	is "$(complete_fish 'firn --state dir version --for')" "--format " "and the command"
	is "$(complete_fish 'firn diff dir/f')" "dir/file " "fish completes what is compared"
else
	skip_one "no fish" "fish takes its script"
fi
done_testing

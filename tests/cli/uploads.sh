#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copies to and from a registry whose connections break: what a registry keeps of an upload isn't sent again, by this run or
# the next, and where it keeps little it all arrives as long as some size of a request does.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool jq
need curl "no libcurl" python3 -c 'import ctypes; ctypes.CDLL("libcurl.so.4")'
cd "$work" || exit 99
export HOME=$work XDG_RUNTIME_DIR=$work XDG_STATE_HOME=$work/state
unset REGISTRY_AUTH_FILE XDG_CONFIG_HOME DOCKER_CONFIG

rules() { printf '%s\n' "$1" >rules.new && mv rules.new rules; }
rules '{}'
python3 "$top_srcdir/tests/cli/registry-small.py" port rules log &
at_exit "kill $! 2>/dev/null"
wait_for 10 test -e port || bail "no registry"
at=docker://127.0.0.1:$(cat port)
MiB=1048576

# make_image FOLDER BYTES...: an image t with a layer of noise for each
make_image() {
	python3 - "$@" <<'END'
import hashlib, json, os, random, sys
top, sizes = sys.argv[1], [int(n) for n in sys.argv[2:]]
os.makedirs(top + "/blobs/sha256")
def put(data, media):
    digest = hashlib.sha256(data).hexdigest()
    open(f"{top}/blobs/sha256/{digest}", "wb").write(data)
    return {"mediaType": media, "digest": "sha256:" + digest, "size": len(data)}
layers = [put(random.Random(top + str(i)).randbytes(n), "application/x-noise") for i, n in enumerate(sizes)]
m = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": put(b"{}", "application/vnd.oci.empty.v1+json"), "layers": layers}
root = put(json.dumps(m).encode(), m["mediaType"])
root["annotations"] = {"org.opencontainers.image.ref.name": "t"}
open(top + "/oci-layout", "w").write('{"imageLayoutVersion":"1.0.0"}')
json.dump({"schemaVersion": 2, "manifests": [root]}, open(top + "/index.json", "w"))
END
}
copy() { "$firn" copy -q --plain-http "$@"; }
blobs() { (cd "$1/blobs/sha256" && sha256sum -- * | awk '{ print $1, $2 }'); }
# arrives LAYOUT REPOSITORY WHAT: all of it is in the registry as it was, and nothing is left of the way there
arrives() {
	rm -rf back
	check "$3: it is there" copy "$at/$2:t" oci:back:t
	is "$(blobs back)" "$(blobs "$1")" "$3: with every digest"
	is "$(ls -A state/firn 2>/dev/null | grep -c '^upload-')" 0 "$3: nothing is noted of uploads any more"
}
# Bytes of layers that came (the empty configuration has two); grows with everything that is sent again.
came() { awk '/^(PUT|PATCH) .*\/blobs\// && $NF > 2 { n += $NF } END { print n + 0 }' log; }
stalled() { grep -q ' stall ' log; }

# --- the next run

make_image big $((24 * MiB))
big=$((24 * MiB))
# killed_at BYTES KEEP: a push is killed after so many bytes; the log begins anew
killed_at() {
	: >log
	rules "{\"keep\": \"$2\", \"stall\": $1}"
	"$firn" copy -q -j 1 --plain-http oci:big:t "$at/$3:t" >/dev/null 2>&1 &
	wait_for 20 stalled || bail "the push doesn't come as far as $1"
	kill -KILL $! && wait $! 2>/dev/null
	rules "{\"keep\": \"$2\"}"
	sed -n 's/^.* stall //p' log
	: >log
}
had=$(killed_at $((10 * MiB)) bytes one)
is "$had" $((10 * MiB)) "a push is killed after 10 MiB"
check "what it will go on with is noted" test "$(ls state/firn | grep -c '^upload-')" = 1
is "$(stat -c %a state/firn/upload-*)" 600 "for nobody else"
check "the next run" copy oci:big:t "$at/one:t"
is "$(came)" $((big - had)) "sends the rest"
like "$(cat log)" "^GET /v2/one/blobs/uploads/.* 204 0\$" "after it has asked for what is there"
arrives big one "killed"

had=$(killed_at $((10 * MiB)) offset two)
check "the next run, at a registry that loses it" copy oci:big:t "$at/two:t"
is "$(came)" "$big" "sends all of it"
like "$(cat log)" '^PATCH .* 16777216$' "in chunks from then on"
arrives big two "killed, and lost"

had=$(killed_at $((10 * MiB)) bytes three)
check "a run that knows nothing of it" env XDG_STATE_HOME="$work/none" "$firn" copy -q --plain-http oci:big:t "$at/three:t"
is "$(came)" "$big" "sends all of it"
check "and the next one that does" copy oci:big:t "$at/three:t"
is "$(came)" "$big" "finds it there"
arrives big three "killed, and forgotten"
check "a run that can note nothing" env XDG_STATE_HOME=/proc/none "$firn" copy -q --plain-http oci:big:t "$at/stateless:t"
arrives big stateless "and nothing noted"

# --- one run; carry is what a connection does

: >log
rules "{\"carry\": $((5 * MiB))}"
check "connections of 5 MiB" copy oci:big:t "$at/four:t"
is "$(came)" "$big" "nothing is sent twice where every byte is kept"
rules '{}'
arrives big four "5 MiB, bytes kept"
is "$(ls -A state/firn)" "" "and nothing of sizes is noted"

for keep in requests offset; do
	: >log
	rules "{\"keep\": \"$keep\", \"carry\": $((5 * MiB))}"
	check "connections of 5 MiB, $keep kept" copy oci:big:t "$at/$keep:t"
	diag "$(came) bytes came for $big"
	check "no request of 16 MiB is tried twice" test "$(grep -c '^PATCH .* cut ' log)" -le 2
	like "$(cat state/firn/chunk-*)" '"bytes":4194304' "what goes is noted"
	: >log
	make_image "more-$keep" $((9 * MiB)) $((9 * MiB + 1))
	check "so that the next push" copy "oci:more-$keep:t" "$at/$keep:u"
	check "tries twice as much once" test "$(grep -c ' cut ' log)" -le 2
	is "$(blobs "more-$keep" | wc -l)" 4 "of two layers"
	rules "{\"keep\": \"$keep\"}"
	arrives big "$keep" "5 MiB, $keep kept"
	check "the next one" copy oci:big:t "$at/$keep-again:t"
	like "$(cat state/firn/chunk-*)" '"bytes":8388608' "has twice as much, which goes now"
	rm -r state
done

: >log
rules '{"no_put": true}'
check "a registry without one PUT" copy oci:big:t "$at/six:t"
is "$(came)" "$big" "nothing is sent twice"
rules '{"no_patch": true, "cuts": {"seed": 1, "p": 1, "times": 8}}'
check "one without chunks, cut" copy oci:big:t "$at/seven:t"
rules "{\"most\": $((3 * MiB))}"
check "one that takes 3 MiB at a time" copy oci:big:t "$at/eight:t"
like "$(cat log)" '^PATCH .* 202 2097152$' "gets less than that"
rules '{}'
for name in six seven eight; do
	arrives big $name "$name"
done
# --- random cuts, both ways: connections at any byte, and firn itself at any moment; FIRN_CUTS is how many runs (1,000 for who has the time)

make_image small $((2 * MiB)) $((MiB + 17)) 300000 5000
make_image other 1000
files() { (cd "$1" && find . -type f | sort); }
# tries WHAT COMMAND...: killed after a moment now and then, until it comes to its end
tries() {
	local n what=$1
	shift
	for ((n = 1; n <= 12; n++)); do
		if ((n < 12 && RANDOM % 3)); then
			timeout -s KILL "0.$(printf %02d $((RANDOM % 40 + 2)))" "$firn" copy -q --plain-http "$@" >/dev/null 2>"$what.err"
		else
			"$firn" copy -q --plain-http "$@" >/dev/null 2>"$what.err"
		fi && echo $((n - 1)) >>"$what" && return
		[ "$what" = push ] || leaves_nothing || return
	done
	echo "$what: $(cat "$what.err")"
	return 1
}
# What a pull that was killed leaves in a layout is for gc; half of the runs have it removed, half go on.
leaves_nothing() {
	((RANDOM % 2)) || return 0
	"$firn" gc --grace 0 oci:to >gc 2>&1 || { echo "gc: $(cat gc)" && return 1; }
	# It may have come to its end a moment before.
	cmp -s <(files to) "$work/small.files" || is_same "$(files "$work/other")" "$(files to)" "what gc leaves"
}
is_same() { [ "$1" = "$2" ] || { echo "$3: $2 for $1" && return 1; }; }
# one_run SEED: with a registry of its own; says what is wrong
one_run() {
	local keeps=(bytes requests offset) server rc=0
	RANDOM=$1
	mkdir "run$1" && cd "run$1" || return
	export XDG_STATE_HOME=$PWD/state
	echo "{\"keep\": \"${keeps[$1 % 3]}\", \"cuts\": {\"seed\": $1, \"p\": 0.4, \"times\": $((RANDOM % 8 + 2))}}" >rules
	python3 "$top_srcdir/tests/cli/registry-small.py" port rules log >/dev/null 2>&1 &
	server=$!
	wait_for 20 test -e port && cp -a ../other to && {
		tries push oci:../small:t "docker://127.0.0.1:$(cat port)/a:t" &&
			{ sed -i "s/\"times\": [0-9]*/\"times\": $((RANDOM % 8 + 1))/" rules; } &&
			tries pull "docker://127.0.0.1:$(cat port)/a:t" oci:to:u &&
			is_same "$(cat ../small.blobs)" "$(blobs to)" blobs &&
			is_same "$(ls -A state/firn 2>/dev/null | grep '^upload-')" "" state &&
			"$firn" gc --grace 0 oci:to >/dev/null && is_same "$(cat ../small.files)" "$(files to)" files
	} || { echo "seed $1: wrong" && rc=1; }
	grep -c ' cut ' log >cuts
	kill $server
	cd .. && [ $rc = 1 ] || rm -r "run$1/to"
	return $rc
}
mkdir both && cp -a small/. both && cp other/blobs/sha256/* both/blobs/sha256/
blobs both >small.blobs
files both >small.files
seed=${FIRN_SEED:-$((RANDOM * 32768 + RANDOM))} count=${FIRN_CUTS:-12}
diag "$count runs, seeds from $seed"
wrong=$(for ((i = 0; i < count; i++)); do
	((i < 6)) || wait -n
	one_run $((seed + i)) 2>/dev/null &
done
wait)
is "$wrong" "" "every run comes to its end, with every digest, and leaves nothing"
diag "$(cat run*/cuts | awk '{ n += $1 } END { print n }') connections cut; pushes begun again $(cat run*/push | awk '{ n += $1 } END { print n }') times, pulls $(cat run*/pull | awk '{ n += $1 } END { print n }')"
done_testing

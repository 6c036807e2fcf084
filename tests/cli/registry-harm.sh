#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a registry that means harm gets: neither who we are for others, nor our memory.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need_tool openssl
need curl "no libcurl" python3 -c 'import ctypes; ctypes.CDLL("libcurl.so.4")'
cd "$work" || exit 99
export HOME=$work XDG_RUNTIME_DIR=$work
unset REGISTRY_AUTH_FILE XDG_CONFIG_HOME XDG_STATE_HOME DOCKER_CONFIG

mkdir certs
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout certs/me.key -out certs/me.cert \
	2>/dev/null || bail "no certificate"
python3 "$top_srcdir/tests/cli/registry-harm.py" certs/me.cert certs/me.key ports log &
at_exit "kill $! 2>/dev/null"
for ((i = 0; i < 100; i++)); do
	[ -e ports ] && break
	sleep 0.1
done
read -r first _ digest <ports || bail "no registry"
at=docker://127.0.0.1:$first/a/b

: >log
fails 4 'answers 404' "led to another host" "$firn" inspect --tls-verify=false --cert-dir certs "$at:t"
like "$(cat log)" '^first certificate /v2/a/b/manifests/t$' "the registry has seen our certificate"
is "$(grep '^second' log)" "second - /there" "the other one hasn't"

: >log
fails 3 'too long' "an address that is too long" "$firn" inspect --tls-verify=false "$at:long"
is "$(grep '^second' log)" "" "isn't gone to by half"

: >log
fails 3 'referrers of more than' "referrers without an end" "$firn" list --tls-verify=false "$at@$digest"
pages=$(grep -c /referrers/ log)
diag "$pages pages"
check "are given up early" test "$pages" -ge 2 -a "$pages" -le 8

# harm STATUS REGEX WHAT COMMAND...: an error that says why, soon, and with little memory
harm() {
	local want=$1 re=$2 what=$3
	shift 3
	peak timeout 20 "$firn" "$@" </dev/null
	if [ "$status" = "$want" ] && printf '%s\n' "$err" | grep -Eq -- "$re"; then
		ok "$what"
	else
		not_ok "$what"
		diag "want status $want and stderr like: $re"
		tap_show
	fi
	small "$what"
}
host=docker://127.0.0.1:$first
open=(--tls-verify=false)
me=(--tls-verify=false --creds me:secret)

# --- documents

harm 3 'larger than 4194304 bytes' "a manifest of 1 GiB" inspect "${open[@]}" "$at:gib"
harm 3 'larger than 4194304 bytes' "a manifest without end" inspect "${open[@]}" "$at:endless"
harm 3 'larger than 4194304 bytes' "a million layers" inspect "${open[@]}" "$at:million-layers"
harm 3 '"layers": more than 1000 entries' "as many layers as fit" inspect "${open[@]}" "$at:many-layers"
harm 3 'JSON of more than [0-9]+ values' "as many empty layers" inspect "${open[@]}" "$at:empty-layers"
harm 3 'larger than 4194304 bytes' "an index of a million entries" inspect "${open[@]}" "$at:million-entries"
harm 3 'more than 10000 ' "as many entries as fit" inspect "${open[@]}" "$at:many-entries"
harm 3 'JSON of more than [0-9]+ values' "as many numbers" inspect "${open[@]}" "$at:numbers"
harm 3 'JSON of more than [0-9]+ values' "as many members" inspect "${open[@]}" "$at:keys"
harm 3 'JSON nested deeper' "as many brackets" inspect "${open[@]}" "$at:deep"
harm 4 'has no image' "a text as long" inspect "${open[@]}" "$at:text"
for what in many-layers many-entries keys; do
	harm 3 . "copy of $what" copy -q "${open[@]}" "$at:$what" "oci:no:t"
	check "leaves nothing" test ! -e no
done
harm 3 'its content is sha256:' "another document than was asked for" inspect "${open[@]}" "$host/a/b@sha256:$(printf %064d 0)"
harm 3 'the registry says sha256:000' "another digest than it has" inspect "${open[@]}" "$at:told"
harm 3 'headers have more than 65536 bytes' "1 MiB of headers" inspect "${open[@]}" "$at:headers"
harm 3 'headers have more than 65536 bytes' "long headers" inspect "${open[@]}" "$at:header"

# --- who we are, and where that goes

harm 3 'neither HTTP nor HTTPS' "led to a file" inspect "${open[@]}" "$at:file"
harm 3 'neither HTTP nor HTTPS' "led to another protocol" inspect "${open[@]}" "$at:gopher"
harm 3 . "led to somebody's name" inspect "${open[@]}" "$at:user"
: >log
harm 4 'answers 404' "led away with a password" inspect "${me[@]}" "$host/secret/b:t"
like "$(cat log)" '^first - /v2/secret/b/manifests/t auth$' "which the registry gets"
is "$(grep '^second' log)" "second - /there" "and nobody else"
harm 3 'token from .*larger than' "a token of 1 GiB" inspect "${me[@]}" "$host/token/b:t"
harm 3 'token service: neither HTTP nor HTTPS|neither HTTP nor HTTPS' "a token from a file" inspect "${me[@]}" "$host/token-file/b:t"

# --- blobs

: >log
harm 4 'answers 404' "a blob that is elsewhere" copy -q "${me[@]}" "$host/away/b:image" oci:no:t
like "$(cat log)" '^first - /v2/away/b/blobs/.* auth$' "the registry gets the password"
is "$(grep '^second' log)" "second - /blob" "and nobody else"
harm 3 'neither HTTP nor HTTPS' "a blob in a file" copy -q "${open[@]}" "$host/file/b:image" oci:no:t
harm 3 'its content is|sends more' "a blob without end" copy -q "${open[@]}" "$host/endless/b:image" oci:no:t
harm 3 'sends 1073741824 bytes where 1000' "a blob of 1 GiB" copy -q "${open[@]}" "$host/gib/b:image" oci:no:t
harm 3 'sends 1001 bytes where 1000' "a longer blob" copy -q "${open[@]}" "$host/longer/b:image" oci:no:t
harm 3 'its content is|digest' "another blob" copy -q "${open[@]}" "$host/lie/b:image" oci:no:t
check "nothing of them is there" test ! -e no

# --- uploads

mkdir -p here/blobs/sha256
python3 - here <<'END'
import hashlib, json, sys
top = sys.argv[1]
def put(data, media):
    digest = hashlib.sha256(data).hexdigest()
    open(f"{top}/blobs/sha256/{digest}", "wb").write(data)
    return {"mediaType": media, "digest": "sha256:" + digest, "size": len(data)}
m = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": put(b"{}", "application/vnd.oci.empty.v1+json"),
     "layers": [put(b"x" * 100000, "application/x-noise")]}
root = put(json.dumps(m).encode(), m["mediaType"])
root["annotations"] = {"org.opencontainers.image.ref.name": "t"}
open(top + "/oci-layout", "w").write('{"imageLayoutVersion":"1.0.0"}')
json.dump({"schemaVersion": 2, "manifests": [root]}, open(top + "/index.json", "w"))
END
: >log
check "an upload that goes elsewhere" "$firn" copy -q "${me[@]}" oci:here:t "$host/away/b:new"
like "$(cat log)" '^first - /v2/away/b/blobs/uploads/ auth$' "the registry gets the password"
is "$(grep -c '^second - /v2/away/b/blobs/uploads/1?digest=.*[0-9a-f]$' log)" 2 "the other host the bytes"
is "$(grep '^second.* auth' log)" "" "and nothing else"
harm 3 'neither HTTP nor HTTPS' "an upload to a file" copy -q "${open[@]}" oci:here:t "$host/file/b:new"
harm 3 'too long' "an upload to a long address" copy -q "${open[@]}" oci:here:t "$host/long/b:new"
harm 3 'has taken it as sha256:000' "an upload taken as something else" copy -q "${open[@]}" oci:here:t "$host/lie/b:new"
harm 3 'says that it has' "an upload of which more came than was sent" copy -q "${open[@]}" oci:here:t "$host/lost/b:new"
harm 1 'answers 400' "an upload refused at length" copy -q "${open[@]}" oci:here:t "$host/endless/b:new"

# --- lists

harm 3 'goes in a circle' "tags in a circle" list "${open[@]}" "$host/a/b"
harm 3 'JSON of more than [0-9]+ values' "a million tags" list "${open[@]}" "$host/many/b"
harm 3 'larger than' "tags of 1 GiB" list "${open[@]}" "$host/gib/b"
harm 3 'goes in a circle' "referrers in a circle" list "${open[@]}" "$host/empty/b@$digest"
harm 3 'more than 1000 pages' "referrers that go on and on" list "${open[@]}" "$host/more/b@$digest"
: >log
harm 3 'goes on elsewhere' "referrers that go on elsewhere" list "${me[@]}" "$host/elsewhere/b@$digest"
is "$(grep '^second' log)" "" "aren't followed"
done_testing

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
python3 "$top_srcdir/tests/cli/registry_harm.py" certs/me.cert certs/me.key ports log &
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
done_testing

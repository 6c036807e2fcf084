#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A registry as it is: behind TLS, behind passwords and tokens, cut, busy, lying. What firn looks into it for, and
# what comes of a copy, is right or is an error that says why; and nobody learns who we are but those who may.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

export HOME=$work/home XDG_RUNTIME_DIR=$work/run
mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
start_registry
at_exit 'kill $(jobs -p) 2>/dev/null'
tls=/firn/tests/real/registry-tls
echo '[]' >rules

free_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}
listening() { wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1" || bail "nobody at port $1: $(cat "$2")"; }
# between NAME [CERT KEY]: a proxy before the registry, see registry-fault.py; its address is in $at, what was asked in NAME.log
between() {
	local port
	port=$(free_port)
	at=127.0.0.1:$port
	python3 /firn/tests/real/registry-fault.py "$port" "${registry##*:}" rules "$1.log" "${@:2}" >"$1.out" 2>&1 </dev/null &
	listening "$port" "$1.out"
}
rules() { printf '%s\n' "$1" >rules; }
requests() { grep -c "$2" "$1.log"; }

must firn build -q "$data/podman-none.tar" oci:layout:r1
digest=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "r1").digest' layout/index.json)
rootfs=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "r1.rootfs").digest' layout/index.json)
checkpoint=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "r1.checkpoint").digest' layout/index.json)
vital "push" firn copy -q --plain-http oci:layout:r1 "docker://$registry/app:r1"
between front
front=$at
between secure "$tls/server.crt" "$tls/server.key"
secure=$at

# --- to look into

must firn inspect --format json oci:layout:r1 >here.json
firn inspect --format json oci:layout:r1 >here.json
check "inspect" bash -c "firn inspect --plain-http --format json docker://$registry/app:r1 >there.json"
check "tells what it tells of a layout" cmp here.json there.json
check "inspect by digest" bash -c "firn inspect --plain-http --format json docker://$registry/app@$digest | cmp - here.json"
# How much memory is free is another matter.
asked() { jq 'del(.[].checks[] | select(.check == "memory"))' "$1"; }
firn check --format json oci:layout:r1 >checked.here 2>/dev/null
fails 5 "can't be restored here" "check: the base isn't here" bash -c "firn check --plain-http --format json docker://$registry/app:r1 >checked.there"
is "$(asked checked.there)" "$(asked checked.here)" "tells what it tells of a layout"
is "$(firn list --plain-http --format '{{.Name}} {{.Container}} {{.Digest}}' "docker://$registry/app")" "r1 c1 $digest" "list of the tags"
is "$(firn list --plain-http --format '{{.Kind}} {{.Digest}}' "docker://$registry/app@$rootfs")" "checkpoint $checkpoint" \
	"list of an image's checkpoints, of a registry without the referrers API"
is "$(command skopeo inspect --raw --tls-verify=false "docker://$registry/app:${rootfs/:/-}" | jq -r '.manifests[].digest')" "$checkpoint" \
	"skopeo finds it in the fallback tag"
fails 4 'MANIFEST_UNKNOWN' "inspect of nothing" firn inspect --plain-http "docker://$registry/app:none"
fails 1 'no TLS connection|certificate file' "HTTP isn't spoken unasked" firn inspect "docker://$registry/app:r1"
check "--tls-verify=false speaks it" firn inspect --tls-verify=false "docker://$registry/app:r1"
fails 1 'lies in a registry' "verify" firn verify "docker://$registry/app:r1"

# A checkpoint with much memory: what is fetched depends on what is shown.
python3 - "$data/podman-none.tar" big.tar <<'END'
import io, sys, tarfile
old, new = tarfile.open(sys.argv[1]), tarfile.open(sys.argv[2], "w", format=tarfile.PAX_FORMAT)
class Pages(io.RawIOBase):
    def __init__(self, size): self.left = size
    def read(self, n=-1):
        n = min(n, self.left)
        self.left -= n
        return b"x" * n
for m in old:
    new.addfile(m, old.extractfile(m) if m.isreg() else None)
m = tarfile.TarInfo("checkpoint/pages-77.img")
m.size = 256 << 20
new.addfile(m, Pages(m.size))
new.close()
END
if firn build -q big.tar oci:big:b >/dev/null 2>.big; then
	must firn copy -q --plain-http oci:big:b "docker://$registry/big:b"
	check "inspect of 256 MiB" firn inspect --plain-http "docker://$front/big:b"
	bytes=$(awk '{ sum += $NF } END { print sum }' front.log)
	diag "bytes of all answers: $bytes"
	if [ "$bytes" -lt 1048576 ]; then ok "fetches less than 1 MiB"; else not_ok "fetches $bytes bytes"; fi
else
	not_ok "build of a large checkpoint: $(cat .big)"
fi

# --- TLS

fails 1 "can't prove who it is" "an unknown authority" firn inspect "docker://$secure/app:r1"
mkdir certs && cp "$tls/ca.crt" certs/
check "a known one" firn inspect --cert-dir certs "docker://$secure/app:r1"
check "it need not be known" firn inspect --tls-verify=false "docker://$secure/app:r1"
check "push over TLS" firn copy -q --cert-dir certs oci:layout:r1 "docker://$secure/tls:r1"
is "$(command skopeo inspect --raw --tls-verify=false "docker://$registry/tls:r1" | sha256sum | cut -d' ' -f1)" "${digest#sha256:}" "it is that image"
rules "[{\"match\": \"manifests\", \"do\": \"status\", \"status\": 307, \"headers\": {\"Location\": \"http://$front/v2/app/manifests/r1\"}}]"
fails 1 'HTTPS to plain HTTP' "a redirect from TLS to none" firn inspect --cert-dir certs "docker://$secure/app:r1"

# --- who we are

rules '[{"match": "", "do": "basic", "user": "me:secret"}]'
fails 1 '401.*no credentials' "nobody" firn inspect --plain-http "docker://$front/app:r1"
fails 1 'answers 401' "a wrong password" firn inspect --plain-http --creds me:wrong0word "docker://$front/app:r1"
unlike "$err" 'wrong0word' "which isn't shown"
check "--creds" firn inspect --plain-http --creds me:secret "docker://$front/app:r1"
printf '{"auths":{"%s":{"auth":"%s"}}}\n' "$front/app" "$(printf me:secret | base64)" >auth.json
check "--authfile" firn inspect --plain-http --authfile auth.json "docker://$front/app:r1"
check "\$REGISTRY_AUTH_FILE" env REGISTRY_AUTH_FILE=auth.json firn inspect --plain-http "docker://$front/app:r1"
mkdir -p "$XDG_RUNTIME_DIR/containers" && must command skopeo login -u me -p secret --tls-verify=false "$front"
check "what skopeo login wrote" firn inspect --plain-http "docker://$front/app:r1"
rm -r "$XDG_RUNTIME_DIR/containers"
mkdir -p "$HOME/.docker" bin
echo "{\"credHelpers\":{\"$front\":\"test\"}}" >"$HOME/.docker/config.json"
fails 4 'docker-credential-test' "a helper that isn't there" firn inspect --plain-http "docker://$front/app:r1"
cat >bin/docker-credential-test <<-'END'
	#!/bin/sh
	read -r host
	echo "{\"ServerURL\":\"$host\",\"Username\":\"me\",\"Secret\":\"secret\"}"
END
chmod +x bin/docker-credential-test
check "a credential helper" env "PATH=$work/bin:$PATH" firn inspect --plain-http "docker://$front/app:r1"
rm -r "$HOME/.docker"

: >front.log
rules "[{\"match\": \"\", \"do\": \"token\", \"realm\": \"http://$front/token\", \"user\": \"me:secret\"}]"
check "tokens" firn inspect --plain-http --creds me:secret "docker://$front/app:r1"
is "$(requests front 'GET /token')" 1 "one for all questions"
check "push with tokens" firn copy -q --plain-http --creds me:secret oci:layout:r1 "docker://$front/token:r1"
check "and with those for another repository" firn copy -q --plain-http --creds me:secret "docker://$front/app:r1" "docker://$front/other:r1"
fails 1 'token from' "no token" firn inspect --plain-http --creds me:wrong "docker://$front/app:r1"

# The registry itself proves tokens, which it wants for each repository and for what is done there.
issuer=$(free_port) guarded=$(free_port)
users() {
	printf '{"users": {"": {"may": {"open": ["pull"]}}, "me": {"password": "secret", "may": {"*": ["pull", "push", "delete"]}},
	"guest": {"password": "secret", "may": {"app": ["pull"]}}}, "life": 300, "says": 300}\n' >users
}
users
python3 /firn/tests/real/token-issuer.py "$issuer" "$tls/token.key" "$tls/token.crt" users issuer.log >issuer.out 2>&1 </dev/null &
cat >guarded.yml <<-END
	version: 0.1
	log: {level: warn}
	storage: {filesystem: {rootdirectory: $PWD/guarded}}
	http: {addr: 127.0.0.1:$guarded}
	auth: {token: {realm: "http://127.0.0.1:$issuer/token", service: test, issuer: test-issuer, rootcertbundle: $tls/token.crt}}
END
docker-registry serve guarded.yml >guarded.out 2>&1 </dev/null &
listening "$issuer" issuer.out
listening "$guarded" guarded.out
guard=docker://127.0.0.1:$guarded
me=(--plain-http --creds me:secret)
check "push with a token that the registry proves" firn copy -q "${me[@]}" oci:layout:r1 "$guard/app:r1"
like "$(cat issuer.log)" '^me asks repository:app:pull gets app:pull$' "one to look whether it is there"
like "$(cat issuer.log)" '^me asks repository:app:pull,push gets app:pull,push$' "and one to push"
is "$(wc -l <issuer.log)" 2 "and no more"
check "inspect by who may pull" bash -c "firn inspect --plain-http --creds guest:secret --format json $guard/app:r1 | cmp - here.json"
fails 1 'answers 401 .*insufficient|answers 401 .*DENIED|answers 401 .*UNAUTHORIZED' "who can't push" \
	firn copy -q --plain-http --creds guest:secret --force oci:layout:r1.rootfs "$guard/app:r1"
fails 1 'token from 127.0.0.1.*answers 401' "a wrong password" firn inspect --plain-http --creds me:wrong0word "$guard/app:r1"
unlike "$err" wrong0word "which isn't shown"
fails 1 'answers 401.*no credentials' "nobody" firn inspect --plain-http "$guard/app:r1"
check "push for all" firn copy -q "${me[@]}" oci:layout:r1 "$guard/open:r1"
check "of which everybody may pull" firn inspect --plain-http "$guard/open:r1"
: >issuer.log
check "to another repository" firn copy --progress=json "${me[@]}" "$guard/app:r1" "$guard/other/one:r1"
like "$err" '"state":"mounted"' "takes blobs over"
like "$(cat issuer.log)" '^me asks repository:other/one:pull,push repository:app:pull gets other/one:pull,push app:pull$' "with a token for both"
check "skopeo agrees" command skopeo copy -q --src-tls-verify=false --src-creds me:secret "$guard/other/one:r1" dir:other
# The first ones are good for two seconds only, whatever the client is told.
sed -i 's/"life"/"first": 2, "life"/' users
: >issuer.log
rules '[{"match": "(PUT|PATCH) .*blobs", "times": 3, "do": "delay", "seconds": 0.8}]'
registry=127.0.0.1:$guarded between guardian
check "a push that lasts longer than its token" firn copy -q -j 1 "${me[@]}" oci:layout:r1 "docker://$at/long:r1"
is "$(grep -c 'gets long:pull,push' issuer.log)" 2 "gets another one"
like "$(cat guardian.log)" '^(PUT|PATCH) .* 401 ' "when the registry doesn't take the old one"
check "all of it is there" bash -c "firn inspect --plain-http --creds me:secret --format json $guard/long:r1 | cmp - here.json"

between elsewhere
: >front.log
rules "[{\"match\": \"GET .*blobs.*#never\", \"do\": \"pass\"}, {\"match\": \"/v2/app/blobs/\", \"times\": 1, \"do\": \"basic\", \"user\": \"me:secret\"},
	{\"match\": \"/v2/app/blobs/\", \"times\": 2, \"do\": \"status\", \"status\": 307, \"headers\": {\"Location\": \"http://$at/v2/tls/blobs/$(jq -r .config.digest "layout/blobs/sha256/${checkpoint#*:}")\"}}]"
firn inspect --plain-http --creds me:secret "docker://$front/app:r1" >/dev/null 2>&1
is "$(grep -c ' auth ' elsewhere.log)" 0 "another host isn't told who we are"
check "though it was asked" test "$(requests elsewhere /v2/tls/blobs/)" -gt 0
check "and the registry was told" grep -q ' auth ' front.log

# --- what goes wrong

rules '[{"match": "", "times": 1, "do": "status", "status": 503, "headers": {"Retry-After": "0"}},
	{"match": "blobs", "times": 1, "do": "status", "status": 429}, {"match": "blobs", "times": 1, "do": "cut", "answer": 100}]'
check "busy, then cut" bash -c "firn inspect --plain-http --format json docker://$front/app:r1 | cmp - here.json"
rules '[{"match": "GET .*blobs", "do": "lie"}]'
fails 3 'its content is|digest' "a lie" firn copy -q --plain-http "docker://$front/app:r1" oci:lie:r1
check "of which nothing is left" test ! -e lie/index.json
for fault in short wrong long; do
	rules "[{\"match\": \"GET .*blobs\", \"do\": \"$fault\", \"times\": 3}]"
	firn copy -q --plain-http "docker://$front/app:r1" "oci:$fault:r1" >/dev/null 2>.why
	case $? in
	0) is "$(jq -r '.manifests[0].digest' "$fault/index.json")" "$digest" "$fault answers are made good" ;;
	1 | 3) ok "$fault answers: $(head -c 200 .why)" ;;
	*) not_ok "$fault answers: $(cat .why)" ;;
	esac
done
rules '[{"match": "manifests", "do": "endless"}]'
fails 3 'larger than' "a document without end" bash -c "ulimit -v 4000000; firn inspect --plain-http docker://$front/app:r1"
rules '[{"match": "manifests", "do": "status", "status": 307, "headers": {"Location": "file:///etc/passwd"}}]'
fails 3 'neither HTTP nor HTTPS' "a redirect to a file" firn inspect --plain-http "docker://$front/app:r1"
rules '[{"match": "GET .*blobs", "do": "plain"}]'
check "a registry that knows no ranges" bash -c "firn inspect --plain-http --format json docker://$front/app:r1 | cmp - here.json"

# A blob that no connection carries as a whole: what of an upload is cut is lost here, so that it goes in smaller requests.
: >front.log
rules '[{"match": "", "do": "carry", "bytes": 10000000}]'
check "push over connections of 10 MB" firn copy -q --plain-http oci:big:b "docker://$front/carry:b"
diag "requests: $(awk '$1 ~ /PUT|PATCH/ && /blobs/ { n[$3]++ } END { for (s in n) printf "%s %d, ", s, n[s] }' front.log)"
check "pull over such" firn copy -q --plain-http "docker://$front/carry:b" oci:carried:b
is "$(jq -r '.manifests[0].digest' carried/index.json)" "$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "b").digest' big/index.json)" "it is that image"
check "and whole" firn verify oci:carried:b

# Random cuts, both ways; more of them are for who has the time.
rules "[{\"match\": \"\", \"times\": ${FIRN_CUTS:-24}, \"do\": \"random\", \"p\": 0.6, \"seed\": 3, \"most\": 65536}]"
vital "push with cuts" firn copy -q --plain-http --all-tags oci:layout "docker://$front/cuts"
rules "[{\"match\": \"GET\", \"times\": ${FIRN_CUTS:-24}, \"do\": \"random\", \"p\": 0.6, \"seed\": 4, \"most\": 65536}]"
vital "pull with cuts" firn copy -q --plain-http "docker://$front/cuts:r1" oci:cuts:r1
diag "cuts: $(cat front.log.cuts | wc -l)"
check "there were some" test "$(cat front.log.cuts | wc -l)" -ge 5
is "$(jq -r '.manifests[0].digest' cuts/index.json)" "$digest" "the digest is right"
check "and so is all of it" firn verify oci:cuts:r1
done_testing

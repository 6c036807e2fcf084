#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Several containers in one image: how they are called, what is printed; and what is wrong with them is
# found before anything is written.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
mkdir "$work/in" && cd "$work/in" || exit 99
podman=$data/podman-none.tar containerd=$data/containerd-cri-tiny.tar

# what EXPRESSION: of the JSON on standard output, as x
what() { printf '%s\n' "$out" | python3 -c "import json,sys; x = json.load(sys.stdin); print(repr(($1)))"; }
tags() { python3 -c "
import json
print(*(m['annotations']['org.opencontainers.image.ref.name'] for m in json.load(open('$1/index.json'))['manifests']))"; }

# --- named on the command line

check "NAME=CHECKPOINT twice" "$firn" build --format json web="$podman" db="$containerd" oci:layout:shop
is "$(what "x['Container'], x['Checkpoint'], x['Rootfs'], x['Engine']")" "(None, None, None, None)" \
	"JSON: of the whole there is no one container"
is "$(what "[(c['Container'], c['Engine'], c['Rootfs'][:7]) for c in x['Containers']]")" \
	"[('web', 'Podman', 'sha256:'), ('db', 'containerd', 'sha256:')]" "JSON: and all of them"
is "$(what "sum(c['Bytes'] for c in x['Containers']) == x['Bytes'], sum((c['Losses'] for c in x['Containers']), []) == x['Losses']")" \
	"(True, True)" "JSON: sums of them"
like "$err" '^firn: warning: web: ' "a warning says whose it is"
is "$(tags layout)" "shop shop.web.checkpoint shop.web.rootfs shop.db.checkpoint shop.db.rootfs" "the tags"
check "the names inside" "$firn" build "$podman" "$containerd" oci:layout:names
like "$(tags layout)" " names.c1.checkpoint names.c1.rootfs names.tiny.checkpoint names.tiny.rootfs" "are taken"
run_stdin "$firn" build a=- b="$containerd" oci:layout:stdin <"$podman"
status_is 0 "one of them from standard input"
check "one NAME=CHECKPOINT" "$firn" build --format json one="$podman" oci:layout:one
is "$(what "x['Container'], [c['Container'] for c in x['Containers']]")" "('one', ['one'])" "JSON: it is the only one"
like "$(tags layout)" " one one.checkpoint one.rootfs" "and has the tags of the only one"
check "a path with a '=' is a path" cp "$podman" a=b.tar
"$firn" build a=b.tar oci:layout:path >/dev/null 2>&1
status_is 0 "alone"
check "and with another" "$firn" build --format json a=b.tar x="$containerd" oci:layout:path2
is "$(what "[c['Container'] for c in x['Containers']]")" "['c1', 'x']" "it is called as the checkpoint says"
check "./ makes a path of it too" "$firn" build ./a=b.tar oci:layout:path3

# --- a folder

mkdir shop && cp "$podman" shop/one.tar && cp "$containerd" shop/two.tar && echo text >shop/README
printf '{"name":"shop","services":[{"name":"web","archive":"two.tar"},{"name":"db","archive":"one.tar"}]}' >shop/project.json
check "--project with project.json" "$firn" build --project shop oci:layout:p1
like "$(tags layout)" " p1 p1.web.checkpoint p1.web.rootfs p1.db.checkpoint p1.db.rootfs" "in its order, by its names"
unlike "$err" README "what it doesn't list is nobody's"
rm shop/project.json
check "--project without a document" "$firn" build -p shop oci:layout:p2
like "$(tags layout)" " p2 p2.c1.checkpoint p2.c1.rootfs p2.tiny.checkpoint p2.tiny.rootfs" "in the order of the files"
like "$err" '"README" is left out' "what is no checkpoint is told"
a=$out
check "the same again" "$firn" build -f -p shop oci:layout:p2
is "$out" "$a" "gives the same digest"
mkdir -p pod/1f-k8s_web pod/2e-k8s_db
tar -C pod/1f-k8s_web -xf "$podman" && tar -C pod/2e-k8s_db -xf "$containerd"
printf '{"version":1,"containers":{"web":"1f-k8s_web","db":"2e-k8s_db"}}' >pod/pod.options
printf '{"metadata":{"name":"shop","uid":"u1","namespace":"default"}}' >pod/pod.dump
check "a pod's checkpoint" "$firn" build --project pod oci:layout:kep
like "$(tags layout)" " kep kep.db.checkpoint kep.db.rootfs kep.web.checkpoint kep.web.rootfs" "by the short names"
check "the layout is a whole one" python3 "$top_srcdir/tests/cli/check-layout.py" layout shop=web,db names=c1,tiny \
	stdin=a,b one path path2=c1,x path3 p1=web,db p2=c1,tiny kep=db,web

# --- a shared base, once

read -r id < <(python3 "$top_srcdir/tests/cli/make-base.py" "$data/base-tiny-rootfs.tar" base app)
python3 "$top_srcdir/tests/cli/expected.py" rehome "$podman" "$id" based.tar
check "two over one base" "$firn" build --base oci:base:app a=based.tar b=based.tar oci:shared:t
like "$err" '^firn: warning: b: ' "both are told about"
check "one over a base, another without" "$firn" build --base a=oci:base:app a=based.tar b="$podman" oci:shared:u
before=$(find shared/blobs -type f | wc -l)
check "the base's layer is there once, and stays" "$firn" build -f --base oci:base:app a=based.tar b=based.tar oci:shared:t
is "$(find shared/blobs -type f | wc -l)" "$before" "nothing is added"

# --- wrong ones: status, sentence, and a layout that is what it was

listing() { find . \( -type f -printf '%p %y %m %s %i %C@\n' \) -o -printf '%p %y %m %l\n' | sort; }
mkdir -p bad/link bad/twice bad/leaves bad/missing bad/empty bad/version bad/name bad/cut
ln -s /etc/passwd bad/link/a.tar
printf '{"services":[{"name":"a","archive":"a.tar"}]}' >bad/link/project.json
printf '{"services":[{"name":"a","archive":"x"},{"name":"a","archive":"x"}]}' >bad/twice/project.json
printf '{"services":[{"name":"a","archive":"../../shop/one.tar"}]}' >bad/leaves/project.json
printf '{"services":[{"name":"a","archive":"none.tar"}]}' >bad/missing/project.json
printf '{"version":7,"containers":{"a":"b"}}' >bad/version/pod.options
printf '{"services":[{"name":"../a","archive":"x"}]}' >bad/name/project.json
cp "$podman" bad/cut/a.tar && head -c 100000 "$podman" >bad/cut/b.tar
printf '{"services":[{"name":"a","archive":"a.tar"},{"name":"b","archive":"b.tar"}]}' >bad/cut/project.json
mkdir bad/cut2 && cp "$containerd" bad/cut2/a.tar && cp bad/cut/b.tar bad/cut2
mkdir bad/both && cp "$podman" bad/both/a.tar && cp "$podman" bad/both/b.tar
mkdir bad/broken && printf '{"services":[' >bad/broken/project.json
listing >../before
while IFS='|' read -r want re words; do
	eval "set -- $words"
	fails "$want" "$re" "refused: $words" "$firn" build "$@"
	listing | cmp -s - ../before || not_ok "it changed something: $(listing | diff - ../before | head -n 3)"
done <<'END'
2|"a" is in|a="$podman" a="$containerd" oci:layout:bad
2|"c1" is in|"$podman" "$podman" oci:layout:bad
2|"c1" is in|c1="$containerd" "$podman" oci:layout:bad
2|container name "\.\."|..="$podman" b="$containerd" oci:layout:bad
2|container name "a b"|"a b=$podman" b="$containerd" oci:layout:bad
2|container name "a\.\.b"|a..b="$podman" b="$containerd" oci:layout:bad
4|none.tar|a="$podman" b=none.tar oci:layout:bad
4|a/b=|a/b="$podman" oci:layout:bad
4|oci:none:x|--base oci:none:x a="$podman" b="$containerd" oci:layout:bad
2|no such container|--base c=oci:base:app a="$podman" b="$containerd" oci:layout:bad
2|second one for all|--base oci:base:app --base oci:base:app "$podman" oci:layout:bad
1|base has image ID|--base oci:base:app a=based.tar b="$podman" oci:layout:bad
1|tag "shop.web.checkpoint" is there|"$podman" oci:layout:shop.web
1|tag "shop" is there|a="$podman" b="$containerd" oci:layout:shop
2|container name "a/b"|--name a/b "$podman" oci:layout:bad
2|container name "\.\."|--name .. "$podman" oci:layout:bad
2|--name and several|--name x "$podman" "$containerd" oci:layout:bad
2|--name and y=|--name x y="$podman" oci:layout:bad
2|--project and|--project shop "$podman" oci:layout:bad
2|--project and --name|--project shop --name x oci:layout:bad
2|needs|oci:layout:bad
2|input|a=- b=- oci:layout:bad
2|standard input|- "$podman" oci:layout:bad
2|"c1" is in|--project bad/both oci:layout:bad
3|comes twice|--project bad/twice oci:layout:bad
3|no name of a file|--project bad/leaves oci:layout:bad
3|neither a file nor a folder|--project bad/link oci:layout:bad
4|none.tar|--project bad/missing oci:layout:bad
3|no checkpoint in it|--project bad/empty oci:layout:bad
1|version 7|--project bad/version oci:layout:bad
3|container name|--project bad/name oci:layout:bad
3|project.json|--project bad/broken oci:layout:bad
3|b.tar|--project bad/cut oci:layout:bad
3|b.tar|--project bad/cut2 oci:layout:bad
2|of one container .it has config.dump|--project pod/1f-k8s_web oci:layout:bad
4|nothing-there|--project nothing-there oci:layout:bad
1|README|--project shop/README oci:layout:bad
END

# A broken second one in a new layout: no trace of it.
fails 3 'b.tar' "a broken second one" "$firn" build --project bad/cut oci:new:bad
[ ! -e new ]
is $? 0 "leaves no folder"
done_testing

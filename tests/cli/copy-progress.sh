#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What firn copy shows while it works: lines that are drawn over on a terminal, plain ones without, JSON that adds up.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_tool python3
need curl "no libcurl" python3 -c 'import ctypes; ctypes.CDLL("libcurl.so.4")'
cd "$work" || exit 99
export HOME=$work XDG_RUNTIME_DIR=$work XDG_STATE_HOME=$work TERM=xterm
unset REGISTRY_AUTH_FILE XDG_CONFIG_HOME DOCKER_CONFIG NO_COLOR

# Seven layers, of which the registry has one and another repository has another.
python3 - >digests <<'END'
import hashlib, json, os
OCI = "application/vnd.oci.image."
def put(top, data, media):
    digest = hashlib.sha256(data).hexdigest()
    os.makedirs(f"{top}/blobs/sha256", exist_ok=True)
    with open(f"{top}/blobs/sha256/{digest}", "wb") as f:
        f.write(data)
    return {"mediaType": OCI + media, "digest": "sha256:" + digest, "size": len(data)}
def image(top, sizes, role, **more):
    layers = [put(top, os.urandom(n << 10), "layer.v1.tar") for n in sizes]
    doc = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": put(top, b"{}", "config.v1+json"), "layers": layers,
           "annotations": {"org.firn.role": role, **more}}
    root = put(top, json.dumps(doc).encode(), "manifest.v1+json")
    root["annotations"] = {"org.opencontainers.image.ref.name": "t"}
    with open(f"{top}/oci-layout", "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    with open(f"{top}/index.json", "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [root]}, f)
    return [d["digest"][7:] for d in layers]
print(*image("l", (3000, 300, 2000, 400, 1500, 1, 1000), "rootfs", **{"org.opencontainers.image.base.name": "HOST/base:1"}))
image("hostile", (1500, 1500), "a\033[31mb\n\u00e4" + "x" * 60)
END
read -r -a d <digests
for rate in 1500000 4000000; do
	python3 "$top_srcdir/tests/cli/slow-registry.py" port.$rate $rate "${d[1]}" "${d[3]}" &
	at_exit "kill $! 2>/dev/null"
	wait_for 10 test -e port.$rate || bail "no registry"
done
slow=docker://127.0.0.1:$(cat port.1500000)/a/b:t
registry=127.0.0.1:$(cat port.4000000)
# The image says where its base is: only now that is known.
python3 - "$registry" <<'END'
import hashlib, json, sys
index = json.load(open("l/index.json"))
entry = index["manifests"][0]
text = open("l/blobs/" + entry["digest"].replace(":", "/")).read().replace("HOST", sys.argv[1])
entry.update(digest="sha256:" + hashlib.sha256(text.encode()).hexdigest(), size=len(text))
open("l/blobs/" + entry["digest"].replace(":", "/"), "w").write(text)
json.dump(index, open("l/index.json", "w"))
END
digest=$(python3 -c 'import json; print(json.load(open("l/index.json"))["manifests"][0]["digest"])')
copy=("$firn" copy --plain-http)
there=docker://$registry/a/b:t
live='.* (left|finishing)$'
# on_terminal SIZE [ACTION]... -- COMMAND...: $screen is what terminal.py says
on_terminal() {
	local size=$1
	shift
	screen=$(python3 "$top_srcdir/tests/cli/terminal.py" "$size" "$live" "$@") || bail "no terminal"
}
# of 'PYTHON': an expression over the screen, s
of() { python3 -c "import json, re, sys; s = json.load(sys.stdin); print($1)" <<<"$screen"; }
sane='s["wrapped"], s["hidden"], s["bold"], s["unknown"], s["column"], s["row"] == max(i for i, l in enumerate(s["lines"]) if l) + 1'
# Without times, in order.
lines='"\n".join(sorted(re.sub(" in [0-9.]+ s$", " in N s", l) for l in s["lines"] if l))'
want=$(for i in 1 3 5 7; do
	echo "firn: rootfs layer $i, sha256:$(cut -c1-12 <<<"${d[i - 1]}"): $(sed -n ${i}p <<<$'2.9 MiB\n\n2.0 MiB\n\n1.5 MiB\n\n1000 KiB') in N s"
done
echo "firn: rootfs layer 2, sha256:$(cut -c1-12 <<<"${d[1]}"): 300 KiB already there"
echo "firn: rootfs layer 4, sha256:$(cut -c1-12 <<<"${d[3]}"): 400 KiB mounted from base"
echo "$digest")
want=$(sort <<<"$want")

# --- a terminal

on_terminal 80x24 -- "${copy[@]}" oci:l:t "$there"
is "$(of "$lines")" "$want" "in the end a line for each blob that isn't tiny, and the digest"
is "$(of "s['status'], len(s['live']), $sane")" "0 0 0 False False [] 0 True" "nothing else, and the terminal is as it was"
check "lines were drawn over, for up to four blobs and all together" test "$(of '2 < s["most"] < 6')" = True
on_terminal 80x24 -- "${copy[@]}" --jobs 2 oci:l:t "$there"
is "$(of "s['most'], len(s['live']), $sane")" "3 0 0 False False [] 0 True" "--jobs 2: for two"
on_terminal 60x3 -- "${copy[@]}" oci:l:t "$there"
is "$(of "s['most'], len(s['live']), s['wrapped'] > 0, s['row'] == len(s['lines']) - 1")" "2 0 True True" "a low terminal: as many as there is room for"
on_terminal 100x24 60x24 36x24 80x24 -- "${copy[@]}" oci:l:t "$slow"
is "$(of "s['actions'], len(s['live']), s['unknown'], s['status']")" "0 0 [] 0" "another size meanwhile: nothing stays of what was drawn before"
is "$(of 'len(re.findall("rootfs layer [1-7], sha256:", "".join(s["lines"])))')" 6 "each has its line"
on_terminal 80x24 stop -- "${copy[@]}" oci:l:t "$slow"
is "$(of "s['lines'].count(\"the shell's line\"), 1 < len(s['live']) < 6, s['status']")" "1 True 0" "stopped and gone on with: what is the shell's stays"
on_terminal 80x24 interrupt -- "${copy[@]}" oci:l:t "$slow"
is "$(of "s['status'], 1 < len(s['live']) < 6, s['hidden'], s['bold'], s['lines'][s['row']][:s['column']], s['row'] == len(s['lines']) - 1")" \
	"-2 True False False ^C True" "^C leaves the cursor below what was shown"
on_terminal 80x24 -- "${copy[@]}" oci:hostile:t "$slow"
is "$(of "s['unknown'], s['wrapped'] < 40, len(s['live']), s['status']")" "[] True 0 0" "names that are somebody's move no cursor"
# The last layer is found to be too short while others are on their way.
cp -r l bad && truncate -s 900K "bad/blobs/sha256/${d[6]}"
on_terminal 80x24 -- "${copy[@]}" --jobs 3 oci:bad:t "$there"
is "$(of "s['status'], s['most'] > 1, len(s['live']), $sane")" "3 True 0 0 False False [] 0 True" "a failure wipes what was drawn"
is "$(of "re.match('firn: copy: ', [l for l in s['lines'] if l][-1]) is not None or 'firn: copy: ' in ''.join(s['lines'][-4:])")" True "and its sentence comes last"
on_terminal 80x24 -- env TERM=dumb "${copy[@]}" oci:l:t "$there"
is "$(of "$lines") $(of "s['most'], $sane")" "$want 0 0 False False [] 0 True" "a terminal that can't: plain lines"
on_terminal 80x24 -- env NO_COLOR=1 "${copy[@]}" oci:l:t "$there"
is "$(of "s['most'] > 1, s['attributes'], len(s['live'])")" "True 0 0" "NO_COLOR: lines are drawn over, in no color"
on_terminal 80x24 -- "${copy[@]}" -q oci:l:t "$there"
is "$(of 's["lines"]')" "['$digest', '']" "--quiet: the digest alone"

# --- no terminal

check "without a terminal" "${copy[@]}" oci:l:t "$there"
is "$({ sed 's/ in [0-9.]* s$/ in N s/' <<<"$err"; echo "$out"; } | sort)" "$want" "the same lines"
check "--progress=json" "${copy[@]}" --progress=json oci:l:t "$there"
is "$(python3 -c 'import json, sys
ends, at, total, begun = {}, {}, 0, 0
for e in map(json.loads, sys.stdin):
    if e["event"] == "progress":
        total = e["total"]
        assert e["done"] <= total
    else:
        assert e["event"] == "blob" and e["offset"] <= e["size"] and at.get(e["digest"], 0) <= e["offset"] and e["digest"] not in ends
        at[e["digest"]] = e["offset"]
        if e["state"] == "copying":
            begun += 1
        else:
            assert e["offset"] == e["size"] and ("from" in e) == (e["state"] == "mounted")
            ends[e["digest"]] = e
states = sorted(e["state"] + " " + e["what"] + (" " + e["from"] if "from" in e else "") for e in ends.values())
print(*states, sum(at.values()) == total, begun >= 4, sep="\n")' <<<"$err")" "copied rootfs config
copied rootfs layer 1
copied rootfs layer 3
copied rootfs layer 5
copied rootfs layer 6
copied rootfs layer 7
copied rootfs manifest
mounted rootfs layer 4 base
there rootfs layer 2
True
True" "each blob's events go up to its size, and the sizes add up"
done_testing

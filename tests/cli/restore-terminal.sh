#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A restore is tried again while a pid that it needs is a zombie's: the terminal comes from the try that succeeds,
# though each one before has connected for it. A script stands for the runtime, and nothing for CRIU.
# shellcheck source=tests/cli/lib.sh
. "${top_srcdir:-.}/tests/cli/lib.sh"
# shellcheck source=tests/cli/mount-lib.sh
. "$top_srcdir/tests/cli/mount-lib.sh"
mkdir fake && ln -s /bin/true fake/criu
mount --bind fake /usr/local/sbin || bail "no folder for programs"
tar -xOf c.tar spec.dump |
	python3 -c 'import json, sys; s = json.load(sys.stdin); s["process"]["terminal"] = True; print(json.dumps(s))' >spec
python3 "$input" archive c.tar terminal.tar "$id" drop=spec.dump "file=spec.dump=$(cat spec)"
"$firn" build --quiet --base oci:base:app terminal.tar oci:layout:t >/dev/null || bail "build"
python3 -c 'import os, time
p = os.fork()
if p == 0: os._exit(0)
open("zombie", "w").write(str(p)); time.sleep(60)' &
maker=$!
cat >fake/runc <<END
#!$(command -v python3)
import array, os, pty, socket, sys, time
a = sys.argv
if "state" in a: sys.exit(1)
if "delete" in a: sys.exit(0)
of = lambda name: a[a.index(name) + 1]
tries = os.path.getsize("$work/tries") if os.path.exists("$work/tries") else 0
open("$work/tries", "a").write("x")
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(of("--console-socket"))
if tries < 3:
    open(of("--work-path") + "/restore.log", "w").write("(00.1) Error (x.c:1): Can't fork for %s: File exists\n" % open("$work/zombie").read())
    sys.exit(1)
master, slave = pty.openpty()
s.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [master]))])
p = os.fork()
if p == 0:
    os.close(master); os.setsid(); os.write(slave, b"hello\n"); time.sleep(1); os._exit(0)
open(of("--pid-file"), "w").write(str(p))
END
chmod 755 fake/runc
for ((i = 0; i < 50; i++)); do [ -s zombie ] && break || sleep 0.1; done
check "the fourth try" "$firn" restore --no-check --cache "$cache" -o "$work/out" --runtime "$work/fake/runc" oci:layout:t x
is "$(cat tries)" xxxx "is that"
for ((i = 0; i < 100; i++)); do [ -s out ] && [ ! -e /run/firn/containers/x ] && break || sleep 0.1; done
is "$(tr -d '\r' <out)" hello "and what is written to its terminal is read"
is "$(mounts /run/firn)" "" "nothing stays mounted"
kill $maker
done_testing

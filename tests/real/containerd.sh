# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# containerd, for the scenarios that use it; after lib.sh. $socket is where it listens.
#
# A root without containerd, see root.sh, skips the scenario; with "containerd" in FIRN_REQUIRE it fails.
need containerd "no containerd in the Debian root" containerd --version

# The runtime that containerd calls: runc, without limits that a machine with old cgroups can't set.
runc_without_limits() {
	cat >"$1" <<-'EOS'
		#!/bin/sh
		bundle='' last=''
		for arg; do
			[ "$last" != --bundle ] || bundle=$arg
			last=$arg
		done
		if [ -n "$bundle" ]; then
			jq 'del(.linux.resources)' "$bundle/config.json" >"$bundle/config.new" || exit 1
			mv "$bundle/config.new" "$bundle/config.json"
		fi
		exec runc "$@"
	EOS
	chmod +x "$1"
}
# start_containerd SANDBOX-IMAGE: any image whose program doesn't end will do for a pod's sandbox
start_containerd() {
	socket=/run/containerd/containerd.sock
	runc_without_limits "$PWD/runc"
	cat >containerd.toml <<-EOS
		version = 3
		root = "$PWD/containerd"
		state = "/run/containerd"
		[plugins."io.containerd.internal.v1.opt"]
		path = "$PWD/containerd-opt"
		[plugins."io.containerd.cri.v1.images".pinned_images]
		sandbox = "$1"
		[plugins."io.containerd.cri.v1.runtime"]
		disable_apparmor = true
		restrict_oom_score_adj = true
		enable_experimental_restore_via_create = true
		[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
		runtime_type = "io.containerd.runc.v2"
		[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
		BinaryName = "$PWD/runc"
	EOS
	containerd -c containerd.toml >containerd.log 2>&1 </dev/null &
	wait_for 20 ctr version || bail "containerd doesn't start: $(tail -n 3 containerd.log)"
	diag "$(containerd --version)"
}
cri() { python3 /firn/tests/real/cri.py "$socket" "$@"; }
# pod NAME: starts it, sets $pod to its id
pod() { pod=$(cri sandbox "$1") || bail "no pod $1: $(grep -E 'level=error' containerd.log | tail -n 1)"; }
pid_of() { cri status "$1" | jq .pid; }

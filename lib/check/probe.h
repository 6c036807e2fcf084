/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether sockets can be bound to addresses here, found out by doing it for a moment. */
#ifndef FIRN_CHECK_PROBE_H
#define FIRN_CHECK_PROBE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct probe {
	struct sockaddr_storage address;
	int family, type; /* SOCK_... */
	bool v6only;
	int outcome; /* 0, or an errno */
};

/*
 * Try all of them, in the network namespace that the file @netns is (NULL: ours; a child process
 * goes there). As CRIU does it: with SO_REUSEADDR and SO_REUSEPORT, and IPv6 addresses need not be
 * there yet (sk-inet.c: open_inet_sk, inet_bind).
 */
int probe_all(const char *netns, struct probe *probes, size_t n,
	      struct firn_error *err) _must_check_;

#endif

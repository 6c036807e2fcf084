/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times as engines write them (RFC 3339 section 5.6), and the names of the kubelet's files. */
#ifndef FIRN_FORMAT_RFC3339_H
#define FIRN_FORMAT_RFC3339_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Seconds since 1970 of "2026-11-23T03:14:37[.123](Z|+01:00)"; the fraction is dropped. False for
 * anything else, and for years before 1970, which are no times but Go's "none".
 */
bool rfc3339_parse(const char *text, size_t len, int64_t *ret);

#define RFC3339_MAX 32
/* In UTC, "2026-11-23T03:14:37Z". Returns @ret. */
const char *rfc3339_print(int64_t seconds, char ret[RFC3339_MAX]);

/*
 * "checkpoint-POD_NAMESPACE-CONTAINER-TIME.tar", as the kubelet names what it is asked to
 * checkpoint (pkg/kubelet/kubelet.go, CheckpointContainer). Only where one '-' stands between
 * NAMESPACE and CONTAINER is it known which is which.
 */
struct kubelet_name {
	const char *pod, *namespace, *container; /* not NUL-ended; NULL: not known */
	size_t pod_len, namespace_len, container_len;
	int64_t time;
};

bool kubelet_name_parse(const char *name, struct kubelet_name *ret);

#endif

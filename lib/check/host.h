/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The checks of this host, one for each line of check_host[], and what they share. */
#ifndef FIRN_CHECK_HOST_H
#define FIRN_CHECK_HOST_H

#include "check/check.h"

check_fn check_architecture;
check_fn check_cpu;
check_fn check_kernel;
check_fn check_namespaces;
check_fn check_criu;
check_fn check_runtime;
check_fn check_cgroup;
check_fn check_lsm;
check_fn check_memory;
check_fn check_disk;

/* The beginning of a file of /proc or /sys, NUL-ended, "" when it can't be read. False then. */
bool host_read(const struct check_input *in, const char *path, char *ret, size_t room);
/* Whether it is there. */
bool host_has(const struct check_input *in, const char *path);
/* An annotation of the checkpoint image; NULL: it is none, or hasn't this one. */
const char *check_annotation(const struct check_input *in, const char *key);

#define CHECK_VERSION(major, minor, sub) ((major)*10000u + (minor)*100u + (sub))

/* "4.1.1" as 40101, 0 for what is no version. */
unsigned check_version(const char *text);

/* What the dump's log says of its host, as far as it is there. */
struct origin;
int check_origin(const struct check_input *in, struct origin *ret,
		 struct firn_error *err) _must_check_;

/* Whether the container is restored by a runtime, from config.json; else by CRIU itself. */
static inline bool check_container(const struct check_input *in)
{
	return in->spec || in->dump->container;
}

#endif

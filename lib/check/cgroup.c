/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Control groups: version 1 has a hierarchy for each controller, version 2 one for all; hybrid is
 * version 1 with an empty hierarchy of version 2 beside it.
 */
#include "check/host.h"

#include "format/annotations.h"
#include "format/criu_world.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME "cgroup"

enum version { UNKNOWN, V1, V2 };

/* Engines write "v1" and "v2", or the number. */
static enum version recorded(const struct check_input *in)
{
	static const char *const keys[] = { ORG_CRIU_CGROUP_VERSION, PODMAN_CGROUPS_VERSION };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *text = check_annotation(in, keys[i]);

		text += text && *text == 'v';
		if (text && (strcmp(text, "1") == 0 || strcmp(text, "2") == 0))
			return *text == '1' ? V1 : V2;
	}
	return UNKNOWN;
}

static int look_at(uint32_t set, const char *controller, const char *path, void *ctx,
		   struct firn_error *err)
{
	enum version *found = ctx;

	(void)set;
	(void)path;
	(void)err;
	/* Hierarchies without a controller ("name=systemd") say nothing. */
	if (*controller && strncmp(controller, "name=", 5) != 0)
		*found = V1;
	else if (!*controller && *found == UNKNOWN)
		*found = V2;
	return 0;
}

/* Which of them the controllers are in, on this host. */
static enum version version_here(const struct check_input *in)
{
	char list[256];

	if (host_read(in, "/sys/fs/cgroup/cgroup.controllers", list, sizeof(list)))
		return V2;
	if (host_has(in, "/sys/fs/cgroup/memory/cgroup.procs") ||
	    host_has(in, "/sys/fs/cgroup/cpu/cgroup.procs") ||
	    host_has(in, "/sys/fs/cgroup/pids/cgroup.procs"))
		return V1;
	return UNKNOWN;
}

static const char *name_of(const struct check_input *in, enum version v)
{
	if (v == V2)
		return "version 2";
	return host_has(in, "/sys/fs/cgroup/unified/cgroup.procs") ? "version 1, hybrid"
								   : "version 1";
}

int check_cgroup(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	const enum version here = version_here(in);
	enum version there = recorded(in);
	int rc = 0;

	if (there == UNKNOWN)
		rc = criu_each_cgroup(in->images, look_at, &there, err);
	if (rc < 0)
		return rc;
	if (here == UNKNOWN && check_container(in))
		check_add(r, CHECK_WARNING, NAME, "mount cgroup2 on /sys/fs/cgroup",
			  "no control groups are mounted on /sys/fs/cgroup");
	else if (here == UNKNOWN)
		check_add(r, CHECK_OK, NAME, NULL, "none are needed");
	else if (there != UNKNOWN && there != here)
		check_add(
		    r, CHECK_WARNING, NAME, NULL,
		    "control groups were version %d and are %s here: limits may differ, and CRIU "
		    "can't set those of the other version",
		    there == V1 ? 1 : 2, name_of(in, here));
	else
		check_add(r, CHECK_OK, NAME, NULL, "%s", name_of(in, here));
	return 0;
}

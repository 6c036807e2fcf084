/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/host.h"

#include "format/criu_task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "namespaces"

static bool is_known(const struct check_input *in, const char *ns, struct check_report *r)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", ns);
	if (host_has(in, path))
		return true;
	check_add(r, CHECK_FAIL, NAME, "a kernel that has them",
		  "the processes have a %s namespace of their own, and this kernel knows none", ns);
	return false;
}

static bool is_allowed(const struct check_input *in, const char *ns, struct check_report *r)
{
	char path[64], text[32], remedy[96];

	snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", ns);
	if (!host_read(in, path, text, sizeof(text)) || strtoull(text, NULL, 10) != 0)
		return true;
	snprintf(remedy, sizeof(remedy), "sysctl user.max_%s_namespaces=1024", ns);
	check_add(r, CHECK_FAIL, NAME, remedy,
		  "the processes have a %s namespace of their own, and user.max_%s_namespaces is 0",
		  ns, ns);
	return false;
}

int check_namespaces(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	char names[80] = "";
	bool good = true;

	(void)err;
	for (size_t i = 0; i < CRIU_NS_COUNT; i++) {
		const char *ns = criu_ns_names[i];
		const size_t used = strlen(names);

		if (!(in->dump->own_ns & 1u << i))
			continue;
		good = is_known(in, ns, r) && is_allowed(in, ns, r) && good;
		snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", ns);
	}
	if (good && *names)
		check_add(r, CHECK_OK, NAME, NULL, "%s: can be made", names);
	else if (good)
		check_add(r, CHECK_OK, NAME, NULL, "the processes have none of their own");
	return 0;
}

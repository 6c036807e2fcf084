/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/host.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/origin.h"

#include <string.h>
#include <sys/utsname.h>

#define NAME "architecture"

/* The first core image that says so: all processes of a dump are of one architecture. */
static int dumped_architecture(struct members *m, const char **ret, struct firn_error *err)
{
	for (size_t i = 0; i < members_count(m); i++) {
		const struct member f = members_at(m, i);
		_cleanup_(source_closep) struct source *src = NULL;
		uint8_t head[ORIGIN_PEEK_BYTES];
		struct origin o = { 0 };
		ssize_t got;
		int rc;

		if (f.kind != MEMBER_FILE || !origin_wants(f.path) || !members_wanted(f.path) ||
		    strncmp(path_basename(f.path), "core-", 5) != 0)
			continue;
		rc = members_source(m, f.path, &src, err);
		got = rc > 0 ? source_pread(src, head, sizeof(head), 0, err) : rc;
		if (got < 0)
			return (int)got;
		origin_look(&o, f.path, head, (size_t)got);
		if (o.arch) {
			*ret = o.arch;
			return 1;
		}
	}
	return 0;
}

int check_architecture(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	const char *dumped = NULL, *here;
	struct utsname name;
	int rc = dumped_architecture(in->m, &dumped, err);

	if (rc < 0)
		return rc;
	if (uname(&name) < 0)
		return firn_fail_errno(err, "uname");
	here = origin_arch_of(name.machine);
	if (!dumped)
		check_add(r, CHECK_WARNING, NAME, NULL,
			  "the checkpoint doesn't say which architecture it is of; this host is %s",
			  here);
	else if (strcmp(dumped, here) != 0)
		check_add(r, CHECK_FAIL, NAME, "restore it on a host of that architecture",
			  "the processes are of %s, this host is %s", dumped, here);
	else
		check_add(r, CHECK_OK, NAME, NULL, "%s", here);
	return 0;
}

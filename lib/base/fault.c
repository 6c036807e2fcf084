/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fault.h"

#ifdef FIRN_FAULT
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int value;
} outcomes[] = {
	{ "kill", 0 },        { "ENOSPC", ENOSPC },         { "EIO", EIO },
	{ "EDQUOT", EDQUOT }, { "EOPNOTSUPP", EOPNOTSUPP }, { "EMFILE", EMFILE },
	{ "EROFS", EROFS },   { "EACCES", EACCES },
};

/* The library's only state that isn't a caller's: a test build's, set once by its main(). */
static struct {
	char name[32];
	unsigned long nth; /* 0: every time */
	unsigned long hits;
	int outcome;
} fault;

static int bad_spec(const char *spec, struct firn_error *err)
{
	return firn_fail(err, FIRN_EINVAL, "fault \"%s\": expected NAME[:N]:kill|ERRNO", spec);
}

int fault_set(const char *spec, struct firn_error *err)
{
	const char *colon = spec ? strchr(spec, ':') : NULL, *rest;
	char *end;

	memset(&fault, 0, sizeof(fault));
	if (!spec)
		return 0;
	if (!colon || (size_t)(colon - spec) >= sizeof(fault.name))
		return bad_spec(spec, err);
	fault.nth = 1;
	rest = colon + 1;
	if (strncmp(rest, "*:", 2) == 0) {
		fault.nth = 0;
		rest += 2;
	} else if (*rest >= '1' && *rest <= '9') {
		fault.nth = strtoul(rest, &end, 10);
		if (*end != ':')
			return bad_spec(spec, err);
		rest = end + 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
		if (strcmp(rest, outcomes[i].name) == 0) {
			fault.outcome = outcomes[i].value;
			memcpy(fault.name, spec, (size_t)(colon - spec));
			return 0;
		}
	return bad_spec(spec, err);
}

bool fault_hit(const char *name)
{
	if (strcmp(name, fault.name) != 0)
		return false;
	fault.hits++;
	if (fault.nth && fault.hits != fault.nth)
		return false;
	if (fault.outcome == 0)
		kill(getpid(), SIGKILL);
	errno = fault.outcome;
	return true;
}
#else
typedef int fault_is_for_test_builds; /* ISO C wants something here */
#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fault.h"

#ifdef FIRN_FAULT
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int value;
} outcomes[] = {
	{ "kill", 0 },        { "ENOSPC", ENOSPC },         { "EIO", EIO },
	{ "EDQUOT", EDQUOT }, { "EOPNOTSUPP", EOPNOTSUPP }, { "EMFILE", EMFILE },
	{ "EROFS", EROFS },   { "EACCES", EACCES },         { "EBUSY", EBUSY },
	{ "EINVAL", EINVAL }, { "ENOTBLK", ENOTBLK },       { "ENODATA", ENODATA },
};

struct fault {
	char name[32];
	unsigned long nth; /* 0: every time */
	unsigned long hits;
	int outcome;
};

#define FAULTS_MAX 4

/* The library's only state that isn't a caller's: a test build's, set by who tests. */
static struct fault faults[FAULTS_MAX];

static int parse(const char *spec, size_t len, struct fault *ret)
{
	const char *colon = memchr(spec, ':', len), *rest;
	char *end;

	if (!colon || (size_t)(colon - spec) >= sizeof(ret->name))
		return -1;
	*ret = (struct fault){ .nth = 1 };
	memcpy(ret->name, spec, (size_t)(colon - spec));
	rest = colon + 1;
	if (strncmp(rest, "*:", 2) == 0) {
		ret->nth = 0;
		rest += 2;
	} else if (*rest >= '1' && *rest <= '9') {
		ret->nth = strtoul(rest, &end, 10);
		if (*end != ':')
			return -1;
		rest = end + 1;
	}
	len -= (size_t)(rest - spec);
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
		if (strlen(outcomes[i].name) == len && memcmp(rest, outcomes[i].name, len) == 0) {
			ret->outcome = outcomes[i].value;
			return 0;
		}
	return -1;
}

int fault_set(const char *spec, struct firn_error *err)
{
	const char *at = spec;

	memset(faults, 0, sizeof(faults));
	for (size_t i = 0; at && *at; i++) {
		size_t len = strcspn(at, ",");

		if (i == FAULTS_MAX || parse(at, len, &faults[i]) < 0)
			return firn_fail(err, FIRN_EINVAL,
					 "fault \"%s\": expected NAME[:N]:kill|ERRNO[,...]", spec);
		at += len + (at[len] == ',');
	}
	return 0;
}

bool fault_hit(const char *name)
{
	bool hit = false;

	for (size_t i = 0; i < FAULTS_MAX; i++) {
		struct fault *f = &faults[i];

		if (strcmp(name, f->name) != 0)
			continue;
		f->hits++;
		if (hit || (f->nth && f->hits != f->nth))
			continue;
		if (f->outcome == 0)
			kill(getpid(), SIGKILL);
		errno = f->outcome;
		hit = true;
	}
	return hit;
}
#else
typedef int fault_is_for_test_builds; /* ISO C wants something here */
#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The security module that the processes were labelled by: CRIU sets their labels again, and can't
 * where another module (or none) rules (criu/lsm.c).
 */
#include "check/host.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/criu_task.h"

#include <string.h>

#define NAME         "lsm"
#define PROFILES_MAX (256u << 10) /* of securityfs' list; a line each, "NAME (enforce)" */
#define PROFILES     "/sys/kernel/security/apparmor/profiles"

static const char *const lsm_names[] = { "none", "SELinux", "AppArmor" };

static enum criu_lsm lsm_here(const struct check_input *in)
{
	if (host_has(in, "/sys/kernel/security/apparmor"))
		return CRIU_LSM_APPARMOR;
	if (host_has(in, "/sys/fs/selinux/enforce"))
		return CRIU_LSM_SELINUX;
	return CRIU_LSM_NONE;
}

struct labels {
	const struct check_input *in;
	struct check_report *r;
	const char *profiles; /* "" unknown */
	size_t labelled;
	size_t missing;
};

/* Whether a line of the list begins with @name and its mode. */
static bool is_loaded(const char *list, const char *name)
{
	const size_t n = strlen(name);

	for (const char *at = list; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, n) == 0 && strncmp(at + n, " (", 2) == 0)
			return true;
	}
	return false;
}

static int look_at(const struct criu_process *p, void *ctx, struct firn_error *err)
{
	struct labels *l = ctx;
	char quoted[PATH_QUOTE_MAX];
	struct criu_core core;
	int rc = criu_core_read(l->in->images, p->pid, &core, err);

	if (rc <= 0)
		return rc;
	if (core.lsm_profile && strcmp(core.lsm_profile, "unconfined") != 0) {
		l->labelled++;
		if (l->profiles && *l->profiles && !is_loaded(l->profiles, core.lsm_profile)) {
			l->missing++;
			check_add(
			    l->r, CHECK_WARNING, NAME, "load it with apparmor_parser",
			    "process %u runs under the AppArmor profile %s, which isn't loaded "
			    "here",
			    p->pid, path_quote(core.lsm_profile, quoted));
		}
	}
	criu_core_done(&core);
	return 0;
}

static void tell(const struct labels *l, enum criu_lsm there, enum criu_lsm here)
{
	if (there == CRIU_LSM_NONE)
		check_add(l->r, CHECK_OK, NAME, NULL, "the processes have no labels");
	else if (there == here && l->missing == 0)
		check_add(l->r, CHECK_OK, NAME, NULL, "%s, as it was", lsm_names[here]);
	else if (there != here && l->labelled)
		check_add(l->r, CHECK_FAIL, NAME, "restore it where that security module is on",
			  "%zu processes have labels of %s, and this host has %s", l->labelled,
			  lsm_names[there], here ? lsm_names[here] : "no such module");
	else if (there != here)
		check_add(l->r, CHECK_OK, NAME, NULL,
			  "%s is not on here, and no process has a label of it", lsm_names[there]);
}

int check_lsm(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	const enum criu_lsm here = lsm_here(in), there = in->dump->lsm;
	_free_ char *profiles = NULL;
	struct labels l = { .in = in, .r = r };
	int rc = 0;

	if (there == CRIU_LSM_APPARMOR && there == here) {
		profiles = malloc(PROFILES_MAX);
		if (!profiles)
			return firn_fail_oom(err, NAME);
		if (host_read(in, PROFILES, profiles, PROFILES_MAX))
			l.profiles = profiles;
	}
	if (there != CRIU_LSM_NONE)
		rc = criu_each_process(in->images, look_at, &l, err);
	if (rc == 0)
		tell(&l, there, here);
	return rc;
}

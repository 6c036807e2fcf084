/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Terminals and locks. A process that has the slave of a terminal whose master is outside needs
 * --shell-job (tty.c: "Found slave peer index ... without correspond master peer"); of a container
 * the runtime sees to it. Locks are left out in silence without --file-locks (file-lock.c:
 * prepare_file_locks).
 */
#include "check/world.h"

#include "format/criu_files.h"

#include <inttypes.h>
#include <string.h>

int check_locks(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	_world_ struct world w = { 0 };
	uint32_t n = 0;
	int rc = world_load(in, &w, err);

	if (rc == 0)
		rc = criu_count_locks(in->images, &n, err);
	if (rc < 0)
		return rc;
	if (n == 0)
		check_add(r, CHECK_OK, "locks", NULL, "no locks on files");
	else if (w.flags & CHECK_FILE_LOCKS)
		check_add(r, CHECK_OK, "locks", NULL, "%" PRIu32 " locks on files are taken again",
			  n);
	else
		check_add(r, CHECK_WARNING, "locks", "--file-locks",
			  "%" PRIu32 " locks that the processes hold on files will be lost", n);
	return 0;
}

struct terminals {
	uint64_t ttys, masters;
};

static int take_terminal(const struct criu_file *f, void *ctx, struct firn_error *err)
{
	struct terminals *t = ctx;

	(void)err;
	t->ttys += f->type == CRIU_FILE_TTY;
	/* /dev/ptmx, or the one of an instance of devpts */
	if (f->type == CRIU_FILE_REG && f->path) {
		const char *name = strrchr(f->path, '/');

		t->masters += name && strcmp(name, "/ptmx") == 0;
	}
	return 0;
}

int check_terminal(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	_world_ struct world w = { 0 };
	struct terminals t = { 0 };
	int rc = world_load(in, &w, err);

	if (rc == 0)
		rc = criu_each_file(in->images, take_terminal, &t, err);
	if (rc < 0)
		return rc;
	if (!t.ttys)
		check_add(r, CHECK_OK, "terminal", NULL, "no terminals");
	else if (in->dump->container || t.masters)
		check_add(r, CHECK_OK, "terminal", NULL, "terminals come with their other ends");
	else if (w.flags & CHECK_SHELL_JOB)
		check_add(r, CHECK_OK, "terminal", NULL,
			  "the processes get the terminal of whoever restores them");
	else
		check_add(r, CHECK_FAIL, "terminal", "--shell-job, in a terminal",
			  "the processes shared a terminal with a shell outside of the dump");
	return 0;
}

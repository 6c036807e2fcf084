/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes and threads get back the numbers they had. In a pid namespace of their own all are
 * free; in one that they share with others (a bare process: the host's) each must be free.
 */
#include "check/world.h"

#include "format/criu_task.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TASKS_MAX (1u << 22) /* PID_MAX_LIMIT of Linux */

struct pids {
	const struct check_input *in;
	struct check_report *report;
	uint32_t max; /* the largest number that this host gives; 0: not known */
	uint32_t asked, taken;
};

/* The state in /proc/PID/stat, 0 when there is no such process; *ret_name is its program. */
static char state_of(const struct check_input *in, uint32_t id, char ret_name[24])
{
	char path[32], *open, *end;
	_free_ char *text = NULL;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", id);
	text = world_host_text(in, path, 4096);
	open = text ? strchr(text, '(') : NULL;
	end = text ? strrchr(text, ')') : NULL;
	if (!open || !end || end < open || end[1] != ' ')
		return '\0';
	*end = '\0';
	snprintf(ret_name, 24, "%s", open + 1);
	for (char *c = ret_name; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return end[2];
}

static int ask(struct pids *p, uint32_t id, const char *what, struct firn_error *err)
{
	char name[24], state;

	if (++p->asked > TASKS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u processes and threads", TASKS_MAX);
	if (p->max && id >= p->max) {
		p->taken++;
		check_add(p->report, CHECK_FAIL, "pids",
			  "raise the sysctl kernel.pid_max above that number",
			  "%s %" PRIu32 ": this host gives no numbers from %" PRIu32 " on", what,
			  id, p->max);
		return 0;
	}
	state = state_of(p->in, id, name);
	if (state == 'Z' || state == 'X') {
		p->taken++;
		check_add(p->report, CHECK_WARNING, "pids",
			  "the restore waits some seconds for it to be reaped",
			  "%s %" PRIu32 " is a process that has ended (%s)", what, id, name);
	} else if (state) {
		p->taken++;
		check_add(p->report, CHECK_FAIL, "pids",
			  "end that process, or restore in a pid namespace of its own",
			  "%s %" PRIu32 " is taken by %s", what, id, name);
	}
	return 0;
}

static int take_process(const struct criu_process *process, void *ctx, struct firn_error *err)
{
	struct pids *p = ctx;
	int rc = ask(p, process->pid, "process id", err);

	for (uint32_t i = 0; rc == 0 && i < process->threads; i++)
		if (process->thread_ids[i] != process->pid)
			rc = ask(p, process->thread_ids[i], "thread id", err);
	return rc;
}

int check_pids(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	struct pids p = { .in = in, .report = r };
	_free_ char *max = NULL;
	int rc;

	if (in->dump->own_ns & CRIU_NS_PID) {
		check_add(r, CHECK_OK, "pids", NULL,
			  "the processes have a pid namespace of their own");
		return 0;
	}
	max = world_host_text(in, "/proc/sys/kernel/pid_max", 64);
	p.max = max ? (uint32_t)strtoul(max, NULL, 10) : 0;
	rc = criu_each_process(in->images, take_process, &p, err);
	if (rc < 0)
		return rc;
	if (!p.taken)
		check_add(r, CHECK_OK, "pids", NULL,
			  "the numbers of all %" PRIu32 " processes and threads are free", p.asked);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "node/bundle.h"
#include "node/console.h"
#include "node/job.h"
#include "node/live.h"
#include "node/teardown.h"
#include "node/watch.h"

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#define UMOUNT_TRIES 60 /* seconds that somebody may still look around in an ended container */

void job_pause(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

static void warn(const struct job *j, const char *what, const struct firn_error *why)
{
	const struct firn_report *report = j->mount.report;
	char text[600];

	if (!report || !report->warn)
		return;
	snprintf(text, sizeof(text), "%s: %s", what, why->msg);
	report->warn(text, report->ctx);
}

/* Take down what is mounted and give up the slot, in the watching process or at once. */
static void take_down(struct job *j)
{
	for (int i = 0; i < UMOUNT_TRIES; i++) {
		int rc = firn_umount(j->slot.bundle, j->slot.state, NULL);

		if (rc == 0 || rc == -FIRN_ENOTFOUND) {
			slot_remove(&j->slot);
			return;
		}
		job_pause(1000);
	}
}

static void container_ended(void *ctx)
{
	struct job *j = ctx;

	runtime_delete(&j->runtime, j->id, RUNTIME_DELETE_ENDED);
	take_down(j);
}

/* A process has ended or has all its pages. */
static void process_ended(void *ctx)
{
	take_down(ctx);
}

/* What firn_umount() takes down later is what is still mounted then. */
static int drop_images(const struct job *j, struct firn_error *err)
{
	_cleanup_(live_closep) struct live *l = NULL;
	_free_ char *dir = NULL, *images = NULL;
	const char *top;
	struct teardown what = { .tops = &top, .ntops = 1 };
	int rc = live_canonical(j->slot.bundle, &dir, err);

	if (rc == 0)
		rc = live_open(j->slot.state, dir, LIVE_FIND, &l, err);
	if (rc < 0)
		return rc;
	if (asprintf(&images, "%s/" BUNDLE_IMAGES, dir) < 0) {
		images = NULL;
		return firn_fail_oom(err, "unmount");
	}
	top = images;
	return teardown(&what, err);
}

static void all_in(void *ctx)
{
	(void)!drop_images(ctx, NULL);
}

void job_leave_container(struct job *j)
{
	struct watch w = { .pidfd = (int)syscall(SYS_pidfd_open, j->pid, 0),
			   .lock = j->slot.lock,
			   .writes = j->pipe[0],
			   .output = j->output,
			   .lazy = j->lazy.fd,
			   .all_in = all_in,
			   .ended = container_ended,
			   .ctx = j };
	struct firn_error err;

	if (w.pidfd < 0 && errno == ESRCH) {
		container_ended(j);
		return;
	}
	if (j->terminal) {
		j->pipe[0] = w.writes = console_receive(j->listener, &err);
		if (w.writes < 0)
			warn(j, "the container's terminal has nobody at its other end", &err);
	}
	if (j->lazy.fd >= 0)
		lazy_keep(&j->lazy, j->pid, j->id);
	else if (drop_images(j, &err) < 0)
		warn(j, "CRIU's images stay mounted", &err);
	if (w.pidfd < 0)
		(void)firn_fail_errno(&err, "pidfd_open");
	if (w.pidfd < 0 || watch_start(&w, &err) < 0)
		warn(j, "its mounts will stay when the container ends", &err);
	fd_close(w.pidfd);
}

/* Until all its pages are there. */
static int watch_process(struct job *j, struct firn_error *err)
{
	_fd_ int pidfd = (int)syscall(SYS_pidfd_open, j->pid, 0);
	const struct watch w = { .pidfd = pidfd,
				 .lock = j->slot.lock,
				 .writes = -1,
				 .output = -1,
				 .lazy = j->lazy.fd,
				 .ended = process_ended,
				 .ctx = j };
	char name[24];

	snprintf(name, sizeof(name), "%d", j->pid);
	lazy_keep(&j->lazy, j->pid, name);
	if (pidfd < 0)
		return firn_fail_errno(err, "pidfd_open");
	return watch_start(&w, err);
}

/* A process has nothing open in the images once it runs with all its pages. */
int job_leave_process(struct job *j, struct firn_error *err)
{
	int rc;

	if (j->lazy.fd >= 0) {
		struct firn_error why;

		if (watch_process(j, &why) < 0)
			warn(j, "its mounts will stay", &why);
		return 0;
	}
	rc = firn_umount(j->slot.bundle, j->slot.state, err);
	if (rc < 0)
		return firn_wrap(err, rc, "process %d runs, but", j->pid);
	slot_remove(&j->slot);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/restore.h"

#include "base/fd.h"
#include "base/opts.h"
#include "check/criu_asking.h"
#include "node/bundle.h"
#include "node/check.h"
#include "node/console.h"
#include "node/job.h"
#include "node/kill.h"
#include "node/live.h"
#include "node/look.h"
#include "node/mount.h"
#include "node/reason.h"
#include "node/restore_podman.h"
#include "node/runtime.h"
#include "node/slot.h"
#include "node/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define PID_TRIES  20  /* while a process id of the dump is taken: the dumped process' zombie */
#define PID_PAUSE  500 /* ms between them */
#define UNDO_TRIES 200 /* until a killed container is gone */
#define UNDO_PAUSE 50  /* ms between them */

struct firn_restored {
	char *id;
	struct runtime runtime;
	int pid;
};

struct firn_restored *firn_restored_free(struct firn_restored *r)
{
	if (!r)
		return NULL;
	free(r->id);
	runtime_done(&r->runtime);
	free(r);
	return NULL;
}

static void restored_freep(struct firn_restored **r)
{
	*r = firn_restored_free(*r);
}

const char *firn_restored_id(const struct firn_restored *r)
{
	return r->id;
}

int firn_restored_pid(const struct firn_restored *r)
{
	return r->pid;
}

const char *firn_restored_runtime(const struct firn_restored *r)
{
	return r->runtime.name;
}

static void job_done(struct job *j)
{
	criu_asking_free(j->asking);
	lazy_done(&j->lazy);
	fd_close(j->listener);
	fd_close(j->output);
	fd_close(j->pipe[0]);
	fd_close(j->pipe[1]);
	free(j->id);
	runtime_done(&j->runtime);
	slot_done(&j->slot);
}

static int take_opts(struct job *j, const struct firn_restore_opts *opts, const char *name,
		     struct firn_error *err)
{
	const unsigned flags = FIRN_RESTORE_TCP_ESTABLISHED | FIRN_RESTORE_EXT_UNIX |
			       FIRN_RESTORE_FILE_LOCKS | FIRN_RESTORE_SHELL_JOB |
			       FIRN_RESTORE_KEEP_GOING | FIRN_RESTORE_LAZY | FIRN_RESTORE_NO_CHECK;
	int rc = opts_take(opts, &j->opts, sizeof(j->opts), err);

	if (rc == 0)
		rc = opts_check_flags(j->opts.flags, flags, err);
	if (rc == 0)
		rc = opts_take(j->opts.mount, &j->mount, sizeof(j->mount), err);
	if (rc == 0 && name)
		j->mount.id = name;
	return rc;
}

static bool has_console_arg(const struct firn_restore_opts *o)
{
	static const char arg[] = "--console-socket";

	for (size_t i = 0; i < o->nruntime_args; i++)
		if (strncmp(o->runtime_args[i], arg, strlen(arg)) == 0)
			return true;
	return false;
}

/*
 * That no container has the id. What is left of one goes first: it ended without its watching
 * process, or its restore was killed (runc then has a folder for it without a state).
 */
static int check_id(const struct job *j, struct firn_error *err)
{
	int rc = slot_check_name(j->id, err);

	if (rc < 0)
		return rc;
	if (j->slot.stale)
		runtime_delete(&j->runtime, j->id, RUNTIME_DELETE_ENDED);
	rc = runtime_has(&j->runtime, j->id, err);
	if (rc > 0)
		return firn_fail(err, FIRN_EEXIST, "%s has a container %s already", j->runtime.name,
				 j->id);
	return rc;
}

/* What the mounted bundle is for: sets the runtime, and for a container its id. */
static int prepare(struct job *j, const char *name, struct firn_error *err)
{
	struct look look;
	int rc = look_at(j->slot.bundle, &look, err);

	if (rc == 0)
		rc = runtime_find(j->opts.runtime, look.container, &j->runtime, err);
	if (rc < 0)
		return rc;
	if (!j->runtime.container)
		return 0;
	if ((j->opts.flags & FIRN_RESTORE_LAZY) && strcmp(j->runtime.name, "crun") == 0)
		return firn_fail(err, FIRN_EUNSUPP, "crun has no lazy restore: runc has");
	if (!look.config)
		return firn_fail(
		    err, FIRN_EUNSUPP,
		    "%s needs a bundle, and the checkpoint has no spec.dump to make its "
		    "config.json of",
		    j->runtime.name);
	j->terminal = look.terminal && !has_console_arg(&j->opts);
	rc = name ? 0 : look_for_name(j->slot.bundle, &j->id, err);
	if (rc < 0)
		return rc;
	if (name && !(j->id = strdup(name)))
		return firn_fail_oom(err, "container's name");
	return check_id(j, err);
}

/*
 * What the container writes goes through the watching process: CRIU opens a file of its own for
 * each descriptor that it is given a file for, and the two would write over each other.
 */
static int open_ends(struct job *j, struct firn_error *err)
{
	if (j->opts.output) {
		j->output = open(j->opts.output,
				 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
		if (j->output < 0)
			return firn_fail_errno(err, "output %s", j->opts.output);
	}
	if (!j->terminal && j->opts.output && j->runtime.container && pipe2(j->pipe, O_CLOEXEC) < 0)
		return firn_fail_errno(err, "output %s: pipe", j->opts.output);
	return 0;
}

/* Anew for each try: a runtime that failed has left a connection without a terminal. */
static int listen_for_terminal(struct job *j, struct firn_error *err)
{
	if (!j->terminal)
		return 0;
	j->listener = fd_close(j->listener);
	(void)unlink(j->slot.console);
	j->listener = console_listen(j->slot.console, err);
	return j->listener < 0 ? j->listener : 0;
}

static int failed(struct job *j, int status, const struct reason *why, struct firn_error *err)
{
	_free_ char *log = reason_keep(&j->slot, j->id ? j->id : "process");

	/* crun takes no CRIU configuration, with which runc restores the checkpoints of both. */
	const char *hint =
	    strcmp(j->runtime.name, "crun") == 0 && strstr(why->text, "No mapping for")
		? " (a checkpoint of runc's needs runc)"
		: "";

	if (status > 128)
		return firn_fail(err, FIRN_EHOST, "%s was ended by signal %d", j->runtime.name,
				 status - 128);
	if (!log)
		return firn_fail(err, FIRN_EHOST, "%s failed with status %d and left no log",
				 j->runtime.name, status);
	return firn_fail(err, FIRN_EHOST, "%s failed (log in %s): %s%s", j->runtime.name, log,
			 *why->text ? why->text : "the log doesn't say why", hint);
}

/* Whether @pid is a process that has ended: its number is free the moment it is reaped. */
static bool is_zombie(int pid)
{
	char path[40], text[512];
	const char *state;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return true; /* reaped meanwhile */
	n = fd_read(fd, text, sizeof(text) - 1, NULL);
	text[n > 0 ? n : 0] = '\0';
	state = strrchr(text, ')');
	return !state || state[1] != ' ' || state[2] == 'Z' || state[2] == 'X';
}

static int check_stop(const struct job *j, struct firn_error *err)
{
	if (!j->opts.stop || !j->opts.stop(j->opts.stop_ctx))
		return 0;
	return firn_fail(err, FIRN_EFAIL, "interrupted");
}

/* The dumped process may still be a zombie that nobody has reaped: then its pid is taken. */
static int run_runtime(struct job *j, struct firn_error *err)
{
	const struct runtime_restore r = { .runtime = &j->runtime,
					   .slot = &j->slot,
					   .id = j->id,
					   .opts = &j->opts,
					   .console = j->terminal ? j->slot.console : NULL,
					   .output = j->pipe[1] };

	for (int try = 1;; try++) {
		struct reason why;
		int status = check_stop(j, err);

		if (status == 0)
			status = listen_for_terminal(j, err);
		if (status == 0 && (j->opts.flags & FIRN_RESTORE_LAZY))
			status = lazy_start(&j->slot, &j->lazy, err);
		if (status == 0)
			status = runtime_restore(&r, err);
		if (status <= 0)
			return status;
		lazy_done(&j->lazy);
		reason_read(&j->slot, &why);
		if (j->runtime.container)
			runtime_delete(&j->runtime, j->id, RUNTIME_DELETE_FORCE);
		if (!why.taken_pid || try == PID_TRIES || !is_zombie(why.taken_pid))
			return failed(j, status, &why, err);
		job_pause(PID_PAUSE);
	}
}

static int read_pid(struct job *j, struct firn_error *err)
{
	_fd_ int fd = open(j->slot.pid_file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[16];
	ssize_t n;
	long pid;

	if (fd < 0)
		return firn_fail_errno(err, "%s left no pid", j->runtime.name);
	n = fd_read(fd, text, sizeof(text) - 1, err);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	pid = strtol(text, NULL, 10);
	if (pid <= 0 || pid > INT32_MAX)
		return firn_fail(err, FIRN_EHOST, "%s left no pid", j->runtime.name);
	j->pid = (int)pid;
	return 0;
}

/* NULL when there is nothing that it could speed up, or it can't be had. */
static struct window *open_window(const struct job *j)
{
	_cleanup_(live_closep) struct live *l = NULL;
	_free_ char *dir = NULL, *images = NULL;

	if (live_canonical(j->slot.bundle, &dir, NULL) < 0 ||
	    live_open(j->slot.state, dir, LIVE_FIND, &l, NULL) < 0)
		return NULL;
	if (asprintf(&images, "%s/" BUNDLE_IMAGES, dir) < 0) {
		images = NULL;
		return NULL;
	}
	return window_open(images, l->staging);
}

static int restore_mounted(struct job *j, const char *name, struct firn_error *err)
{
	_cleanup_(window_closep) struct window *window = NULL;
	int rc;

	/* What a lazy restore reads is not in order. */
	if (!(j->opts.flags & FIRN_RESTORE_LAZY))
		window = open_window(j);
	rc = prepare(j, name, err);

	if (rc == 0 && !(j->opts.flags & FIRN_RESTORE_NO_CHECK))
		rc = check_bundle(j->slot.bundle, &j->opts, j->runtime.name, j->asking, err);
	if (rc == 0)
		rc = open_ends(j, err);
	if (rc == 0)
		rc = run_runtime(j, err);
	if (rc < 0)
		return rc;
	rc = read_pid(j, err);
	if (rc < 0 && j->runtime.container)
		runtime_delete(&j->runtime, j->id, RUNTIME_DELETE_FORCE);
	return rc;
}

/* Nothing stays mounted after a failure; @err keeps the first one's sentence. */
static void undo(struct job *j, int why)
{
	int rc = firn_umount(j->slot.bundle, j->slot.state, NULL);

	/* Processes that CRIU had begun to make may still be on their way out. */
	for (int i = 0; rc == -FIRN_EBUSY && i < UNDO_TRIES; i++) {
		job_pause(UNDO_PAUSE);
		rc = firn_umount(j->slot.bundle, j->slot.state, NULL);
	}
	/* What an earlier restore has left of a container that runs is for a later one to remove.
	 */
	if (j->slot.stale && why == -FIRN_EEXIST)
		return;
	if (rc == 0 || rc == -FIRN_ENOTFOUND)
		slot_remove(&j->slot);
}

static int mount_bundle(struct job *j, const char *image, struct firn_error *err)
{
	_cleanup_(content_source_freep) struct content_source *source = NULL;
	struct firn_mounted *mounted = NULL;
	int rc;

	if (!j->pod)
		return firn_mount(image, j->slot.bundle, &j->mount, NULL, err);
	rc = content_find_ref(&j->pod->list.image, &j->mount, &source, err);
	if (rc == 0)
		rc = mount_content(source, j->slot.bundle, &j->mount, &j->pod->networks, &mounted,
				   err);
	firn_mounted_free(mounted);
	return rc;
}

static int restore_elsewhere(struct job *j, const char *image, const char *name,
			     struct firn_error *err)
{
	struct podman_restored r;
	int rc;

	j->opts.mount = &j->mount;
	rc = restore_podman(image, j->pod ? &j->pod->list.image : NULL, name, &j->opts, &r, err);
	if (rc < 0)
		return rc;
	j->id = r.id;
	j->pid = r.pid;
	j->runtime =
	    (struct runtime){ .name = RESTORE_PODMAN, .path = r.socket, .container = true };
	return 0;
}

static int restore(struct job *j, const char *image, const char *name, struct firn_error *err)
{
	int rc = name ? slot_check_name(name, err) : 0;

	if (rc == 0)
		rc = check_stop(j, err);
	if (rc == 0 && j->opts.runtime) {
		/* A runtime that isn't there is found before anything is mounted. */
		rc = runtime_find(j->opts.runtime, true, &j->runtime, err);
		runtime_done(&j->runtime);
	}
	if (rc == 0)
		rc = slot_claim(j->mount.state, name, &j->slot, err);
	if (rc < 0)
		return rc;
	if (!(j->opts.flags & FIRN_RESTORE_NO_CHECK))
		j->asking = criu_asking_begin();
	rc = mount_bundle(j, image, err);
	if (rc == 0)
		rc = check_stop(j, err);
	if (rc == 0)
		rc = restore_mounted(j, name, err);
	if (rc < 0) {
		undo(j, rc);
		return rc;
	}
	if (j->runtime.container)
		job_leave_container(j);
	else
		rc = job_leave_process(j, err);
	return rc;
}

int restore_image(const char *image, struct pod_image *pod, const char *name,
		  const struct firn_restore_opts *opts, struct firn_restored **ret,
		  struct firn_error *err)
{
	_cleanup_(restored_freep) struct firn_restored *r = calloc(1, sizeof(*r));
	_cleanup_(job_done) struct job j = { .pod = pod,
					     .slot.lock = -1,
					     .listener = -1,
					     .output = -1,
					     .pipe = { -1, -1 },
					     .lazy = { -1 } };
	int rc;

	if (!r)
		return firn_fail_oom(err, "restore");
	rc = take_opts(&j, opts, name, err);
	if (rc == 0)
		rc = restore_podman_is(j.opts.runtime) ? restore_elsewhere(&j, image, name, err)
						       : restore(&j, image, name, err);
	if (rc < 0)
		return firn_wrap(err, rc, "restore: %s", name ? name : image);
	r->id = take_ptr(&j.id);
	r->pid = j.pid;
	r->runtime = j.runtime;
	j.runtime = (struct runtime){ 0 };
	if (ret)
		*ret = take_ptr(&r);
	return 0;
}

int firn_restore(const char *image, const char *name, const struct firn_restore_opts *opts,
		 struct firn_restored **ret, struct firn_error *err)
{
	return restore_image(image, NULL, name, opts, ret, err);
}

/*
 * The watching process sees the end as well, and takes down the mounts unless we are quicker. Whose
 * slot is free has ended by itself: what has its name now may be somebody else's.
 */
int restore_undo(const struct firn_restored *r, const char *state, struct firn_error *err)
{
	struct slot slot = { .lock = -1 };
	int rc;

	if (!r->runtime.container) {
		kill_tree(r->pid);
		return 0;
	}
	if (restore_podman_is(r->runtime.name))
		return restore_podman_undo(r->runtime.path, r->id, err);
	rc = slot_claim(state, r->id, &slot, err);
	if (rc < 0)
		runtime_delete(&r->runtime, r->id, RUNTIME_DELETE_FORCE);
	else if (slot.stale)
		runtime_delete(&r->runtime, r->id, RUNTIME_DELETE_ENDED);
	for (int i = 0; rc == -FIRN_EEXIST && i < UNDO_TRIES; i++) {
		rc = slot_claim(state, r->id, &slot, err);
		if (rc == -FIRN_EEXIST)
			job_pause(UNDO_PAUSE);
	}
	if (rc == 0)
		slot_remove(&slot);
	slot_done(&slot);
	return firn_wrap(err, rc, "container %s was killed, but", r->id);
}

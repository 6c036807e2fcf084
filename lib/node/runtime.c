/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/runtime.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

#define STATE_MAX     65536 /* of what a runtime says of a container */
#define STATE_SECONDS 10

static const struct known {
	const char *name;
	bool container;
	const char *package;
} known[] = {
	{ "runc", true, "runc" },
	{ "crun", true, "crun" },
	{ "criu", false, "criu" },
};

void runtime_done(struct runtime *r)
{
	free(r->path);
	*r = (struct runtime){ 0 };
}

static const struct known *known_find(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(path_basename(path), known[i].name) == 0)
			return &known[i];
	return NULL;
}

static int need_criu(struct firn_error *err)
{
	_free_ char *path = NULL;
	int rc = run_find("criu", &path, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	return firn_fail(err, FIRN_EHOST,
			 "criu isn't on this host: install the package criu (looked in %s)",
			 RUN_PATH);
}

static int no_runtime(const char *wanted, bool container, struct firn_error *err)
{
	if (wanted)
		return firn_fail(err, FIRN_EHOST,
				 "%s isn't on this host: install it (looked in %s)", wanted,
				 RUN_PATH);
	if (container)
		return firn_fail(err, FIRN_EHOST,
				 "a container's checkpoint needs runc or crun: install the package "
				 "runc (looked in %s)",
				 RUN_PATH);
	return need_criu(err);
}

int runtime_find(const char *wanted, bool container, struct runtime *ret, struct firn_error *err)
{
	const char *const candidates[] = { wanted      ? wanted
					   : container ? "runc"
						       : "criu",
					   wanted || !container ? NULL : "crun" };
	_cleanup_(runtime_done) struct runtime r = { 0 };
	const struct known *k;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(candidates) && candidates[i]; i++)
		rc = run_find(candidates[i], &r.path, err);
	if (rc == 0)
		rc = no_runtime(wanted, container, err);
	if (rc < 0)
		return rc;
	k = known_find(r.path);
	r.name = k ? k->name : "runc";
	r.container = !k || k->container;
	if (r.container) {
		rc = need_criu(err);
		if (rc < 0)
			return rc;
	}
	*ret = r;
	r = (struct runtime){ 0 };
	return 0;
}

int runtime_has(const struct runtime *r, const char *id, struct firn_error *err)
{
	struct run_args a = { .n = 0 };
	int status;

	run_arg(&a, r->path);
	run_arg2(&a, "state", id);
	status = run_wait(&a, RUN_STDIO_NULL, -1, err);
	return status < 0 ? status : status == 0;
}

/*
 * A runtime binds the rootfs to its state folder as long as it restores (criu-root, in runc and
 * crun alike). One that was killed leaves that, and can't remove its own folder afterwards.
 */
static void unmount_left(const struct runtime *r, const char *id)
{
	char path[64 + SLOT_NAME_MAX];

	snprintf(path, sizeof(path), "/run/%s/%s/criu-root", r->name, id);
	(void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
}

/* The runtime can't while the last process is on its way out, and does not come back for it. */
static void remove_cgroup(const char *id)
{
	const struct timespec pause = { .tv_nsec = 20000000L };
	char path[64 + SLOT_NAME_MAX];

	snprintf(path, sizeof(path), "/sys/fs/cgroup/firn/%s", id);
	for (int i = 0; i < 10 && rmdir(path) < 0 && errno == EBUSY; i++)
		(void)nanosleep(&pause, NULL);
}

void runtime_delete(const struct runtime *r, const char *id, enum runtime_delete how)
{
	struct run_args a = { .n = 0 };

	unmount_left(r, id);

	run_arg(&a, r->path);
	run_arg(&a, "delete");
	if (how == RUNTIME_DELETE_FORCE)
		run_arg(&a, "--force");
	run_arg(&a, id);
	(void)!run_wait(&a, RUN_STDIO_NULL, -1, NULL);
	remove_cgroup(id);
}

/* CRIU and the runtimes spell these alike. */
static void add_flags(struct run_args *a, const struct firn_restore_opts *opts)
{
	static const struct {
		unsigned flag;
		const char *arg;
	} flags[] = {
		{ FIRN_RESTORE_TCP_ESTABLISHED, "--tcp-established" },
		{ FIRN_RESTORE_EXT_UNIX, "--ext-unix-sk" },
		{ FIRN_RESTORE_FILE_LOCKS, "--file-locks" },
		{ FIRN_RESTORE_SHELL_JOB, "--shell-job" },
		{ FIRN_RESTORE_LAZY, "--lazy-pages" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (opts->flags & flags[i].flag)
			run_arg(a, flags[i].arg);
	for (size_t i = 0; i < opts->nruntime_args; i++)
		run_arg(a, opts->runtime_args[i]);
}

static void container_args(struct run_args *a, const struct runtime_restore *r, const char *images,
			   const char *work)
{
	run_arg2(a, "--log", r->slot->runtime_log);
	run_arg2(a, "--log-format", "json");
	run_arg2(a, "restore", "--detach");
	run_arg2(a, "--bundle", r->slot->bundle);
	run_arg2(a, "--image-path", images);
	run_arg2(a, "--work-path", work);
	run_arg2(a, "--pid-file", r->slot->pid_file);
	if (r->console)
		run_arg2(a, "--console-socket", r->console);
	add_flags(a, r->opts);
	run_arg(a, r->id);
}

static void process_args(struct run_args *a, const struct runtime_restore *r, const char *images,
			 const char *work)
{
	run_arg(a, "restore");
	run_arg2(a, "--images-dir", images);
	run_arg2(a, "--work-dir", work);
	run_arg(a, "--restore-detached");
	run_arg(a, "-v4");
	run_arg2(a, "--log-file", "restore.log");
	run_arg2(a, "--pidfile", r->slot->pid_file);
	add_flags(a, r->opts);
}

static enum run_stdio stdio_of(const struct runtime_restore *r)
{
	/* A shell's job gets the terminal of whoever restores it. */
	if (r->opts->flags & FIRN_RESTORE_SHELL_JOB)
		return RUN_STDIO_OURS;
	return r->output >= 0 ? RUN_STDIO_FILE : RUN_STDIO_NULL;
}

/*
 * That the container which the runtime has now, if it has one, is not somebody else's who was
 * faster: runc and crun refuse to make a second one, and name the bundle of the first.
 */
static int check_owner(const struct runtime_restore *r, struct firn_error *err)
{
	_json_ json_t *state = NULL;
	struct run_args a = { .n = 0 };
	const char *bundle = NULL;
	char text[STATE_MAX];

	run_arg(&a, r->runtime->path);
	run_arg2(&a, "state", r->id);
	if (run_ask(&a, STATE_SECONDS, text, sizeof(text), NULL) != 0)
		return 0;
	if (json_parse(text, strlen(text), &state, NULL) == 0 &&
	    json_get_str(state, "bundle", &bundle, NULL) == 0 && bundle &&
	    strcmp(bundle, r->slot->bundle) == 0)
		return 0;
	return firn_fail(err, FIRN_EEXIST, "%s has a container %s already", r->runtime->name,
			 r->id);
}

static int restore_container(const struct runtime_restore *r, const struct run_args *a,
			     struct firn_error *err)
{
	int status, rc = slot_reserve(r->slot, r->id, err);

	if (rc < 0)
		return rc;
	status = run_wait(a, stdio_of(r), r->output, err);
	if (status > 0)
		rc = check_owner(r, err);
	if (status == 0 || rc < 0)
		slot_release(r->slot);
	return rc < 0 ? rc : status;
}

int runtime_restore(const struct runtime_restore *r, struct firn_error *err)
{
	_free_ char *images = NULL, *work = NULL;
	struct run_args a = { .n = 0 };

	if (asprintf(&images, "%s/checkpoint", r->slot->bundle) < 0) {
		images = NULL;
		return firn_fail_oom(err, "restore");
	}
	if (asprintf(&work, "%s/work", r->slot->bundle) < 0) {
		work = NULL;
		return firn_fail_oom(err, "restore");
	}
	run_arg(&a, r->runtime->path);
	if (r->runtime->container)
		container_args(&a, r, images, work);
	else
		process_args(&a, r, images, work);
	(void)unlink(r->slot->pid_file); /* CRIU refuses one that is there */
	if (r->runtime->container)
		return restore_container(r, &a, err);
	return run_wait(&a, stdio_of(r), r->output, err);
}

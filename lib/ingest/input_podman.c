/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/input_podman.h"

#include "base/fd.h"
#include "base/opts.h"
#include "remote/podman.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct running {
	struct podman *podman;
	struct podman_container container; /* as it was when it was opened */
	struct podman_checkpoint how;
	bool begun;
	time_t when; /* begun */
};

const char *running_name(const char *checkpoint)
{
	static const char scheme[] = "podman:";

	return strncmp(checkpoint, scheme, sizeof(scheme) - 1) == 0
		   ? checkpoint + sizeof(scheme) - 1
		   : NULL;
}

static void running_closep(struct running **r)
{
	running_close(*r);
	*r = NULL;
}

void running_close(struct running *r)
{
	if (!r)
		return;
	podman_container_done(&r->container);
	podman_close(r->podman);
	free(r);
}

static int connect_podman(struct running *r, const struct firn_podman_opts *opts,
			  struct firn_error *err)
{
	_free_ char *socket = NULL;
	int rc = podman_socket(opts->socket, &socket, err);

	return rc < 0 ? rc : podman_open(socket, NULL, &r->podman, err);
}

/* Podman would say the same, but not how to go on. */
static int check_state(const struct podman_container *c, struct firn_error *err)
{
	if (strcmp(c->status, "running") == 0)
		return 0;
	if (c->checkpointed)
		return firn_fail(
		    err, FIRN_EFAIL,
		    "isn't running (%s): it was checkpointed before; `podman container "
		    "restore %s` lets it go on",
		    c->status, c->name);
	return firn_fail(err, FIRN_EFAIL,
			 "isn't running (%s), only a running container can be "
			 "checkpointed",
			 c->status);
}

static int take_opts(struct running *r, const struct firn_podman_opts *given,
		     struct firn_podman_opts *ret, struct firn_error *err)
{
	const unsigned flags = FIRN_PODMAN_LEAVE_RUNNING | FIRN_PODMAN_TCP_ESTABLISHED |
			       FIRN_PODMAN_IGNORE_ROOTFS | FIRN_PODMAN_FILE_LOCKS;
	int rc = opts_take(given, ret, sizeof(*ret), err);

	if (rc == 0)
		rc = opts_check_flags(ret->flags, flags, err);
	if (rc < 0)
		return rc;
	r->how = (struct podman_checkpoint){
		.answer = (uint64_t)ret->timeout * 1000,
		.leave_running = ret->flags & FIRN_PODMAN_LEAVE_RUNNING,
		.tcp_established = ret->flags & FIRN_PODMAN_TCP_ESTABLISHED,
		.ignore_rootfs = ret->flags & FIRN_PODMAN_IGNORE_ROOTFS,
		.file_locks = ret->flags & FIRN_PODMAN_FILE_LOCKS,
	};
	return 0;
}

int running_open(const char *name, const struct firn_podman_opts *opts, struct running **ret,
		 struct firn_error *err)
{
	_cleanup_(running_closep) struct running *r = calloc(1, sizeof(*r));
	struct firn_podman_opts all;
	int rc;

	if (!r)
		return firn_fail_oom(err, "container");
	if (!*name)
		return firn_fail(err, FIRN_EINVAL, "podman: has no container's name behind it");
	if ((rc = take_opts(r, opts, &all, err)) < 0 || (rc = connect_podman(r, &all, err)) < 0)
		return rc;
	rc = podman_inspect(r->podman, name, &r->container, err);
	if (rc == 0)
		rc = check_state(&r->container, err);
	if (rc < 0)
		return firn_wrap(err, rc, "container %s", name);
	*ret = take_ptr(&r);
	return 0;
}

int running_check_base(const struct running *r, const struct base *b, struct firn_error *err)
{
	const struct podman_container *c = &r->container;
	char id[DIGEST_TEXT_MAX];

	/* Without an image (--rootfs) the checkpoint tells, as far as it can. */
	digest_hex(&b->image.manifest.config.digest, id);
	if (!*c->image_id || strcmp(c->image_id, id) == 0)
		return 0;
	return firn_fail(err, FIRN_EMISMATCH,
			 "the base has image ID %s, container %s was made from %s (%s)", id,
			 c->name, c->image_id, c->image_name);
}

/* Podman's message has the command that failed, but not why. */
static int name_log(const struct running *r, int rc, struct firn_error *err)
{
	_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/dump.log", r->container.folder) < 0) {
		path = NULL;
		return rc;
	}
	if (path[0] != '/' || stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_mtime < r->when)
		return rc;
	return firn_append(err, rc, "CRIU's log is %s", path);
}

int running_begin(struct running *r, bool digest, struct input **ret, struct firn_error *err)
{
	struct istream *archive = NULL;
	int rc;

	r->begun = true;
	r->when = time(NULL);
	/* By its id: the name may be another container's by now. */
	rc = podman_checkpoint(r->podman, r->container.id, &r->how, &archive, err);
	if (rc < 0)
		return firn_wrap(err, name_log(r, rc, err), "container %s", r->container.name);
	return input_open_stream(archive, digest, ret, err);
}

bool running_begun(const struct running *r)
{
	return r && r->begun;
}

int running_failed(const struct running *r, int rc, struct firn_error *err)
{
	char state[PODMAN_STATE_MAX];

	if (!running_begun(r) || !err || rc >= 0)
		return rc;
	podman_tell_state(r->podman, r->container.id, r->container.name, state);
	return firn_append(err, rc, "%s", state);
}

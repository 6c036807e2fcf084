/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/restore_podman.h"

#include "base/fd.h"
#include "base/opts.h"
#include "export/export.h"
#include "format/annotations.h"
#include "image/layout.h"
#include "remote/podman.h"

#include <stdio.h>
#include <string.h>

#define ENGINE "Podman" /* org.criu.checkpoint.engine.name of what it can restore */

/* One restore under way. */
struct handover {
	struct firn_podman_opts opts;
	struct layout *layout;
	struct oci_descriptor target; /* what the reference names */
	struct checkpoint_image image;
	char *socket;
	struct podman *podman;
};

static void handover_done(struct handover *h)
{
	podman_close(h->podman);
	free(h->socket);
	checkpoint_image_done(&h->image);
	oci_descriptor_done(&h->target);
	layout_close(h->layout);
}

bool restore_podman_is(const char *runtime)
{
	return runtime && strcmp(runtime, RESTORE_PODMAN) == 0;
}

/* How to mount and how to run is Podman's own business. */
static int check_opts(const struct firn_restore_opts *o, const struct firn_mount_opts *m,
		      struct firn_error *err)
{
	const unsigned refused = FIRN_RESTORE_EXT_UNIX | FIRN_RESTORE_SHELL_JOB | FIRN_RESTORE_LAZY;
	const char *what = o->nruntime_args ? "arguments for the runtime"
			   : o->output      ? "a file for the container's output"
			   : o->flags & refused
			       ? "unix sockets of others, a shell's job or lazy pages"
			   : m->base || m->nbases ? "a base image (it has its own)"
			   : m->upper             ? "an upper directory"
			   : m->nvolumes          ? "volumes"
			   : m->flags             ? "a rootfs that is read-only or strictly checked"
			   : m->method            ? "a method to mount by"
						  : NULL;

	if (!what)
		return 0;
	return firn_fail(err, FIRN_EINVAL, "Podman can't be given %s", what);
}

static int take_opts(struct handover *h, const struct firn_podman_opts *given,
		     struct firn_error *err)
{
	int rc = opts_take(given, &h->opts, sizeof(h->opts), err);

	return rc < 0 ? rc : opts_check_flags(h->opts.flags, 0, err);
}

static int load_image(struct handover *h, const struct ref *ref, const char *container,
		      struct firn_error *err)
{
	int rc;

	rc = layout_open_ref(ref, &h->layout, err);
	if (rc == -FIRN_ECORRUPT && ref->transport == REF_PATH)
		return firn_append(err, rc,
				   "an archive of Podman's goes back by podman container restore "
				   "--import");
	if (rc < 0 || (rc = layout_resolve(h->layout, ref, &h->target, err)) < 0)
		return rc;
	return checkpoint_image_load(layout_store(h->layout), &h->target, container, &h->image,
				     err);
}

static int open_image(struct handover *h, const char *image, const struct ref *pinned,
		      const char *container, struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	const char *engine;
	int rc = pinned ? 0 : ref_parse(image, &ref, err);

	if (rc < 0 || (rc = load_image(h, pinned ? pinned : &ref, container, err)) < 0)
		return rc;
	engine = oci_annotation(h->image.checkpoint.manifest.json, ORG_CRIU_ENGINE_NAME);
	if (engine && strcmp(engine, ENGINE) == 0)
		return 0;
	return firn_fail(err, FIRN_EINVAL, "a checkpoint of %s's: Podman restores its own alone",
			 engine ? engine : "a bare process");
}

static int open_podman(struct handover *h, struct firn_error *err)
{
	int rc = podman_socket(h->opts.socket, &h->socket, err);

	return rc < 0 ? rc : podman_open(h->socket, NULL, &h->podman, err);
}

/*
 * The archive has what the container changed, its image has to be there. Podman would try to pull
 * it by its name, after it was sent everything.
 */
static int check_base(const struct handover *h, struct firn_error *err)
{
	const json_t *c = h->image.checkpoint.manifest.json;
	const char *id = oci_annotation(c, ORG_CRIU_ROOTFS_IMAGE_ID);
	const char *name = oci_annotation(c, ORG_CRIU_ROOTFS_IMAGE_NAME);
	int rc = id ? podman_has_image(h->podman, id, err) : 1;

	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (!name || !*name)
		name = id;
	return firn_fail(
	    err, FIRN_ENOTFOUND,
	    "Podman's storage lacks the image %s (ID %.12s) that the container was made "
	    "from: podman pull %s, or skopeo copy oci:DIR:TAG containers-storage:%s",
	    name, id, name, name);
}

/* Podman leaves a container behind that it could make and not restore. */
static int tell_left(const struct handover *h, const char *name, int rc, struct firn_error *err)
{
	_cleanup_(podman_container_done) struct podman_container c = { 0 };

	if (!name)
		name = oci_annotation(h->image.checkpoint.manifest.json, ORG_CRIU_CONTAINER_NAME);
	if (!name || podman_inspect(h->podman, name, &c, NULL) < 0 ||
	    strcmp(c.status, "created") != 0)
		return rc;
	return firn_append(err, rc,
			   "it has left container %s behind, which doesn't run: podman rm %s",
			   c.name, c.name);
}

/* Podman says what is wrong, not what to do. */
static int hint(const struct handover *h, const char *name, int rc, struct firn_error *err)
{
	static const char *const taken[] = { "already in use", "already exists" };

	if (rc != -FIRN_EHOST)
		return rc;
	for (size_t i = 0; err && i < ARRAY_SIZE(taken); i++)
		if (strstr(err->msg, taken[i]))
			return firn_append(err, rc,
					   "restore it under another name, or podman rm that one");
	return tell_left(h, name, rc, err);
}

static int send(struct handover *h, const struct podman_restore *how,
		const struct firn_report *report, char **ret_id, struct firn_error *err)
{
	/* Packing it would only cost time: it goes no farther than Podman's own file. */
	const struct export_how export = { .compress = "none",
					   .target = &h->target,
					   .report = report };
	_cleanup_(podman_upload_cancelp) struct podman_upload *u = NULL;
	int rc;

	if ((rc = podman_restore_begin(h->podman, how, &u, err)) < 0 ||
	    (rc = export_archive(h->layout, &h->image, &export, podman_upload_sink(u), err)) < 0)
		return hint(h, how->name, rc, err);
	rc = podman_upload_end(take_ptr(&u), ret_id, err);
	if (rc < 0 && rc != -FIRN_EHOST)
		return firn_append(
		    err, rc,
		    "Podman restores it all the same if it has got all of it, see podman ps");
	return hint(h, how->name, rc, err);
}

/* A container that ended at once has none. */
static int pid_of(const struct handover *h, const char *id)
{
	_cleanup_(podman_container_done) struct podman_container c = { 0 };

	return podman_inspect(h->podman, id, &c, NULL) < 0 ? 0 : (int)c.pid;
}

int restore_podman(const char *image, const struct ref *pinned, const char *name,
		   const struct firn_restore_opts *opts, struct podman_restored *ret,
		   struct firn_error *err)
{
	_cleanup_(handover_done) struct handover h = { .layout = NULL };
	struct podman_restore how = { .name = name };
	char *id = NULL;
	int rc;

	if ((rc = check_opts(opts, opts->mount, err)) < 0 ||
	    (rc = take_opts(&h, opts->podman, err)) < 0 ||
	    (rc = open_image(&h, image, pinned, opts->mount->container, err)) < 0 ||
	    (rc = open_podman(&h, err)) < 0 || (rc = check_base(&h, err)) < 0)
		return rc;
	how.answer = (uint64_t)h.opts.timeout * 1000;
	how.tcp_established = opts->flags & FIRN_RESTORE_TCP_ESTABLISHED;
	how.file_locks = opts->flags & FIRN_RESTORE_FILE_LOCKS;
	rc = send(&h, &how, opts->mount->report, &id, err);
	if (rc < 0)
		return rc;
	*ret = (struct podman_restored){ .id = id, .pid = pid_of(&h, id) };
	ret->socket = take_ptr(&h.socket);
	return 0;
}

int restore_podman_undo(const char *socket, const char *id, struct firn_error *err)
{
	_cleanup_(podman_closep) struct podman *p = NULL;
	int rc = podman_open(socket, NULL, &p, err);

	if (rc == 0)
		rc = podman_remove(p, id, err);
	return firn_wrap(err, rc, "container %.12s runs on", id);
}

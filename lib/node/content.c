/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/content_priv.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/annotations.h"
#include "format/checkpoint.h"
#include "format/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void stack_done(struct layer_stack *s)
{
	for (size_t i = 0; i < s->count; i++)
		fd_close(s->items[i].fd);
	free(s->items);
	*s = (struct layer_stack){ 0 };
}

void content_done(struct content *c)
{
	stack_done(&c->data);
	stack_done(&c->rootfs);
	free(c->config);
	free(c->spec);
	*c = (struct content){ 0 };
}

/*
 * Overlayfs takes no folder twice. All that the lower one of two equal layers shows and hides, the
 * upper one does as well.
 */
static bool has_folder(const struct layer_stack *stack, int fd)
{
	struct stat have, new;

	if (fstat(fd, &new) < 0)
		return false;
	for (size_t i = 0; i < stack->count; i++)
		if (fstat(stack->items[i].fd, &have) == 0 && have.st_dev == new.st_dev &&
		    have.st_ino == new.st_ino)
			return true;
	return false;
}

int content_push(struct layer_stack *stack, struct stage *stage, struct view_mount m,
		 struct firn_error *err)
{
	_fd_ int fd = m.fd;
	int rc;

	if (has_folder(stack, fd))
		return 0;

	if (!stack->items)
		stack->items = calloc(CONTENT_LAYERS_MAX, sizeof(*stack->items));
	if (!stack->items)
		return firn_fail_oom(err, "layers");
	if (stack->count == CONTENT_LAYERS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d layers", CONTENT_LAYERS_MAX);
	rc = stage_attach(stage, fd, err);
	if (rc < 0)
		return rc;
	m.fd = take_fd(&fd);
	stack->items[stack->count++] = m;
	return 0;
}

struct content_source *content_source_free(struct content_source *s)
{
	if (!s)
		return NULL;
	facts_done(&s->facts);
	base_free(s->base);
	archive_close(s->archive);
	checkpoint_image_done(&s->image);
	layout_close(s->layout);
	free(s);
	return NULL;
}

void content_source_freep(struct content_source **s)
{
	*s = content_source_free(*s);
}

const struct digest *content_digest(const struct content_source *s)
{
	return s->store ? &s->image.checkpoint.desc.digest : NULL;
}

const char *content_name(const struct content_source *s)
{
	if (s->store)
		return oci_annotation(s->image.checkpoint.manifest.json, ORG_FIRN_CONTAINER);
	return s->facts.container;
}

static int find_image(struct content_source *s, const struct ref *ref, struct firn_error *err)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor desc = { 0 };
	int rc;

	if ((rc = layout_open_ref(ref, &s->layout, err)) < 0 ||
	    (rc = layout_resolve(s->layout, ref, &desc, err)) < 0)
		return rc;
	s->store = layout_store(s->layout);
	return checkpoint_image_load(s->store, &desc, s->opts->container, &s->image, err);
}

/* A regular file without a transport is an engine's archive, unless it is a layout's. */
static int find_file(struct content_source *s, const struct ref *ref, int fd,
		     struct firn_error *err)
{
	int rc = archive_open(fd, &s->archive, err);

	return rc > 0 ? find_image(s, ref, err) : rc;
}

/* 1 and the opened file if @ref is one, 0 when it is the folder or archive of a layout. */
static int open_path(const struct ref *ref, int *ret, struct firn_error *err)
{
	_fd_ int fd = -1;
	struct stat st;

	if (ref->transport != REF_PATH)
		return 0;
	fd = open(ref->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return firn_fail_errno(err, "%s", ref->path);
	if (!S_ISREG(st.st_mode))
		return 0;
	*ret = take_fd(&fd);
	return 1;
}

int content_find_ref(const struct ref *ref, const struct firn_mount_opts *opts,
		     struct content_source **ret, struct firn_error *err)
{
	_cleanup_(content_source_freep) struct content_source *s = calloc(1, sizeof(*s));
	_fd_ int fd = -1;
	int rc;

	if (!s)
		return firn_fail_oom(err, "mount");
	s->opts = opts;
	rc = open_path(ref, &fd, err);
	if (rc >= 0)
		rc = rc ? find_file(s, ref, take_fd(&fd), err) : find_image(s, ref, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&s);
	return 0;
}

int content_find(const char *text, const struct firn_mount_opts *opts, struct content_source **ret,
		 struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	int rc = ref_parse(text, &ref, err);

	return rc < 0 ? rc : content_find_ref(&ref, opts, ret, err);
}

int content_find_from(const char *text, const struct firn_mount_opts *opts,
		      const struct registry_opts *registry, struct content_source **ret,
		      struct firn_error *err)
{
	int rc = content_find(text, opts, ret, err);

	if (rc == 0)
		(*ret)->registry = registry;
	return rc;
}

int content_find_in(struct store *store, const struct oci_descriptor *desc,
		    const struct firn_mount_opts *opts, const struct registry_opts *registry,
		    struct content_source **ret, struct firn_error *err)
{
	_cleanup_(content_source_freep) struct content_source *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return firn_fail_oom(err, "image");
	s->opts = opts;
	s->store = store;
	s->registry = registry;
	rc = checkpoint_image_load(store, desc, opts->container, &s->image, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&s);
	return 0;
}

int content_open(const struct content *c, const char *path, int *ret_fd, struct firn_error *err)
{
	for (size_t i = 0; i < c->data.count; i++) {
		int fd = path_open_beneath(c->data.items[i].fd, path, O_RDONLY, 0, err);

		if (fd >= 0) {
			*ret_fd = fd;
			return 1;
		}
		if (fd != -FIRN_ENOTFOUND)
			return fd;
	}
	return 0;
}

int content_read(const struct content *c, const char *path, size_t max, char **ret, size_t *ret_len,
		 struct firn_error *err)
{
	_fd_ int fd = -1;
	int rc;

	if (c->served) {
		rc = content_served_read(c, path, max, ret, ret_len, err);
	} else {
		rc = content_open(c, path, &fd, err);
		if (rc > 0)
			rc = fd_read_all(fd, max, ret, ret_len, err) ?: 1;
	}
	return firn_wrap(err, rc, "%s", path);
}

int content_has(const struct content *c, const char *path, struct firn_error *err)
{
	_fd_ int fd = -1;

	return c->served ? content_served_has(c, path, err) : content_open(c, path, &fd, err);
}

bool content_has_rootfs(const struct content *c)
{
	return c->served ? tree_find(c->served->tree, c->rootfs_at) != NULL : c->rootfs.count > 0;
}

/* Those of ctr and of engines' own folders have no config.dump, and firn made an image of them. */
static int tell(struct content_source *s, struct firn_error *err)
{
	const json_t *rootfs = s->image.rootfs.manifest.json;

	if (!s->store || !s->facts.spec || s->facts.config.json)
		return 0;
	return facts_tell(&s->facts, &engine_ctr, NULL, oci_annotation(rootfs, OCI_BASE_NAME), NULL,
			  err);
}

int content_learn(struct content_source *s, struct content *c, struct firn_error *err)
{
	int rc;

	if ((rc = content_read(c, CHECKPOINT_CONFIG, CONFIG_DUMP_MAX, &c->config, &c->config_len,
			       err)) < 0 ||
	    (rc = content_read(c, CHECKPOINT_SPEC, SPEC_BYTES_MAX, &c->spec, &c->spec_len, err)) <
		0)
		return rc;
	if (c->config) {
		rc = config_dump_parse(c->config, c->config_len, &s->facts.config, err);
		if (rc < 0)
			return firn_wrap(err, rc, CHECKPOINT_CONFIG);
	}
	if (c->spec) {
		rc = json_parse(c->spec, c->spec_len, &s->facts.spec, err);
		if (rc < 0)
			return firn_wrap(err, rc, CHECKPOINT_SPEC);
	}
	rc = tell(s, err);
	return rc < 0 ? rc : engine_detect(&s->facts, err);
}

static const char *wanted_id(const struct config_dump *c)
{
	return c->image_id ? c->image_id : c->image_ref;
}

static int fail_without_base(const struct content_source *s, struct firn_error *err)
{
	const char *name = facts_image_name(&s->facts), *id = wanted_id(&s->facts.config);

	return firn_fail(err, FIRN_ENOTFOUND,
			 "it needs the image that the container was made from (--base): %s, %s",
			 name ? name : "of no recorded name", id ? id : "of no recorded ID");
}

const char *content_given_base(const struct content_source *s)
{
	const struct firn_mount_opts *o = s->opts;
	const char *name = content_name(s);
	const size_t len = name ? strlen(name) : 0;

	for (size_t i = 0; name && i < o->nbases; i++)
		if (strncmp(o->bases[i], name, len) == 0 && o->bases[i][len] == '=')
			return o->bases[i] + len + 1;
	return o->base;
}

enum content_base content_base(const struct content_source *s)
{
	if (s->lacks_base)
		return CONTENT_BASE_LACKING;
	if (s->base)
		return CONTENT_BASE_GIVEN;
	return s->store && s->image.rootfs.desc.digest.alg ? CONTENT_BASE_INSIDE
							   : CONTENT_BASE_NONE;
}

const char *content_base_name(const struct content_source *s)
{
	if (s->base)
		return content_given_base(s);
	return s->store ? oci_annotation(s->image.rootfs.manifest.json, OCI_BASE_NAME) : NULL;
}

int content_need_base(struct content_source *s, struct firn_error *err)
{
	_cleanup_(notes_done) struct notes notes = { .report = s->opts->report };
	const char *given = content_given_base(s);
	int rc;

	s->lacks_base = true;
	if (!given)
		return fail_without_base(s, err);
	rc = base_open_from(given, s->registry, &s->base, err);
	if (rc < 0)
		return firn_wrap(err, rc, "base %s", given);
	rc = engine_check_base(&s->facts, s->base, &notes, err);
	s->lacks_base = rc < 0;
	return rc;
}

int content_push_base(struct content_source *s, const struct view *v, struct stage *stage,
		      struct layer_stack *stack, struct firn_error *err)
{
	const struct image *image = &s->base->image;
	struct store *store = s->base->store;
	int rc = 0;

	for (size_t i = image->manifest.nlayers; rc >= 0 && i-- > 0;) {
		struct view_mount m = { .fd = -1 };

		rc = view_layer(v, store, &image->manifest.layers[i], &image->config.diff_ids[i],
				VIEW_ROOTFS, &m, err);
		if (rc >= 0)
			rc = content_push(stack, stage, m, err);
	}
	return firn_wrap(err, rc, "base %s", content_given_base(s));
}

int content_mount(struct content_source *s, const struct view *v, struct stage *stage,
		  struct content *ret, struct firn_error *err)
{
	_cleanup_(content_done) struct content c = { 0 };
	int rc;

	rc = s->store ? content_image_data(s, v, stage, &c.data, err)
		      : content_archive_data(s, v, stage, &c.data, err);
	if (rc < 0 || (rc = content_learn(s, &c, err)) < 0)
		return rc;
	rc = s->store ? content_image_rootfs(s, v, stage, &c.rootfs, err)
		      : content_archive_rootfs(s, v, stage, &c.rootfs, err);
	if (rc < 0)
		return rc;
	*ret = c;
	c = (struct content){ 0 };
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/image.h"

#include "base/fd.h"
#include "base/path.h"

#include <string.h>

/* Manifests read to learn what an index' entries are, when the entries don't say it. */
#define LOOKS_MAX 1000

enum role { ROLE_NONE, ROLE_CHECKPOINT, ROLE_ROOTFS };

/* What an index' entry says it is, or else the manifest it names. */
struct member {
	enum role role;
	char *container; /* NULL: it has no name */
};

/* The members of an index, in its order. */
struct members {
	struct member *list;
	size_t n;
	size_t looks; /* manifests read for it */
};

static void member_done(struct member *m)
{
	free(m->container);
	*m = (struct member){ 0 };
}

void checkpoint_image_done(struct checkpoint_image *ci)
{
	image_done(&ci->checkpoint);
	image_done(&ci->rootfs);
}

static enum role parse_role(const char *text)
{
	if (text && strcmp(text, ORG_FIRN_ROLE_CHECKPOINT) == 0)
		return ROLE_CHECKPOINT;
	if (text && strcmp(text, ORG_FIRN_ROLE_ROOTFS) == 0)
		return ROLE_ROOTFS;
	return ROLE_NONE;
}

/* Later formats may mean other things by the same words. */
static int check_format(const json_t *doc, struct firn_error *err)
{
	const char *format = oci_annotation(doc, ORG_FIRN_FORMAT);
	char quoted[PATH_QUOTE_MAX];

	if (!format || strcmp(format, ORG_FIRN_FORMAT_1) == 0)
		return 0;
	return firn_fail(err, FIRN_EUNSUPP, "checkpoint image of format %s, this firn knows 1",
			 path_quote(format, quoted));
}

/* Descriptors may have been rebuilt by who copied the image; manifests are as they were. */
static int read_member(struct store *s, const struct oci_descriptor *d, struct members *all,
		       struct firn_error *err)
{
	struct member *ret = &all->list[all->n];
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	const char *role = oci_annotation(d->json, ORG_FIRN_ROLE);
	const char *container = oci_annotation(d->json, ORG_FIRN_CONTAINER);
	int rc;

	if (!role && oci_is_manifest(d->media_type)) {
		if (all->looks++ == LOOKS_MAX)
			return firn_fail(err, FIRN_ELIMIT, "more than %d entries without %s",
					 LOOKS_MAX, ORG_FIRN_ROLE);
		rc = image_load_manifest(s, d, &m, err);
		if (rc < 0 || (rc = check_format(m.json, err)) < 0)
			return rc;
		role = oci_annotation(m.json, ORG_FIRN_ROLE);
		container = oci_annotation(m.json, ORG_FIRN_CONTAINER);
	}
	ret->role = parse_role(role);
	ret->container = container ? strdup(container) : NULL;
	return container && !ret->container ? firn_fail_oom(err, "container") : 0;
}

static void members_done(struct members *m)
{
	for (size_t i = 0; i < m->n; i++)
		member_done(&m->list[i]);
	free(m->list);
}

static int read_members(struct store *s, const struct oci_index *index, struct members *ret,
			struct firn_error *err)
{
	ret->list = calloc(index->nmanifests + 1, sizeof(*ret->list));
	if (!ret->list)
		return firn_fail_oom(err, "index");
	for (; ret->n < index->nmanifests; ret->n++) {
		int rc = read_member(s, &index->manifests[ret->n], ret, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* "a", "b": the containers that have a checkpoint. Returns how many there are. */
static size_t list_containers(const struct members *m, struct buf *out)
{
	const size_t room = 200;
	char quoted[PATH_QUOTE_MAX];
	size_t count = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (m->list[i].role != ROLE_CHECKPOINT)
			continue;
		count++;
		if (out->len < room)
			buf_printf(
			    out, "%s%s", out->len ? ", " : "",
			    path_quote(m->list[i].container ? m->list[i].container : "", quoted));
	}
	return count;
}

/* The only member of @role for @container, or -1; a second one is an error. */
static int find_member(const struct members *m, enum role role, const char *container, ssize_t *ret,
		       struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	ssize_t found = -1;

	for (size_t i = 0; i < m->n; i++) {
		if (m->list[i].role != role || !same_name(m->list[i].container, container))
			continue;
		if (found >= 0)
			return firn_fail(err, FIRN_ECORRUPT, "two %s images of container %s",
					 role == ROLE_ROOTFS ? ORG_FIRN_ROLE_ROOTFS
							     : ORG_FIRN_ROLE_CHECKPOINT,
					 path_quote(container ? container : "", quoted));
		found = (ssize_t)i;
	}
	*ret = found;
	return 0;
}

static int no_checkpoint(struct firn_error *err)
{
	return firn_fail(err, FIRN_EINVAL,
			 "no checkpoint image: nothing in it has %s=%s (firn build makes one of "
			 "others' checkpoints)",
			 ORG_FIRN_ROLE, ORG_FIRN_ROLE_CHECKPOINT);
}

/* Which member is the checkpoint of @container, or the only one there is. */
static int choose(const struct members *m, const char *container, ssize_t *ret,
		  struct firn_error *err)
{
	_buf_ struct buf names = BUF_INIT;
	size_t count = list_containers(m, &names);
	ssize_t at = -1;
	int rc;

	if (count == 0)
		return no_checkpoint(err);
	if (!container && count > 1)
		return firn_fail(err, FIRN_EINVAL, "has %zu containers, name one of them: %s",
				 count, names.oom ? "" : (char *)names.data);
	for (size_t i = 0; !container && i < m->n; i++)
		if (m->list[i].role == ROLE_CHECKPOINT)
			at = (ssize_t)i;
	if (container && (rc = find_member(m, ROLE_CHECKPOINT, container, &at, err)) < 0)
		return rc;
	if (at < 0)
		return firn_fail(err, FIRN_ENOTFOUND, "no container \"%s\" (there: %s)", container,
				 names.oom ? "" : (char *)names.data);
	*ret = at;
	return 0;
}

static int load_rootfs(struct store *s, const struct oci_descriptor *desc,
		       struct checkpoint_image *ci, struct firn_error *err)
{
	const char *base;
	int rc = image_load(s, desc, &ci->rootfs, err);

	if (rc < 0)
		return firn_wrap(err, rc, "rootfs image");
	base = oci_annotation(ci->rootfs.manifest.json, ORG_FIRN_BASE);
	ci->external_base = base && strcmp(base, ORG_FIRN_BASE_EXTERNAL) == 0;
	return check_format(ci->rootfs.manifest.json, err);
}

static int load_checkpoint(struct store *s, const struct oci_descriptor *desc,
			   struct checkpoint_image *ci, struct firn_error *err)
{
	int rc = image_load(s, desc, &ci->checkpoint, err);

	if (rc < 0)
		return firn_wrap(err, rc, "checkpoint image");
	return check_format(ci->checkpoint.manifest.json, err);
}

static int load_from_index(struct store *s, const struct oci_descriptor *desc,
			   const char *container, struct checkpoint_image *ci,
			   struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	_cleanup_(members_done) struct members members = { 0 };
	ssize_t c = -1, r = -1;
	int rc;

	if ((rc = image_load_index(s, desc, &index, err)) < 0 ||
	    (rc = check_format(index.json, err)) < 0 ||
	    (rc = read_members(s, &index, &members, err)) < 0 ||
	    (rc = choose(&members, container, &c, err)) < 0 ||
	    (rc = find_member(&members, ROLE_ROOTFS, members.list[c].container, &r, err)) < 0 ||
	    (rc = load_checkpoint(s, &index.manifests[c], ci, err)) < 0)
		return rc;
	if (r >= 0)
		return load_rootfs(s, &index.manifests[r], ci, err);
	if (ci->checkpoint.manifest.subject.digest.alg)
		return load_rootfs(s, &ci->checkpoint.manifest.subject, ci, err);
	return 0;
}

static int load_from_manifest(struct store *s, const struct oci_descriptor *desc,
			      const char *container, struct checkpoint_image *ci,
			      struct firn_error *err)
{
	const json_t *doc;
	const char *name;
	int rc = load_checkpoint(s, desc, ci, err);

	if (rc < 0)
		return rc;
	doc = ci->checkpoint.manifest.json;
	switch (parse_role(oci_annotation(doc, ORG_FIRN_ROLE))) {
	case ROLE_CHECKPOINT:
		break;
	case ROLE_ROOTFS:
		return firn_fail(err, FIRN_EINVAL,
				 "this is the rootfs image of a checkpoint, not the checkpoint");
	case ROLE_NONE:
		return firn_fail(
		    err, FIRN_EINVAL,
		    "no checkpoint image: it has no %s=%s (firn build makes one of others' "
		    "checkpoints)",
		    ORG_FIRN_ROLE, ORG_FIRN_ROLE_CHECKPOINT);
	}
	name = oci_annotation(doc, ORG_FIRN_CONTAINER);
	if (container && !same_name(name, container))
		return firn_fail(err, FIRN_ENOTFOUND, "no container \"%s\" (there: \"%s\")",
				 container, name ? name : "");
	if (ci->checkpoint.manifest.subject.digest.alg)
		return load_rootfs(s, &ci->checkpoint.manifest.subject, ci, err);
	return 0;
}

int checkpoint_image_load(struct store *s, const struct oci_descriptor *desc, const char *container,
			  struct checkpoint_image *ret, struct firn_error *err)
{
	_cleanup_(checkpoint_image_done) struct checkpoint_image ci = { 0 };
	int rc;

	if (oci_is_index(desc->media_type))
		rc = load_from_index(s, desc, container, &ci, err);
	else
		rc = load_from_manifest(s, desc, container, &ci, err);
	if (rc < 0)
		return rc;
	*ret = ci;
	ci = (struct checkpoint_image){ 0 };
	return 0;
}

void checkpoint_names_done(struct checkpoint_names *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->list[i]);
	free(n->list);
	*n = (struct checkpoint_names){ 0 };
}

/* What choose() would choose from. */
static int names_of_index(struct store *s, const struct oci_descriptor *desc,
			  struct checkpoint_names *ret, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	_cleanup_(members_done) struct members m = { 0 };
	int rc;

	if ((rc = image_load_index(s, desc, &index, err)) < 0 ||
	    (rc = check_format(index.json, err)) < 0 || (rc = read_members(s, &index, &m, err)) < 0)
		return rc;
	ret->list = calloc(m.n + 1, sizeof(*ret->list));
	if (!ret->list)
		return firn_fail_oom(err, "containers");
	for (size_t i = 0; i < m.n; i++)
		if (m.list[i].role == ROLE_CHECKPOINT)
			ret->list[ret->n++] = take_ptr(&m.list[i].container);
	return ret->n ? 0 : no_checkpoint(err);
}

static int name_of_manifest(struct store *s, const struct oci_descriptor *desc,
			    struct checkpoint_names *ret, struct firn_error *err)
{
	_cleanup_(checkpoint_image_done) struct checkpoint_image ci = { 0 };
	const char *name;
	int rc = load_from_manifest(s, desc, NULL, &ci, err);

	if (rc < 0)
		return rc;
	name = oci_annotation(ci.checkpoint.manifest.json, ORG_FIRN_CONTAINER);
	ret->list = calloc(1, sizeof(*ret->list));
	if (!ret->list || (name && !(ret->list[0] = strdup(name))))
		return firn_fail_oom(err, "containers");
	ret->n = 1;
	return 0;
}

int checkpoint_image_names(struct store *s, const struct oci_descriptor *desc,
			   struct checkpoint_names *ret, struct firn_error *err)
{
	_cleanup_(checkpoint_names_done) struct checkpoint_names n = { 0 };
	int rc = oci_is_index(desc->media_type) ? names_of_index(s, desc, &n, err)
						: name_of_manifest(s, desc, &n, err);

	if (rc < 0)
		return rc;
	*ret = n;
	n = (struct checkpoint_names){ 0 };
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Into a registry. Each blob is asked for first, then taken over from a repository of the same
 * registry that has it, then sent; manifests come behind what they name, the ones that are asked
 * for under their tags.
 */
#include "copy/to.h"

#include "base/fd.h"
#include "base/path.h"

#include <string.h>

#define TAG_MAX 128 /* distribution-spec: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127} */

struct to_registry {
	struct to to;
	struct registry *registry;
	const struct roots *roots; /* borrowed, from check() on */
	bool *tagged;              /* for each of them: its tag is that of this image already */
};

static bool tag_is_valid(const char *tag)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";

	return *tag && *tag != '.' && *tag != '-' && strlen(tag) <= TAG_MAX &&
	       strspn(tag, letters) == strlen(tag);
}

/* A tag that is another image's is somebody's. 1: it is this image's. */
static int check_tag(struct to_registry *t, const struct root *r, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	struct digest there = { 0 };
	int rc;

	if (!tag_is_valid(r->tag))
		return firn_fail(err, FIRN_EINVAL, "%s can't be a tag in a registry",
				 path_quote(r->tag, quoted));
	rc = registry_has_manifest(t->registry, r->tag, &there, err);
	if (rc <= 0 || (there.alg && digest_equal(&there, &r->desc.digest)))
		return rc;
	if (t->to.force)
		return 0;
	return firn_fail(err, FIRN_EEXIST, "%s: tag \"%s\" is there already (--force replaces it)",
			 registry_name(t->registry), r->tag);
}

static int registry_check(struct to *to, const struct roots *roots, struct firn_error *err)
{
	struct to_registry *t = (struct to_registry *)to;
	int rc = 0;

	t->roots = roots;
	t->tagged = calloc(roots->n, sizeof(*t->tagged));
	if (!t->tagged)
		return firn_fail_oom(err, "tags");
	for (size_t i = 0; rc >= 0 && i < roots->n; i++) {
		const char *type = roots->list[i].desc.media_type;

		if (!oci_is_manifest(type) && !oci_is_index(type))
			return firn_fail(err, FIRN_EUNSUPP, "a registry has no %s by tag", type);
		rc = check_tag(t, &roots->list[i], err);
		t->tagged[i] = rc > 0;
	}
	return rc < 0 ? rc : 0;
}

/* Another repository of this registry that has it, or is said to; NULL: none is known. */
static const char *registry_origin(const struct to *to, const struct item *i)
{
	const struct to_registry *t = (const struct to_registry *)to;
	const struct registry *from = to->from->registry;

	if (from && strcmp(registry_host(from), registry_host(t->registry)) == 0)
		return registry_repository(from);
	if (i->base.repository && strcmp(i->base.host, registry_host(t->registry)) == 0 &&
	    strcmp(i->base.repository, registry_repository(t->registry)) != 0)
		return i->base.repository;
	return NULL;
}

/* Whether a repository of this registry had it. */
static bool take_over(struct to_registry *t, const struct item *i)
{
	const char *from = registry_origin(&t->to, i);

	return from && registry_mount_blob(t->registry, &i->digest, from);
}

/* Tells the watch, which counts forwards, of progress that may go back. */
struct sending {
	const struct store_watch *watch;
	uint64_t told;
	int rc; /* what the watch said */
	struct firn_error err;
};

static void on_sent(void *ctx, uint64_t done)
{
	struct sending *s = ctx;

	if (done <= s->told)
		return;
	if (s->rc == 0)
		s->rc = s->watch->moved(done - s->told, s->watch->ctx, &s->err);
	s->told = done;
}

/* An upload is given up where its bytes are read. */
struct stoppable {
	struct source base;
	struct source *src;
	const struct sending *sending;
};

static ssize_t stoppable_pread(struct source *src, void *buf, size_t n, uint64_t at,
			       struct firn_error *err)
{
	struct stoppable *s = (struct stoppable *)src;

	if (s->sending->rc < 0)
		return firn_fail(err, FIRN_EFAIL, "given up");
	return source_pread(s->src, buf, n, at, err);
}

static void stoppable_close(struct source *src)
{
	(void)src;
}

static int send(struct to_registry *t, const struct item *i, const struct store_watch *watch,
		struct firn_error *err)
{
	static const struct source_ops ops = { stoppable_pread, stoppable_close };
	_cleanup_(source_closep) struct source *src = NULL;
	struct sending sending = { .watch = watch };
	const struct registry_progress progress = { on_sent, &sending };
	struct stoppable s = { .sending = &sending };
	int rc = from_blob(t->to.from, &i->digest, i->size, &src, err);

	if (rc < 0)
		return rc;
	s.base = (struct source){ .ops = &ops, .size = src->size };
	s.src = src;
	return registry_put_blob(t->registry, &i->digest, i->size, &s.base, &progress, err);
}

static int registry_has(struct to *to, const struct digest *d, uint64_t size,
			struct firn_error *err)
{
	uint64_t found;
	int rc = registry_has_blob(((struct to_registry *)to)->registry, d, &found, err);

	return rc < 0 ? rc : rc > 0 && found == size;
}

static int registry_move(struct to *to, const struct item *i, const struct store_watch *watch,
			 enum fate *ret_fate, struct firn_error *err)
{
	struct to_registry *t = (struct to_registry *)to;
	int rc = registry_has_blob(t->registry, &i->digest, NULL, err);

	*ret_fate = FATE_PRESENT;
	if (rc != 0)
		return rc < 0 ? rc : 0;
	*ret_fate = FATE_MOUNTED;
	if (!from_is_made(to->from, &i->digest) && take_over(t, i))
		return 0;
	*ret_fate = FATE_COPIED;
	return send(t, i, watch, err);
}

static int registry_document(struct to *to, const struct item *i, const char *text,
			     enum fate *ret_fate, struct firn_error *err)
{
	struct to_registry *t = (struct to_registry *)to;
	/* What puts one of those also puts it on a list, which may be missing. */
	const bool may_have_subject = memmem(text, (size_t)i->size, "subject", 7);
	char digest[DIGEST_TEXT_MAX];
	size_t tags = 0;
	int rc = registry_has_manifest(t->registry, digest_text(&i->digest, digest), NULL, err);

	if (rc < 0)
		return rc;
	*ret_fate = rc ? FATE_PRESENT : FATE_COPIED;
	for (size_t k = 0; k < t->roots->n; k++) {
		const struct root *r = &t->roots->list[k];

		if (!digest_equal(&r->desc.digest, &i->digest) ||
		    (t->tagged[k] && *ret_fate == FATE_PRESENT && !may_have_subject))
			continue;
		rc = registry_put_manifest(t->registry, r->tag, i->type, text, (size_t)i->size,
					   &i->digest, err);
		if (rc < 0)
			return rc;
		tags++;
	}
	if (tags || *ret_fate == FATE_PRESENT)
		return 0;
	return registry_put_manifest(t->registry, digest, i->type, text, (size_t)i->size,
				     &i->digest, err);
}

static int registry_finish(struct to *to, const struct roots *roots, struct firn_error *err)
{
	(void)to;
	(void)roots;
	(void)err;
	return 0;
}

static void to_registry_close(struct to *to)
{
	struct to_registry *t = (struct to_registry *)to;

	registry_close(t->registry);
	free(t->tagged);
	free(t);
}

int to_registry_open(const struct ref *ref, const struct firn_registry_opts *how, struct to **ret,
		     struct firn_error *err)
{
	static const struct to_ops ops = {
		.check = registry_check,
		.has = registry_has,
		.blob = registry_move,
		.document = registry_document,
		.origin = registry_origin,
		.finish = registry_finish,
		.close = to_registry_close,
		.parallel = true,
		.tag = TAG_LATEST,
	};
	struct to_registry *t = calloc(1, sizeof(*t));
	struct registry_opts opts = { 0 };
	int rc;

	if (!t)
		return firn_fail_oom(err, "registry");
	t->to.ops = &ops;
	t->to.trusting = true;
	rc = how ? registry_opts_from(how, &opts, err) : 0;
	if (rc == 0)
		rc = registry_open(ref, &opts, &t->registry, err);
	if (rc < 0) {
		to_registry_close(&t->to);
		return rc;
	}
	*ret = &t->to;
	return 0;
}

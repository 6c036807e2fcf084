/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/result.h"

#include "base/fd.h"

#include <string.h>

struct firn_build_result {
	char index[DIGEST_TEXT_MAX], checkpoint[DIGEST_TEXT_MAX], rootfs[DIGEST_TEXT_MAX];
	char *container;
	const char *engine;
	uint64_t bytes;
	char **losses;
	size_t nlosses;
	struct firn_build_result **parts; /* of several containers, else NULL */
	size_t nparts;
};

struct firn_build_result *firn_build_result_free(struct firn_build_result *r)
{
	if (!r)
		return NULL;
	for (size_t i = 0; i < r->nlosses; i++)
		free(r->losses[i]);
	free(r->losses);
	for (size_t i = 0; i < r->nparts; i++)
		firn_build_result_free(r->parts[i]);
	free(r->parts);
	free(r->container);
	free(r);
	return NULL;
}

void result_freep(struct firn_build_result **r)
{
	*r = firn_build_result_free(*r);
}

size_t firn_build_result_parts(const struct firn_build_result *r)
{
	return r->parts ? r->nparts : 1;
}

const struct firn_build_result *firn_build_result_part(const struct firn_build_result *r, size_t i)
{
	if (!r->parts)
		return i == 0 ? r : NULL;
	return i < r->nparts ? r->parts[i] : NULL;
}

const char *firn_build_result_index(const struct firn_build_result *r)
{
	return r->index;
}

const char *firn_build_result_checkpoint(const struct firn_build_result *r)
{
	return *r->checkpoint ? r->checkpoint : NULL;
}

const char *firn_build_result_rootfs(const struct firn_build_result *r)
{
	return *r->rootfs ? r->rootfs : NULL;
}

const char *firn_build_result_container(const struct firn_build_result *r)
{
	return r->container;
}

const char *firn_build_result_engine(const struct firn_build_result *r)
{
	return r->engine;
}

uint64_t firn_build_result_bytes(const struct firn_build_result *r)
{
	return r->bytes;
}

size_t firn_build_result_losses(const struct firn_build_result *r)
{
	return r->nlosses;
}

const char *firn_build_result_loss(const struct firn_build_result *r, size_t i)
{
	return i < r->nlosses ? r->losses[i] : NULL;
}

static int copy_losses(struct firn_build_result *r, const struct notes *n, struct firn_error *err)
{
	char **more = reallocarray(r->losses, r->nlosses + n->nlosses + 1, sizeof(*more));

	if (!more)
		return firn_fail_oom(err, "result");
	r->losses = more;
	for (size_t i = 0; i < n->nlosses; i++) {
		r->losses[r->nlosses] = strdup(n->losses[i]);
		if (!r->losses[r->nlosses])
			return firn_fail_oom(err, "result");
		r->nlosses++;
	}
	return 0;
}

static int result_of_one(const struct batch *b, const struct ingest *g,
			 struct firn_build_result **ret, struct firn_error *err)
{
	_cleanup_(result_freep) struct firn_build_result *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return firn_fail_oom(err, "result");
	rc = copy_losses(r, &g->notes, err);
	if (rc < 0)
		return rc;
	if (g->facts.container && !(r->container = strdup(g->facts.container)))
		return firn_fail_oom(err, "result");
	r->engine = g->facts.engine->name;
	r->bytes = g->bytes;
	digest_text(&b->index.digest, r->index);
	digest_text(&g->checkpoint.digest, r->checkpoint);
	if (g->rootfs.digest.alg)
		digest_text(&g->rootfs.digest, r->rootfs);
	*ret = take_ptr(&r);
	return 0;
}

int result_of(const struct batch *b, struct firn_build_result **ret, struct firn_error *err)
{
	_cleanup_(result_freep) struct firn_build_result *r = NULL;
	int rc = 0;

	if (b->ncontainers == 1)
		return result_of_one(b, b->containers[0], ret, err);
	r = calloc(1, sizeof(*r));
	if (!r || !(r->parts = calloc(b->ncontainers, sizeof(*r->parts))))
		return firn_fail_oom(err, "result");
	digest_text(&b->index.digest, r->index);
	while (r->nparts < b->ncontainers) {
		const struct ingest *g = b->containers[r->nparts];

		rc = result_of_one(b, g, &r->parts[r->nparts], err);
		if (rc < 0)
			return rc;
		r->nparts++;
		rc = copy_losses(r, &g->notes, err);
		if (rc < 0)
			return rc;
		r->bytes += g->bytes;
	}
	*ret = take_ptr(&r);
	return 0;
}

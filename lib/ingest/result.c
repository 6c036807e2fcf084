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
};

struct firn_build_result *firn_build_result_free(struct firn_build_result *r)
{
	if (!r)
		return NULL;
	for (size_t i = 0; i < r->nlosses; i++)
		free(r->losses[i]);
	free(r->losses);
	free(r->container);
	free(r);
	return NULL;
}

void result_freep(struct firn_build_result **r)
{
	*r = firn_build_result_free(*r);
}

const char *firn_build_result_index(const struct firn_build_result *r)
{
	return r->index;
}

const char *firn_build_result_checkpoint(const struct firn_build_result *r)
{
	return r->checkpoint;
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

int result_of(const struct batch *b, struct firn_build_result **ret, struct firn_error *err)
{
	_cleanup_(result_freep) struct firn_build_result *r = calloc(1, sizeof(*r));
	const struct ingest *g = b->containers[0];
	const struct notes *n = &g->notes;

	if (!r)
		return firn_fail_oom(err, "result");
	r->engine = g->facts.engine->name;
	r->bytes = g->bytes;
	r->losses = calloc(n->nlosses + 1, sizeof(*r->losses));
	if (!r->losses)
		return firn_fail_oom(err, "result");
	for (; r->nlosses < n->nlosses; r->nlosses++) {
		r->losses[r->nlosses] = strdup(n->losses[r->nlosses]);
		if (!r->losses[r->nlosses])
			return firn_fail_oom(err, "result");
	}
	if (g->facts.container && !(r->container = strdup(g->facts.container)))
		return firn_fail_oom(err, "result");
	digest_text(&b->index.digest, r->index);
	digest_text(&g->checkpoint.digest, r->checkpoint);
	if (g->rootfs.digest.alg)
		digest_text(&g->rootfs.digest, r->rootfs);
	*ret = take_ptr(&r);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/batch.h"

#include "base/fd.h"
#include "ingest/index.h"

#include <string.h>

void batch_done(struct batch *b)
{
	for (size_t i = 0; i < b->ncontainers; i++) {
		ingest_done(b->containers[i]);
		free(b->containers[i]);
	}
	free(b->containers);
	for (size_t i = 0; i < b->nbases; i++) {
		base_free(b->bases[i].base);
		free(b->bases[i].ref);
	}
	free(b->bases);
	frame_pool_free(b->pool); /* after those that use it */
	blobs_done(&b->blobs);
	layout_close(b->layout);
	*b = (struct batch){ 0 };
}

int batch_base(struct batch *b, const char *ref, struct base **ret, struct firn_error *err)
{
	struct batch_base *more;
	int rc;

	for (size_t i = 0; i < b->nbases; i++) {
		if (strcmp(b->bases[i].ref, ref) == 0) {
			*ret = b->bases[i].base;
			return 0;
		}
	}
	more = reallocarray(b->bases, b->nbases + 1, sizeof(*more));
	if (!more)
		return firn_fail_oom(err, "base");
	b->bases = more;
	more += b->nbases;
	*more = (struct batch_base){ .ref = strdup(ref) };
	if (!more->ref)
		return firn_fail_oom(err, "base");
	rc = base_open(ref, &more->base, err);
	if (rc < 0) {
		free(more->ref);
		return firn_wrap(err, rc, "base %s", ref);
	}
	b->nbases++;
	*ret = more->base;
	return 0;
}

int batch_add(struct batch *b, struct ingest **ret, struct firn_error *err)
{
	struct ingest **more = reallocarray(b->containers, b->ncontainers + 1, sizeof(*more));
	struct ingest *g;

	if (!more)
		return firn_fail_oom(err, "container");
	b->containers = more;
	g = calloc(1, sizeof(*g));
	if (!g)
		return firn_fail_oom(err, "container");
	g->blobs = &b->blobs;
	b->containers[b->ncontainers++] = g;
	*ret = g;
	return 0;
}

int batch_open_layout(struct batch *b, const char *path, struct firn_error *err)
{
	int rc = layout_open(path, LAYOUT_CREATE | LAYOUT_WRITE, &b->layout, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < b->ncontainers; i++) {
		b->containers[i]->store = layout_store(b->layout);
		b->containers[i]->pool = b->pool;
	}
	return 0;
}

int batch_index(struct batch *b, struct firn_error *err)
{
	int rc = index_make(b->containers, b->ncontainers, &b->index, err);

	return firn_wrap(err, rc, "index");
}

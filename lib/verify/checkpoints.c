/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which images of a layout hold a checkpoint, for whoever looks into these. */
#include "verify/trace.h"

#include "base/fd.h"
#include "format/ctr.h"

#include <stdlib.h>
#include <string.h>

/*
 * Checkpoints have their own layers, so looking into all of them reads no more than there is. Many
 * that name the same layers would cost any time: they get what an honest layout needs, doubled.
 */
#define COST_FACTOR 2
#define ALWAYS_MAX  4 /* whatever they cost */

/* Of firn, of an engine, or of "ctr checkpoint", whose index has CRIU's images for an entry. */
static bool is_checkpoint(const json_t *doc)
{
	static const char *const keys[] = { ORG_CRIU_CONTAINER_NAME, ORG_CRIU_ENGINE_NAME,
					    PODMAN_RUNTIME_NAME, CRIO_NAME };
	const char *role = oci_annotation(doc, ORG_FIRN_ROLE);
	const json_t *list = json_object_get(doc, "manifests");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *type =
		    json_string_value(json_object_get(json_array_get(list, i), "mediaType"));

		if (type && ctr_part_of(type) == CTR_IMAGES)
			return true;
	}
	if (role)
		return strcmp(role, ORG_FIRN_ROLE_CHECKPOINT) == 0;
	for (size_t i = 0; json_object_get(doc, "layers") && i < ARRAY_SIZE(keys); i++)
		if (oci_annotation(doc, keys[i]))
			return true;
	return false;
}

/* Bytes of what @doc, a manifest or an index, leads to. */
static uint64_t bytes_of(struct trace *t, const json_t *doc, const char *key)
{
	const json_t *list = json_object_get(doc, key);
	uint64_t sum = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text =
		    json_string_value(json_object_get(json_array_get(list, i), "digest"));
		const struct blob *blob;
		struct digest d;

		if (!text || digest_parse(&d, text, NULL) < 0)
			continue;
		blob = blobset_find(t->blobs, &d);
		if (blob && __builtin_add_overflow(sum, blob->size, &sum))
			return UINT64_MAX;
	}
	return sum;
}

static bool affordable(struct trace *t, const json_t *doc)
{
	uint64_t all = 0, cost = t->blobs->packed ? t->blobs->src->size : 0;

	if (t->ncheckpoints == TRACE_CHECKPOINTS_MAX)
		return false;
	for (size_t i = 0; i < t->blobs->n; i++)
		all += t->blobs->list[i].size;
	cost += bytes_of(t, doc, "layers") + bytes_of(t, doc, "manifests");
	t->cost += cost;
	return t->ncheckpoints < ALWAYS_MAX || t->cost / COST_FACTOR <= all;
}

int trace_note_checkpoint(struct trace *t, const struct digest *d, const json_t *doc,
			  struct firn_error *err)
{
	struct trace_checkpoint *grown;

	if (!is_checkpoint(doc) || t->enough)
		return 0;
	if (!affordable(t, doc)) {
		t->enough = true;
		findings_add(t->findings, FINDING_WARNING, "", "not-checked",
			     "has so many checkpoints that only %zu were looked into: name one",
			     t->ncheckpoints);
		return 0;
	}
	grown = reallocarray(t->checkpoints, t->ncheckpoints + 1, sizeof(*grown));
	if (!grown)
		return firn_fail_oom(err, "layout");
	t->checkpoints = grown;
	t->checkpoints[t->ncheckpoints++] = (struct trace_checkpoint){
		.digest = *d,
		.own = oci_annotation(doc, ORG_FIRN_ROLE) != NULL,
	};
	return 0;
}

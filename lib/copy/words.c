/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy/words.h"

#include "base/fd.h"

#include <stdio.h>
#include <string.h>

#define BYTES_MAX     (1u << 20)
#define CONTAINER_MAX 24 /* of its name that are shown */

void words_done(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i]);
	free(w->list);
	*w = (struct words){ 0 };
}

const char *words_of(const struct words *w, size_t item)
{
	return item < w->n && w->list[item] ? w->list[item] : "";
}

/* The first name of a blob that several images have is as good as any. */
static int add(struct words *w, const struct plan *p, const struct digest *d, bool document,
	       const char *text, struct firn_error *err)
{
	const struct item *i = plan_find(p, d, document);
	const size_t at = i ? (size_t)(i - p->items) : 0;
	const size_t len = strlen(text) + 1;

	if (!i || w->list[at] || len > BYTES_MAX - w->bytes)
		return 0;
	w->list[at] = strdup(text);
	if (!w->list[at])
		return firn_fail_oom(err, "words");
	w->bytes += len;
	return 0;
}

/* "web: checkpoint " of an image of ours, "" of others'. */
static void put_owner(char ret[WORDS_MAX], const json_t *manifest, bool several)
{
	const char *role = oci_annotation(manifest, ORG_FIRN_ROLE);
	const char *container = several ? oci_annotation(manifest, ORG_FIRN_CONTAINER) : NULL;

	if (!role)
		*ret = '\0';
	else if (container)
		snprintf(ret, WORDS_MAX, "%.*s: %.16s ", CONTAINER_MAX, container, role);
	else
		snprintf(ret, WORDS_MAX, "%.16s ", role);
}

static void put_layer(char ret[WORDS_MAX], const struct oci_descriptor *layer, size_t number)
{
	const char *role = oci_annotation(layer->json, ORG_FIRN_LAYER);

	if (role && strcmp(role, ORG_FIRN_LAYER_BASE) != 0)
		snprintf(ret, WORDS_MAX, "%.16s", role);
	else
		snprintf(ret, WORDS_MAX, "layer %zu", number);
}

static int of_manifest(struct words *w, const struct plan *p, const struct item *i, bool several,
		       struct firn_error *err)
{
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	char owner[WORDS_MAX], part[WORDS_MAX], text[2 * WORDS_MAX];
	int rc = oci_manifest_parse(i->text, (size_t)i->size, &m, err);

	if (rc < 0)
		return rc;
	put_owner(owner, m.json, several);
	snprintf(text, sizeof(text), "%smanifest", owner);
	rc = add(w, p, &i->digest, true, text, err);
	snprintf(text, sizeof(text), "%sconfig", owner);
	if (rc == 0)
		rc = add(w, p, &m.config.digest, false, text, err);
	for (size_t k = 0; rc == 0 && k < m.nlayers; k++) {
		put_layer(part, &m.layers[k], k + 1);
		snprintf(text, sizeof(text), "%.*s%s", WORDS_MAX - 24, owner, part);
		rc = add(w, p, &m.layers[k].digest, false, text, err);
	}
	return rc;
}

/* Whether an index has more than one checkpoint: then it matters of which container each is. */
static int of_index(struct words *w, const struct plan *p, const struct item *i, bool *several,
		    struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	size_t checkpoints = 0;
	int rc = oci_index_parse(i->text, (size_t)i->size, &index, err);

	for (size_t k = 0; rc == 0 && k < index.nmanifests; k++) {
		const char *role = oci_annotation(index.manifests[k].json, ORG_FIRN_ROLE);

		checkpoints += role && strcmp(role, ORG_FIRN_ROLE_CHECKPOINT) == 0;
	}
	*several = *several || checkpoints > 1;
	return rc < 0 ? rc : add(w, p, &i->digest, true, "index", err);
}

int words_make(const struct plan *p, struct words *ret, struct firn_error *err)
{
	_cleanup_(words_done) struct words w = { .list = calloc(p->n + 1, sizeof(*w.list)) };
	bool several = false;
	int rc = 0;

	if (!w.list)
		return firn_fail_oom(err, "words");
	w.n = p->n;
	for (size_t i = 0; rc == 0 && i < p->n; i++)
		if (p->items[i].text && oci_is_index(p->items[i].type))
			rc = of_index(&w, p, &p->items[i], &several, err);
	for (size_t i = 0; rc == 0 && i < p->n; i++)
		if (p->items[i].text && oci_is_manifest(p->items[i].type))
			rc = of_manifest(&w, p, &p->items[i], several, err);
	if (rc < 0)
		return rc;
	*ret = w;
	w = (struct words){ 0 };
	return 0;
}

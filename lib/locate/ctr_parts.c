/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "locate/ctr_parts.h"

#include "base/fd.h"

#include <string.h>

#define CTR_BASE_NAME "image.name" /* annotation of "ctr tasks checkpoint" (client/task.go) */

void ctr_parts_done(struct ctr_parts *p)
{
	oci_index_done(&p->index);
	free(p->text);
	free(p->config);
	*p = (struct ctr_parts){ .text = NULL };
}

const struct oci_descriptor *ctr_parts_find(const struct ctr_parts *p, enum ctr_part part)
{
	for (size_t i = 0; i < p->index.nmanifests; i++)
		if (ctr_part_of(p->index.manifests[i].media_type) == part)
			return &p->index.manifests[i];
	return NULL;
}

/* One thing cannot be there twice; the base is no part, but there is one of it as well. */
static int check_once(const struct ctr_parts *p, struct firn_error *err)
{
	bool seen[CTR_DELTA + 1] = { false }, *twice;

	for (size_t i = 0; i < p->index.nmanifests; i++) {
		const char *type = p->index.manifests[i].media_type;
		const enum ctr_part part = ctr_part_of(type);

		if (part == CTR_NONE && !oci_is_manifest(type) && !oci_is_index(type))
			continue;
		twice = &seen[part];
		if (*twice)
			return firn_fail(err, FIRN_ECORRUPT, "has two %s",
					 part == CTR_NONE ? "base images" : type);
		*twice = true;
	}
	if (seen[CTR_PREDUMP])
		return firn_fail(err, FIRN_EUNSUPP, "pre-dumps can't be taken by this version");
	if (!seen[CTR_IMAGES])
		return firn_fail(
		    err, FIRN_ECORRUPT,
		    "no checkpoint: has no CRIU images (ctr checkpoints a process only "
		    "with --task)");
	return 0;
}

static int read_spec(struct store *s, struct ctr_parts *p, struct firn_error *err)
{
	const struct oci_descriptor *d = ctr_parts_find(p, CTR_CONFIG);
	size_t len = 0;
	int rc;

	if (!d)
		return firn_fail(err, FIRN_ECORRUPT,
				 "has no runtime configuration of the container");
	if ((rc = store_read(s, &d->digest, d->size, CTR_DOCUMENT_MAX, &p->config, &len, err)) <
		0 ||
	    (rc = ctr_spec(p->config, len, &p->spec, &p->spec_len, err)) < 0)
		return firn_wrap(err, rc, "runtime configuration");
	return 0;
}

static void learn(struct ctr_parts *p)
{
	p->image_name = oci_annotation(p->index.json, OCI_REF_NAME);
	if (!p->image_name)
		p->image_name = oci_annotation(p->index.json, CTR_BASE_NAME);
	for (size_t i = 0; i < p->index.nmanifests; i++) {
		const struct oci_descriptor *d = &p->index.manifests[i];

		if (oci_is_manifest(d->media_type) || oci_is_index(d->media_type))
			p->base = d;
	}
}

static int read_index(const struct located *l, struct ctr_parts *p, struct firn_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc;

	if (!l->index)
		return store_read(l->place.store, &l->desc.digest, l->desc.size, OCI_DOCUMENT_MAX,
				  &p->text, &p->len, err);
	rc = json_print(l->index, &text, err);
	if (rc < 0)
		return rc;
	p->len = text.len;
	p->text = buf_steal(&text);
	return p->text ? 0 : firn_fail_oom(err, "index.json");
}

static int read_parts(const struct located *l, struct ctr_parts *p, struct firn_error *err)
{
	int rc;

	if ((rc = read_index(l, p, err)) < 0 ||
	    (rc = oci_index_parse(p->text, p->len, &p->index, err)) < 0 ||
	    (rc = check_once(p, err)) < 0 || (rc = read_spec(l->place.store, p, err)) < 0)
		return rc;
	learn(p);
	return 0;
}

int ctr_parts_read(const struct located *l, struct ctr_parts *ret, struct firn_error *err)
{
	_cleanup_(ctr_parts_done) struct ctr_parts p = { .text = NULL };
	char text[DIGEST_TEXT_MAX];
	int rc = read_parts(l, &p, err);

	if (rc < 0 && l->index)
		return firn_wrap(err, rc, "index.json");
	if (rc < 0)
		return firn_wrap(err, rc, "ctr checkpoint %s", digest_text(&l->desc.digest, text));
	*ret = p;
	p = (struct ctr_parts){ .text = NULL };
	return 0;
}

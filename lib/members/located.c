/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of OCI content: an image of firn's, one of others, an index of ctr. */
#include "members/priv.h"

#include "base/fd.h"
#include "format/annotations.h"
#include "format/checkpoint.h"
#include "format/indexed.h"
#include "format/packed.h"
#include "locate/cover.h"
#include "locate/ctr_parts.h"

#include <inttypes.h>
#include <string.h>

static struct store *store_of(struct members *m)
{
	return m->at.place.store;
}

static int open_blob(struct members *m, const struct oci_descriptor *desc, bool sized,
		     struct source **ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int rc = store_open(store_of(m), &desc->digest, &src, err);

	if (rc < 0)
		return rc;
	if (sized && src->size != desc->size)
		return firn_fail(err, FIRN_ECORRUPT,
				 "has %" PRIu64 " bytes where %" PRIu64 " are announced", src->size,
				 desc->size);
	/* What can be read at any place is not read through. */
	(void)packed_open(&src);
	*ret = take_ptr(&src);
	return 0;
}

static int add_tar(struct members *m, const struct oci_descriptor *desc, const struct tar_how *how,
		   struct firn_error *err)
{
	struct source *src = NULL;
	int rc = open_blob(m, desc, !m->at.by_diff_id, &src, err);

	return rc < 0 ? rc : members_add_tar(m, src, how, err);
}

static int add_layer(struct members *m, const struct oci_descriptor *desc,
		     const struct tar_how *how, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];

	return firn_wrap(err, add_tar(m, desc, how, err), "layer %.19s",
			 digest_text(&desc->digest, text));
}

/* From afar, by the index that the layer has: 1, or 0 when it has none. */
static int add_indexed(struct members *m, const struct oci_descriptor *desc, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *tree = NULL;
	int rc = store_open(store_of(m), &desc->digest, &src, err);

	if (rc == 0)
		rc = indexed_open(&src, INDEXED_MAX, &tree, err);
	if (rc <= 0)
		return rc;
	rc = members_add_tree(m, take_ptr(&src), tree, err);
	return rc < 0 ? rc : 1;
}

static int add_own_layer(struct members *m, const struct oci_descriptor *desc,
			 struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	int codec, rc = oci_layer_codec(desc->media_type, &codec, err);

	if (rc >= 0)
		rc = members_remote(m) ? add_indexed(m, desc, err) : 0;
	if (rc == 0)
		rc = add_tar(m, desc, NULL, err);
	return firn_wrap(err, rc < 0 ? rc : 0, "layer %.19s", digest_text(&desc->digest, text));
}

static int add_own_layers(struct members *m, struct firn_error *err)
{
	const struct image *image = &m->image.checkpoint;
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < image->manifest.nlayers; i++) {
		const struct oci_descriptor *desc = &image->manifest.layers[i];
		const char *role = image_layer_role(image, i);

		/* What engines need of their own archive is in R's delta already. */
		if (role && strcmp(role, ORG_FIRN_LAYER_COMPAT) == 0)
			continue;
		rc = add_own_layer(m, desc, err);
	}
	return rc;
}

static int add_own(struct members *m, const char *container, struct firn_error *err)
{
	int rc = checkpoint_image_names(store_of(m), &m->at.desc, &m->image_names, err);

	if (rc < 0)
		return rc;
	m->form = MEMBERS_IMAGE;
	if (!container && m->image_names.n > 1)
		container = m->image_names.list[0];
	rc = checkpoint_image_load(store_of(m), &m->at.desc, container, &m->image, err);
	return rc < 0 ? rc : add_own_layers(m, err);
}

/* From the topmost layer down: what it has or hides isn't looked for below. */
static int add_foreign(struct members *m, struct firn_error *err)
{
	const struct image *image = &m->at.image;
	const struct locate_words words = locate_words(image->manifest.json);
	_cleanup_(cover_done) struct cover cover = { .layer = 0 };
	const struct tar_how how = { .cover = &cover };
	int rc = cover_open(&cover, err);

	m->form = MEMBERS_FOREIGN;
	m->about.image = image;
	m->about.container = words.container;
	m->about.image_name = words.image_name;
	for (size_t i = image->manifest.nlayers; rc >= 0 && i-- > 0;) {
		cover_descend(&cover);
		rc = add_layer(m, &image->manifest.layers[i], &how, err);
	}
	return rc;
}

/* A blob as it lies, or bytes of our own, as the member @path. */
static int add_file(struct members *m, const char *path, const struct oci_descriptor *desc,
		    struct firn_error *err)
{
	const struct member member = { .kind = MEMBER_FILE, .path = path, .size = desc->size };
	struct member_how how = { .place = PLACE_PART };
	struct source *src = NULL;
	int rc = open_blob(m, desc, true, &src, err);

	if (rc < 0 || (rc = members_add_part(m, src, err)) < 0)
		return firn_wrap(err, rc, "%s", path);
	how.part = (uint8_t)(m->nparts - 1);
	return members_add(m, &member, &how, err);
}

static int add_spec(struct members *m, const struct ctr_parts *p, struct firn_error *err)
{
	struct member_how how = { .place = PLACE_SPOOL };
	struct member member = { .kind = MEMBER_FILE, .path = CHECKPOINT_SPEC };
	_cleanup_(istream_closep) struct istream *in = NULL;
	int rc;

	if ((rc = istream_from_mem(p->spec, p->spec_len, &in, err)) < 0 ||
	    (rc = spool_take(&m->spool, in, &how.at, &member.size, err)) < 0)
		return rc;
	return members_add(m, &member, &how, err);
}

static int learn_ctr(struct members *m, const struct ctr_parts *p, struct firn_error *err)
{
	m->form = MEMBERS_CTR;
	m->about.engine = "containerd";
	m->about.index = m->at.index ? NULL : &m->at.desc;
	if (p->base) {
		m->base = *p->base;
		json_incref(m->base.json);
		m->about.base = &m->base;
	}
	if (!p->image_name)
		return 0;
	m->name = strdup(p->image_name);
	m->about.image_name = m->name;
	return m->name ? 0 : firn_fail_oom(err, "name");
}

static int add_ctr(struct members *m, struct firn_error *err)
{
	static const enum ctr_part documents[] = { CTR_CONFIG, CTR_OPTIONS, CTR_RUNTIME_OPTIONS,
						   CTR_RUNTIME_NAME, CTR_RESOURCE };
	_cleanup_(ctr_parts_done) struct ctr_parts p = { .text = NULL };
	const struct tar_how images = { .images = true };
	const struct oci_descriptor *d;
	int rc;

	if ((rc = ctr_parts_read(&m->at, &p, err)) < 0 || (rc = learn_ctr(m, &p, err)) < 0 ||
	    (rc = add_spec(m, &p, err)) < 0)
		return rc;
	for (size_t i = 0; rc >= 0 && i < ARRAY_SIZE(documents); i++) {
		d = ctr_parts_find(&p, documents[i]);
		rc = d ? add_file(m, ctr_member(documents[i]), d, err) : 0;
	}
	d = ctr_parts_find(&p, CTR_DELTA);
	if (rc >= 0 && d)
		rc = add_file(m, CHECKPOINT_ROOTFS, d, err);
	return rc < 0 ? rc : add_layer(m, ctr_parts_find(&p, CTR_IMAGES), &images, err);
}

int members_add_located(struct members *m, const char *container, struct firn_error *err)
{
	m->packed |= m->at.place.packed;
	switch (m->at.kind) {
	case LOCATED_OWN:
		return add_own(m, container, err);
	case LOCATED_IMAGE:
		return add_foreign(m, err);
	case LOCATED_CTR:
		return add_ctr(m, err);
	}
	return firn_fail(err, FIRN_EINVAL, "is no checkpoint");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy/plan.h"

#include "base/fd.h"
#include "base/sip.h"

#include <stdio.h>
#include <string.h>

#define KEPT_MAX    (16u << 20) /* bytes of documents that are held */
#define SLOTS_FIRST 256
#define BASES_MAX   1000

void plan_done(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->items[i].type);
		free(p->items[i].text);
	}
	for (size_t i = 0; i < p->nbases; i++)
		ref_done(&p->bases[i]);
	free(p->bases);
	free(p->items);
	free(p->slots);
	*p = (struct plan){ 0 };
}

static size_t slot_of(const struct plan *p, const struct digest *d, bool document)
{
	size_t at = (size_t)sip_hash(&p->salt, document, d->bytes, digest_size(d->alg));

	for (at &= p->nslots - 1; p->slots[at]; at = (at + 1) & (p->nslots - 1)) {
		const struct item *i = &p->items[p->slots[at] - 1];

		if (digest_equal(&i->digest, d) && (i->type != NULL) == document)
			break;
	}
	return at;
}

static struct item *find(const struct plan *p, const struct digest *d, bool document)
{
	uint32_t at = p->nslots ? p->slots[slot_of(p, d, document)] : 0;

	return at ? &p->items[at - 1] : NULL;
}

const struct item *plan_find(const struct plan *p, const struct digest *d, bool document)
{
	return find(p, d, document);
}

static int grow(struct plan *p, struct firn_error *err)
{
	const size_t nslots = p->nslots ? 2 * p->nslots : SLOTS_FIRST;
	struct item *items = reallocarray(p->items, nslots / 2, sizeof(*items));
	uint32_t *slots = calloc(nslots, sizeof(*slots));

	if (items)
		p->items = items;
	if (!items || !slots) {
		free(slots);
		return firn_fail_oom(err, "blobs");
	}
	if (!p->nslots)
		p->salt = sip_key_new(p);
	free(p->slots);
	p->slots = slots;
	p->nslots = nslots;
	p->room = nslots / 2;
	for (size_t i = 0; i < p->n; i++)
		slots[slot_of(p, &items[i].digest, items[i].type)] = (uint32_t)i + 1;
	return 0;
}

/* One that isn't there yet. Takes type and text of @i, also on failure. */
static int add_item(struct plan *p, const struct item *i, struct firn_error *err)
{
	int rc = 0;

	if (p->n == PLAN_ITEMS_MAX)
		rc = firn_fail(err, FIRN_ELIMIT, "more than %u blobs", PLAN_ITEMS_MAX);
	else if (p->n == p->room)
		rc = grow(p, err);
	if (rc == 0 && __builtin_add_overflow(p->bytes, i->size, &p->bytes))
		rc = firn_fail(err, FIRN_ELIMIT, "more than 2^64 bytes");
	if (rc < 0) {
		free(i->type);
		free(i->text);
		return rc;
	}
	p->slots[slot_of(p, &i->digest, i->type)] = (uint32_t)p->n + 1;
	p->items[p->n++] = *i;
	return 0;
}

/* What a document names, without the document: it may be large, and others lie below it. */
struct child {
	struct digest digest;
	uint64_t size;
	char *type; /* of a manifest or index; NULL: a blob */
	bool spare; /* what is not there may be left out */
	struct base base;
};

struct children {
	struct child *list;
	size_t n;
};

static void children_done(struct children *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->list[i].type);
	free(c->list);
}

static int add_child(struct children *c, const struct oci_descriptor *d, bool spare,
		     struct firn_error *err)
{
	const bool document = oci_is_manifest(d->media_type) || oci_is_index(d->media_type);
	char *type = document ? strdup(d->media_type) : NULL;

	if (document && !type)
		return firn_fail_oom(err, "manifest");
	c->list[c->n++] = (struct child){
		.digest = d->digest,
		.size = d->size,
		.type = type,
		.spare = spare,
	};
	return 0;
}

/* A layer that is to be had elsewhere (descriptor.md, "urls") need not be in the image. */
static bool is_elsewhere(const struct oci_descriptor *d)
{
	return json_array_size(json_object_get(d->json, "urls")) > 0;
}

/* What a manifest says of the image it was made from, if that is of use to a registry. */
static int find_base(struct plan *p, const json_t *manifest, struct base *ret,
		     struct firn_error *err)
{
	const char *name = oci_annotation(manifest, OCI_BASE_NAME);
	struct ref *more;
	_free_ char *text = NULL;
	struct ref r = { 0 };

	if (!name || p->nbases == BASES_MAX)
		return 0;
	if (asprintf(&text, "docker://%s", name) < 0) {
		text = NULL;
		return firn_fail_oom(err, "base");
	}
	if (ref_parse(text, &r, NULL) < 0)
		return 0;
	for (size_t i = 0; i < p->nbases; i++)
		if (strcmp(p->bases[i].host, r.host) == 0 &&
		    strcmp(p->bases[i].path, r.path) == 0) {
			ref_done(&r);
			*ret = (struct base){ p->bases[i].host, p->bases[i].path };
			return 0;
		}
	more = reallocarray(p->bases, p->nbases + 1, sizeof(*more));
	if (!more) {
		ref_done(&r);
		return firn_fail_oom(err, "base");
	}
	p->bases = more;
	p->bases[p->nbases++] = r;
	*ret = (struct base){ r.host, r.path };
	return 0;
}

/* Which layers come from there: all that nobody says are something else. */
static bool may_be_of_base(const struct oci_descriptor *layer)
{
	const char *role = oci_annotation(layer->json, ORG_FIRN_LAYER);

	return !role || strcmp(role, ORG_FIRN_LAYER_BASE) == 0;
}

static int of_manifest(struct plan *p, const char *text, size_t len, bool alone,
		       struct children *ret, struct firn_error *err)
{
	struct base base = { 0 };
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	int rc = oci_manifest_parse(text, len, &m, err);

	if (rc < 0)
		return rc;
	ret->list = calloc(m.nlayers + 2, sizeof(*ret->list));
	if (!ret->list)
		return firn_fail_oom(err, "manifest");
	rc = find_base(p, m.json, &base, err);
	if (rc == 0)
		rc = add_child(ret, &m.config, false, err);
	for (size_t i = 0; rc == 0 && i < m.nlayers; i++) {
		rc = add_child(ret, &m.layers[i], is_elsewhere(&m.layers[i]), err);
		if (rc == 0 && may_be_of_base(&m.layers[i]))
			ret->list[ret->n - 1].base = base;
	}
	if (rc == 0 && m.subject.digest.alg && !alone)
		rc = add_child(ret, &m.subject, true, err);
	return rc;
}

static int of_index(const char *text, size_t len, bool alone, struct children *ret,
		    struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index i = { 0 };
	_cleanup_(oci_descriptor_done) struct oci_descriptor subject = { 0 };
	bool spare;
	json_t *j;
	int rc = oci_index_parse(text, len, &i, err);

	if (rc < 0 || (rc = json_opt_object(i.json, "subject", &j, err)) < 0)
		return rc;
	if (rc && (rc = oci_descriptor_parse(j, &subject, err)) < 0)
		return firn_wrap(err, rc, "subject");
	ret->list = calloc(i.nmanifests + 1, sizeof(*ret->list));
	if (!ret->list)
		return firn_fail_oom(err, "index");
	/* Of an image for many platforms one may have some alone; ours is whole or damaged. */
	spare = !oci_annotation(i.json, ORG_FIRN_FORMAT);
	for (size_t k = 0; rc >= 0 && k < i.nmanifests; k++)
		rc = add_child(ret, &i.manifests[k], spare, err);
	if (rc >= 0 && subject.digest.alg && !alone)
		rc = add_child(ret, &subject, true, err);
	return rc < 0 ? rc : 0;
}

/* A document that isn't there yet, kept if there is room. Takes @text, also on failure. */
static int add_document(struct plan *p, const struct oci_descriptor *desc, char *text, size_t len,
			struct firn_error *err)
{
	struct item i = { .digest = desc->digest, .size = len, .text = text };

	i.type = strdup(desc->media_type);
	if (!i.type) {
		free(text);
		return firn_fail_oom(err, "manifest");
	}
	if (p->kept + len > KEPT_MAX) {
		free(text);
		i.text = NULL;
	} else {
		p->kept += len;
	}
	return add_item(p, &i, err);
}

static int walk(struct plan *p, struct from *f, const struct oci_descriptor *desc, bool alone,
		int depth, struct firn_error *err);

static int walk_child(struct plan *p, struct from *f, const struct child *c, int depth,
		      struct firn_error *err)
{
	struct oci_descriptor d = { .digest = c->digest, .size = c->size };
	const struct item i = { .digest = c->digest, .size = c->size, .base = c->base };
	char name[DIGEST_TEXT_MAX];
	int rc;

	if (find(p, &c->digest, c->type))
		return 0;
	/* A registry would have to be asked about each: what isn't there is found when it's read.
	 */
	rc = f->registry && !c->spare ? 1 : from_has(f, &c->digest, c->type, err);
	if (rc == 0 && c->spare) {
		p->nskipped++;
		return 0;
	}
	if (rc < 0)
		return rc;
	if (rc == 0)
		return firn_fail(err, FIRN_ENOTFOUND, "%s %s is not there",
				 c->type ? "manifest" : "blob", digest_text(&c->digest, name));
	if (!c->type)
		return add_item(p, &i, err);
	snprintf(d.media_type, sizeof(d.media_type), "%s", c->type);
	return walk(p, f, &d, false, depth + 1, err);
}

static int walk(struct plan *p, struct from *f, const struct oci_descriptor *desc, bool alone,
		int depth, struct firn_error *err)
{
	_cleanup_(children_done) struct children c = { 0 };
	_free_ char *text = NULL;
	char name[DIGEST_TEXT_MAX];
	size_t len;
	int rc;

	if (depth > PLAN_DEPTH_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d manifests inside each other",
				 PLAN_DEPTH_MAX);
	if ((rc = from_document(f, desc, &text, &len, err)) < 0)
		return rc;
	rc = oci_is_index(desc->media_type) ? of_index(text, len, alone, &c, err)
					    : of_manifest(p, text, len, alone, &c, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", digest_text(&desc->digest, name));
	for (size_t i = 0; rc == 0 && i < c.n; i++)
		rc = walk_child(p, f, &c.list[i], depth, err);
	if (rc < 0 || find(p, &desc->digest, true))
		return rc;
	return add_document(p, desc, take_ptr(&text), len, err);
}

int plan_add(struct plan *p, struct from *f, const struct oci_descriptor *desc, bool alone,
	     struct firn_error *err)
{
	const struct item i = { .digest = desc->digest, .size = desc->size };

	if (oci_is_manifest(desc->media_type) || oci_is_index(desc->media_type)) {
		struct item *there = find(p, &desc->digest, true);

		return there ? 0 : walk(p, f, desc, alone, 0, err);
	}
	return find(p, &desc->digest, false) ? 0 : add_item(p, &i, err);
}

int plan_text(const struct item *i, struct from *f, const char **ret, char **ret_owned,
	      struct firn_error *err)
{
	struct oci_descriptor d = { .digest = i->digest, .size = i->size };
	size_t len;
	int rc = 0;

	if (!i->text)
		rc = from_document(f, &d, ret_owned, &len, err);
	*ret = i->text ? i->text : *ret_owned;
	return rc;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verify/layout.h"

#include "base/fd.h"
#include "base/path.h"
#include "verify/contents.h"

#include <stdlib.h>
#include <string.h>

#define MARK  "oci-layout"
#define INDEX "index.json"

void layout_verified_done(struct layout_verified *v)
{
	free(v->checkpoints);
}

/* image-layout.md, "oci-layout file" */
static int check_mark(const struct blobset *b, struct findings *f, struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	struct firn_error e = { 0 };
	char quoted[PATH_QUOTE_MAX];
	const char *version;
	int rc;

	if (!b->mark_there)
		findings_add(f, FINDING_FAULT, MARK, "no-oci-layout", "is missing");
	if (!b->mark)
		return 0;
	rc = json_parse(b->mark, b->mark_len, &doc, &e);
	if (rc == 0)
		rc = json_get_str(doc, "imageLayoutVersion", &version, &e);
	rc = findings_take(f, MARK, "bad-json", rc, &e, err);
	if (rc == 0 && strcmp(version, "1.0.0") != 0)
		findings_add(f, FINDING_FAULT, MARK, "bad-version",
			     "\"imageLayoutVersion\" is %s, not 1.0.0",
			     path_quote(version, quoted));
	return rc < 0 ? rc : 0;
}

/* 1 and index.json, 0 when it can't be had (told). */
static int read_index(const struct blobset *b, struct findings *f, json_t **ret,
		      struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	struct firn_error e = { 0 };
	int rc;

	if (!b->index_there)
		findings_add(f, FINDING_FAULT, INDEX, "no-index", "is missing");
	if (!b->index)
		return 0;
	rc = json_parse(b->index, b->index_len, &doc, &e);
	if (rc == 0 && !json_is_object(doc))
		rc = firn_fail(&e, FIRN_ECORRUPT, "is JSON, but no object");
	rc = findings_take(f, INDEX, "bad-json", rc, &e, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	*ret = take_ptr(&doc);
	return 1;
}

static int trace_tag(struct trace *w, const json_t *index, const char *tag, struct firn_error *err)
{
	const json_t *list = json_object_get(index, "manifests");
	char where[TRACE_PLACE_MAX], quoted[PATH_QUOTE_MAX];

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		const char *has = oci_annotation(entry, OCI_REF_NAME);

		if (has && strcmp(has, tag) == 0)
			return trace_descriptor(w, trace_place(where, INDEX, "manifests[%zu]", i),
						entry, ABSENT_FAULT, err);
	}
	return firn_fail(err, FIRN_ENOTFOUND, "has no tag %s", path_quote(tag, quoted));
}

/* What is meant by @ref. */
static int trace_ref(struct trace *w, const json_t *index, const struct ref *ref,
		     struct firn_error *err)
{
	const json_t *list = json_object_get(index, "manifests");
	char where[TRACE_PLACE_MAX], text[DIGEST_TEXT_MAX];

	if (!index && !ref->digest.alg)
		return 0; /* told */
	if (ref->tag)
		return trace_tag(w, index, ref->tag, err);
	if (!ref->digest.alg)
		return trace_layout(w, index, err);
	digest_text(&ref->digest, text);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		const char *has = json_string_value(json_object_get(entry, "digest"));

		if (has && strcmp(has, text) == 0)
			return trace_descriptor(w, trace_place(where, INDEX, "manifests[%zu]", i),
						entry, ABSENT_FAULT, err);
	}
	return trace_digest(w, &ref->digest, err);
}

int verify_layout(const struct ref *ref, unsigned flags, const struct firn_report *report,
		  struct findings *f, struct layout_verified *ret, struct firn_error *err)
{
	const bool all = !ref->tag && !ref->digest.alg;
	_cleanup_(blobset_done) struct blobset b = { .fd = -1 };
	_cleanup_(trace_done) struct trace w = { .blobs = &b, .findings = f };
	struct contents c = {
		.blobs = &b, .findings = f, .report = report, .flags = flags, .all = all
	};
	_json_ json_t *index = NULL;
	int rc;

	if ((rc = blobset_open(ref->path, all, f, &b, err)) < 0 ||
	    (rc = check_mark(&b, f, err)) < 0 || (rc = read_index(&b, f, &index, err)) < 0 ||
	    (rc = trace_ref(&w, index, ref, err)) < 0)
		return rc;
	c.orphans = all && index;
	json_decref(take_ptr(&index));
	if ((rc = trace_run(&w, err)) < 0 || (rc = contents_check(&c, err)) < 0)
		return rc;
	*ret = (struct layout_verified){
		.checkpoints = take_ptr(&w.checkpoints),
		.ncheckpoints = w.ncheckpoints,
	};
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verify/trace.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/base64.h"
#include "format/ref.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void trace_done(struct trace *w)
{
	free(w->checkpoints);
	free(w->todo);
}

const char *trace_place(char ret[TRACE_PLACE_MAX], const char *place, const char *fmt, ...)
{
	size_t len = (size_t)snprintf(ret, TRACE_PLACE_MAX, "%s: ", place);
	va_list args;

	if (len < TRACE_PLACE_MAX) {
		va_start(args, fmt);
		vsnprintf(ret + len, TRACE_PLACE_MAX - len, fmt, args);
		va_end(args);
	}
	return ret;
}

static void tell_absent(struct trace *w, const char *place, const struct digest *d,
			enum trace_absent absent)
{
	char name[BLOB_NAME_MAX];

	if (absent == ABSENT_FAULT)
		findings_add(w->findings, FINDING_FAULT, place, "missing-blob",
			     "%s is not in the layout", blob_name(d, name));
	else if (absent == ABSENT_WARNING)
		findings_add(w->findings, FINDING_WARNING, place, "not-here",
			     "%s is not in the layout; it may lie elsewhere", blob_name(d, name));
}

/* descriptor.md: "data" is the content itself, in base64. */
static int check_data(struct trace *w, const char *place, const json_t *j,
		      const struct oci_descriptor *d, struct firn_error *err)
{
	const json_t *data = json_object_get(j, "data");
	_buf_ struct buf bytes = BUF_INIT;
	struct digest is = { 0 };
	int rc;

	if (!data)
		return 0;
	if (json_is_string(data) && base64_decode(json_string_value(data), &bytes)) {
		if ((rc = buf_check(&bytes, err)) < 0 ||
		    (rc = digest_of(bytes.data ? (char *)bytes.data : "", bytes.len, &is, err)) < 0)
			return rc;
		if (bytes.len == d->size &&
		    (d->digest.alg != DIGEST_SHA256 || digest_equal(&is, &d->digest)))
			return 0;
	}
	findings_add(w->findings, FINDING_FAULT, place, "data-differs",
		     "\"data\" is not the content that the digest is of");
	return 0;
}

int trace_blob(struct trace *w, const char *place, const json_t *j, enum trace_absent absent,
	       struct oci_descriptor *ret, struct blob **ret_blob, struct firn_error *err)
{
	struct firn_error e = { 0 };
	struct blob *blob;
	int rc = oci_descriptor_parse(j, ret, &e);

	if (rc < 0) {
		rc = findings_take(w->findings, place, "bad-descriptor", rc, &e, err);
		return rc < 0 ? rc : 0;
	}
	rc = check_data(w, place, j, ret, err);
	if (rc < 0)
		return rc;
	blob = blobset_find(w->blobs, &ret->digest);
	if (!blob) {
		tell_absent(w, place, &ret->digest, absent);
		return 0;
	}
	blob->flags |= BLOB_REACHED;
	if (blob->size != ret->size)
		findings_add(w->findings, FINDING_FAULT, place, "size-differs",
			     "says %" PRIu64 " bytes, the blob has %" PRIu64, ret->size,
			     blob->size);
	*ret_blob = blob;
	return 1;
}

/* The whole blob, proven or told that it isn't what its name says. 1, or 0 when it can't be had. */
int trace_text(struct trace *w, struct blob *blob, char **ret, size_t *ret_len,
	       struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	char text[DIGEST_TEXT_MAX], name[BLOB_NAME_MAX];
	struct firn_error e = { 0 };
	struct digest is;
	int rc;

	blob_name(&blob->digest, name);
	if (blob->size > OCI_DOCUMENT_MAX) {
		findings_add(w->findings, FINDING_FAULT, name, "too-large",
			     "is a document of %" PRIu64 " bytes; registries take %u", blob->size,
			     OCI_DOCUMENT_MAX);
		return 0;
	}
	*ret = malloc((size_t)blob->size + 1);
	if (!*ret)
		return firn_fail_oom(err, "document");
	rc = blobset_source(w->blobs, blob, &src, &e);
	if (rc == 0)
		rc = source_read_at(src, *ret, (size_t)blob->size, 0, &e);
	if (rc < 0) {
		blob->flags |= BLOB_PROVEN;
		rc = findings_take(w->findings, name, "unreadable", rc, &e, err);
		return rc < 0 ? rc : 0;
	}
	(*ret)[blob->size] = '\0';
	*ret_len = (size_t)blob->size;
	if ((rc = hasher_new(blob->digest.alg, &h, err)) < 0 ||
	    (rc = hasher_update(h, *ret, *ret_len, err)) < 0 ||
	    (rc = hasher_final(h, &is, err)) < 0)
		return rc;
	if (!(blob->flags & BLOB_PROVEN) && !digest_equal(&is, &blob->digest))
		findings_add(w->findings, FINDING_FAULT, name, "digest-differs",
			     "its content is %s", digest_text(&is, text));
	blob->flags |= BLOB_PROVEN;
	return 1;
}

int trace_document(struct trace *w, struct blob *blob, json_t **ret, struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	_free_ char *text = NULL;
	struct firn_error e = { 0 };
	char name[BLOB_NAME_MAX];
	size_t len = 0;
	int rc = 0;

	if (blob->flags & BLOB_BROKEN)
		return 0;
	blob->flags |= BLOB_BROKEN;
	rc = trace_text(w, blob, &text, &len, err);
	if (rc <= 0)
		return rc;
	blob_name(&blob->digest, name);
	rc = json_parse(text, len, &doc, &e);
	if (rc == 0 && !json_is_object(doc))
		rc = firn_fail(&e, FIRN_ECORRUPT, "is JSON, but no object");
	rc = findings_take(w->findings, name, "bad-json", rc, &e, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	blob->flags &= ~(unsigned)BLOB_BROKEN;
	*ret = take_ptr(&doc);
	return 1;
}

/* What both kinds of documents have. @foreign: members that only the other kind has. */
static void check_head(struct trace *w, const char *place, const json_t *doc, const char *type,
		       const char *const *foreign)
{
	const json_t *version = json_object_get(doc, "schemaVersion");
	const char *says = json_string_value(json_object_get(doc, "mediaType"));
	char quoted[PATH_QUOTE_MAX];

	if (!json_is_integer(version) || json_integer_value(version) != 2)
		findings_add(w->findings, FINDING_FAULT, place, "bad-version",
			     "\"schemaVersion\" is not 2");
	if (says && type && strcmp(says, type) != 0)
		findings_add(w->findings, FINDING_FAULT, place, "media-type-differs",
			     "says it is %s, its descriptor says %s", path_quote(says, quoted),
			     type);
	/* One image for this reader and another one for the next: CVE-2021-41190. */
	for (; *foreign; foreign++)
		if (json_object_get(doc, *foreign))
			findings_add(w->findings, FINDING_FAULT, place, "ambiguous",
				     "\"%s\" does not belong in this kind of document", *foreign);
}

/* The tags of index.json. */
static int check_tags(struct trace *w, const char *place, const json_t *list,
		      struct firn_error *err)
{
	_json_ json_t *seen = json_object();
	char where[TRACE_PLACE_MAX], quoted[PATH_QUOTE_MAX];
	int rc = seen ? 0 : firn_fail_oom(err, "tags");

	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
		const char *tag = oci_annotation(json_array_get(list, i), OCI_REF_NAME);
		const json_t *other = tag ? json_object_get(seen, tag) : NULL;

		if (!tag)
			continue;
		trace_place(where, place, "manifests[%zu]", i);
		if (ref_check_tag(tag, NULL) < 0)
			findings_add(w->findings, FINDING_WARNING, where, "bad-tag",
				     "%s is no name that other tools take",
				     path_quote(tag, quoted));
		if (other)
			findings_add(w->findings, FINDING_WARNING, where, "duplicate-tag",
				     "manifests[%d] has the tag %s, too",
				     (int)json_integer_value(other), path_quote(tag, quoted));
		else
			rc = json_put(seen, tag, json_integer((json_int_t)i), err);
	}
	return rc;
}

/*
 * An index of others may have come without the images of other platforms; what firn makes is whole.
 */
static enum trace_absent absent_below(const struct trace *w, const json_t *doc, const json_t *entry)
{
	if (w->depth > 0 && json_object_get(entry, "platform") &&
	    !oci_annotation(doc, ORG_FIRN_FORMAT))
		return ABSENT_WARNING;
	return ABSENT_FAULT;
}

int trace_index(struct trace *w, const char *place, const json_t *doc, const char *type,
		struct firn_error *err)
{
	static const char *const foreign[] = { "layers", "config", "fsLayers", NULL };
	const json_t *list = json_object_get(doc, "manifests");
	char where[TRACE_PLACE_MAX];
	int rc = 0;

	check_head(w, place, doc, type, foreign);
	if (!json_is_array(list)) {
		findings_add(w->findings, FINDING_FAULT, place, "bad-index",
			     "has no list of \"manifests\"");
		return 0;
	}
	if (json_array_size(list) > OCI_MANIFESTS_MAX) {
		findings_add(w->findings, FINDING_FAULT, place, "bad-index",
			     "has more than %d entries", OCI_MANIFESTS_MAX);
		return 0;
	}
	if (w->depth == 0)
		rc = check_tags(w, place, list, err);
	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);

		rc = trace_descriptor(w, trace_place(where, place, "manifests[%zu]", i), entry,
				      absent_below(w, doc, entry), err);
	}
	return rc;
}

int trace_layout(struct trace *w, const json_t *index, struct firn_error *err)
{
	const struct digest none = { 0 };
	int rc = trace_note_checkpoint(w, &none, index, err);

	return rc < 0 ? rc : trace_index(w, "index.json", index, NULL, err);
}

/* The kinds of documents that are looked into. */
static const char *const types[] = { OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST };

static int add_todo(struct trace *w, const struct oci_descriptor *desc, const struct blob *blob,
		    struct firn_error *err)
{
	const json_t *platform = json_object_get(desc->json, "platform");
	const char *arch = json_string_value(json_object_get(platform, "architecture"));
	const char *os = json_string_value(json_object_get(platform, "os"));
	struct trace_todo *t;

	if (w->ntodo == w->room) {
		const size_t room = w->room ? 2 * w->room : 64;
		struct trace_todo *grown = reallocarray(w->todo, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "layout");
		w->todo = grown;
		w->room = room;
	}
	t = &w->todo[w->ntodo++];
	*t = (struct trace_todo){
		.blob = (uint32_t)(blob - w->blobs->list),
		.depth = (uint16_t)(w->depth + 1),
	};
	while (strcmp(types[t->type], desc->media_type) != 0)
		t->type++;
	snprintf(t->arch, sizeof(t->arch), "%s", arch ? arch : "");
	snprintf(t->os, sizeof(t->os), "%s", os ? os : "");
	return 0;
}

int trace_descriptor(struct trace *w, const char *place, const json_t *j, enum trace_absent absent,
		     struct firn_error *err)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor desc = { 0 };
	struct blob *blob = NULL;
	int rc = trace_blob(w, place, j, absent, &desc, &blob, err);

	if (rc <= 0 || blob->flags & BLOB_VISITED ||
	    (!oci_is_index(desc.media_type) && !oci_is_manifest(desc.media_type)))
		return rc < 0 ? rc : 0;
	if (w->depth >= TRACE_DEPTH_MAX) {
		findings_add(w->findings, FINDING_FAULT, place, "too-deep",
			     "is below more than %d indexes", TRACE_DEPTH_MAX);
		return 0;
	}
	blob->flags |= BLOB_VISITED;
	return add_todo(w, &desc, blob, err);
}

/* A document without an entry in index.json says itself what it is. */
int trace_digest(struct trace *w, const struct digest *d, struct firn_error *err)
{
	struct oci_descriptor desc = { .digest = *d };
	struct blob *blob = blobset_find(w->blobs, d);
	_json_ json_t *doc = NULL;
	const char *type;
	char text[DIGEST_TEXT_MAX];
	int rc;

	if (!blob)
		return firn_fail(err, FIRN_ENOTFOUND, "has no %s", digest_text(d, text));
	blob->flags |= BLOB_REACHED | BLOB_VISITED;
	rc = trace_document(w, blob, &doc, err);
	if (rc <= 0)
		return rc;
	type = json_string_value(json_object_get(doc, "mediaType"));
	if (!type)
		type = json_object_get(doc, "manifests") ? OCI_INDEX : OCI_MANIFEST;
	if (!oci_is_index(type) && !oci_is_manifest(type))
		return firn_fail(err, FIRN_EINVAL, "%s is neither a manifest nor an index",
				 digest_text(d, text));
	snprintf(desc.media_type, sizeof(desc.media_type), "%s", type);
	return add_todo(w, &desc, blob, err);
}

static int trace_one(struct trace *w, const struct trace_todo *todo, struct firn_error *err)
{
	static const char *const foreign[] = { "manifests", "fsLayers", NULL };
	struct blob *blob = &w->blobs->list[todo->blob];
	const char *type = types[todo->type];
	_json_ json_t *doc = NULL;
	char name[BLOB_NAME_MAX];
	int rc = trace_document(w, blob, &doc, err);

	if (rc <= 0)
		return rc;
	rc = trace_note_checkpoint(w, &blob->digest, doc, err);
	if (rc < 0)
		return rc;
	w->depth = todo->depth;
	blob_name(&blob->digest, name);
	if (oci_is_index(type)) {
		rc = trace_index(w, name, doc, type, err);
		return rc < 0 ? rc : trace_containers(w, name, take_ptr(&doc), err);
	}
	check_head(w, name, doc, type, foreign);
	return trace_manifest(w, name, todo, take_ptr(&doc), err);
}

int trace_run(struct trace *w, struct firn_error *err)
{
	int rc = 0;

	while (rc == 0 && w->next < w->ntodo) {
		/* The list may grow and move. */
		const struct trace_todo todo = w->todo[w->next++];

		rc = trace_one(w, &todo, err);
	}
	return rc;
}

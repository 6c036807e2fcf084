/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A repository's tags, or the checkpoints of an image in it, as a layout's index would have them.
 */
#include "base/fd.h"
#include "look/list.h"
#include "remote/registry.h"

#include <string.h>

static int add_tag(struct registry *r, const char *tag, json_t *manifests, struct firn_error *err)
{
	_free_ char *type = NULL, *text = NULL;
	_json_ json_t *entry = NULL, *words = json_object();
	struct oci_descriptor d = { .json = NULL };
	size_t len;
	int rc = registry_manifest(r, tag, &type, &text, &len, &d.digest, err);

	/* Gone since it was listed. */
	if (rc == -FIRN_ENOTFOUND)
		return 0;
	if (rc < 0)
		return rc;
	if (!oci_is_manifest(type) && !oci_is_index(type))
		return 0;
	if (strlen(type) >= sizeof(d.media_type) || !words)
		return firn_fail_oom(err, "list");
	memcpy(d.media_type, type, strlen(type));
	d.size = len;
	if ((rc = oci_descriptor_json(&d, &entry, err)) < 0 ||
	    (rc = json_put_str(words, OCI_REF_NAME, tag, err)) < 0 ||
	    (rc = json_put(entry, "annotations", json_incref(words), err)) < 0)
		return rc;
	return json_array_append(manifests, entry) < 0 ? firn_fail_oom(err, "list") : 0;
}

static int read_tags(struct registry *r, struct oci_index *ret, struct firn_error *err)
{
	_cleanup_(registry_tags_done) struct registry_tags tags = { .list = NULL };
	_json_ json_t *doc = json_object();
	_buf_ struct buf text = BUF_INIT;
	json_t *manifests = json_array();
	int rc;

	if (!doc || json_put(doc, "manifests", manifests, err) < 0 ||
	    json_put(doc, "schemaVersion", json_integer(2), err) < 0)
		return firn_fail_oom(err, "list");
	rc = registry_tags(r, &tags, err);
	for (size_t i = 0; rc >= 0 && i < tags.n; i++) {
		if (json_array_size(manifests) == OCI_MANIFESTS_MAX)
			return firn_fail(err, FIRN_ELIMIT, "more than %d tags", OCI_MANIFESTS_MAX);
		if (!registry_is_fallback_tag(tags.list[i]))
			rc = add_tag(r, tags.list[i], manifests, err);
	}
	if (rc < 0 || (rc = json_print(doc, &text, err)) < 0)
		return rc;
	return oci_index_parse((char *)text.data, text.len, ret, err);
}

/* What refers to the image. */
static int read_referrers(struct registry *r, const struct ref *ref, struct oci_index *ret,
			  struct firn_error *err)
{
	char digest[DIGEST_TEXT_MAX];
	const char *name = ref->digest.alg ? digest_text(&ref->digest, digest) : ref->tag;
	_free_ char *type = NULL, *text = NULL;
	struct digest d;
	size_t len;
	int rc = registry_manifest(r, name, &type, &text, &len, &d, err);

	return rc < 0 ? rc : registry_referrers(r, &d, NULL, ret, err);
}

int list_registry(struct list *l, const struct ref *ref, const struct registry_opts *opts,
		  struct firn_error *err)
{
	const bool one = ref->tag || ref->digest.alg;
	_cleanup_(registry_closep) struct registry *r = NULL;
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_(oci_index_done) struct oci_index index = { .json = NULL };
	int rc;

	if ((rc = registry_open(ref, opts, &r, err)) < 0 ||
	    (rc = registry_store(r, &store, err)) < 0)
		return rc;
	rc = one ? read_referrers(r, ref, &index, err) : read_tags(r, &index, err);
	return rc < 0 ? rc : list_index_of(l, store, &index, "", one, err);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/index.h"

#include "base/fd.h"

#include <stddef.h>
#include <string.h>

static int add_entry(const struct ingest *g, json_t *list, const struct oci_descriptor *d,
		     const char *role, bool zstd, struct firn_error *err)
{
	const bool platform = strcmp(role, ORG_FIRN_ROLE_CHECKPOINT) == 0;
	_json_ json_t *entry = NULL, *a = NULL;
	int rc;

	if ((rc = oci_descriptor_json(d, &entry, err)) < 0 ||
	    (rc = document_annotations(role, g->facts.container, &a, err)) < 0 ||
	    (zstd && (rc = json_put_str(a, CONTAINERS_ZSTD, CONTAINERS_ZSTD_TRUE, err)) < 0) ||
	    (rc = json_put(entry, "annotations", take_ptr(&a), err)) < 0)
		return rc;
	if (strcmp(role, ORG_FIRN_ROLE_SOURCE) == 0)
		rc = json_put_str(entry, "artifactType", FIRN_SOURCE, err);
	if (rc >= 0 && platform)
		rc = json_put(entry, "platform",
			      json_pack("{s:s, s:s}", "architecture", g->arch, "os", "linux"), err);
	if (rc < 0)
		return rc;
	if (json_array_append(list, entry) < 0)
		return firn_fail_oom(err, "index");
	return 0;
}

/* C first and with a platform, R last and without: whoever picks one for a host takes C. */
static int add_entries(struct ingest *const *containers, size_t n, json_t *list,
		       struct firn_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < n; i++)
		rc = add_entry(containers[i], list, &containers[i]->checkpoint,
			       ORG_FIRN_ROLE_CHECKPOINT, containers[i]->checkpoint_zstd, err);
	for (size_t i = 0; rc >= 0 && i < n; i++)
		if (containers[i]->rootfs.digest.alg)
			rc = add_entry(containers[i], list, &containers[i]->rootfs,
				       ORG_FIRN_ROLE_ROOTFS, containers[i]->rootfs_zstd, err);
	for (size_t i = 0; rc >= 0 && i < n; i++)
		if (containers[i]->kept.digest.alg)
			rc = add_entry(containers[i], list, &containers[i]->kept,
				       ORG_FIRN_ROLE_SOURCE, false, err);
	return rc;
}

/* RFC 3339 in UTC sorts as text. */
static const char *latest(struct ingest *const *containers, size_t n)
{
	const char *ret = containers[0]->created;

	for (size_t i = 1; i < n; i++)
		if (strcmp(containers[i]->created, ret) > 0)
			ret = containers[i]->created;
	return ret;
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/*
 * An engine restores one container from an image, so the index of several has no key of theirs: but
 * it says whose pod they are, if it is one.
 */
static int annotate_pod(struct ingest *const *containers, size_t n, json_t *to,
			struct firn_error *err)
{
	static const struct {
		const char *key;
		size_t offset; /* of a string in struct facts */
	} keys[] = {
		{ ORG_CRIU_POD_NAME, offsetof(struct facts, pod) },
		{ ORG_CRIU_POD_NAMESPACE, offsetof(struct facts, pod_namespace) },
		{ ORG_CRIU_POD_UID, offsetof(struct facts, pod_uid) },
		{ ORG_CRIU_POD_ID, offsetof(struct facts, pod_id) },
	};
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < ARRAY_SIZE(keys); i++) {
		const char *first = NULL;
		size_t agree = 0;

		for (size_t j = 0; j < n; j++) {
			const char *value =
			    *(const char *const *)((const char *)&containers[j]->facts +
						   keys[i].offset);

			first = j ? first : value;
			agree += same(first, value);
		}
		if (agree == n)
			rc = json_put_str(to, keys[i].key, first, err);
	}
	return rc;
}

static int annotations(struct ingest *const *containers, size_t n, json_t **ret,
		       struct firn_error *err)
{
	_json_ json_t *a = json_pack("{s:s, s:s}", ORG_FIRN_FORMAT, ORG_FIRN_FORMAT_1, OCI_CREATED,
				     latest(containers, n));
	int rc;

	if (!a)
		return firn_fail_oom(err, "index");
	rc = n == 1 ? ingest_annotate(containers[0], a, err) : annotate_pod(containers, n, a, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&a);
	return 0;
}

int index_make(struct ingest *const *containers, size_t n, struct oci_descriptor *ret,
	       struct firn_error *err)
{
	_json_ json_t *list = json_array(), *a = NULL, *doc = NULL;
	int rc;

	if (!list)
		return firn_fail_oom(err, "index");
	if ((rc = annotations(containers, n, &a, err)) < 0 ||
	    (rc = add_entries(containers, n, list, err)) < 0)
		return rc;
	doc = json_pack("{s:i, s:s, s:O, s:O}", "schemaVersion", 2, "mediaType", OCI_INDEX,
			"manifests", list, "annotations", a);
	if (!doc)
		return firn_fail_oom(err, "index");
	return document_put(containers[0]->store, containers[0]->blobs, doc, OCI_INDEX, ret, err);
}

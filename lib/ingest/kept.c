/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/kept.h"

#include "base/fd.h"

#include <stdio.h>
#include <string.h>

int kept_open(struct ingest *g, struct firn_error *err)
{
	int rc = blob_new(g->store, 0, &g->kept_blob, err);

	if (rc >= 0)
		rc = input_keep(g->input, g->kept_blob, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return firn_fail(
	    err, FIRN_EINVAL,
	    "is no single file whose bytes could be kept: only an engine's archive is");
}

static const char *media_type(const char *packing)
{
	static const struct {
		const char *packing, *type;
	} types[] = {
		{ "none", FIRN_SOURCE_TAR },
		{ "gzip", FIRN_SOURCE_TAR "+gzip" },
		{ "zstd", FIRN_SOURCE_TAR "+zstd" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].packing, packing) == 0)
			return types[i].type;
	return "application/octet-stream";
}

int kept_finish(struct ingest *g, struct firn_error *err)
{
	struct oci_descriptor *d = &g->kept_layer;
	int rc = blob_seal(g->kept_blob, &d->digest, &d->size, err);

	if (rc < 0)
		return rc;
	snprintf(d->media_type, sizeof(d->media_type), "%s", media_type(g->input->packing));
	return blobs_take(g->blobs, &g->kept_blob, err);
}

/* image-spec manifest.md, "Guidelines for Artifact Usage": content without a config. */
int kept_image(struct ingest *g, struct firn_error *err)
{
	_json_ json_t *a = NULL, *empty = json_object(), *config = NULL, *layer = NULL, *doc = NULL;
	struct oci_descriptor config_desc;
	int rc;

	if (!empty)
		return firn_fail_oom(err, "manifest");
	if ((rc = document_annotations(ORG_FIRN_ROLE_SOURCE, g->facts.container, &a, err)) < 0 ||
	    (rc = document_put(g->store, g->blobs, empty, OCI_EMPTY, &config_desc, err)) < 0 ||
	    (rc = oci_descriptor_json(&config_desc, &config, err)) < 0 ||
	    (rc = oci_descriptor_json(&g->kept_layer, &layer, err)) < 0)
		return rc;
	doc = json_pack("{s:i, s:s, s:s, s:O, s:[O], s:O}", "schemaVersion", 2, "mediaType",
			OCI_MANIFEST, "artifactType", FIRN_SOURCE, "config", config, "layers",
			layer, "annotations", a);
	if (!doc)
		return firn_fail_oom(err, "manifest");
	return document_put(g->store, g->blobs, doc, OCI_MANIFEST, &g->kept, err);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The OCI documents that a build writes: our own are compact, sorted and have no clock in them. */
#ifndef FIRN_INGEST_DOCUMENTS_H
#define FIRN_INGEST_DOCUMENTS_H

#include "format/oci.h"
#include "ingest/blobs.h"
#include "ingest/layer_out.h"

#define DOCUMENT_TIME_MAX 24

/* @seconds since 1970 as RFC 3339 in UTC, moved into the years 1970 to 9999. Returns @ret. */
const char *document_time(int64_t seconds, char ret[DOCUMENT_TIME_MAX]);

/* A layer as a manifest and its config describe it. */
struct document_layer {
	const struct oci_descriptor *desc; /* verbatim if it has json */
	struct digest diff_id;
	const char *role;      /* ORG_FIRN_LAYER_... */
	const char *mountable; /* ORG_FIRN_MOUNTABLE_... or NULL */
};

/* Finish @out; its blob goes to @blobs. ret->desc is @ret_desc. */
int document_finish_layer(struct layer_out *out, struct blobs *blobs, const char *role,
			  struct oci_descriptor *ret_desc, struct document_layer *ret,
			  struct firn_error *err) _must_check_;

struct document_config {
	const char *architecture;
	const char *created; /* RFC 3339 */
	const struct document_layer *layers;
	size_t nlayers;
};

/* A config of our own, a line of history for each layer. */
int document_config(const struct document_config *c, json_t **ret,
		    struct firn_error *err) _must_check_;
/* @base, a parsed config, with one more layer on top. */
int document_config_on(const struct oci_config *base, const struct document_layer *top,
		       const char *created, json_t **ret, struct firn_error *err) _must_check_;

/* The annotations that every image of ours has; @container may be NULL. */
int document_annotations(const char *role, const char *container, json_t **ret,
			 struct firn_error *err) _must_check_;

/*
 * A manifest. Takes @annotations, also on failure; the layers' roles are added to them. @subject
 * may be NULL.
 */
int document_manifest(const struct oci_descriptor *config, const struct document_layer *layers,
		      size_t n, const struct oci_descriptor *subject, json_t *annotations,
		      json_t **ret, struct firn_error *err) _must_check_;

/* Whether one of them is compressed so. */
bool document_in_zstd(const struct document_layer *layers, size_t n);

/* Print @doc into a sealed blob of @blobs; *ret describes it as @media_type. */
int document_put(struct store *s, struct blobs *blobs, const json_t *doc, const char *media_type,
		 struct oci_descriptor *ret, struct firn_error *err) _must_check_;

#endif

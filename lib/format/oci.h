/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The OCI documents firn reads and writes (image-spec v1.1: descriptor.md, manifest.md, config.md,
 * image-index.md). Parsing keeps the whole document (json), so that what we don't know survives.
 */
#ifndef FIRN_FORMAT_OCI_H
#define FIRN_FORMAT_OCI_H

#include "bytes/digest.h"
#include "bytes/json.h"
#include "format/annotations.h"

#define OCI_MANIFEST   "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX      "application/vnd.oci.image.index.v1+json"
#define OCI_CONFIG     "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER      "application/vnd.oci.image.layer.v1.tar"
#define OCI_LAYER_GZIP OCI_LAYER "+gzip"
#define OCI_LAYER_ZSTD OCI_LAYER "+zstd"

#define OCI_EMPTY "application/vnd.oci.empty.v1+json" /* of the two bytes {} */

/* The checkpoint's own file: artifactType of its manifest, media type of a tar (+gzip, +zstd). */
#define FIRN_SOURCE     "application/vnd.firn.source.v1"
#define FIRN_SOURCE_TAR "application/x-tar"

/* What engines that grew up with Docker still write; taken as the OCI type it corresponds to. */
#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_INDEX    "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"

#define OCI_DOCUMENT_MAX  (4u << 20) /* bytes of a manifest, index or config (registries: 4 MiB) */
#define OCI_BLOB_MAX      (1ull << 50)
#define OCI_LAYERS_MAX    1000  /* layers of an image */
#define OCI_MANIFESTS_MAX 10000 /* entries of an index: three for each build in a layout */

#define OCI_TYPE_MAX 160 /* of a media type, its NUL included */

struct oci_descriptor {
	char media_type[OCI_TYPE_MAX];
	struct digest digest;
	uint64_t size;
	json_t *json; /* the whole descriptor, owned; NULL for one made here */
};

void oci_descriptor_done(struct oci_descriptor *d);
int oci_descriptor_parse(const json_t *j, struct oci_descriptor *ret,
			 struct firn_error *err) _must_check_;
/* A fresh object: d->json again if it has one, else mediaType, digest and size. */
int oci_descriptor_json(const struct oci_descriptor *d, json_t **ret,
			struct firn_error *err) _must_check_;
/* The value of annotation @key of a descriptor, manifest or index document, or NULL. */
const char *oci_annotation(const json_t *doc, const char *key);

/* Whether @media_type is that of an image manifest, of an index (OCI's or Docker's). */
bool oci_is_manifest(const char *media_type);
bool oci_is_index(const char *media_type);

/*
 * The type of a document without a descriptor: what it says, or what its members are those of.
 * -FIRN_EINVAL when it is neither a manifest nor an index.
 */
int oci_document_type(const char *text, size_t len, char ret[OCI_TYPE_MAX],
		      struct firn_error *err) _must_check_;

struct oci_manifest {
	struct oci_descriptor config;
	struct oci_descriptor subject; /* digest.alg 0: it has none */
	struct oci_descriptor *layers;
	size_t nlayers;
	json_t *json;
};

int oci_manifest_parse(const char *text, size_t len, struct oci_manifest *ret,
		       struct firn_error *err) _must_check_;
void oci_manifest_done(struct oci_manifest *m);

struct oci_index {
	struct oci_descriptor *manifests;
	size_t nmanifests;
	json_t *json;
};

int oci_index_parse(const char *text, size_t len, struct oci_index *ret,
		    struct firn_error *err) _must_check_;
void oci_index_done(struct oci_index *i);

struct oci_config {
	struct digest *diff_ids;
	size_t ndiff_ids;
	const char *architecture, *os; /* borrowed from json */
	json_t *json;
};

int oci_config_parse(const char *text, size_t len, struct oci_config *ret,
		     struct firn_error *err) _must_check_;
void oci_config_done(struct oci_config *c);

/* *ret_codec: the enum codec that decompresses layers of this type (OCI, Docker); -FIRN_EUNSUPP. */
int oci_layer_codec(const char *media_type, int *ret_codec, struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests, indexes and configs; what is accepted keeps its promises and is never two things. */
#include "format/oci.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_descriptor(const struct oci_descriptor *d)
{
	_json_ json_t *j = NULL;
	struct oci_descriptor again;
	int codec;

	if (!d->digest.alg || d->size > OCI_BLOB_MAX || !d->media_type[0] ||
	    oci_descriptor_json(d, &j, NULL) < 0 || !json_equal(j, d->json) ||
	    oci_descriptor_parse(j, &again, NULL) < 0)
		abort();
	if (!digest_equal(&again.digest, &d->digest) || again.size != d->size)
		abort();
	oci_descriptor_done(&again);
	(void)!oci_layer_codec(d->media_type, &codec, NULL);
	oci_annotation(d->json, ORG_FIRN_LAYER);
}

static bool try_manifest(const char *text, size_t len)
{
	struct oci_manifest m = { 0 };

	if (oci_manifest_parse(text, len, &m, NULL) < 0)
		return false;
	check_descriptor(&m.config);
	for (size_t i = 0; i < m.nlayers; i++)
		check_descriptor(&m.layers[i]);
	if (m.subject.digest.alg)
		check_descriptor(&m.subject);
	oci_manifest_done(&m);
	return true;
}

static bool try_index(const char *text, size_t len)
{
	struct oci_index x = { 0 };

	if (oci_index_parse(text, len, &x, NULL) < 0)
		return false;
	for (size_t i = 0; i < x.nmanifests; i++)
		check_descriptor(&x.manifests[i]);
	oci_index_done(&x);
	return true;
}

static void try_config(const char *text, size_t len)
{
	struct oci_config c = { 0 };

	if (oci_config_parse(text, len, &c, NULL) < 0)
		return;
	if (!c.os || !c.architecture || c.ndiff_ids > OCI_LAYERS_MAX)
		abort();
	for (size_t i = 0; i < c.ndiff_ids; i++)
		if (!c.diff_ids[i].alg)
			abort();
	oci_config_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const bool manifest = try_manifest(text, size);

	if (try_index(text, size) && manifest)
		abort();
	try_config(text, size);
	return 0;
}

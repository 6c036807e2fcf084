/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input as it was kept: one blob, whose manifest stands in the index beside C and R. */
#include "export/ways.h"

#include "base/fd.h"

#include <string.h>

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The manifest of @container's source in the index, as its descriptor or itself says: 1 found. */
static int find_manifest(struct store *s, const struct oci_index *index, const char *container,
			 struct oci_manifest *ret, struct firn_error *err)
{
	for (size_t i = 0; i < index->nmanifests; i++) {
		const struct oci_descriptor *d = &index->manifests[i];
		const char *role = oci_annotation(d->json, ORG_FIRN_ROLE);
		int rc;

		if (!role || strcmp(role, ORG_FIRN_ROLE_SOURCE) != 0 ||
		    !same_name(oci_annotation(d->json, ORG_FIRN_CONTAINER), container))
			continue;
		rc = image_load_manifest(s, d, ret, err);
		return rc < 0 ? rc : 1;
	}
	return 0;
}

static int find_source(struct archive *a, struct oci_manifest *ret, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	const struct oci_descriptor *target = a->how->target;
	int rc;

	if (!target || !oci_is_index(target->media_type))
		return 0;
	rc = image_load_index(a->store, target, &index, err);
	if (rc < 0)
		return rc;
	rc = find_manifest(a->store, &index,
			   oci_annotation(a->ci->checkpoint.manifest.json, ORG_FIRN_CONTAINER), ret,
			   err);
	if (rc > 0 && ret->nlayers != 1)
		return firn_fail(err, FIRN_ECORRUPT, "has %zu layers, not one", ret->nlayers);
	return rc;
}

/* Its media type says it too, for everything but tars of other packings. */
static int look(struct blob_in *b, enum codec *ret, struct firn_error *err)
{
	uint8_t head[CODEC_DETECT_BYTES];
	ssize_t got = source_pread(blob_in_source(b), head, sizeof(head), 0, err);

	if (got < 0)
		return (int)got;
	*ret = codec_detect(head, (size_t)got);
	return 0;
}

/*
 * Unpacked and packed anew: the tar in it stays what it was. What the build wouldn't have read
 * isn't believed here either.
 */
static int repack(struct blob_in *b, enum codec from, enum codec to, struct sink *out,
		  struct work *w, struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *packed = NULL, *in = NULL;
	_cleanup_(sink_closep) struct sink *packer = NULL;
	_free_ uint8_t *piece = malloc(1u << 16);
	ssize_t got = 1;
	int rc;

	if (!piece)
		return firn_fail_oom(err, "source");
	if ((rc = istream_from_source(blob_in_source(b), &packed, err)) < 0 ||
	    (rc = codec_reader(from, take_ptr(&packed), codec_believed(blob_in_size(b)), &in,
			       err)) < 0 ||
	    (rc = codec_writer(to, out, &packer, err)) < 0)
		return rc;
	while (rc == 0 && got > 0) {
		got = istream_read_full(in, piece, 1u << 16, err);
		if (got < 0)
			return (int)got;
		rc = sink_write(packer, piece, (size_t)got, err);
		work_progress(w, "archive", (uint64_t)got);
	}
	return rc < 0 ? rc : sink_finish(packer, err);
}

int ways_source(struct archive *a, struct sink *out, struct export_told *told,
		struct firn_error *err)
{
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	_cleanup_(blob_in_closep) struct blob_in *b = NULL;
	enum codec was = CODEC_NONE;
	int rc = find_source(a, &m, err);

	if (rc == 0)
		return 0;
	if (rc > 0)
		rc = blob_in_open(a->store, &m.layers[0], &b, err);
	if (rc < 0 || (rc = look(b, &was, err)) < 0 ||
	    (rc = ways_codec(a, was, &told->codec, err)) < 0)
		return firn_wrap(err, rc, "kept source");
	a->work->total = blob_in_size(b);
	if (was == told->codec)
		rc = blob_in_copy(b, 0, blob_in_size(b), out, a->work, "archive", err);
	else
		rc = repack(b, was, told->codec, out, a->work, err);
	if (rc < 0 || (rc = blob_in_prove(b, err)) < 0)
		return firn_wrap(err, rc, "kept source");
	told->engine =
	    dialect_engine(oci_annotation(a->ci->checkpoint.manifest.json, ORG_CRIU_ENGINE_NAME));
	told->way = "source";
	return 1;
}

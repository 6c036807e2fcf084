/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A docker-archive. Nothing in it has a digest but the config, by its name, and the layers'
 * content, by the diff_ids: so layers are always unpacked.
 */
#include "verify/docker.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "image/docker.h"
#include "verify/contents.h"

#include <stdio.h>

static int check_layer(struct store *s, const struct image *image, size_t i, struct findings *f,
		       struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	const struct digest *diff_id = &image->config.diff_ids[i];
	char place[64], diff_place[64];
	uint8_t head[CODEC_DETECT_BYTES];
	struct istream *in;
	ssize_t got;
	int rc = store_open(s, diff_id, &src, err);

	if (rc < 0)
		return rc;
	snprintf(place, sizeof(place), "manifest.json: Layers[%zu]", i);
	snprintf(diff_place, sizeof(diff_place), "config: diff_ids[%zu]", i);
	got = source_pread(src, head, sizeof(head), 0, err);
	if (got < 0)
		return (int)got;
	rc = istream_from_source(src, &in, err);
	return rc < 0 ? rc
		      : contents_unpacked(f, in, (int)codec_detect(head, (size_t)got), src->size,
					  place, diff_id, diff_place, err);
}

int verify_docker(struct source *src, struct findings *f, struct firn_error *err)
{
	_cleanup_(store_closep) struct store *s = NULL;
	_cleanup_(image_done) struct image image = { 0 };
	struct firn_error e = { 0 };
	int rc = docker_open(src, &s, &image, &e);

	if (rc == -FIRN_EUNSUPP || rc == -FIRN_EINVAL) { /* what firn can't read, but others can */
		if (err)
			*err = e;
		return rc;
	}
	rc = findings_take(f, "", "bad-archive", rc, &e, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	for (size_t i = 0; rc == 0 && i < image.manifest.nlayers; i++)
		rc = check_layer(s, &image, i, f, err);
	return rc;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A compressed rootfs-diff.tar: what is taken for a layer can be read as one, and converted. */
#include "ingest/changeset.h"
#include "base/fd.h"
#include "format/tar.h"
#include "ingest/delta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The tar that the kept bytes unpack to, by itself. */
static void check_diff_id(struct changeset *c, struct source *src)
{
	_cleanup_(istream_closep) struct istream *packed = NULL, *plain = NULL;
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	struct digest digest;
	uint8_t piece[4096];
	ssize_t n;

	if (istream_from_source(src, &packed, NULL) < 0 ||
	    codec_reader(c->codec, take_ptr(&packed), 0, &plain, NULL) < 0 ||
	    hasher_new(DIGEST_SHA256, &h, NULL) < 0)
		return;
	while ((n = istream_read(plain, piece, sizeof(piece), NULL)) > 0)
		if (hasher_update(h, piece, (size_t)n, NULL) < 0)
			return;
	if (n < 0 || hasher_final(h, &digest, NULL) < 0 || !digest_equal(&digest, &c->diff_id))
		abort();
}

/* What is fit to be a layer is fit to be converted too, unless a name comes twice in it. */
static void convert(struct store *s, struct source *src)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	_cleanup_(delta_done) struct delta d = { .base = NULL };
	struct notes notes = { .report = NULL };

	if (delta_open(&d, &(struct layer_dest){ .store = s }, NULL, &notes, NULL, NULL, NULL) ==
		0 &&
	    istream_from_source(src, &in, NULL) == 0 && delta_convert(&d, in, false, NULL) == 0 &&
	    layer_out_finish(&d.out, NULL) < 0)
		abort();
	notes_done(&notes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(store_closep) struct store *s = NULL;
	_cleanup_(changeset_done) struct changeset c = { .blob = NULL };
	_cleanup_(istream_closep) struct istream *in = NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	const enum codec codec = codec_detect(data, size);

	if (codec == CODEC_NONE || store_mem_new(&s, NULL) < 0 ||
	    istream_from_mem(data, size, &in, NULL) < 0 ||
	    changeset_take(&c, s, in, size, codec, NULL, NULL, NULL) < 0)
		return 0;
	if (c.size != size || changeset_source(&c, &src, NULL) < 0)
		abort();
	check_diff_id(&c, src);
	convert(s, src);
	return 0;
}

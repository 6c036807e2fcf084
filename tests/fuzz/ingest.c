/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole checkpoint archive from outside, made into images in memory. */
#include "base/fd.h"
#include "ingest/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void done(struct batch *b)
{
	struct store *s = b->ncontainers ? b->containers[0]->store : NULL;

	batch_done(b);
	store_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(done) struct batch b = { .layout = NULL };
	struct istream *in;
	struct ingest *g;

	if (batch_add(&b, &g, NULL) < 0 || store_mem_new(&g->store, NULL) < 0)
		return 0;
	g->digest = true;
	/* All ways to go on, as the length has it. */
	g->archive_delta = size & 1;
	g->keep_source = size & 2;
	/* The same bytes may be the dump before as well. */
	if (size & 4 && (istream_from_mem(data, size, &in, NULL) < 0 ||
			 input_open_stream(in, false, &g->chain.previous, NULL) < 0))
		return 0;
	if (istream_from_mem(data, size, &in, NULL) < 0 ||
	    input_open_stream(in, true, &g->input, NULL) < 0 || ingest_open(g, NULL) < 0 ||
	    chain_read_previous(g, NULL) < 0 || ingest_members(g, NULL) < 0)
		return 0;
	return ingest_images(g, NULL) < 0 || batch_index(&b, NULL) < 0 ? -1 : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole checkpoint archive from outside, made into images in memory. */
#include "ingest/ingest.h"
#include "base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void done(struct ingest *g)
{
	ingest_done(g);
	store_close(g->store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(done) struct ingest g = { .digest = true };
	struct istream *in;

	if (store_mem_new(&g.store, NULL) < 0 || istream_from_mem(data, size, &in, NULL) < 0 ||
	    input_open_stream(in, true, &g.input, NULL) < 0 || ingest_open(&g, NULL) < 0 ||
	    ingest_members(&g, NULL) < 0)
		return 0;
	return ingest_images(&g, NULL) < 0 ? -1 : 0;
}

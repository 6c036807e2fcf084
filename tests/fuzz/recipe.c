/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recipes: what can be read, written again, reads the same. */
#include "format/recipe.h"

#include "base/fd.h"

#include <string.h>

#define FUZZ_BYTES_MAX (16u << 20) /* of the archive, or a few bytes of input take minutes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read all of the recipe; bytes and "payload" marks go to @ret, and into @w unless it is NULL. */
static int read_all(const void *bytes, size_t n, struct buf *ret, struct recipe_writer *w)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	_cleanup_(recipe_closep) struct recipe_reader *r = NULL;
	struct recipe_piece p;
	uint64_t raw = 0;
	int rc;

	if (istream_from_mem(bytes, n, &in, NULL) < 0 || recipe_open(in, &r, NULL) < 0)
		return -1;
	while ((rc = recipe_next(r, &p, NULL)) > 0) {
		if (!p.size)
			abort();
		if (!p.bytes) {
			buf_printf(ret, "<%s %llu>", p.path, (unsigned long long)p.size);
			if (w && recipe_payload(w, p.path, p.size, NULL) < 0)
				abort();
			continue;
		}
		raw += p.size;
		if (raw > FUZZ_BYTES_MAX)
			return -1;
		buf_put(ret, p.bytes, (size_t)p.size);
		if (w && recipe_bytes(w, p.bytes, (size_t)p.size, NULL) < 0)
			abort();
	}
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(recipe_freep) struct recipe_writer *w = NULL;
	_buf_ struct buf first = BUF_INIT, second = BUF_INIT, recipe = BUF_INIT;

	if (recipe_new("zstd", &w, NULL) < 0)
		abort();
	if (read_all(data, size, &first, w) < 0)
		return 0;
	if (recipe_finish(w, &recipe, NULL) < 0 ||
	    read_all(recipe.data, recipe.len, &second, NULL) < 0)
		abort();
	if (first.len != second.len ||
	    (first.len && memcmp(first.data, second.data, first.len) != 0))
		abort();
	return 0;
}

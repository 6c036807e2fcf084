/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An engine's archive that somebody looks into. Whatever is told of it is good JSON. */
#include "look/inspect.h"
#include "base/fd.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int collect(const char *piece, size_t n, void *ctx)
{
	buf_put(ctx, piece, n);
	return 0;
}

static void check(const struct firn_value *list)
{
	_buf_ struct buf text = BUF_INIT;
	_json_ json_t *parsed = NULL;

	if (firn_value_print(list, 1, collect, &text) != 0 || text.oom)
		abort();
	/* Abstract sockets' names have NULs, which are good JSON and not to our own parser's taste.
	 */
	if (strstr((const char *)text.data, "\\u0000"))
		return;
	/* More values than the parser takes are nobody's fault. */
	if (json_parse((const char *)text.data, text.len, &parsed, NULL) == -FIRN_ECORRUPT)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct firn_inspect_opts opts = {
		.size = sizeof(opts),
		.flags = size & 3,
	};
	_cleanup_(doc_freep) struct doc *doc = NULL;
	struct source *src = NULL;
	struct members *m = NULL;
	struct firn_value *list;

	if (source_from_mem(data, size, &src, NULL) < 0 || members_open_source(src, &m, NULL) < 0)
		return 0;
	if (doc_new(INSPECT_RESULT_MAX, &doc, NULL) < 0) {
		members_close(m);
		return 0;
	}
	list = doc_list(doc);
	if (inspect_members(m, &opts, doc, list, NULL) == 0)
		check(list);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A checkpoint that is verified: whatever is in it, there is a list of findings, and it is text. */
#include "base/buf.h"
#include "base/fd.h"
#include "verify/verify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int collect(const char *piece, size_t n, void *ctx)
{
	buf_put(ctx, piece, n);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(findings_freep) struct findings *f = NULL;
	_cleanup_(members_closep) struct members *m = NULL;
	_buf_ struct buf text = BUF_INIT;
	struct source *src = NULL;

	if (source_from_mem(data, size, &src, NULL) < 0 || members_open_source(src, &m, NULL) < 0 ||
	    findings_new(&f, NULL) < 0)
		return 0;
	if (verify_set(m, f, size & 1 ? VERIFY_DEEP : 0, NULL) < 0)
		return 0;
	if (findings_check(f, NULL) < 0 ||
	    firn_value_print(findings_value(f), 1, collect, &text) < 0 || text.oom)
		abort();
	return 0;
}

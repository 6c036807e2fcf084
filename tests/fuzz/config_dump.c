/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config.dump from outside: it is parsed, edited and brought back byte for byte. The input up to
 * its first NUL is the document, the rest an undo record that nobody made.
 */
#include "format/config_dump.h"

#include "base/fd.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const char *text, size_t len)
{
	static const struct config_edit edits[] = {
		{ CONFIG_IMAGE_NAME, "00112233445566778899" },
		{ CONFIG_IMAGE_ID, "99887766554433221100" },
	};
	_buf_ struct buf out = BUF_INIT, undo = BUF_INIT, back = BUF_INIT;

	if (config_dump_edit(text, len, edits, 2, &out, &undo, NULL) < 0)
		return;
	if (config_dump_undo((const char *)out.data, out.len, (const char *)undo.data, &back,
			     NULL) < 0 ||
	    back.len != len || memcmp(back.data, text, len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, 0, size);
	const size_t len = nul ? (size_t)(nul - data) : size;
	struct config_dump c;
	int rc;
	_buf_ struct buf undo = BUF_INIT, back = BUF_INIT;

	if (config_dump_parse((const char *)data, len, &c, NULL) == 0) {
		for (size_t i = 0; i < 4; i++)
			(void)config_dump_volume(&c, i);
		config_dump_done(&c);
	}
	round_trip((const char *)data, len);
	buf_put(&undo, data + len, size - len);
	buf_put(&undo, "", 1);
	if (!nul || undo.oom)
		return 0;
	rc = config_dump_undo((const char *)data, len, (const char *)undo.data + 1, &back, NULL);
	return rc < 0 ? -1 : 0; /* -1: not worth keeping */
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/spec_priv.h"

#include "base/fd.h"

#include <string.h>

#define FIT_MAX 65536 /* bytes of a text file that is made to fit */

int spec_parse(const char *text, size_t len, json_t **ret, struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	int rc;

	if (len > SPEC_BYTES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "larger than %u bytes", SPEC_BYTES_MAX);
	rc = json_parse(text, len, &doc, err);
	if (rc < 0)
		return rc;
	if (!json_is_object(doc))
		return firn_fail(err, FIRN_ECORRUPT, "is no JSON object");
	*ret = take_ptr(&doc);
	return 0;
}

int spec_fit(const char *text, uint64_t bytes, char **ret, struct firn_error *err)
{
	_buf_ struct buf fitted = BUF_INIT;
	const size_t fit = bytes && bytes <= FIT_MAX ? (size_t)bytes : strlen(text);
	size_t keep = strlen(text);
	char *copy;

	if (keep > fit)
		for (keep = fit; keep && text[keep - 1] != '\n'; keep--)
			;
	buf_put(&fitted, text, keep);
	buf_fill(&fitted, '\n', fit - keep);
	copy = buf_steal(&fitted);
	if (!copy)
		return firn_fail_oom(err, "provided file");
	*ret = copy;
	return 0;
}

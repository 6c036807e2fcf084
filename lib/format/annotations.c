/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/annotations.h"

#include <stdio.h>

const char *annotation_for_layer(const char *key, const struct digest *diff_id,
				 char ret[ANNOTATION_KEY_MAX])
{
	char hex[DIGEST_TEXT_MAX];

	snprintf(ret, ANNOTATION_KEY_MAX, "%s.%s", key, digest_hex(diff_id, hex));
	return ret;
}

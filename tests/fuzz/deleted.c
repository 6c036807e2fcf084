/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* deleted.files: whatever parses is sorted, normalised, and no path lies below another. */
#include "format/deleted.h"

#include "base/fd.h"
#include "base/path.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(deleted_done) struct deleted d = { 0 };
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct node *n;

	if (tree_new(&t, NULL) < 0)
		return 0;
	if (deleted_parse((const char *)data, size, &d, NULL) < 0)
		return 0;
	for (size_t i = 0; i < d.count; i++) {
		_free_ char *again = NULL;
		const size_t len = strlen(d.paths[i]);

		if (path_normalise(d.paths[i], &again, NULL) < 0 || strcmp(again, d.paths[i]) != 0)
			abort();
		if (i + 1 < d.count && strncmp(d.paths[i], d.paths[i + 1], len) == 0 &&
		    (d.paths[i + 1][len] == '/' || d.paths[i + 1][len] == '\0'))
			abort();
		/* Every third path is a folder of the diff, every third a file. */
		if (deleted_effect(d.paths[i], t) == DELETED_OPAQUE)
			abort();
		if (len % 3 && tree_make(t, d.paths[i], &n, NULL) >= 0) {
			n->mode = len % 3 == 1 ? S_IFDIR : S_IFREG;
			if (deleted_effect(d.paths[i], t) !=
			    (len % 3 == 1 ? DELETED_OPAQUE : DELETED_NOTHING))
				abort();
		}
	}
	return 0;
}

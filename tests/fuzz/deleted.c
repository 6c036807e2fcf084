/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* deleted.files: whatever parses is sorted, normalised, and no path lies below another. */
#include "format/deleted.h"

#include "base/fd.h"
#include "base/path.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every other path is a folder of the diff. */
static const struct node *find(const char *path, void *ctx)
{
	static const struct node folder = { .mode = S_IFDIR }, file = { .mode = S_IFREG };

	(void)ctx;
	switch (strlen(path) % 3) {
	case 0:
		return &folder;
	case 1:
		return &file;
	default:
		return NULL;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(deleted_done) struct deleted d = { 0 };

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
		(void)deleted_effect(d.paths[i], find, NULL);
	}
	return 0;
}

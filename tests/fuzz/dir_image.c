/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a dir: image says of itself: its version, names of its files, the kind of its manifest. */
#include "format/dir_image.h"

#include "base/fd.h"
#include "format/oci.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name)
{
	char hex[DIGEST_TEXT_MAX], manifest[DIR_IMAGE_NAME_MAX];
	struct digest d;

	if (!dir_image_parse(name, &d))
		return;
	/* What is taken for a name is what we would write. */
	if (strcmp(digest_hex(&d, hex), name) != 0 &&
	    strcmp(dir_image_manifest(&d, manifest), name) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = malloc(size + 1);
	char type[OCI_TYPE_MAX];

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_name(text);
	if (dir_image_check_mark(text, size, NULL) == 0 &&
	    (size < sizeof("Directory Transport Version: 1.") || size > DIR_IMAGE_MARK_MAX + 1))
		abort();
	if (oci_document_type(text, size, type, NULL) == 0 && !oci_is_manifest(type) &&
	    !oci_is_index(type))
		abort();
	return 0;
}

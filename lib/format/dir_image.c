/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/dir_image.h"

#include "base/path.h"

#include <stdio.h>
#include <string.h>

int dir_image_check_mark(const char *text, size_t len, struct firn_error *err)
{
	static const char head[] = "Directory Transport Version: ";
	char line[DIR_IMAGE_MARK_MAX + 1], quoted[PATH_QUOTE_MAX], *version;
	bool good;

	if (len && text[len - 1] == '\n')
		len--;
	if (len >= sizeof(line) || len < sizeof(head) || memchr(text, '\0', len) ||
	    memcmp(text, head, sizeof(head) - 1) != 0)
		return firn_fail(err, FIRN_ECORRUPT, "version: is no such file of a dir: image");
	memcpy(line, text, len);
	line[len] = '\0';
	version = line + sizeof(head) - 1;
	/* 1.0 had other names; what is added to 1 must not change them. */
	good = strncmp(version, "1.", 2) == 0 && version[2] >= '1' && version[2] <= '9';
	if (!good || strspn(version + 2, "0123456789") != strlen(version + 2))
		return firn_fail(err, FIRN_EUNSUPP, "version: %s is not known here",
				 path_quote(version, quoted));
	return 0;
}

const char *dir_image_manifest(const struct digest *d, char ret[DIR_IMAGE_NAME_MAX])
{
	char hex[DIGEST_TEXT_MAX];

	snprintf(ret, DIR_IMAGE_NAME_MAX, "%s.%s", digest_hex(d, hex), DIR_IMAGE_MANIFEST);
	return ret;
}

bool dir_image_parse(const char *name, struct digest *ret)
{
	const size_t hex = strspn(name, "0123456789abcdef");
	char text[DIGEST_TEXT_MAX];

	if (name[hex] && strcmp(name + hex, "." DIR_IMAGE_MANIFEST) != 0)
		return false;
	for (enum digest_alg alg = DIGEST_SHA256; alg <= DIGEST_SHA512; alg++)
		if (hex == 2 * digest_size(alg)) {
			snprintf(text, sizeof(text), "%s:%.*s", digest_alg_name(alg), (int)hex,
				 name);
			return digest_parse(ret, text, NULL) == 0;
		}
	return false;
}

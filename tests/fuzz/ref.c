/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* References; what is accepted can be written out and means the same again. */
#include "format/ref.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct ref *r)
{
	static const char *const prefixes[] = {
		[REF_PATH] = "",
		[REF_OCI] = "oci:",
		[REF_OCI_ARCHIVE] = "oci-archive:",
		[REF_DOCKER] = "docker://",
		[REF_DIR] = "dir:",
	};
	const bool docker = r->transport == REF_DOCKER;
	char digest[DIGEST_TEXT_MAX], text[8192];
	struct ref again;

	if (docker != (r->host != NULL))
		abort();
	if (r->tag && !docker && (r->digest.alg || ref_check_tag(r->tag, NULL) < 0))
		abort();
	snprintf(text, sizeof(text), "%s%s%s%s%s%s%s%s", prefixes[r->transport],
		 docker ? r->host : "", docker ? "/" : "", r->path, r->tag ? ":" : "",
		 r->tag ? r->tag : "", r->digest.alg ? "@" : "",
		 r->digest.alg ? digest_text(&r->digest, digest) : "");
	if (ref_parse(text, &again, NULL) < 0 || again.transport != r->transport ||
	    strcmp(again.path, r->path) != 0 || (docker && strcmp(again.host, r->host) != 0) ||
	    !again.tag != !r->tag || (r->tag && strcmp(again.tag, r->tag) != 0) ||
	    (r->digest.alg && !digest_equal(&again.digest, &r->digest)))
		abort();
	ref_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct ref r;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (ref_parse(text, &r, NULL) == 0) {
		check_again(&r);
		ref_done(&r);
	}
	free(text);
	return 0;
}

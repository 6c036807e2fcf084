/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verify/verify.h"

#include "base/fd.h"
#include "format/checkpoint.h"
#include "format/config_dump.h"

#define CONFIG "config.dump"

int verify_config(struct members *m, struct findings *f, struct firn_error *err)
{
	const struct checkpoint_image *ci = members_image(m);
	const json_t *doc = ci ? ci->checkpoint.manifest.json : NULL;
	const char *undo = oci_annotation(doc, ORG_FIRN_CONFIG_UNDO);
	const char *want = oci_annotation(doc, ORG_FIRN_CONFIG_DIGEST);
	_free_ char *text = NULL;
	_buf_ struct buf was = BUF_INIT;
	struct firn_error e = { 0 };
	char got[DIGEST_TEXT_MAX];
	struct digest d, is;
	size_t len;
	int rc;

	/* A digest that is none was told with the other annotations. */
	if (!undo || !want || digest_parse(&d, want, NULL) < 0)
		return 0;
	rc = members_read(m, CONFIG, CONFIG_DUMP_MAX, &text, &len, &e);
	if (rc > 0)
		rc = config_dump_undo(text, len, undo, &was, &e);
	rc = findings_take(f, CONFIG, "config-differs", rc, &e, err);
	if (rc != 0 || !text)
		return rc < 0 ? rc : 0;
	rc = digest_of(was.data, was.len, &is, err);
	if (rc == 0 && !digest_equal(&is, &d))
		findings_add(f, FINDING_FAULT, CONFIG, "config-differs",
			     "the engine's own is %s, %s says %s", digest_text(&is, got),
			     ORG_FIRN_CONFIG_DIGEST, want);
	return rc;
}

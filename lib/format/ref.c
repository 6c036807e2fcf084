/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/ref.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/ref_docker.h"

#include <string.h>

static const struct {
	const char *prefix;
	enum ref_transport transport;
} transports[] = {
	{ "oci:", REF_OCI },
	{ "oci-archive:", REF_OCI_ARCHIVE },
};

/* What skopeo also knows; taking one of them for a path would be a puzzling "not found". */
static const char *const unknown[] = {
	"containers-storage:",
	"docker-archive:",
	"docker-daemon:",
	"ostree:",
	"sif:",
	"tarball:",
	"atomic:",
};

void ref_done(struct ref *r)
{
	free(r->host);
	free(r->path);
	free(r->tag);
	*r = (struct ref){ 0 };
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/*
 * annotations.md: ref = component ("/" component)*; component = alphanum (separator alphanum)*;
 * separator = one of "-._:@+" or "--". So a separator stands between alphanumerics and "--" is the
 * only double one.
 */
static bool tag_is_valid(const char *tag)
{
	bool after_alnum = false;

	for (const char *c = tag; *c; c++) {
		if (is_alnum(*c)) {
			after_alnum = true;
			continue;
		}
		if (!after_alnum || !strchr("-._:@+/", *c))
			return false;
		after_alnum = false;
		if (c[0] == '-' && c[1] == '-')
			c++;
	}
	return after_alnum;
}

int ref_check_tag(const char *tag, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	if (strlen(tag) > REF_TAG_MAX)
		return firn_fail(err, FIRN_ELIMIT, "tag %s: longer than %d bytes",
				 path_quote(tag, quoted), REF_TAG_MAX);
	if (!tag_is_valid(tag))
		return firn_fail(err, FIRN_EINVAL,
				 "tag %s: expected letters and digits, joined by one of -._:@+/",
				 path_quote(tag, quoted));
	return 0;
}

/* The '@' that begins a digest at the end of @text, or NULL. */
static const char *find_digest(const char *text)
{
	const char *at = strrchr(text, '@');

	if (!at || (strncmp(at, "@sha256:", 8) != 0 && strncmp(at, "@sha512:", 8) != 0))
		return NULL;
	return at;
}

/* Splits "PATH", "PATH:TAG" or "PATH@DIGEST" at the first colon, as skopeo does. */
static int parse_path(const char *text, struct ref *r, struct firn_error *err)
{
	const char *digest = find_digest(text), *colon = strchr(text, ':'), *end;

	if (digest && colon < digest)
		return firn_fail(err, FIRN_EINVAL, "a tag and a digest: only one can be given");
	end = digest ? digest : colon ? colon : text + strlen(text);
	if (end == text)
		return firn_fail(err, FIRN_EINVAL, "no path");
	if ((size_t)(end - text) > PATH_MEMBER_MAX)
		return firn_fail(err, FIRN_ELIMIT, "path longer than %d bytes", PATH_MEMBER_MAX);
	r->path = strndup(text, (size_t)(end - text));
	if (!r->path)
		return firn_fail_oom(err, "reference");
	if (digest)
		return digest_parse(&r->digest, digest + 1, err);
	if (!colon)
		return 0;
	r->tag = strdup(colon + 1);
	return r->tag ? ref_check_tag(r->tag, err) : firn_fail_oom(err, "reference");
}

static int take_path(const char *text, enum ref_transport transport, struct ref *r,
		     struct firn_error *err)
{
	if (!*text)
		return firn_fail(err, FIRN_EINVAL, "no path");
	if (strlen(text) > PATH_MEMBER_MAX)
		return firn_fail(err, FIRN_ELIMIT, "path longer than %d bytes", PATH_MEMBER_MAX);
	r->transport = transport;
	r->path = strdup(text);
	return r->path ? 0 : firn_fail_oom(err, "reference");
}

static int parse(const char *text, struct ref *r, struct firn_error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		const size_t len = strlen(transports[i].prefix);

		if (strncmp(text, transports[i].prefix, len) == 0) {
			r->transport = transports[i].transport;
			return parse_path(text + len, r, err);
		}
	}
	if (strncmp(text, "docker://", 9) == 0)
		return ref_parse_docker(text + 9, r, err);
	if (strncmp(text, "dir:", 4) == 0)
		return take_path(text + 4, REF_DIR, r, err);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		if (strncmp(text, unknown[i], strlen(unknown[i])) == 0)
			return firn_fail(err, FIRN_EUNSUPP,
					 "transport %s is not supported (a path: write ./%s)",
					 unknown[i], unknown[i]);
	return take_path(text, REF_PATH, r, err);
}

int ref_parse(const char *text, struct ref *ret, struct firn_error *err)
{
	_cleanup_(ref_done) struct ref r = { 0 };
	char quoted[PATH_QUOTE_MAX];
	int rc = parse(text, &r, err);

	if (rc < 0)
		return firn_wrap(err, rc, "%s", path_quote(text, quoted));
	*ret = r;
	r = (struct ref){ 0 };
	return 0;
}

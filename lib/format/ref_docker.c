/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * docker://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]. The grammar of names is that of the OCI
 * distribution-spec (spec.md, "Pulling manifests"). A host has a dot or a port, is "localhost" or
 * an address in brackets: firn knows no registry that a name without one could mean.
 */
#include "format/ref_docker.h"

#include "base/fd.h"
#include "base/path.h"

#include <string.h>

#define HOST_MAX       255
#define REPOSITORY_MAX 255
#define PORT_MAX       65535

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

/* [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127} */
bool ref_is_registry_tag(const char *tag)
{
	const size_t len = strlen(tag);

	if (!len || len > REF_REGISTRY_TAG_MAX || !is_word(*tag))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_word(tag[i]) && tag[i] != '.' && tag[i] != '-')
			return false;
	return true;
}

/* Of a separator within a component: one of "._", "__", or any number of "-"; 0: none. */
static size_t separator(const char *text, size_t len)
{
	size_t n = 0;

	if (len > 0 && text[0] == '.')
		return 1;
	if (len > 0 && text[0] == '_')
		return len > 1 && text[1] == '_' ? 2 : 1;
	while (n < len && text[n] == '-')
		n++;
	return n;
}

static bool is_repository(const char *text, size_t len)
{
	bool after_alnum = false;

	for (size_t i = 0; i < len;) {
		const bool slash = text[i] == '/';
		const size_t n = slash ? 1 : separator(text + i, len - i);

		if (n && !after_alnum)
			return false;
		if (!n && !is_lower(text[i]))
			return false;
		after_alnum = !n;
		i += n ? n : 1;
	}
	return after_alnum;
}

bool ref_is_repository(const char *text)
{
	return strlen(text) <= REPOSITORY_MAX && is_repository(text, strlen(text));
}

static bool is_port(const char *text, size_t len)
{
	unsigned port = 0;

	if (!len || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	return port > 0 && port <= PORT_MAX;
}

/* The characters of an IPv6 address in text; whether it is one is found when it is used. */
static size_t bracketed(const char *text, size_t len)
{
	size_t n = 1;

	while (n < len && (is_lower(text[n]) || (text[n] >= 'A' && text[n] <= 'F') ||
			   text[n] == ':' || text[n] == '.'))
		n++;
	return n > 2 && n < len && text[n] == ']' ? n + 1 : 0;
}

static size_t named(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (is_word(text[n]) || ((text[n] == '-' || text[n] == '.') && n > 0)))
		n++;
	return n;
}

static bool is_host(const char *text, size_t len)
{
	const size_t n = len && *text == '[' ? bracketed(text, len) : named(text, len);

	if (!n || len > HOST_MAX)
		return false;
	if (n < len)
		return text[n] == ':' && is_port(text + n + 1, len - n - 1);
	return *text == '[' || memchr(text, '.', n) ||
	       (n == 9 && memcmp(text, "localhost", 9) == 0);
}

static int take_digest(const char *at, struct ref *r, struct firn_error *err)
{
	return at ? digest_parse(&r->digest, at + 1, err) : 0;
}

static int take_tag(const char *colon, size_t len, struct ref *r, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	if (!colon)
		return 0;
	r->tag = strndup(colon + 1, len);
	if (!r->tag)
		return firn_fail_oom(err, "reference");
	if (!ref_is_registry_tag(r->tag))
		return firn_fail(err, FIRN_EINVAL,
				 "tag %s: expected up to %d letters, digits and ._-, the first "
				 "one a letter, digit or _",
				 path_quote(r->tag, quoted), REF_REGISTRY_TAG_MAX);
	return 0;
}

int ref_parse_docker(const char *text, struct ref *r, struct firn_error *err)
{
	const size_t host = strcspn(text, "/");
	const char *name = text + host + 1, *digest, *colon, *end;
	int rc;

	r->transport = REF_DOCKER;
	if (!is_host(text, host))
		return firn_fail(err, FIRN_EINVAL,
				 "expected HOST[:PORT]/REPOSITORY[:TAG|@DIGEST]: there is no "
				 "registry that is meant when none is named");
	if (text[host] != '/' || !*name)
		return firn_fail(err, FIRN_EINVAL, "no repository");
	digest = strchr(name, '@');
	end = digest ? digest : name + strlen(name);
	colon = memchr(name, ':', (size_t)(end - name));
	if ((rc = take_tag(colon, colon ? (size_t)(end - colon - 1) : 0, r, err)) < 0 ||
	    (rc = take_digest(digest, r, err)) < 0)
		return rc;
	end = colon ? colon : end;
	if ((size_t)(end - name) > REPOSITORY_MAX)
		return firn_fail(err, FIRN_ELIMIT, "a repository's name has at most %d bytes",
				 REPOSITORY_MAX);
	if (!is_repository(name, (size_t)(end - name)))
		return firn_fail(err, FIRN_EINVAL,
				 "a repository's name is lower-case letters and digits, joined by "
				 "one of ._-/");
	r->host = strndup(text, host);
	r->path = strndup(name, (size_t)(end - name));
	return r->host && r->path ? 0 : firn_fail_oom(err, "reference");
}

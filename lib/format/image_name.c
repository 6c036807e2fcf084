/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/image_name.h"

#include "base/path.h"

#include <string.h>

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t span(const char *at, const char *end, const char *set)
{
	size_t n = 0;

	while (at + n < end && strchr(set, at[n]))
		n++;
	return n;
}

/* path-component: lower-case letters and digits, joined by one of . _ __ or any number of -. */
static bool is_component(const char *at, const char *end)
{
	for (;;) {
		size_t n = 0;

		while (at < end && is_lower(*at)) {
			at++;
			n++;
		}
		if (!n)
			return false;
		if (at == end)
			return true;
		n = span(at, end, "-");
		if (!n)
			n = span(at, end, "_") <= 2 ? span(at, end, "_") : 0;
		if (!n && *at == '.')
			n = 1;
		if (!n)
			return false;
		at += n;
	}
}

/* domain: names of a host joined by dots, or an address in brackets; then a port. */
static bool is_host(const char *at, const char *end)
{
	const char *port = memchr(at, ':', (size_t)(end - at));

	if (*at == '[') {
		const size_t n = span(at + 1, end, "0123456789abcdefABCDEF:");

		port = at + 1 + n;
		if (!n || port >= end || *port != ']')
			return false;
		at = port++;
	} else {
		const char *stop = port ? port : end;

		for (const char *c = at; c < stop; c++) {
			const bool edge = c == at || c + 1 == stop || c[-1] == '.' || c[1] == '.';

			if (!(is_word(*c) && *c != '_') && !(*c == '.' && !edge) &&
			    !(*c == '-' && !edge))
				return false;
		}
		if (at == stop)
			return false;
		port = stop;
	}
	if (port == end)
		return true;
	return *port == ':' && port + 1 < end &&
	       span(port + 1, end, "0123456789") == (size_t)(end - port - 1);
}

/* The first component is a host if it can't be anything else (reference.go: splitDockerDomain). */
static bool looks_like_host(const char *at, const char *end)
{
	if (end - at == 9 && memcmp(at, "localhost", 9) == 0)
		return true;
	for (const char *c = at; c < end; c++)
		if (strchr(".:[", *c) || (*c >= 'A' && *c <= 'Z'))
			return true;
	return false;
}

static int fail(const char *text, const char *why, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	return firn_fail(err, FIRN_EINVAL, "%s is no image's name: %s", path_quote(text, quoted),
			 why);
}

static int check_tag(const char *text, const char *tag, struct firn_error *err)
{
	size_t n = 0;

	if (!*tag)
		return 0;
	tag++;
	while (is_word(tag[n]) || (n && tag[n] && strchr(".-", tag[n])))
		n++;
	if (!n || tag[n] || n > IMAGE_TAG_MAX)
		return fail(text, "its tag", err);
	return 0;
}

static int check_path(const char *text, const char *at, const char *end, struct firn_error *err)
{
	const char *slash = memchr(at, '/', (size_t)(end - at));

	if (slash && looks_like_host(at, slash)) {
		if (!is_host(at, slash))
			return fail(text, "its host", err);
		at = slash + 1;
	}
	for (;;) {
		slash = memchr(at, '/', (size_t)(end - at));
		if (!is_component(at, slash ? slash : end))
			return fail(text, "a path of lower-case letters and digits is needed", err);
		if (!slash)
			return 0;
		at = slash + 1;
	}
}

int image_name_parse(const char *text, size_t *ret_tag, struct firn_error *err)
{
	const char *slash = strrchr(text, '/');
	const char *tag = strrchr(slash ? slash : text, ':');
	int rc;

	if (strchr(text, '@'))
		return fail(text, "its digest isn't known before, give NAME:TAG", err);
	tag = tag ? tag : text + strlen(text);
	if (tag - text > IMAGE_NAME_MAX)
		return fail(text, "it is too long", err);
	if ((rc = check_path(text, text, tag, err)) < 0 || (rc = check_tag(text, tag, err)) < 0)
		return rc;
	*ret_tag = (size_t)(tag - text);
	return 0;
}

/* c/image transports/alltransports, those that Podman pulls from. */
bool image_name_is_place(const char *text)
{
	static const char *const transports[] = { "oci:", "oci-archive:", "docker-archive:",
						  "dir:", "docker://",    "containers-storage:" };

	for (size_t i = 0; i < ARRAY_SIZE(transports); i++)
		if (strncmp(text, transports[i], strlen(transports[i])) == 0)
			return text[strlen(transports[i])];
	return false;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a registry, a token service, a user's files and a credential helper say. The first byte
 * picks who speaks; what is accepted keeps what its header promises.
 */
#include "base/fd.h"
#include "remote/answer.h"
#include "remote/challenge.h"
#include "remote/credentials.h"
#include "remote/session.h"
#include "remote/url.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(const struct url *u)
{
	_free_ char *text = url_text(u);
	struct url again;

	if (!text || strpbrk(text, " \r\n\t") || *u->path != '/' || strchr(u->host, '@') ||
	    strchr(u->host, '/'))
		abort();
	if (url_parse(text, &again, NULL) < 0 || !url_same_origin(u, &again) ||
	    strcmp(u->path, again.path) != 0)
		abort();
	url_done(&again);
}

static void location(const char *text)
{
	struct url base = { .tls = true, .host = (char *)"h.example", .path = (char *)"/v2/a?b" };
	struct url u;

	if (url_resolve(&base, text, &u, NULL) < 0)
		return;
	check_url(&u);
	url_done(&u);
}

static void link_header(const char *text)
{
	_free_ char *next = NULL;

	if (url_next_link(text, &next, NULL) > 0)
		location(next);
}

static void challenge(const char *text)
{
	struct challenge c;

	if (challenge_parse(text, &c, NULL) < 0)
		return;
	if (c.kind == CHALLENGE_BEARER && !c.realm)
		abort();
	challenge_done(&c);
}

static void token(const char *text, size_t len)
{
	_free_ char *got = NULL;
	uint64_t seconds;

	if (token_parse(text, len, &got, &seconds, NULL) == 0 &&
	    (strpbrk(got, " \r\n") || !*got || !seconds || seconds > TOKEN_LAST_MAX))
		abort();
}

static void auth_file(const char *text, size_t len)
{
	struct credentials c = { NULL, NULL, NULL };
	_free_ char *helper = NULL;
	const int rc = credentials_find(text, len, "h.example", "a/b", &c, &helper, NULL);

	if (rc == CREDENTIALS_HELPER && (!helper || strchr(helper, '/')))
		abort();
	if (rc == CREDENTIALS_HERE && !c.user && !c.identity)
		abort();
	credentials_done(&c);
}

static void helper(const char *text, size_t len)
{
	struct credentials c = { NULL, NULL, NULL };

	(void)!credentials_answer(text, len, &c, NULL);
	credentials_done(&c);
}

static void answer(const char *text, size_t len)
{
	struct firn_error err = { 0 };
	uint64_t a, b, c;

	(void)answer_fail(400, text, len, &err);
	if (strpbrk(err.msg, "\r\n\x1b"))
		abort();
	(void)!answer_retry_after(text, 0, &a);
	(void)!answer_upload_range(text, &a);
	if (answer_content_range(text, &a, &b, &c) && (a > b || b >= c))
		abort();
}

static void session(const char *text, size_t len)
{
	const struct digest d = { .alg = DIGEST_SHA256 };
	uint64_t bytes;
	struct url u;

	if (session_parse_chunk(text, len, "h.example", &bytes, NULL) == 0 &&
	    (bytes < SESSION_CHUNK_MIN || bytes > SESSION_CHUNK_MAX))
		abort();
	if (session_parse(text, len, "h.example/a", &d, &u, NULL) < 0)
		return;
	check_url(&u);
	url_done(&u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = NULL;

	if (size < 2 || !(text = strndup((const char *)data + 1, size - 1)))
		return 0;
	size = strlen(text);
	switch (data[0]) {
	case 'L':
		location(text);
		break;
	case 'N':
		link_header(text);
		break;
	case 'C':
		challenge(text);
		break;
	case 'T':
		token(text, size);
		break;
	case 'A':
		auth_file(text, size);
		break;
	case 'H':
		helper(text, size);
		break;
	case 'S':
		session(text, size);
		break;
	default:
		answer(text, size);
	}
	return 0;
}

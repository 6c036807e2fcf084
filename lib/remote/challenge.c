/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote/challenge.h"

#include "base/fd.h"
#include "bytes/json.h"

#include <string.h>
#include <strings.h>

void challenge_done(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	*c = (struct challenge){ .kind = CHALLENGE_NONE };
}

/* tchar of RFC 9110, section 5.6.2 */
static size_t token_len(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "!#$%&'*+-.^_`|~");
}

static size_t space_len(const char *text)
{
	return strspn(text, " \t");
}

/* A token or a quoted string, without what quotes it; *at moves behind it. */
static char *value(const char **at)
{
	const char *c = *at;
	char *out;
	size_t n = 0;

	if (*c != '"') {
		*at += token_len(c);
		return strndup(c, (size_t)(*at - c));
	}
	out = malloc(strlen(c) + 1);
	for (c++; *c && *c != '"'; c++) {
		if (*c == '\\' && c[1])
			c++;
		if (out)
			out[n++] = *c;
	}
	if (out)
		out[n] = '\0';
	*at = *c ? c + 1 : c;
	return out;
}

static int parameter(struct challenge *c, const char *name, size_t len, const char **at,
		     struct firn_error *err)
{
	struct {
		const char *name;
		char **to;
	} known[] = { { "realm", &c->realm }, { "service", &c->service }, { "scope", &c->scope } };
	_free_ char *text = value(at);

	if (!text)
		return firn_fail_oom(err, "challenge");
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strlen(known[i].name) == len && strncasecmp(known[i].name, name, len) == 0 &&
		    !*known[i].to)
			*known[i].to = take_ptr(&text);
	return 0;
}

static enum challenge_kind kind_of(const char *name, size_t len)
{
	if (len == 5 && strncasecmp(name, "Basic", len) == 0)
		return CHALLENGE_BASIC;
	if (len == 6 && strncasecmp(name, "Bearer", len) == 0)
		return CHALLENGE_BEARER;
	return CHALLENGE_NONE;
}

static bool is_better(const struct challenge *a, const struct challenge *b)
{
	return a->kind > b->kind && (a->kind != CHALLENGE_BEARER || a->realm);
}

/* "token =" begins a parameter, "token" alone a challenge. */
static bool is_parameter(const char *at, size_t len)
{
	const char *behind = at + len + space_len(at + len);

	return *behind == '=' && behind[1] != '=' && behind[1] != '\0';
}

int challenge_parse(const char *text, struct challenge *ret, struct firn_error *err)
{
	_cleanup_(challenge_done) struct challenge best = { .kind = CHALLENGE_NONE };
	_cleanup_(challenge_done) struct challenge one = { .kind = CHALLENGE_NONE };
	const char *at = text;

	while (*at) {
		const size_t len = token_len(at);
		int rc = 0;

		if (!len) {
			at++;
			continue;
		}
		if (is_parameter(at, len)) {
			const char *name = at;

			at = strchr(at + len, '=') + 1;
			at += space_len(at);
			rc = parameter(&one, name, len, &at, err);
		} else {
			if (is_better(&one, &best)) {
				challenge_done(&best);
				best = one;
				one = (struct challenge){ .kind = CHALLENGE_NONE };
			}
			challenge_done(&one);
			one.kind = kind_of(at, len);
			at += len;
		}
		if (rc < 0)
			return rc;
	}
	if (is_better(&one, &best)) {
		*ret = one;
		one = (struct challenge){ .kind = CHALLENGE_NONE };
		return 0;
	}
	*ret = best;
	best = (struct challenge){ .kind = CHALLENGE_NONE };
	return 0;
}

/* RFC 6750, section 2.1, and nothing that ends a header. */
static bool is_token(const char *text)
{
	const size_t len = strlen(text);

	if (!len || len > TOKEN_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return false;
	return true;
}

int token_parse(const char *text, size_t len, char **ret, uint64_t *ret_seconds,
		struct firn_error *err)
{
	_json_ json_t *j = NULL;
	const char *token = NULL;
	uint64_t seconds = TOKEN_SECONDS;
	int rc;

	if ((rc = json_parse(text, len, &j, err)) < 0 ||
	    (rc = json_opt_str(j, "token", &token, err)) < 0)
		return rc;
	if ((!token || !*token) && (rc = json_opt_str(j, "access_token", &token, err)) < 0)
		return rc;
	/* Without "token" the service speaks OAuth 2; a lifetime that is none is the default. */
	if (json_get_u64(j, "expires_in", UINT64_MAX, &seconds, NULL) < 0 || seconds == 0)
		seconds = TOKEN_SECONDS;
	if (!token || !is_token(token))
		return firn_fail(err, FIRN_ECORRUPT, "there is no token in it");
	*ret = strdup(token);
	if (!*ret)
		return firn_fail_oom(err, "token");
	*ret_seconds = seconds > TOKEN_LAST_MAX ? TOKEN_LAST_MAX : seconds;
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote/url.h"

#include "base/fd.h"
#include "base/path.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void url_done(struct url *u)
{
	free(u->host);
	free(u->path);
	*u = (struct url){ .host = NULL };
}

static int bad(const char *text, const char *why, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX], shown[64];

	/* Behind a question mark there may be somebody's signature. */
	snprintf(shown, sizeof(shown), "%.*s", (int)strcspn(text, "?"), text);
	return firn_fail(err, FIRN_ECORRUPT, "address %s: %s", path_quote(shown, quoted), why);
}

/* Nothing that could end a request's line or mean something to somebody on the way. */
static bool is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f ||
		    strchr("\"<>\\^`{|}", text[i]))
			return false;
	return true;
}

static bool is_port(const char *text)
{
	const size_t n = strspn(text, "0123456789");

	return n > 0 && n <= 5 && !text[n];
}

/* "host", "host:port", "[v6]:port"; lower case in place. */
static bool fix_host(char *host, bool tls)
{
	const char *const own = tls ? ":443" : ":80";
	char *port = *host == '[' ? strchr(host, ']') : strchr(host, ':');

	for (char *c = host; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
		if (strchr("%@/?#!$&'()*+,;=", *c))
			return false;
	}
	if (*host == '[') {
		if (!port || port == host + 1)
			return false;
		port++;
	}
	if (!port || !*port)
		return *host && *host != ':';
	if (*port != ':' || port == host || !is_port(port + 1))
		return false;
	if (strcmp(port, own) == 0)
		*port = '\0';
	return true;
}

int url_parse(const char *text, struct url *ret, struct firn_error *err)
{
	const bool tls = strncasecmp(text, "https://", 8) == 0;
	_cleanup_(url_done) struct url u = { .tls = tls };
	const char *host = text + (tls ? 8 : 7);
	size_t len, path;

	if (!tls && strncasecmp(text, "http://", 7) != 0)
		return bad(text, "neither HTTP nor HTTPS", err);
	if (strlen(text) > URL_MAX)
		return bad(text, "too long", err);
	if (!is_plain(text, strlen(text)))
		return bad(text, "it has characters that no address has", err);
	len = strcspn(host, "/?#");
	if (memchr(host, '@', len))
		return bad("", "there is a user's name in it", err);
	path = strcspn(host + len, "#");
	u.host = strndup(host, len);
	u.path = malloc(path + 2);
	if (!u.host || !u.path)
		return firn_fail_oom(err, "address");
	snprintf(u.path, path + 2, "%s%.*s", host[len] == '/' ? "" : "/", (int)path, host + len);
	if (!fix_host(u.host, tls))
		return bad(text, "no host", err);
	*ret = u;
	u = (struct url){ .host = NULL };
	return 0;
}

/* The scheme that @text begins with (RFC 3986, section 3.1), if it does. */
static bool has_scheme(const char *text)
{
	const size_t n =
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

	return n > 0 && text[n] == ':';
}

int url_resolve(const struct url *base, const char *text, struct url *ret, struct firn_error *err)
{
	const char *scheme = base->tls ? "https:" : "http:";
	const size_t query = strcspn(base->path, "?");
	char whole[2 * URL_MAX + 512];
	size_t folder = query;
	int n;

	if (!*text || has_scheme(text))
		return url_parse(text, ret, err);
	while (folder > 0 && base->path[folder - 1] != '/')
		folder--;
	if (text[0] == '/' && text[1] == '/')
		n = snprintf(whole, sizeof(whole), "%s%s", scheme, text);
	else if (text[0] == '/')
		n = snprintf(whole, sizeof(whole), "%s//%s%s", scheme, base->host, text);
	else
		n = snprintf(whole, sizeof(whole), "%s//%s%.*s%s", scheme, base->host,
			     (int)(text[0] == '?' ? query : folder), base->path, text);
	if (n < 0 || (size_t)n >= sizeof(whole))
		return bad(text, "too long", err);
	return url_parse(whole, ret, err);
}

int url_copy(const struct url *u, struct url *ret, struct firn_error *err)
{
	_cleanup_(url_done) struct url copy = { .tls = u->tls,
						.host = strdup(u->host),
						.path = strdup(u->path) };

	if (!copy.host || !copy.path)
		return firn_fail_oom(err, "address");
	*ret = copy;
	copy = (struct url){ .host = NULL };
	return 0;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->tls == b->tls && strcmp(a->host, b->host) == 0;
}

char *url_text(const struct url *u)
{
	char *text = NULL;

	if (asprintf(&text, "%s://%s%s", u->tls ? "https" : "http", u->host, u->path) < 0)
		return NULL;
	return text;
}

void url_encode(const char *text, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		const char c = text[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    (c && strchr("-._~", c)))
			buf_put(out, &c, 1);
		else
			buf_printf(out, "%%%02X", (unsigned char)c);
	}
}

/* Whether the parameters behind a link's ">" say rel=next; *ret_end is behind them. */
static bool is_next(const char *at, const char **ret_end)
{
	bool next = false, quoted = false;
	const char *c = at;

	for (; *c && (quoted || *c != ','); c++) {
		if (*c == '"')
			quoted = !quoted;
		if (!quoted && *c == ';') {
			const char *name = c + 1 + strspn(c + 1, " \t");

			next =
			    next || strncasecmp(name, "rel=\"next\"", 10) == 0 ||
			    (strncasecmp(name, "rel=next", 8) == 0 && strcspn(name, " \t;,") == 8);
		}
	}
	*ret_end = c;
	return next;
}

int url_next_link(const char *header, char **ret, struct firn_error *err)
{
	const char *at = header;

	while ((at = strchr(at, '<'))) {
		const char *end = strchr(at, '>'), *behind;

		if (!end)
			break;
		if (is_next(end + 1, &behind)) {
			*ret = strndup(at + 1, (size_t)(end - at - 1));
			return *ret ? 1 : firn_fail_oom(err, "link");
		}
		at = behind;
	}
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses that a registry tells us (RFC 3986, as far as HTTP needs it): where an upload goes on,
 * where a blob lies, who gives tokens, what the next page is. Bytes in, structs out.
 */
#ifndef FIRN_REMOTE_URL_H
#define FIRN_REMOTE_URL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX 8192 /* bytes of one: signed addresses of object stores have some thousand */

struct url {
	bool tls;
	char *host; /* "HOST" or "HOST:PORT", lower case, without a port that is the scheme's own */
	char *path; /* from its slash on, with the query, without a fragment */
};

/* "http://..." or "https://..." and nothing else; with a user in it -FIRN_EINVAL, too. */
int url_parse(const char *text, struct url *ret, struct firn_error *err) _must_check_;
/* What @text means in an answer from @base: an address, or a path on the same host. */
int url_resolve(const struct url *base, const char *text, struct url *ret,
		struct firn_error *err) _must_check_;
void url_done(struct url *u);
int url_copy(const struct url *u, struct url *ret, struct firn_error *err) _must_check_;

/* The same scheme, host and port: whoever may know a secret there may know it here. */
bool url_same_origin(const struct url *a, const struct url *b);
/* As text; NULL when out of memory. Caller frees. */
char *url_text(const struct url *u);

/* Append @text as a value of a query: all but unreserved characters as %XX. */
void url_encode(const char *text, size_t len, struct buf *out);

/*
 * The address with rel="next" of a Link header (RFC 8288), unresolved: 1, or 0 when there is none.
 * Caller frees.
 */
int url_next_link(const char *header, char **ret, struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a registry wants to be told who we are: WWW-Authenticate (RFC 9110, section 11.6.1) with
 * "Basic" or "Bearer" (RFC 6750; realm, service and scope as Docker's registries have them), and
 * what a token service answers. Bytes in, structs out.
 */
#ifndef FIRN_REMOTE_CHALLENGE_H
#define FIRN_REMOTE_CHALLENGE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum challenge_kind { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
	enum challenge_kind kind;
	char *realm, *service, *scope; /* NULL when not told */
};

/* Of several the one that gives least away: "Bearer". What isn't known is CHALLENGE_NONE. */
int challenge_parse(const char *text, struct challenge *ret, struct firn_error *err) _must_check_;
void challenge_done(struct challenge *c);

#define TOKEN_MAX      (32u << 10) /* bytes: with its name it has to fit into a header */
#define TOKEN_SECONDS  60          /* how long one lasts that doesn't say so */
#define TOKEN_LAST_MAX (24 * 3600)

/* "token" or "access_token", and the seconds for which it can be used. Caller frees. */
int token_parse(const char *text, size_t len, char **ret, uint64_t *ret_seconds,
		struct firn_error *err) _must_check_;

#endif

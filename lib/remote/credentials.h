/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a user's files say about who they are: containers-auth.json(5) and docker's config.json,
 * which differ in little, and what credential helpers answer. Bytes in, structs out.
 */
#ifndef FIRN_REMOTE_CREDENTIALS_H
#define FIRN_REMOTE_CREDENTIALS_H

#include "base/error.h"

#include <stddef.h>

#define CREDENTIALS_FILE_MAX   (1u << 20)
#define CREDENTIALS_ANSWER_MAX (64u << 10)
#define CREDENTIALS_NAME_MAX   64 /* bytes of a helper's name */

struct credentials {
	char *user, *password; /* NULL: none */
	char *identity;        /* a token that others are given for (OAuth 2); NULL: none */
};

/* Overwrites what it frees. */
void credentials_done(struct credentials *c);

/* "USER:PASSWORD", or "USER" with an empty password; -FIRN_EINVAL without a user. */
int credentials_parse(const char *text, struct credentials *ret,
		      struct firn_error *err) _must_check_;

enum credentials_found { CREDENTIALS_NONE, CREDENTIALS_HERE, CREDENTIALS_HELPER };

/*
 * What the file's @text has for @repository on @host: an entry of the most exact name
 * ("HOST/a/b", "HOST/a", "HOST"; old names like "https://HOST/v1/" after them), or the name of the
 * helper that has to be asked, in *ret_helper (caller frees). Returns enum credentials_found.
 */
int credentials_find(const char *text, size_t len, const char *host, const char *repository,
		     struct credentials *ret, char **ret_helper,
		     struct firn_error *err) _must_check_;

/* What a helper answers to "get": CREDENTIALS_HERE, or CREDENTIALS_NONE when it knows nobody. */
int credentials_answer(const char *text, size_t len, struct credentials *ret,
		       struct firn_error *err) _must_check_;

#endif

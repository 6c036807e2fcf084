/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who the user is for a registry: the files and helpers that opts name are asked. */
#ifndef FIRN_REMOTE_IDENTITY_H
#define FIRN_REMOTE_IDENTITY_H

#include "remote/credentials.h"
#include "remote/registry.h"

#define IDENTITY_HELPER_SECONDS 60 /* a helper may have to ask the user */

/* 1, or 0 when nobody knows. */
int identity_find(const struct registry_opts *opts, const char *host, const char *repository,
		  struct credentials *ret, struct firn_error *err) _must_check_;

/* What certificates there are in the folder of a registry (containers-certs.d(5)). */
struct trust {
	char *ca; /* all *.crt, one behind the other; NULL: none */
	size_t ca_len;
	char *cert, *key; /* names of the files NAME.cert, NAME.key */
};

int trust_find(const struct registry_opts *opts, const char *host, struct trust *ret,
	       struct firn_error *err) _must_check_;
void trust_done(struct trust *t);

#endif

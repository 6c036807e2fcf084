/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of all commands that talk to a registry, as skopeo's users know them. */
#ifndef FIRN_SRC_REGISTRY_H
#define FIRN_SRC_REGISTRY_H

#include "opt.h"

#include <firn/registry.h>

/* A member of the command's options. */
struct registry_options {
	const char *authfile, *creds, *cert_dir;
	int tls_verify; /* 0: true, 1: false */
	bool plain_http;
};

/* The rows for the member @m of struct @s. */
#define REGISTRY_OPTIONS(s, m)                                                                     \
	OPT_STR(0, "authfile", s, m.authfile, "FILE",                                              \
		"Who you are for a registry (containers-auth.json(5))"),                           \
	    OPT_STR(0, "creds", s, m.creds, "USER[:PASSWORD]",                                     \
		    "Who you are for the registry; without PASSWORD it is empty"),                 \
	    OPT_STR(0, "cert-dir", s, m.cert_dir, "DIR",                                           \
		    "Certificates for the registry: *.crt, *.cert, *.key"),                        \
	    OPT_ENUM(0, "tls-verify", s, m.tls_verify, "true|false", "BOOL",                       \
		     "false: believe whoever answers, and speak HTTP if need be"),                 \
	    OPT_FLAG(0, "plain-http", s, m.plain_http, "Speak HTTP with the registry")

#define REGISTRY_FILES_MAX 8

/* What comes of them and of the environment. */
struct registry_given {
	struct firn_registry_opts opts; /* borrows from here and from the options */
	char *files[REGISTRY_FILES_MAX];
	char *state;
};

int registry_fill(const struct registry_options *o, struct registry_given *ret,
		  struct firn_error *err);
void registry_given_done(struct registry_given *g);

#endif

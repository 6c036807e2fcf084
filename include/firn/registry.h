/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file How a container registry is reached: for every call that takes "docker://...". */
#ifndef FIRN_REGISTRY_H
#define FIRN_REGISTRY_H

#include <firn/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For firn_registry_opts.flags. */
enum firn_registry_flags {
	FIRN_REGISTRY_PLAIN_HTTP = 1 << 0, /**< HTTP, and HTTPS not at all */
	/** HTTPS with whoever answers, and HTTP where nobody speaks TLS */
	FIRN_REGISTRY_NO_TLS_VERIFY = 1 << 1,
};

/** How to reach it; zero is the default of every member but size. The library reads no environment:
 * what is there is for the caller to hand over. */
struct firn_registry_opts {
	size_t size;       /**< sizeof(struct firn_registry_opts) */
	unsigned flags;    /**< enum firn_registry_flags */
	unsigned retries;  /**< tries after the first one; 0: 5 */
	const char *creds; /**< "USER:PASSWORD"; no file is asked then. NULL: the files know */
	/** a file as containers-auth.json(5) has it, which must be there; NULL: authfiles */
	const char *authfile;
	/** such files and docker's config.json, NULL-ended: the first that knows the registry;
	 * absent ones are left out. NULL: none */
	const char *const *authfiles;
	/** "NAME=VALUE", NULL-ended: the environment of credential helpers, which are found by its
	 * PATH; NULL: none */
	const char *const *environment;
	/** a folder of certificates (containers-certs.d(5)); NULL:
	 * /etc/containers/certs.d/HOST:PORT, or /etc/docker/certs.d/HOST:PORT */
	const char *cert_dir;
	/** a folder (made, 0700) for interrupted uploads that another call may go on with; NULL:
	 * none are */
	const char *state;
	uint64_t connect_ms; /**< until there is a connection; 0: 10 seconds */
	uint64_t idle_ms;    /**< without a byte in the middle of a transfer; 0: a minute */
};

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void registry_given_done(struct registry_given *g)
{
	for (size_t i = 0; i < REGISTRY_FILES_MAX; i++)
		free(g->files[i]);
	free(g->state);
	*g = (struct registry_given){ .state = NULL };
}

/* NULL as well when there is no such variable; *ok tells out of memory. */
static char *below(const char *variable, const char *path, bool *ok)
{
	const char *folder = getenv(variable);
	char *name = NULL;

	if (!folder || *folder != '/')
		return NULL;
	if (asprintf(&name, "%s/%s", folder, path) < 0) {
		*ok = false;
		return NULL;
	}
	return name;
}

/* containers-auth.json(5): where credentials are looked for, in this order. */
static bool find_files(struct registry_given *g)
{
	static const struct {
		const char *variable, *path;
	} places[] = {
		{ "XDG_RUNTIME_DIR", "containers/auth.json" },
		{ "XDG_CONFIG_HOME", "containers/auth.json" },
		{ "HOME", ".config/containers/auth.json" },
		{ "DOCKER_CONFIG", "config.json" },
		{ "HOME", ".docker/config.json" },
	};
	bool ok = true;
	size_t n = 0;

	if (!getenv("XDG_RUNTIME_DIR")) {
		if (asprintf(&g->files[n], "/run/containers/%u/auth.json", (unsigned)getuid()) <
		    0) {
			g->files[n] = NULL;
			return false;
		}
		n++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(places) && n < REGISTRY_FILES_MAX - 1; i++) {
		g->files[n] = below(places[i].variable, places[i].path, &ok);
		n += g->files[n] != NULL;
	}
	return ok;
}

int registry_fill(const struct registry_options *o, struct registry_given *ret,
		  struct firn_error *err)
{
	extern char **environ;
	const char *named = getenv("REGISTRY_AUTH_FILE");
	bool ok = true;

	*ret = (struct registry_given){ .state = NULL };
	ret->opts = (struct firn_registry_opts){
		.size = sizeof(ret->opts),
		.flags = (o->plain_http ? FIRN_REGISTRY_PLAIN_HTTP : 0) |
			 (o->tls_verify ? FIRN_REGISTRY_NO_TLS_VERIFY : 0),
		.creds = o->creds,
		.authfile = o->authfile       ? o->authfile
			    : named && *named ? named
					      : NULL,
		.cert_dir = o->cert_dir,
		.environment = (const char *const *)environ,
	};
	ok = find_files(ret);
	ret->opts.authfiles = (const char *const *)ret->files;
	ret->state = below("XDG_STATE_HOME", "firn", &ok);
	if (ok && !ret->state)
		ret->state = below("HOME", ".local/state/firn", &ok);
	ret->opts.state = ret->state;
	return ok ? 0 : fail(err, FIRN_ENOMEM, "out of memory");
}

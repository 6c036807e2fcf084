/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "places.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The specification: what isn't absolute is to be ignored. */
static const char *absolute(const char *variable)
{
	const char *path = getenv(variable);

	return path && path[0] == '/' ? path : NULL;
}

static const char *print(char *room, size_t n, const char *folder, const char *rest)
{
	const int len = snprintf(room, n, "%s%s", folder, rest);

	return len > 0 && (size_t)len < n ? room : NULL;
}

/* Root of a user namespace is an ordinary user outside. */
static bool may_write_run(void)
{
	return access("/run/firn", W_OK) == 0 || (errno == ENOENT && access("/run", W_OK) == 0);
}

void places_fill(struct app *app)
{
	const char *runtime = absolute("XDG_RUNTIME_DIR"), *cache = absolute("XDG_CACHE_HOME");
	const char *home = absolute("HOME");
	char shared[64];

	if (geteuid() == 0 && may_write_run())
		return;
	snprintf(shared, sizeof(shared), "/tmp/firn-%lu", (unsigned long)geteuid());
	if (!app->state)
		app->state = print(app->places[0], sizeof(app->places[0]),
				   runtime ? runtime : shared, runtime ? "/firn" : "");
	if (cache)
		app->cache = print(app->places[1], sizeof(app->places[1]), cache, "/firn");
	else if (home)
		app->cache = print(app->places[1], sizeof(app->places[1]), home, "/.cache/firn");
	else
		app->cache = print(app->places[1], sizeof(app->places[1]), shared, "/cache");
}

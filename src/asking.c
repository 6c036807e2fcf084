/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "asking.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Also of a service that listens elsewhere, which is of no use here. */
static int check_socket(const char *from, const char *text, struct firn_error *err)
{
	if (strncmp(text, "unix://", 7) == 0 || !strstr(text, "://"))
		return 0;
	return fail(err, FIRN_EINVAL,
		    "%s: \"%s\" is no unix socket of this host (PATH or unix://PATH)", from, text);
}

/* The socket of a service that the user runs without root: systemd puts it there. */
static char *users_socket(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	char *path = NULL;

	if (geteuid() == 0 || !dir || !*dir)
		return NULL;
	return asprintf(&path, "%s/podman/podman.sock", dir) < 0 ? NULL : path;
}

int asking_fill(const struct asking_opts *o, unsigned flags, struct firn_podman_opts *ret,
		char **ret_owned, struct firn_error *err)
{
	static const char *const variables[] = { "PODMAN_SOCKET", "CONTAINER_HOST" };
	const char *from = "--socket", *text = o->socket;
	char name[32];
	int rc;

	for (size_t i = 0; !text && i < ARRAY_SIZE(variables); i++) {
		snprintf(name, sizeof(name), "$%s", variables[i]);
		from = name;
		text = getenv(variables[i]);
		if (text && !*text)
			text = NULL;
	}
	rc = text ? check_socket(from, text, err) : 0;
	if (rc < 0)
		return rc;
	*ret_owned = text ? NULL : users_socket();
	*ret = (struct firn_podman_opts){
		.size = sizeof(*ret),
		.flags = flags,
		.socket = text ? text : *ret_owned,
		.timeout = (unsigned)o->timeout,
	};
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/networks.h"

#include "base/fd.h"
#include "kernel/netns.h"

#include <string.h>

void networks_done(struct networks *n)
{
	for (size_t i = 0; i < n->n; i++) {
		fd_close(n->list[i].ns);
		free(n->list[i].was);
	}
	free(n->list);
	*n = (struct networks){ 0 };
}

/* Takes @ns, also on failure. */
static int remember(struct networks *n, const char *was, int ns, struct firn_error *err)
{
	struct network *more = reallocarray(n->list, n->n + 1, sizeof(*more));
	_fd_ int fd = ns;

	if (!more)
		return firn_fail_oom(err, "network namespace");
	n->list = more;
	more += n->n;
	more->was = strdup(was);
	if (!more->was)
		return firn_fail_oom(err, "network namespace");
	more->ns = take_fd(&fd);
	n->n++;
	return 0;
}

int networks_bind(struct networks *n, const char *was, const char *path, struct firn_error *err)
{
	int ns = -1, rc;

	if (!n || !was)
		return netns_bind(path, NULL, err);
	for (size_t i = 0; i < n->n; i++)
		if (strcmp(n->list[i].was, was) == 0)
			return netns_bind_again(n->list[i].ns, path, err);
	rc = netns_bind(path, &ns, err);
	return rc < 0 ? rc : remember(n, was, ns, err);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/watch.h"

#include "base/fd.h"
#include "node/background.h"
#include "node/lazy.h"

#include <errno.h>
#include <poll.h>

enum { PIDFD = BACKGROUND_FD, LOCK, WRITES, OUTPUT, LAZY };

/* A terminal or pipe that nobody reads stops its container once it is full. False at its end. */
static bool drain(int writes, int output)
{
	char bytes[4096];
	const ssize_t n = read(writes, bytes, sizeof(bytes));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n > 0 && output >= 0)
		(void)!fd_write(output, bytes, (size_t)n, NULL);
	return n > 0;
}

/* True when there is nothing more to wait for. */
static bool lazy_ended(const struct watch *w)
{
	if (lazy_end(LAZY) != LAZY_ALL_IN)
		return false; /* it was killed, or needs the images to its end */
	if (w->all_in)
		w->all_in(w->ctx);
	return !w->all_in;
}

static void wait_for_end(const struct watch *w)
{
	struct pollfd p[] = {
		{ .fd = PIDFD, .events = POLLIN },
		{ .fd = w->writes >= 0 ? WRITES : -1, .events = POLLIN },
		{ .fd = w->lazy >= 0 ? LAZY : -1, .events = POLLIN },
	};

	for (;;) {
		const int n = poll(p, ARRAY_SIZE(p), -1);

		if (n < 0 && errno != EINTR)
			return;
		if (n <= 0)
			continue;
		if (p[1].revents && !drain(WRITES, w->output >= 0 ? OUTPUT : -1))
			p[1].fd = -1;
		else if (p[0].revents && !p[1].revents)
			return;
		if (p[2].revents) {
			p[2].fd = -1;
			if (lazy_ended(w))
				return;
		}
	}
}

static void watching(void *ctx)
{
	const struct watch *w = ctx;

	wait_for_end(w);
	w->ended(w->ctx);
}

int watch_start(const struct watch *w, struct firn_error *err)
{
	struct watch copy = *w;
	const struct background b = {
		.name = "firn-watch",
		.what = "watch the container",
		.fds = { w->pidfd, w->lock, w->writes, w->output, w->lazy },
		.nfds = 5,
		.run = watching,
		.ctx = &copy,
	};

	return background_start(&b, err);
}

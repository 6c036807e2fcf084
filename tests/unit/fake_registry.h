/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A registry on loopback that answers what a test tells it to: one connection for each scene, in a
 * thread. "PORT" in an answer is its port, so that what is called localhost is another host.
 */
#ifndef FIRN_TESTS_FAKE_REGISTRY_H
#define FIRN_TESTS_FAKE_REGISTRY_H

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAKE_SCENES_MAX 16
#define FAKE_ROOM       4096

struct fake_scene {
	const char *answer;  /* NULL: the last of them was the one before */
	size_t repeats;      /* 64 KiB of zeros behind it, so many times */
	const char *wants;   /* what the request has to have, NULL: anything */
	const char *refuses; /* what it may not have */
	const char *drips;   /* from these words of the answer on it comes a byte at a time */
};

#define FAKE_DRIP_MS 40

struct fake_registry {
	const struct fake_scene *scenes;
	int listener;
	unsigned port;
	pthread_t thread;
	size_t served;
	char wrong[FAKE_ROOM]; /* the first request that wasn't as it should be */
};

static inline size_t fake_body(const char *head)
{
	const char *at = strstr(head, "Content-Length: ");

	return at ? strtoul(at + 16, NULL, 10) : 0;
}

static inline void fake_take(int fd, char head[FAKE_ROOM])
{
	size_t n = 0, left;
	char rest[4096];
	char *end;
	ssize_t got;

	memset(head, 0, FAKE_ROOM);
	while (!(end = strstr(head, "\r\n\r\n"))) {
		got = recv(fd, head + n, FAKE_ROOM - 1 - n, 0);
		if (got <= 0)
			return;
		n += (size_t)got;
	}
	left = fake_body(head);
	n -= (size_t)(end + 4 - head);
	for (left -= n < left ? n : left; left > 0; left -= (size_t)got) {
		got = recv(fd, rest, left < sizeof(rest) ? left : sizeof(rest), 0);
		if (got <= 0)
			return;
	}
}

static inline void fake_answer(const struct fake_registry *f, int fd, const struct fake_scene *s)
{
	static const char zeros[65536];
	char text[FAKE_ROOM * 2];
	size_t n = 0, whole = 0;

	for (const char *c = s->answer; *c && n < sizeof(text) - 8; c++) {
		if (strncmp(c, "PORT", 4) == 0) {
			n += (size_t)sprintf(text + n, "%u", f->port);
			c += 3;
		} else {
			text[n++] = *c;
		}
	}
	if (s->drips) {
		char *at = memmem(text, n, s->drips, strlen(s->drips));

		whole = at ? (size_t)(at - text) : n;
	}
	if (send(fd, text, whole ? whole : n, MSG_NOSIGNAL) != (ssize_t)(whole ? whole : n))
		return;
	for (size_t i = whole; whole && i < n; i++) {
		usleep(FAKE_DRIP_MS * 1000);
		if (send(fd, text + i, 1, MSG_NOSIGNAL) != 1)
			return;
	}
	for (size_t i = 0; i < s->repeats; i++)
		if (send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL) <= 0)
			return;
}

static inline void *fake_run(void *ctx)
{
	struct fake_registry *f = ctx;
	char head[FAKE_ROOM];

	for (; f->served < FAKE_SCENES_MAX && f->scenes[f->served].answer; f->served++) {
		const struct fake_scene *s = &f->scenes[f->served];
		const int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			break;
		fake_take(fd, head);
		if (!*f->wrong && ((s->wants && !strstr(head, s->wants)) ||
				   (s->refuses && strstr(head, s->refuses))))
			memcpy(f->wrong, head, sizeof(head));
		fake_answer(f, fd, s);
		close(fd);
	}
	shutdown(f->listener, SHUT_RDWR);
	return NULL;
}

static inline void fake_start(struct fake_registry *f, const struct fake_scene *scenes)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	*f = (struct fake_registry){ .scenes = scenes };
	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(f->listener, 0);
	ck_assert_int_eq(bind(f->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(f->listener, 8), 0);
	ck_assert_int_eq(getsockname(f->listener, (struct sockaddr *)&a, &len), 0);
	f->port = ntohs(a.sin_port);
	ck_assert_int_eq(pthread_create(&f->thread, NULL, fake_run, f), 0);
}

/* Scenes that nobody asked for are left out. */
static inline void fake_stop(struct fake_registry *f)
{
	shutdown(f->listener, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->listener);
}

#endif

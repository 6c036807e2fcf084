/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A server that answers what a test tells it to, right or wrong: on a unix socket in the scratch
 * folder, in a thread. It takes one connection after another, one for each scene.
 */
#ifndef FIRN_TESTS_FAKE_HTTP_H
#define FIRN_TESTS_FAKE_HTTP_H

#include "scratch.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What happens on one connection. */
struct scene {
	const char *answer; /* sent once the request's headers are there; NULL: nothing */
	size_t answer_len;  /* 0: strlen */
	const char *chunk;  /* sent after it as the one chunk of a body */
	const char *repeat; /* sent again and again after it, @repeats times */
	size_t repeats;
	bool takes_body; /* the request's body (chunked) is read before the answer */
	bool holds;      /* stay connected until the client has gone; else close at once */
};

/*
 * How long to wait, in ms: short in a case that ends because nothing comes, which its @error tells;
 * else longer than any machine is busy with other things.
 */
#define FAKE_SHORT   300
#define FAKE_PATIENT 60000

static inline unsigned fake_wait(const char *error)
{
	return error && strstr(error, "within 300 ms") ? FAKE_SHORT : FAKE_PATIENT;
}

struct fake_http {
	char path[256];
	const struct scene *scenes;
	size_t nscenes;
	int listener;
	pthread_t thread;
	/* Good once fake_http_stop() has returned. */
	char request[8192]; /* of the last scene: the headers and the beginning of the body */
	size_t request_len; /* all bytes of it */
	bool whole_request; /* the body's end came */
	size_t sent;        /* bytes of the last answer that the client's side took */
	size_t served;      /* connections */
};

static inline bool fake_http_done(const struct fake_http *f, bool takes_body)
{
	const char *end = strstr(f->request, "\r\n\r\n");

	if (!end)
		return false;
	if (!takes_body)
		return true;
	return f->request_len < sizeof(f->request) && strstr(end, "\r\n0\r\n\r\n");
}

/* Large bodies aren't kept, so only the end of what was read is looked at. */
static inline void fake_http_take(struct fake_http *f, int fd, const struct scene *s)
{
	char piece[65536], tail[8] = "";

	f->request_len = 0;
	memset(f->request, 0, sizeof(f->request));
	f->whole_request = false;
	while (!f->whole_request) {
		const ssize_t n = recv(fd, piece, sizeof(piece), 0);

		if (n <= 0)
			return;
		if (f->request_len < sizeof(f->request) - 1) {
			size_t room = sizeof(f->request) - 1 - f->request_len;

			memcpy(f->request + f->request_len, piece,
			       (size_t)n < room ? (size_t)n : room);
		}
		f->request_len += (size_t)n;
		for (ssize_t i = n > 7 ? n - 7 : 0; i < n; i++) {
			memmove(tail, tail + 1, 6);
			tail[6] = piece[i];
		}
		f->whole_request = fake_http_done(f, s->takes_body) ||
				   (s->takes_body && memcmp(tail, "\r\n0\r\n\r\n", 7) == 0);
	}
}

static inline bool fake_http_send(struct fake_http *f, int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		const ssize_t put = send(fd, bytes, n, MSG_NOSIGNAL);

		if (put <= 0)
			return false;
		f->sent += (size_t)put;
		bytes += put;
		n -= (size_t)put;
	}
	return true;
}

static inline void fake_http_play(struct fake_http *f, int fd, const struct scene *s)
{
	bool good = true;
	char piece[4096];

	f->sent = 0;
	fake_http_take(f, fd, s);
	if (s->answer)
		good = fake_http_send(f, fd, s->answer,
				      s->answer_len ? s->answer_len : strlen(s->answer));
	if (good && s->chunk) {
		snprintf(piece, sizeof(piece), "%zx\r\n%s\r\n0\r\n\r\n", strlen(s->chunk),
			 s->chunk);
		good = fake_http_send(f, fd, piece, strlen(piece));
	}
	for (size_t i = 0; good && i < s->repeats; i++)
		good = fake_http_send(f, fd, s->repeat, strlen(s->repeat));
	while (s->holds && recv(fd, piece, sizeof(piece), 0) > 0)
		;
}

static inline void *fake_http_run(void *ctx)
{
	struct fake_http *f = ctx;

	for (; f->served < f->nscenes; f->served++) {
		const int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			break;
		fake_http_play(f, fd, &f->scenes[f->served]);
		close(fd);
	}
	shutdown(f->listener, SHUT_RDWR); /* who comes now is refused */
	return NULL;
}

/* The socket alone: clients get a connection, and nobody talks to them. */
static inline void fake_http_listen(struct fake_http *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(f->path, sizeof(f->path), "%s", scratch("http.sock"));
	snprintf(a.sun_path, sizeof(a.sun_path), "%.100s", f->path);
	unlink(f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(f->listener, 0);
	ck_assert_int_eq(bind(f->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(f->listener, 8), 0);
}

static inline void fake_http_start(struct fake_http *f, const struct scene *scenes, size_t n)
{
	*f = (struct fake_http){ .scenes = scenes, .nscenes = n };
	fake_http_listen(f);
	ck_assert_int_eq(pthread_create(&f->thread, NULL, fake_http_run, f), 0);
}

/* Scenes that nobody asked for are left out. */
static inline void fake_http_stop(struct fake_http *f)
{
	shutdown(f->listener, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->listener);
	unlink(f->path);
}

#endif

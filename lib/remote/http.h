/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * HTTP/1.1 over a unix socket or TCP, and HTTP/2 where TLS brings it; http*.c is the one home of
 * libcurl. A struct http is one exchange: a request goes out (its body in pieces, as the caller has
 * them), then comes the answer: status, headers, and a body that is read as a stream.
 *
 * Whoever waits drives the transfer: no thread, no callback into the caller, and a peer that is
 * faster than its reader is paused, so an exchange needs a constant amount of memory. Every wait
 * has a limit. No redirect is followed, nothing comes from the environment (proxies) or from the
 * user's files, no signal is touched, and an answer ends where it said that it would or is an
 * error.
 *
 *   http_begin -> [http_send..., http_send_end] -> http_answer -> [http_read...] -> http_close
 */
#ifndef FIRN_REMOTE_HTTP_H
#define FIRN_REMOTE_HTTP_H

#include "bytes/stream.h"

#include <stdbool.h>

#define HTTP_HEADERS_MAX (64u << 10) /* bytes of all headers of an answer, trailers included */

/* Milliseconds; 0 is the default below. */
struct http_times {
	uint64_t connect;
	uint64_t answer; /* from the end of the request to the answer's first byte */
	/* Without a byte in either direction in the middle of one of them; all headers together. */
	uint64_t idle;
};

#define HTTP_CONNECT_MS 10000
#define HTTP_ANSWER_MS  60000
#define HTTP_IDLE_MS    60000

/* How HTTPS is spoken; borrowed by http_begin(). The system's authorities are trusted as well. */
struct http_tls {
	const void *ca; /* certificates (PEM) that are trusted, too */
	size_t ca_len;
	const char *cert, *key; /* files of our own certificate and its key; NULL: none */
	bool no_verify;         /* whoever answers is believed */
};

/*
 * Connections that outlive an exchange, for the next one to the same host. Of several threads each
 * has its own. The pool outlives its exchanges.
 */
struct http_pool;

int http_pool_new(struct http_pool **ret, struct firn_error *err) _must_check_;
void http_pool_free(struct http_pool *p); /* NULL is fine */

struct http_request {
	const char *method; /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" */
	const char *socket; /* of a unix socket; NULL: TCP to the URL's host */
	const char *url;    /* "http://HOST[:PORT]/...", "https://" with @tls */
	const char *type;   /* of the body that http_send() brings; NULL: there is none */
	bool sized;         /* the body has @length bytes; else it ends when it ends */
	uint64_t length;
	const char *const *headers; /* "NAME: value", NULL-ended; NULL: none */
	const struct http_tls *tls; /* NULL: plain */
	struct http_pool *pool;     /* NULL: the connection ends with the exchange */
	struct http_times times;
};

struct http;

/* Nothing of @r is needed after it. The connection is made by the first call that waits. */
int http_begin(const struct http_request *r, struct http **ret,
	       struct firn_error *err) _must_check_;
/* Cuts what isn't finished: the peer sees that a body has not ended. NULL is fine. */
void http_close(struct http *h);
void http_closep(struct http **h);

/*
 * A piece of the request's body; returns once all of it is on its way. Fails when the peer answers
 * before it has all: http_answered() is true then and http_answer() tells more.
 */
int http_send(struct http *h, const void *bytes, size_t n, struct firn_error *err) _must_check_;
/* That was the whole body. */
void http_send_end(struct http *h);

bool http_answered(const struct http *h);
/* Wait for the answer: its status, 200 to 599. A body that has no end of its own is refused. */
int http_answer(struct http *h, unsigned *ret_status, struct firn_error *err) _must_check_;
/* Value of the answer's header @name, cut to @size with its NUL; false when there is none. */
bool http_header(const struct http *h, const char *name, char *ret, size_t size);

/* All headers @name, joined by ", " as RFC 9110, section 5.3 has it; "" when there is none, NULL
 * when out of memory. Caller frees. */
char *http_headers(const struct http *h, const char *name);

/* What an exchange that failed failed by, as far as somebody may want to do something else. */
enum http_trouble {
	HTTP_TROUBLE_NONE,
	HTTP_TROUBLE_CONNECT, /* nobody takes connections there */
	HTTP_TROUBLE_TLS,     /* somebody does, but doesn't speak TLS */
	HTTP_TROUBLE_OTHER,
};
enum http_trouble http_trouble(const struct http *h);

/* Bytes that came: headers and body. */
uint64_t http_received(const struct http *h);

/* The answer's body, as istream_read(). One that is cut is -FIRN_EFAIL. */
ssize_t http_read(struct http *h, void *buf, size_t n, struct firn_error *err) _must_check_;
/* The same as a stream, which takes @h, also on failure. */
int http_stream(struct http *h, struct istream **ret, struct firn_error *err) _must_check_;

#endif

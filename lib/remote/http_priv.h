/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An exchange, and libcurl's calls: for lib/remote/http*.c alone, which are libcurl's home. */
#ifndef FIRN_REMOTE_HTTP_PRIV_H
#define FIRN_REMOTE_HTTP_PRIV_H

#include "base/buf.h"
#include "base/library.h"
#include "remote/http.h"

/* The check of types is a macro around the call by name, which there is none of here. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#define HTTP_CALLS(X)                                                                              \
	X(curl_easy_cleanup)                                                                       \
	X(curl_easy_getinfo)                                                                       \
	X(curl_easy_init)                                                                          \
	X(curl_easy_pause)                                                                         \
	X(curl_easy_reset)                                                                         \
	X(curl_easy_setopt)                                                                        \
	X(curl_easy_strerror)                                                                      \
	X(curl_global_init)                                                                        \
	X(curl_multi_add_handle)                                                                   \
	X(curl_multi_cleanup)                                                                      \
	X(curl_multi_info_read)                                                                    \
	X(curl_multi_init)                                                                         \
	X(curl_multi_perform)                                                                      \
	X(curl_multi_poll)                                                                         \
	X(curl_multi_remove_handle)                                                                \
	X(curl_multi_strerror)                                                                     \
	X(curl_slist_append)                                                                       \
	X(curl_slist_free_all)

struct http_calls {
	HTTP_CALLS(LIBRARY_SLOT)
};

/* libcurl, which is loaded by whoever comes first. */
int http_load(const struct http_calls **ret, struct firn_error *err) _must_check_;

/* What libcurl hands over at a time (CURL_MAX_WRITE_SIZE) fits some times. */
#define HTTP_BODY_BUFFER (8 * CURL_MAX_WRITE_SIZE)

/* Connections live in the multi handle: whoever gets the pair again goes on with them. */
struct http_line {
	CURL *easy;
	CURLM *multi;
};

struct http {
	const struct http_calls *lc;
	struct http_pool *pool; /* borrowed; NULL: connections end with the exchange */
	struct http_line line;
	struct curl_slist *headers;
	struct http_times times;
	char *where; /* for messages */

	const uint8_t *out; /* what http_send() has for the peer; borrowed while it runs */
	size_t out_left;
	bool sends, out_ended, out_paused;

	bool no_body; /* of the answer: the method was HEAD */

	struct buf lines;   /* headers of the newest answer, interim ones (1xx) included */
	size_t lines_total; /* bytes of all headers */
	unsigned status;
	bool framed;   /* HTTP/2: a body's end can't be missed */
	bool answered; /* the headers of the final answer are all there */

	uint8_t *in;
	size_t in_at, in_len;
	bool in_paused;
	uint64_t received; /* bytes of the body */

	uint64_t last; /* ms: when something happened */
	bool ended;
	CURLcode result; /* once ended */
	bool too_much;   /* headers: that is why it ended */
	uint64_t begun;  /* ms: when the final answer's came; 0: not yet */
	char detail[CURL_ERROR_SIZE];
};

/* Milliseconds of the monotonic clock. */
uint64_t http_now(void);

/* What libcurl calls: a line of the headers, a piece of the body, room for one of ours. */
size_t http_on_header(char *bytes, size_t size, size_t n, void *ctx);
size_t http_on_body(char *bytes, size_t size, size_t n, void *ctx);
size_t http_on_send(char *to, size_t size, size_t n, void *ctx);

/* One step of the transfer. */
int http_step(struct http *h, struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How an exchange begins and what is left of it: libcurl's options, connections that are kept. */
#include "base/fd.h"
#include "remote/http_priv.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LIBRARY    "libcurl.so.4" /* since 7.16 */
#define USER_AGENT "firn"
#define POOL_MAX   16 /* lines that are kept for the next exchange */
#define DRAIN_MAX  8  /* steps that the rest of an answer is waited for, without waiting */

/* The only state of the process that there is. */
static struct http_calls calls;
static struct firn_error calls_failed;

static void load(void)
{
	static const char *const names[] = { HTTP_CALLS(LIBRARY_NAME) };
	CURLcode code;

	if (library_load(LIBRARY, names, ARRAY_SIZE(names), &calls, &calls_failed) < 0)
		return;
	code = calls.curl_global_init(CURL_GLOBAL_DEFAULT);
	if (code != CURLE_OK)
		calls_failed.code = -firn_fail(&calls_failed, FIRN_EFAIL, "libcurl: %s",
					       calls.curl_easy_strerror(code));
}

int http_load(const struct http_calls **ret, struct firn_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	if (calls_failed.code && err)
		*err = calls_failed;
	if (!calls_failed.code)
		*ret = &calls;
	return -calls_failed.code;
}

struct http_pool {
	pthread_mutex_t lock;
	const struct http_calls *lc; /* NULL: there was no exchange yet */
	struct http_line idle[POOL_MAX];
	size_t n;
};

int http_pool_new(struct http_pool **ret, struct firn_error *err)
{
	struct http_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return firn_fail_oom(err, "connections");
	(void)pthread_mutex_init(&p->lock, NULL);
	*ret = p;
	return 0;
}

static void end_line(const struct http_calls *lc, struct http_line *line)
{
	if (line->easy)
		lc->curl_easy_cleanup(line->easy);
	if (line->multi)
		lc->curl_multi_cleanup(line->multi);
	*line = (struct http_line){ NULL, NULL };
}

void http_pool_free(struct http_pool *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		end_line(p->lc, &p->idle[i]);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

/* One that was used last: its connection has been idle for the shortest time. */
static bool take_line(struct http *h)
{
	struct http_pool *p = h->pool;
	bool found;

	if (!p)
		return false;
	(void)pthread_mutex_lock(&p->lock);
	p->lc = h->lc;
	found = p->n > 0;
	if (found)
		h->line = p->idle[--p->n];
	(void)pthread_mutex_unlock(&p->lock);
	return found;
}

/* An answer that is all there may still have to be noticed. */
static bool is_over(struct http *h)
{
	for (int i = 0; i < DRAIN_MAX && h->answered && !h->ended && !h->in_paused; i++)
		if (http_step(h, NULL) < 0)
			return false;
	return h->ended && h->result == CURLE_OK && !h->too_much;
}

static void give_line(struct http *h)
{
	struct http_pool *p = h->pool;

	h->lc->curl_easy_reset(h->line.easy);
	(void)pthread_mutex_lock(&p->lock);
	if (p->n < POOL_MAX) {
		p->idle[p->n++] = h->line;
		h->line = (struct http_line){ NULL, NULL };
	}
	(void)pthread_mutex_unlock(&p->lock);
}

void http_close(struct http *h)
{
	bool keeps;

	if (!h)
		return;
	keeps = h->pool && h->line.multi && h->line.easy && is_over(h);
	if (h->line.multi && h->line.easy)
		(void)h->lc->curl_multi_remove_handle(h->line.multi, h->line.easy);
	if (keeps)
		give_line(h);
	end_line(h->lc, &h->line);
	h->lc->curl_slist_free_all(h->headers);
	buf_done(&h->lines);
	free(h->where);
	free(h->in);
	free(h);
}

void http_closep(struct http **h)
{
	http_close(*h);
	*h = NULL;
}

/* libcurl's own sockets are inherited by whatever another thread starts. */
static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	(void)ctx;
	(void)purpose;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static bool add_header(struct http *h, const char *line)
{
	struct curl_slist *more = h->lc->curl_slist_append(h->headers, line);

	if (more)
		h->headers = more;
	return more;
}

#define SET(h, option, value) ((h)->lc->curl_easy_setopt((h)->line.easy, option, value) == CURLE_OK)

static bool set_body(struct http *h, const struct http_request *r)
{
	char line[192];

	if (snprintf(line, sizeof(line), "Content-Type: %s", r->type) >= (int)sizeof(line))
		return false;
	/* Waiting for "100 Continue" only costs a second where nobody says it. */
	if (!add_header(h, line) || !add_header(h, "Expect:"))
		return false;
	if (r->sized) {
		if (!SET(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->length))
			return false;
	} else if (!add_header(h, "Transfer-Encoding: chunked")) {
		return false;
	}
	return SET(h, CURLOPT_POST, 1L) && SET(h, CURLOPT_READFUNCTION, http_on_send) &&
	       SET(h, CURLOPT_READDATA, h);
}

/* RFC 9110, section 8.6: a method that could have a body says that it has none. */
static bool set_no_body(struct http *h, const struct http_request *r)
{
	if (h->no_body)
		return SET(h, CURLOPT_NOBODY, 1L);
	return strcmp(r->method, "GET") == 0 || add_header(h, "Content-Length: 0");
}

static bool set_headers(struct http *h, const struct http_request *r)
{
	for (const char *const *line = r->headers; line && *line; line++)
		if (!add_header(h, *line))
			return false;
	return !h->headers || SET(h, CURLOPT_HTTPHEADER, h->headers);
}

/* A redirect leads out of these neither: none is followed. */
static bool set_protocol(struct http *h, const struct http_request *r)
{
	const bool tls = r->tls != NULL;

#if LIBCURL_VERSION_NUM >= 0x075500
	return SET(h, CURLOPT_PROTOCOLS_STR, tls ? "https" : "http");
#else
	return SET(h, CURLOPT_PROTOCOLS, (long)(tls ? CURLPROTO_HTTPS : CURLPROTO_HTTP));
#endif
}

static bool set_tls(struct http *h, const struct http_tls *t)
{
	struct curl_blob ca = { .flags = CURL_BLOB_COPY };

	if (!t)
		return SET(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	ca.data = (void *)t->ca;
	ca.len = t->ca_len;
	return SET(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) &&
	       SET(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       SET(h, CURLOPT_SSL_VERIFYPEER, t->no_verify ? 0L : 1L) &&
	       SET(h, CURLOPT_SSL_VERIFYHOST, t->no_verify ? 0L : 2L) &&
	       (!t->ca_len || SET(h, CURLOPT_CAINFO_BLOB, &ca)) &&
	       (!t->cert || SET(h, CURLOPT_SSLCERT, t->cert)) &&
	       (!t->key || SET(h, CURLOPT_SSLKEY, t->key));
}

static bool set_all(struct http *h, const struct http_request *r)
{
	/* An empty proxy also overrides what the environment says. */
	return set_protocol(h, r) && SET(h, CURLOPT_PROXY, "") && SET(h, CURLOPT_URL, r->url) &&
	       (!r->socket || SET(h, CURLOPT_UNIX_SOCKET_PATH, r->socket)) && set_tls(h, r->tls) &&
	       SET(h, CURLOPT_NOSIGNAL, 1L) && SET(h, CURLOPT_FOLLOWLOCATION, 0L) &&
	       SET(h, CURLOPT_OPENSOCKETFUNCTION, on_socket) &&
	       SET(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
	       SET(h, CURLOPT_USERAGENT, USER_AGENT) &&
	       SET(h, CURLOPT_CONNECTTIMEOUT_MS, (long)h->times.connect) &&
	       SET(h, CURLOPT_ERRORBUFFER, h->detail) &&
	       SET(h, CURLOPT_HEADERFUNCTION, http_on_header) && SET(h, CURLOPT_HEADERDATA, h) &&
	       SET(h, CURLOPT_WRITEFUNCTION, http_on_body) && SET(h, CURLOPT_WRITEDATA, h) &&
	       (r->type ? set_body(h, r) : set_no_body(h, r)) &&
	       SET(h, CURLOPT_CUSTOMREQUEST, r->method) && set_headers(h, r);
}

static uint64_t limit_or(uint64_t given, uint64_t otherwise)
{
	return given ? given : otherwise;
}

static bool set_up(struct http *h, const struct http_request *r)
{
	h->pool = r->pool;
	h->times = (struct http_times){ limit_or(r->times.connect, HTTP_CONNECT_MS),
					limit_or(r->times.answer, HTTP_ANSWER_MS),
					limit_or(r->times.idle, HTTP_IDLE_MS) };
	/* Behind a question mark there may be somebody's signature. */
	h->where = r->socket ? strdup(r->socket) : strndup(r->url, strcspn(r->url, "?"));
	h->in = malloc(HTTP_BODY_BUFFER);
	h->sends = r->type;
	h->no_body = strcmp(r->method, "HEAD") == 0;
	if (!take_line(h)) {
		h->line.easy = h->lc->curl_easy_init();
		h->line.multi = h->lc->curl_multi_init();
	}
	return h->where && h->in && h->line.easy && h->line.multi;
}

int http_begin(const struct http_request *r, struct http **ret, struct firn_error *err)
{
	_cleanup_(http_closep) struct http *h = NULL;
	const struct http_calls *lc;
	int rc = http_load(&lc, err);

	if (rc < 0)
		return rc;
	if (r->socket && strlen(r->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return firn_fail(err, FIRN_EINVAL, "%s: too long for a socket's name", r->socket);
	h = calloc(1, sizeof(*h));
	if (!h)
		return firn_fail_oom(err, "request");
	h->lc = lc;
	if (!set_up(h, r))
		return firn_fail_oom(err, "request");
	if (!set_all(h, r) || h->lc->curl_multi_add_handle(h->line.multi, h->line.easy) != CURLM_OK)
		return firn_fail(err, FIRN_EINVAL, "%s %s: libcurl can't do that", r->method,
				 h->where);
	h->last = http_now();
	*ret = take_ptr(&h);
	return 0;
}

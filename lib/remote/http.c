/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote/http.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/library.h"
#include "remote/header.h"

/* The check of types is a macro around the call by name, which there is none of here. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

/* What libcurl hands over at a time (CURL_MAX_WRITE_SIZE) fits some times. */
#define BODY_BUFFER (8 * CURL_MAX_WRITE_SIZE)
#define POLL_MAX_MS 1000 /* libcurl may have timers of its own: look again */

#define LIBRARY "libcurl.so.4" /* since 7.16 */
#define CALLS(X)                                                                                   \
	X(curl_easy_cleanup)                                                                       \
	X(curl_easy_getinfo)                                                                       \
	X(curl_easy_init)                                                                          \
	X(curl_easy_pause)                                                                         \
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

struct http {
	CURL *easy;
	CURLM *multi;
	struct curl_slist *headers;
	struct http_times times;
	char *where; /* for messages */

	const uint8_t *out; /* what http_send() has for the peer; borrowed while it runs */
	size_t out_left;
	bool sends, out_ended, out_paused;

	struct buf lines;   /* headers of the newest answer, interim ones (1xx) included */
	size_t lines_total; /* bytes of all headers */
	unsigned status;
	bool answered; /* the headers of the final answer are all there */

	uint8_t *in;
	size_t in_at, in_len;
	bool in_paused;
	uint64_t received; /* bytes of the body */

	uint64_t last; /* ms: when something happened */
	bool ended;
	CURLcode result; /* once ended */
	bool too_much;   /* headers: that is why it ended */
	char detail[CURL_ERROR_SIZE];
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;
	unsigned status;

	n *= size;
	h->last = now_ms();
	if (n > HTTP_HEADERS_MAX - h->lines_total) {
		h->too_much = true;
		return 0;
	}
	h->lines_total += n;
	if (h->answered)
		return n; /* trailers */
	status = header_status(bytes, n);
	if (status) {
		h->status = status;
		buf_reset(&h->lines);
	} else if (bytes[0] == '\r' || bytes[0] == '\n') {
		h->answered = h->status >= 200;
	} else {
		buf_put(&h->lines, bytes, n);
	}
	return n;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;

	n *= size;
	h->last = now_ms();
	if (n > BODY_BUFFER - h->in_len) {
		h->in_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (n > BODY_BUFFER - h->in_len - h->in_at) {
		memmove(h->in, h->in + h->in_at, h->in_len);
		h->in_at = 0;
	}
	memcpy(h->in + h->in_at + h->in_len, bytes, n);
	h->in_len += n;
	h->received += n;
	return n;
}

static size_t on_send(char *to, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;

	h->last = now_ms();
	if (!h->out_left) {
		if (h->out_ended)
			return 0;
		h->out_paused = true;
		return CURL_READFUNC_PAUSE;
	}
	n *= size;
	if (n > h->out_left)
		n = h->out_left;
	memcpy(to, h->out, n);
	h->out += n;
	h->out_left -= n;
	return n;
}

/* The only state of the process that there is: libcurl is loaded once, by whoever comes first. */
static struct {
	CALLS(LIBRARY_SLOT)
} lc;
static struct firn_error lc_failed;

static void load(void)
{
	static const char *const names[] = { CALLS(LIBRARY_NAME) };
	CURLcode code;

	if (library_load(LIBRARY, names, ARRAY_SIZE(names), &lc, &lc_failed) < 0)
		return;
	code = lc.curl_global_init(CURL_GLOBAL_DEFAULT);
	if (code != CURLE_OK)
		lc_failed.code =
		    -firn_fail(&lc_failed, FIRN_EFAIL, "libcurl: %s", lc.curl_easy_strerror(code));
}

static int load_once(struct firn_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	if (lc_failed.code && err)
		*err = lc_failed;
	return -lc_failed.code;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	if (h->multi && h->easy)
		lc.curl_multi_remove_handle(h->multi, h->easy);
	lc.curl_easy_cleanup(h->easy);
	lc.curl_multi_cleanup(h->multi);
	lc.curl_slist_free_all(h->headers);
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
	struct curl_slist *more = lc.curl_slist_append(h->headers, line);

	if (more)
		h->headers = more;
	return more;
}

static bool set_body(struct http *h, const struct http_request *r)
{
	char line[128];

	if (snprintf(line, sizeof(line), "Content-Type: %s", r->type) >= (int)sizeof(line))
		return false;
	/* Waiting for "100 Continue" only costs a second where nobody says it. */
	if (!add_header(h, line) || !add_header(h, "Transfer-Encoding: chunked") ||
	    !add_header(h, "Expect:"))
		return false;
	return lc.curl_easy_setopt(h->easy, CURLOPT_POST, 1L) == CURLE_OK &&
	       lc.curl_easy_setopt(h->easy, CURLOPT_READFUNCTION, on_send) == CURLE_OK &&
	       lc.curl_easy_setopt(h->easy, CURLOPT_READDATA, h) == CURLE_OK;
}

/* RFC 9110, section 8.6: a method that could have a body says that it has none. */
static bool set_no_body(struct http *h, const struct http_request *r)
{
	return strcmp(r->method, "GET") == 0 || add_header(h, "Content-Length: 0");
}

/* A redirect leaves http for nothing else either: none is followed. */
static bool set_protocol(CURL *e)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return lc.curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK;
#else
	return lc.curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTP) == CURLE_OK;
#endif
}

static bool set_all(struct http *h, const struct http_request *r)
{
	CURL *e = h->easy;

	/* An empty proxy also overrides what the environment says. */
	return set_protocol(e) && lc.curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
	       lc.curl_easy_setopt(e, CURLOPT_URL, r->url) == CURLE_OK &&
	       (!r->socket ||
		lc.curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, r->socket) == CURLE_OK) &&
	       lc.curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
		   CURLE_OK &&
	       lc.curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       lc.curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       lc.curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket) == CURLE_OK &&
	       lc.curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
	       lc.curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)h->times.connect) ==
		   CURLE_OK &&
	       lc.curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->detail) == CURLE_OK &&
	       lc.curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       lc.curl_easy_setopt(e, CURLOPT_HEADERDATA, h) == CURLE_OK &&
	       lc.curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       lc.curl_easy_setopt(e, CURLOPT_WRITEDATA, h) == CURLE_OK &&
	       (r->type ? set_body(h, r) : set_no_body(h, r)) &&
	       lc.curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK &&
	       (!h->headers || lc.curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->headers) == CURLE_OK);
}

static uint64_t limit_or(uint64_t given, uint64_t otherwise)
{
	return given ? given : otherwise;
}

int http_begin(const struct http_request *r, struct http **ret, struct firn_error *err)
{
	_cleanup_(http_closep) struct http *h = NULL;
	int rc = load_once(err);

	if (rc < 0)
		return rc;
	if (r->socket && strlen(r->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return firn_fail(err, FIRN_EINVAL, "%s: too long for a socket's name", r->socket);
	h = calloc(1, sizeof(*h));
	if (!h)
		return firn_fail_oom(err, "request");
	h->times = (struct http_times){ limit_or(r->times.connect, HTTP_CONNECT_MS),
					limit_or(r->times.answer, HTTP_ANSWER_MS),
					limit_or(r->times.idle, HTTP_IDLE_MS) };
	h->where = strdup(r->socket ? r->socket : r->url);
	h->in = malloc(BODY_BUFFER);
	h->easy = lc.curl_easy_init();
	h->multi = lc.curl_multi_init();
	h->sends = r->type;
	if (!h->where || !h->in || !h->easy || !h->multi)
		return firn_fail_oom(err, "request");
	if (!set_all(h, r) || lc.curl_multi_add_handle(h->multi, h->easy) != CURLM_OK)
		return firn_fail(err, FIRN_EINVAL, "%s %s: libcurl can't do that", r->method,
				 r->url);
	h->last = now_ms();
	*ret = take_ptr(&h);
	return 0;
}

static int cant_connect(const struct http *h, struct firn_error *err)
{
	long number = 0;

	lc.curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &number);
	errno = (int)number;
	if (number)
		return firn_fail_errno(err, "connect to %s", h->where);
	return firn_fail(err, FIRN_EFAIL, "connect to %s: %s", h->where, h->detail);
}

/* Why an exchange has ended that should not have. */
static int failure(const struct http *h, struct firn_error *err)
{
	const char *detail = *h->detail ? h->detail : lc.curl_easy_strerror(h->result);

	if (h->too_much)
		return firn_fail(err, FIRN_ELIMIT, "the answer's headers have more than %u bytes",
				 HTTP_HEADERS_MAX);
	switch (h->result) {
	case CURLE_OK: /* of headers that end with the connection */
		return firn_fail(err, FIRN_EFAIL,
				 "the connection broke within the answer's headers");
	case CURLE_COULDNT_CONNECT:
		return cant_connect(h, err);
	case CURLE_COULDNT_RESOLVE_HOST:
		return firn_fail(err, FIRN_ENOTFOUND, "%s: %s", h->where, detail);
	case CURLE_OPERATION_TIMEDOUT:
		return firn_fail(err, FIRN_EFAIL, "connect to %s: not within %" PRIu64 " ms",
				 h->where, h->times.connect);
	case CURLE_OUT_OF_MEMORY:
		return firn_fail_oom(err, "request");
	case CURLE_UNSUPPORTED_PROTOCOL: /* what it says of an answer without a status line */
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		return firn_fail(err, FIRN_ECORRUPT, "%s doesn't speak HTTP as it should: %s",
				 h->where, detail);
	case CURLE_GOT_NOTHING:
		return firn_fail(err, FIRN_EFAIL, "the connection ended without an answer");
	default:
		return firn_fail(err, FIRN_EFAIL,
				 "the connection broke after %" PRIu64 " bytes: %s", h->received,
				 detail);
	}
}

/* One step of the transfer. */
static int step(struct http *h, struct firn_error *err)
{
	CURLMsg *m;
	int n;
	const CURLMcode code = lc.curl_multi_perform(h->multi, &n);

	if (code != CURLM_OK)
		return firn_fail(err, FIRN_EFAIL, "libcurl: %s", lc.curl_multi_strerror(code));
	while ((m = lc.curl_multi_info_read(h->multi, &n))) {
		if (m->msg == CURLMSG_DONE) {
			h->ended = true;
			h->result = m->data.result;
		}
	}
	if (h->lines.oom)
		return firn_fail_oom(err, "headers");
	return 0;
}

static int timed_out(const struct http *h, uint64_t limit, struct firn_error *err)
{
	const char *what = h->answered                 ? "no byte of the answer"
			   : h->sends && !h->out_ended ? "no byte taken"
						       : "no answer";

	return firn_fail(err, FIRN_EFAIL, "%s: %s within %" PRIu64 "%s", h->where, what,
			 limit < 1000 ? limit : limit / 1000, limit < 1000 ? " ms" : " s");
}

/* Until the peer or libcurl's own clock has something. */
static int wait_more(struct http *h, struct firn_error *err)
{
	const bool waits = h->status < 200 && (!h->sends || h->out_ended);
	const uint64_t limit = waits ? h->times.answer : h->times.idle;
	const uint64_t gone = now_ms() - h->last;
	CURLMcode code;

	if (gone >= limit)
		return timed_out(h, limit, err);
	code = lc.curl_multi_poll(h->multi, NULL, 0,
				  limit - gone < POLL_MAX_MS ? (int)(limit - gone) : POLL_MAX_MS,
				  NULL);
	if (code != CURLM_OK)
		return firn_fail(err, FIRN_EFAIL, "libcurl: %s", lc.curl_multi_strerror(code));
	return 0;
}

/* The parts that wait for us go on. This may call on_body() and on_send() at once. */
static int resume(struct http *h, struct firn_error *err)
{
	CURLcode code;

	if (!h->in_paused && !h->out_paused)
		return 0;
	h->in_paused = h->out_paused = false;
	code = lc.curl_easy_pause(h->easy, CURLPAUSE_CONT);
	if (code != CURLE_OK)
		return firn_fail(err, FIRN_EFAIL, "libcurl: %s", lc.curl_easy_strerror(code));
	return 0;
}

int http_send(struct http *h, const void *bytes, size_t n, struct firn_error *err)
{
	int rc = 0;

	h->out = bytes;
	h->out_left = n;
	h->last = now_ms();
	while (rc == 0 && h->out_left) {
		rc = resume(h, err);
		if (rc == 0)
			rc = step(h, err);
		if (rc < 0 || !h->out_left)
			break;
		if (h->answered)
			rc = firn_fail(err, FIRN_EFAIL, "%s answers before it has everything",
				       h->where);
		else if (h->ended)
			rc = failure(h, err);
		else
			rc = wait_more(h, err);
	}
	h->out_left = 0;
	return rc;
}

void http_send_end(struct http *h)
{
	h->out_ended = true;
	h->last = now_ms();
}

bool http_answered(const struct http *h)
{
	return h->answered;
}

/* RFC 9112, section 6.3: a body without a length ends with the connection, as a broken one does. */
static int check_end(const struct http *h, struct firn_error *err)
{
	char value[64];

	if (h->status == 204 || h->status == 304 ||
	    http_header(h, "Content-Length", value, sizeof(value)))
		return 0;
	if (http_header(h, "Transfer-Encoding", value, sizeof(value)) &&
	    strcasecmp(value, "chunked") == 0)
		return 0;
	return firn_fail(err, FIRN_ECORRUPT, "%s doesn't say where its answer ends", h->where);
}

int http_answer(struct http *h, unsigned *ret_status, struct firn_error *err)
{
	int rc = 0;

	while (rc == 0 && !h->answered) {
		rc = resume(h, err);
		if (rc == 0)
			rc = step(h, err);
		if (rc < 0 || h->answered)
			break;
		rc = h->ended ? failure(h, err) : wait_more(h, err);
	}
	if (rc == 0)
		rc = check_end(h, err);
	if (rc < 0)
		return rc;
	*ret_status = h->status;
	return 0;
}

bool http_header(const struct http *h, const char *name, char *ret, size_t size)
{
	const char *value;
	size_t n;

	if (!h->lines.len ||
	    !header_find((const char *)h->lines.data, h->lines.len, name, &value, &n))
		return false;
	if (n >= size)
		n = size - 1;
	memcpy(ret, value, n);
	ret[n] = '\0';
	return true;
}

ssize_t http_read(struct http *h, void *buf, size_t n, struct firn_error *err)
{
	h->last = now_ms();
	while (!h->in_len) {
		int rc = 0;

		if (h->ended)
			return h->result == CURLE_OK && !h->too_much ? 0 : failure(h, err);
		h->in_at = 0;
		if ((rc = resume(h, err)) < 0 || (rc = step(h, err)) < 0)
			return rc;
		if (!h->in_len && !h->ended && (rc = wait_more(h, err)) < 0)
			return rc;
	}
	if (n > h->in_len)
		n = h->in_len;
	memcpy(buf, h->in + h->in_at, n);
	h->in_at += n;
	h->in_len -= n;
	return (ssize_t)n;
}

struct http_body {
	struct istream in;
	struct http *http;
};

static ssize_t body_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	return http_read(((struct http_body *)in)->http, buf, n, err);
}

static void body_close(struct istream *in)
{
	http_close(((struct http_body *)in)->http);
	free(in);
}

int http_stream(struct http *h, struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { .read = body_read, .close = body_close };
	struct http_body *b = calloc(1, sizeof(*b));

	if (!b) {
		http_close(h);
		return firn_fail_oom(err, "answer");
	}
	b->in.ops = &ops;
	b->http = h;
	*ret = &b->in;
	return 0;
}

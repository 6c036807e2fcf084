/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An exchange from its first byte to its last; http_open.c has its beginning and its end. */
#include "base/fd.h"
#include "remote/header.h"
#include "remote/http_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define POLL_MAX_MS 1000 /* libcurl may have timers of its own: look again */

uint64_t http_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

size_t http_on_header(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;
	unsigned status;

	n *= size;
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
		if (status >= 200)
			h->begun = h->last = http_now();
		h->framed = header_is_framed(bytes, n);
		buf_reset(&h->lines);
	} else if (bytes[0] == '\r' || bytes[0] == '\n') {
		h->answered = h->status >= 200;
	} else {
		buf_put(&h->lines, bytes, n);
	}
	return n;
}

size_t http_on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;

	n *= size;
	h->last = http_now();
	if (n > HTTP_BODY_BUFFER - h->in_len) {
		h->in_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (n > HTTP_BODY_BUFFER - h->in_len - h->in_at) {
		memmove(h->in, h->in + h->in_at, h->in_len);
		h->in_at = 0;
	}
	memcpy(h->in + h->in_at + h->in_len, bytes, n);
	h->in_len += n;
	h->received += n;
	return n;
}

size_t http_on_send(char *to, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;

	h->last = http_now();
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

static int cant_connect(const struct http *h, struct firn_error *err)
{
	long number = 0;

	h->lc->curl_easy_getinfo(h->line.easy, CURLINFO_OS_ERRNO, &number);
	errno = (int)number;
	if (number)
		return firn_fail_errno(err, "connect to %s", h->where);
	return firn_fail(err, FIRN_EFAIL, "connect to %s: %s", h->where, h->detail);
}

/* Why an exchange has ended that should not have. */
static int failure(const struct http *h, struct firn_error *err)
{
	const char *detail = *h->detail ? h->detail : h->lc->curl_easy_strerror(h->result);

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
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return firn_fail(err, FIRN_EMISMATCH, "%s can't prove who it is: %s", h->where,
				 detail);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_USE_SSL_FAILED:
		return firn_fail(err, FIRN_EFAIL, "%s: no TLS connection: %s", h->where, detail);
	case CURLE_GOT_NOTHING:
		return firn_fail(err, FIRN_EFAIL, "the connection ended without an answer");
	default:
		return firn_fail(err, FIRN_EFAIL,
				 "the connection broke after %" PRIu64 " bytes: %s", h->received,
				 detail);
	}
}

int http_step(struct http *h, struct firn_error *err)
{
	CURLMsg *m;
	int n;
	const CURLMcode code = h->lc->curl_multi_perform(h->line.multi, &n);

	if (code != CURLM_OK)
		return firn_fail(err, FIRN_EFAIL, "libcurl: %s", h->lc->curl_multi_strerror(code));
	while ((m = h->lc->curl_multi_info_read(h->line.multi, &n))) {
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
			   : h->begun                  ? "not all of the answer's headers"
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
	const uint64_t now = http_now(), gone = now - h->last;
	CURLMcode code;

	/* Interim answers are none, and whoever sends a line now and then doesn't send headers. */
	if (gone >= limit || (h->begun && !h->answered && now - h->begun >= limit))
		return timed_out(h, limit, err);
	code = h->lc->curl_multi_poll(
	    h->line.multi, NULL, 0, limit - gone < POLL_MAX_MS ? (int)(limit - gone) : POLL_MAX_MS,
	    NULL);
	if (code != CURLM_OK)
		return firn_fail(err, FIRN_EFAIL, "libcurl: %s", h->lc->curl_multi_strerror(code));
	return 0;
}

/* The parts that wait for us go on. This may call on_body() and on_send() at once. */
static int resume(struct http *h, struct firn_error *err)
{
	CURLcode code;

	if (!h->in_paused && !h->out_paused)
		return 0;
	h->in_paused = h->out_paused = false;
	code = h->lc->curl_easy_pause(h->line.easy, CURLPAUSE_CONT);
	if (code != CURLE_OK)
		return firn_fail(err, FIRN_EFAIL, "libcurl: %s", h->lc->curl_easy_strerror(code));
	return 0;
}

int http_send(struct http *h, const void *bytes, size_t n, struct firn_error *err)
{
	int rc = 0;

	h->out = bytes;
	h->out_left = n;
	h->last = http_now();
	while (rc == 0 && h->out_left) {
		rc = resume(h, err);
		if (rc == 0)
			rc = http_step(h, err);
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
	h->last = http_now();
}

bool http_answered(const struct http *h)
{
	return h->answered;
}

/* RFC 9112, section 6.3: a body without a length ends with the connection, as a broken one does. */
static int check_end(const struct http *h, struct firn_error *err)
{
	char value[64];

	if (h->no_body || h->framed || h->status == 204 || h->status == 304 ||
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
			rc = http_step(h, err);
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

char *http_headers(const struct http *h, const char *name)
{
	const char *lines = (const char *)h->lines.data, *value;
	struct buf all = BUF_INIT;
	size_t left = h->lines.len, n;

	buf_put(&all, "", 0);
	while (left && header_find(lines, left, name, &value, &n)) {
		if (all.len)
			buf_puts(&all, ", ");
		buf_put(&all, value, n);
		left -= (size_t)(value + n - lines);
		lines = value + n;
	}
	return all.data ? buf_steal(&all) : strdup("");
}

enum http_trouble http_trouble(const struct http *h)
{
	if (!h->ended || h->result == CURLE_OK)
		return HTTP_TROUBLE_NONE;
	switch (h->result) {
	case CURLE_COULDNT_CONNECT:
		return HTTP_TROUBLE_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
		return HTTP_TROUBLE_TLS;
	default:
		return HTTP_TROUBLE_OTHER;
	}
}

uint64_t http_received(const struct http *h)
{
	return h->lines_total + h->received;
}

ssize_t http_read(struct http *h, void *buf, size_t n, struct firn_error *err)
{
	h->last = http_now();
	while (!h->in_len) {
		int rc = 0;

		if (h->ended)
			return h->result == CURLE_OK && !h->too_much ? 0 : failure(h, err);
		h->in_at = 0;
		if ((rc = resume(h, err)) < 0 || (rc = http_step(h, err)) < 0)
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "base/opts.h"
#include "remote/answer.h"
#include "remote/registry_priv.h"

#include "firn/registry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KNOWN_FLAGS    (FIRN_REGISTRY_PLAIN_HTTP | FIRN_REGISTRY_NO_TLS_VERIFY)
#define REDIRECTS_MAX  5
#define DELAY_MS       500
#define DELAY_MAX_MS   (60 * 1000)
#define PIECE_BYTES    (256u << 10) /* of a body that are read at a time */
#define ACCEPT_MAX     512
#define DOCUMENT_IDLES 5 /* times as long as nothing may come, a document may take */
#define SENT_BYTES     (1u << 20)
#define REFUSALS_MAX   2 /* 401s to one question: without a word, and with an old token */

void registry_close(struct registry *r)
{
	if (!r)
		return;
	auth_free(r->auth);
	http_pool_free(r->pool);
	trust_done(&r->trust);
	url_done(&r->base);
	(void)pthread_mutex_destroy(&r->lock);
	(void)pthread_mutex_destroy(&r->tag_lock);
	free(r->name);
	free(r->host);
	free(r->repository);
	free(r->state);
	free(r);
}

void registry_closep(struct registry **r)
{
	registry_close(*r);
	*r = NULL;
}

const char *registry_name(const struct registry *r)
{
	return r->name;
}

const char *registry_host(const struct registry *r)
{
	return r->host;
}

const char *registry_repository(const struct registry *r)
{
	return r->repository;
}

uint64_t registry_received(struct registry *r)
{
	return __atomic_load_n(&r->received, __ATOMIC_RELAXED);
}

int registry_opts_from(const struct firn_registry_opts *given, struct registry_opts *ret,
		       struct firn_error *err)
{
	struct firn_registry_opts o;
	int rc = opts_take(given, &o, sizeof(o), err);

	if (rc < 0 || (rc = opts_check_flags(o.flags, KNOWN_FLAGS, err)) < 0)
		return rc;
	*ret = (struct registry_opts){
		.creds = o.creds,
		.authfile = o.authfile,
		.authfiles = o.authfiles,
		.environment = o.environment,
		.cert_dir = o.cert_dir,
		.plain_http = o.flags & FIRN_REGISTRY_PLAIN_HTTP,
		.no_tls_verify = o.flags & FIRN_REGISTRY_NO_TLS_VERIFY,
		.times = { .connect = o.connect_ms, .answer = o.idle_ms, .idle = o.idle_ms },
		.retries = o.retries,
		.state = o.state,
	};
	return 0;
}

static int set_up(struct registry *r, const struct ref *ref, const struct registry_opts *o,
		  struct firn_error *err)
{
	_free_ char *url = NULL;
	int rc;

	r->times = o->times;
	r->retries = o->retries ? o->retries : REGISTRY_RETRIES;
	r->delay = o->delay_ms ? o->delay_ms : DELAY_MS;
	r->probes = o->no_tls_verify && !o->plain_http;
	r->host = strdup(ref->host);
	r->repository = strdup(ref->path);
	if (asprintf(&r->name, "%s/%s", ref->host, ref->path) < 0)
		r->name = NULL;
	if (asprintf(&url, "%s://%s/", o->plain_http ? "http" : "https", ref->host) < 0)
		url = NULL;
	if (o->state)
		r->state = strdup(o->state);
	if (!r->host || !r->repository || !r->name || !url || (o->state && !r->state))
		return firn_fail_oom(err, "registry");
	if ((rc = url_parse(url, &r->base, err)) < 0)
		return firn_wrap(err, rc, "registry %s", ref->host);
	if ((rc = http_pool_new(&r->pool, err)) < 0 ||
	    (rc = trust_find(o, r->host, &r->trust, err)) < 0)
		return rc;
	r->tls = (struct http_tls){ .ca = r->trust.ca,
				    .ca_len = r->trust.ca_len,
				    .cert = r->trust.cert,
				    .key = r->trust.key,
				    .no_verify = o->no_tls_verify };
	return auth_new(r, o, &r->auth, err);
}

int registry_open(const struct ref *ref, const struct registry_opts *opts, struct registry **ret,
		  struct firn_error *err)
{
	static const struct registry_opts none;
	_cleanup_(registry_closep) struct registry *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return firn_fail_oom(err, "registry");
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_mutex_init(&r->tag_lock, NULL);
	rc = set_up(r, ref, opts ? opts : &none, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&r);
	return 0;
}

const char *registry_path(const struct registry *r, char *ret, const char *fmt, ...)
{
	int n = snprintf(ret, REGISTRY_PATH_MAX, "/v2/%s/", r->repository);
	va_list args;

	va_start(args, fmt);
	vsnprintf(ret + n, REGISTRY_PATH_MAX - (size_t)n, fmt, args);
	va_end(args);
	return ret;
}

bool registry_again(const struct registry *r, struct retry *t)
{
	uint64_t ms = r->delay;
	struct timespec left;

	if (t->never || t->tries++ >= r->retries)
		return false;
	/* What has brought something was cut, not turned away. */
	if (t->tries == 1 && t->sent >= SENT_BYTES && !t->status)
		return true;
	for (unsigned i = 1; i < t->tries && ms < DELAY_MAX_MS; i++)
		ms *= 2;
	if (ms > DELAY_MAX_MS)
		ms = DELAY_MAX_MS;
	if (t->after_ms > ms)
		ms = t->after_ms;
	t->after_ms = 0;
	left = (struct timespec){ (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	return true;
}

int registry_give_up(const struct retry *t, int rc, struct firn_error *err)
{
	return t->tries > 1 ? firn_append(err, rc, "after %u tries", t->tries) : rc;
}

void registry_answer_done(struct registry_answer *a)
{
	if (a->http)
		(void)__atomic_add_fetch(&a->registry->received, http_received(a->http),
					 __ATOMIC_RELAXED);
	http_close(a->http);
	url_done(&a->url);
	*a = (struct registry_answer)REGISTRY_ANSWER_NONE;
}

uint64_t registry_clock(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t registry_patience(const struct registry *r)
{
	return r->times.idle ? r->times.idle : HTTP_IDLE_MS;
}

int registry_read_all(const struct registry *r, struct http *h, size_t max, char **ret,
		      size_t *ret_len, struct firn_error *err)
{
	const uint64_t limit = DOCUMENT_IDLES * registry_patience(r), begun = registry_clock();
	_buf_ struct buf all = BUF_INIT;
	char piece[16384];
	ssize_t n;
	int rc;

	while ((n = http_read(h, piece, sizeof(piece), err)) > 0) {
		if ((size_t)n > max - all.len)
			return firn_fail(err, FIRN_ELIMIT, "larger than %zu bytes", max);
		buf_put(&all, piece, (size_t)n);
		explicit_bzero(piece, (size_t)n); /* it may be a token */
		if (registry_clock() - begun >= limit)
			return firn_fail(err, FIRN_EFAIL,
					 "%zu bytes within %" PRIu64 " s, and more to come",
					 all.len, limit / 1000);
	}
	if (n < 0)
		return (int)n;
	buf_put(&all, "", 0);
	if ((rc = buf_check(&all, err)) < 0)
		return rc;
	*ret_len = all.len;
	*ret = all.data ? buf_steal(&all) : strdup("");
	return *ret ? 0 : firn_fail_oom(err, "answer");
}

int registry_answer_read(struct registry_answer *a, size_t max, char **ret, size_t *ret_len,
			 struct firn_error *err)
{
	return registry_read_all(a->registry, a->http, max, ret, ret_len, err);
}

int registry_refuse(struct registry_answer *a, struct firn_error *err)
{
	const uint64_t until = registry_clock() + registry_patience(a->registry);
	char text[ANSWER_ERROR_MAX];
	const bool asks = a->status == 401 || a->status == 403;
	size_t len = 0;
	ssize_t n;
	int rc;

	while (len < sizeof(text) && registry_clock() < until &&
	       (n = http_read(a->http, text + len, sizeof(text) - len, NULL)) > 0)
		len += (size_t)n;
	rc = answer_fail(a->status, text, len, err);
	if (asks && !auth_knows(a->registry->auth))
		rc = firn_append(err, rc, "no credentials for it are known");
	return rc;
}

/* The body, as far as the registry takes it: it may answer before it has all. */
static int send_body(struct http *h, const struct registry_call *c, struct firn_error *err)
{
	_free_ uint8_t *piece = c->src ? malloc(PIECE_BYTES) : NULL;
	int rc = 0;

	if (c->src && !piece)
		return firn_fail_oom(err, "upload");
	if (c->body && c->length)
		rc = http_send(h, c->body, (size_t)c->length, err);
	for (uint64_t done = 0; rc == 0 && c->src && done < c->length;) {
		const uint64_t left = c->length - done;
		const size_t n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;

		rc = source_read_at(c->src, piece, n, c->at + done, err);
		if (rc < 0)
			return firn_wrap(err, -FIRN_ECORRUPT, "what is to be sent");
		rc = http_send(h, piece, n, err);
		done += n;
		if (rc == 0 && c->again)
			c->again->sent = done;
		if (rc == 0 && c->progress && c->progress->moved)
			c->progress->moved(c->progress->ctx, c->at + done);
	}
	if (rc == -FIRN_EFAIL && http_answered(h))
		rc = 0;
	http_send_end(h);
	return rc;
}

static bool add(char *to, size_t room, const char *name, const char *value)
{
	return !value || (size_t)snprintf(to, room, "%s: %s", name, value) < room;
}

/* Our certificate says who we are, too: not to whom the registry leads. */
static struct http_tls tls_for(const struct registry *r, const struct url *url)
{
	struct http_tls tls = r->tls;

	if (!url_same_origin(url, &r->base))
		tls.cert = tls.key = NULL;
	return tls;
}

/* Ask @url once, with @line if it may know. */
static int exchange(struct registry *r, const struct registry_call *c, const struct url *url,
		    const char *line, struct registry_answer *ret, struct firn_error *err)
{
	const struct http_tls tls = tls_for(r, url);
	_cleanup_(http_closep) struct http *h = NULL;
	_free_ char *text = url_text(url);
	char accept[ACCEPT_MAX], range[96], content[96];
	const char *headers[5];
	size_t n = 0;
	int rc;

	if (!text)
		return firn_fail_oom(err, "request");
	if (!add(accept, sizeof(accept), "Accept", c->accept) ||
	    !add(range, sizeof(range), "Range", c->range) ||
	    !add(content, sizeof(content), "Content-Range", c->content_range))
		return firn_fail(err, FIRN_EINVAL, "a header is too long");
	if (line)
		headers[n++] = line;
	if (c->accept)
		headers[n++] = accept;
	if (c->range)
		headers[n++] = range;
	if (c->content_range)
		headers[n++] = content;
	headers[n] = NULL;
	rc = http_begin(&(struct http_request){ .method = c->method,
						.url = text,
						.type = c->type,
						.sized = true,
						.length = c->length,
						.headers = headers,
						.tls = url->tls ? &tls : NULL,
						.pool = c->alone ? NULL : r->pool,
						.times = r->times },
			&h, err);
	if (rc < 0 || (c->type && (rc = send_body(h, c, err)) < 0) ||
	    (rc = http_answer(h, &ret->status, err)) < 0)
		return rc;
	__atomic_store_n(&r->reached, true, __ATOMIC_RELAXED);
	ret->registry = r;
	ret->http = take_ptr(&h);
	return 0;
}

static bool is_redirect(const struct registry_call *c, unsigned status)
{
	return !c->type && (strcmp(c->method, "GET") == 0 || strcmp(c->method, "HEAD") == 0) &&
	       (status == 301 || status == 302 || status == 303 || status == 307 || status == 308);
}

/* Never from a connection that is proven to one that isn't. */
static int check_way(const struct registry *r, const struct url *url, struct firn_error *err)
{
	if (!r->base.tls || url->tls)
		return 0;
	return firn_fail(err, FIRN_EUNSUPP, "the registry leads from HTTPS to plain HTTP, to %s",
			 url->host);
}

static int follow(struct registry *r, struct registry_answer *a, struct url *url,
		  struct firn_error *err)
{
	char location[URL_MAX + 2]; /* what is cut is too long to be parsed */
	struct url next;
	int rc;

	if (!http_header(a->http, "Location", location, sizeof(location)))
		return firn_fail(err, FIRN_ECORRUPT, "the registry leads nowhere");
	rc = url_resolve(url, location, &next, err);
	if (rc < 0)
		return firn_wrap(err, rc, "the registry leads to");
	if ((rc = check_way(r, &next, err)) < 0) {
		url_done(&next);
		return rc;
	}
	url_done(url);
	*url = next;
	return 0;
}

/* 1: ask again, with what the registry wants to know. */
static int refused(struct registry *r, const struct registry_call *c, struct registry_answer *a,
		   const char *line, struct firn_error *err)
{
	_free_ char *challenge = http_headers(a->http, "WWW-Authenticate");

	if (!challenge)
		return firn_fail_oom(err, "answer");
	return auth_refused(r->auth, c, challenge, line, err);
}

/* From the question to an answer that is neither a redirect nor a wish to know who we are. */
static int ask_once(struct registry *r, const struct registry_call *c, struct retry *again,
		    struct registry_answer *ret, struct firn_error *err)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	_cleanup_(url_done) struct url url = { .host = NULL };
	int refusals = 0, redirects = 0;
	int rc = c->url ? url_copy(c->url, &url, err) : url_resolve(&r->base, c->path, &url, err);

	if (rc < 0 || (rc = check_way(r, &url, err)) < 0)
		return rc;
	for (;;) {
		const bool may_know = url_same_origin(&url, &r->base);
		_cleanup_(auth_forget) char *line = NULL;

		registry_answer_done(&a);
		/* A token was tried for often enough. */
		again->never = may_know;
		if (may_know && (rc = auth_line(r->auth, c, &line, err)) < 0)
			return rc;
		again->never = false;
		if ((rc = exchange(r, c, &url, line, &a, err)) < 0)
			return rc;
		if (a.status == 401 && may_know && refusals++ < REFUSALS_MAX) {
			rc = refused(r, c, &a, line, err);
			if (rc < 0)
				return rc;
			if (rc > 0)
				continue;
		}
		if (!is_redirect(c, a.status))
			break;
		if (redirects++ == REDIRECTS_MAX)
			return firn_fail(err, FIRN_ELIMIT, "more than %d redirects", REDIRECTS_MAX);
		if ((rc = follow(r, &a, &url, err)) < 0)
			return rc;
	}
	a.url = url;
	url = (struct url){ .host = NULL };
	*ret = a;
	a = (struct registry_answer)REGISTRY_ANSWER_NONE;
	return 0;
}

/* Whether somebody speaks TLS there; nobody proves anything. Anything but that is told later. */
static bool speaks_tls(struct registry *r)
{
	_cleanup_(http_closep) struct http *h = NULL;
	_free_ char *text = NULL;
	unsigned status;

	if (asprintf(&text, "https://%s/v2/", r->base.host) < 0) {
		text = NULL;
		return true;
	}
	if (http_begin(&(struct http_request){ .method = "GET",
					       .url = text,
					       .tls = &r->tls,
					       .pool = r->pool,
					       .times = r->times },
		       &h, NULL) < 0 ||
	    http_answer(h, &status, NULL) >= 0)
		return true;
	return http_trouble(h) != HTTP_TROUBLE_CONNECT && http_trouble(h) != HTTP_TROUBLE_TLS;
}

int registry_ready(struct registry *r, struct firn_error *err)
{
	_free_ char *text = NULL;
	struct url plain;
	int rc = 0;

	(void)pthread_mutex_lock(&r->lock);
	if (r->probes && !speaks_tls(r)) {
		/* Anew: the port that was HTTPS' own isn't HTTP's. */
		if (asprintf(&text, "http://%s/", r->host) < 0)
			text = NULL;
		rc = text ? url_parse(text, &plain, err) : firn_fail_oom(err, "registry");
		if (rc == 0) {
			url_done(&r->base);
			r->base = plain;
		}
	}
	r->probes = rc < 0;
	(void)pthread_mutex_unlock(&r->lock);
	return rc;
}

static void note_after(struct registry_answer *a, struct retry *t)
{
	char value[64];

	if (http_header(a->http, "Retry-After", value, sizeof(value)))
		(void)!answer_retry_after(value, time(NULL), &t->after_ms);
}

int registry_ask(struct registry *r, const struct registry_call *c, struct registry_answer *ret,
		 struct firn_error *err)
{
	struct retry own = { 0 }, *again = c->again ? c->again : &own;
	int rc = registry_ready(r, err);

	if (rc < 0)
		return rc;
	for (;;) {
		_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;

		again->sent = 0;
		rc = ask_once(r, c, again, &a, err);
		again->status = rc == 0 ? a.status : 0;
		if (rc == 0 && !answer_may_change(a.status)) {
			*ret = a;
			a = (struct registry_answer)REGISTRY_ANSWER_NONE;
			return 0;
		}
		if (rc == 0) {
			note_after(&a, again);
			rc = registry_refuse(&a, err);
		}
		registry_answer_done(&a);
		if (rc != -FIRN_EFAIL)
			return rc;
		if (c->again)
			return rc;
		if (!__atomic_load_n(&r->reached, __ATOMIC_RELAXED) || !registry_again(r, again))
			return registry_give_up(again, rc, err);
	}
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nothing is said before it is asked for: the first question goes without, and its 401 tells how
 * and, for bearer tokens, where. From then on every question brings what its scope needs.
 */
#include "base/fd.h"
#include "bytes/base64.h"
#include "remote/answer.h"
#include "remote/challenge.h"
#include "remote/registry_priv.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define TOKENS_MAX      64 /* scopes: repositories that blobs are mounted from */
#define TOKEN_MARGIN    5  /* seconds before its end in which a token is used no more */
#define CLIENT_ID       "firn"
#define TOKEN_REPLY_MAX (256u << 10)

struct token {
	char *scope, *text;
	char *more;     /* scope that the registry wants besides; NULL: none */
	uint64_t until; /* seconds of the monotonic clock */
};

struct auth {
	struct registry *registry; /* borrowed */
	struct credentials who;
	pthread_mutex_t lock; /* of what follows; held while a token is fetched, so that one is */
	struct challenge asked;
	struct url realm;
	struct token tokens[TOKENS_MAX];
	size_t ntokens;
};

int auth_new(struct registry *r, const struct registry_opts *opts, struct auth **ret,
	     struct firn_error *err)
{
	struct auth *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return firn_fail_oom(err, "credentials");
	(void)pthread_mutex_init(&a->lock, NULL);
	a->registry = r;
	rc = identity_find(opts, r->host, r->repository, &a->who, err);
	if (rc < 0) {
		auth_free(a);
		return rc;
	}
	*ret = a;
	return 0;
}

static void forget_token(struct token *t)
{
	free(t->scope);
	free(t->more);
	auth_forget(&t->text);
	*t = (struct token){ .scope = NULL };
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->ntokens; i++)
		forget_token(&a->tokens[i]);
	credentials_done(&a->who);
	challenge_done(&a->asked);
	url_done(&a->realm);
	(void)pthread_mutex_destroy(&a->lock);
	free(a);
}

void auth_forget(char **line)
{
	if (*line)
		explicit_bzero(*line, strlen(*line));
	free(*line);
	*line = NULL;
}

bool auth_knows(const struct auth *a)
{
	return a->who.user || a->who.identity;
}

static uint64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->len);
	buf_done(b);
}

/* "Authorization: Basic ..."; NULL when out of memory. */
static char *basic_line(const struct credentials *who)
{
	_cleanup_(wipe) struct buf plain = BUF_INIT;
	_cleanup_(wipe) struct buf line = BUF_INIT;

	buf_puts(&plain, who->user);
	buf_puts(&plain, ":");
	buf_puts(&plain, who->password);
	buf_puts(&line, "Authorization: Basic ");
	base64_encode(plain.data, plain.len, &line);
	return plain.oom || line.oom ? NULL : strdup((char *)line.data);
}

/* What the question needs, one behind the other; NULL when out of memory. Caller frees. */
static char *scope_of(const struct registry *r, const struct registry_call *c)
{
	const char *push = c->access == ACCESS_PUSH ? ",push" : "";
	char *scope = NULL;
	int n;

	if (c->from)
		n = asprintf(&scope, "repository:%s:pull%s repository:%s:pull", r->repository, push,
			     c->from);
	else
		n = asprintf(&scope, "repository:%s:pull%s", r->repository, push);
	return n < 0 ? NULL : scope;
}

/* "service=...&scope=...&scope=..." */
static void put_query(const struct auth *a, const char *scope, bool apart, struct buf *out)
{
	const char *at = scope;

	if (a->asked.service) {
		buf_puts(out, "service=");
		url_encode(a->asked.service, strlen(a->asked.service), out);
		buf_puts(out, "&");
	}
	buf_puts(out, "scope=");
	for (; apart && strchr(at, ' '); at = strchr(at, ' ') + 1) {
		url_encode(at, strcspn(at, " "), out);
		buf_puts(out, "&scope=");
	}
	url_encode(at, strlen(at), out);
}

/* OAuth 2 (RFC 6749, section 6): others for an identity token. */
static int post_token(struct auth *a, const char *scope, struct http_request *q, struct buf *body,
		      struct http **ret, struct firn_error *err)
{
	int rc;

	buf_puts(body, "grant_type=refresh_token&client_id=" CLIENT_ID "&refresh_token=");
	url_encode(a->who.identity, strlen(a->who.identity), body);
	buf_puts(body, "&");
	put_query(a, scope, false, body);
	if ((rc = buf_check(body, err)) < 0)
		return rc;
	q->method = "POST";
	q->type = "application/x-www-form-urlencoded";
	q->sized = true;
	q->length = body->len;
	if ((rc = http_begin(q, ret, err)) < 0 ||
	    (rc = http_send(*ret, body->data, body->len, err)) < 0)
		return rc;
	http_send_end(*ret);
	return 0;
}

static int get_token(struct auth *a, const char *scope, struct http_request *q, const char *realm,
		     struct http **ret, struct firn_error *err)
{
	_buf_ struct buf url = BUF_INIT;
	char *line = a->who.user ? basic_line(&a->who) : NULL;
	const char *const headers[] = { line, NULL };
	int rc;

	buf_puts(&url, realm);
	buf_puts(&url, strchr(realm, '?') ? "&" : "?");
	put_query(a, scope, true, &url);
	rc = buf_check(&url, err);
	if (rc == 0 && a->who.user && !line)
		rc = firn_fail_oom(err, "credentials");
	if (rc == 0) {
		q->method = "GET";
		q->url = (char *)url.data;
		q->headers = line ? headers : NULL;
		rc = http_begin(q, ret, err);
	}
	auth_forget(&line);
	return rc;
}

/* One question to the token service: its status, and its answer's text. */
static int ask_service(struct auth *a, const char *scope, unsigned *ret_status, char **ret,
		       size_t *ret_len, struct firn_error *err)
{
	_cleanup_(http_closep) struct http *h = NULL;
	_cleanup_(wipe) struct buf body = BUF_INIT;
	_free_ char *realm = url_text(&a->realm);
	struct http_request q = { .url = realm,
				  .pool = a->registry->pool,
				  .tls = a->realm.tls ? &a->registry->tls : NULL,
				  .times = a->registry->times };
	int rc;

	if (!realm)
		return firn_fail_oom(err, "token");
	rc = a->who.identity ? post_token(a, scope, &q, &body, &h, err)
			     : get_token(a, scope, &q, realm, &h, err);
	if (rc < 0 || (rc = http_answer(h, ret_status, err)) < 0)
		return rc;
	return registry_read_all(a->registry, h, TOKEN_REPLY_MAX, ret, ret_len, err);
}

static int fetch(struct auth *a, const char *scope, const char *more, struct token *ret,
		 struct firn_error *err)
{
	_free_ char *both = NULL;
	struct retry again = { 0 };
	char *text = NULL;
	uint64_t seconds;
	size_t len = 0;
	unsigned status = 0;
	int rc;

	if (asprintf(&both, "%s%s%s", scope, more ? " " : "", more ? more : "") < 0) {
		both = NULL;
		return firn_fail_oom(err, "token");
	}
	for (;;) {
		rc = ask_service(a, both, &status, &text, &len, err);
		if (rc >= 0 && answer_may_change(status))
			rc = answer_fail(status, text, len, err);
		if (rc != -FIRN_EFAIL)
			break;
		auth_forget(&text);
		if (!registry_again(a->registry, &again))
			return firn_wrap(err, registry_give_up(&again, rc, err), "token from %s",
					 a->realm.host);
	}
	if (rc >= 0 && status / 100 != 2)
		rc = answer_fail(status, text, len, err);
	else if (rc >= 0)
		rc = token_parse(text, len, &ret->text, &seconds, err);
	auth_forget(&text);
	if (rc < 0)
		return firn_wrap(err, rc, "token from %s", a->realm.host);
	ret->until = now() + seconds;
	ret->scope = strdup(scope);
	if (!ret->scope) {
		forget_token(ret);
		return firn_fail_oom(err, "token");
	}
	return 0;
}

static struct token *find_token(struct auth *a, const char *scope)
{
	for (size_t i = 0; i < a->ntokens; i++)
		if (strcmp(a->tokens[i].scope, scope) == 0)
			return &a->tokens[i];
	return NULL;
}

static int bearer_line(struct auth *a, const char *scope, char **ret, struct firn_error *err)
{
	struct token *t = find_token(a, scope), fresh = { .scope = NULL };
	int rc;

	if (!t || t->until <= now() + TOKEN_MARGIN) {
		rc = fetch(a, scope, t ? t->more : NULL, &fresh, err);
		if (rc < 0)
			return rc;
		if (t)
			fresh.more = take_ptr(&t->more);
		if (!t && a->ntokens < TOKENS_MAX)
			t = &a->tokens[a->ntokens++];
		else if (!t)
			t = &a->tokens[0];
		forget_token(t);
		*t = fresh;
	}
	if (asprintf(ret, "Authorization: Bearer %s", t->text) < 0) {
		*ret = NULL;
		return firn_fail_oom(err, "token");
	}
	return 0;
}

int auth_line(struct auth *a, const struct registry_call *c, char **ret, struct firn_error *err)
{
	_free_ char *scope = scope_of(a->registry, c);
	int rc = 0;

	if (!scope)
		return firn_fail_oom(err, "credentials");
	*ret = NULL;
	(void)pthread_mutex_lock(&a->lock);
	if (a->asked.kind == CHALLENGE_BASIC && a->who.user) {
		*ret = basic_line(&a->who);
		rc = *ret ? 0 : firn_fail_oom(err, "credentials");
	} else if (a->asked.kind == CHALLENGE_BEARER) {
		rc = bearer_line(a, scope, ret, err);
	}
	(void)pthread_mutex_unlock(&a->lock);
	return rc;
}

/* Where tokens are to be had. Who we are goes there as safely as it goes to the registry. */
static int take_realm(struct auth *a, const struct challenge *asked, struct firn_error *err)
{
	struct url realm;
	int rc = url_resolve(&a->registry->base, asked->realm, &realm, err);

	if (rc < 0)
		return firn_wrap(err, rc, "token service");
	if (a->registry->base.tls && !realm.tls) {
		rc = firn_fail(err, FIRN_EUNSUPP,
			       "the registry speaks HTTPS and its token service %s plain HTTP: "
			       "nobody is told who we are that way",
			       realm.host);
		url_done(&realm);
		return rc;
	}
	url_done(&a->realm);
	a->realm = realm;
	return 0;
}

/* A token that isn't enough for what is asked: the next one is for that, too. */
static void want_more(struct token *t, const char *scope)
{
	if (!scope || strstr(t->scope, scope))
		return;
	free(t->more);
	t->more = strdup(scope);
}

static int take_challenge(struct auth *a, struct challenge *asked, const char *scope,
			  const char *line, struct firn_error *err)
{
	struct token *t;
	int rc;

	if (asked->kind == CHALLENGE_NONE)
		return 0;
	if (asked->kind == CHALLENGE_BASIC && (!a->who.user || line))
		return 0;
	if (asked->kind == CHALLENGE_BEARER) {
		if ((rc = take_realm(a, asked, err)) < 0)
			return rc;
		t = find_token(a, scope);
		/* Somebody else may have got a new one meanwhile. */
		if (t && line && strstr(line, t->text)) {
			t->until = 0;
			want_more(t, asked->scope);
		}
	}
	challenge_done(&a->asked);
	a->asked = *asked;
	*asked = (struct challenge){ .kind = CHALLENGE_NONE };
	return 1;
}

int auth_refused(struct auth *a, const struct registry_call *c, const char *challenge,
		 const char *line, struct firn_error *err)
{
	_cleanup_(challenge_done) struct challenge asked = { .kind = CHALLENGE_NONE };
	_free_ char *scope = scope_of(a->registry, c);
	int rc;

	if (!scope)
		return firn_fail_oom(err, "credentials");
	rc = challenge_parse(challenge, &asked, err);
	if (rc < 0)
		return rc;
	(void)pthread_mutex_lock(&a->lock);
	rc = take_challenge(a, &asked, scope, line, err);
	(void)pthread_mutex_unlock(&a->lock);
	return rc;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A registry, and questions to it: for lib/remote/registry*.c and auth.c alone. */
#ifndef FIRN_REMOTE_REGISTRY_PRIV_H
#define FIRN_REMOTE_REGISTRY_PRIV_H

#include "remote/identity.h"
#include "remote/registry.h"
#include "remote/url.h"

#include <pthread.h>

#define REGISTRY_PATH_MAX 1024 /* a repository's name, a digest and words between them */

struct auth;

struct registry {
	char *name, *host, *repository;
	struct url base;
	struct trust trust;
	struct http_tls tls;
	struct http_pool *pool;
	struct http_times times;
	unsigned retries;
	uint64_t delay;
	char *state; /* NULL: uploads aren't resumed by others */
	struct auth *auth;

	pthread_mutex_t lock;     /* of what follows */
	bool probes;              /* whether it speaks HTTPS isn't known yet */
	bool lacks_referrers;     /* no API: the fallback tag is all there is */
	uint64_t chunk;           /* bytes of a request, see registry_upload.c */
	uint64_t noted;           /* the same, as another run reads it */
	pthread_mutex_t tag_lock; /* one change of a fallback tag at a time */
	bool reached;             /* atomic: it has answered once */
	uint64_t received;        /* atomic */
};

/* Tries that are made in vain; zero to begin with, and again when something came of one. */
struct retry {
	unsigned tries;
	uint64_t after_ms; /* what the registry asks for; 0: nothing */
	unsigned status;   /* of the last answer; 0: there was none */
	uint64_t sent;     /* bytes of the last question's body that were on their way */
	bool never;        /* another try is no use: who we are isn't believed, and so on */
};

enum registry_access { ACCESS_PULL, ACCESS_PUSH };

/* A question. Of body and src one at most; the strings are borrowed. */
struct registry_call {
	const char *method;
	const char *path;      /* of the registry, "/v2/..." */
	const struct url *url; /* instead of path */
	enum registry_access access;
	const char *from;           /* a repository that is read as well; NULL: none */
	const char *accept, *range; /* values of these headers; NULL: none */
	const char *content_range;
	const char *type; /* of the body; NULL: there is none */
	const void *body;
	uint64_t length; /* of the body, or of what is sent of src */
	struct source *src;
	uint64_t at;
	bool alone; /* by a connection that is for this question only */
	const struct registry_progress *progress;
	/* The caller tries again: what the registry says of when. NULL: registry_ask() does. */
	struct retry *again;
};

/* The answer: status and headers are there, the body is still to come. */
struct registry_answer {
	struct registry *registry;
	struct http *http;
	unsigned status;
	struct url url; /* whose answer it is */
};

#define REGISTRY_ANSWER_NONE                                                                       \
	{                                                                                          \
		.http = NULL                                                                       \
	}

/* Find out what it speaks, if that isn't known: r->base is right from then on. */
int registry_ready(struct registry *r, struct firn_error *err) _must_check_;
/*
 * Ask, until there is an answer that won't change: any status is a success. Without one
 * -FIRN_EFAIL, also (with again) for one that may change. Nothing is in @ret then.
 */
int registry_ask(struct registry *r, const struct registry_call *c, struct registry_answer *ret,
		 struct firn_error *err) _must_check_;
void registry_answer_done(struct registry_answer *a);
/* The answer is not what it should be: what it says, as an error. Returns its negative code. */
int registry_refuse(struct registry_answer *a, struct firn_error *err);
/* All of the body, NUL-ended, @max bytes at most. Caller frees. */
int registry_answer_read(struct registry_answer *a, size_t max, char **ret, size_t *ret_len,
			 struct firn_error *err) _must_check_;

/* The rest of an answer, NUL-ended, as far as it comes in a time that is long enough for it. */
int registry_read_all(const struct registry *r, struct http *h, size_t max, char **ret,
		      size_t *ret_len, struct firn_error *err) _must_check_;
uint64_t registry_clock(void); /* ms */
/* How long nothing, or next to nothing, may come. */
uint64_t registry_patience(const struct registry *r);

/* Wait for the next try; false when there is none. */
bool registry_again(const struct registry *r, struct retry *t);
/* The error of the last try, which was not the first one. */
int registry_give_up(const struct retry *t, int rc, struct firn_error *err);

/* "/v2/REPOSITORY/" and the formatted words into @ret, which has REGISTRY_PATH_MAX bytes. */
const char *registry_path(const struct registry *r, char *ret, const char *fmt, ...) _printf_(3, 4);

/* The bytes [from, to) of a blob of @size bytes; registry_blob() is all of it. */
int registry_range(struct registry *r, const struct digest *d, uint64_t from, uint64_t to,
		   uint64_t size, struct istream **ret, struct firn_error *err) _must_check_;

/* Without what a subject needs. *ret_subject: the registry has an API that knows it now. */
int registry_put_plain(struct registry *r, const char *reference, const char *type,
		       const void *bytes, size_t len, const struct digest *d, bool *ret_subject,
		       struct firn_error *err) _must_check_;
/* A manifest without a subject is fine. */
int registry_note_subject(struct registry *r, const char *type, const void *bytes, size_t len,
			  const struct digest *d, struct firn_error *err) _must_check_;

/* An answer 202 to a POST that began an upload which nobody wants. */
void registry_cancel_upload(struct registry_answer *a);

/* --- auth.c: who we are, said where it is asked for */

int auth_new(struct registry *r, const struct registry_opts *opts, struct auth **ret,
	     struct firn_error *err) _must_check_;
void auth_free(struct auth *a);
/*
 * The line "Authorization: ..." for a question, NULL when none is wanted. Caller frees (and wipes:
 * auth_forget()).
 */
int auth_line(struct auth *a, const struct registry_call *c, char **ret,
	      struct firn_error *err) _must_check_;
void auth_forget(char **line);
/*
 * A question was answered with 401 and the header @challenge ("" for none), sent with @line or
 * NULL: 1 when it is to be asked again, 0 when that would be in vain.
 */
int auth_refused(struct auth *a, const struct registry_call *c, const char *challenge,
		 const char *line, struct firn_error *err) _must_check_;
/* Whether there is anybody that we could say to be. */
bool auth_knows(const struct auth *a);

#endif

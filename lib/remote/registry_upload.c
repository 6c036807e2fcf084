/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blobs as they go (distribution-spec, "Pushing blobs"): what is small in one PUT, what is large in
 * chunks, of which each brings a new address for the next one. After a cut the registry is asked
 * how much it has; what it can't tell any more begins anew. The address that is good at the moment
 * may outlive the process (session.h).
 */
#include "base/fd.h"
#include "remote/answer.h"
#include "remote/registry_priv.h"
#include "remote/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_BYTES     (32ull << 20)
#define CHUNK_BYTES_MAX (1ull << 30) /* of what a registry may want at least */
#define BLOB_TYPE       "application/octet-stream"

struct upload {
	struct registry *registry;
	const struct digest *digest;
	uint64_t size, at; /* at: bytes that the registry has */
	uint64_t chunk;
	struct source *src;
	const struct registry_progress *progress;
	struct url where; /* host NULL: there is no session */
	bool chunks;      /* one PUT isn't taken here */
	struct session *session;
	struct retry again;
	bool ended;    /* the last byte was on its way once */
	bool refused;  /* by an answer that another try would get, too */
	uint64_t best; /* bytes that it had at most, at any time */
};

static void upload_done(struct upload *u)
{
	url_done(&u->where);
	session_close(u->session);
}

static void moved(const struct upload *u)
{
	if (u->progress && u->progress->moved)
		u->progress->moved(u->progress->ctx, u->at);
}

/* Where it goes on. */
static int take_location(struct upload *u, struct registry_answer *a, struct firn_error *err)
{
	char text[URL_MAX + 2]; /* what is cut is too long to be parsed */
	struct url where;
	int rc;

	if (!http_header(a->http, "Location", text, sizeof(text)))
		return u->where.host ? 0
				     : firn_fail(err, FIRN_ECORRUPT,
						 "the registry doesn't say where to send it");
	if ((rc = url_resolve(&a->url, text, &where, err)) < 0)
		return rc;
	url_done(&u->where);
	u->where = where;
	return 0;
}

static int refuse(struct upload *u, struct registry_answer *a, struct firn_error *err)
{
	u->refused = true;
	return registry_refuse(a, err);
}

static int begin(struct upload *u, struct firn_error *err)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	char path[REGISTRY_PATH_MAX], text[32];
	const struct registry_call c = {
		.method = "POST", .path = path, .access = ACCESS_PUSH, .again = &u->again
	};
	uint64_t least;
	int rc;

	registry_path(u->registry, path, "blobs/uploads/");
	if ((rc = registry_ask(u->registry, &c, &a, err)) < 0)
		return rc;
	if (a.status != 202)
		return refuse(u, &a, err);
	u->at = 0;
	if (http_header(a.http, "OCI-Chunk-Min-Length", text, sizeof(text)) &&
	    answer_number(text, &least) && least > u->chunk)
		u->chunk = least < CHUNK_BYTES_MAX ? least : CHUNK_BYTES_MAX;
	return take_location(u, &a, err);
}

/* How much the registry has: 1, or 0 when it knows nothing of the session any more. */
static int resume(struct upload *u, struct firn_error *err)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	const struct registry_call c = {
		.method = "GET", .url = &u->where, .access = ACCESS_PUSH, .again = &u->again
	};
	uint64_t last = 0;
	char range[64];
	int rc = registry_ask(u->registry, &c, &a, err);

	if (rc < 0)
		return rc;
	if (a.status != 204 && a.status != 200 && a.status != 202)
		return 0;
	/* "0-0" is said of nothing and of one byte: nothing is what can be made good. */
	if (http_header(a.http, "Range", range, sizeof(range)) &&
	    !answer_upload_range(range, &last))
		return 0;
	if (last >= u->size)
		return 0;
	u->at = last ? last + 1 : 0;
	rc = take_location(u, &a, err);
	return rc < 0 ? rc : 1;
}

/* An upload's address with the digest that ends it. */
static int closing(const struct upload *u, struct url *ret, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX], hex[DIGEST_TEXT_MAX];
	struct url end = { .tls = u->where.tls };

	snprintf(text, sizeof(text), "%s%%3A%s", digest_alg_name(u->digest->alg),
		 digest_hex(u->digest, hex));
	end.host = strdup(u->where.host);
	if (asprintf(&end.path, "%s%sdigest=%s", u->where.path,
		     strchr(u->where.path, '?') ? "&" : "?", text) < 0)
		end.path = NULL;
	if (!end.host || !end.path) {
		url_done(&end);
		return firn_fail_oom(err, "upload");
	}
	*ret = end;
	return 0;
}

static int check_taken(const struct upload *u, struct registry_answer *a, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX + 16], shown[DIGEST_TEXT_MAX];
	struct digest told;

	if (!http_header(a->http, "Docker-Content-Digest", text, sizeof(text)) ||
	    digest_parse(&told, text, NULL) < 0 || told.alg != u->digest->alg ||
	    digest_equal(&told, u->digest))
		return 0;
	return firn_fail(err, FIRN_ECORRUPT, "the registry has taken it as %s",
			 digest_text(&told, shown));
}

/* Whether the road is closed, not the blob wrong: others may be open. */
static bool wants_chunks(unsigned status)
{
	return status == 400 || status == 404 || status == 405 || status == 411 || status == 413 ||
	       status == 416;
}

/* The rest in one PUT, or just the end: 1 done, 0 it has to go in chunks. */
static int put(struct upload *u, struct firn_error *err)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	_cleanup_(url_done) struct url end = { .host = NULL };
	const uint64_t left = u->size - u->at;
	struct registry_call c = {
		.method = "PUT", .url = &end, .access = ACCESS_PUSH, .again = &u->again
	};
	int rc = closing(u, &end, err);

	if (rc < 0)
		return rc;
	if (left) {
		c.type = BLOB_TYPE;
		c.src = u->src;
		c.at = u->at;
		c.length = left;
		c.progress = u->progress;
	}
	u->ended = true;
	if ((rc = registry_ask(u->registry, &c, &a, err)) < 0)
		return rc;
	if (a.status == 201 || a.status == 204) {
		u->at = u->size;
		rc = check_taken(u, &a, err);
		return rc < 0 ? rc : 1;
	}
	if (left && !u->chunks && wants_chunks(a.status)) {
		u->chunks = true;
		return 0;
	}
	return refuse(u, &a, err);
}

/* One chunk: 1, 0 when the registry is at another place. */
static int patch(struct upload *u, struct firn_error *err)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	const uint64_t left = u->size - u->at, n = left < u->chunk ? left : u->chunk;
	char content[64], range[64];
	const struct registry_call c = { .method = "PATCH",
					 .url = &u->where,
					 .access = ACCESS_PUSH,
					 .type = BLOB_TYPE,
					 .content_range = content,
					 .src = u->src,
					 .at = u->at,
					 .length = n,
					 .progress = u->progress,
					 .again = &u->again };
	uint64_t last = u->at + n - 1;
	int rc;

	snprintf(content, sizeof(content), "%" PRIu64 "-%" PRIu64, u->at, last);
	if ((rc = registry_ask(u->registry, &c, &a, err)) < 0)
		return rc;
	if (a.status == 416 || a.status == 404)
		return 0;
	if (a.status / 100 != 2)
		return refuse(u, &a, err);
	if (http_header(a.http, "Range", range, sizeof(range)) &&
	    (!answer_upload_range(range, &last) || last < u->at || last >= u->at + n))
		return firn_fail(err, FIRN_ECORRUPT,
				 "the registry says that it has %.40s of %" PRIu64 " bytes", range,
				 u->at + n);
	if ((rc = take_location(u, &a, err)) < 0)
		return rc;
	u->at = last + 1;
	return 1;
}

/* One step towards the end: 1 done, 0 there is more, -FIRN_EFAIL it may be tried again. */
static int step(struct upload *u, struct firn_error *err)
{
	int rc;

	if (!u->where.host) {
		if ((rc = begin(u, err)) < 0)
			return rc;
		session_note(u->session, &u->where);
	}
	if (u->at == u->size || (!u->chunks && u->size - u->at <= u->chunk))
		return put(u, err);
	rc = patch(u, err);
	if (rc > 0) {
		session_note(u->session, &u->where);
		return 0;
	}
	if (rc == 0) {
		/* Somebody else's bytes, or none: the same question has the same answer. */
		url_done(&u->where);
		return firn_fail(err, FIRN_EFAIL, "the registry knows nothing of what it was sent");
	}
	return rc;
}

/* After a cut: where it goes on. 1: it is all there, the answer alone was lost. */
static int find_back(struct upload *u, struct firn_error *err)
{
	int rc = u->where.host ? resume(u, err) : 0;

	if (rc == 0 && u->ended && registry_has_blob(u->registry, u->digest, NULL, NULL) == 1)
		return 1;
	if (rc == 0) {
		url_done(&u->where);
		u->at = 0;
	}
	moved(u);
	return rc < 0 ? rc : 0;
}

static int send_all(struct upload *u, struct firn_error *err)
{
	bool lost = u->where.host != NULL; /* a session of another run is asked first */
	int rc;

	for (;;) {
		rc = lost ? find_back(u, err) : 0;
		if (rc == 0) {
			lost = false;
			rc = step(u, err);
		}
		if (rc > 0)
			return 0;
		if (u->at > u->best) {
			u->best = u->at;
			u->again.tries = 0;
		}
		if (rc == 0) {
			moved(u);
			continue;
		}
		if (rc != -FIRN_EFAIL || u->refused || !u->registry->reached)
			return rc;
		lost = true;
		if (!registry_again(u->registry, &u->again))
			return registry_give_up(&u->again, rc, err);
	}
}

static int put_blob(struct upload *u, struct firn_error *err)
{
	int rc;

	if (u->registry->state && u->size > u->chunk &&
	    (rc = session_open(u->registry->state, u->registry->name, u->digest, &u->session,
			       &u->where, err)) < 0)
		return rc;
	rc = send_all(u, err);
	if (rc == 0)
		session_end(u->session);
	return rc;
}

int registry_put_blob(struct registry *r, const struct digest *d, uint64_t size, struct source *src,
		      const struct registry_progress *progress, struct firn_error *err)
{
	_cleanup_(upload_done) struct upload u = { .registry = r,
						   .digest = d,
						   .size = size,
						   .chunk = CHUNK_BYTES,
						   .src = src,
						   .progress = progress };
	char text[DIGEST_TEXT_MAX];
	int rc;

	if (src->size != size)
		return firn_fail(err, FIRN_EINVAL, "a blob of %" PRIu64 " bytes has %" PRIu64, size,
				 src->size);
	rc = put_blob(&u, err);
	return firn_wrap(err, rc, "%s: blob %s", r->name, digest_text(d, text));
}

/* distribution-spec has it that a session is cancelled by DELETE; it goes by itself, too. */
void registry_cancel_upload(struct registry_answer *a)
{
	_cleanup_(registry_answer_done) struct registry_answer gone = REGISTRY_ANSWER_NONE;
	struct upload u = { .registry = a->registry };
	struct retry once = { 0 };
	const struct registry_call c = {
		.method = "DELETE", .url = &u.where, .access = ACCESS_PUSH, .again = &once
	};

	if (take_location(&u, a, NULL) == 0)
		(void)!registry_ask(a->registry, &c, &gone, NULL);
	url_done(&u.where);
}

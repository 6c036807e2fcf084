/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blobs as they go (distribution-spec, "Pushing blobs"): in one PUT, or in chunks, of which each
 * brings a new address for the next one, where one isn't taken. After a cut the registry is asked
 * how much it has; what it can't tell any more begins anew. The address that is good at the moment
 * may outlive the process (session.h).
 *
 * Registries differ in what a cut leaves. Some have every byte that came. Others have what came in
 * whole requests, because something in front of them waits for the end of one. And Docker's own
 * (distribution 2.8, "upload resumed at wrong offset") has the bytes, but an address that it gave
 * out is good for one offset alone: after a cut in the middle of a request none is, all begins
 * anew, and only what comes through in a row counts. So after cuts that cost something there is
 * less and less in a request, each with a connection of its own: what limits the bytes or the
 * seconds of one of them, and of its requests, is got around. What size goes is kept for the next
 * blob, and for other runs.
 */
#include "base/fd.h"
#include "remote/answer.h"
#include "remote/registry_priv.h"
#include "remote/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_ALL       UINT64_MAX    /* all that is left in one request */
#define CHUNK_BYTES     (32ull << 20) /* where one PUT isn't taken */
#define CHUNK_AFTER_CUT SESSION_CHUNK_MAX
#define CHUNK_LEAST     SESSION_CHUNK_MIN
#define CHUNK_BYTES_MAX (1ull << 30) /* of what a registry may want at least */
#define ANEW_MAX        100          /* sessions of one blob that are lost */
#define PROGRESS_BYTES  (64u << 10)  /* as many more were no try in vain */
#define BLOB_TYPE       "application/octet-stream"

struct upload {
	struct registry *registry;
	const struct digest *digest;
	uint64_t size, at; /* at: bytes that the registry has */
	uint64_t chunk;    /* bytes of a request, or CHUNK_ALL */
	uint64_t least;    /* bytes of a chunk that the registry wants */
	struct source *src;
	const struct registry_progress *progress;
	struct url where;        /* host NULL: there is no session */
	bool fresh;              /* nobody has sent anything there yet */
	bool no_put, no_patch;   /* what isn't taken here: a blob in one PUT, chunks */
	struct session *session; /* NULL: nobody goes on with it */
	struct retry again;
	bool ended;      /* the last byte was on its way once */
	bool refused;    /* by an answer that another try would get, too */
	uint64_t begun;  /* at, before the request that failed */
	uint64_t tried;  /* bytes that it should have brought */
	bool too_much;   /* it might have come through with less */
	unsigned told;   /* its status, 0 when it was cut */
	bool cut;        /* one that small ones go in has been tried again as it was */
	bool elsewhere;  /* the registry was at another place than its address says */
	unsigned anew;   /* sessions that were lost */
	uint64_t best;   /* bytes that it had at most, at any time */
	uint64_t most;   /* that were on their way in a row */
	uint64_t fewest; /* bytes of a request that were tried */
};

/*
 * What goes in one request to that registry, which another run may have found out. Twice as much is
 * tried first: it may have been an accident, or another network.
 */
static uint64_t known_chunk(struct registry *r)
{
	uint64_t chunk;

	(void)pthread_mutex_lock(&r->lock);
	if (r->state && !r->chunk) {
		r->noted = session_chunk(r->state, r->host);
		r->chunk = r->noted * 2 <= CHUNK_AFTER_CUT ? r->noted * 2 : 0;
	}
	if (!r->chunk)
		r->chunk = CHUNK_ALL;
	chunk = r->chunk;
	(void)pthread_mutex_unlock(&r->lock);
	return chunk;
}

static void note_chunk(struct registry *r, uint64_t chunk)
{
	const uint64_t note = chunk > CHUNK_AFTER_CUT ? 0 : chunk;

	(void)pthread_mutex_lock(&r->lock);
	r->chunk = chunk;
	if (r->state && r->noted != note)
		session_note_chunk(r->state, r->host, note);
	r->noted = note;
	(void)pthread_mutex_unlock(&r->lock);
}

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
	int rc;

	registry_path(u->registry, path, "blobs/uploads/");
	if ((rc = registry_ask(u->registry, &c, &a, err)) < 0)
		return rc;
	if (a.status != 202)
		return refuse(u, &a, err);
	u->at = 0;
	u->fresh = true;
	if (!http_header(a.http, "OCI-Chunk-Min-Length", text, sizeof(text)) ||
	    !answer_number(text, &u->least))
		u->least = 0;
	if (u->least > CHUNK_BYTES_MAX)
		u->least = CHUNK_BYTES_MAX;
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

/* Of a session that has been gone on with: it is the session, not the road. */
static bool is_lost(unsigned status)
{
	return status == 400 || status == 404 || status == 416;
}

static bool wants_all(unsigned status)
{
	return status == 400 || status == 405 || status == 411 || status == 501;
}

/* Bytes of the next request. */
static uint64_t room(const struct upload *u)
{
	const uint64_t chunk = u->chunk == CHUNK_ALL && u->no_put ? CHUNK_BYTES : u->chunk;
	const uint64_t left = u->size - u->at, least = u->least > chunk ? u->least : chunk;

	return left < least ? left : least;
}

/* Asked once where it is, which may still have changed; if that is no help it begins anew. */
static int lost(struct upload *u, const struct registry_answer *a, struct firn_error *err)
{
	if (u->elsewhere)
		url_done(&u->where);
	u->elsewhere = !u->elsewhere;
	return firn_fail(err, FIRN_EFAIL,
			 "the registry answers %u: it knows nothing of what it was sent",
			 a->status);
}

/* The rest in one PUT, or just the end: 1 done, 0 it has to go in chunks. */
static int put(struct upload *u, struct firn_error *err)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	_cleanup_(url_done) struct url end = { .host = NULL };
	const uint64_t left = u->size - u->at;
	const bool fresh = u->fresh;
	char content[64];
	struct registry_call c = {
		.method = "PUT", .url = &end, .access = ACCESS_PUSH, .again = &u->again
	};
	int rc = closing(u, &end, err);

	if (rc < 0)
		return rc;
	if (left) {
		snprintf(content, sizeof(content), "%" PRIu64 "-%" PRIu64, u->at, u->size - 1);
		c.content_range = u->at ? content : NULL;
		c.alone = u->chunk != CHUNK_ALL;
		c.type = BLOB_TYPE;
		c.src = u->src;
		c.at = u->at;
		c.length = left;
		c.progress = u->progress;
	}
	u->ended = true;
	u->fresh = false;
	if ((rc = registry_ask(u->registry, &c, &a, err)) < 0)
		return rc;
	if (a.status == 201 || a.status == 204) {
		u->at = u->size;
		rc = check_taken(u, &a, err);
		return rc < 0 ? rc : 1;
	}
	if (!left || u->no_put || !wants_chunks(a.status))
		return refuse(u, &a, err);
	if (!fresh && is_lost(a.status))
		return lost(u, &a, err);
	u->no_put = true;
	return 0;
}

/* An answer to a chunk that took nothing: 0 it has to go in another way. */
static int not_taken(struct upload *u, struct registry_answer *a, struct firn_error *err)
{
	if (a->status == 416 || a->status == 404)
		return lost(u, a, err);
	if (a->status == 413 && u->tried > CHUNK_LEAST && u->chunk > CHUNK_LEAST)
		return firn_fail(err, FIRN_EFAIL,
				 "the registry answers 413: a chunk of %" PRIu64
				 " bytes is too large for it",
				 u->tried);
	if (wants_all(a->status) && !u->no_put && !u->no_patch) {
		u->no_patch = true;
		u->chunk = CHUNK_ALL;
		url_done(&u->where);
		return 0;
	}
	return refuse(u, a, err);
}

/* One chunk: 0, also when it has to go in another way. */
static int patch(struct upload *u, struct firn_error *err)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	const uint64_t n = room(u);
	char content[64], range[64];
	const struct registry_call c = { .method = "PATCH",
					 .url = &u->where,
					 .access = ACCESS_PUSH,
					 .type = BLOB_TYPE,
					 .alone = u->chunk != CHUNK_ALL,
					 .content_range = content,
					 .src = u->src,
					 .at = u->at,
					 .length = n,
					 .progress = u->progress,
					 .again = &u->again };
	uint64_t last = u->at + n - 1;
	int rc;

	u->fresh = false;
	snprintf(content, sizeof(content), "%" PRIu64 "-%" PRIu64, u->at, last);
	if ((rc = registry_ask(u->registry, &c, &a, err)) < 0)
		return rc;
	if (a.status / 100 != 2)
		return not_taken(u, &a, err);
	if (http_header(a.http, "Range", range, sizeof(range)) &&
	    (!answer_upload_range(range, &last) || last < u->at || last >= u->at + n))
		return firn_fail(err, FIRN_ECORRUPT,
				 "the registry says that it has %.40s of %" PRIu64 " bytes", range,
				 u->at + n);
	if ((rc = take_location(u, &a, err)) < 0)
		return rc;
	u->at = last + 1;
	session_note(u->session, &u->where);
	if (u->at < u->begun + n)
		return firn_fail(err, FIRN_EFAIL,
				 "the registry has taken %" PRIu64 " of %" PRIu64 " bytes",
				 u->at - u->begun, n);
	u->elsewhere = false;
	return 0;
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
	u->begun = u->at;
	u->tried = room(u);
	if (u->at == u->size || (!u->no_put && u->tried == u->size - u->at))
		return put(u, err);
	return patch(u, err);
}

/* What came of a request that failed: of somebody's limit on the way, in bytes or seconds? */
static void look_back(struct upload *u)
{
	const struct retry *t = &u->again;

	u->told = t->status;
	u->too_much = u->told ? u->told == 408 || u->told == 413 || u->told == 502 || u->told == 504
			      : t->sent > 0;
	if (u->begun + t->sent > u->most)
		u->most = u->begun + t->sent;
}

/* Less in a request from now on; once none is so small as that helps, all of it again. */
static void take_less(struct upload *u)
{
	uint64_t chunk = u->chunk > CHUNK_AFTER_CUT ? CHUNK_AFTER_CUT : u->chunk / 2;

	if (u->no_patch || u->tried <= CHUNK_LEAST)
		return;
	if (u->tried <= CHUNK_AFTER_CUT && u->chunk == CHUNK_ALL && !u->told && !u->cut) {
		u->cut = true; /* that may have been an accident */
		return;
	}
	while (chunk >= u->tried)
		chunk /= 2;
	if (chunk < CHUNK_LEAST || chunk < u->least)
		chunk = CHUNK_ALL;
	u->chunk = chunk;
	if (chunk < u->fewest) {
		u->fewest = chunk;
		u->again.tries = 0;
	}
	note_chunk(u->registry, chunk);
}

/* After a cut: where it goes on. 1: it is all there, the answer alone was lost. */
static int find_back(struct upload *u, struct firn_error *err)
{
	const bool had = u->where.host != NULL;
	int rc = had ? resume(u, err) : 0;

	if (rc == 0 && u->ended && registry_has_blob(u->registry, u->digest, NULL, NULL) == 1)
		return 1;
	if (rc == 0) {
		u->anew += had && u->most > 0;
		url_done(&u->where);
		u->at = 0;
	}
	if (rc >= 0) {
		if (u->too_much && u->at <= u->begun)
			take_less(u);
		u->too_much = false;
	}
	moved(u);
	return rc < 0 ? rc : 0;
}

/* The last error, and what somebody can do who reads it. */
static int give_up(const struct upload *u, int rc, struct firn_error *err)
{
	rc = registry_give_up(&u->again, rc, err);
	if (!u->anew)
		return rc;
	return firn_append(err, rc,
			   "this registry keeps nothing of an upload that is cut: all %" PRIu64
			   " bytes have to come in a row, and at most %" PRIu64
			   " did; try again, over a better connection or from nearer",
			   u->size, u->most);
}

/* Bytes by which it has to get on: whoever takes one at a time is no registry. */
static uint64_t enough(const struct upload *u)
{
	return u->size / 8 < PROGRESS_BYTES ? u->size / 8 : PROGRESS_BYTES;
}

static int send_all(struct upload *u, struct firn_error *err)
{
	bool cut = u->where.host != NULL; /* a session of another run is asked first */
	const bool other = cut;
	int rc;

	for (;;) {
		rc = cut ? find_back(u, err) : 0;
		/* Of what that run sent nothing was kept. */
		if (rc == 0 && other && u->at == 0 && u->chunk > CHUNK_AFTER_CUT && !u->no_patch)
			u->chunk = CHUNK_AFTER_CUT;
		if (rc == 0) {
			cut = false;
			rc = step(u, err);
			if (rc == -FIRN_EFAIL)
				look_back(u);
		}
		if (rc > 0)
			return 0;
		if (u->at > u->best && u->at - u->best >= enough(u)) {
			u->best = u->at;
			u->again.tries = 0;
		}
		if (rc == 0) {
			moved(u);
			continue;
		}
		if (rc != -FIRN_EFAIL || u->refused || !u->registry->reached)
			return rc;
		cut = true;
		if (u->anew > ANEW_MAX || !registry_again(u->registry, &u->again))
			return give_up(u, rc, err);
	}
}

static int put_blob(struct upload *u, struct firn_error *err)
{
	int rc;

	if (u->registry->state && u->size > CHUNK_LEAST)
		u->session =
		    session_open(u->registry->state, u->registry->name, u->digest, &u->where);
	rc = send_all(u, err);
	if (rc < 0)
		return rc;
	session_end(u->session);
	if (u->size > (u->chunk < CHUNK_AFTER_CUT ? u->chunk : CHUNK_AFTER_CUT))
		note_chunk(u->registry, u->chunk);
	return 0;
}

int registry_put_blob(struct registry *r, const struct digest *d, uint64_t size, struct source *src,
		      const struct registry_progress *progress, struct firn_error *err)
{
	_cleanup_(upload_done) struct upload u = { .registry = r,
						   .digest = d,
						   .size = size,
						   .chunk = known_chunk(r),
						   .fewest = CHUNK_ALL,
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

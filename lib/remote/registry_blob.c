/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blobs as they come: whether they are there, and their bytes, which survive cut connections. */
#include "base/fd.h"
#include "format/ref_docker.h"
#include "remote/answer.h"
#include "remote/registry_priv.h"
#include "remote/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROGRESS_BYTES (64u << 10) /* a connection that brought as much was no try in vain */

static int name_it(const struct registry *r, const struct digest *d, int rc, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];

	return firn_wrap(err, rc, "%s: blob %s", r->name, digest_text(d, text));
}

/* Content-Length, or UINT64_MAX when there is none. */
static uint64_t length_of(const struct registry_answer *a)
{
	char text[32];
	uint64_t n;

	if (!http_header(a->http, "Content-Length", text, sizeof(text)) || !answer_number(text, &n))
		return UINT64_MAX;
	return n;
}

static int has(struct registry *r, const struct digest *d, uint64_t *ret_size,
	       struct firn_error *err)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	char path[REGISTRY_PATH_MAX], text[DIGEST_TEXT_MAX];
	const struct registry_call c = { .method = "HEAD", .path = path };
	int rc;

	registry_path(r, path, "blobs/%s", digest_text(d, text));
	if ((rc = registry_ask(r, &c, &a, err)) < 0)
		return rc;
	if (a.status == 404)
		return 0;
	if (a.status != 200)
		return registry_refuse(&a, err);
	if (ret_size && length_of(&a) == UINT64_MAX)
		return firn_fail(err, FIRN_ECORRUPT, "the registry doesn't say how large it is");
	if (ret_size)
		*ret_size = length_of(&a);
	if (r->state)
		session_forget(r->state, r->name, d);
	return 1;
}

int registry_has_blob(struct registry *r, const struct digest *d, uint64_t *ret_size,
		      struct firn_error *err)
{
	return name_it(r, d, has(r, d, ret_size, err), err);
}

bool registry_mount_blob(struct registry *r, const struct digest *d, const char *from)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	char path[REGISTRY_PATH_MAX], text[DIGEST_TEXT_MAX];
	const struct registry_call c = {
		.method = "POST", .path = path, .access = ACCESS_PUSH, .from = from
	};

	if (!ref_is_repository(from) || strcmp(from, r->repository) == 0)
		return false;
	registry_path(r, path, "blobs/uploads/?mount=%s&from=%s", digest_text(d, text), from);
	/* A token service may give no token at all where one of two repositories isn't ours. */
	if (registry_ask(r, &c, &a, NULL) < 0)
		return false;
	if (a.status == 202)
		registry_cancel_upload(&a);
	/* What it may not read, or doesn't know, has to be sent. */
	return a.status == 201;
}

struct blob_in {
	struct istream in;
	struct registry *registry;
	struct digest digest;
	uint64_t at, to, size;
	uint64_t begun; /* at, when the connection was made */
	uint64_t few;   /* bytes that came in the last ... */
	uint64_t spent; /* ms that were waited for them */
	struct registry_answer answer;
	struct retry again;
	bool refused; /* by an answer that another try would get, too */
	int failed;
};

/* A peer that sends a byte now and then sends nothing. */
static int check_pace(struct blob_in *b, size_t got, uint64_t ms, struct firn_error *err)
{
	b->few += got;
	b->spent += ms;
	if (b->few >= PROGRESS_BYTES) {
		b->few = b->spent = 0;
	} else if (b->spent >= registry_patience(b->registry)) {
		return firn_fail(err, FIRN_EFAIL,
				 "%" PRIu64 " bytes in %" PRIu64 " s are too few to go on", b->few,
				 b->spent / 1000);
	}
	return 0;
}

/* A registry that knows no ranges sends all of it: what came before is read and forgotten. */
static int skip(struct blob_in *b, struct firn_error *err)
{
	char piece[16384];
	uint64_t left = b->at;

	while (left > 0) {
		const size_t want = left < sizeof(piece) ? (size_t)left : sizeof(piece);
		const uint64_t begun = registry_clock();
		const ssize_t n = http_read(b->answer.http, piece, want, err);
		int rc;

		if (n < 0)
			return (int)n;
		if (n == 0)
			return firn_fail(err, FIRN_ECORRUPT, "ends before byte %" PRIu64, b->at);
		left -= (uint64_t)n;
		rc = left ? check_pace(b, (size_t)n, registry_clock() - begun, err) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int check_length(uint64_t told, uint64_t size, struct firn_error *err)
{
	if (told == UINT64_MAX || told == size)
		return 0;
	return firn_fail(err, FIRN_ECORRUPT,
			 "the registry sends %" PRIu64 " bytes where %" PRIu64 " are expected",
			 told, size);
}

/* That the answer is the part that was asked for. */
static int check_answer(struct blob_in *b, struct firn_error *err)
{
	uint64_t from, last, size;
	char text[96];

	if (b->answer.status == 200) {
		int rc = check_length(length_of(&b->answer), b->size, err);

		return rc < 0 ? rc : skip(b, err);
	}
	if (!http_header(b->answer.http, "Content-Range", text, sizeof(text)) ||
	    !answer_content_range(text, &from, &last, &size))
		return firn_fail(err, FIRN_ECORRUPT,
				 "the registry doesn't say which part it sends");
	if (size != UINT64_MAX && size != b->size)
		return check_length(size, b->size, err);
	if (from != b->at || last != b->to - 1)
		return firn_fail(err, FIRN_ECORRUPT,
				 "the registry sends bytes %" PRIu64 " to %" PRIu64 ", not %" PRIu64
				 " to %" PRIu64,
				 from, last, b->at, b->to - 1);
	return 0;
}

static int connect_blob(struct blob_in *b, struct firn_error *err)
{
	char path[REGISTRY_PATH_MAX], text[DIGEST_TEXT_MAX], range[64];
	const bool all = b->at == 0 && b->to == b->size;
	const struct registry_call c = { .method = "GET",
					 .path = path,
					 .range = all ? NULL : range };
	int rc;

	registry_path(b->registry, path, "blobs/%s", digest_text(&b->digest, text));
	snprintf(range, sizeof(range), "bytes=%" PRIu64 "-%" PRIu64, b->at, b->to - 1);
	if ((rc = registry_ask(b->registry, &c, &b->answer, err)) < 0)
		return rc;
	b->begun = b->at;
	b->few = b->spent = 0;
	b->refused = b->answer.status != 200 && b->answer.status != 206;
	if (b->refused)
		return registry_refuse(&b->answer, err);
	return check_answer(b, err);
}

/* The end is where it was announced: one byte more is one too many. */
static int check_end(struct blob_in *b, struct firn_error *err)
{
	char byte;
	ssize_t n = 0;

	if (b->answer.http && !(b->answer.status == 200 && b->to < b->size))
		n = http_read(b->answer.http, &byte, 1, NULL);
	registry_answer_done(&b->answer);
	if (n > 0)
		return firn_fail(err, FIRN_ECORRUPT,
				 "the registry sends more than %" PRIu64 " bytes", b->size);
	return 0;
}

static ssize_t read_some(struct blob_in *b, void *buf, size_t n, struct firn_error *err)
{
	uint64_t begun;
	ssize_t got = 0;
	int rc;

	if (!b->answer.http)
		got = connect_blob(b, err);
	if (got < 0)
		return got;
	if (n > b->to - b->at)
		n = (size_t)(b->to - b->at);
	begun = registry_clock();
	got = http_read(b->answer.http, buf, n, err);
	if (got == 0)
		return firn_fail(err, FIRN_ECORRUPT,
				 "the registry sends %" PRIu64 " bytes where %" PRIu64
				 " are expected",
				 b->at, b->to);
	if (got < 0)
		return got;
	b->at += (uint64_t)got;
	if (b->at < b->to && (rc = check_pace(b, (size_t)got, registry_clock() - begun, err)) < 0) {
		b->at -= (uint64_t)got;
		return rc;
	}
	return got;
}

static ssize_t blob_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct blob_in *b = (struct blob_in *)in;
	ssize_t got;

	if (b->failed)
		return firn_fail(err, (enum firn_code)b->failed, "reading has failed before");
	for (;;) {
		bool asked;

		if (b->at == b->to) {
			got = check_end(b, err);
			break;
		}
		asked = b->answer.http != NULL;
		got = read_some(b, buf, n, err);
		if (got >= 0)
			return got;
		asked = asked || b->answer.http;
		registry_answer_done(&b->answer);
		/* What never became an answer was tried often enough. */
		if (got != -FIRN_EFAIL || !asked || b->refused)
			break;
		if (b->at - b->begun >= PROGRESS_BYTES) {
			b->again = (struct retry){ 0 };
			continue;
		}
		if (!registry_again(b->registry, &b->again)) {
			got = registry_give_up(&b->again, (int)got, err);
			break;
		}
	}
	b->failed = got < 0 ? (int)-got : 0;
	return name_it(b->registry, &b->digest, (int)got, err);
}

static void blob_close(struct istream *in)
{
	registry_answer_done(&((struct blob_in *)in)->answer);
	free(in);
}

int registry_range(struct registry *r, const struct digest *d, uint64_t from, uint64_t to,
		   uint64_t size, struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { .read = blob_read, .close = blob_close };
	struct blob_in *b;

	if (from > to || to > size)
		return firn_fail(err, FIRN_EINVAL, "no such part of a blob");
	b = calloc(1, sizeof(*b));
	if (!b)
		return firn_fail_oom(err, "blob");
	*b = (struct blob_in){ .in.ops = &ops,
			       .registry = r,
			       .digest = *d,
			       .at = from,
			       .begun = from,
			       .to = to,
			       .size = size };
	*ret = &b->in;
	return 0;
}

int registry_blob(struct registry *r, const struct digest *d, uint64_t from, uint64_t size,
		  struct istream **ret, struct firn_error *err)
{
	return registry_range(r, d, from, size, size, ret, err);
}

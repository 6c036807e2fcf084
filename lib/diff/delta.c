/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diff/delta.h"

#include "base/fd.h"
#include "bytes/digest.h"
#include "format/deleted.h"
#include "format/tar.h"
#include "format/whiteout.h"

#include <string.h>
#include <sys/stat.h>

#define PIECE_BYTES 65536u

void diff_delta_done(struct diff_delta *d)
{
	buf_done(&d->names);
	free(d->list);
	*d = (struct diff_delta){ 0 };
}

const char *diff_delta_path(const struct diff_delta *d, const struct diff_delta_entry *e)
{
	return (const char *)d->names.data + e->path;
}

const char *diff_delta_target(const struct diff_delta *d, const struct diff_delta_entry *e)
{
	return e->target ? (const char *)d->names.data + e->target : NULL;
}

static int add_name(struct diff_delta *d, const char *name, uint32_t *ret, struct firn_error *err)
{
	const size_t len = strlen(name) + 1;

	if (len > DIFF_DELTA_NAMES_MAX - d->names.len)
		return firn_fail(err, FIRN_ELIMIT, "names of more than %u bytes",
				 DIFF_DELTA_NAMES_MAX);
	*ret = (uint32_t)d->names.len;
	buf_put(&d->names, name, len);
	return buf_check(&d->names, err);
}

static int add(struct diff_delta *d, const char *path, const struct diff_delta_entry *entry,
	       const char *target, struct firn_error *err)
{
	struct diff_delta_entry *e;
	int rc;

	if (d->n == DIFF_DELTA_ENTRIES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u entries", DIFF_DELTA_ENTRIES_MAX);
	if (d->n == d->room) {
		const size_t room = d->room ? 2 * d->room : 64;
		struct diff_delta_entry *grown = reallocarray(d->list, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "filesystem delta");
		d->list = grown;
		d->room = room;
	}
	e = &d->list[d->n];
	*e = *entry;
	rc = add_name(d, path, &e->path, err);
	if (rc == 0 && target)
		rc = add_name(d, target, &e->target, err);
	if (rc == 0)
		d->n++;
	return rc;
}

static uint64_t short_of(const struct digest *digest)
{
	uint64_t n;

	memcpy(&n, digest->bytes, sizeof(n));
	return n ? n : 1; /* 0 is none */
}

/* 64 bits of a digest of all the tar's reader lets through. */
static int hash_stream(const struct sip_key *salt, struct istream *in, uint64_t *ret,
		       struct firn_error *err)
{
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	uint8_t piece[PIECE_BYTES];
	struct digest digest;
	ssize_t got;
	int rc = hasher_new(DIGEST_SHA256, &h, err);

	if (rc == 0)
		rc = hasher_update(h, salt, sizeof(*salt), err);
	while (rc == 0 && (got = istream_read(in, piece, sizeof(piece), err)) != 0)
		rc = got < 0 ? (int)got : hasher_update(h, piece, (size_t)got, err);
	if (rc == 0)
		rc = hasher_final(h, &digest, err);
	if (rc == 0)
		*ret = short_of(&digest);
	return rc;
}

/* In whatever order they come: each is hashed alone. */
static int hash_xattrs(const struct sip_key *salt, const struct xattr *x, uint64_t *ret,
		       struct firn_error *err)
{
	uint64_t sum = 0;

	for (; x; x = x->next) {
		_buf_ struct buf text = BUF_INIT;
		struct digest digest;
		int rc;

		buf_put(&text, salt, sizeof(*salt));
		buf_put(&text, x->name, strlen(x->name) + 1);
		buf_put(&text, x->value, x->len);
		if ((rc = buf_check(&text, err)) < 0 ||
		    (rc = digest_of(text.data, text.len, &digest, err)) < 0)
			return rc;
		sum += short_of(&digest);
	}
	*ret = sum;
	return 0;
}

static int add_whiteout(struct diff_delta *d, const char *path, bool *ret_was,
			struct firn_error *err)
{
	static const struct diff_delta_entry deletion = { .deletion = true };
	_free_ char *hidden = NULL;
	int rc = d->literal ? WHITEOUT_NONE : whiteout_parse(path, &hidden, err);

	if (rc <= 0)
		return rc;
	*ret_was = true;
	return add(d, hidden, &deletion, NULL, err);
}

static uint64_t size_of(const struct tar_entry *e)
{
	if (S_ISCHR(e->mode) || S_ISBLK(e->mode))
		return (uint64_t)e->major << 20 | e->minor;
	return S_ISREG(e->mode) ? e->size : 0;
}

static int add_entry(struct diff_delta *d, struct tar *tar, const struct tar_entry *e,
		     struct firn_error *err)
{
	struct diff_delta_entry entry = {
		.size = size_of(e),
		.mtime = e->mtime,
		.mtime_ns = e->mtime_ns,
		.mode = e->mode & 0xffff,
		.uid = e->uid,
		.gid = e->gid,
		.hardlink = e->hardlink,
	};
	bool was_whiteout = false;
	int rc = add_whiteout(d, e->path, &was_whiteout, err);

	if (rc < 0 || was_whiteout ||
	    (rc = hash_xattrs(&d->salt, e->xattrs, &entry.xattrs, err)) < 0)
		return rc;
	if (d->content && S_ISREG(e->mode) && !e->hardlink) {
		_cleanup_(istream_closep) struct istream *in = NULL;

		rc = tar_payload(tar, &in, err);
		if (rc == 0)
			rc = hash_stream(&d->salt, in, &entry.content, err);
		if (rc < 0)
			return rc;
	}
	return add(d, e->path, &entry, e->target, err);
}

static int add_tar(struct diff_delta *d, struct tar *tar, struct firn_error *err)
{
	const struct tar_entry *e;
	int rc = 0;

	while (rc >= 0 && (rc = tar_next(tar, &e, err)) > 0)
		rc = add_entry(d, tar, e, err);
	return rc;
}

int diff_delta_add_stream(struct diff_delta *d, struct istream *in, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	int rc = tar_open_stream(in, NULL, &tar, err);

	return rc < 0 ? rc : add_tar(d, tar, err);
}

int diff_delta_add_source(struct diff_delta *d, struct source *src, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	int rc = tar_open_source(src, NULL, &tar, err);

	return rc < 0 ? rc : add_tar(d, tar, err);
}

int diff_delta_add_deleted(struct diff_delta *d, const char *text, size_t len,
			   struct firn_error *err)
{
	static const struct diff_delta_entry deletion = { .deletion = true };
	_cleanup_(deleted_done) struct deleted deleted = { 0 };
	int rc = deleted_parse(text, len, &deleted, err);

	for (size_t k = 0; rc == 0 && k < deleted.count; k++)
		rc = add(d, deleted.paths[k], &deletion, NULL, err);
	return rc;
}

static int by_key(const struct diff_delta *d, const struct diff_delta_entry *x,
		  const struct diff_delta_entry *y)
{
	const int order = strcmp(diff_delta_path(d, x), diff_delta_path(d, y));

	return order ? order : (int)y->deletion - (int)x->deletion;
}

/* Names are collected in the order of the tar. */
static int in_order(const void *a, const void *b, void *ctx)
{
	const struct diff_delta_entry *x = a, *y = b;
	const int order = by_key(ctx, x, y);

	return order ? order : (x->path > y->path) - (x->path < y->path);
}

static const struct diff_delta_entry *find_file(const struct diff_delta *d, const char *path)
{
	size_t from = 0, to = d->n;

	while (from < to) {
		const size_t mid = from + (to - from) / 2;
		const struct diff_delta_entry *e = &d->list[mid];
		const int order = strcmp(path, diff_delta_path(d, e));

		if (order == 0 && !e->deletion)
			return e;
		if (order < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return NULL;
}

/* The last one of a name counts, as it does when a tar is unpacked. */
static void drop_earlier(struct diff_delta *d)
{
	size_t n = 0;

	for (size_t k = 0; k < d->n; k++) {
		if (n && by_key(d, &d->list[n - 1], &d->list[k]) == 0)
			n--;
		d->list[n++] = d->list[k];
	}
	d->n = n;
}

static void resolve_links(struct diff_delta *d)
{
	for (size_t k = 0; k < d->n; k++) {
		struct diff_delta_entry *e = &d->list[k];
		const struct diff_delta_entry *to =
		    e->hardlink ? find_file(d, diff_delta_target(d, e)) : NULL;
		const uint32_t path = e->path;

		if (!e->hardlink)
			continue;
		e->target = 0;
		if (!to || to->hardlink)
			continue;
		*e = *to;
		e->path = path;
	}
}

int diff_delta_finish(struct diff_delta *d, struct firn_error *err)
{
	int rc = buf_check(&d->names, err);

	if (rc < 0)
		return rc;
	if (d->n)
		qsort_r(d->list, d->n, sizeof(*d->list), in_order, d);
	drop_earlier(d);
	resolve_links(d);
	return 0;
}

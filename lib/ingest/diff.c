/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/diff.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"

#include <string.h>

/* The payload of rootfs-diff.tar: its first bytes are looked at, all of them may go to C as well.
 */
struct diff_stream {
	struct istream stream;
	struct istream *in;    /* owned */
	struct compat *compat; /* NULL: not wanted */
	uint64_t taken;
	uint8_t head[CODEC_DETECT_BYTES];
	size_t head_at, head_len;
};

static ssize_t take_bytes(struct diff_stream *d, void *buf, size_t n, struct firn_error *err)
{
	const ssize_t got = istream_read(d->in, buf, n, err);
	int rc = 0;

	if (got <= 0)
		return got;
	d->taken += (uint64_t)got;
	if (d->compat)
		rc = compat_put(d->compat, buf, (size_t)got, err);
	return rc < 0 ? rc : got;
}

static ssize_t diff_read(struct istream *stream, void *buf, size_t n, struct firn_error *err)
{
	struct diff_stream *d = (struct diff_stream *)stream;
	const size_t ahead = d->head_len - d->head_at;

	if (!ahead)
		return take_bytes(d, buf, n, err);
	if (n > ahead)
		n = ahead;
	memcpy(buf, d->head + d->head_at, n);
	d->head_at += n;
	return (ssize_t)n;
}

static void diff_close(struct istream *stream)
{
	(void)stream; /* lives in diff_take() */
}

static void diff_done(struct diff_stream *d)
{
	istream_close(d->in);
}

static int open_diff(struct ingest *g, const struct tar_entry *e, struct diff_stream *d,
		     struct firn_error *err)
{
	static const struct istream_ops ops = { .read = diff_read, .close = diff_close };
	int rc = input_payload(g->input, &d->in, err);

	d->stream.ops = &ops;
	if (rc >= 0 && g->archive_delta) {
		d->compat = &g->compat;
		rc = compat_begin(&g->compat, e, err);
	}
	while (rc >= 0 && d->head_len < sizeof(d->head)) {
		const ssize_t got =
		    take_bytes(d, d->head + d->head_len, sizeof(d->head) - d->head_len, err);

		if (got <= 0)
			return (int)got;
		d->head_len += (size_t)got;
	}
	return rc;
}

void diff_watch(const char *path, const void *bytes, size_t n, uint64_t at, void *ctx)
{
	struct ingest *g = ctx;

	(void)bytes;
	(void)n;
	(void)at;
	notes_progress(&g->notes, path, g->input->done, g->input->total);
}

/* Converted at once, unless it may be a layer as it is. */
static int take_stream(struct ingest *g, const struct tar_entry *e, struct diff_stream *d,
		       struct firn_error *err)
{
	const enum codec codec = codec_detect(d->head, d->head_len);
	const bool changeset = !g->detected || g->facts.engine->changeset;

	if (codec != CODEC_NONE && changeset)
		return changeset_take(&g->changeset, g->store, &d->stream, e->size, codec,
				      diff_watch, g, err);
	return delta_convert(&g->delta, &d->stream, !changeset, err);
}

/* Two answers to one question. */
static int check_no_upper(const struct ingest *g, struct firn_error *err)
{
	if (!g->from_upper)
		return 0;
	return firn_fail(err, FIRN_EINVAL,
			 "the checkpoint holds the changes of the root filesystem itself, so there "
			 "is no use for an upper directory");
}

int diff_take(struct ingest *g, const struct tar_entry *e, struct firn_error *err)
{
	_cleanup_(diff_done) struct diff_stream d = { .in = NULL };
	int rc = check_no_upper(g, err);

	if (rc < 0)
		return rc;
	if (g->has_diff)
		return ingest_twice(e->path, err);
	if (!S_ISREG(e->mode) || e->hardlink)
		return firn_fail(err, FIRN_ECORRUPT, "is no file");
	g->has_diff = true;
	if ((rc = open_diff(g, e, &d, err)) < 0 || (rc = take_stream(g, e, &d, err)) < 0)
		return rc;
	return d.taken == e->size ? 0 : firn_fail(err, FIRN_ECORRUPT, "ends early");
}

int diff_take_deleted(struct ingest *g, const struct tar_entry *e, struct firn_error *err)
{
	_free_ char *text = NULL;
	int rc = check_no_upper(g, err);

	if (rc >= 0 && g->has_deleted)
		return ingest_twice(e->path, err);
	if (rc >= 0)
		rc = ingest_read(g, e, DELETED_BYTES_MAX, &text, err);
	if (rc >= 0)
		rc = deleted_parse(text, (size_t)e->size, &g->deleted, err);
	g->has_deleted = rc >= 0;
	if (rc >= 0 && g->archive_delta)
		rc = compat_add(&g->compat, e, text, err);
	return rc;
}

/* Why the compressed diff can't be R's layer as it is, or NULL. */
static const char *unfit(const struct ingest *g)
{
	if (!g->facts.engine->changeset)
		return "";
	if (g->facts.engine->deletions && g->deleted.count)
		return "deleted.files has deletions besides";
	return g->changeset.unfit[0] ? g->changeset.unfit : NULL;
}

static int convert(struct ingest *g, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(istream_closep) struct istream *in = NULL;
	int rc;

	if ((rc = changeset_source(&g->changeset, &src, err)) < 0 ||
	    (rc = istream_from_source(src, &in, err)) < 0)
		return rc;
	rc = delta_convert(&g->delta, in, !g->facts.engine->changeset, err);
	changeset_done(&g->changeset);
	return rc;
}

int diff_conclude(struct ingest *g, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	const char *why = g->changeset.blob ? unfit(g) : NULL;
	int rc;

	if (why) {
		if (*why)
			notes_warn(&g->notes,
				   CHECKPOINT_ROOTFS
				   " is converted and not taken over as the layer that "
				   "the engine wrote: %s",
				   why);
		rc = convert(g, err);
		if (rc < 0)
			return firn_wrap(err, rc, CHECKPOINT_ROOTFS);
	}
	if (g->delta.whiteout && !g->facts.engine->changeset)
		return firn_fail(err, FIRN_ECORRUPT,
				 "rootfs-diff.tar has a \".wh.\" file for %s, which %s doesn't "
				 "write",
				 path_quote(g->delta.whiteout, quoted), g->facts.engine->name);
	return 0;
}

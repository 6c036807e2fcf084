/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/tar.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/recipe.h"
#include "format/tar_private.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

struct tar {
	struct tar_input *in;
	uint64_t entries, max_entries;
	uint64_t left, padding; /* of the current entry's payload */
	uint64_t turn;          /* counts tar_next(), for the payload streams */
	uint64_t header;        /* where the current header begins */
	bool ended;
	struct recipe_writer *recipe; /* borrowed; NULL: nobody wants one */
	struct firn_error failed;     /* the first failure is every later call's */
	struct tar_entry entry;
	struct tar_extra extra;
};

/* Takes *@in. */
static int tar_new(struct tar_input **in, const struct tar_limits *limits, struct tar **ret,
		   struct firn_error *err)
{
	struct tar *t = calloc(1, sizeof(*t));

	if (!t) {
		tar_input_close(*in);
		return firn_fail_oom(err, "tar");
	}
	t->in = take_ptr(in);
	t->max_entries = limits && limits->entries ? limits->entries : TREE_NODES_MAX;
	*ret = t;
	return 0;
}

int tar_open_stream(struct istream *from, const struct tar_limits *limits, struct tar **ret,
		    struct firn_error *err)
{
	struct tar_input *in = NULL;
	int rc = tar_input_from_stream(from, limits ? limits->ratio : 0, &in, err);

	return rc < 0 ? rc : tar_new(&in, limits, ret, err);
}

int tar_open_source(struct source *src, const struct tar_limits *limits, struct tar **ret,
		    struct firn_error *err)
{
	struct tar_input *in = NULL;
	int rc = tar_input_from_source(src, limits ? limits->ratio : 0, &in, err);

	return rc < 0 ? rc : tar_new(&in, limits, ret, err);
}

int tar_open_plain(struct source *src, const struct tar_limits *limits, struct tar **ret,
		   struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *t = NULL;
	int rc = tar_open_source(src, limits, &t, err);

	if (rc < 0)
		return rc;
	if (tar_compressed(t)) /* then nothing has a place of its own */
		return firn_fail(err, FIRN_EUNSUPP, "is compressed with %s: unpack it first",
				 tar_packing(t));
	*ret = take_ptr(&t);
	return 0;
}

void tar_close(struct tar *t)
{
	if (!t)
		return;
	tar_entry_done(&t->entry);
	tar_extra_done(&t->extra);
	tar_input_close(t->in);
	free(t);
}

void tar_closep(struct tar **t)
{
	tar_close(*t);
	*t = NULL;
}

void tar_record(struct tar *t, struct recipe_writer *w)
{
	t->recipe = w;
}

const char *tar_packing(const struct tar *t)
{
	return tar_input_packing(t->in);
}

bool tar_compressed(const struct tar *t)
{
	return tar_input_compressed(t->in);
}

static int fail_header(const struct tar *t, int rc, struct firn_error *err)
{
	if (t->header == 0)
		return firn_wrap(err, rc, "is no tar archive");
	return firn_wrap(err, rc, "header at offset %" PRIu64, t->header);
}

static int fail_payload(const struct tar *t, int rc, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	return firn_wrap(err, rc, "entry %s", path_quote(t->entry.path, quoted));
}

/* Up to @n bytes that are no payload. */
static ssize_t read_own(struct tar *t, void *buf, size_t n, struct firn_error *err)
{
	const ssize_t got = tar_input_read_full(t->in, buf, n, err);
	int rc = 0;

	if (got > 0 && t->recipe)
		rc = recipe_bytes(t->recipe, buf, (size_t)got, err);
	return rc < 0 ? rc : got;
}

/* 1 a header, 0 the end-of-archive marker. */
static int read_header(struct tar *t, struct tar_header *ret, struct firn_error *err)
{
	uint8_t block[TAR_BLOCK];
	ssize_t got;
	int rc;

	t->header = tar_input_at(t->in);
	got = read_own(t, block, sizeof(block), err);
	if (got < 0)
		return (int)got;
	if (got == 0 && t->header == 0)
		return firn_fail(err, FIRN_ECORRUPT, "is empty: no tar archive");
	if (got == 0)
		return firn_fail(err, FIRN_ECORRUPT, "ends without its end-of-archive marker");
	if (got < TAR_BLOCK)
		return fail_header(t, firn_fail(err, FIRN_ECORRUPT, "ends in the middle"), err);
	rc = tar_header_parse(block, ret, err);
	if (rc != 0)
		return rc < 0 ? fail_header(t, rc, err) : rc;

	/* The second block of the marker may be cut off, but nothing else may stand there. */
	got = read_own(t, block, sizeof(block), err);
	if (got < 0)
		return (int)got;
	if (got == 0)
		return 0;
	if (got < TAR_BLOCK || tar_header_parse(block, ret, NULL) != 0)
		return firn_fail(err, FIRN_ECORRUPT,
				 "half an end-of-archive marker at offset %" PRIu64, t->header);
	return 0;
}

/* The payload of a header that describes the entry behind it; NUL-ended, caller frees. */
static int read_extra(struct tar *t, const struct tar_header *h, char **ret, struct firn_error *err)
{
	_free_ char *bytes = NULL;
	uint64_t size = (uint64_t)h->size, padded = (size + TAR_BLOCK - 1) & ~(TAR_BLOCK - 1ull);
	ssize_t got;

	if (size > TAR_EXTRA_MAX)
		return fail_header(t,
				   firn_fail(err, FIRN_ELIMIT,
					     "extended header of more than %u bytes",
					     TAR_EXTRA_MAX),
				   err);
	bytes = malloc(padded + 1);
	if (!bytes)
		return firn_fail_oom(err, "extended header");
	got = read_own(t, bytes, padded, err);
	if (got < 0)
		return (int)got;
	if ((uint64_t)got < padded)
		return firn_fail(err, FIRN_ECORRUPT, "ends in the middle of an extended header");
	bytes[size] = '\0';
	*ret = take_ptr(&bytes);
	return 0;
}

static int extra_pax(struct tar *t, const struct tar_header *h, struct firn_error *err)
{
	_free_ char *bytes = NULL;
	int rc;

	if (t->extra.has_pax)
		return fail_header(
		    t, firn_fail(err, FIRN_ECORRUPT, "a second extended header for one entry"),
		    err);
	rc = read_extra(t, h, &bytes, err);
	if (rc < 0)
		return rc;
	rc = tar_pax_parse((const uint8_t *)bytes, (size_t)h->size, &t->extra.pax, err);
	if (rc < 0)
		return fail_header(t, rc, err);
	t->extra.any = t->extra.has_pax = true;
	return 0;
}

static int extra_name(struct tar *t, const struct tar_header *h, char **ret, struct firn_error *err)
{
	if (*ret)
		return fail_header(
		    t, firn_fail(err, FIRN_ECORRUPT, "a second long name for one entry"), err);
	t->extra.any = true;
	return read_extra(t, h, ret, err);
}

/* 1 when @h is an entry's own header, 0 when it was dealt with here. */
static int take_extra(struct tar *t, const struct tar_header *h, struct firn_error *err)
{
	_free_ char *global = NULL;

	switch (h->type) {
	case 'x':
		return extra_pax(t, h, err);
	case 'L':
		return extra_name(t, h, &t->extra.name, err);
	case 'K':
		return extra_name(t, h, &t->extra.link, err);
	case 'g':
		return read_extra(t, h, &global, err);
	default:
		return 1;
	}
}

static int leave_padding(struct tar *t, struct firn_error *err)
{
	uint8_t bytes[TAR_BLOCK];
	ssize_t got;

	if (!t->recipe)
		return tar_input_skip(t->in, t->padding, err);
	got = read_own(t, bytes, (size_t)t->padding, err);
	if (got < 0)
		return (int)got;
	return (uint64_t)got == t->padding ? 0 : firn_fail(err, FIRN_ECORRUPT, "ends early");
}

/* Whatever stands behind the end-of-archive marker. */
static int drain(struct tar *t, struct firn_error *err)
{
	uint8_t bytes[16 * TAR_BLOCK];
	ssize_t got = 1;

	while (got > 0 && t->recipe)
		got = read_own(t, bytes, sizeof(bytes), err);
	return got < 0 ? (int)got : tar_input_drain(t->in, err);
}

/* To the next header: what is left of the payload is passed over. */
static int leave_entry(struct tar *t, struct firn_error *err)
{
	int rc = tar_input_skip(t->in, t->left, err);

	if (rc >= 0)
		rc = leave_padding(t, err);
	if (rc < 0)
		return fail_payload(t, rc, err);
	t->left = t->padding = 0;
	tar_entry_done(&t->entry);
	tar_extra_done(&t->extra);
	return 0;
}

static int next_entry(struct tar *t, struct firn_error *err)
{
	struct tar_header h;
	int rc = leave_entry(t, err);

	while (rc == 0) {
		rc = read_header(t, &h, err);
		if (rc == 0 && t->extra.any)
			return firn_fail(err, FIRN_ECORRUPT,
					 "ends after an extended header without its entry");
		if (rc == 0) {
			t->ended = true;
			return drain(t, err);
		}
		if (rc > 0)
			rc = take_extra(t, &h, err);
	}
	if (rc < 0)
		return rc;
	if (++t->entries > t->max_entries)
		return firn_fail(err, FIRN_ELIMIT, "more than %" PRIu64 " entries", t->max_entries);
	rc = tar_entry_build(&t->extra, &h, t->in, &t->entry, err);
	if (rc < 0)
		return rc;
	t->left = t->entry.size;
	t->padding = -t->left & (TAR_BLOCK - 1);
	if (t->recipe && t->left)
		rc = recipe_payload(t->recipe, t->entry.path, t->left, err);
	return rc < 0 ? rc : 1;
}

int tar_next(struct tar *t, const struct tar_entry **ret, struct firn_error *err)
{
	int rc;

	t->turn++;
	if (t->ended)
		return 0;
	if (!t->failed.code) {
		rc = next_entry(t, &t->failed);
		if (rc > 0)
			*ret = &t->entry;
		if (rc >= 0)
			return rc;
	}
	if (err)
		*err = t->failed;
	return -t->failed.code;
}

ssize_t tar_read(struct tar *t, void *buf, size_t n, struct firn_error *err)
{
	ssize_t got;

	if (n > t->left)
		n = (size_t)t->left;
	if (n == 0)
		return 0;
	got = tar_input_read(t->in, buf, n, err);
	if (got == 0)
		got = firn_fail(err, FIRN_ECORRUPT, "ends early");
	if (got < 0)
		return fail_payload(t, (int)got, err);
	t->left -= (uint64_t)got;
	return got;
}

struct payload {
	struct istream in;
	struct tar *t;
	uint64_t turn;
};

static ssize_t payload_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct payload *p = (struct payload *)in;

	assert(p->turn == p->t->turn);
	return tar_read(p->t, buf, n, err);
}

static void payload_close(struct istream *in)
{
	free(in);
}

int tar_payload(struct tar *t, struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { payload_read, payload_close };
	struct payload *p = calloc(1, sizeof(*p));

	if (!p)
		return firn_fail_oom(err, "tar");
	p->in.ops = &ops;
	p->t = t;
	p->turn = t->turn;
	*ret = &p->in;
	return 0;
}

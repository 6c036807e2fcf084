/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/recipe.h"

#include "base/fd.h"
#include "base/path.h"

#include <stdbool.h>
#include <string.h>

#define MAGIC_BYTES   16
#define PACKING_BYTES 8
#define HEADER_BYTES  (MAGIC_BYTES + PACKING_BYTES + 8 + 8)
#define ZEROS_MIN     24   /* a record of zeros and of the bytes behind them cost 14 */
#define PIECE_BYTES   4096 /* that a reader hands out at once */

static const char magic[MAGIC_BYTES] = "firn-recipe 1\n";
static const char *const packings[] = { "none", "gzip", "zstd", "xz", "bzip2" };

static const char *find_packing(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(packings); i++)
		if (strcmp(word, packings[i]) == 0)
			return packings[i];
	return NULL;
}

struct recipe_writer {
	const char *packing;
	struct buf records;
	size_t open;    /* where the count of the unfinished 'B' record stands; 0: there is none */
	uint64_t zeros; /* that wait for what follows them */
	uint64_t raw, payloads;
};

int recipe_new(const char *packing, struct recipe_writer **ret, struct firn_error *err)
{
	const char *word = find_packing(packing);
	struct recipe_writer *w;

	if (!word)
		return firn_fail(err, FIRN_EINVAL, "packing \"%s\"", packing);
	w = calloc(1, sizeof(*w));
	if (!w)
		return firn_fail_oom(err, "recipe");
	w->packing = word;
	*ret = w;
	return 0;
}

struct recipe_writer *recipe_free(struct recipe_writer *w)
{
	if (w)
		buf_done(&w->records);
	free(w);
	return NULL;
}

void recipe_freep(struct recipe_writer **w)
{
	*w = recipe_free(*w);
}

static void put_byte(struct recipe_writer *w, uint8_t byte)
{
	buf_put(&w->records, &byte, 1);
}

static void close_bytes(struct recipe_writer *w)
{
	if (w->open && !w->records.oom)
		put_le32(w->records.data + w->open, (uint32_t)(w->records.len - w->open - 4));
	w->open = 0;
}

static void put_literal(struct recipe_writer *w, const void *bytes, size_t n)
{
	if (!w->open) {
		put_byte(w, 'B');
		w->open = w->records.len;
		buf_le32(&w->records, 0);
	}
	buf_put(&w->records, bytes, n);
}

/* What to do with zeros shows at the byte behind them. */
static void settle_zeros(struct recipe_writer *w)
{
	static const uint8_t few[ZEROS_MIN];

	if (w->zeros >= ZEROS_MIN) {
		close_bytes(w);
		put_byte(w, 'Z');
		buf_le64(&w->records, w->zeros);
	} else if (w->zeros) {
		put_literal(w, few, (size_t)w->zeros);
	}
	w->zeros = 0;
}

static int check_writer(const struct recipe_writer *w, struct firn_error *err)
{
	if (w->records.len > RECIPE_BYTES_MAX - HEADER_BYTES - ZEROS_MIN)
		return firn_fail(err, FIRN_ELIMIT,
				 "the archive's headers take more than %u bytes of recipe",
				 RECIPE_BYTES_MAX);
	return buf_check(&w->records, err);
}

int recipe_bytes(struct recipe_writer *w, const void *bytes, size_t n, struct firn_error *err)
{
	const uint8_t *p = bytes, *const end = p + n;

	if (n > RECIPE_RAW_MAX - w->raw)
		return firn_fail(err, FIRN_ELIMIT,
				 "the archive has more than %llu bytes besides its files",
				 (unsigned long long)RECIPE_RAW_MAX);
	w->raw += n;
	while (p < end) {
		const uint8_t *from = p;

		while (p < end && *p)
			p++;
		if (p > from) {
			settle_zeros(w);
			put_literal(w, from, (size_t)(p - from));
		}
		for (from = p; p < end && !*p; p++)
			;
		w->zeros += (uint64_t)(p - from);
	}
	return check_writer(w, err);
}

int recipe_payload(struct recipe_writer *w, const char *path, uint64_t size, struct firn_error *err)
{
	const size_t len = strlen(path);

	if (!len || len > PATH_MEMBER_MAX || !size)
		return firn_fail(err, FIRN_EINVAL, "payload without name or size");
	if (size > RECIPE_PAYLOADS_MAX - w->payloads)
		return firn_fail(err, FIRN_ELIMIT, "the archive's files have more than %llu bytes",
				 (unsigned long long)RECIPE_PAYLOADS_MAX);
	w->payloads += size;
	settle_zeros(w);
	close_bytes(w);
	put_byte(w, 'P');
	buf_le16(&w->records, (uint16_t)len);
	buf_put(&w->records, path, len);
	buf_le64(&w->records, size);
	return check_writer(w, err);
}

int recipe_finish(struct recipe_writer *w, struct buf *ret, struct firn_error *err)
{
	char packing[PACKING_BYTES] = { 0 };
	int rc;

	settle_zeros(w);
	close_bytes(w);
	rc = check_writer(w, err);
	if (rc < 0)
		return rc;
	memcpy(packing, w->packing, strlen(w->packing));
	buf_put(ret, magic, sizeof(magic));
	buf_put(ret, packing, sizeof(packing));
	buf_le64(ret, w->raw);
	buf_le64(ret, w->payloads);
	buf_put(ret, w->records.data, w->records.len);
	return buf_check(ret, err);
}

struct recipe_reader {
	struct istream *in; /* borrowed */
	const char *packing;
	uint64_t size;
	uint64_t raw, payloads; /* still to come */
	uint64_t left;          /* bytes of the current 'B' or 'Z' record */
	bool zeros;             /* it is a 'Z' */
	uint64_t taken;         /* bytes of the recipe */
	char path[PATH_MEMBER_MAX + 1];
	uint8_t piece[PIECE_BYTES];
};

static uint64_t get_le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (size_t i = 8; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static int take(struct recipe_reader *r, void *buf, size_t n, struct firn_error *err)
{
	ssize_t got;

	if (n > RECIPE_BYTES_MAX - r->taken)
		return firn_fail(err, FIRN_ELIMIT, "recipe of more than %u bytes",
				 RECIPE_BYTES_MAX);
	got = istream_read_full(r->in, buf, n, err);
	if (got < 0)
		return (int)got;
	if ((size_t)got < n)
		return firn_fail(err, FIRN_ECORRUPT, "recipe ends early");
	r->taken += n;
	return 0;
}

static int open_header(struct recipe_reader *r, struct firn_error *err)
{
	uint8_t head[HEADER_BYTES];
	char packing[PACKING_BYTES + 1] = "";
	int rc = take(r, head, sizeof(head), err);

	if (rc < 0)
		return rc;
	if (memcmp(head, magic, sizeof(magic)) != 0)
		return firn_fail(err, FIRN_ECORRUPT, "is no recipe of this version");
	memcpy(packing, head + MAGIC_BYTES, PACKING_BYTES);
	r->packing = find_packing(packing);
	for (size_t i = strlen(packing); i < PACKING_BYTES; i++)
		if (packing[i])
			r->packing = NULL;
	r->raw = get_le64(head + HEADER_BYTES - 16);
	r->payloads = get_le64(head + HEADER_BYTES - 8);
	if (!r->packing)
		return firn_fail(err, FIRN_ECORRUPT, "recipe with an unknown packing");
	if (r->raw > RECIPE_RAW_MAX || r->payloads > RECIPE_PAYLOADS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "recipe of an archive that is too large");
	r->size = r->raw + r->payloads;
	return 0;
}

int recipe_open(struct istream *in, struct recipe_reader **ret, struct firn_error *err)
{
	_cleanup_(recipe_closep) struct recipe_reader *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return firn_fail_oom(err, "recipe");
	r->in = in;
	rc = open_header(r, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&r);
	return 0;
}

struct recipe_reader *recipe_close(struct recipe_reader *r)
{
	free(r);
	return NULL;
}

void recipe_closep(struct recipe_reader **r)
{
	*r = recipe_close(*r);
}

const char *recipe_packing(const struct recipe_reader *r)
{
	return r->packing;
}

uint64_t recipe_size(const struct recipe_reader *r)
{
	return r->size;
}

static int next_bytes(struct recipe_reader *r, struct recipe_piece *ret, struct firn_error *err)
{
	const size_t n = r->left < PIECE_BYTES ? (size_t)r->left : PIECE_BYTES;
	int rc = 0;

	if (r->zeros)
		memset(r->piece, 0, n);
	else
		rc = take(r, r->piece, n, err);
	if (rc < 0)
		return rc;
	r->left -= n;
	*ret = (struct recipe_piece){ .bytes = r->piece, .size = n };
	return 1;
}

static int open_bytes(struct recipe_reader *r, char type, struct recipe_piece *ret,
		      struct firn_error *err)
{
	uint8_t count[8] = { 0 };
	int rc = take(r, count, type == 'Z' ? 8 : 4, err);
	uint64_t n;

	if (rc < 0)
		return rc;
	n = get_le64(count);
	if (n == 0 || n > r->raw)
		return firn_fail(err, FIRN_ECORRUPT, "recipe with a wrong number of bytes");
	r->raw -= n;
	r->left = n;
	r->zeros = type == 'Z';
	return next_bytes(r, ret, err);
}

static int check_path(const char *path, size_t len, struct firn_error *err)
{
	_free_ char *plain = NULL;
	int rc;

	if (strlen(path) != len)
		return firn_fail(err, FIRN_ECORRUPT, "recipe with a NUL in a name");
	rc = path_normalise(path, &plain, err);
	if (rc < 0)
		return firn_wrap(err, rc, "recipe");
	if (!*plain || strcmp(plain, path) != 0)
		return firn_fail(err, FIRN_ECORRUPT, "recipe with a name that isn't normalised");
	return 0;
}

static int next_payload(struct recipe_reader *r, struct recipe_piece *ret, struct firn_error *err)
{
	uint8_t count[8];
	size_t len;
	int rc = take(r, count, 2, err);

	if (rc < 0)
		return rc;
	len = (size_t)(count[0] | count[1] << 8);
	if (len > PATH_MEMBER_MAX)
		return firn_fail(err, FIRN_ELIMIT, "recipe with a name of %zu bytes", len);
	if ((rc = take(r, r->path, len, err)) < 0)
		return rc;
	r->path[len] = '\0';
	if ((rc = check_path(r->path, len, err)) < 0 || (rc = take(r, count, 8, err)) < 0)
		return rc;
	*ret = (struct recipe_piece){ .path = r->path, .size = get_le64(count) };
	if (ret->size == 0 || ret->size > r->payloads)
		return firn_fail(err, FIRN_ECORRUPT, "recipe with a payload of a wrong size");
	r->payloads -= ret->size;
	return 1;
}

static int finish(struct recipe_reader *r, struct firn_error *err)
{
	uint8_t more;
	ssize_t got = istream_read(r->in, &more, 1, err);

	if (got > 0)
		return firn_fail(err, FIRN_ECORRUPT, "recipe with bytes behind its end");
	return (int)got;
}

int recipe_next(struct recipe_reader *r, struct recipe_piece *ret, struct firn_error *err)
{
	struct recipe_piece piece = { 0 };
	uint8_t type = 0;
	int rc;

	if (r->left) {
		rc = next_bytes(r, &piece, err);
	} else if (!r->raw && !r->payloads) {
		return finish(r, err);
	} else {
		rc = take(r, &type, 1, err);
		if (rc < 0)
			return rc;
		if (type == 'B' || type == 'Z')
			rc = open_bytes(r, (char)type, &piece, err);
		else if (type == 'P')
			rc = next_payload(r, &piece, err);
		else
			rc = firn_fail(err, FIRN_ECORRUPT, "recipe with an unknown record");
	}
	if (rc > 0)
		*ret = piece;
	return rc;
}

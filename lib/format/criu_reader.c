/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_reader.h"

#include <stdlib.h>
#include <string.h>

/* criu/include/magic.h */
#define MAGIC_COMMON  0x54564319u
#define MAGIC_SERVICE 0x55105940u /* statistics */

void criu_reader_done(struct criu_reader *r)
{
	source_close(r->src);
	free(r->bytes);
}

/* The next @n bytes; what is short comes out of the window. */
static int read_bytes(struct criu_reader *r, void *ret, size_t n, struct firn_error *err)
{
	ssize_t got;

	if (n == 0) /* an empty record; its buffer may be NULL */
		return 0;
	if (n > sizeof(r->window))
		return source_read_at(r->src, ret, n, r->at, err);
	if (r->at < r->window_at || r->at + n > r->window_at + r->window_len) {
		got = source_pread(r->src, r->window, sizeof(r->window), r->at, err);
		if (got < 0)
			return (int)got;
		r->window_at = r->at;
		r->window_len = (size_t)got;
	}
	if (n > r->window_len - (r->at - r->window_at))
		return firn_fail(err, FIRN_ECORRUPT, "ends early");
	memcpy(ret, r->window + (r->at - r->window_at), n);
	return 0;
}

static int read_le32(struct criu_reader *r, uint32_t *ret, struct firn_error *err)
{
	uint8_t b[4] = { 0 };
	int rc = read_bytes(r, b, sizeof(b), err);

	if (rc < 0)
		return rc;
	r->at += sizeof(b);
	*ret = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
	return 0;
}

int criu_reader_open(struct criu_images *images, const char *name, uint32_t magic,
		     struct criu_reader *ret, struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	uint32_t found = 0;
	int rc = images->open(images, name, &r.src, err);

	if (rc <= 0)
		return firn_wrap(err, rc, "%s", name);
	rc = read_le32(&r, &found, err);
	if (rc == 0 && magic != CRIU_MAGIC_INVENTORY &&
	    (found == MAGIC_COMMON || found == MAGIC_SERVICE))
		rc = read_le32(&r, &found, err);
	else if (rc == 0 && magic != CRIU_MAGIC_INVENTORY)
		found = 0;
	if (rc < 0)
		return firn_wrap(err, rc, "%s", name);
	if (found != magic)
		return firn_fail(err, FIRN_ECORRUPT, "%s: is no such CRIU image", name);
	*ret = r;
	r = (struct criu_reader){ 0 };
	return 1;
}

int criu_reader_next(struct criu_reader *r, size_t *ret_len, struct firn_error *err)
{
	const uint32_t max = r->record_max ? r->record_max : CRIU_RECORD_MAX;
	uint32_t len;
	int rc;

	if (r->at == r->src->size)
		return 0;
	rc = read_le32(r, &len, err);
	if (rc < 0)
		return rc;
	if (len > max || ++r->records > CRIU_RECORDS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "a record of %u bytes, number %u", len,
				 r->records);
	if (len > r->src->size - r->at)
		return firn_fail(err, FIRN_ECORRUPT, "a record of %u bytes ends early", len);
	if (len > r->room) {
		uint8_t *grown = realloc(r->bytes, len);

		if (!grown)
			return firn_fail_oom(err, "record");
		r->bytes = grown;
		r->room = len;
	}
	rc = read_bytes(r, r->bytes, len, err);
	if (rc < 0)
		return rc;
	r->at += len;
	*ret_len = len;
	return 1;
}

/* protobuf-c tells broken bytes and lack of memory by the same NULL; the former is what happens. */
int criu_reader_bad(const struct criu_reader *r, struct firn_error *err)
{
	return firn_fail(err, FIRN_ECORRUPT, "record %u is no message", r->records);
}

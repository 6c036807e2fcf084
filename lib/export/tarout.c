/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export/tarout.h"

#include "base/path.h"

#include <stdio.h>
#include <string.h>

void tarout_done(struct tarout *t)
{
	buf_done(&t->head);
	buf_done(&t->records);
}

int tarout_bytes(struct tarout *t, const void *bytes, uint64_t n, struct firn_error *err)
{
	t->bytes += n;
	return t->to ? sink_write(t->to, bytes, (size_t)n, err) : 0;
}

int tarout_copy(struct tarout *t, struct blob_in *b, uint64_t at, uint64_t n, const char *what,
		struct firn_error *err)
{
	t->bytes += n;
	return t->to ? blob_in_copy(b, at, n, t->to, t->work, what, err) : 0;
}

static int zeros(struct tarout *t, uint64_t n, struct firn_error *err)
{
	t->bytes += n;
	return t->to ? sink_zeros(t->to, n, err) : 0;
}

int tarout_pad(struct tarout *t, struct firn_error *err)
{
	return zeros(t, -t->bytes % USTAR_BLOCK, err);
}

int tarout_end(struct tarout *t, struct firn_error *err)
{
	return zeros(t, 2 * (uint64_t)USTAR_BLOCK, err);
}

/* Go's name for the header of "a/b": "a/PaxHeaders.0/b", ASCII, cut (archive/tar, writePAXHeader).
 */
static void pax_name(const char *name, char ret[USTAR_NAME + 1])
{
	char all[PATH_MEMBER_MAX + 32], *to = all;
	size_t len = strlen(name), dir;

	while (len > 1 && name[len - 1] == '/')
		len--;
	for (dir = len; dir > 0 && name[dir - 1] != '/'; dir--)
		;
	snprintf(all, sizeof(all), "%.*sPaxHeaders.0/%.*s", (int)dir, name, (int)(len - dir),
		 name + dir);
	for (const char *from = all; *from; from++)
		if ((signed char)*from > 0)
			*to++ = *from;
	*to = '\0';
	all[USTAR_NAME] = '\0';
	for (len = strlen(all); len > 0 && all[len - 1] == '/'; len--)
		;
	memcpy(ret, all, len);
	ret[len] = '\0';
}

/* Go leaves the device numbers of these headers empty; the checksum counts them. */
static void empty_devices(uint8_t block[USTAR_BLOCK])
{
	enum { AT_SUM = 148, AT_DEVICES = 329, DEVICES = 16 };
	char sum[8];
	unsigned total = 8 * ' ';

	memset(block + AT_DEVICES, 0, DEVICES);
	memset(block + AT_SUM, 0, sizeof(sum));
	for (size_t i = 0; i < USTAR_BLOCK; i++)
		total += block[i];
	snprintf(sum, sizeof(sum), "%06o", total);
	memcpy(block + AT_SUM, sum, 7);
	block[AT_SUM + 7] = ' ';
}

int tarout_member(struct tarout *t, const struct ustar *m, struct firn_error *err)
{
	char name[USTAR_NAME + 1];
	struct ustar pax = { .name = name, .type = USTAR_PAX };
	int rc;

	buf_reset(&t->head);
	buf_reset(&t->records);
	rc = pax_put_records(&t->records, m, err);
	if (rc < 0)
		return rc;
	if (t->records.len) {
		pax_name(m->name, name);
		pax.size = t->records.len;
		ustar_put(&t->head, &pax);
		if (!t->head.oom)
			empty_devices(t->head.data);
		buf_put(&t->head, t->records.data, t->records.len);
		buf_align(&t->head, USTAR_BLOCK);
	}
	ustar_put(&t->head, m);
	rc = buf_check(&t->head, err);
	return rc < 0 ? rc : tarout_bytes(t, t->head.data, t->head.len, err);
}

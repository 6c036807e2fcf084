/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "members/spool.h"

#include "base/fd.h"
#include "store/publish.h"

#include <inttypes.h>
#include <string.h>

#define PIECE_BYTES 65536u

void spool_done(struct spool *s)
{
	buf_done(&s->memory);
	s->fd = fd_close(s->fd);
	s->size = 0;
}

int spool_file(struct firn_error *err)
{
	const int fd = publish_unnamed("/var/tmp", NULL);

	return fd < 0 ? publish_unnamed("/tmp", err) : fd;
}

static int move_to_file(struct spool *s, struct firn_error *err)
{
	_fd_ int fd = spool_file(err);
	int rc;

	if (fd < 0)
		return fd;
	rc = fd_pwrite(fd, s->memory.data, s->memory.len, 0, err);
	if (rc < 0)
		return rc;
	buf_done(&s->memory);
	s->memory = (struct buf)BUF_INIT;
	s->fd = take_fd(&fd);
	return 0;
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
	return n == 0 || (*bytes == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

static int put(struct spool *s, const void *bytes, size_t n, struct firn_error *err)
{
	int rc;

	if (n > s->max - s->size)
		return firn_fail(err, FIRN_ELIMIT,
				 "unpacks to more than %" PRIu64 " MiB of what is kept",
				 s->max >> 20);
	if (s->fd < 0 && s->size + n > SPOOL_MEMORY) {
		rc = move_to_file(s, err);
		if (rc < 0)
			return rc;
	}
	if (s->fd >= 0) {
		rc = all_zero(bytes, n) ? 0 : fd_pwrite(s->fd, bytes, n, s->size, err);
	} else {
		buf_put(&s->memory, bytes, n);
		rc = buf_check(&s->memory, err);
	}
	if (rc == 0)
		s->size += n;
	return rc;
}

int spool_take(struct spool *s, struct istream *in, uint64_t *ret_at, uint64_t *ret_size,
	       struct firn_error *err)
{
	const uint64_t at = s->size;
	uint8_t piece[PIECE_BYTES];
	ssize_t got;

	while ((got = istream_read(in, piece, sizeof(piece), err)) > 0) {
		int rc = put(s, piece, (size_t)got, err);

		if (rc < 0)
			return rc;
	}
	if (got < 0)
		return (int)got;
	*ret_at = at;
	*ret_size = s->size - at;
	return 0;
}

ssize_t spool_pread(struct spool *s, void *buf, size_t n, uint64_t at, struct firn_error *err)
{
	if (at >= s->size)
		return 0;
	if (n > s->size - at)
		n = (size_t)(s->size - at);
	if (s->fd >= 0) {
		const ssize_t got = fd_pread(s->fd, buf, n, at, err);

		if (got < 0)
			return got;
		memset((uint8_t *)buf + got, 0, n - (size_t)got); /* a hole at its end */
		return (ssize_t)n;
	}
	memcpy(buf, s->memory.data + at, n);
	return (ssize_t)n;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/stream.h"

#include "base/fd.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

void istream_close(struct istream *in)
{
	if (in)
		in->ops->close(in);
}

void istream_closep(struct istream **in)
{
	istream_close(*in);
	*in = NULL;
}

ssize_t istream_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	return n ? in->ops->read(in, buf, n, err) : 0;
}

ssize_t istream_read_full(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = istream_read(in, (char *)buf + done, n - done, err);

		if (got < 0)
			return got;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

#define READ_ALL_FIRST 4096 /* bytes asked for at first; doubled from there */

int istream_read_all(struct istream *in, size_t max, char **ret, size_t *ret_len,
		     struct firn_error *err)
{
	size_t size = max < READ_ALL_FIRST ? max : READ_ALL_FIRST, used = 0;
	_free_ char *text = NULL;

	/* Asks for one byte more than it expects: only when that comes is there a next round. */
	for (;;) {
		char *grown = realloc(text, size + 2);
		ssize_t got;

		if (!grown)
			return firn_fail_oom(err, "read");
		text = grown;
		got = istream_read_full(in, text + used, size + 1 - used, err);
		if (got < 0)
			return (int)got;
		used += (size_t)got;
		if (used > max)
			return firn_fail(err, FIRN_ELIMIT, "larger than %zu bytes", max);
		if (used <= size)
			break;
		size = size > max / 2 ? max : 2 * size;
	}
	text[used] = '\0';
	*ret = take_ptr(&text);
	if (ret_len)
		*ret_len = used;
	return 0;
}

struct fd_stream {
	struct istream in;
	int fd;
};

static ssize_t fd_stream_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct fd_stream *s = (struct fd_stream *)in;

	for (;;) {
		ssize_t got = read(s->fd, buf, n);

		if (got >= 0)
			return got;
		if (errno != EINTR)
			return firn_fail_errno(err, "read");
	}
}

static void fd_stream_close(struct istream *in)
{
	struct fd_stream *s = (struct fd_stream *)in;

	fd_close(s->fd);
	free(s);
}

int istream_from_fd(int fd, struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { fd_stream_read, fd_stream_close };
	_fd_ int owned = fd;
	struct fd_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return firn_fail_oom(err, "stream");
	s->in.ops = &ops;
	s->fd = take_fd(&owned);
	*ret = &s->in;
	return 0;
}

struct mem_stream {
	struct istream in;
	const uint8_t *at;
	size_t left;
};

static ssize_t mem_stream_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct mem_stream *s = (struct mem_stream *)in;

	(void)err;
	if (n > s->left)
		n = s->left;
	if (n)
		memcpy(buf, s->at, n);
	s->at += n;
	s->left -= n;
	return (ssize_t)n;
}

static void mem_stream_close(struct istream *in)
{
	free(in);
}

int istream_from_mem(const void *bytes, size_t n, struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { mem_stream_read, mem_stream_close };
	struct mem_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return firn_fail_oom(err, "stream");
	s->in.ops = &ops;
	s->at = n ? bytes : (const uint8_t *)"";
	s->left = n;
	*ret = &s->in;
	return 0;
}

struct source_stream {
	struct istream in;
	struct source *src;
	uint64_t at;
};

static ssize_t source_stream_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct source_stream *s = (struct source_stream *)in;
	ssize_t got = source_pread(s->src, buf, n, s->at, err);

	if (got > 0)
		s->at += (uint64_t)got;
	return got;
}

static void source_stream_close(struct istream *in)
{
	free(in);
}

int istream_from_source(struct source *src, struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { source_stream_read, source_stream_close };
	struct source_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return firn_fail_oom(err, "stream");
	s->in.ops = &ops;
	s->src = src;
	*ret = &s->in;
	return 0;
}

void source_close(struct source *src)
{
	if (src)
		src->ops->close(src);
}

void source_closep(struct source **src)
{
	source_close(*src);
	*src = NULL;
}

/* Reads never go past src->size, so that a range's reader can't leave it. */
ssize_t source_pread(struct source *src, void *buf, size_t n, uint64_t at, struct firn_error *err)
{
	if (at >= src->size || n == 0)
		return 0;
	if (n > src->size - at)
		n = (size_t)(src->size - at);
	return src->ops->pread(src, buf, n, at, err);
}

int source_read_at(struct source *src, void *buf, size_t n, uint64_t at, struct firn_error *err)
{
	ssize_t got = source_pread(src, buf, n, at, err);

	if (got < 0)
		return (int)got;
	if ((size_t)got < n)
		return firn_fail(err, FIRN_ECORRUPT,
				 "ends early: %zu bytes wanted at offset %" PRIu64 ", %zd there", n,
				 at, got);
	return 0;
}

struct fd_source {
	struct source src;
	int fd;
};

static ssize_t fd_source_pread(struct source *src, void *buf, size_t n, uint64_t at,
			       struct firn_error *err)
{
	return fd_pread(((struct fd_source *)src)->fd, buf, n, at, err);
}

static void plain_source_close(struct source *src)
{
	free(src);
}

int source_from_fd(int fd, struct source **ret, struct firn_error *err)
{
	static const struct source_ops ops = { fd_source_pread, plain_source_close };
	struct fd_source *s;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return firn_fail_errno(err, "stat");
	if (!S_ISREG(st.st_mode))
		return firn_fail(err, FIRN_EINVAL, "is no regular file");
	s = calloc(1, sizeof(*s));
	if (!s)
		return firn_fail_oom(err, "source");
	s->src.ops = &ops;
	s->src.size = (uint64_t)st.st_size;
	s->fd = fd;
	*ret = &s->src;
	return 0;
}

struct mem_source {
	struct source src;
	const uint8_t *bytes;
};

static ssize_t mem_source_pread(struct source *src, void *buf, size_t n, uint64_t at,
				struct firn_error *err)
{
	(void)err;
	memcpy(buf, ((struct mem_source *)src)->bytes + at, n);
	return (ssize_t)n;
}

int source_from_mem(const void *bytes, size_t n, struct source **ret, struct firn_error *err)
{
	static const struct source_ops ops = { mem_source_pread, plain_source_close };
	struct mem_source *s = calloc(1, sizeof(*s));

	if (!s)
		return firn_fail_oom(err, "source");
	s->src.ops = &ops;
	s->src.size = n;
	s->bytes = bytes;
	*ret = &s->src;
	return 0;
}

struct range_source {
	struct source src;
	struct source *whole;
	uint64_t at;
};

static ssize_t range_source_pread(struct source *src, void *buf, size_t n, uint64_t at,
				  struct firn_error *err)
{
	struct range_source *s = (struct range_source *)src;

	return source_pread(s->whole, buf, n, s->at + at, err);
}

int source_range(struct source *whole, uint64_t at, uint64_t size, struct source **ret,
		 struct firn_error *err)
{
	static const struct source_ops ops = { range_source_pread, plain_source_close };
	struct range_source *s;

	if (at > whole->size || size > whole->size - at)
		return firn_fail(err, FIRN_ECORRUPT,
				 "%" PRIu64 " bytes at offset %" PRIu64
				 " are not all there: it has %" PRIu64,
				 size, at, whole->size);
	s = calloc(1, sizeof(*s));
	if (!s)
		return firn_fail_oom(err, "source");
	s->src.ops = &ops;
	s->src.size = size;
	s->whole = whole;
	s->at = at;
	*ret = &s->src;
	return 0;
}

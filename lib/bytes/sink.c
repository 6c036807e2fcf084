/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/sink.h"

#include "base/fault.h"
#include "base/fd.h"

int sink_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	return n ? s->ops->write(s, bytes, n, err) : 0;
}

int sink_zeros(struct sink *s, uint64_t n, struct firn_error *err)
{
	static const uint8_t zeros[4096];

	while (n) {
		const size_t piece = n < sizeof(zeros) ? (size_t)n : sizeof(zeros);
		int rc = sink_write(s, zeros, piece, err);

		if (rc < 0)
			return rc;
		n -= piece;
	}
	return 0;
}

int sink_finish(struct sink *s, struct firn_error *err)
{
	return s->ops->finish ? s->ops->finish(s, err) : 0;
}

void sink_close(struct sink *s)
{
	if (s)
		s->ops->close(s);
}

void sink_closep(struct sink **s)
{
	sink_close(*s);
	*s = NULL;
}

struct fd_sink {
	struct sink sink;
	int fd;
};

static int fd_sink_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	if (FAULT_POINT("sink.write"))
		return firn_fail_errno(err, "write");
	return fd_write(((struct fd_sink *)s)->fd, bytes, n, err);
}

static void sink_just_free(struct sink *s)
{
	free(s);
}

int sink_from_fd(int fd, struct sink **ret, struct firn_error *err)
{
	static const struct sink_ops ops = { fd_sink_write, NULL, sink_just_free };
	struct fd_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return firn_fail_oom(err, "sink");
	s->sink.ops = &ops;
	s->fd = fd;
	*ret = &s->sink;
	return 0;
}

struct buf_sink {
	struct sink sink;
	struct buf *to;
};

static int buf_sink_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	struct buf *to = ((struct buf_sink *)s)->to;

	buf_put(to, bytes, n);
	return buf_check(to, err);
}

int sink_from_buf(struct buf *to, struct sink **ret, struct firn_error *err)
{
	static const struct sink_ops ops = { buf_sink_write, NULL, sink_just_free };
	struct buf_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return firn_fail_oom(err, "sink");
	s->sink.ops = &ops;
	s->to = to;
	*ret = &s->sink;
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/input.h"

#include "base/fd.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Counts and, if wanted, hashes what the archive's reader takes. */
struct meter {
	struct istream stream;
	struct istream *in; /* owned */
	struct hasher *hasher;
	uint64_t *done;
};

struct tar_input {
	struct input input;
	struct meter meter;
	struct tar *tar;
};

static ssize_t meter_read(struct istream *stream, void *buf, size_t n, struct firn_error *err)
{
	struct meter *m = (struct meter *)stream;
	const ssize_t got = istream_read(m->in, buf, n, err);

	if (got <= 0)
		return got;
	*m->done += (size_t)got;
	if (m->hasher) {
		int rc = hasher_update(m->hasher, buf, (size_t)got, err);

		if (rc < 0)
			return rc;
	}
	return got;
}

static void meter_close(struct istream *stream)
{
	(void)stream; /* lives in its tar_input */
}

static const struct istream_ops meter_ops = { .read = meter_read, .close = meter_close };

static int tar_input_next(struct input *in, const struct tar_entry **ret, struct firn_error *err)
{
	return tar_next(((struct tar_input *)in)->tar, ret, err);
}

static int tar_input_payload(struct input *in, struct istream **ret, struct firn_error *err)
{
	return tar_payload(((struct tar_input *)in)->tar, ret, err);
}

/* The reader took the stream to its end, padding included. */
static int tar_input_finish(struct input *in, struct digest *ret, struct firn_error *err)
{
	struct tar_input *t = (struct tar_input *)in;

	if (!in->total)
		in->total = in->done;
	in->done = in->total;
	return ret && t->meter.hasher ? hasher_final(t->meter.hasher, ret, err) : 0;
}

static void tar_input_close(struct input *in)
{
	struct tar_input *t = (struct tar_input *)in;

	tar_close(t->tar);
	hasher_free(t->meter.hasher);
	istream_close(t->meter.in);
	free(t);
}

static const struct input_ops tar_input_ops = {
	.next = tar_input_next,
	.payload = tar_input_payload,
	.finish = tar_input_finish,
	.close = tar_input_close,
};

int input_open_stream(struct istream *stream, bool digest, struct input **ret,
		      struct firn_error *err)
{
	struct tar_input *t = calloc(1, sizeof(*t));
	_cleanup_(input_closep) struct input *in = NULL;
	int rc = 0;

	if (!t) {
		istream_close(stream);
		return firn_fail_oom(err, "input");
	}
	t->input.ops = &tar_input_ops;
	t->meter.stream.ops = &meter_ops;
	t->meter.in = stream;
	t->meter.done = &t->input.done;
	in = &t->input;
	if (digest)
		rc = hasher_new(DIGEST_SHA256, &t->meter.hasher, err);
	if (rc < 0 || (rc = tar_open_stream(&t->meter.stream, NULL, &t->tar, err)) < 0)
		return rc;
	*ret = take_ptr(&in);
	return 0;
}

int input_open_tar(int fd, bool digest, struct input **ret, struct firn_error *err)
{
	struct istream *stream = NULL;
	struct input *in = NULL;
	struct stat st;
	off_t at;
	int rc;

	if (fstat(fd, &st) < 0) {
		rc = firn_fail_errno(err, "read");
		fd_close(fd);
		return rc;
	}
	at = lseek(fd, 0, SEEK_CUR);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if ((rc = istream_from_fd(fd, &stream, err)) < 0 ||
	    (rc = input_open_stream(stream, digest, &in, err)) < 0)
		return rc;
	if (S_ISREG(st.st_mode) && at >= 0 && at < st.st_size)
		in->total = (uint64_t)(st.st_size - at);
	*ret = in;
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/input.h"

#include "base/fd.h"
#include "locate/locate.h"
#include "members/members.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define EARLY_BYTES                                                                                \
	64 /* that may be read before the first member: the reader looks for a magic               \
	    */

/* Nobody could look into an image of more. */
static const struct tar_limits limits = { .entries = MEMBERS_MAX };

/* Counts and, if wanted, hashes and keeps what the archive's reader takes. */
struct meter {
	struct istream stream;
	struct istream *in; /* owned */
	struct hasher *hasher;
	struct blob_writer *keep; /* borrowed */
	uint64_t *done;
	uint8_t early[EARLY_BYTES]; /* the first bytes, for who wants them late */
};

struct tar_input {
	struct input input;
	struct meter meter;
	struct tar *tar;
	int file; /* the archive, if it is a whole regular file; else -1 */
};

static size_t early_part(uint64_t at, size_t n)
{
	return n < EARLY_BYTES - at ? n : (size_t)(EARLY_BYTES - at);
}

static ssize_t meter_read(struct istream *stream, void *buf, size_t n, struct firn_error *err)
{
	struct meter *m = (struct meter *)stream;
	const ssize_t got = istream_read(m->in, buf, n, err);
	int rc = 0;

	if (got <= 0)
		return got;
	if (*m->done < EARLY_BYTES)
		memcpy(m->early + *m->done, buf, early_part(*m->done, (size_t)got));
	*m->done += (size_t)got;
	if (m->hasher)
		rc = hasher_update(m->hasher, buf, (size_t)got, err);
	if (rc >= 0 && m->keep)
		rc = blob_write(m->keep, buf, (size_t)got, err);
	return rc < 0 ? rc : got;
}

static void meter_close(struct istream *stream)
{
	(void)stream; /* lives in its tar_input */
}

static const struct istream_ops meter_ops = { .read = meter_read, .close = meter_close };

static int tar_input_next(struct input *in, const struct tar_entry **ret, struct firn_error *err)
{
	int rc = tar_next(((struct tar_input *)in)->tar, ret, err);

	if (rc > 0 && locate_is_oci_member((*ret)->path))
		return firn_fail(err, FIRN_EUNSUPP,
				 "has %s: OCI content is read from a whole file, not from a pipe",
				 (*ret)->path);
	return rc;
}

static int tar_input_payload(struct input *in, struct istream **ret, struct firn_error *err)
{
	return tar_payload(((struct tar_input *)in)->tar, ret, err);
}

static int scan_members(struct tar *tar, input_each *each, void *ctx, struct firn_error *err)
{
	const struct tar_entry *e;
	int rc;

	while ((rc = tar_next(tar, &e, err)) > 0) {
		rc = each(e, ctx, err);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : 1;
}

static int tar_input_scan(struct input *in, input_each *each, void *ctx, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const int file = ((struct tar_input *)in)->file;
	int rc;

	if (file < 0)
		return 0;
	if ((rc = source_from_fd(file, &src, err)) < 0 ||
	    (rc = tar_open_source(src, &limits, &tar, err)) < 0)
		return rc;
	return tar_compressed(tar) ? 0 : scan_members(tar, each, ctx, err);
}

static int tar_input_record(struct input *in, struct recipe_writer **ret, struct firn_error *err)
{
	struct tar *tar = ((struct tar_input *)in)->tar;
	int rc = recipe_new(tar_packing(tar), ret, err);

	if (rc < 0)
		return rc;
	tar_record(tar, *ret);
	return 1;
}

static int tar_input_keep(struct input *in, struct blob_writer *w, struct firn_error *err)
{
	struct meter *m = &((struct tar_input *)in)->meter;
	int rc;

	assert(in->done <= EARLY_BYTES);
	rc = blob_write(w, m->early, (size_t)in->done, err);
	m->keep = w;
	return rc < 0 ? rc : 1;
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
	fd_close(t->file);
	free(t);
}

static const struct input_ops tar_input_ops = {
	.next = tar_input_next,
	.payload = tar_input_payload,
	.scan = tar_input_scan,
	.record = tar_input_record,
	.keep = tar_input_keep,
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
	t->file = -1;
	t->meter.stream.ops = &meter_ops;
	t->meter.in = stream;
	t->meter.done = &t->input.done;
	in = &t->input;
	if (digest)
		rc = hasher_new(DIGEST_SHA256, &t->meter.hasher, err);
	if (rc < 0 || (rc = tar_open_stream(&t->meter.stream, &limits, &t->tar, err)) < 0)
		return rc;
	in->packing = tar_packing(t->tar);
	*ret = take_ptr(&in);
	return 0;
}

int input_open_tar(int fd, bool digest, struct input **ret, struct firn_error *err)
{
	_cleanup_(input_closep) struct input *in = NULL;
	struct istream *stream = NULL;
	_fd_ int file = -1;
	struct stat st;
	off_t at;
	int rc;

	if (fstat(fd, &st) < 0) {
		rc = firn_fail_errno(err, "read");
		fd_close(fd);
		return rc;
	}
	at = lseek(fd, 0, SEEK_CUR);
	if (S_ISREG(st.st_mode) && at == 0)
		file = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if ((rc = istream_from_fd(fd, &stream, err)) < 0 ||
	    (rc = input_open_stream(stream, digest, &in, err)) < 0)
		return rc;
	if (S_ISREG(st.st_mode) && at >= 0 && at < st.st_size)
		in->total = (uint64_t)(st.st_size - at);
	((struct tar_input *)in)->file = take_fd(&file);
	*ret = take_ptr(&in);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "base/library.h"
#include "format/tar_private.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <pthread.h>

#define FILTER_BYTES 65536

#define LIBRARY "libarchive.so.13" /* since 3.0 */
#define CALLS(X)                                                                                   \
	X(archive_errno)                                                                           \
	X(archive_error_string)                                                                    \
	X(archive_read_data)                                                                       \
	X(archive_read_free)                                                                       \
	X(archive_read_new)                                                                        \
	X(archive_read_next_header)                                                                \
	X(archive_read_open)                                                                       \
	X(archive_read_support_filter_bzip2)                                                       \
	X(archive_read_support_format_raw)                                                         \
	X(archive_set_error)

static struct {
	CALLS(LIBRARY_SLOT)
} la;
static struct firn_error la_failed;

static void load(void)
{
	static const char *const names[] = { CALLS(LIBRARY_NAME) };
	/* What it says is kept in la_failed. */
	int rc = library_load(LIBRARY, names, ARRAY_SIZE(names), &la, &la_failed);

	(void)rc;
}

struct filter {
	struct istream in;
	struct istream *from; /* owned */
	struct archive *a;
	struct firn_error failed; /* of from, which libarchive would tell in other words */
	bool begun, end;
	uint8_t bytes[FILTER_BYTES];
};

static la_ssize_t filter_input(struct archive *a, void *ctx, const void **ret)
{
	struct filter *f = ctx;
	ssize_t got = istream_read(f->from, f->bytes, sizeof(f->bytes), &f->failed);

	if (got < 0)
		la.archive_set_error(a, EIO, "input");
	*ret = f->bytes;
	return got < 0 ? ARCHIVE_FATAL : got;
}

static int filter_failed(struct filter *f, struct firn_error *err)
{
	const char *why = la.archive_error_string(f->a);

	if (f->failed.code) {
		if (err)
			*err = f->failed;
		return -f->failed.code;
	}
	if (la.archive_errno(f->a) == ENOMEM)
		return firn_fail(err, FIRN_ELIMIT, "decompress: %s", why ? why : "out of memory");
	return firn_fail(err, FIRN_ECORRUPT, "decompress: %s", why ? why : "broken");
}

/* The raw format makes one entry of whatever the filters give; no byte at all is no entry. */
static int filter_begin(struct filter *f, struct firn_error *err)
{
	struct archive_entry *e;
	int rc;

	f->begun = true;
	if (la.archive_read_open(f->a, f, NULL, filter_input, NULL) != ARCHIVE_OK)
		return filter_failed(f, err);
	rc = la.archive_read_next_header(f->a, &e);
	f->end = rc == ARCHIVE_EOF;
	return f->end || rc == ARCHIVE_OK ? 0 : filter_failed(f, err);
}

/* libarchive leaves what follows the last stream, but whoever hashes the input needs all of it. */
static int filter_finish(struct filter *f, struct firn_error *err)
{
	ssize_t got = 1;

	f->end = true;
	while (got > 0)
		got = istream_read(f->from, f->bytes, sizeof(f->bytes), err);
	return (int)got;
}

static ssize_t filter_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct filter *f = (struct filter *)in;
	la_ssize_t got;
	int rc = f->begun ? 0 : filter_begin(f, err);

	if (rc < 0 || f->end)
		return rc;
	got = la.archive_read_data(f->a, buf, n);
	if (got < 0)
		return filter_failed(f, err);
	return got || !n ? got : filter_finish(f, err);
}

static void filter_close(struct istream *in)
{
	struct filter *f = (struct filter *)in;

	la.archive_read_free(f->a);
	istream_close(f->from);
	free(f);
}

int tar_filter(struct istream *from, struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { filter_read, filter_close };
	_cleanup_(istream_closep) struct istream *owned = from;
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct filter *f;

	pthread_once(&once, load);
	if (la_failed.code) {
		if (err)
			*err = la_failed;
		return firn_wrap(err, -la_failed.code, "decompress");
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return firn_fail_oom(err, "decompress");
	f->in.ops = &ops;
	f->from = take_ptr(&owned);
	owned = &f->in;
	f->a = la.archive_read_new();
	if (!f->a || la.archive_read_support_format_raw(f->a) != ARCHIVE_OK)
		return firn_fail_oom(err, "decompress");
	/* ARCHIVE_WARN: it would have to run a program for it */
	if (la.archive_read_support_filter_bzip2(f->a) != ARCHIVE_OK)
		return firn_fail(err, FIRN_EUNSUPP, "decompress: libarchive knows no bzip2");
	*ret = take_ptr(&owned);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/cache.h"

#include "base/fd.h"
#include "base/folder.h"
#include "bytes/codec.h"
#include "format/erofs.h"
#include "kernel/verity.h"
#include "store/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define COPY_BYTES     (256u << 10)
#define PROGRESS_STEPS 100
/* The number goes up with what an index means. */
#define INDEX_VERSION 2

struct cache {
	struct store *blobs;
	int top;
	int indexes; /* the folder index/sha256 */
	char *path;  /* for messages */
};

struct cache *cache_close(struct cache *c)
{
	if (!c)
		return NULL;
	store_close(c->blobs);
	fd_close(c->top);
	fd_close(c->indexes);
	free(c->path);
	free(c);
	return NULL;
}

void cache_closep(struct cache **c)
{
	*c = cache_close(*c);
}

/* The folder @name in @parent, made when it isn't there. Returns its descriptor. */
static int subfolder(int parent, const char *name, struct firn_error *err)
{
	int fd;

	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return firn_fail_errno(err, "make %s", name);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : firn_fail_errno(err, "open %s", name);
}

/* Where the files of one kind are that have digests for names. Returns its descriptor. */
static int digest_folder(const struct cache *c, const char *kind, struct firn_error *err)
{
	_fd_ int folder = subfolder(c->top, kind, err);

	return folder < 0 ? folder : subfolder(folder, "sha256", err);
}

static int open_parts(struct cache *c, struct firn_error *err)
{
	int rc;

	c->top = folder_make_private(c->path, 0700, err);
	if (c->top < 0)
		return c->top;
	rc = store_dir_open(c->top, STORE_WRITE, &c->blobs, err);
	if (rc == 0)
		rc = c->indexes = digest_folder(c, "index", err);
	return rc < 0 ? rc : 0;
}

int cache_trees(struct cache *c, struct firn_error *err)
{
	int fd = digest_folder(c, "tree", err);

	return firn_wrap(err, fd, "cache %s", c->path);
}

int cache_open(const char *path, struct cache **ret, struct firn_error *err)
{
	_cleanup_(cache_closep) struct cache *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return firn_fail_oom(err, "cache");
	c->top = c->indexes = -1;
	c->path = strdup(path ? path : CACHE_FOLDER);
	if (!c->path)
		return firn_fail_oom(err, "cache");
	rc = open_parts(c, err);
	if (rc < 0)
		return firn_wrap(err, rc, "cache %s", c->path);
	*ret = take_ptr(&c);
	return 0;
}

/* The limit for what @packed bytes may unpack to. */
static uint64_t unpack_limit(uint64_t packed)
{
	uint64_t max;

	if (__builtin_mul_overflow(packed, CACHE_RATIO_MAX, &max) || max > OCI_BLOB_MAX)
		return OCI_BLOB_MAX;
	return max < CACHE_RATIO_FROM ? CACHE_RATIO_FROM : max;
}

static void tell(const struct firn_report *report, const char *what, uint64_t done, uint64_t total,
		 uint64_t *told)
{
	const struct firn_progress p = { .what = what, .done = done, .total = total };

	if (!report || !report->progress)
		return;
	if (done != total && done - *told < total / PROGRESS_STEPS + COPY_BYTES)
		return;
	*told = done;
	report->progress(&p, report->ctx);
}

/* Counts what was read of the packed bytes, for the progress: how many they unpack to nobody knows.
 */
struct counted {
	struct istream base;
	struct source *src; /* borrowed */
	uint64_t at;
};

static ssize_t counted_read(struct istream *in, void *bytes, size_t n, struct firn_error *err)
{
	struct counted *c = (struct counted *)in;
	ssize_t got = source_pread(c->src, bytes, n, c->at, err);

	if (got > 0)
		c->at += (uint64_t)got;
	return got;
}

static void counted_close(struct istream *in)
{
	free(in);
}

static const struct istream_ops counted_ops = { .read = counted_read, .close = counted_close };

/* What is unpacked, and where its bytes go. */
struct unpack {
	struct source *src; /* borrowed */
	enum codec codec;
	const char *what; /* for the progress */
	const struct firn_report *report;
	int (*put)(void *to, const void *bytes, size_t n, struct firn_error *err);
	void *to;
};

static int copy_all(const struct unpack *u, struct istream *in, const struct counted *packed,
		    struct firn_error *err)
{
	_free_ uint8_t *chunk = malloc(COPY_BYTES);
	uint64_t told = 0;
	ssize_t got;
	int rc;

	if (!chunk)
		return firn_fail_oom(err, "unpack");
	while ((got = istream_read(in, chunk, COPY_BYTES, err)) > 0) {
		rc = u->put(u->to, chunk, (size_t)got, err);
		if (rc < 0)
			return rc;
		tell(u->report, u->what, packed->at, u->src->size, &told);
	}
	return (int)got;
}

static int unpack(const struct unpack *u, struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	struct counted *packed = calloc(1, sizeof(*packed));
	int rc;

	if (!packed)
		return firn_fail_oom(err, "unpack");
	packed->base.ops = &counted_ops;
	packed->src = u->src;
	rc = codec_reader(u->codec, &packed->base, unpack_limit(u->src->size), &in, err);
	return rc < 0 ? rc : copy_all(u, in, packed, err);
}

static int put_blob(void *to, const void *bytes, size_t n, struct firn_error *err)
{
	return blob_write(to, bytes, n, err);
}

static int make_layer(struct cache *c, struct source *src, int codec, const struct digest *diff_id,
		      const struct firn_report *report, struct firn_error *err)
{
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	char text[DIGEST_TEXT_MAX], what[DIGEST_TEXT_MAX];
	struct unpack u = { .src = src,
			    .codec = (enum codec)codec,
			    .what = what,
			    .report = report,
			    .put = put_blob };
	struct digest made;
	int rc;

	snprintf(what, sizeof(what), "unpack %.19s", digest_text(diff_id, text));
	rc = blob_new(c->blobs, 0, &w, err);
	u.to = w;
	if (rc < 0 || (rc = unpack(&u, err)) < 0 || (rc = blob_seal(w, &made, NULL, err)) < 0)
		return rc;
	if (!digest_equal(&made, diff_id))
		return firn_fail(err, FIRN_ECORRUPT, "unpacks to something else than its diff_id");
	rc = blob_publish(w, err);
	return rc < 0 ? rc : 0;
}

int cache_layer(struct cache *c, struct store *from, const struct oci_descriptor *desc,
		const struct digest *diff_id, const struct firn_report *report,
		struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	uint64_t at, size;
	int rc, fd, codec;

	if (diff_id->alg != DIGEST_SHA256)
		return firn_fail(err, FIRN_EUNSUPP, "its diff_id is no sha256");
	rc = store_has(c->blobs, diff_id, NULL, err);
	if (rc == 0) {
		if ((rc = oci_layer_codec(desc->media_type, &codec, err)) < 0 ||
		    (rc = store_open(from, &desc->digest, &src, err)) < 0)
			return rc;
		if (src->size != desc->size)
			return firn_fail(err, FIRN_ECORRUPT,
					 "has %" PRIu64 " bytes where %" PRIu64 " are announced",
					 src->size, desc->size);
		rc = make_layer(c, src, codec, diff_id, report, err);
	}
	if (rc >= 0)
		rc = store_open_fd(c->blobs, diff_id, &fd, &at, &size, err);
	return rc < 0 ? rc : fd;
}

/* What was written, to be read only; lives without its temporary name. */
static int reopen(const struct publish *file, struct firn_error *err)
{
	char path[FD_PATH_MAX];
	int fd = open(fd_path(file->fd, path), O_RDONLY | O_CLOEXEC);

	return fd >= 0 ? fd : firn_fail_errno(err, "open a new file again");
}

static int put_file(void *to, const void *bytes, size_t n, struct firn_error *err)
{
	return fd_write(((struct publish *)to)->fd, bytes, n, err);
}

int cache_unpack(struct cache *c, struct source *src, const char *what,
		 const struct firn_report *report, struct firn_error *err)
{
	_cleanup_(publish_done) struct publish file = PUBLISH_NONE;
	struct unpack u = {
		.src = src, .what = what, .report = report, .put = put_file, .to = &file
	};
	uint8_t head[CODEC_DETECT_BYTES];
	ssize_t got = source_pread(src, head, sizeof(head), 0, err);
	int rc;

	if (got < 0)
		return (int)got;
	u.codec = codec_detect(head, (size_t)got);
	if ((rc = publish_open(c->indexes, &file, err)) < 0 || (rc = unpack(&u, err)) < 0)
		return firn_wrap(err, rc, "cache %s", c->path);
	return reopen(&file, err);
}

/* What the record at the end of an index file is about. */
#define ABOUT_INDEX  "index"
#define ABOUT_PROVEN "proven"

static int print_record(const char *about, const struct cache_origin *origin,
			char ret[CACHE_RECORD], struct firn_error *err)
{
	struct stat st;

	if (fstat(origin->fd, &st) < 0)
		return firn_fail_errno(err, "stat");
	memset(ret, 0, CACHE_RECORD);
	snprintf(ret, CACHE_RECORD,
		 "firn %s %d at %" PRIu64
		 " dev %ju ino %ju size %ju mtime %jd.%09ld ctime %jd.%09ld\n",
		 about, INDEX_VERSION, origin->at, (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
		 (uintmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		 (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return 0;
}

int cache_print_origin(const struct cache_origin *origin, char ret[CACHE_RECORD],
		       struct firn_error *err)
{
	return print_record("origin", origin, ret, err);
}

/*
 * Times prove nothing to somebody who can write to the file: a mapped page that is dirty already
 * changes without them (file_update_time() comes at its first fault).
 */
bool cache_is_private(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	return (st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH))) ||
	       verity_is_sealed(fd);
}

static int find(struct cache *c, const char *about, const struct digest *diff_id,
		const struct cache_origin *origin, struct firn_error *err)
{
	char hex[DIGEST_TEXT_MAX], want[CACHE_RECORD], have[CACHE_RECORD];
	_fd_ int fd =
	    openat(c->indexes, digest_hex(diff_id, hex), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	ssize_t got;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return firn_fail_errno(err, "index %s", hex);
	rc = print_record(about, origin, want, err);
	if (rc < 0)
		return rc;
	if (st.st_size < CACHE_RECORD || !cache_is_private(origin->fd))
		return firn_fail(err, FIRN_ENOTFOUND, "index %s is of another file", hex);
	got = fd_pread(fd, have, sizeof(have), (uint64_t)st.st_size - CACHE_RECORD, err);
	if (got < 0)
		return (int)got;
	if ((size_t)got != sizeof(have) || memcmp(want, have, sizeof(want)) != 0)
		return firn_fail(err, FIRN_ENOTFOUND, "index %s is of another file", hex);
	return take_fd(&fd);
}

/* @image (may be NULL) and the record; named by @diff_id unless that is NULL. Returns it open. */
static int write_index(struct cache *c, const char *about, const struct digest *diff_id,
		       const struct cache_origin *origin, const struct buf *image,
		       struct firn_error *err)
{
	_cleanup_(publish_done) struct publish file = PUBLISH_NONE;
	char hex[DIGEST_TEXT_MAX], record[CACHE_RECORD];
	uint64_t end = 0;
	_fd_ int fd = -1;
	int rc;

	if ((rc = print_record(about, origin, record, err)) < 0 ||
	    (rc = publish_open(c->indexes, &file, err)) < 0)
		return rc;
	if (image) {
		end = EROFS_SUPER_AT + image->len;
		rc = fd_pwrite(file.fd, image->data, image->len, EROFS_SUPER_AT, err);
	}
	if (rc == 0)
		rc = fd_pwrite(file.fd, record, sizeof(record), end, err);
	if (rc < 0)
		return rc;
	fd = reopen(&file, err);
	if (fd < 0)
		return fd;
	/* A record alone is whole or it isn't what anybody looks for: it needs no flush. */
	if (diff_id && image)
		rc = publish_flush(&file, err);
	if (diff_id && rc == 0)
		rc = publish_replace(&file, digest_hex(diff_id, hex), err);
	if (rc < 0)
		return rc;
	return take_fd(&fd);
}

int cache_find_index(struct cache *c, const struct digest *diff_id,
		     const struct cache_origin *origin, struct firn_error *err)
{
	return find(c, ABOUT_INDEX, diff_id, origin, err);
}

int cache_write_index(struct cache *c, const struct digest *diff_id,
		      const struct cache_origin *origin, const struct buf *image,
		      struct firn_error *err)
{
	int fd = write_index(c, ABOUT_INDEX, diff_id, origin, image, err);

	return firn_wrap(err, fd, "cache %s", c->path);
}

bool cache_is_proven(struct cache *c, const struct digest *diff_id,
		     const struct cache_origin *origin)
{
	_fd_ int fd = find(c, ABOUT_PROVEN, diff_id, origin, NULL);

	return fd >= 0;
}

int cache_note_proven(struct cache *c, const struct digest *diff_id,
		      const struct cache_origin *origin, struct firn_error *err)
{
	_fd_ int fd = write_index(c, ABOUT_PROVEN, diff_id, origin, NULL, err);

	return fd < 0 ? firn_wrap(err, fd, "cache %s", c->path) : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/layout.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/codec.h"
#include "format/tar.h"
#include "image/layout_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* An image has some ten members; a thousand images share most of their blobs. */
#define ARCHIVE_MEMBERS_MAX 65536

/* Of a compressed archive small blobs are kept, or each document would cost a pass over it. */
#define KEEP_BLOB_MAX (64u << 10)
#define KEEP_MAX      (8u << 20)

/* What the members of the archive are, as they come by. */
struct scan {
	struct source *src;
	const char *prefix; /* of the layout's files: "" or "FOLDER/" */
	bool keep;          /* small blobs */
	size_t kept;        /* bytes */
	struct store_extent *blobs;
	size_t nblobs, room;
	char *mark, *index;
	size_t mark_len, index_len;
	char *folder; /* that has an oci-layout, "FOLDER/"; NULL: none, or not yet */
};

static void scan_done(struct scan *s)
{
	for (size_t i = 0; i < s->nblobs; i++)
		free(s->blobs[i].bytes);
	free(s->blobs);
	free(s->mark);
	free(s->index);
	free(s->folder);
}

static int read_member(struct scan *s, const struct tar_entry *e, size_t max, char **ret,
		       size_t *ret_len, struct firn_error *err)
{
	_free_ char *text = NULL;
	int rc;

	if (*ret)
		return firn_fail(err, FIRN_ECORRUPT, "%s is there twice", e->path);
	if (e->size > max)
		return firn_fail(err, FIRN_ELIMIT, "%s: larger than %zu bytes", e->path, max);
	text = malloc((size_t)e->size + 1);
	if (!text)
		return firn_fail_oom(err, e->path);
	rc = source_read_at(s->src, text, (size_t)e->size, e->offset, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", e->path);
	text[e->size] = '\0';
	*ret = take_ptr(&text);
	*ret_len = (size_t)e->size;
	return 0;
}

/* "blobs/ALG/HEX"; other names below blobs/ are nobody's blob and are passed over. */
static bool parse_blob_name(const char *path, struct digest *ret)
{
	char text[DIGEST_TEXT_MAX];
	size_t len;
	char *slash;

	if (strncmp(path, "blobs/", 6) != 0)
		return false;
	path += 6;
	len = strlen(path);
	if (len >= sizeof(text))
		return false;
	memcpy(text, path, len + 1);
	slash = strchr(text, '/');
	if (!slash)
		return false;
	*slash = ':';
	return digest_parse(ret, text, NULL) == 0;
}

static int keep_blob(struct scan *s, const struct tar_entry *e, char **ret, struct firn_error *err)
{
	size_t len = 0;
	int rc = 0;

	if (s->keep && e->size && e->size <= KEEP_BLOB_MAX && e->size <= KEEP_MAX - s->kept)
		rc = read_member(s, e, KEEP_BLOB_MAX, ret, &len, err);
	s->kept += len;
	return rc;
}

static int add_blob(struct scan *s, const struct digest *d, const struct tar_entry *e,
		    struct firn_error *err)
{
	char *bytes = NULL;
	int rc;

	if (s->nblobs == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct store_extent *grown = realloc(s->blobs, room * sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "archive");
		s->blobs = grown;
		s->room = room;
	}
	rc = keep_blob(s, e, &bytes, err);
	if (rc < 0)
		return rc;
	s->blobs[s->nblobs++] = (struct store_extent){
		.digest = *d,
		.at = e->offset,
		.size = e->size,
		.bytes = bytes,
	};
	return 0;
}

/* "FOLDER/oci-layout": the first one is remembered for the case that there is none at the root. */
static int note_folder(struct scan *s, const char *path, struct firn_error *err)
{
	const char *slash = strchr(path, '/');

	if (s->folder || !slash || strcmp(slash, "/" LAYOUT_MARK) != 0)
		return 0;
	s->folder = strndup(path, (size_t)(slash + 1 - path));
	return s->folder ? 0 : firn_fail_oom(err, "archive");
}

static int take_member(struct scan *s, const struct tar_entry *e, struct firn_error *err)
{
	const size_t len = strlen(s->prefix);
	const char *path = e->path + len;
	struct digest d;
	int rc;

	if (!S_ISREG(e->mode) || e->hardlink)
		return 0;
	rc = note_folder(s, e->path, err);
	if (rc < 0 || strncmp(e->path, s->prefix, len) != 0)
		return rc;
	if (strcmp(path, LAYOUT_MARK) == 0)
		return read_member(s, e, LAYOUT_MARK_MAX, &s->mark, &s->mark_len, err);
	if (strcmp(path, LAYOUT_INDEX) == 0)
		return read_member(s, e, OCI_DOCUMENT_MAX, &s->index, &s->index_len, err);
	return parse_blob_name(path, &d) ? add_blob(s, &d, e, err) : 0;
}

static int scan_members(struct scan *s, struct firn_error *err)
{
	const struct tar_limits limits = { .entries = ARCHIVE_MEMBERS_MAX };
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e;
	int rc = tar_open_plain(s->src, &limits, &tar, err);

	if (rc < 0)
		return rc;
	while ((rc = tar_next(tar, &e, err)) > 0) {
		rc = take_member(s, e, err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* In a folder of the archive if it isn't at its root. */
static int scan(struct scan *s, struct firn_error *err)
{
	_free_ char *folder = NULL;
	int rc = scan_members(s, err);

	if (rc < 0 || s->mark || !s->folder)
		return rc;
	folder = take_ptr(&s->folder);
	scan_done(s);
	*s = (struct scan){ .src = s->src, .keep = s->keep, .prefix = folder };
	rc = scan_members(s, err);
	s->prefix = "";
	return rc;
}

/* What the archive holds, put together; takes *@src unless the blobs lie in a file. */
static int take_scan(struct scan *s, int fd, struct source **src, struct layout *l,
		     struct firn_error *err)
{
	struct store_extent *blobs;
	size_t n = s->nblobs;
	int rc;

	if (!s->mark || !s->index)
		return firn_fail(err, FIRN_ECORRUPT, "no OCI layout: there is no %s in it",
				 s->mark ? LAYOUT_INDEX : LAYOUT_MARK);
	rc = layout_check_mark(s->mark, s->mark_len, err);
	if (rc < 0)
		return rc;
	blobs = take_ptr(&s->blobs);
	s->nblobs = 0;
	if (fd >= 0) {
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0) {
			free(blobs);
			return firn_fail_errno(err, "open again");
		}
		rc = store_archive_open(fd, blobs, n, &l->store, err);
	} else {
		rc = store_source_open(take_ptr(src), blobs, n, &l->store, err);
	}
	if (rc < 0)
		return rc;
	l->index = take_ptr(&s->index);
	l->index_len = s->index_len;
	return 0;
}

/* *@src becomes what is in it. */
static int unpack(struct source **src, enum codec c, struct firn_error *err)
{
	const uint64_t max = codec_believed((*src)->size);

	return codec_source(c, take_ptr(src), max, NULL, src, err);
}

/* @fd (borrowed) is the file of *@src, or -1. */
static int open_source(struct source **src, int fd, struct layout *l, struct firn_error *err)
{
	_cleanup_(scan_done) struct scan s = { .prefix = "" };
	uint8_t head[CODEC_DETECT_BYTES];
	const ssize_t got = source_pread(*src, head, sizeof(head), 0, err);
	enum codec c;
	int rc = 0;

	if (got < 0)
		return (int)got;
	c = codec_detect(head, (size_t)got);
	if (c != CODEC_NONE) {
		rc = unpack(src, c, err);
		fd = -1;
		s.keep = l->packed = true;
	}
	s.src = *src;
	if (rc < 0 || (rc = scan(&s, err)) < 0)
		return rc;
	return take_scan(&s, fd, src, l, err);
}

static int new_layout(const char *name, struct layout **ret, struct firn_error *err)
{
	_cleanup_(layout_closep) struct layout *l = calloc(1, sizeof(*l));

	if (!l)
		return firn_fail_oom(err, "archive");
	l->fd = l->lock = -1;
	l->path = strdup(name);
	if (!l->path)
		return firn_fail_oom(err, "archive");
	*ret = take_ptr(&l);
	return 0;
}

int layout_open_source(struct source *src, const char *name, struct layout **ret,
		       struct firn_error *err)
{
	_cleanup_(source_closep) struct source *owned = src;
	_cleanup_(layout_closep) struct layout *l = NULL;
	int rc = new_layout(name, &l, err);

	if (rc >= 0)
		rc = open_source(&owned, -1, l, err);
	if (rc < 0)
		return firn_wrap(err, rc, "archive %s", name);
	*ret = take_ptr(&l);
	return 0;
}

static int open_file(const char *path, struct layout *l, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int rc;

	l->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (l->fd < 0)
		return firn_fail_errno(err, "open");
	rc = source_from_fd(l->fd, &src, err);
	return rc < 0 ? rc : open_source(&src, l->fd, l, err);
}

int layout_open_archive(const char *path, struct layout **ret, struct firn_error *err)
{
	_cleanup_(layout_closep) struct layout *l = NULL;
	int rc = new_layout(path, &l, err);

	if (rc >= 0)
		rc = open_file(path, l, err);
	if (rc < 0)
		return firn_wrap(err, rc, "archive %s", path);
	*ret = take_ptr(&l);
	return 0;
}

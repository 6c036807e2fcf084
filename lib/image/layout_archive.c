/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/layout.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/tar.h"
#include "image/layout_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* An image has some ten members; a thousand images share most of their blobs. */
#define ARCHIVE_MEMBERS_MAX 65536

/* What the members of the archive are, as they come by. */
struct scan {
	struct source *src;
	struct store_extent *blobs;
	size_t nblobs, room;
	char *mark, *index;
	size_t mark_len, index_len;
};

static void scan_done(struct scan *s)
{
	free(s->blobs);
	free(s->mark);
	free(s->index);
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

static int add_blob(struct scan *s, const struct digest *d, const struct tar_entry *e,
		    struct firn_error *err)
{
	if (s->nblobs == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct store_extent *grown = realloc(s->blobs, room * sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "archive");
		s->blobs = grown;
		s->room = room;
	}
	s->blobs[s->nblobs++] = (struct store_extent){
		.digest = *d,
		.at = e->offset,
		.size = e->size,
	};
	return 0;
}

static int take_member(struct scan *s, const struct tar_entry *e, struct firn_error *err)
{
	struct digest d;

	if (!S_ISREG(e->mode) || e->hardlink)
		return 0;
	if (strcmp(e->path, "oci-layout") == 0)
		return read_member(s, e, LAYOUT_MARK_MAX, &s->mark, &s->mark_len, err);
	if (strcmp(e->path, "index.json") == 0)
		return read_member(s, e, OCI_DOCUMENT_MAX, &s->index, &s->index_len, err);
	return parse_blob_name(e->path, &d) ? add_blob(s, &d, e, err) : 0;
}

static int scan_members(struct scan *s, struct firn_error *err)
{
	const struct tar_limits limits = { .entries = ARCHIVE_MEMBERS_MAX };
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e;
	int rc = tar_open_source(s->src, &limits, &tar, err);

	if (rc < 0)
		return rc;
	while ((rc = tar_next(tar, &e, err)) > 0) {
		if (tar_compressed(tar))
			return firn_fail(err, FIRN_EUNSUPP,
					 "is compressed; an oci-archive is read where it lies");
		rc = take_member(s, e, err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int open_archive(const char *path, struct layout *l, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(scan_done) struct scan s = { 0 };
	_fd_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return firn_fail_errno(err, "open");
	if ((rc = source_from_fd(fd, &src, err)) < 0)
		return rc;
	s.src = src;
	if ((rc = scan_members(&s, err)) < 0)
		return rc;
	if (!s.mark || !s.index)
		return firn_fail(err, FIRN_ECORRUPT, "no OCI layout: there is no %s in it",
				 s.mark ? "index.json" : "oci-layout");
	if ((rc = layout_check_mark(s.mark, s.mark_len, err)) < 0 ||
	    (rc = store_archive_open(take_fd(&fd), take_ptr(&s.blobs), s.nblobs, &l->store, err)) <
		0)
		return rc;
	l->index = take_ptr(&s.index);
	l->index_len = s.index_len;
	return 0;
}

int layout_open_archive(const char *path, struct layout **ret, struct firn_error *err)
{
	_cleanup_(layout_closep) struct layout *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return firn_fail_oom(err, "archive");
	l->fd = -1;
	l->path = strdup(path);
	rc = l->path ? open_archive(path, l, err) : firn_fail_oom(err, "archive");
	if (rc < 0)
		return firn_wrap(err, rc, "archive %s", path);
	*ret = take_ptr(&l);
	return 0;
}

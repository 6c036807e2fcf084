/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/archive_private.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "format/checkpoint.h"
#include "format/deleted.h"
#include "format/tar.h"
#include "view/plain.h"

#include <fcntl.h>
#include <string.h>

#define LAYOUT_MARK      "oci-layout" /* image-spec image-layout.md */
#define IMAGES_INVENTORY CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY

struct archive *archive_close(struct archive *a)
{
	if (!a)
		return NULL;
	tree_free(a->tree);
	source_close(a->src);
	fd_close(a->fd);
	free(a);
	return NULL;
}

void archive_closep(struct archive **a)
{
	*a = archive_close(*a);
}

static int check_plain_tar(struct archive *a, struct firn_error *err)
{
	uint8_t head[CODEC_DETECT_BYTES];
	ssize_t got = source_pread(a->src, head, sizeof(head), 0, err);

	if (got < 0)
		return (int)got;
	if (codec_detect(head, (size_t)got) == CODEC_NONE)
		return 0;
	return firn_fail(err, FIRN_EUNSUPP,
			 "it is compressed and can't be mounted as it lies; make an image of it "
			 "first (firn build)");
}

/* The file at @path, or NULL. */
static struct node *find_file(const struct archive *a, const char *path)
{
	struct node *n = tree_find(a->tree, path);

	if (n && n->link)
		n = n->link;
	return n && S_ISREG(n->mode) ? n : NULL;
}

/* The file at @path leaves the tree. */
static struct node *take_file(struct archive *a, const char *path)
{
	struct node *n = find_file(a, path);

	if (n)
		tree_remove(a->tree, tree_find(a->tree, path));
	return n;
}

static int scan(struct archive *a, struct firn_error *err)
{
	int rc;

	if ((rc = source_from_fd(a->fd, &a->src, err)) < 0 || (rc = check_plain_tar(a, err)) < 0 ||
	    (rc = tar_scan(a->src, TAR_WHITEOUTS_LITERAL, 1, 0, &a->tree, err)) < 0)
		return rc;
	if (tree_find(a->tree, LAYOUT_MARK))
		return 1;
	if (!tree_find(a->tree, IMAGES_INVENTORY))
		return firn_fail(err, FIRN_EINVAL, "is no engine's checkpoint: it has no %s",
				 IMAGES_INVENTORY);
	a->diff = take_file(a, ARCHIVE_DIFF);
	a->deleted = take_file(a, ARCHIVE_DELETED);
	return 0;
}

int archive_open(int fd, struct archive **ret, struct firn_error *err)
{
	_cleanup_(archive_closep) struct archive *a = calloc(1, sizeof(*a));
	int rc;

	if (!a) {
		fd_close(fd);
		return firn_fail_oom(err, "archive");
	}
	a->fd = fd;
	rc = scan(a, err);
	if (rc != 0)
		return rc;
	*ret = take_ptr(&a);
	return 0;
}

static int read_file(struct archive *a, const struct node *n, size_t max, char **ret,
		     size_t *ret_len, struct firn_error *err)
{
	_free_ char *text = NULL;
	int rc;

	if (n->size > max)
		return firn_fail(err, FIRN_ELIMIT, "%s is larger than %zu bytes", n->name, max);
	text = malloc((size_t)n->size + 1);
	if (!text)
		return firn_fail_oom(err, n->name);
	rc = source_read_at(a->src, text, (size_t)n->size, n->offset, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", n->name);
	text[n->size] = '\0';
	*ret_len = (size_t)n->size;
	*ret = take_ptr(&text);
	return 0;
}

int archive_read(struct archive *a, const char *path, size_t max, char **ret, size_t *ret_len,
		 struct firn_error *err)
{
	const struct node *n = find_file(a, path);
	int rc = n ? read_file(a, n, max, ret, ret_len, err) : 0;

	return rc < 0 ? rc : n != NULL;
}

static int own_data(struct archive *a, struct firn_error *err)
{
	int rc = plain_check(a->tree, err);

	if (rc == 0)
		plain_own(a->tree);
	return rc;
}

int archive_mount_data(struct archive *a, const struct view *v, struct view_mount *ret,
		       struct firn_error *err)
{
	const struct index_file file = { .fd = a->fd, .use = EROFS_DATA };
	int rc = own_data(a, err);

	return rc < 0 ? rc : index_mount(v, a->tree, &file, NULL, 0, ret, err);
}

static int duplicate(int fd, struct firn_error *err)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy >= 0 ? copy : firn_fail_errno(err, "duplicate a descriptor");
}

/*
 * The diff's tree and the file its payloads lie in: the archive itself, or one without a name in
 * the cache when the engine had compressed it. Returns a descriptor that the caller closes.
 */
static int scan_diff(struct archive *a, const struct view *v, enum archive_dialect dialect,
		     struct tree **ret, struct firn_error *err)
{
	const enum tar_whiteouts how =
	    dialect == ARCHIVE_CHANGESET ? TAR_WHITEOUTS_MARK : TAR_WHITEOUTS_LITERAL;
	_cleanup_(source_closep) struct source *part = NULL, *plain = NULL;
	uint8_t head[CODEC_DETECT_BYTES];
	_fd_ int fd = -1;
	ssize_t got;
	int rc = source_range(a->src, a->diff->offset, a->diff->size, &part, err);

	if (rc < 0)
		return rc;
	got = source_pread(part, head, sizeof(head), 0, err);
	if (got < 0)
		return (int)got;
	if (codec_detect(head, (size_t)got) == CODEC_NONE) {
		fd = duplicate(a->fd, err);
		rc = fd < 0 ? fd : tar_scan(part, how, 1, a->diff->offset, ret, err);
		return rc < 0 ? rc : take_fd(&fd);
	}
	fd = cache_unpack(v->cache, part, "unpack " ARCHIVE_DIFF, v->report, err);
	if (fd < 0)
		return fd;
	if ((rc = source_from_fd(fd, &plain, err)) < 0 ||
	    (rc = tar_scan(plain, how, 1, 0, ret, err)) < 0)
		return rc;
	return take_fd(&fd);
}

/* 1, the delta's tree and in *ret_fd the file that its payloads lie in; 0 when there is none. */
static int make_delta(struct archive *a, const struct view *v, enum archive_dialect dialect,
		      const struct archive_base *base, struct tree **ret, int *ret_fd,
		      struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *tree = NULL;
	_free_ char *deleted = NULL;
	_fd_ int fd = -1;
	size_t len = 0;
	int rc = 0;

	if (dialect == ARCHIVE_LITERAL && a->deleted)
		rc = read_file(a, a->deleted, DELETED_BYTES_MAX, &deleted, &len, err);
	if (rc < 0 || (!a->diff && !deleted))
		return rc;
	if (a->diff)
		rc = fd = scan_diff(a, v, dialect, &tree, err);
	else
		rc = fd = duplicate(a->fd, err);
	if (rc >= 0 && !tree)
		rc = tree_new(&tree, err);
	if (rc >= 0)
		rc = archive_convert(tree, deleted, len, base, v->report, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&tree);
	*ret_fd = take_fd(&fd);
	return 1;
}

int archive_mount_delta(struct archive *a, const struct view *v, enum archive_dialect dialect,
			const struct archive_base *base, struct view_mount *ret,
			struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *tree = NULL;
	_fd_ int fd = -1;
	int rc = make_delta(a, v, dialect, base, &tree, &fd, err);

	if (rc > 0) {
		const struct index_file file = { .fd = fd };

		rc = index_mount(v, tree, &file, NULL, 0, ret, err) ?: 1;
	}
	return firn_wrap(err, rc, ARCHIVE_DIFF);
}

int archive_data_tree(struct archive *a, const struct view *v, struct tree **ret_tree,
		      struct view_tree *ret, struct firn_error *err)
{
	int fd, rc = own_data(a, err);

	if (rc < 0)
		return rc;
	fd = duplicate(a->fd, err);
	rc = fd < 0 ? fd : view_tree_open_file(v, fd, ret, err);
	if (rc == 0)
		*ret_tree = a->tree;
	return rc;
}

int archive_delta_tree(struct archive *a, const struct view *v, enum archive_dialect dialect,
		       const struct archive_base *base, struct view_tree *ret,
		       struct firn_error *err)
{
	_cleanup_(view_tree_done) struct view_tree t = VIEW_TREE_NONE;
	_cleanup_(tree_freep) struct tree *tree = NULL;
	_fd_ int fd = -1;
	int rc = make_delta(a, v, dialect, base, &tree, &fd, err);

	if (rc <= 0)
		return firn_wrap(err, rc, ARCHIVE_DIFF);
	rc = view_tree_open_file(v, take_fd(&fd), &t, err);
	if (rc < 0)
		return firn_wrap(err, rc, ARCHIVE_DIFF);
	t.tree = take_ptr(&tree);
	*ret = t;
	t = (struct view_tree)VIEW_TREE_NONE;
	return 1;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/trees.h"

#include "base/fd.h"
#include "bytes/checked.h"
#include "bytes/codec.h"
#include "format/indexed.h"
#include "format/layer.h"
#include "format/packed.h"
#include "format/tar.h"
#include "view/plain.h"

#include <inttypes.h>
#include <sys/stat.h>

void view_tree_done(struct view_tree *t)
{
	tree_free(t->tree);
	source_close(t->src);
	*t = (struct view_tree)VIEW_TREE_NONE;
}

/* A range of a file that is closed with it. */
struct part {
	struct source base;
	int fd;
	uint64_t at;
};

static ssize_t part_pread(struct source *src, void *buf, size_t n, uint64_t at,
			  struct firn_error *err)
{
	const struct part *p = (const struct part *)src;

	if (at >= src->size)
		return 0;
	if (n > src->size - at)
		n = (size_t)(src->size - at);
	return fd_pread(p->fd, buf, n, p->at + at, err);
}

static void part_close(struct source *src)
{
	fd_close(((struct part *)src)->fd);
	free(src);
}

static int part_open(int fd, uint64_t at, uint64_t size, struct source **ret,
		     struct firn_error *err)
{
	static const struct source_ops ops = { part_pread, part_close };
	_fd_ int taken = fd;
	struct part *p = malloc(sizeof(*p));

	if (!p)
		return firn_fail_oom(err, "layer");
	*p = (struct part){ { &ops, size }, take_fd(&taken), at };
	*ret = &p->base;
	return 0;
}

static void tell(void *ctx, uint64_t done, uint64_t total)
{
	const struct firn_report *report = ctx;
	const struct firn_progress p = { .what = "check", .done = done, .total = total };

	report->progress(&p, report->ctx);
}

/* @src is replaced by one that checks. */
static int check(const struct view *v, const struct digest *want, struct source **src,
		 struct firn_error *err)
{
	const bool tells = v->report && v->report->progress;

	return checked_open(*src, want, tells ? tell : NULL, (void *)v->report, src, err);
}

int view_tree_open(const struct view *v, int fd, uint64_t at, uint64_t size,
		   const struct digest *want, struct view_tree *ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int rc = part_open(fd, at, size, &src, err);

	if (rc == 0 && (v->flags & VIEW_CHECKED))
		rc = check(v, want, &src, err);
	if (rc < 0)
		return rc;
	ret->src = take_ptr(&src);
	ret->fd = fd;
	ret->serial = v->flags & VIEW_CHECKED;
	return 0;
}

int view_tree_open_file(const struct view *v, int fd, struct view_tree *ret, struct firn_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		int rc = firn_fail_errno(err, "stat");

		fd_close(fd);
		return rc;
	}
	return view_tree_open(v, fd, 0, (uint64_t)st.st_size, NULL, ret, err);
}

static int fail_forged(struct firn_error *err)
{
	return firn_fail(err, FIRN_ECORRUPT, "its EROFS index is not that of its tar");
}

/*
 * The tar in @t->src. An index in it counts for nothing here but for --strict: the tree is that of
 * the headers. The kernel shows the root of a layer of ours as that layer has it.
 */
static int scan(const struct view *v, struct view_tree *t, struct firn_error *err)
{
	int kind = layer_check(t->src, &t->tree, err);

	if (kind < 0)
		return kind;
	if (kind == LAYER_FORGED && (v->flags & VIEW_STRICT))
		return fail_forged(err);
	if (kind == LAYER_OURS)
		t->tree->root->implied = false;
	return 0;
}

/* An open file with the layer as it lies in the store. */
static int open_stored(const struct view *v, struct store *s, const struct oci_descriptor *desc,
		       struct view_tree *t, struct firn_error *err)
{
	uint64_t at = 0, size = 0;
	_fd_ int fd = -1;
	int rc = store_open_fd(s, &desc->digest, &fd, &at, &size, err);

	/* In a registry it lies in no file. */
	if (rc == -FIRN_EUNSUPP && (v->flags & VIEW_FAR)) {
		rc = store_open(s, &desc->digest, &t->src, err);
		size = rc < 0 ? 0 : t->src->size;
	}
	if (rc < 0)
		return rc;
	if (size != desc->size)
		return firn_fail(err, FIRN_ECORRUPT,
				 "has %" PRIu64 " bytes where %" PRIu64 " are announced", size,
				 desc->size);
	return t->src ? 0 : view_tree_open(v, take_fd(&fd), at, size, &desc->digest, t, err);
}

/*
 * From afar, by the index that it has, which is believed: 1, or 0 when it has none. @t->src is the
 * layer as it lies there.
 */
static int open_indexed(const struct view *v, struct view_tree *t, struct firn_error *err)
{
	int rc;

	if (t->fd >= 0 || (v->flags & VIEW_STRICT))
		return 0;
	rc = indexed_open(&t->src, INDEXED_MAX, &t->tree, err);
	t->serial |= rc > 0;
	return rc;
}

static int open_unpacked(const struct view *v, struct store *s, const struct oci_descriptor *desc,
			 const struct digest *diff_id, struct view_tree *t, struct firn_error *err)
{
	const struct view unchecked = { .cache = v->cache, .report = v->report };
	_cleanup_(view_tree_done) struct view_tree whole = VIEW_TREE_NONE;
	int rc, fd = cache_layer(v->cache, s, desc, diff_id, v->report, err);

	if (fd < 0)
		return fd;
	rc = view_tree_open_file(&unchecked, fd, &whole, err);
	if (rc == 0 && (v->flags & VIEW_CHECKED))
		rc = check(v, diff_id, &whole.src, err);
	if (rc < 0)
		return rc;
	*t = whole;
	t->serial = v->flags & VIEW_CHECKED;
	whole = (struct view_tree)VIEW_TREE_NONE;
	return 0;
}

/*
 * A compressed layer of ours as it lies, read frame by frame. 1 when it has to be unpacked: it is
 * of others, or its index is not its own.
 */
static int open_packed(const struct view *v, struct store *s, const struct oci_descriptor *desc,
		       struct view_tree *ret, struct firn_error *err)
{
	_cleanup_(view_tree_done) struct view_tree t = VIEW_TREE_NONE;
	int kind, rc = open_stored(v, s, desc, &t, err);

	if (rc == 0 && (rc = open_indexed(v, &t, err)) > 0) {
		*ret = t;
		t = (struct view_tree)VIEW_TREE_NONE;
		return 0;
	}
	if (rc < 0 || !packed_begins(t.src))
		return rc < 0 ? rc : 1;
	kind = packed_check(t.src, &t.tree, err);
	if (kind < 0)
		return kind;
	if (kind == LAYER_FORGED && (v->flags & VIEW_STRICT))
		return fail_forged(err);
	if (kind != LAYER_OURS || !packed_open(&t.src))
		return 1;
	t.tree->root->implied = false;
	t.serial = true;
	*ret = t;
	t = (struct view_tree)VIEW_TREE_NONE;
	return 0;
}

/* The tree is made here, or left to be made of the tar. */
static int open_layer(const struct view *v, struct store *s, const struct oci_descriptor *desc,
		      const struct digest *diff_id, struct view_tree *t, struct firn_error *err)
{
	int codec = CODEC_NONE;
	int rc = oci_layer_codec(desc->media_type, &codec, err);

	if (rc < 0)
		return rc;
	if (codec == CODEC_NONE) {
		if (!digest_equal(&desc->digest, diff_id))
			return firn_fail(err, FIRN_ECORRUPT,
					 "is uncompressed, and not of its diff_id");
		rc = open_stored(v, s, desc, t, err);
		if (rc == 0)
			rc = open_indexed(v, t, err);
		return rc < 0 ? rc : 0;
	}
	rc = codec == CODEC_ZSTD ? open_packed(v, s, desc, t, err) : 1;
	return rc > 0 ? open_unpacked(v, s, desc, diff_id, t, err) : rc;
}

int view_layer_tree(const struct view *v, struct store *s, const struct oci_descriptor *desc,
		    const struct digest *diff_id, enum view_use use, struct view_tree *ret,
		    struct firn_error *err)
{
	_cleanup_(view_tree_done) struct view_tree t = VIEW_TREE_NONE;
	char text[DIGEST_TEXT_MAX];
	int rc = open_layer(v, s, desc, diff_id, &t, err);

	if (rc == 0 && !t.tree)
		rc = scan(v, &t, err);
	if (rc == 0 && use == VIEW_DATA)
		rc = plain_check(t.tree, err);
	if (rc < 0)
		return firn_wrap(err, rc, "layer %.19s", digest_text(&desc->digest, text));
	*ret = t;
	t = (struct view_tree)VIEW_TREE_NONE;
	return 0;
}

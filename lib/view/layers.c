/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/layers.h"

#include "base/cursor.h"
#include "base/fd.h"
#include "bytes/codec.h"
#include "format/erofs.h"
#include "format/erofs_disk.h"
#include "format/layer.h"
#include "format/packed.h"
#include "format/tar.h"
#include "view/copied.h"
#include "view/plain.h"

#include <errno.h>
#include <inttypes.h>

/* A layer's uncompressed tar: the bytes [at, at + size) of an open file. */
struct tar_file {
	int fd;
	uint64_t at, size;
	const struct digest *diff_id;
};

static bool has_superblock(struct source *src)
{
	uint8_t bytes[4];
	struct cursor c = { bytes, sizeof(bytes) };
	uint32_t magic;

	return source_read_at(src, bytes, sizeof(bytes), EROFS_SUPER_AT, NULL) == 0 &&
	       cursor_le32(&c, &magic) && magic == EROFS_MAGIC;
}

static enum erofs_use erofs_use(enum view_use use)
{
	return use == VIEW_DATA ? EROFS_DATA : EROFS_ROOTFS;
}

static int mount_scanned(const struct view *v, const struct tar_file *f, struct source *src,
			 enum view_use use, struct view_mount *ret, struct firn_error *err)
{
	const struct index_file file = { .fd = f->fd, .digest = f->diff_id, .use = erofs_use(use) };
	_cleanup_(tree_freep) struct tree *tree = NULL;
	int rc = tar_scan(src, TAR_WHITEOUTS_FOREIGN, 1, f->at, &tree, err);

	if (rc == 0 && use == VIEW_DATA)
		rc = plain_check(tree, err);
	else if (rc == 0 && tree->root->implied)
		rc = tree_set_xattr(tree, tree->root, VIEW_ROOT_IMPLIED, "y", 1, err);
	if (rc < 0)
		return rc;
	return index_mount(v, tree, &file, f->diff_id, f->at, ret, err);
}

/* An index that is kept was made of a tree that passed plain_check() only if it is VIEW_DATA's. */
static int mount_foreign(const struct view *v, const struct tar_file *f, struct source *src,
			 enum view_use use, struct view_mount *ret, struct firn_error *err)
{
	const struct index_file file = { .fd = f->fd, .digest = f->diff_id };
	int rc = -FIRN_ENOTFOUND;

	if (use == VIEW_ROOTFS)
		rc = index_mount_kept(v, &file, f->diff_id, f->at, ret, err);
	return rc == -FIRN_ENOTFOUND ? mount_scanned(v, f, src, use, ret, err) : rc;
}

static int mount_itself(const struct view *v, const struct tar_file *f, enum erofs_use use,
			struct view_mount *ret, struct firn_error *err)
{
	const struct shared_image image = { .erofs = { .fd = f->fd, .use = use, .want = v->road } };
	int rc = shared_mount(v->bundle, &image, &ret->road, err);

	if (rc < 0)
		return rc;
	ret->fd = rc;
	return 0;
}

/*
 * The layer has an index of its own. A delta of many files takes its time to be proven: of the same
 * unchanged file that is done once, unless the caller is strict. Whoever else can write to the file
 * could change the index behind the proof, while the kernel reads it: then it isn't looked at.
 */
static int mount_ours(const struct view *v, const struct tar_file *f, struct source *src,
		      enum view_use use, struct view_mount *ret, struct firn_error *err)
{
	const struct cache_origin origin = { .fd = f->fd, .at = f->at };
	const bool strict = v->flags & VIEW_STRICT, keep = use == VIEW_ROOTFS && !f->at;
	/* In an archive it doesn't begin at a block. */
	const bool usable = !f->at && cache_is_private(f->fd);
	_cleanup_(tree_freep) struct tree *tree = NULL;
	int kind, rc = 0;

	if (!usable && !strict)
		return mount_foreign(v, f, src, use, ret, err);
	if (keep && !strict && cache_is_proven(v->cache, f->diff_id, &origin))
		return mount_itself(v, f, erofs_use(use), ret, err);
	kind = layer_check(src, &tree, err);
	if (kind < 0)
		return kind;
	if (kind == LAYER_FORGED && strict)
		return firn_fail(err, FIRN_ECORRUPT, "its EROFS index is not that of its tar");
	if (kind != LAYER_OURS || !usable)
		return mount_foreign(v, f, src, use, ret, err);
	if (use == VIEW_DATA)
		rc = plain_check(tree, err);
	/* A note that can't be made costs time alone, the next time. */
	if (rc == 0 && keep)
		(void)!cache_note_proven(v->cache, f->diff_id, &origin, NULL);
	return rc < 0 ? rc : mount_itself(v, f, erofs_use(use), ret, err);
}

static int mount_tar(const struct view *v, const struct tar_file *f, enum view_use use,
		     struct view_mount *ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *whole = NULL, *src = NULL;
	int rc;

	if ((rc = source_from_fd(f->fd, &whole, err)) < 0 ||
	    (rc = source_range(whole, f->at, f->size, &src, err)) < 0)
		return rc;
	if (has_superblock(src))
		return mount_ours(v, f, src, use, ret, err);
	return mount_foreign(v, f, src, use, ret, err);
}

/* A compressed blob that has an index of its own. 1 when that is not to be used. */
static int prove_packed(const struct view *v, const struct tar_file *f, enum view_use use,
			struct firn_error *err)
{
	const struct cache_origin origin = { .fd = f->fd, .at = f->at };
	const bool strict = v->flags & VIEW_STRICT, keep = use == VIEW_ROOTFS;
	const bool usable = cache_is_private(f->fd);
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *tree = NULL;
	int kind, rc = source_from_fd(f->fd, &src, err);

	if (rc < 0 || !packed_begins(src) || (!usable && !strict))
		return rc < 0 ? rc : 1;
	if (keep && !strict && cache_is_proven(v->cache, f->diff_id, &origin))
		return 0;
	kind = packed_check(src, &tree, err);
	if (kind < 0)
		return kind;
	if (kind == LAYER_FORGED && strict)
		return firn_fail(err, FIRN_ECORRUPT, "its EROFS index is not that of its tar");
	if (kind != LAYER_OURS || !usable)
		return 1;
	if (use == VIEW_DATA)
		rc = plain_check(tree, err);
	if (rc == 0 && keep)
		(void)!cache_note_proven(v->cache, f->diff_id, &origin, NULL);
	return rc;
}

/*
 * A compressed layer of ours as it lies. 1 when it has to be unpacked: it is of others, has an
 * index that isn't its own, can be written to by others, lies somewhere in an archive, or the
 * kernel can't read zstd in EROFS (before 6.10, or built without).
 */
static int mount_packed(const struct view *v, struct store *s, const struct oci_descriptor *desc,
			const struct digest *diff_id, enum view_use use, struct view_mount *ret,
			struct firn_error *err)
{
	struct tar_file f = { .fd = -1, .diff_id = diff_id };
	_fd_ int fd = -1;
	int rc;

	if (store_open_fd(s, &desc->digest, &fd, &f.at, &f.size, NULL) < 0 || f.at)
		return 1;
	if (f.size != desc->size)
		return firn_fail(err, FIRN_ECORRUPT,
				 "has %" PRIu64 " bytes where %" PRIu64 " are announced", f.size,
				 desc->size);
	f.fd = fd;
	rc = prove_packed(v, &f, use, err);
	if (rc != 0)
		return rc;
	errno = 0;
	rc = mount_itself(v, &f, EROFS_PACKED, ret, err);
	return rc < 0 && (errno == EOPNOTSUPP || errno == EINVAL) ? 1 : rc;
}

static int mount_stored(const struct view *v, struct store *s, const struct oci_descriptor *desc,
			const struct digest *diff_id, enum view_use use, struct view_mount *ret,
			struct firn_error *err)
{
	struct tar_file f = { .fd = -1, .diff_id = diff_id };
	_fd_ int fd = -1;
	int rc;

	if (!digest_equal(&desc->digest, diff_id))
		return firn_fail(err, FIRN_ECORRUPT, "is uncompressed, and not of its diff_id");
	rc = store_open_fd(s, &desc->digest, &fd, &f.at, &f.size, err);
	if (rc < 0)
		return rc;
	if (f.size != desc->size)
		return firn_fail(err, FIRN_ECORRUPT,
				 "has %" PRIu64 " bytes where %" PRIu64 " are announced", f.size,
				 desc->size);
	f.fd = fd;
	return mount_tar(v, &f, use, ret, err);
}

static int mount_unpacked(const struct view *v, struct store *s, const struct oci_descriptor *desc,
			  const struct digest *diff_id, enum view_use use, struct view_mount *ret,
			  struct firn_error *err)
{
	_fd_ int fd = cache_layer(v->cache, s, desc, diff_id, v->report, err);
	struct tar_file f = { .fd = fd, .diff_id = diff_id };
	_cleanup_(source_closep) struct source *src = NULL;
	int rc;

	if (fd < 0)
		return fd;
	rc = source_from_fd(fd, &src, err);
	if (rc < 0)
		return rc;
	f.size = src->size;
	return mount_tar(v, &f, use, ret, err);
}

static int mount_layer(const struct view *v, struct store *s, const struct oci_descriptor *desc,
		       const struct digest *diff_id, enum view_use use, struct view_mount *ret,
		       struct firn_error *err)
{
	int codec = CODEC_NONE;
	int rc = oci_layer_codec(desc->media_type, &codec, err);

	if (rc == 0 && codec == CODEC_NONE)
		rc = mount_stored(v, s, desc, diff_id, use, ret, err);
	else if (rc == 0)
		rc = codec == CODEC_ZSTD ? mount_packed(v, s, desc, diff_id, use, ret, err) : 1;
	if (rc > 0)
		rc = mount_unpacked(v, s, desc, diff_id, use, ret, err);
	return rc;
}

int view_layer(const struct view *v, struct store *s, const struct oci_descriptor *desc,
	       const struct digest *diff_id, enum view_use use, struct view_mount *ret,
	       struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	int rc = -FIRN_EUNSUPP;

	if (v->road != ROAD_COPY)
		rc = mount_layer(v, s, desc, diff_id, use, ret, err);
	if (v->road == ROAD_COPY || (rc == -FIRN_EUNSUPP && v->road == ROAD_ANY))
		rc = copied_layer(v, s, desc, diff_id, use, ret, err);
	return firn_wrap(err, rc, "layer %.19s", digest_text(&desc->digest, text));
}

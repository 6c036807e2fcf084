/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/index.h"

#include "base/fd.h"
#include "format/erofs.h"
#include "view/copied.h"

#include <string.h>
#include <sys/stat.h>

static int print_index(struct tree *tree, const struct index_file *file, struct buf *ret,
		       struct firn_error *err)
{
	_cleanup_(erofs_freep) struct erofs *plan = NULL;
	struct erofs_device device = { 0 };
	const struct erofs_opts opts = {
		.block_bits = INDEX_BLOCK_BITS,
		.devices = &device,
		.ndevices = 1,
	};
	char hex[DIGEST_TEXT_MAX];
	struct stat st;
	int rc;

	if (fstat(file->fd, &st) < 0)
		return firn_fail_errno(err, "stat");
	device.bytes = (uint64_t)st.st_size;
	if (file->digest && file->digest->alg == DIGEST_SHA256)
		memcpy(device.tag, digest_hex(file->digest, hex), sizeof(device.tag) - 1);
	rc = erofs_plan(tree, &opts, &plan, err);
	return rc < 0 ? rc : erofs_emit(plan, 0, ret, NULL, err);
}

/* @image: an index without a name, NULL when it has one. */
static int mount_index(const struct view *v, int index, const struct buf *image,
		       const struct index_file *file, struct view_mount *ret,
		       struct firn_error *err)
{
	struct shared_image shared = { .erofs = { .fd = index,
						  .devices = &file->fd,
						  .ndevices = 1,
						  .use = file->use,
						  .want = v->road } };
	struct digest content;
	int rc = 0;

	if (image) {
		rc = digest_of(image->data, image->len, &content, err);
		shared.content = &content;
	}
	if (rc == 0)
		rc = shared_mount(v->bundle, &shared, &ret->road, err);
	if (rc < 0)
		return rc;
	ret->fd = rc;
	return 0;
}

int index_mount(const struct view *v, struct tree *tree, const struct index_file *file,
		const struct digest *diff_id, uint64_t at, struct view_mount *ret,
		struct firn_error *err)
{
	const struct cache_origin origin = { .fd = file->fd, .at = at };
	_buf_ struct buf image = BUF_INIT;
	_fd_ int index = -1;
	int rc = print_index(tree, file, &image, err);

	if (rc < 0)
		return firn_wrap(err, rc, "index");
	if (v->road == ROAD_COPY)
		return copied_tree(v, tree, file, &image, ret, err);
	index = cache_write_index(v->cache, diff_id, &origin, &image, err);
	if (index < 0)
		return index;
	rc = mount_index(v, index, diff_id ? NULL : &image, file, ret, err);
	/* A layer takes that road as a whole (view_layer()). */
	if (rc == -FIRN_EUNSUPP && v->road == ROAD_ANY && !diff_id)
		rc = copied_tree(v, tree, file, &image, ret, err);
	return rc;
}

int index_mount_kept(const struct view *v, const struct index_file *file,
		     const struct digest *diff_id, uint64_t at, struct view_mount *ret,
		     struct firn_error *err)
{
	const struct cache_origin origin = { .fd = file->fd, .at = at };
	_fd_ int index = cache_find_index(v->cache, diff_id, &origin, err);

	return index < 0 ? index : mount_index(v, index, NULL, file, ret, err);
}

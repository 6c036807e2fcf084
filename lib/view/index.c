/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/index.h"

#include "base/fd.h"
#include "format/erofs.h"

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

int index_mount(struct cache *c, struct tree *tree, const struct index_file *file,
		const struct digest *diff_id, uint64_t at, struct view_mount *ret,
		struct firn_error *err)
{
	const struct cache_origin origin = { .fd = file->fd, .at = at };
	_buf_ struct buf image = BUF_INIT;
	_fd_ int index = -1;
	int rc = print_index(tree, file, &image, err);

	if (rc < 0)
		return firn_wrap(err, rc, "index");
	index = cache_write_index(c, diff_id, &origin, &image, err);
	if (index < 0)
		return index;
	rc = erofs_mount(index, &file->fd, 1, file->want, &ret->road, err);
	if (rc < 0)
		return rc;
	ret->fd = rc;
	return 0;
}

int index_mount_kept(struct cache *c, const struct index_file *file, const struct digest *diff_id,
		     uint64_t at, struct view_mount *ret, struct firn_error *err)
{
	const struct cache_origin origin = { .fd = file->fd, .at = at };
	_fd_ int index = cache_find_index(c, diff_id, &origin, err);
	int rc;

	if (index < 0)
		return index;
	rc = erofs_mount(index, &file->fd, 1, file->want, &ret->road, err);
	if (rc < 0)
		return rc;
	ret->fd = rc;
	return 0;
}

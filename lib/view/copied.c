/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/copied.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "bytes/follower.h"
#include "format/layer.h"
#include "format/packed.h"
#include "format/tar.h"
#include "view/copied_make.h"
#include "view/plain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The stored blob of a layer. */
struct blob {
	int fd;
	uint64_t at, size;
	int codec;
};

static int open_blob(struct store *s, const struct oci_descriptor *desc,
		     const struct digest *diff_id, struct blob *ret, struct firn_error *err)
{
	int rc = oci_layer_codec(desc->media_type, &ret->codec, err);

	if (rc < 0)
		return rc;
	if (ret->codec == CODEC_NONE && !digest_equal(&desc->digest, diff_id))
		return firn_fail(err, FIRN_ECORRUPT, "is uncompressed, and not of its diff_id");
	rc = store_open_fd(s, &desc->digest, &ret->fd, &ret->at, &ret->size, err);
	if (rc < 0)
		return rc;
	if (ret->size != desc->size)
		return firn_fail(err, FIRN_ECORRUPT,
				 "has %" PRIu64 " bytes where %" PRIu64 " are announced", ret->size,
				 desc->size);
	return 0;
}

static int open_source(const struct blob *b, struct source **ret_whole, struct source **ret,
		       struct firn_error *err)
{
	int rc = source_from_fd(b->fd, ret_whole, err);

	return rc < 0 ? rc : source_range(*ret_whole, b->at, b->size, ret, err);
}

/* Its own index is of no use here, but who is strict wants to hear of a forged one. */
static int check_index(const struct blob *b, struct source *src, struct firn_error *err)
{
	int kind = LAYER_FOREIGN;

	if (b->codec == CODEC_NONE)
		kind = layer_check(src, NULL, err);
	else if (b->codec == CODEC_ZSTD && packed_begins(src))
		kind = packed_check(src, NULL, err);
	if (kind == LAYER_FORGED)
		return firn_fail(err, FIRN_ECORRUPT, "its EROFS index is not that of its tar");
	return kind < 0 ? kind : 0;
}

static int scan(struct copied *c, enum view_use use, struct tree **ret, struct firn_error *err)
{
	const struct blob b = { .fd = c->fd, .at = c->at, .size = c->size };
	_cleanup_(source_closep) struct source *whole = NULL, *src = NULL;
	int rc = open_source(&b, &whole, &src, err);

	if (rc == 0)
		rc = tar_scan(src, TAR_WHITEOUTS_FOREIGN, 0, c->at, ret, err);
	if (rc == 0 && use == VIEW_DATA)
		rc = plain_check(*ret, err);
	else if (rc == 0 && (*ret)->root->implied)
		rc = tree_set_xattr(*ret, (*ret)->root, VIEW_ROOT_IMPLIED, "y", 1, err);
	c->tree = *ret;
	return rc;
}

/*
 * The tar that the tree is made from: the blob as it lies, or a file without a name that nobody
 * else can write to, for as long as the tree is made.
 */
static int make_layer(const struct view *v, const struct blob *b, struct source *src,
		      struct copied *c, enum view_use use, struct view_mount *ret,
		      struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *tree = NULL;
	_fd_ int plain = -1;
	struct stat st;
	int rc;

	c->fd = b->fd;
	c->at = b->at;
	c->size = b->size;
	if (b->codec != CODEC_NONE || !cache_is_private(b->fd)) {
		plain = cache_unpack(v->cache, src, "decompress", v->report, err);
		if (plain < 0)
			return plain;
		if (fstat(plain, &st) < 0)
			return firn_fail_errno(err, "stat");
		c->fd = plain;
		c->at = 0;
		c->size = (uint64_t)st.st_size;
	}
	rc = scan(c, use, &tree, err);
	return rc < 0 ? rc : copied_make(v, c, ret, err);
}

static int layer(const struct view *v, struct blob *b, const struct digest *diff_id,
		 enum view_use use, struct view_mount *ret, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *whole = NULL, *src = NULL;
	struct copied c = { .proof = *diff_id };
	char hex[DIGEST_TEXT_MAX];
	int rc = open_source(b, &whole, &src, err);

	if (rc == 0 && (v->flags & VIEW_STRICT))
		rc = check_index(b, src, err);
	if (rc < 0)
		return rc;
	if (diff_id->alg != DIGEST_SHA256)
		return firn_fail(err, FIRN_EUNSUPP, "its diff_id is no sha256");
	snprintf(c.key, sizeof(c.key), "%.64s%s", digest_hex(diff_id, hex),
		 use == VIEW_DATA ? ".data" : "");
	rc = copied_find(v, c.key, ret, err);
	if (rc == 0)
		rc = make_layer(v, b, src, &c, use, ret, err);
	return rc < 0 ? rc : 0;
}

int copied_layer(const struct view *v, struct store *s, const struct oci_descriptor *desc,
		 const struct digest *diff_id, enum view_use use, struct view_mount *ret,
		 struct firn_error *err)
{
	struct blob b = { .fd = -1 };
	int rc = open_blob(s, desc, diff_id, &b, err);

	if (rc == 0)
		rc = layer(v, &b, diff_id, use, ret, err);
	fd_close(b.fd);
	return rc;
}

/* The content of a file that has no name, which nothing else tells from others. */
static int digest_file(int fd, uint64_t size, struct digest *ret, struct firn_error *err)
{
	struct follower *f;
	int rc = follower_start(fd, DIGEST_SHA256, &f, err);

	if (rc < 0)
		return rc;
	follower_advance(f, size);
	rc = follower_finish(f, ret, err);
	follower_free(f);
	return rc;
}

/* All that is known of the tree and of the file that its contents lie in. */
static int make_key(const struct index_file *file, const struct buf *index, char *ret, size_t n,
		    struct firn_error *err)
{
	const struct cache_origin origin = { .fd = file->fd };
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	char hex[DIGEST_TEXT_MAX], record[CACHE_RECORD];
	struct digest d;
	struct stat st;
	int rc;

	if (fstat(file->fd, &st) < 0)
		return firn_fail_errno(err, "stat");
	if (st.st_nlink) {
		rc = cache_print_origin(&origin, record, err);
	} else {
		rc = digest_file(file->fd, (uint64_t)st.st_size, &d, err);
		if (rc == 0)
			snprintf(record, sizeof(record), "%s", digest_hex(&d, hex));
	}
	if (rc < 0 || (rc = hasher_new(DIGEST_SHA256, &h, err)) < 0 ||
	    (rc = hasher_update(h, record, strlen(record), err)) < 0 ||
	    (rc = hasher_update(h, index->data, index->len, err)) < 0 ||
	    (rc = hasher_final(h, &d, err)) < 0)
		return rc;
	snprintf(ret, n, "%.64s.part", digest_hex(&d, hex));
	return 0;
}

int copied_tree(const struct view *v, struct tree *tree, const struct index_file *file,
		const struct buf *index, struct view_mount *ret, struct firn_error *err)
{
	struct copied c = { .tree = tree, .fd = file->fd };
	int rc = make_key(file, index, c.key, sizeof(c.key), err);

	if (rc == 0)
		rc = copied_find(v, c.key, ret, err);
	if (rc == 0)
		rc = copied_make(v, &c, ret, err);
	return rc < 0 ? rc : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verify/blobset_priv.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/codec.h"
#include "store/ops.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void blobset_done(struct blobset *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->list[i].bytes);
	free(b->list);
	free(b->mark);
	free(b->index);
	free(b->prefix);
	source_close(b->src);
	fd_close(b->fd);
	*b = (struct blobset){ .fd = -1 };
}

const char *blob_name(const struct digest *d, char ret[BLOB_NAME_MAX])
{
	char hex[DIGEST_TEXT_MAX];

	snprintf(ret, BLOB_NAME_MAX, "blobs/%s/%s", digest_alg_name(d->alg), digest_hex(d, hex));
	return ret;
}

/* "blobs/ALG/HEX" */
static bool parse_name(const char *name, struct digest *ret)
{
	char text[DIGEST_TEXT_MAX];
	char *slash;

	if (strncmp(name, "blobs/", 6) != 0 || strlen(name + 6) >= sizeof(text))
		return false;
	strcpy(text, name + 6);
	slash = strchr(text, '/');
	if (!slash)
		return false;
	*slash = ':';
	return digest_parse(ret, text, NULL) == 0;
}

int blobset_add(struct blobset *b, const char *name, uint64_t size, uint64_t at, struct blob **ret,
		struct firn_error *err)
{
	struct digest d;

	*ret = NULL;
	if (!parse_name(name, &d))
		return 0;
	if (b->n == BLOBSET_MAX)
		return firn_fail(err, FIRN_ELIMIT, "has more than %u blobs", BLOBSET_MAX);
	if (b->n == b->room) {
		const size_t room = b->room ? 2 * b->room : 64;
		struct blob *grown = reallocarray(b->list, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "blobs");
		b->list = grown;
		b->room = room;
	}
	*ret = &b->list[b->n++];
	**ret = (struct blob){ .digest = d, .size = size, .at = at };
	return 0;
}

void blobset_stray(const char *name, struct findings *f)
{
	findings_add(f, FINDING_NOTE, name, "stray-file", "doesn't belong to the layout");
}

static int compare(const void *va, const void *vb)
{
	const struct blob *a = va, *b = vb;

	return digest_compare(&a->digest, &b->digest);
}

struct blob *blobset_find(struct blobset *b, const struct digest *d)
{
	const struct blob key = { .digest = *d };

	return b->n ? bsearch(&key, b->list, b->n, sizeof(key), compare) : NULL;
}

static void tell_twice(struct blobset *b, struct findings *f)
{
	char name[BLOB_NAME_MAX];

	for (size_t i = 1; i < b->n; i++)
		if (compare(&b->list[i - 1], &b->list[i]) == 0)
			findings_add(f, FINDING_WARNING, blob_name(&b->list[i].digest, name),
				     "twice", "is in the archive more than once");
}

/* *@src becomes what is in it. */
static int unpack(struct blobset *b, struct firn_error *err)
{
	const uint64_t max = codec_believed(b->src->size);
	uint8_t head[CODEC_DETECT_BYTES];
	const ssize_t got = source_pread(b->src, head, sizeof(head), 0, err);
	struct source *packed = b->src;
	enum codec c;

	if (got < 0)
		return (int)got;
	c = codec_detect(head, (size_t)got);
	if (c == CODEC_NONE)
		return 0;
	b->packed = true;
	b->src = NULL;
	return codec_source(c, packed, max, NULL, &b->src, err);
}

static int open_archive(struct blobset *b, int fd, bool all, struct findings *f,
			struct firn_error *err)
{
	struct firn_error e = { 0 };
	int rc = source_from_fd(fd, &b->src, err);

	if (rc < 0)
		return rc;
	rc = findings_take(f, "", "bad-archive", unpack(b, &e), &e, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return blobset_list_archive(b, all, f, err);
}

static int open_path(const char *path, bool all, struct findings *f, struct blobset *b,
		     struct firn_error *err)
{
	struct stat st;

	b->path = path;
	b->prefix = strdup("");
	b->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (!b->prefix)
		return firn_fail_oom(err, "layout");
	if (b->fd < 0 || fstat(b->fd, &st) < 0)
		return firn_fail_errno(err, "open");
	if (S_ISDIR(st.st_mode))
		return blobset_list_folder(b, all, f, err);
	if (!S_ISREG(st.st_mode))
		return firn_fail(err, FIRN_EINVAL, "is neither a file nor a folder");
	return open_archive(b, b->fd, all, f, err);
}

int blobset_open(const char *path, bool all, struct findings *f, struct blobset *ret,
		 struct firn_error *err)
{
	struct blobset b = { .fd = -1 };
	int rc = open_path(path, all, f, &b, err);

	if (rc < 0) {
		blobset_done(&b);
		return rc;
	}
	if (b.n)
		qsort(b.list, b.n, sizeof(*b.list), compare);
	tell_twice(&b, f);
	*ret = b;
	return 0;
}

static int open_file(int dirfd, const struct digest *d, struct source **ret, struct firn_error *err)
{
	char name[BLOB_NAME_MAX];
	uint64_t size;
	int fd = path_open_file(dirfd, blob_name(d, name), O_RDONLY, &size, err);

	return fd < 0 ? fd : extent_source(fd, 0, size, ret, err);
}

int blobset_source(struct blobset *b, const struct blob *blob, struct source **ret,
		   struct firn_error *err)
{
	if (!b->src)
		return open_file(b->fd, &blob->digest, ret, err);
	if (blob->bytes)
		return source_from_mem(blob->bytes, (size_t)blob->size, ret, err);
	return source_range(b->src, blob->at, blob->size, ret, err);
}

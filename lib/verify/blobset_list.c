/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verify/blobset_priv.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/oci.h"
#include "format/tar.h"
#include "store/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Of a compressed archive small blobs are kept, or each document would cost a pass over it. */
#define KEEP_BLOB_MAX (64u << 10)
#define KEEP_MAX      (8u << 20)

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* A file at the layout's top: its content if it can be had; what is wrong with it is told. */
static int read_top(struct blobset *b, const char *name, size_t max, bool *there, char **ret,
		    size_t *ret_len, struct findings *f, struct firn_error *err)
{
	struct firn_error e = { 0 };
	_fd_ int fd = path_open_beneath(b->fd, name, O_RDONLY | O_NONBLOCK, 0, &e);
	struct stat st;
	int rc = fd;

	*there = fd != -FIRN_ENOTFOUND;
	if (!*there)
		return 0;
	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		rc = firn_fail(&e, FIRN_ECORRUPT, "is no regular file");
	if (rc >= 0)
		rc = fd_read_all(fd, max, ret, ret_len, &e);
	rc = findings_take(f, name, "unreadable", rc, &e, err);
	return rc < 0 ? rc : 0;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* What a writer leaves that was killed where the file system has no files without a name. */
static bool is_leftover(const char *name)
{
	return strncmp(name, PUBLISH_TEMP_PREFIX, strlen(PUBLISH_TEMP_PREFIX)) == 0;
}

static int add_file(struct blobset *b, int dirfd, const char *path, const char *name, bool all,
		    struct findings *f, struct firn_error *err)
{
	struct blob *blob;
	struct stat st;
	int rc;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : firn_fail_errno(err, "stat %s", path);
	if (!S_ISREG(st.st_mode)) {
		if (all)
			findings_add(f, FINDING_WARNING, path, "no-file", "is no regular file");
		return 0;
	}
	rc = blobset_add(b, path, (uint64_t)st.st_size, 0, &blob, err);
	if (rc < 0 || blob || !all)
		return rc;
	if (is_leftover(name))
		findings_add(f, FINDING_NOTE, path, "leftover",
			     "was left behind by a build that was ended; the next one removes it");
	else
		blobset_stray(path, f);
	return 0;
}

static int open_folder(int dirfd, const char *path, DIR **ret, struct firn_error *err)
{
	_fd_ int fd = path_open_beneath(dirfd, path, O_RDONLY | O_DIRECTORY, 0, err);

	if (fd < 0)
		return fd;
	*ret = fdopendir(fd);
	if (!*ret)
		return firn_fail_errno(err, "read folder %s", path);
	take_fd(&fd);
	return 0;
}

/* blobs/ALG */
static int list_algorithm(struct blobset *b, const char *folder, bool all, struct findings *f,
			  struct firn_error *err)
{
	_cleanup_(dir_closep) DIR *dir = NULL;
	struct firn_error e = { 0 };
	char path[2 * PATH_NAME_MAX + 32];
	struct dirent *entry;
	int rc =
	    findings_take(f, folder, "unreadable", open_folder(b->fd, folder, &dir, &e), &e, err);

	while (rc == 0 && (entry = readdir(dir))) {
		if (is_dots(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		rc = add_file(b, dirfd(dir), path, entry->d_name, all, f, err);
	}
	return rc < 0 ? rc : 0;
}

static int list_blobs(struct blobset *b, bool all, struct findings *f, struct firn_error *err)
{
	_cleanup_(dir_closep) DIR *dir = NULL;
	struct firn_error e = { 0 };
	char path[PATH_NAME_MAX + 16];
	struct dirent *entry;
	int rc =
	    findings_take(f, "blobs", "no-blobs", open_folder(b->fd, "blobs", &dir, &e), &e, err);

	while (rc == 0 && (entry = readdir(dir))) {
		if (is_dots(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "blobs/%s", entry->d_name);
		if (strcmp(entry->d_name, "sha256") == 0 || strcmp(entry->d_name, "sha512") == 0)
			rc = list_algorithm(b, path, all, f, err);
		else if (all)
			blobset_stray(path, f);
	}
	return rc < 0 ? rc : 0;
}

static int list_top(struct blobset *b, struct findings *f, struct firn_error *err)
{
	_cleanup_(dir_closep) DIR *dir = NULL;
	struct dirent *entry;
	int rc = open_folder(b->fd, ".", &dir, err);

	while (rc == 0 && (entry = readdir(dir))) {
		if (is_dots(entry->d_name) || strcmp(entry->d_name, "blobs") == 0 ||
		    strcmp(entry->d_name, BLOBSET_MARK) == 0 ||
		    strcmp(entry->d_name, BLOBSET_INDEX) == 0)
			continue;
		blobset_stray(entry->d_name, f);
	}
	return rc;
}

int blobset_list_folder(struct blobset *b, bool all, struct findings *f, struct firn_error *err)
{
	int rc = read_top(b, BLOBSET_MARK, BLOBSET_MARK_MAX, &b->mark_there, &b->mark, &b->mark_len,
			  f, err);

	if (rc == 0)
		rc = read_top(b, BLOBSET_INDEX, OCI_DOCUMENT_MAX, &b->index_there, &b->index,
			      &b->index_len, f, err);
	if (rc == 0 && all)
		rc = list_top(b, f, err);
	return rc < 0 ? rc : list_blobs(b, all, f, err);
}

static int read_member(struct blobset *b, const struct tar_entry *e, size_t max, char **ret,
		       size_t *ret_len, struct firn_error *err)
{
	_free_ char *text = NULL;
	int rc;

	if (e->size > max)
		return firn_fail(err, FIRN_ELIMIT, "is larger than %zu bytes", max);
	text = malloc((size_t)e->size + 1);
	if (!text)
		return firn_fail_oom(err, "archive");
	rc = e->size ? source_read_at(b->src, text, (size_t)e->size, e->offset, err) : 0;
	if (rc < 0)
		return rc;
	text[e->size] = '\0';
	free(*ret);
	*ret = take_ptr(&text);
	*ret_len = (size_t)e->size;
	return 0;
}

static int take_top(struct blobset *b, const struct tar_entry *e, const char *name, size_t max,
		    bool *there, char **ret, size_t *ret_len, struct findings *f,
		    struct firn_error *err)
{
	struct firn_error fail = { 0 };
	int rc;

	if (*there)
		findings_add(f, FINDING_FAULT, name, "twice", "is in the archive more than once");
	*there = true;
	rc = read_member(b, e, max, ret, ret_len, &fail);
	rc = findings_take(f, name, "unreadable", rc, &fail, err);
	return rc < 0 ? rc : 0;
}

static int take_blob(struct blobset *b, const struct tar_entry *e, const char *name, bool all,
		     struct findings *f, struct firn_error *err)
{
	struct blob *blob;
	size_t len = 0;
	int rc = blobset_add(b, name, e->size, e->offset, &blob, err);

	if (rc < 0)
		return rc;
	if (!blob) {
		if (all)
			blobset_stray(name, f);
		return 0;
	}
	if (!b->packed || !e->size || e->size > KEEP_BLOB_MAX || e->size > KEEP_MAX - b->kept)
		return 0;
	rc = read_member(b, e, KEEP_BLOB_MAX, &blob->bytes, &len, err);
	b->kept += len;
	return rc;
}

static int take_entry(struct blobset *b, const struct tar_entry *e, bool all, struct findings *f,
		      struct firn_error *err)
{
	const size_t len = strlen(b->prefix);
	const char *name = e->path + len;

	/* What lies beside the layout's folder is nobody's business. */
	if (S_ISDIR(e->mode) || strncmp(e->path, b->prefix, len) != 0)
		return 0;
	if (!S_ISREG(e->mode) || e->hardlink) {
		if (all)
			findings_add(f, FINDING_WARNING, name, "no-file", "is no regular file");
		return 0;
	}
	if (strcmp(name, BLOBSET_MARK) == 0)
		return take_top(b, e, name, BLOBSET_MARK_MAX, &b->mark_there, &b->mark,
				&b->mark_len, f, err);
	if (strcmp(name, BLOBSET_INDEX) == 0)
		return take_top(b, e, name, OCI_DOCUMENT_MAX, &b->index_there, &b->index,
				&b->index_len, f, err);
	return take_blob(b, e, name, all, f, err);
}

/* The folder of the archive that the layout is in: its top, or that of the first oci-layout or
 * index.json. */
static int find_prefix(struct blobset *b, struct firn_error *err)
{
	const struct tar_limits limits = { .entries = BLOBSET_MAX };
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e;
	int rc = tar_open_source(b->src, &limits, &tar, err);

	if (rc == 0 && tar_compressed(tar))
		return firn_fail(err, FIRN_EUNSUPP, "is compressed with %s: unpack it first",
				 tar_packing(tar));
	while (rc == 0 && tar_next(tar, &e, NULL) > 0) {
		const char *name = path_basename(e->path);

		if (strcmp(name, BLOBSET_MARK) != 0 && strcmp(name, BLOBSET_INDEX) != 0)
			continue;
		if (*b->prefix && name != e->path)
			continue;
		free(b->prefix);
		b->prefix = strndup(e->path, (size_t)(name - e->path));
		if (!b->prefix)
			return firn_fail_oom(err, "archive");
		if (!*b->prefix)
			break;
	}
	return rc;
}

int blobset_list_archive(struct blobset *b, bool all, struct findings *f, struct firn_error *err)
{
	const struct tar_limits limits = { .entries = BLOBSET_MAX };
	_cleanup_(tar_closep) struct tar *tar = NULL;
	struct firn_error e = { 0 };
	const struct tar_entry *entry;
	int more, rc = find_prefix(b, err);

	if (rc < 0 || (rc = tar_open_source(b->src, &limits, &tar, err)) < 0)
		return rc;
	while ((more = tar_next(tar, &entry, &e)) > 0) {
		rc = take_entry(b, entry, all, f, err);
		if (rc < 0)
			return rc;
	}
	rc = findings_take(f, "", "bad-archive", more, &e, err);
	return rc < 0 ? rc : 0;
}

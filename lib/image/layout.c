/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/layout.h"

#include "base/fd.h"
#include "base/path.h"
#include "image/layout_priv.h"
#include "store/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Another process may remove the empty layout that it made between our looks at it. */
#define OPEN_TRIES 8

struct layout *layout_close(struct layout *l)
{
	if (!l)
		return NULL;
	store_close(l->store);
	/* Only an empty folder goes: a layout in which nothing was committed. */
	if (l->made_root)
		rmdir(l->made_root);
	fd_close(l->lock);
	fd_close(l->fd);
	free(l->made_root);
	free(l->path);
	free(l->index);
	free(l);
	return NULL;
}

void layout_closep(struct layout **l)
{
	*l = layout_close(*l);
}

struct store *layout_store(struct layout *l)
{
	return l->store;
}

const char *layout_path(const struct layout *l)
{
	return l->path;
}

bool layout_packed(const struct layout *l)
{
	return l->packed;
}

int layout_check_mark(const char *text, size_t len, struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	char quoted[PATH_QUOTE_MAX];
	const char *version;
	int rc;

	if ((rc = json_parse(text, len, &doc, err)) < 0 ||
	    (rc = json_get_str(doc, "imageLayoutVersion", &version, err)) < 0)
		return firn_wrap(err, rc, "oci-layout");
	if (strcmp(version, "1.0.0") != 0)
		return firn_fail(err, FIRN_EUNSUPP, "oci-layout: version %s is not known here",
				 path_quote(version, quoted));
	return 0;
}

/* A file of the layout's folder: 1 and its content, 0 when it isn't there. */
static int read_file(int dirfd, const char *name, size_t max, char **ret, size_t *ret_len,
		     struct firn_error *err)
{
	_fd_ int fd = path_open_beneath(dirfd, name, O_RDONLY | O_NONBLOCK, 0, err);
	struct stat st;
	int rc;

	if (fd < 0)
		return fd == -FIRN_ENOTFOUND ? 0 : fd;
	if (fstat(fd, &st) < 0)
		return firn_fail_errno(err, "stat %s", name);
	if (!S_ISREG(st.st_mode))
		return firn_fail(err, FIRN_ECORRUPT, "%s is no regular file", name);
	rc = fd_read_all(fd, max, ret, ret_len, err);
	return rc < 0 ? firn_wrap(err, rc, "%s", name) : 1;
}

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* What may lie in a folder that is about to become a layout: what another firn has begun there. */
static bool belongs_to_layout(const char *name)
{
	static const char *const known[] = { ".", "..", "blobs", "oci-layout" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(name, known[i]) == 0)
			return true;
	return strncmp(name, PUBLISH_TEMP_PREFIX, strlen(PUBLISH_TEMP_PREFIX)) == 0;
}

static int check_blank(int dirfd, struct firn_error *err)
{
	_fd_ int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(dir_closep) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char quoted[PATH_QUOTE_MAX];
	struct dirent *e;

	if (!dir)
		return firn_fail_errno(err, "read folder");
	take_fd(&fd);
	while ((e = readdir(dir)))
		if (!belongs_to_layout(e->d_name))
			return firn_fail(
			    err, FIRN_ECORRUPT,
			    "no OCI layout (no oci-layout file), and not empty: has %s",
			    path_quote(e->d_name, quoted));
	return 0;
}

/* A layout, or with LAYOUT_CREATE a folder that can become one. */
static int check_folder(int dirfd, unsigned flags, struct firn_error *err)
{
	_free_ char *mark = NULL;
	size_t len = 0;
	int rc = read_file(dirfd, "oci-layout", LAYOUT_MARK_MAX, &mark, &len, err);

	if (rc < 0)
		return rc;
	if (rc > 0)
		return layout_check_mark(mark, len, err);
	if (!(flags & LAYOUT_CREATE))
		return firn_fail(err, FIRN_ECORRUPT, "no OCI layout: there is no oci-layout file");
	rc = check_blank(dirfd, err);
	/* Another process may have made it a layout since we looked. */
	if (rc < 0 && faccessat(dirfd, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return rc;
}

static int open_folder(const char *path, struct layout *l, struct firn_error *err)
{
	const int how = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	bool made = false;

	l->fd = open(path, how);
	if (l->fd < 0 && errno == ENOENT && l->flags & LAYOUT_CREATE) {
		made = mkdir(path, 0700) == 0;
		if (!made && errno != EEXIST)
			return firn_fail_errno(err, "make folder");
		l->fd = open(path, how);
	}
	if (l->fd < 0)
		return firn_fail_errno(err, "open folder");
	if (made) {
		l->made_root = realpath(path, NULL);
		if (!l->made_root) {
			firn_fail_errno(err, "resolve path");
			rmdir(path);
			return -FIRN_EFAIL;
		}
	}
	return 0;
}

/* -FIRN_EBUSY: the folders vanished meanwhile. */
static int try_open(const char *path, struct layout *l, struct firn_error *err)
{
	const bool writing = l->flags & LAYOUT_WRITE;
	const unsigned flags = writing ? STORE_WRITE | STORE_SEAL : 0;
	int rc = open_folder(path, l, err);

	if (rc < 0 || (rc = check_folder(l->fd, l->flags, err)) < 0 ||
	    (rc = store_dir_open(l->fd, flags, &l->store, err)) < 0)
		return rc;
	return writing ? publish_clean(l->fd, err) : 0;
}

int layout_open(const char *path, unsigned flags, struct layout **ret, struct firn_error *err)
{
	for (int tries = 0;; tries++) {
		struct layout *l = calloc(1, sizeof(*l));
		int rc;

		if (!l)
			return firn_fail_oom(err, "layout");
		l->fd = l->lock = -1;
		l->flags = flags & LAYOUT_CREATE ? flags | LAYOUT_WRITE : flags;
		l->path = strdup(path);
		rc = l->path ? try_open(path, l, err) : firn_fail_oom(err, "layout");
		if (rc >= 0) {
			*ret = l;
			return 0;
		}
		layout_close(l);
		if (rc != -FIRN_EBUSY || !(flags & LAYOUT_CREATE) || tries == OPEN_TRIES)
			return firn_wrap(err, rc, "layout %s", path);
	}
}

int layout_open_ref(const struct ref *ref, struct layout **ret, struct firn_error *err)
{
	struct stat st;

	if (ref->transport == REF_DOCKER)
		return firn_fail(err, FIRN_EUNSUPP,
				 "%s/%s lies in a registry: firn copy makes a layout of it, which "
				 "can be used",
				 ref->host, ref->path);
	if (ref->transport == REF_DIR)
		return firn_fail(err, FIRN_EUNSUPP,
				 "dir:%s: firn copy makes a layout of it, which can be used",
				 ref->path);
	if (ref->transport == REF_OCI)
		return layout_open(ref->path, 0, ret, err);
	if (ref->transport == REF_OCI_ARCHIVE)
		return layout_open_archive(ref->path, ret, err);
	if (stat(ref->path, &st) < 0)
		return firn_fail_errno(err, "image %s", ref->path);
	if (S_ISDIR(st.st_mode))
		return layout_open(ref->path, 0, ret, err);
	return layout_open_archive(ref->path, ret, err);
}

int layout_index(struct layout *l, struct oci_index *ret, struct firn_error *err)
{
	static const char empty[] = "{\"manifests\":[],\"schemaVersion\":2}";
	_free_ char *text = NULL;
	size_t len = 0;
	int rc;

	if (l->index)
		return firn_wrap(err, oci_index_parse(l->index, l->index_len, ret, err),
				 "index.json");
	rc = read_file(l->fd, "index.json", OCI_DOCUMENT_MAX, &text, &len, err);
	if (rc < 0)
		return rc;
	if (rc == 0 && !(l->flags & LAYOUT_CREATE))
		return firn_fail(err, FIRN_ECORRUPT, "there is no index.json");
	if (rc == 0)
		return oci_index_parse(empty, sizeof(empty) - 1, ret, err);
	return firn_wrap(err, oci_index_parse(text, len, ret, err), "index.json");
}

static const char *tag_of(const struct oci_descriptor *d)
{
	return oci_annotation(d->json, OCI_REF_NAME);
}

ssize_t layout_find_tag(const struct oci_index *index, const char *tag)
{
	for (size_t i = 0; i < index->nmanifests; i++) {
		const char *has = tag_of(&index->manifests[i]);

		if (has && strcmp(has, tag) == 0)
			return (ssize_t)i;
	}
	return -1;
}

/* "a", "b", ...: the tags of @index, as many as a sentence takes. */
static void list_tags(const struct oci_index *index, struct buf *out)
{
	const size_t room = 200;
	char quoted[PATH_QUOTE_MAX];

	for (size_t i = 0; i < index->nmanifests && out->len < room; i++)
		if (tag_of(&index->manifests[i]))
			buf_printf(out, "%s%s", out->len ? ", " : "",
				   path_quote(tag_of(&index->manifests[i]), quoted));
	if (out->len >= room)
		buf_puts(out, ", ...");
	if (!out->len)
		buf_puts(out, "none");
}

static int copy_entry(const struct oci_index *index, size_t i, struct oci_descriptor *ret)
{
	*ret = index->manifests[i];
	ret->json = json_incref(ret->json);
	return 0;
}

static int resolve_tag(const struct oci_index *index, const char *tag, struct oci_descriptor *ret,
		       struct firn_error *err)
{
	_buf_ struct buf tags = BUF_INIT;
	ssize_t at = layout_find_tag(index, tag);

	if (at >= 0)
		return copy_entry(index, (size_t)at, ret);
	list_tags(index, &tags);
	return firn_fail(err, FIRN_ENOTFOUND, "no tag \"%s\" (there: %s)", tag,
			 tags.oom ? "" : (char *)tags.data);
}

/* A document without an entry in index.json says itself what it is. */
static int sniff(struct layout *l, const struct digest *d, struct oci_descriptor *ret,
		 struct firn_error *err)
{
	struct oci_descriptor desc = { .digest = *d };
	_free_ char *text = NULL;
	size_t len;
	int rc;

	if ((rc = store_read(l->store, d, 0, OCI_DOCUMENT_MAX, &text, &len, err)) < 0 ||
	    (rc = oci_document_type(text, len, desc.media_type, err)) < 0)
		return rc;
	desc.size = len;
	*ret = desc;
	return 0;
}

static int resolve_digest(struct layout *l, const struct oci_index *index, const struct digest *d,
			  struct oci_descriptor *ret, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];

	for (size_t i = 0; i < index->nmanifests; i++)
		if (digest_equal(&index->manifests[i].digest, d))
			return copy_entry(index, i, ret);
	return firn_wrap(err, sniff(l, d, ret, err), "image %s", digest_text(d, text));
}

static int resolve_only(const struct oci_index *index, struct oci_descriptor *ret,
			struct firn_error *err)
{
	_buf_ struct buf tags = BUF_INIT;

	if (index->nmanifests == 1)
		return copy_entry(index, 0, ret);
	if (index->nmanifests == 0)
		return firn_fail(err, FIRN_ENOTFOUND, "has no images");
	list_tags(index, &tags);
	return firn_fail(err, FIRN_EINVAL, "has %zu images, name one of them (tags: %s)",
			 index->nmanifests, tags.oom ? "" : (char *)tags.data);
}

int layout_resolve(struct layout *l, const struct ref *ref, struct oci_descriptor *ret,
		   struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	int rc = layout_index(l, &index, err);

	if (rc == 0 && ref->tag)
		rc = resolve_tag(&index, ref->tag, ret, err);
	else if (rc == 0 && ref->digest.alg)
		rc = resolve_digest(l, &index, &ref->digest, ret, err);
	else if (rc == 0)
		rc = resolve_only(&index, ret, err);
	return firn_wrap(err, rc, "layout %s", l->path);
}

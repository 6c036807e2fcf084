/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/layout.h"

#include "base/fault.h"
#include "base/fd.h"
#include "base/lock.h"
#include "image/layout_priv.h"
#include "store/publish.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LOCK_SECONDS 60
#define STAGES_MAX   16 /* of one index.json, which others change meanwhile */

static const char mark[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

static int tag_exists(const char *tag, struct firn_error *err)
{
	return firn_fail(err, FIRN_EEXIST, "tag \"%s\" is there already (--force replaces it)",
			 tag);
}

static int check_tags(const struct oci_index *index, const struct layout_entry *entries, size_t n,
		      struct firn_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (layout_find_tag(index, entries[i].tag) >= 0)
			return tag_exists(entries[i].tag, err);
	return 0;
}

int layout_check_tags(struct layout *l, const struct layout_entry *entries, size_t n,
		      struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	int rc = layout_index(l, &index, err);

	if (rc == 0)
		rc = check_tags(&index, entries, n, err);
	return firn_wrap(err, rc, "layout %s", l->path);
}

int layout_entry_json(const struct oci_descriptor *desc, const char *tag, json_t **ret,
		      struct firn_error *err)
{
	_json_ json_t *j = NULL;
	json_t *annotations;
	int rc = oci_descriptor_json(desc, &j, err);

	if (rc < 0)
		return rc;
	annotations = json_object_get(j, "annotations");
	/* "null" is as good as none. */
	if (tag && !json_is_object(annotations)) {
		rc = json_put(j, "annotations", json_object(), err);
		annotations = json_object_get(j, "annotations");
	}
	if (rc == 0 && tag)
		rc = json_put_str(annotations, OCI_REF_NAME, tag, err);
	else
		json_object_del(annotations, OCI_REF_NAME);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&j);
	return 0;
}

static bool has_tag(const json_t *entry, const char *tag)
{
	const char *has = oci_annotation(entry, OCI_REF_NAME);

	return has && strcmp(has, tag) == 0;
}

/*
 * Put @e into the array: at the place of the first entry of that tag, else at the end. Tools take
 * the first of several entries of a tag, so the others, which nobody sees, go.
 */
static int set_entry(json_t *manifests, const struct layout_entry *e, struct firn_error *err)
{
	json_t *entry = NULL;
	size_t i = 0;
	int rc = layout_entry_json(e->desc, e->tag, &entry, err);

	if (rc < 0)
		return rc;
	while (i < json_array_size(manifests) && !has_tag(json_array_get(manifests, i), e->tag))
		i++;
	if (i == json_array_size(manifests))
		rc = json_array_append_new(manifests, entry);
	else
		rc = json_array_set_new(manifests, i, entry);
	if (rc < 0)
		return firn_fail_oom(err, "index.json");
	for (size_t j = json_array_size(manifests) - 1; j > i; j--)
		if (has_tag(json_array_get(manifests, j), e->tag))
			json_array_remove(manifests, j);
	return 0;
}

static void drop_entries(json_t *manifests, const char *tag)
{
	for (size_t i = json_array_size(manifests); i-- > 0;)
		if (has_tag(json_array_get(manifests, i), tag))
			json_array_remove(manifests, i);
}

static int edit_index(const struct oci_index *index, const struct layout_entry *entries, size_t n,
		      struct buf *ret, struct firn_error *err)
{
	json_t *manifests = json_object_get(index->json, "manifests");
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		if (entries[i].desc)
			rc = set_entry(manifests, &entries[i], err);
		else
			drop_entries(manifests, entries[i].tag);
	if (rc == 0 && json_array_size(manifests) > OCI_MANIFESTS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "index.json: more than %d entries",
				 OCI_MANIFESTS_MAX);
	return rc < 0 ? rc : json_print(index->json, ret, err);
}

/* Whoever could read the old index.json can read the new one; the first one is ours alone. */
static int keep_mode(int dirfd, int fd, struct firn_error *err)
{
	struct stat st;

	if (fstatat(dirfd, "index.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (fchown(fd, st.st_uid, st.st_gid) < 0 && geteuid() == 0)
		return firn_fail_errno(err, "owner of index.json");
	if (fchmod(fd, st.st_mode & 0777) < 0)
		return firn_fail_errno(err, "mode of index.json");
	return 0;
}

struct commit {
	struct layout *layout;
	struct blob_writer *const *blobs;
	size_t nblobs;
	const struct layout_entry *entries;
	size_t n;
	bool replace;
	struct publish index; /* the new index.json, whole and flushed, without its name */
	struct stat was;      /* the one it was made from; st_ino 0: there was none */
};

/* Of the file that has the name now. */
static struct stat look_at_index(const struct layout *l)
{
	struct stat st;

	return fstatat(l->fd, LAYOUT_INDEX, &st, AT_SYMLINK_NOFOLLOW) < 0
		   ? (struct stat){ .st_ino = 0 }
		   : st;
}

static int stage_index(struct commit *c, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	_buf_ struct buf text = BUF_INIT;
	struct publish *ret = &c->index;
	struct layout *l = c->layout;
	int rc;

	publish_done(ret);
	c->was = look_at_index(l);
	if ((rc = layout_index(l, &index, err)) < 0 ||
	    (!c->replace && (rc = check_tags(&index, c->entries, c->n, err)) < 0) ||
	    (rc = edit_index(&index, c->entries, c->n, &text, err)) < 0)
		return rc;
	if (text.len > OCI_DOCUMENT_MAX)
		return firn_fail(err, FIRN_ELIMIT, "index.json: larger than %u bytes",
				 OCI_DOCUMENT_MAX);
	if ((rc = publish_open(l->fd, ret, err)) < 0 ||
	    (rc = fd_write(ret->fd, text.data, text.len, err)) < 0 ||
	    (rc = keep_mode(l->fd, ret->fd, err)) < 0 || (rc = publish_flush(ret, err)) < 0)
		return firn_wrap(err, rc, "index.json");
	return 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/*
 * Other tools know no lock, and naming many blobs takes its time: what they have put into
 * index.json meanwhile stays in it.
 */
static int name_index(struct commit *c, struct firn_error *err)
{
	int rc = 0;

	if (FAULT_POINT("layout.index"))
		return firn_fail_errno(err, "index.json");
	for (int i = 0; rc == 0; i++) {
		const struct stat now = look_at_index(c->layout);

		if (is_same(&now, &c->was))
			return publish_replace(&c->index, LAYOUT_INDEX, err);
		if (i == STAGES_MAX)
			return firn_fail(err, FIRN_EBUSY,
					 "index.json: others change it all the time");
		rc = stage_index(c, err);
	}
	return rc;
}

/* From here on new names appear: the mark, the blobs, and last the index that refers to them. */
static int name_everything(struct commit *c, struct firn_error *err)
{
	struct layout *l = c->layout;
	int rc = publish_bytes(l->fd, "oci-layout", mark, sizeof(mark) - 1, err);
	const bool marked = rc == 0;

	if (rc < 0)
		return rc;
	if (FAULT_POINT("layout.blobs"))
		rc = firn_fail_errno(err, "blobs");
	else
		rc = store_publish(l->store, c->blobs, c->nblobs, err);
	if (rc == 0) {
		rc = name_index(c, err);
		if (rc < 0)
			store_unpublish(l->store, c->blobs, c->nblobs);
	}
	if (rc == 0)
		store_keep(l->store);
	else if (marked)
		unlinkat(l->fd, "oci-layout", 0);
	return rc;
}

/* A folder made here is durable when its own name is. */
static int sync_layout(struct layout *l, struct firn_error *err)
{
	_fd_ int parent = -1;
	int rc = publish_sync(l->fd, err);

	if (rc < 0 || !l->made_root)
		return rc;
	parent = openat(l->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return parent < 0 ? 0 : publish_sync(parent, err);
}

static int lock(struct layout *l, struct firn_error *err)
{
	_fd_ int fd = openat(l->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0 || FAULT_POINT("layout.lock"))
		return firn_fail_errno(err, "open folder");
	rc = lock_wait(fd, LOCK_EXCLUSIVE, LOCK_SECONDS, err);
	if (rc == 0)
		l->lock = take_fd(&fd);
	return rc;
}

int layout_lock(struct layout *l, struct firn_error *err)
{
	assert(l->flags & LAYOUT_WRITE);
	return l->lock >= 0 ? 0 : firn_wrap(err, lock(l, err), "layout %s", l->path);
}

static int commit(struct commit *c, struct firn_error *err)
{
	int rc;

	if ((rc = stage_index(c, err)) < 0 || (rc = name_everything(c, err)) < 0 ||
	    (rc = sync_layout(c->layout, err)) < 0)
		return rc;
	if (FAULT_POINT("layout.done"))
		return firn_fail_errno(err, "done");
	return 0;
}

/* The lock is given up again by who took it. */
static int commit_locked(struct commit *c, struct firn_error *err)
{
	struct layout *l = c->layout;
	const bool had = l->lock >= 0;
	int rc = had ? 0 : lock(l, err);

	if (rc == 0)
		rc = commit(c, err);
	publish_done(&c->index);
	if (!had)
		l->lock = fd_close(l->lock);
	return rc;
}

int layout_commit(struct layout *l, struct blob_writer *const *blobs, size_t nblobs,
		  const struct layout_entry *entries, size_t n, bool replace,
		  struct firn_error *err)
{
	struct commit c = {
		.layout = l,
		.blobs = blobs,
		.nblobs = nblobs,
		.entries = entries,
		.n = n,
		.replace = replace,
		.index = PUBLISH_NONE,
	};
	int rc = 0;

	assert(l->flags & LAYOUT_WRITE);
	for (size_t i = 0; i < n && rc == 0; i++) {
		/* What goes may be called as others call things. */
		rc = entries[i].desc ? ref_check_tag(entries[i].tag, err) : 0;
		for (size_t j = 0; j < i && rc == 0; j++)
			if (strcmp(entries[i].tag, entries[j].tag) == 0)
				rc = tag_exists(entries[i].tag, err);
	}
	/* Flushing may take minutes: not under the lock. */
	for (size_t i = 0; i < nblobs && rc == 0; i++)
		rc = blob_flush(blobs[i], err);
	if (rc == 0)
		rc = commit_locked(&c, err);
	return firn_wrap(err, rc, "layout %s", l->path);
}

int layout_tag(struct layout *l, const struct layout_entry *entries, size_t n, bool replace,
	       struct firn_error *err)
{
	return layout_commit(l, NULL, 0, entries, n, replace, err);
}

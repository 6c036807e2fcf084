/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "look/list.h"

#include "base/fd.h"
#include "base/opts.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/rfc3339.h"
#include "look/inspect.h"
#include "remote/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX     2            /* folders in the folder that are looked into: pods */
#define DOCUMENTS_MAX (8u << 20)   /* bytes of what inspect tells of one checkpoint */
#define LAYOUT_MARK   "oci-layout" /* image-spec image-layout.md */

struct firn_listing {
	struct doc *doc;
	struct firn_value *rows;
};

int list_add(struct list *l, const char *name, const char *kind, struct list_row **ret,
	     struct firn_error *err)
{
	struct list_row *row;

	if (l->n == LIST_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u checkpoints", LIST_MAX);
	if (l->n == l->room) {
		const size_t room = l->room ? 2 * l->room : 64;

		row = reallocarray(l->rows, room, sizeof(*row));
		if (!row)
			return firn_fail_oom(err, "list");
		l->rows = row;
		l->room = room;
	}
	row = &l->rows[l->n++];
	*row = (struct list_row){
		.time = -1,
		.name = doc_copy(l->doc, name, strlen(name)),
		.value = doc_object(l->doc),
	};
	doc_add_text(l->doc, row->value, "name", name);
	doc_add_static(l->doc, row->value, "kind", kind);
	*ret = row;
	return doc_check(l->doc, err);
}

void list_problem(struct list *l, struct list_row *row, const struct firn_error *why)
{
	doc_add_text(l->doc, row->value, "problem", why->msg);
}

void list_time(struct list *l, struct list_row *row, const char *text, int64_t otherwise)
{
	char shown[RFC3339_MAX];

	if (!text || !rfc3339_parse(text, strlen(text), &row->time))
		row->time = otherwise;
	if (row->time >= 0)
		doc_add_text(l->doc, row->value, "time", rfc3339_print(row->time, shown));
}

static const char *text_of(const struct firn_value *v, const char *name)
{
	const char *text = firn_value_text(firn_value_get(v, name));

	return text && *text ? text : NULL;
}

/* What the documents of the checkpoint in @m say, as inspect tells it, in short. */
static int tell_documents(struct list *l, struct list_row *row, struct members *m,
			  struct firn_error *err)
{
	static const struct {
		const char *object, *from, *name;
	} texts[] = {
		{ NULL, "container_name", "container" },
		{ "metadata", "pod_name", "pod" },
		{ "metadata", "kubernetes_namespace", "namespace" },
		{ NULL, "engine", "engine" },
		{ NULL, "runtime", "runtime" },
		{ NULL, "image", "image" },
		{ "base", "id", "base_id" },
		{ "base", "digest", "base_digest" },
		{ NULL, "created", "created" },
	};
	const struct firn_inspect_opts none = { .size = sizeof(none) };
	_cleanup_(doc_freep) struct doc *doc = NULL;
	struct inspect i = { .members = m, .opts = &none };
	struct member file;
	int rc = doc_new(DOCUMENTS_MAX, &doc, err);

	if (rc < 0)
		return rc;
	i.doc = doc;
	i.top = doc_object(doc);
	rc = inspect_about(&i, err);
	if (rc >= 0)
		rc = doc_check(doc, err);
	if (rc < 0)
		return rc;
	for (size_t k = 0; k < ARRAY_SIZE(texts); k++) {
		const struct firn_value *v =
		    texts[k].object ? firn_value_get(i.top, texts[k].object) : i.top;

		doc_add_text(l->doc, row->value, texts[k].name, text_of(v, texts[k].from));
	}
	/* Written by the dump, which changes no more when the archive is copied. */
	if ((members_find(m, CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY, &file) ||
	     members_find(m, CHECKPOINT_CONFIG, &file)) &&
	    file.mtime > 0)
		row->time = file.mtime;
	list_time(l, row, text_of(i.top, "checkpointed"), row->time);
	return 0;
}

static uint64_t size_of(const struct members *m)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < members_count(m); k++) {
		const struct member f = members_at(m, k);

		if (f.kind == MEMBER_FILE && __builtin_add_overflow(sum, f.size, &sum))
			return UINT64_MAX;
	}
	return sum;
}

static void tell_containers(struct list *l, struct list_row *row, const struct members *m)
{
	const struct checkpoint_names *names = members_names(m);
	struct firn_value *list;

	if (names->n < 2)
		return;
	list = doc_add_list(l->doc, row->value, "containers");
	for (size_t k = 0; k < names->n; k++)
		doc_add_text(l->doc, list, NULL, names->list[k]);
}

/* What its name says of a file that can't be read. */
static void tell_name(struct list *l, struct list_row *row, const char *name)
{
	struct kubelet_name k;

	if (!kubelet_name_parse(name, &k)) {
		list_time(l, row, NULL, row->time);
		return;
	}
	doc_add_bytes(l->doc, row->value, "pod", k.pod, k.pod_len);
	if (k.namespace) {
		doc_add_bytes(l->doc, row->value, "namespace", k.namespace, k.namespace_len);
		doc_add_bytes(l->doc, row->value, "container", k.container, k.container_len);
	}
	list_time(l, row, NULL, k.time);
}

/* Archives have such names, whoever made them. */
static bool is_archive_name(const char *name)
{
	static const char *const ends[] = { ".tar",     ".tar.gz", ".tgz",
					    ".tar.zst", ".tar.xz", ".tar.bz2" };
	const size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		const size_t end = strlen(ends[i]);

		if (len > end && strcmp(name + len - end, ends[i]) == 0)
			return true;
	}
	return strncmp(name, "checkpoint-", 11) == 0;
}

/* A checkpoint in a file or folder, or what should be one: files are left out that may be anything,
 * but for the one that was asked for by @named. */
static int list_one(struct list *l, const char *path, const char *name, const struct stat *st,
		    bool named, struct firn_error *err)
{
	const bool folder = S_ISDIR(st->st_mode);
	_cleanup_(members_closep) struct members *m = NULL;
	struct firn_error why = { 0 };
	struct list_row *row;
	int opened = members_open_documents(path, &m, &why), rc;

	if (opened < 0 && !folder && !named && !is_archive_name(path_basename(name)))
		return 0;
	rc = list_add(l, name, folder ? "folder" : "archive", &row, err);
	if (rc < 0)
		return rc;
	row->time = st->st_mtim.tv_sec;
	doc_add_text(l->doc, row->value, "path", path);
	if (!folder || m)
		doc_add_number(l->doc, row->value, "size",
			       folder ? size_of(m) : (uint64_t)st->st_size);
	if (opened >= 0) {
		tell_containers(l, row, m);
		opened = tell_documents(l, row, m, &why);
	}
	if (opened < 0) {
		tell_name(l, row, path_basename(name));
		list_problem(l, row, &why);
	}
	return doc_check(l->doc, err);
}

static bool has(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_checkpoint(int fd)
{
	return has(fd, CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY) ||
	       has(fd, CHECKPOINT_CONFIG) || has(fd, CHECKPOINT_INVENTORY);
}

static int list_folder(struct list *l, int fd, const char *path, const char *name, unsigned depth,
		       struct firn_error *err);

/* A folder that can't be looked into is a row that says so. */
static int list_closed(struct list *l, const char *path, const char *name,
		       const struct firn_error *why, struct firn_error *err)
{
	struct list_row *row;
	int rc = list_add(l, name, "folder", &row, err);

	if (rc < 0)
		return rc;
	doc_add_text(l->doc, row->value, "path", path);
	list_problem(l, row, why);
	return 0;
}

static int list_subfolder(struct list *l, int dirfd, const char *entry, const char *path,
			  const char *name, unsigned depth, struct firn_error *err)
{
	_fd_ int fd = openat(dirfd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct ref ref = { .transport = REF_OCI, .path = (char *)path };
	struct firn_error why = { 0 };
	char prefix[LIST_NAME_MAX + 2];
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)firn_fail_errno(&why, "open");
		return list_closed(l, path, name, &why, err);
	}
	if (has(fd, LAYOUT_MARK)) {
		snprintf(prefix, sizeof(prefix), "%s:", name);
		rc = list_layout(l, &ref, prefix, &why);
		return rc < 0 ? list_closed(l, path, name, &why, err) : rc;
	}
	if (is_checkpoint(fd))
		return list_one(l, path, name, &st, false, err);
	return depth == DEPTH_MAX ? 0 : list_folder(l, fd, path, name, depth + 1, err);
}

static int list_entry(struct list *l, int dirfd, const char *entry, const char *folder,
		      const char *prefix, unsigned depth, struct firn_error *err)
{
	char path[LIST_NAME_MAX], name[LIST_NAME_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", folder, entry) >= (int)sizeof(path) ||
	    snprintf(name, sizeof(name), "%s%s", prefix, entry) >= (int)sizeof(name))
		return firn_fail(err, FIRN_ELIMIT, "a name is longer than %d bytes", LIST_NAME_MAX);
	/* Gone meanwhile, or a link that leads nowhere. */
	if (fstatat(dirfd, entry, &st, 0) < 0)
		return 0;
	if (S_ISDIR(st.st_mode) && fstatat(dirfd, entry, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode))
		return list_subfolder(l, dirfd, entry, path, name, depth, err);
	return S_ISREG(st.st_mode) ? list_one(l, path, name, &st, false, err) : 0;
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* The folder @name in the one that is listed, or that one itself: NULL. */
static int list_unread(struct list *l, const char *path, const char *name, struct firn_error *err)
{
	struct firn_error why = { 0 };
	int rc = firn_fail_errno(name ? &why : err, "read %s", path);

	return name ? list_closed(l, path, name, &why, err) : rc;
}

/* @name: as list_unread() has it. */
static int list_folder(struct list *l, int fd, const char *path, const char *name, unsigned depth,
		       struct firn_error *err)
{
	char prefix[LIST_NAME_MAX + 2];
	_fd_ int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *dir = own < 0 ? NULL : fdopendir(own);
	const struct dirent *d;
	int rc = 0;

	if (!dir)
		return list_unread(l, path, name, err);
	take_fd(&own);
	snprintf(prefix, sizeof(prefix), "%s%s", name ? name : "", name ? "/" : "");
	while (rc >= 0 && (errno = 0, d = readdir(dir)))
		if (*d->d_name != '.')
			rc = list_entry(l, fd, d->d_name, path, prefix, depth, err);
	if (rc >= 0 && errno)
		return list_unread(l, path, name, err);
	return rc;
}

/* Newest first; what has no time last. */
static int compare(const void *a, const void *b)
{
	const struct list_row *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int list_path(struct list *l, const char *path, struct firn_error *err)
{
	_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const struct ref ref = { .transport = REF_OCI, .path = (char *)path };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return firn_fail_errno(err, "open");
	if (S_ISREG(st.st_mode))
		return list_one(l, path, path_basename(path), &st, true, err);
	if (!S_ISDIR(st.st_mode))
		return firn_fail(err, FIRN_EINVAL, "is neither a file nor a folder");
	if (has(fd, LAYOUT_MARK))
		return list_layout(l, &ref, "", err);
	if (is_checkpoint(fd))
		return list_one(l, path, path_basename(path), &st, true, err);
	return list_folder(l, fd, path, NULL, 0, err);
}

static int list_where(struct list *l, const char *where, const struct firn_list_opts *opts,
		      struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	struct registry_opts registry;
	int rc = ref_parse(where, &ref, err);

	if (rc < 0 || (rc = registry_opts_from(opts->registry, &registry, err)) < 0)
		return rc;
	if (ref.transport == REF_DOCKER)
		return list_registry(l, &ref, &registry, err);
	return ref.transport == REF_PATH ? list_path(l, ref.path, err)
					 : list_layout(l, &ref, "", err);
}

static void list_done(struct list *l)
{
	free(l->rows);
}

static void listing_freep(struct firn_listing **l)
{
	*l = firn_listing_free(*l);
}

int firn_list(const char *where, const struct firn_list_opts *given, struct firn_listing **ret,
	      struct firn_error *err)
{
	_cleanup_(listing_freep) struct firn_listing *found = calloc(1, sizeof(*found));
	_cleanup_(list_done) struct list l = { .rows = NULL };
	char quoted[PATH_QUOTE_MAX];
	struct firn_list_opts opts;
	int rc;

	if (!found)
		return firn_fail_oom(err, "list");
	if ((rc = opts_take(given, &opts, sizeof(opts), err)) < 0 ||
	    (rc = doc_new(LIST_RESULT_MAX, &found->doc, err)) < 0)
		return rc;
	l.doc = found->doc;
	where = where ? where : FIRN_KUBELET_CHECKPOINTS;
	rc = list_where(&l, where, &opts, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", path_quote(where, quoted));
	if (l.n)
		qsort(l.rows, l.n, sizeof(*l.rows), compare);
	found->rows = doc_list(found->doc);
	for (size_t i = 0; i < l.n; i++)
		doc_add(found->doc, found->rows, NULL, l.rows[i].value);
	rc = doc_check(found->doc, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&found);
	return 0;
}

struct firn_listing *firn_listing_free(struct firn_listing *l)
{
	if (l)
		doc_free(l->doc);
	free(l);
	return NULL;
}

const struct firn_value *firn_listing_value(const struct firn_listing *l)
{
	return l->rows;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/project.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/codec.h"
#include "format/checkpoint.h"
#include "ingest/peek.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HEAD_BYTES  512
#define USTAR_AT    257 /* POSIX.1-2017, pax, "ustar Interchange Format": magic */
#define ENTRIES_MAX 4096

void project_done(struct project *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free((char *)p->items[i].checkpoint);
		free((char *)p->items[i].container);
	}
	free(p->items);
	pod_done(&p->pod);
	*p = (struct project){ 0 };
}

/* A project on its way: the folder, and what was found in it. */
struct looking {
	const char *dir;
	int fd;
	const struct firn_report *report;
	struct project project;
	struct dirent **names; /* of scandir() */
	int nnames;
};

static void looking_done(struct looking *l)
{
	project_done(&l->project);
	for (int i = 0; i < l->nnames; i++)
		free(l->names[i]);
	free(l->names);
	fd_close(l->fd);
}

static void left_out(const struct looking *l, const char *name, const char *why)
{
	char text[PATH_QUOTE_MAX + 128], quoted[PATH_QUOTE_MAX];

	if (!l->report || !l->report->warn)
		return;
	snprintf(text, sizeof(text), "%s is left out: %s", path_quote(name, quoted), why);
	l->report->warn(text, l->report->ctx);
}

/* 1 and the document, 0 when there is none. */
static int read_document(const struct looking *l, const char *name, char **ret, size_t *ret_len,
			 struct firn_error *err)
{
	_fd_ int fd = openat(l->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : firn_fail_errno(err, "%s", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return firn_fail(err, FIRN_ECORRUPT, "%s is no file", name);
	rc = fd_read_all(fd, POD_DOCUMENT_MAX, ret, ret_len, err);
	return rc < 0 ? firn_wrap(err, rc, "%s", name) : 1;
}

/* Takes @name, also on failure. @file is in the folder. */
static int add(struct looking *l, char *name, const char *file, struct firn_error *err)
{
	struct project *p = &l->project;
	struct firn_build_item *more = reallocarray(p->items, p->n + 1, sizeof(*more));
	char *path;

	if (!more || asprintf(&path, "%s/%s", l->dir, file) < 0) {
		free(name);
		if (more)
			p->items = more;
		return firn_fail_oom(err, "containers");
	}
	p->items = more;
	p->items[p->n++] = (struct firn_build_item){ .size = sizeof(*more),
						     .checkpoint = path,
						     .container = name };
	return 0;
}

/* What a document names has to be there, in the folder itself. */
static int check_there(const struct looking *l, const struct pod_entry *e, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	struct stat st;

	if (fstatat(l->fd, e->file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return firn_fail_errno(err, "container %s: %s", e->name,
				       path_quote(e->file, quoted));
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return firn_fail(err, FIRN_ECORRUPT,
				 "container %s: %s is neither a file nor a folder", e->name,
				 path_quote(e->file, quoted));
	return 0;
}

static int add_named(struct looking *l, struct firn_error *err)
{
	for (size_t i = 0; i < l->project.pod.n; i++) {
		struct pod_entry *e = &l->project.pod.list[i];
		int rc = check_there(l, e, err);

		if (rc >= 0)
			rc = add(l, take_ptr(&e->name), e->file, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* 1 when project.json names the containers, 0 when there is none. */
static int read_project(struct looking *l, struct firn_error *err)
{
	_free_ char *text = NULL;
	size_t len = 0;
	int rc = read_document(l, POD_PROJECT, &text, &len, err);

	if (rc <= 0)
		return rc;
	rc = pod_parse_project(text, len, &l->project.pod, err);
	return rc < 0 ? firn_wrap(err, rc, POD_PROJECT) : 1;
}

/* 1 when pod.options names the containers, 0 when there is none; pod.dump may name the pod. */
static int read_pod(struct looking *l, struct firn_error *err)
{
	_free_ char *options = NULL, *dump = NULL;
	size_t len = 0;
	int rc = read_document(l, POD_OPTIONS, &options, &len, err);
	const bool named = rc > 0;

	if (named)
		rc = firn_wrap(err, pod_parse_options(options, len, &l->project.pod, err),
			       POD_OPTIONS);
	if (rc < 0 || (rc = read_document(l, POD_DUMP, &dump, &len, err)) < 0)
		return rc;
	if (rc > 0)
		rc = firn_wrap(err, pod_parse_dump(dump, len, &l->project.pod, err), POD_DUMP);
	return rc < 0 ? rc : named;
}

/* Bytes of @name before what says that it is an archive; 0 when nothing does. */
static size_t archive_stem(const char *name)
{
	static const char *const suffixes[] = { ".tar",     ".tgz",     ".tar.gz",
						".tar.zst", ".tar.bz2", ".tar.xz" };
	const size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		const size_t end = strlen(suffixes[i]);

		if (len > end && strcmp(name + len - end, suffixes[i]) == 0)
			return len - end;
	}
	return 0;
}

/* Archives go by their content; one that is broken goes by its name, so that it is refused later.
 */
static bool is_archive(const struct looking *l, const char *name)
{
	_fd_ int fd = openat(l->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char head[HEAD_BYTES];
	const ssize_t n = fd < 0 ? -1 : fd_read(fd, head, sizeof(head), NULL);

	if (archive_stem(name) || (n > 0 && codec_detect(head, (size_t)n) != CODEC_NONE))
		return true;
	return n == HEAD_BYTES && memcmp(head + USTAR_AT, "ustar", 5) == 0;
}

/* A layout isn't one: it may be the very one that a build of this folder writes. */
static bool is_checkpoint(const struct looking *l, const char *folder)
{
	static const char *const marks[] = { CHECKPOINT_CONFIG, CHECKPOINT_SPEC,
					     CHECKPOINT_IMAGES_DIR, CHECKPOINT_INVENTORY };
	_fd_ int fd = openat(l->fd, folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(marks); i++)
		if (fstatat(fd, marks[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	return false;
}

/* Whether the entry is a container's checkpoint. */
static bool wanted(const struct looking *l, const char *name)
{
	struct stat st;

	if (*name == '.' || strcmp(name, POD_DUMP) == 0 ||
	    fstatat(l->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (S_ISDIR(st.st_mode) && is_checkpoint(l, name))
		return true;
	if (S_ISREG(st.st_mode) && is_archive(l, name))
		return true;
	left_out(l, name, "it is no archive and no checkpoint");
	return false;
}

/* What is inside says which container it is; failing that, the name of the file. */
static int add_unnamed(struct looking *l, const char *file, struct firn_error *err)
{
	const size_t stem = archive_stem(file);
	struct firn_build_item *item;
	char *name = NULL;
	int rc = add(l, NULL, file, err);

	if (rc < 0)
		return rc;
	item = &l->project.items[l->project.n - 1];
	rc = peek_container(item->checkpoint, &name, err);
	if (rc < 0)
		return rc;
	if (!name)
		name = strndup(file, stem ? stem : strlen(file));
	item->container = name;
	return name ? 0 : firn_fail_oom(err, "containers");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* An unpacked archive would become a container called "checkpoint". */
static int check_folder(const struct looking *l, struct firn_error *err)
{
	static const char *const marks[] = { CHECKPOINT_CONFIG, CHECKPOINT_SPEC,
					     CHECKPOINT_INVENTORY,
					     CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY };
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (fstatat(l->fd, marks[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			return firn_fail(err, FIRN_EINVAL,
					 "is the checkpoint of one container (it has %s), not a "
					 "folder of such",
					 marks[i]);
	return 0;
}

static int add_all(struct looking *l, struct firn_error *err)
{
	int rc = check_folder(l, err);

	if (rc < 0)
		return rc;
	l->nnames = scandirat(l->fd, ".", &l->names, NULL, by_name);
	if (l->nnames < 0)
		return firn_fail_errno(err, "read the folder");
	if (l->nnames > ENTRIES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d files", ENTRIES_MAX);
	for (int i = 0; i < l->nnames; i++) {
		if (!wanted(l, l->names[i]->d_name))
			continue;
		if (l->project.n == POD_CONTAINERS_MAX)
			return firn_fail(err, FIRN_ELIMIT, "more than %d containers",
					 POD_CONTAINERS_MAX);
		rc = add_unnamed(l, l->names[i]->d_name, err);
		if (rc < 0)
			return rc;
	}
	return l->project.n ? 0
			    : firn_fail(err, FIRN_ECORRUPT,
					"no checkpoint in it: no archive, no folder of one, no %s",
					POD_PROJECT);
}

int project_open(const char *dir, const struct firn_report *report, struct project *ret,
		 struct firn_error *err)
{
	_cleanup_(looking_done) struct looking l = { .dir = dir, .report = report };
	char quoted[PATH_QUOTE_MAX];
	int rc;

	l.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l.fd < 0)
		return firn_fail_errno(err, "project %s", path_quote(dir, quoted));
	rc = read_project(&l, err);
	if (rc == 0)
		rc = read_pod(&l, err);
	if (rc >= 0)
		rc = rc ? add_named(&l, err) : add_all(&l, err);
	if (rc < 0)
		return firn_wrap(err, rc, "project %s", path_quote(dir, quoted));
	*ret = l.project;
	l.project = (struct project){ 0 };
	return 0;
}

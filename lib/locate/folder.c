/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "locate/folder.h"

#include "base/fd.h"
#include "locate/folder_chain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void folder_done(struct folder *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->files[i].path);
		free(f->files[i].target);
	}
	free(f->files);
	for (size_t i = 0; i < CHECKPOINT_DUMPS_MAX; i++)
		fd_close(f->dumps[i]);
	fd_close(f->around);
	fd_close(f->root);
	*f = (struct folder){ .root = -1, .around = -1 };
}

int folder_add(struct folder *f, unsigned dump, const char *path, const struct stat *st,
	       const char *target, struct firn_error *err)
{
	struct folder_file *file;

	if (f->count >= FOLDER_FILES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "the folder has more than %u files",
				 FOLDER_FILES_MAX);
	if (f->count == f->room) {
		const size_t room = f->room ? 2 * f->room : 64;
		struct folder_file *more = reallocarray(f->files, room, sizeof(*more));

		if (!more)
			return firn_fail_oom(err, "folder");
		f->files = more;
		f->room = room;
	}
	file = &f->files[f->count];
	*file = (struct folder_file){
		.path = strdup(path),
		.dump = dump,
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
		.mtime = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
	};
	if (!file->path)
		return firn_fail_oom(err, "folder");
	f->count++;
	if (target && !(file->target = strdup(target)))
		return firn_fail_oom(err, "folder");
	f->bytes += file->size;
	return 0;
}

/* The link to the dump before, which the chain is made of, or a dump of the chain. */
static bool is_chains(const struct folder *f, unsigned dump, const char *path)
{
	const unsigned number = checkpoint_dump(path);

	if (dump || f->bare)
		return strcmp(path, CHECKPOINT_PARENT) == 0;
	return strcmp(path, CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_PARENT) == 0 ||
	       (number && number != CHECKPOINT_DUMPS_MAX);
}

/* In an engine's own folder there are sockets, locks, mounts: not even looked at. */
static bool is_wanted(const struct folder *f, unsigned dump, const char *path)
{
	/* Of the older dumps nobody wants the logs: their layer is the images alone. */
	if (is_chains(f, dump, path) || (dump && checkpoint_is_log(path)))
		return false;
	if (!f->in_place || dump || strchr(path, '/'))
		return true;
	/* Left by an export that was made some time before. */
	if (strcmp(path, CHECKPOINT_ROOTFS) == 0 || strcmp(path, CHECKPOINT_DELETIONS) == 0)
		return false;
	return checkpoint_is_member(path) ||
	       (!f->has_spec && strcmp(path, CHECKPOINT_BUNDLE_SPEC) == 0);
}

static int walk(struct folder *f, unsigned dump, const char *folder, unsigned depth,
		struct firn_error *err);

static int top_of(const struct folder *f, unsigned dump)
{
	return dump ? f->dumps[dump] : f->root;
}

static int walk_entry(struct folder *f, unsigned dump, int dirfd, const char *folder,
		      const char *name, unsigned depth, struct firn_error *err)
{
	char path[PATH_MEMBER_MAX + 1], quoted[PATH_QUOTE_MAX];
	struct stat st;
	int rc;

	if (snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "", name) >=
	    (int)sizeof(path))
		return firn_fail(err, FIRN_ELIMIT, "a name in %s is longer than %d bytes",
				 path_quote(folder, quoted), PATH_MEMBER_MAX);
	if (!is_wanted(f, dump, path))
		return 0;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return firn_fail_errno(err, "stat %s", path_quote(path, quoted));
	rc = folder_add(f, dump, path, &st, NULL, err);
	if (rc < 0 || !S_ISDIR(st.st_mode))
		return rc;
	return walk(f, dump, path, depth + 1, err);
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int walk(struct folder *f, unsigned dump, const char *folder, unsigned depth,
		struct firn_error *err)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	char quoted[PATH_QUOTE_MAX];
	const struct dirent *d;
	_fd_ int fd = -1;
	int rc = 0;

	if (depth > FOLDER_DEPTH_MAX)
		return firn_fail(err, FIRN_ELIMIT, "folder %s: deeper than %d folders",
				 path_quote(folder, quoted), FOLDER_DEPTH_MAX);
	fd =
	    path_open_beneath(top_of(f, dump), folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return firn_fail_errno(err, "read %s", path_quote(folder, quoted));
	take_fd(&fd);
	while (rc >= 0 && (errno = 0, d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = walk_entry(f, dump, dirfd(dir), folder, d->d_name, depth, err);
	if (rc >= 0 && errno)
		return firn_fail_errno(err, "read %s", path_quote(folder, quoted));
	return rc;
}

int folder_walk_dump(struct folder *f, unsigned dump, struct firn_error *err)
{
	return walk(f, dump, "", 0, err);
}

/*
 * The documents first, so that a wrong base is found before gigabytes are read. Dumps from the
 * oldest on: who numbers a chain has to know what comes before.
 */
static unsigned rank(const struct folder_file *file)
{
	if (file->dump)
		return 2 + file->dump;
	if (strcmp(file->path, CHECKPOINT_CONFIG) == 0)
		return 0;
	if (strcmp(file->path, CHECKPOINT_SPEC) == 0 ||
	    strcmp(file->path, CHECKPOINT_BUNDLE_SPEC) == 0)
		return 1;
	return 2 + CHECKPOINT_DUMPS_MAX;
}

static int compare_files(const void *a, const void *b)
{
	const struct folder_file *x = a, *y = b;
	const unsigned rx = rank(x), ry = rank(y);

	if (rx != ry)
		return rx < ry ? -1 : 1;
	return strcmp(x->path, y->path);
}

static bool has(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What kind of folder it is. */
static int look(struct folder *f, struct firn_error *err)
{
	const bool images = has(f->root, CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY);

	f->has_spec = has(f->root, CHECKPOINT_SPEC);
	f->has_config = has(f->root, CHECKPOINT_CONFIG);
	f->in_place = images && has(f->root, CHECKPOINT_BUNDLE_SPEC);
	if (images || f->has_config)
		return 0;
	f->bare = has(f->root, CHECKPOINT_INVENTORY);
	if (f->bare)
		return 0;
	return firn_fail(
	    err, FIRN_ECORRUPT, "no checkpoint: the folder has no %s, no %s/%s and no %s",
	    CHECKPOINT_CONFIG, CHECKPOINT_IMAGES_DIR, CHECKPOINT_INVENTORY, CHECKPOINT_INVENTORY);
}

int folder_collect(struct folder *f, int fd, unsigned flags, struct firn_error *err)
{
	int rc;

	*f = (struct folder){ .root = fd, .around = -1, .flags = flags };
	for (size_t i = 0; i < CHECKPOINT_DUMPS_MAX; i++)
		f->dumps[i] = -1;
	if ((rc = look(f, err)) < 0 || (rc = walk(f, 0, "", 0, err)) < 0 ||
	    (rc = folder_chain(f, err)) < 0)
		return rc;
	if (f->count)
		qsort(f->files, f->count, sizeof(*f->files), compare_files);
	return 0;
}

int folder_of(const struct folder *f, const struct folder_file *file)
{
	return top_of(f, file->dump);
}

const char *folder_member(const struct folder *f, const struct folder_file *file,
			  char ret[FOLDER_MEMBER_MAX])
{
	char name[CHECKPOINT_DUMP_NAME_MAX];

	if (file->dump)
		snprintf(ret, FOLDER_MEMBER_MAX, "%s/%s", checkpoint_dump_name(file->dump, name),
			 file->path);
	else if (f->bare && !checkpoint_is_log(file->path))
		snprintf(ret, FOLDER_MEMBER_MAX, CHECKPOINT_IMAGES_DIR "/%s", file->path);
	else if (f->in_place && strcmp(file->path, CHECKPOINT_BUNDLE_SPEC) == 0)
		snprintf(ret, FOLDER_MEMBER_MAX, "%s", CHECKPOINT_SPEC);
	else
		snprintf(ret, FOLDER_MEMBER_MAX, "%s", file->path);
	return ret;
}

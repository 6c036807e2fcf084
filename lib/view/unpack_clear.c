/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/unpack.h"

#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/*
 * A tree of any depth goes by being made flat: whatever folder is found in a folder below the top
 * moves to the top, under a number.
 */
struct clearing {
	int top;
	uint64_t next; /* number of the next folder that moves */
};

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A name that is free at the top. */
static int move_up(struct clearing *c, int dir, const char *name, struct firn_error *err)
{
	char number[32];

	for (;;) {
		snprintf(number, sizeof(number), ".cleared-%llu", (unsigned long long)c->next++);
		if (renameat2(dir, name, c->top, number, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return firn_fail_errno(err, "move a folder");
	}
}

static int open_dir(int parent, const char *name, DIR **ret, struct firn_error *err)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return firn_fail_errno(err, "open a folder");
	*ret = fdopendir(fd);
	if (*ret)
		return 0;
	fd_close(fd);
	return firn_fail_errno(err, "open a folder");
}

/* Empty the folder @name at the top, and remove it. */
static int clear_one(struct clearing *c, const char *name, struct firn_error *err)
{
	const struct dirent *e;
	DIR *d;
	int rc = open_dir(c->top, name, &d, err);

	if (rc < 0)
		return rc;
	while (rc == 0 && (e = readdir(d))) {
		if (is_dots(e->d_name) || unlinkat(dirfd(d), e->d_name, 0) == 0)
			continue;
		rc = errno == EISDIR ? move_up(c, dirfd(d), e->d_name, err)
				     : firn_fail_errno(err, "remove a file");
	}
	closedir(d);
	if (rc == 0 && unlinkat(c->top, name, AT_REMOVEDIR) < 0)
		rc = firn_fail_errno(err, "remove a folder");
	return rc;
}

/* One pass over what is at the top now. How many names went, or an error. */
static int pass(struct clearing *c, struct firn_error *err)
{
	const struct dirent *e;
	int rc, went = 0;
	DIR *d;

	rc = open_dir(c->top, ".", &d, err);
	if (rc < 0)
		return rc;
	while (rc == 0 && (e = readdir(d))) {
		if (is_dots(e->d_name))
			continue;
		if (unlinkat(c->top, e->d_name, 0) < 0)
			rc = errno == EISDIR ? clear_one(c, e->d_name, err)
					     : firn_fail_errno(err, "remove a file");
		went++;
	}
	closedir(d);
	return rc < 0 ? rc : went;
}

int unpack_clear(int top, struct firn_error *err)
{
	struct clearing c = { .top = top };
	int rc;

	do {
		rc = pass(&c, err);
	} while (rc > 0);
	return rc;
}

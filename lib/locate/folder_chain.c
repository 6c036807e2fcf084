/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "locate/folder_chain.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where a dump lies, below the folder around the given one. The given one's own name doesn't
 * matter, so it is called SELF; no link can name it that way.
 */
#define SELF "//"

/* A dump on the way from the newest to the oldest. */
struct link {
	int fd;                         /* owned; its folder */
	char at[PATH_MEMBER_MAX + 1];   /* where that is */
	char text[PATH_MEMBER_MAX + 1]; /* its link, "" if it has none */
	struct stat st;                 /* of the folder */
	struct stat link_st;
};

struct links {
	struct link *list; /* CHECKPOINT_DUMPS_MAX of them; the newest first */
	unsigned count;
};

static void links_done(struct links *l)
{
	for (unsigned i = 0; i < l->count; i++)
		fd_close(l->list[i].fd);
	free(l->list);
}

static int read_link(struct link *l, struct firn_error *err)
{
	ssize_t len;

	if (fstatat(l->fd, CHECKPOINT_PARENT, &l->link_st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT)
		return 0;
	if (!S_ISLNK(l->link_st.st_mode))
		return firn_fail(err, FIRN_ECORRUPT, "%s: is no symbolic link", CHECKPOINT_PARENT);
	len = readlinkat(l->fd, CHECKPOINT_PARENT, l->text, sizeof(l->text) - 1);
	if (len < 0)
		return firn_fail_errno(err, "read the link %s", CHECKPOINT_PARENT);
	l->text[len] = '\0';
	return 0;
}

/* @at without its last component; false when there is none. */
static bool go_up(char *at)
{
	char *slash;

	if (!*at)
		return false;
	if (strcmp(at, SELF) == 0) {
		*at = '\0';
		return true;
	}
	slash = strrchr(at, '/');
	/* "///x": x in SELF */
	if (slash && strncmp(at, SELF, strlen(SELF)) == 0 && slash == at + strlen(SELF))
		*slash = '\0';
	else
		*(slash ? slash : at) = '\0';
	return true;
}

/* Where the link @text in the folder @at leads to; false for too far, or in a strange way. */
static bool follow(const char *at, const char *text, char ret[PATH_MEMBER_MAX + 1])
{
	size_t len;

	if (*text == '/')
		return false;
	strcpy(ret, at);
	for (; *text; text += len, text += *text == '/') {
		const size_t used = strlen(ret);

		len = strcspn(text, "/");
		if (len == 0 || (len == 1 && *text == '.'))
			continue;
		if (len == 2 && text[0] == '.' && text[1] == '.') {
			if (!go_up(ret))
				return false;
			continue;
		}
		if (used + 1 + len > PATH_MEMBER_MAX)
			return false;
		snprintf(ret + used, PATH_MEMBER_MAX + 1 - used, "%s%.*s", used ? "/" : "",
			 (int)len, text);
	}
	return true;
}

/* The folder at @at; -FIRN_ENOTFOUND for none. */
static int open_at(struct folder *f, const char *at, struct firn_error *err)
{
	int from = f->root;

	if (strncmp(at, SELF, strlen(SELF)) == 0) {
		at += strlen(SELF);
		at += *at == '/';
	} else {
		if (f->around < 0)
			f->around = openat(f->root, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (f->around < 0)
			return firn_fail_errno(err, "open the folder around the checkpoint");
		from = f->around;
	}
	return path_open_beneath(from, at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
}

static int describe(struct link *l, struct firn_error *err)
{
	if (fstat(l->fd, &l->st) < 0)
		return firn_fail_errno(err, "stat");
	return read_link(l, err);
}

static int begin(struct folder *f, struct links *l, struct firn_error *err)
{
	l->list = calloc(CHECKPOINT_DUMPS_MAX, sizeof(*l->list));
	if (!l->list)
		return firn_fail_oom(err, "chain");
	strcpy(l->list->at, f->bare ? SELF : SELF "/" CHECKPOINT_IMAGES_DIR);
	l->list->fd = open_at(f, l->list->at, NULL);
	if (l->list->fd < 0) /* whoever reads the members says what is wrong */
		return 0;
	l->count = 1;
	return describe(l->list, err);
}

/* 1: the chain ends here. */
static int check_circle(const struct folder *f, const struct links *l, const struct link *next,
			struct firn_error *err)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->list[i].st.st_dev == next->st.st_dev &&
		    l->list[i].st.st_ino == next->st.st_ino)
			return f->flags & FOLDER_CIRCLES
				   ? 1
				   : firn_fail(err, FIRN_ECORRUPT,
					       "%s: the dumps before this one go round in a circle",
					       CHECKPOINT_PARENT);
	return 0;
}

/* The dump before the last one of @l: 1, or 0 when there is none here. */
static int add_next(struct folder *f, struct links *l, struct firn_error *err)
{
	const struct link *last = &l->list[l->count - 1];
	struct link *next;
	char at[PATH_MEMBER_MAX + 1];
	int rc;

	if (!*last->text || !follow(last->at, last->text, at))
		return 0;
	if (l->count == CHECKPOINT_DUMPS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "a chain of more than %d dumps",
				 CHECKPOINT_DUMPS_MAX);
	rc = open_at(f, at, NULL);
	if (rc < 0) /* gone, or through a link, or no folder: no dump that can be had */
		return 0;
	next = &l->list[l->count];
	next->fd = rc;
	strcpy(next->at, at);
	rc = describe(next, err);
	if (rc == 0)
		rc = check_circle(f, l, next, err);
	if (rc > 0) {
		next->fd = fd_close(next->fd);
		return 0;
	}
	l->count++;
	return rc < 0 ? rc : 1;
}

/*
 * The link of the dump @i in @l, where it leads to in the image. The oldest that was found may have
 * one that leads nowhere.
 */
static int add_link(struct folder *f, const struct links *l, unsigned i, struct firn_error *err)
{
	const unsigned number = i ? l->count - i : 0, before = l->count - i - 1;
	char name[CHECKPOINT_DUMP_NAME_MAX], target[sizeof(name) + 3];
	const struct link *link = &l->list[i];
	const bool in_folder = !i && !f->bare;

	if (!*link->text)
		return 0;
	if (before)
		snprintf(target, sizeof(target), "../%s", checkpoint_dump_name(before, name));
	return folder_add(
	    f, number, in_folder ? CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_PARENT : CHECKPOINT_PARENT,
	    &link->link_st, before ? target : link->text, err);
}

int folder_chain(struct folder *f, struct firn_error *err)
{
	_cleanup_(links_done) struct links l = { .list = NULL };
	int rc = begin(f, &l, err);

	while (rc >= 0 && l.count && (rc = add_next(f, &l, err)) > 0)
		;
	for (unsigned i = 0; rc >= 0 && i < l.count; i++) {
		const unsigned number = l.count - i;

		if (i) {
			f->dumps[number] = take_fd(&l.list[i].fd);
			rc = folder_walk_dump(f, number, err);
		}
		if (rc >= 0)
			rc = add_link(f, &l, i, err);
	}
	return rc;
}

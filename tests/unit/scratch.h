/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A folder for one test case's files. Use scratch_setup() and scratch_teardown() as an unchecked
 * fixture: then the folder goes even when a test crashes.
 */
#ifndef FIRN_TESTS_SCRATCH_H
#define FIRN_TESTS_SCRATCH_H

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_dir[64];

static int scratch_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static inline void scratch_clear(const char *path)
{
	nftw(path, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static void scratch_setup(void)
{
	strcpy(scratch_dir, "scratch-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(scratch_dir));
}

/* The same in memory where there is /dev/shm: for a test that would wait for the disk all day. */
static inline void scratch_setup_in_memory(void)
{
	strcpy(scratch_dir, "/dev/shm/firn-test-XXXXXX");
	if (!mkdtemp(scratch_dir))
		scratch_setup();
}

static void scratch_teardown(void)
{
	scratch_clear(scratch_dir);
}

/* The path of @name in the scratch folder, good until the fourth call after this one. */
static inline const char *scratch(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", scratch_dir, name);
	return path;
}

/* A fresh folder of that name, opened. */
static inline int scratch_folder(const char *name)
{
	int fd;

	scratch_clear(scratch(name));
	ck_assert_int_eq(mkdir(scratch(name), 0700), 0);
	fd = open(scratch(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline void scratch_write(const char *name, const void *bytes, size_t n)
{
	int fd = open(scratch(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

/* The content of a file, at most 64 KiB of it, NUL-ended. Caller frees. */
static inline char *scratch_read(const char *path)
{
	char *text = calloc(1, (64 << 10) + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_ge(read(fd, text, 64 << 10), 0);
	close(fd);
	return text;
}

/* Every name below the folder @path, sorted, one a line; "" for none or no folder. Caller frees. */
static inline void scratch_list_below(const char *path, size_t skip, char **ret)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char child[1024], *grown;

		snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
		if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0) {
			ck_assert_int_ge(asprintf(&grown, "%s%s\n", *ret, child + skip), 0);
			free(*ret);
			*ret = grown;
			scratch_list_below(child, skip, ret);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static inline char *scratch_list(const char *path)
{
	char *list = strdup("");

	scratch_list_below(path, strlen(path) + 1, &list);
	return list;
}

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/faults.h"

#include "base/fd.h"

#include <dirent.h>
#include <linux/kcmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FAULT_LINK "anon_inode:[userfaultfd]" /* fs/userfaultfd.c: new_userfaultfd() */

static bool is_fault(int folder, const char *name)
{
	char link[sizeof(FAULT_LINK)];
	const ssize_t n = readlinkat(folder, name, link, sizeof(link));

	return n == (ssize_t)sizeof(FAULT_LINK) - 1 && memcmp(link, FAULT_LINK, (size_t)n) == 0;
}

static bool has(const struct faults *f, int theirs)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->held[i].theirs == theirs)
			return true;
	return false;
}

static void take(struct faults *f, int pidfd, int theirs)
{
	int ours;

	if (f->n == FAULTS_MAX || has(f, theirs))
		return;
	ours = (int)syscall(SYS_pidfd_getfd, pidfd, theirs, 0u);
	if (ours < 0)
		return;
	f->held[f->n].theirs = theirs;
	f->held[f->n++].ours = ours;
}

/* A process that is on its way out has none at all. */
static bool has_descriptors(DIR *d)
{
	const struct dirent *e;

	rewinddir(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			return true;
	return false;
}

/*
 * Whether both descriptors are one open file: a number may have been closed and given to another
 * meanwhile. A kernel without kcmp(2), which CRIU itself needs, can't tell.
 */
static bool is_same(const struct held_fault *h, int pid)
{
	return syscall(SYS_kcmp, getpid(), pid, KCMP_FILE, (unsigned long)h->ours,
		       (unsigned long)h->theirs) <= 0;
}

/* What was closed by a process that died is no longer to be told from what was closed before. */
static void let_go(struct faults *f, DIR *d, int pid)
{
	bool closed[FAULTS_MAX];
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", f->held[i].theirs);
		closed[i] = !is_fault(dirfd(d), name) || !is_same(&f->held[i], pid);
	}
	if (!has_descriptors(d))
		return;
	for (size_t i = 0; i < f->n; i++) {
		if (closed[i])
			fd_close(f->held[i].ours);
		else
			f->held[kept++] = f->held[i];
	}
	f->n = kept;
}

void faults_follow(struct faults *f, int pidfd, int pid)
{
	char path[32];
	const struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	if (!d)
		return;
	let_go(f, d, pid);
	rewinddir(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && is_fault(dirfd(d), e->d_name))
			take(f, pidfd, (int)strtol(e->d_name, NULL, 10));
	closedir(d);
}

void faults_release(struct faults *f)
{
	while (f->n)
		fd_close(f->held[--f->n].ours);
}

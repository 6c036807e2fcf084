/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/kill.h"

#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TREE_MAX 4096

struct tree_pids {
	int pids[TREE_MAX];
	size_t n;
};

/* The parent of the process in the folder /proc/NAME; 0 when it has gone. */
static int parent_of(int proc, const char *name)
{
	char path[64], text[512];
	const char *state;
	int parent;
	ssize_t n;

	snprintf(path, sizeof(path), "%.20s/stat", name);
	_fd_ int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);

	n = fd < 0 ? -1 : fd_read(fd, text, sizeof(text) - 1, NULL);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* proc(5): pid (comm) state ppid; comm may hold anything. */
	state = strrchr(text, ')');
	return state && sscanf(state, ") %*c %d", &parent) == 1 ? parent : 0;
}

static int has(const struct tree_pids *t, int pid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->pids[i] == pid)
			return 1;
	return 0;
}

/* Add the children of those that are in it. Returns how many came. */
static size_t add_children(struct tree_pids *t)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	const size_t before = t->n;

	while (proc && t->n < TREE_MAX && (e = readdir(proc))) {
		const int pid = (int)strtol(e->d_name, NULL, 10);

		if (pid > 0 && !has(t, pid) && has(t, parent_of(dirfd(proc), e->d_name)))
			t->pids[t->n++] = pid;
	}
	if (proc)
		closedir(proc);
	return t->n - before;
}

void kill_tree(int pid)
{
	struct tree_pids *t = calloc(1, sizeof(*t));

	if (!t) {
		(void)kill(pid, SIGKILL);
		return;
	}
	/* What is stopped has no more children. */
	t->pids[t->n++] = pid;
	(void)kill(pid, SIGSTOP);
	for (size_t first = t->n; add_children(t); first = t->n)
		for (size_t i = first; i < t->n; i++)
			(void)kill(t->pids[i], SIGSTOP);
	for (size_t i = 0; i < t->n; i++)
		(void)kill(t->pids[i], SIGKILL);
	free(t);
}

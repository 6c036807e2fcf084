/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/window.h"

#include "base/fd.h"
#include "base/thread.h"
#include "format/erofs_disk.h"
#include "kernel/page_cache.h"
#include "view/shared.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#define FILES_MAX  64         /* one for each process; what there are more of stays cached */
#define STEP_BYTES (1u << 20) /* fetched at once: less than the kernel reads ahead */
#define DROP_BYTES (4u << 20) /* forgotten at once, at least */
#define PAUSE_MS   2          /* in which CRIU reads some megabytes */

struct pages {
	int fd;
	bool packed;
	uint64_t size;
	uint64_t fetched; /* so many bytes were asked for before CRIU did */
	uint64_t dropped; /* so many are forgotten */
};

struct window {
	char *staging; /* may be NULL */
	struct pages files[FILES_MAX];
	size_t n;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t news;
	bool stop;
};

/* At once, or after that many milliseconds in which it wasn't. */
static bool is_stopped(struct window *w, long ms)
{
	struct timespec until;
	bool stop;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&w->lock);
	while (ms && !w->stop && pthread_cond_timedwait(&w->news, &w->lock, &until) == 0)
		;
	stop = w->stop;
	pthread_mutex_unlock(&w->lock);
	return stop;
}

/* Piece by piece of each in turn: processes read theirs at the same time. */
static void fetch(struct window *w)
{
	uint64_t left = WINDOW_AHEAD_BYTES;
	bool some = true;

	while (some && left) {
		some = false;
		for (size_t i = 0; i < w->n && left; i++) {
			struct pages *p = &w->files[i];
			uint64_t n = p->packed ? p->size - p->fetched : 0;

			n = n < STEP_BYTES ? n : STEP_BYTES;
			if (n == 0 || is_stopped(w, 0))
				continue;
			page_cache_fetch(p->fd, p->fetched, p->fetched + n);
			p->fetched += n;
			left -= n;
			some = true;
		}
	}
}

/* Before CRIU is behind what was fetched, nobody knows where it is. */
static void follow(struct window *w, struct pages *p)
{
	const uint64_t from = p->dropped > p->fetched ? p->dropped : p->fetched;
	const uint64_t end = page_cache_end(p->fd, from, p->size);

	if (end == from || end < p->dropped + WINDOW_BEHIND_BYTES + DROP_BYTES)
		return;
	if (w->staging && !shared_is_alone(w->staging))
		return;
	page_cache_drop(p->fd, p->dropped, end - WINDOW_BEHIND_BYTES);
	p->dropped = end - WINDOW_BEHIND_BYTES;
}

static void *work(void *arg)
{
	struct window *w = arg;

	fetch(w);
	while (!is_stopped(w, PAUSE_MS))
		for (size_t i = 0; i < w->n; i++)
			follow(w, &w->files[i]);
	return NULL;
}

static bool is_pages(const char *name)
{
	static const char begin[] = "pages-", end[] = ".img";
	const size_t len = strlen(name);

	return len > strlen(begin) + strlen(end) && strncmp(name, begin, strlen(begin)) == 0 &&
	       strcmp(name + len - strlen(end), end) == 0;
}

/* Of a compressed file the kernel tells the blocks that it has in the image. */
static void take(struct window *w, int folder, const char *name)
{
	_fd_ int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct statfs fs;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || fstatfs(fd, &fs) < 0 ||
	    (uint32_t)fs.f_type != EROFS_MAGIC || page_cache_count(fd, 0, 1) < 0)
		return;
	w->files[w->n++] = (struct pages){
		.size = (uint64_t)st.st_size,
		.packed = (uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size,
		.fd = take_fd(&fd),
	};
}

static void find(struct window *w, const char *images)
{
	DIR *d = opendir(images);
	const struct dirent *e;

	while (d && w->n < FILES_MAX && (e = readdir(d)))
		if (is_pages(e->d_name))
			take(w, dirfd(d), e->d_name);
	if (d)
		closedir(d);
}

struct window *window_open(const char *images, const char *staging)
{
	struct window *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (!w)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->news, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&w->lock, NULL);
	w->staging = staging ? strdup(staging) : NULL;
	if (!staging || w->staging)
		find(w, images);
	if (w->n)
		w->running = thread_start(&w->thread, work, w) == 0;
	return w->running ? w : window_close(w);
}

struct window *window_close(struct window *w)
{
	if (!w)
		return NULL;
	if (w->running) {
		pthread_mutex_lock(&w->lock);
		w->stop = true;
		pthread_cond_signal(&w->news);
		pthread_mutex_unlock(&w->lock);
		pthread_join(w->thread, NULL);
	}
	for (size_t i = 0; i < w->n; i++)
		fd_close(w->files[i].fd);
	pthread_cond_destroy(&w->news);
	pthread_mutex_destroy(&w->lock);
	free(w->staging);
	free(w);
	return NULL;
}

void window_closep(struct window **w)
{
	*w = window_close(*w);
}

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

#define FILES_MAX   64           /* one for each process; what there are more of stays cached */
#define UNPACKERS   4            /* one waits for a page that another one has, or for the disk */
#define PIECE_BYTES (128u << 10) /* what a frame of ours unpacks to (firn-format(5)) */
#define MARK_EVERY  (8u << 20)   /* the last piece of so many is CRIU's */
#define DROP_BYTES  (4u << 20)   /* forgotten at once, at least */
#define PAUSE_MS    2            /* in which CRIU reads some megabytes */

/* All are counts of bytes from the file's begin. */
struct pages {
	int fd;
	bool packed;
	uint64_t size;
	uint64_t read;     /* by CRIU, at least */
	uint64_t unpacked; /* or about to be, but for marks; 0 unless packed */
	uint64_t dropped;
};

struct window {
	char *staging; /* may be NULL */
	size_t n;
	pthread_t follower, unpackers[UNPACKERS];
	size_t nunpackers;
	bool running;

	pthread_mutex_t lock; /* of what follows; the follower alone changes read and dropped */
	pthread_cond_t news;
	bool stop;
	struct pages files[FILES_MAX];
	size_t turn; /* whose piece is next */
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
	while (!w->stop && pthread_cond_timedwait(&w->news, &w->lock, &until) == 0)
		;
	stop = w->stop;
	pthread_mutex_unlock(&w->lock);
	return stop;
}

/*
 * What is behind a file's last mark counts for ever. A lot of small files so ends it, and may:
 * their processes unpack for themselves, side by side, and faster than with us in between.
 */
static uint64_t bytes_ahead(const struct window *w)
{
	uint64_t ahead = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->files[i].unpacked > w->files[i].read)
			ahead += w->files[i].unpacked - w->files[i].read;
	return ahead;
}

/* Of each file in turn: processes read theirs at the same time. False while there is none. */
static bool next_piece(struct window *w, int *ret_fd, uint64_t *ret_at)
{
	if (bytes_ahead(w) >= WINDOW_AHEAD_BYTES)
		return false;
	for (size_t i = 0; i < w->n; i++) {
		struct pages *p = &w->files[w->turn++ % w->n];

		if (!p->packed || p->unpacked >= p->size)
			continue;
		*ret_fd = p->fd;
		*ret_at = p->unpacked;
		p->unpacked += PIECE_BYTES;
		if (p->unpacked % MARK_EVERY == MARK_EVERY - PIECE_BYTES)
			p->unpacked += PIECE_BYTES;
		return true;
	}
	return false;
}

static void *unpack(void *arg)
{
	struct window *w = arg;
	uint64_t at = 0;
	int fd = -1;

	thread_step_back();
	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		if (!next_piece(w, &fd, &at)) {
			pthread_cond_wait(&w->news, &w->lock);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		page_cache_pull(fd, at);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* The end of the last mark that CRIU has come to. */
static uint64_t find_in_packed(const struct pages *p)
{
	uint64_t read = p->read, mark = read + MARK_EVERY - PIECE_BYTES;

	while (mark < p->size && page_cache_count(p->fd, mark, mark + 1) > 0) {
		read = mark + PIECE_BYTES;
		mark += MARK_EVERY;
	}
	return read;
}

static void note_read(struct window *w, struct pages *p, uint64_t read)
{
	pthread_mutex_lock(&w->lock);
	p->read = read;
	if (p->packed && p->unpacked < read)
		p->unpacked = read;
	pthread_cond_broadcast(&w->news);
	pthread_mutex_unlock(&w->lock);
}

static void follow(struct window *w, struct pages *p)
{
	const uint64_t read =
	    p->packed ? find_in_packed(p) : page_cache_end(p->fd, p->dropped, p->size);

	if (read <= p->read)
		return;
	note_read(w, p, read);
	if (read < p->dropped + WINDOW_BEHIND_BYTES + DROP_BYTES)
		return;
	if (w->staging && !shared_is_alone(w->staging))
		return;
	page_cache_drop(p->fd, p->dropped, read - WINDOW_BEHIND_BYTES);
	p->dropped = read - WINDOW_BEHIND_BYTES;
}

static void *follow_all(void *arg)
{
	struct window *w = arg;

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
	bool packed;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || fstatfs(fd, &fs) < 0 ||
	    (uint32_t)fs.f_type != EROFS_MAGIC || page_cache_count(fd, 0, 1) < 0)
		return;
	packed = (uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size;
	if (packed)
		page_cache_no_read_ahead(fd);
	w->files[w->n++] =
	    (struct pages){ .size = (uint64_t)st.st_size, .packed = packed, .fd = take_fd(&fd) };
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

static bool has_packed(const struct window *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->files[i].packed)
			return true;
	return false;
}

/* One thread less is a slower restore. */
static void start(struct window *w)
{
	const size_t n = has_packed(w) ? UNPACKERS : 0;

	w->running = w->n && thread_start(&w->follower, follow_all, w) == 0;
	while (w->running && w->nunpackers < n &&
	       thread_start(&w->unpackers[w->nunpackers], unpack, w) == 0)
		w->nunpackers++;
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
	start(w);
	return w->running ? w : window_close(w);
}

struct window *window_close(struct window *w)
{
	if (!w)
		return NULL;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->news);
	pthread_mutex_unlock(&w->lock);
	if (w->running)
		pthread_join(w->follower, NULL);
	for (size_t i = 0; i < w->nunpackers; i++)
		pthread_join(w->unpackers[i], NULL);
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/follower.h"

#include "base/fd.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define CHUNK_BYTES (256u << 10) /* stays in the processor's cache between reading and hashing */

struct follower {
	int fd;
	struct hasher *hash;
	uint8_t *chunk;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t news;
	uint64_t told;
	bool complete; /* told is the file's size */
	bool stop;
	int rc; /* of the thread */
	struct firn_error err;
};

/* Bytes to be hashed from @at on: waits until there are some. 0 when there will be none. */
static uint64_t wait_for_bytes(struct follower *f, uint64_t at)
{
	uint64_t n = 0;

	pthread_mutex_lock(&f->lock);
	while (!f->stop && !f->complete && f->told - at < CHUNK_BYTES)
		pthread_cond_wait(&f->news, &f->lock);
	if (!f->stop)
		n = f->told - at;
	pthread_mutex_unlock(&f->lock);
	return n < CHUNK_BYTES ? n : CHUNK_BYTES;
}

static void *follow(void *arg)
{
	struct follower *f = arg;
	uint64_t n, at = 0;
	int rc = 0;

	while (rc == 0 && (n = wait_for_bytes(f, at)) > 0) {
		const ssize_t got = fd_pread(f->fd, f->chunk, (size_t)n, at, &f->err);

		if (got < 0 || (uint64_t)got < n)
			rc = got < 0 ? (int)got
				     : firn_fail(&f->err, FIRN_EFAIL, "lost bytes while writing");
		else
			rc = hasher_update(f->hash, f->chunk, (size_t)n, &f->err);
		at += n;
	}
	f->rc = rc; /* read after the thread was joined */
	return NULL;
}

static int start_thread(struct follower *f, struct firn_error *err)
{
	int rc = thread_start(&f->thread, follow, f);

	if (rc == 0) {
		f->running = true;
		return 0;
	}
	errno = rc;
	return firn_fail_errno(err, "start a thread");
}

int follower_start(int fd, enum digest_alg alg, struct follower **ret, struct firn_error *err)
{
	struct follower *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return firn_fail_oom(err, "hash");
	f->fd = fd;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->news, NULL);
	f->chunk = malloc(CHUNK_BYTES);
	rc = f->chunk ? hasher_new(alg, &f->hash, err) : firn_fail_oom(err, "hash");
	if (rc == 0)
		rc = start_thread(f, err);
	if (rc < 0) {
		follower_free(f);
		return rc;
	}
	*ret = f;
	return 0;
}

void follower_advance(struct follower *f, uint64_t told)
{
	pthread_mutex_lock(&f->lock);
	f->told = told;
	pthread_cond_signal(&f->news);
	pthread_mutex_unlock(&f->lock);
}

static void join(struct follower *f, bool *flag)
{
	if (!f->running)
		return;
	pthread_mutex_lock(&f->lock);
	*flag = true;
	pthread_cond_signal(&f->news);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	f->running = false;
}

int follower_finish(struct follower *f, struct digest *ret, struct firn_error *err)
{
	join(f, &f->complete);
	if (f->rc < 0) {
		if (err)
			*err = f->err;
		return f->rc;
	}
	return hasher_final(f->hash, ret, err);
}

struct follower *follower_free(struct follower *f)
{
	if (!f)
		return NULL;
	join(f, &f->stop);
	hasher_free(f->hash);
	free(f->chunk);
	pthread_cond_destroy(&f->news);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return NULL;
}

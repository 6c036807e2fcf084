/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/frame_pool.h"

#include "base/fd.h"
#include "base/thread.h"
#include "bytes/codec_frame.h"
#include "bytes/frames.h"

#include <pthread.h>
#include <sched.h>

/* Besides two for each thread: where others want the processors as well, a thread waits for its
 * turn for milliseconds, a dozen frames' work. 270 KiB each. */
#define JOBS_AHEAD   64
#define HASH_AT_ONCE 8 /* pieces that are worth it while there are others to be packed */

struct job {
	struct frame_client *client;
	uint8_t *plain, *packed;
	size_t n;
	bool payload;
	bool done, hashed; /* under the lock */
	ssize_t len;       /* or what has failed */
	int hash_rc;
	struct firn_error err, hash_err;
};

struct worker {
	struct frame_pool *pool;
	struct frame_packer *packer;
	pthread_t thread;
	bool running;
};

struct frame_pool {
	size_t room; /* bytes of a packed frame */
	struct job *jobs;
	uint64_t njobs;
	struct worker workers[FRAME_POOL_THREADS_MAX];
	struct frame_packer *own;    /* the caller's */
	struct frame_client *client; /* whose jobs they are */
	uint64_t put, retired;       /* jobs since ever; the caller's alone, put under the lock */

	pthread_mutex_t lock;
	pthread_cond_t work, news; /* for the threads, for the caller */
	uint64_t taken, hashed;
	bool hashing;              /* some thread does, since that goes in order */
	const struct job *awaited; /* by the caller */
	bool stop;
};

static struct job *job_of(struct frame_pool *p, uint64_t number)
{
	return &p->jobs[number % p->njobs];
}

static void pack(struct frame_pool *p, struct frame_packer *packer, struct job *j)
{
	j->len = frame_pack(packer, j->plain, j->n, j->packed, p->room, &j->err);
}

static void hash(struct job *j)
{
	if (j->client->hasher)
		j->hash_rc = hasher_update(j->client->hasher, j->plain, j->n, &j->hash_err);
}

static bool is_ready(const struct job *j)
{
	return j->done && j->hashed;
}

static void tell(struct frame_pool *p, const struct job *j)
{
	if (p->awaited == j && is_ready(j))
		pthread_cond_signal(&p->news);
}

/* With the lock, which is given up meanwhile. */
static void pack_next(struct frame_pool *p, struct frame_packer *packer)
{
	struct job *j = job_of(p, p->taken++);

	pthread_mutex_unlock(&p->lock);
	pack(p, packer, j);
	pthread_mutex_lock(&p->lock);
	j->done = true;
	tell(p, j);
}

/* Likewise; whoever hashes has the pieces to itself. */
static void hash_some(struct frame_pool *p)
{
	const uint64_t left = p->put - p->hashed;
	const uint64_t n = left < HASH_AT_ONCE ? left : HASH_AT_ONCE;

	p->hashing = true;
	pthread_mutex_unlock(&p->lock);
	for (uint64_t i = 0; i < n; i++)
		hash(job_of(p, p->hashed + i));
	pthread_mutex_lock(&p->lock);
	for (uint64_t i = 0; i < n; i++) {
		struct job *j = job_of(p, p->hashed++);

		j->hashed = true;
		tell(p, j);
	}
	p->hashing = false;
}

/* With the lock: do something; false when there is nothing to be done by this thread. */
static bool work(struct frame_pool *p, struct frame_packer *packer)
{
	const uint64_t plain = p->hashing ? 0 : p->put - p->hashed;

	if (plain >= HASH_AT_ONCE)
		hash_some(p);
	else if (p->taken < p->put)
		pack_next(p, packer);
	else if (plain)
		hash_some(p);
	else
		return false;
	return true;
}

static void *work_all(void *arg)
{
	struct worker *w = arg;
	struct frame_pool *p = w->pool;

	pthread_mutex_lock(&p->lock);
	while (!p->stop)
		if (!work(p, w->packer))
			pthread_cond_wait(&p->work, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static unsigned processors(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	n = CPU_COUNT(&set);
	return n < FRAME_POOL_THREADS_DEFAULT ? (unsigned)n : FRAME_POOL_THREADS_DEFAULT;
}

static int make_jobs(struct frame_pool *p, unsigned threads, struct firn_error *err)
{
	p->room = frame_bound(FRAME_CONTENT_MAX);
	p->jobs = calloc(2 * threads + JOBS_AHEAD, sizeof(*p->jobs));
	if (!p->jobs)
		return firn_fail_oom(err, "zstd frames");
	p->njobs = 2 * threads + JOBS_AHEAD;
	for (size_t i = 0; i < p->njobs; i++) {
		p->jobs[i].plain = malloc(FRAME_CONTENT_MAX);
		p->jobs[i].packed = malloc(p->room);
		if (!p->jobs[i].plain || !p->jobs[i].packed)
			return firn_fail_oom(err, "zstd frames");
	}
	return 0;
}

int frame_pool_check(int level, unsigned threads, struct firn_error *err)
{
	if (level && (level < CODEC_LEVEL_MIN || level > CODEC_LEVEL_MAX))
		return firn_fail(err, FIRN_EINVAL, "zstd has no level %d, they go from %d to %d",
				 level, CODEC_LEVEL_MIN, CODEC_LEVEL_MAX);
	if (threads > FRAME_POOL_THREADS_MAX)
		return firn_fail(err, FIRN_EINVAL, "%u threads, more than %u", threads,
				 FRAME_POOL_THREADS_MAX);
	return 0;
}

int frame_pool_new(int level, unsigned threads, struct frame_pool **ret, struct firn_error *err)
{
	_cleanup_(frame_pool_freep) struct frame_pool *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return firn_fail_oom(err, "zstd frames");
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->news, NULL);
	if (!threads)
		threads = processors();
	if (threads > FRAME_POOL_THREADS_MAX)
		threads = FRAME_POOL_THREADS_MAX;
	if ((rc = make_jobs(p, threads, err)) < 0 ||
	    (rc = frame_packer_new(level, &p->own, err)) < 0)
		return rc;
	for (unsigned i = 0; i < threads; i++) {
		struct worker *w = &p->workers[i];

		w->pool = p;
		rc = frame_packer_new(level, &w->packer, err);
		if (rc < 0)
			return rc;
		w->running = thread_start(&w->thread, work_all, w) == 0;
		if (!w->running)
			break;
	}
	*ret = take_ptr(&p);
	return 0;
}

static void join(struct worker *w)
{
	if (w->running)
		pthread_join(w->thread, NULL);
	frame_packer_free(w->packer);
}

struct frame_pool *frame_pool_free(struct frame_pool *p)
{
	if (!p)
		return NULL;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < FRAME_POOL_THREADS_MAX; i++)
		join(&p->workers[i]);
	frame_packer_free(p->own);
	for (size_t i = 0; i < p->njobs; i++) {
		free(p->jobs[i].plain);
		free(p->jobs[i].packed);
	}
	free(p->jobs);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->news);
	pthread_mutex_destroy(&p->lock);
	free(p);
	return NULL;
}

void frame_pool_freep(struct frame_pool **p)
{
	*p = frame_pool_free(*p);
}

/* With the lock, which is given up meanwhile: the caller rather works than sleeps. */
static void await(struct frame_pool *p, const struct job *j)
{
	while (!is_ready(j)) {
		if (work(p, p->own))
			continue;
		p->awaited = j;
		pthread_cond_wait(&p->news, &p->lock);
	}
	p->awaited = NULL;
}

/* How many of the oldest jobs are ready; @least, which are there, are in the end. */
static uint64_t ready_jobs(struct frame_pool *p, uint64_t least)
{
	uint64_t n = 0;

	pthread_mutex_lock(&p->lock);
	/* The last of them first: that wakes this thread once. */
	for (uint64_t i = least; i > 0; i--)
		await(p, job_of(p, p->retired + i - 1));
	while (p->retired + n < p->put && is_ready(job_of(p, p->retired + n)))
		n++;
	pthread_mutex_unlock(&p->lock);
	return n;
}

/* The oldest job, which is ready, is no more. */
static int retire(struct frame_pool *p, bool drop, struct firn_error *err)
{
	struct job *j = job_of(p, p->retired++);
	struct frame_piece piece = {
		.plain = j->plain, .packed = j->packed, .n = j->n, .payload = j->payload
	};

	if (drop)
		return 0;
	if (j->len < 0 || j->hash_rc < 0) {
		if (err)
			*err = j->len < 0 ? j->err : j->hash_err;
		return j->len < 0 ? (int)j->len : j->hash_rc;
	}
	piece.len = (size_t)j->len;
	return p->client->take(p->client, &piece, err);
}

/* The @n oldest ones, which are ready. */
static int retire_all(struct frame_pool *p, uint64_t n, struct firn_error *err)
{
	int rc = 0;

	while (rc == 0 && n--)
		rc = retire(p, false, err);
	return rc;
}

int frame_pool_drain(struct frame_pool *p, struct firn_error *err)
{
	const uint64_t all = p->put - p->retired;

	return retire_all(p, ready_jobs(p, all), err);
}

void frame_pool_forget(struct frame_pool *p, const struct frame_client *c)
{
	if (p->client != c)
		return;
	for (uint64_t n = ready_jobs(p, p->put - p->retired); n; n--)
		(void)!retire(p, true, NULL);
	p->client = NULL;
}

/* When there is none left: more than for the next one, lest this thread is woken for each. */
static int make_room(struct frame_pool *p, struct firn_error *err)
{
	if (p->put - p->retired < p->njobs)
		return 0;
	return retire_all(p, ready_jobs(p, p->njobs / 4), err);
}

int frame_pool_put(struct frame_pool *p, struct frame_client *c, uint8_t **bytes, size_t n,
		   bool payload, struct firn_error *err)
{
	int rc = p->client == c ? make_room(p, err) : frame_pool_drain(p, err);
	struct job *j = job_of(p, p->put);
	uint8_t *other = j->plain;

	if (rc < 0)
		return rc;
	p->client = c;
	j->client = c;
	j->plain = *bytes;
	*bytes = other;
	j->n = n;
	j->payload = payload;
	j->done = j->hashed = false;
	j->hash_rc = 0;
	pthread_mutex_lock(&p->lock);
	p->put++;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

ssize_t frame_pool_pack(struct frame_pool *p, const void *bytes, size_t n, void *out, size_t room,
			struct firn_error *err)
{
	return frame_pack(p->own, bytes, n, out, room, err);
}

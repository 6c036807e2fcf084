/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy/pump.h"

#include "base/fd.h"
#include "base/thread.h"
#include "copy/words.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define JOBS         4
#define TELL_MS      100
#define SHORT_DIGEST 19 /* "sha256:0123456789ab" */
#define NAME_MAXI    48 /* of what is being done: "rootfs layer 3 +3" */

struct worker {
	struct pump *pump;
	pthread_t thread;
	const struct item *item; /* what it moves; NULL: nothing; under the pump's lock */
	uint64_t moved;          /* of it; likewise */
};

struct pump {
	struct from *from;
	struct to *to;
	const struct plan *plan;
	const struct firn_copy_opts *opts;
	struct words words;
	struct worker workers[PUMP_JOBS_MAX];
	size_t nworkers;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t news;
	size_t next;        /* item of the plan */
	size_t alive;       /* threads that work */
	uint64_t done;      /* bytes, of blobs that are there too */
	enum fate *fates;   /* of the items */
	uint32_t *finished; /* their positions, in the order they came */
	size_t nfinished, ntold;
	bool stop;
	int rc; /* the first failure */
	struct firn_error err;
};

static int on_moved(uint64_t n, void *ctx, struct firn_error *err)
{
	struct worker *w = ctx;
	struct pump *p = w->pump;
	bool stop;

	pthread_mutex_lock(&p->lock);
	w->moved += n;
	p->done += n;
	stop = p->stop;
	pthread_mutex_unlock(&p->lock);
	/* Another one failed, and its sentence is the one that is told. */
	return stop ? firn_fail(err, FIRN_EFAIL, "given up") : 0;
}

/* The next blob; NULL: there is none, or somebody failed. The lock is held. */
static const struct item *take_item(struct pump *p)
{
	while (!p->stop && p->next < p->plan->n) {
		const struct item *i = &p->plan->items[p->next++];

		if (!i->type)
			return i;
	}
	return NULL;
}

/* The lock is held. */
static void end_item(struct pump *p, const struct item *i, uint64_t moved, enum fate fate)
{
	const size_t at = (size_t)(i - p->plan->items);

	/* What was there already has been dealt with, too. */
	p->done += i->size - moved;
	p->fates[at] = fate;
	p->finished[p->nfinished++] = (uint32_t)at;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct pump *p = w->pump;
	const struct store_watch watch = { on_moved, w };
	struct firn_error err = { 0 };

	pthread_mutex_lock(&p->lock);
	while ((w->item = take_item(p))) {
		enum fate fate = FATE_COPIED;
		int rc;

		w->moved = 0;
		pthread_mutex_unlock(&p->lock);
		rc = p->to->ops->blob(p->to, w->item, &watch, &fate, &err);
		pthread_mutex_lock(&p->lock);
		if (rc >= 0) {
			end_item(p, w->item, w->moved, fate);
		} else if (!p->stop) {
			p->stop = true;
			p->rc = rc;
			p->err = err;
		}
		pthread_cond_signal(&p->news);
	}
	p->alive--;
	pthread_cond_signal(&p->news);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void tell_item(const struct pump *p, const struct item *i, const char *state,
		      uint64_t offset, const char *from)
{
	char text[DIGEST_TEXT_MAX];
	const struct firn_copy_blob b = {
		.digest = digest_text(&i->digest, text),
		.what = words_of(&p->words, (size_t)(i - p->plan->items)),
		.size = i->size,
		.offset = offset < i->size ? offset : i->size,
		.state = state,
		.from = from,
	};

	p->opts->blob(&b, p->opts->ctx);
}

static void tell_end(const struct pump *p, size_t at)
{
	static const char *const fates[] = {
		[FATE_COPIED] = "copied",
		[FATE_PRESENT] = "there",
		[FATE_MOUNTED] = "mounted",
	};
	const struct item *i = &p->plan->items[at];
	const enum fate fate = p->fates[at];
	const char *from = fate == FATE_MOUNTED ? p->to->ops->origin(p->to, i) : NULL;

	tell_item(p, i, fates[fate], i->size, from);
}

/* What is being moved, for people; the lock is held. */
static void name_work(const struct pump *p, char ret[NAME_MAXI])
{
	const struct item *first = NULL;
	char text[DIGEST_TEXT_MAX];
	const char *name;
	size_t n = 0;
	int shown;

	for (size_t i = 0; i < p->nworkers; i++)
		if (p->workers[i].item && n++ == 0)
			first = p->workers[i].item;
	if (!first) {
		snprintf(ret, NAME_MAXI, "manifests");
		return;
	}
	name = words_of(&p->words, (size_t)(first - p->plan->items));
	if (!*name)
		name = digest_text(&first->digest, text);
	shown = name == text ? SHORT_DIGEST : NAME_MAXI - 24;
	if (n == 1)
		snprintf(ret, NAME_MAXI, "%.*s", shown, name);
	else
		snprintf(ret, NAME_MAXI, "%.*s +%zu", shown, name, n - 1);
}

/* How far everything was at one moment. */
struct moment {
	size_t alive, nfinished, nmoving;
	uint64_t done;
	char what[NAME_MAXI];
	struct {
		const struct item *item;
		uint64_t moved;
	} moving[PUMP_JOBS_MAX];
};

/* The lock is held. */
static void look(const struct pump *p, struct moment *ret)
{
	ret->alive = p->alive;
	ret->nfinished = p->nfinished;
	ret->done = p->done;
	ret->nmoving = 0;
	name_work(p, ret->what);
	for (size_t i = 0; i < p->nworkers; i++) {
		const struct worker *w = &p->workers[i];

		if (!w->item)
			continue;
		ret->moving[ret->nmoving].item = w->item;
		ret->moving[ret->nmoving++].moved = w->moved;
	}
}

/* Without the lock: who is told may take a while. */
static void tell(struct pump *p, const struct moment *m)
{
	const struct firn_report *r = p->opts->report;
	const struct firn_progress step = { .what = m->what,
					    .done = m->done,
					    .total = p->plan->bytes };

	for (; p->ntold < m->nfinished; p->ntold++)
		if (p->opts->blob)
			tell_end(p, p->finished[p->ntold]);
	for (size_t i = 0; i < m->nmoving && p->opts->blob; i++)
		tell_item(p, m->moving[i].item, "copying", m->moving[i].moved, NULL);
	if (r && r->progress)
		r->progress(&step, r->ctx);
}

static void wait_and_tell(struct pump *p)
{
	struct timespec until;
	struct moment m;

	do {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += TELL_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_mutex_lock(&p->lock);
		if (p->alive && p->nfinished == p->ntold)
			pthread_cond_timedwait(&p->news, &p->lock, &until);
		look(p, &m);
		pthread_mutex_unlock(&p->lock);
		tell(p, &m);
	} while (m.alive);
}

static size_t count_workers(const struct pump *p)
{
	size_t blobs = 0, jobs = p->opts->jobs ? p->opts->jobs : JOBS;

	for (size_t i = 0; i < p->plan->n; i++)
		blobs += !p->plan->items[i].type;
	if (!p->to->ops->parallel || !from_parallel(p->from))
		jobs = 1;
	return blobs < jobs ? blobs : jobs;
}

static int start(struct pump *p, struct firn_error *err)
{
	const size_t n = count_workers(p);
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	while (rc == 0 && p->nworkers < n) {
		struct worker *w = &p->workers[p->nworkers];

		w->pump = p;
		rc = thread_start(&w->thread, work, w);
		p->nworkers += rc == 0;
	}
	p->alive = p->nworkers;
	/* Fewer than were asked for will do. */
	if (p->nworkers)
		rc = 0;
	pthread_mutex_unlock(&p->lock);
	errno = rc;
	return rc ? firn_fail_errno(err, "start a thread") : 0;
}

static int move_blobs(struct pump *p, struct firn_error *err)
{
	int rc = start(p, err);

	if (rc < 0)
		return rc;
	wait_and_tell(p);
	for (size_t i = 0; i < p->nworkers; i++)
		pthread_join(p->workers[i].thread, NULL);
	if (p->rc < 0 && err)
		*err = p->err;
	return p->rc;
}

static int move_document(struct pump *p, const struct item *i, struct firn_error *err)
{
	enum fate fate = FATE_COPIED;
	_free_ char *owned = NULL;
	struct moment m;
	const char *text;
	int rc = plan_text(i, p->from, &text, &owned, err);

	if (rc == 0)
		rc = p->to->ops->document(p->to, i, text, &fate, err);
	if (rc < 0)
		return rc;
	end_item(p, i, 0, fate);
	look(p, &m);
	tell(p, &m);
	return 0;
}

static int run(struct pump *p, struct firn_error *err)
{
	int rc = p->opts->blob ? words_make(p->plan, &p->words, err) : 0;

	if (rc < 0)
		return rc;
	p->fates = calloc(p->plan->n, sizeof(*p->fates));
	p->finished = calloc(p->plan->n, sizeof(*p->finished));
	if (!p->fates || !p->finished)
		return firn_fail_oom(err, "blobs");
	rc = move_blobs(p, err);
	for (size_t i = 0; rc == 0 && i < p->plan->n; i++)
		if (p->plan->items[i].type)
			rc = move_document(p, &p->plan->items[i], err);
	return rc;
}

static void count(const struct pump *p, struct moved *ret)
{
	for (size_t i = 0; i < p->nfinished; i++) {
		const struct item *item = &p->plan->items[p->finished[i]];
		const bool there = p->fates[p->finished[i]] != FATE_COPIED;

		*(there ? &ret->present_blobs : &ret->blobs) += 1;
		*(there ? &ret->present_bytes : &ret->bytes) += item->size;
	}
}

int pump_run(struct from *f, struct to *t, const struct plan *plan,
	     const struct firn_copy_opts *opts, struct moved *ret, struct firn_error *err)
{
	struct pump p = { .from = f, .to = t, .plan = plan, .opts = opts };
	int rc;

	pthread_mutex_init(&p.lock, NULL);
	pthread_cond_init(&p.news, NULL);
	rc = run(&p, err);
	if (rc == 0)
		count(&p, ret);
	pthread_cond_destroy(&p.news);
	pthread_mutex_destroy(&p.lock);
	words_done(&p.words);
	free(p.fates);
	free(p.finished);
	return rc;
}

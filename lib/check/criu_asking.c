/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/criu_asking.h"

#include "base/fd.h"
#include "base/run.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ASK_SECONDS 5
#define OUTPUT_MAX  8192

struct criu_asking {
	char *path;
	pthread_t thread;
	bool running;
	int rc; /* of the thread, as are the others: read after it was joined */
	char version[CRIU_VERSION_MAX];
	struct firn_error err;
};

int criu_ask(const char *path, char ret[CRIU_VERSION_MAX], struct firn_error *err)
{
	char out[OUTPUT_MAX], word[CRIU_VERSION_MAX] = "";
	struct run_args a = { .n = 0 };
	const char *at;
	int rc;

	run_arg(&a, path);
	run_arg(&a, "--version");
	rc = run_ask(&a, ASK_SECONDS, out, sizeof(out), err);
	if (rc < 0)
		return rc;
	at = rc == 0 ? strstr(out, "Version: ") : NULL;
	if (at && sscanf(at + 9, "%31[0-9.]", word) != 1)
		word[0] = '\0';
	memcpy(ret, word, sizeof(word));
	return 0;
}

static void *ask(void *arg)
{
	struct criu_asking *a = arg;

	a->rc = criu_ask(a->path, a->version, &a->err);
	return NULL;
}

struct criu_asking *criu_asking_begin(void)
{
	struct criu_asking *a = calloc(1, sizeof(*a));

	if (a && run_find("criu", &a->path, NULL) > 0)
		a->running = thread_start(&a->thread, ask, a) == 0;
	return a && a->running ? a : criu_asking_free(a);
}

static void join(struct criu_asking *a)
{
	if (a->running)
		pthread_join(a->thread, NULL);
	a->running = false;
}

int criu_asking_end(struct criu_asking *a, char ret[CRIU_VERSION_MAX], struct firn_error *err)
{
	join(a);
	if (a->rc < 0) {
		if (err)
			*err = a->err;
		return a->rc;
	}
	memcpy(ret, a->version, sizeof(a->version));
	return 0;
}

struct criu_asking *criu_asking_free(struct criu_asking *a)
{
	if (!a)
		return NULL;
	join(a);
	free(a->path);
	free(a);
	return NULL;
}

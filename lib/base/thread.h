/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library's threads. The caller's signals are the caller's: these take none. */
#ifndef FIRN_BASE_THREAD_H
#define FIRN_BASE_THREAD_H

#include <pthread.h>

/* As pthread_create() with no attributes: 0, or a positive errno. */
int thread_start(pthread_t *ret, void *(*work)(void *arg), void *arg);

/*
 * From now on this thread gets on less than others where there are too few processors. Not much
 * less: somebody may come to wait for what it does.
 */
void thread_step_back(void);

#endif

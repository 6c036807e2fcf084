/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/thread.h"

#include <signal.h>

int thread_start(pthread_t *ret, void *(*work)(void *arg), void *arg)
{
	sigset_t all, before;
	int rc;

	/* A thread begins with the mask of its maker. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(ret, NULL, work, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

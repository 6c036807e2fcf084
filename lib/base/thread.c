/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/thread.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define STEP_BACK 5 /* nice(1): a third of the time that one with 0 gets */

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

void thread_step_back(void)
{
	/* To Linux a thread is who has a priority, whatever POSIX says. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), STEP_BACK);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "interrupt.h"

#include "util.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

/* A handler gets no argument of ours, hence the only variables of the tool: the command it becomes,
 * one a signal, ready before it comes; and the signal that came. */
static struct {
	char number[ARRAY_SIZE(signals)][16];
	const char *argv[ARRAY_SIZE(signals)][10];
} next_command;
static volatile sig_atomic_t passed;

extern char **environ;

/* A signal that our caller wants ignored (nohup, a job in the background) stays ignored. */
static void handle_all(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART }, old;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
}

void interrupt_die(int sig)
{
	sigset_t set;

	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
	_exit(128 + sig);
}

/* Only calls that are async-signal-safe. execve() closes the library's locks with its descriptors.
 */
static void become_next(int sig)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (signals[i] == sig)
			execve("/proc/self/exe", (char *const *)next_command.argv[i], environ);
	interrupt_die(sig);
}

/* "firn VERB --interrupted SIGNAL [--state STATE] -- WORD... DIR"; @state and @word may be NULL. */
static void becomes(const char *verb, const char *state, const char *word, const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		const char **arg = next_command.argv[i];

		snprintf(next_command.number[i], sizeof(next_command.number[i]), "%d", signals[i]);
		*arg++ = "firn";
		*arg++ = verb;
		*arg++ = "--interrupted";
		*arg++ = next_command.number[i];
		if (state) {
			*arg++ = "--state";
			*arg++ = state;
		}
		*arg++ = "--";
		if (word)
			*arg++ = word;
		*arg++ = dir;
		*arg = NULL;
	}
	handle_all(become_next);
}

void interrupt_unmounts(const char *state, const char *dir)
{
	becomes("umount", state, NULL, dir);
}

void interrupt_cleans(const char *image, const char *dir)
{
	becomes("export", NULL, image, dir);
}

static void pass(int sig)
{
	passed = sig;
}

int interrupt_passed(void)
{
	return passed;
}

void interrupt_passes(void)
{
	handle_all(pass);
}

void interrupt_default(void)
{
	handle_all(SIG_DFL);
}

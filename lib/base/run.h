/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs of the host: found on a fixed path, run without a shell, with nothing of ours but what
 * they are given. The environment is PATH alone (RUN_PATH), so that a runtime finds CRIU and CRIU
 * finds iptables however firn was started.
 */
#ifndef FIRN_BASE_RUN_H
#define FIRN_BASE_RUN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define RUN_PATH     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define RUN_ARGS_MAX 256

/* An argument list; the strings are borrowed. */
struct run_args {
	const char *argv[RUN_ARGS_MAX + 1];
	size_t n;
	bool full; /* more than RUN_ARGS_MAX were added */
};

void run_arg(struct run_args *a, const char *arg);
/* "--name", "value" */
void run_arg2(struct run_args *a, const char *name, const char *value);

/* 1 and the absolute path of @name (one with a slash stands for itself), 0 when there is none. */
int run_find(const char *name, char **ret, struct firn_error *err) _must_check_;

enum run_stdio {
	RUN_STDIO_NULL, /* all three are /dev/null */
	RUN_STDIO_FILE, /* standard input is /dev/null, output and error are @out */
	RUN_STDIO_OURS, /* inherited */
};

/*
 * Run a->argv and wait for it. Returns its exit status, 128 plus the signal that ended it, or
 * -FIRN_E... when it couldn't be run.
 */
int run_wait(const struct run_args *a, enum run_stdio stdio, int out,
	     struct firn_error *err) _must_check_;

/*
 * The same for a program that gets one open file more: @fd as its descriptor RUN_PASSED_FD, and the
 * variable @env ("NAME=VALUE") in its environment. Output and error go to @out.
 */
#define RUN_PASSED_FD 3
int run_passing(const struct run_args *a, int fd, const char *env, int out,
		struct firn_error *err) _must_check_;

/*
 * The same for a program that is asked something: the beginning of its output goes to @out, NUL-
 * ended, errors and all. One that takes longer than @seconds is killed: -FIRN_EBUSY.
 */
int run_ask(const struct run_args *a, unsigned seconds, char *out, size_t room,
	    struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "serve/fuse.h"

#include "base/fd.h"
#include "base/library.h"
#include "serve/fuse_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define THREADS 4 /* each reads from its own place while another is answered */

struct fuse_calls fuse_lib;
static struct firn_error load_failed;

static void quiet(enum fuse_log_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
}

/*
 * Debian 13 has 3.17, whose name changed for structs that aren't used here: what fuse_ops.c
 * touches of struct fuse_conn_info and all of fuse_entry_param lies where it always did.
 */
static void load(void)
{
	static const char *const files[] = { "libfuse3.so.3", "libfuse3.so.4" };
	static const char *const names[] = { FUSE_CALLS(LIBRARY_NAME) "fuse_session_new" };
	int rc = -1;

	for (size_t i = 0; rc < 0 && i < ARRAY_SIZE(files); i++)
		rc = library_load(files[i], names, ARRAY_SIZE(names), &fuse_lib,
				  i ? NULL : &load_failed);
	if (rc < 0)
		return;
	load_failed = (struct firn_error){ 0 };
	fuse_lib.fuse_set_log_func(quiet);
}

int fuse_load(struct firn_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	if (load_failed.code && err)
		*err = load_failed;
	return -load_failed.code;
}

static void *answer(void *ctx)
{
	struct fuse_session *se = ctx;
	struct fuse_buf buf = { 0 };

	while (!fuse_lib.fuse_session_exited(se)) {
		const int got = fuse_lib.fuse_session_receive_buf(se, &buf);

		if (got == -EINTR)
			continue;
		if (got <= 0)
			break;
		fuse_lib.fuse_session_process_buf(se, &buf);
	}
	free(buf.mem);
	return NULL;
}

static void answer_all(struct fuse_session *se)
{
	pthread_t threads[THREADS - 1];
	size_t n = 0;

	while (n < ARRAY_SIZE(threads) && pthread_create(&threads[n], NULL, answer, se) == 0)
		n++;
	(void)answer(se);
	while (n)
		(void)pthread_join(threads[--n], NULL);
}

int fuse_serve(struct served *s, int fd, struct firn_error *err)
{
	char name[] = "firn", path[32];
	char *argv[] = { name, NULL };
	struct fuse_args args = { .argc = 1, .argv = argv };
	_fd_ int connection = fd;
	struct fuse_session *se = fuse_lib.fuse_session_new(&args, &fuse_ops, sizeof(fuse_ops), s);

	if (!se)
		return firn_fail(err, FIRN_EFAIL, "FUSE: no session");
	/* A connection that is there already (fuse_lowlevel.h, fuse_session_mount()). */
	snprintf(path, sizeof(path), "/dev/fd/%d", connection);
	if (fuse_lib.fuse_session_mount(se, path) != 0) {
		fuse_lib.fuse_session_destroy(se);
		return firn_fail(err, FIRN_EFAIL, "FUSE: no connection");
	}
	(void)take_fd(&connection);
	answer_all(se);
	fuse_lib.fuse_session_destroy(se);
	return 0;
}

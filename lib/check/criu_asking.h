/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRIU's version, by its own words. It may be asked while the caller does something else: the first
 * time after a boot most of what CRIU needs comes from the disk.
 */
#ifndef FIRN_CHECK_CRIU_ASKING_H
#define FIRN_CHECK_CRIU_ASKING_H

#include "base/error.h"

#include <stddef.h>

#define CRIU_VERSION_MAX 32

/* "4.1.1", "" when it says none. */
int criu_ask(const char *path, char ret[CRIU_VERSION_MAX], struct firn_error *err) _must_check_;

/* A thread that asks the CRIU of RUN_PATH. */
struct criu_asking;

/* NULL when there is no such CRIU, or no thread. */
struct criu_asking *criu_asking_begin(void);
/* As criu_ask(); waits for it. */
int criu_asking_end(struct criu_asking *a, char ret[CRIU_VERSION_MAX],
		    struct firn_error *err) _must_check_;
/* Waits as well. NULL is nothing. */
struct criu_asking *criu_asking_free(struct criu_asking *a);

#endif

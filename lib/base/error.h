/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making errors. The place that sees a failure states it (firn_fail, firn_fail_errno); each caller
 * that knows a name prepends it (firn_wrap), so that the sentence reads from the general to the
 * exact: "c1.tar: layer rootfs-diff.tar: entry "../x": leaves the rootfs".
 */
#ifndef FIRN_BASE_ERROR_H
#define FIRN_BASE_ERROR_H

#include "firn/error.h"

#include <stdarg.h>

#define _must_check_       __attribute__((warn_unused_result))
#define _printf_(f, first) __attribute__((format(printf, f, first)))
#define ARRAY_SIZE(a)      (sizeof(a) / sizeof((a)[0]))

/* Set @err to @code and the formatted sentence. Returns -code. */
int firn_fail(struct firn_error *err, enum firn_code code, const char *fmt, ...) _printf_(3, 4);

/*
 * The same from errno: appends ": " and its text, and picks the code (ENOENT is FIRN_ENOTFOUND,
 * EEXIST FIRN_EEXIST, ENOMEM FIRN_ENOMEM, EBUSY FIRN_EBUSY, all else FIRN_EFAIL).
 */
int firn_fail_errno(struct firn_error *err, const char *fmt, ...) _printf_(2, 3);

/* Out of memory while doing what @what says. */
int firn_fail_oom(struct firn_error *err, const char *what);

/* If @rc < 0, put the formatted words and ": " before the sentence. Returns @rc either way. */
int firn_wrap(struct firn_error *err, int rc, const char *fmt, ...) _printf_(3, 4);

/*
 * If @rc < 0, put "; " and the formatted words behind the sentence, which is cut if they would not
 * fit else. Returns @rc either way.
 */
int firn_append(struct firn_error *err, int rc, const char *fmt, ...) _printf_(3, 4);

#endif

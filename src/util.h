/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The few basics the tool has of its own: it sees libfirn's public headers and nothing below them.
 */
#ifndef FIRN_SRC_UTIL_H
#define FIRN_SRC_UTIL_H

#include <firn/error.h>

#include <stdlib.h>

#define ARRAY_SIZE(a)      (sizeof(a) / sizeof((a)[0]))
#define _cleanup_(f)       __attribute__((cleanup(f)))
#define _printf_(f, first) __attribute__((format(printf, f, first)))

static inline void freep(void *p)
{
	free(*(void **)p);
}
#define _free_ _cleanup_(freep)

/* Set @err to @code and the formatted sentence. Returns -code. */
int fail(struct firn_error *err, enum firn_code code, const char *fmt, ...) _printf_(3, 4);

#endif

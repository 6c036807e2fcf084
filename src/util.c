/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util.h"

#include <stdarg.h>
#include <stdio.h>

int fail(struct firn_error *err, enum firn_code code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	err->sys_errno = 0;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return -(int)code;
}

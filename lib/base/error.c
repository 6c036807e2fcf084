/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int firn_fail(struct firn_error *err, enum firn_code code, const char *fmt, ...)
{
	va_list ap;

	if (err) {
		err->code = code;
		err->sys_errno = 0;
		va_start(ap, fmt);
		vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
	}
	return -(int)code;
}

static enum firn_code code_of_errno(int e)
{
	switch (e) {
	case ENOENT:
		return FIRN_ENOTFOUND;
	case EEXIST:
		return FIRN_EEXIST;
	case ENOMEM:
		return FIRN_ENOMEM;
	case EBUSY:
		return FIRN_EBUSY;
	default:
		return FIRN_EFAIL;
	}
}

int firn_fail_errno(struct firn_error *err, const char *fmt, ...)
{
	int saved = errno;
	enum firn_code code = code_of_errno(saved);
	size_t used;
	va_list ap;

	if (err) {
		err->code = code;
		err->sys_errno = saved;
		va_start(ap, fmt);
		vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
		used = strlen(err->msg);
		snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", strerror(saved));
	}
	errno = saved;
	return -(int)code;
}

int firn_fail_oom(struct firn_error *err, const char *what)
{
	return firn_fail(err, FIRN_ENOMEM, "%s: out of memory", what);
}

int firn_wrap(struct firn_error *err, int rc, const char *fmt, ...)
{
	char inner[sizeof(err->msg)];
	size_t used;
	va_list ap;

	if (rc >= 0 || !err)
		return rc;
	memcpy(inner, err->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	used = strlen(err->msg);
	/* What two callers know of is said once. */
	if (strncmp(inner, err->msg, used) == 0 && strncmp(inner + used, ": ", 2) == 0)
		memcpy(err->msg, inner, sizeof(inner));
	else
		snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", inner);
	return rc;
}

#define APPEND_MAX (sizeof(((struct firn_error *)0)->msg) / 2)

/* Shorter by whole UTF-8 characters, and "..." at its end. */
static size_t cut(char *msg, size_t len)
{
	len -= strlen("...");
	while (len && ((unsigned char)msg[len] & 0xc0) == 0x80)
		len--;
	strcpy(msg + len, "...");
	return len + strlen("...");
}

int firn_append(struct firn_error *err, int rc, const char *fmt, ...)
{
	char more[APPEND_MAX];
	size_t used, room;
	va_list ap;

	if (rc >= 0 || !err)
		return rc;
	va_start(ap, fmt);
	vsnprintf(more, sizeof(more), fmt, ap);
	va_end(ap);
	room = sizeof(err->msg) - sizeof("; ") - strlen(more);
	used = strlen(err->msg);
	if (used > room)
		used = cut(err->msg, room);
	snprintf(err->msg + used, sizeof(err->msg) - used, "; %s", more);
	return rc;
}

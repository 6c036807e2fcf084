/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a registry's answers say besides what was asked for. Bytes in, structs out. */
#ifndef FIRN_REMOTE_ANSWER_H
#define FIRN_REMOTE_ANSWER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANSWER_ERROR_MAX (16u << 10) /* bytes of an error that are looked at */

/*
 * The error that an answer of @status and body @text stands for: "the registry answers 404
 * (MANIFEST_UNKNOWN: manifest unknown)". Returns its negative code: 404 is -FIRN_ENOTFOUND, 413
 * -FIRN_ELIMIT, all others -FIRN_EFAIL.
 */
int answer_fail(unsigned status, const char *text, size_t len, struct firn_error *err);

/* Whether the same question may get another answer later: 408, 425, 429, 500, 502, 503, 504. */
bool answer_may_change(unsigned status);

#define ANSWER_RETRY_MAX_MS (5 * 60 * 1000ull)
/* Milliseconds that a Retry-After header asks for (seconds or a date; @now in seconds), limited. */
bool answer_retry_after(const char *value, int64_t now, uint64_t *ret_ms);

/* The last byte of "0-LAST" in the Range header of an upload; false when it is none. */
bool answer_upload_range(const char *value, uint64_t *ret_last);
/* The parts of "bytes FROM-LAST/SIZE" (Content-Range); a size of "*" is UINT64_MAX. */
bool answer_content_range(const char *value, uint64_t *ret_from, uint64_t *ret_last,
			  uint64_t *ret_size);
/* Digits alone. */
bool answer_number(const char *value, uint64_t *ret);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Base64 (RFC 4648 section 4), as the "data" of a descriptor and HTTP's credentials are written. */
#ifndef FIRN_BYTES_BASE64_H
#define FIRN_BYTES_BASE64_H

#include "base/buf.h"

/* Append what @text says to @out; false when it is no base64. */
bool base64_decode(const char *text, struct buf *out);
void base64_encode(const void *bytes, size_t n, struct buf *out);

#endif

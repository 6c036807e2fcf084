/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Base64 (RFC 4648 section 4), as the "data" of a descriptor is written. */
#ifndef FIRN_VERIFY_BASE64_H
#define FIRN_VERIFY_BASE64_H

#include "base/buf.h"

/* Append what @text says to @out; false when it is no base64. */
bool base64_decode(const char *text, struct buf *out);

#endif

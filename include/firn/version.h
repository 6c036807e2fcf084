/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file The library's version. */
#ifndef FIRN_VERSION_H
#define FIRN_VERSION_H

#include <firn/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @return the version of the library at run time, such as "0.1.0"; static */
FIRN_EXPORT const char *firn_version(void);

#ifdef __cplusplus
}
#endif

#endif

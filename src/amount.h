/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes, rates and times in as few columns as people need. */
#ifndef FIRN_SRC_AMOUNT_H
#define FIRN_SRC_AMOUNT_H

#include <stdint.h>

#define AMOUNT_MAX 32 /* of any of these, the NUL included */

/* "980 B", "1.2 MiB", "257 MiB" */
void amount_bytes(char ret[AMOUNT_MAX], double bytes);
/* "120 of 257 MiB": both in the unit of the second. */
void amount_part(char ret[AMOUNT_MAX], uint64_t done, uint64_t total);
/* "80 MiB/s" */
void amount_rate(char ret[AMOUNT_MAX], double per_second);
/* "0:05", "12:34", "1:02:03", "9 days" */
void amount_time(char ret[AMOUNT_MAX], double seconds);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes by address for people: sixteen a line, in hexadecimal and as ASCII. Lines like the one
 * before are one "*", however many they are.
 */
#ifndef FIRN_SRC_HEXDUMP_H
#define FIRN_SRC_HEXDUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HEXDUMP_LINE 16

struct hexdump {
	FILE *f;
	uint64_t next;              /* address of the byte that comes next */
	uint8_t line[HEXDUMP_LINE]; /* that is being filled */
	size_t from, to;            /* what of it is there */
	uint8_t last[HEXDUMP_LINE]; /* the line before, if there was one */
	bool has_last, starred;
};

/* @bytes NULL: zeros. False when @f can't be written. */
bool hexdump_put(struct hexdump *h, uint64_t address, const uint8_t *bytes, uint64_t n);
/* What isn't printed yet; the next byte begins anew. */
void hexdump_end(struct hexdump *h);

#endif

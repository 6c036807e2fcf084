/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines that hang on each other, drawn with branches. They are collected first: whether a line is
 * the last one of its branch shows later.
 */
#ifndef FIRN_SRC_TREE_H
#define FIRN_SRC_TREE_H

#include "util.h"

#include <stdbool.h>
#include <stdio.h>

#define TREE_DEPTH_MAX 512

struct tree_line {
	unsigned depth; /* 0: the root */
	bool last;
	char *text;
};

struct tree {
	struct tree_line *lines;
	size_t n, room;
	bool failed; /* out of memory: what came after is lost */
};

void tree_done(struct tree *t);
/* A line below the last one of @depth - 1. Lines deeper than TREE_DEPTH_MAX are not drawn. */
void tree_add(struct tree *t, unsigned depth, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void tree_print(FILE *f, struct tree *t);

#endif

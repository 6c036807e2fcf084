/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Layers for tests, built as a caller builds them. */
#ifndef FIRN_TESTS_UNIT_LAYER_WORK_H
#define FIRN_TESTS_UNIT_LAYER_WORK_H

#include "base/buf.h"
#include "format/layer.h"

/* A layer under construction, and the blob as it comes out. */
struct work {
	struct layer *l;
	struct buf blob;
};

void work_done(struct work *w);
#define _work_ _cleanup_(work_done)

void begin(struct work *w);
/* layer_add() and the payload, every byte of which payload_byte() says. */
int try_add(struct work *w, const struct layer_entry *e, struct firn_error *err);
void add(struct work *w, const struct layer_entry *e);
void set_opaque(struct work *w, const char *path);
void finish(struct work *w);

/* The byte at @i of the payload of @path. */
uint8_t payload_byte(const char *path, uint64_t i);

/* layer_check() on memory. */
int check_bytes(const void *bytes, size_t n, struct tree **ret, struct firn_error *err);
/* The EROFS reading of the blob equals its tar reading. */
void compare_views(const struct buf *blob);

#define D10  "0123456789"
#define D50  D10 D10 D10 D10 D10
#define D100 D50 D50
#define D250 D100 D100 D50

/* A bit of everything. */
#define SAMPLE_COUNT 25
extern const struct layer_entry sample[SAMPLE_COUNT];
void build_sample(struct work *w);

#endif

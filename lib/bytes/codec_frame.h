/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Single zstd frames in memory, each one compressed for itself: they can be made in any number of
 * threads and read in any order. Every frame says how much it unpacks to and has a checksum.
 */
#ifndef FIRN_BYTES_CODEC_FRAME_H
#define FIRN_BYTES_CODEC_FRAME_H

#include "base/error.h"

#include <stddef.h>
#include <sys/types.h>

#define CODEC_LEVEL_MIN     1
#define CODEC_LEVEL_MAX     22
#define CODEC_LEVEL_DEFAULT 3 /* the library's own */

/* No frame needs a larger window: a kernel that maps frames sets so much memory aside. */
#define CODEC_FRAME_WINDOW_LOG 18

struct frame_packer;   /* not for two threads at a time */
struct frame_unpacker; /* likewise */

int frame_packer_new(int level, struct frame_packer **ret, struct firn_error *err) _must_check_;
/* Of the library: another one packs otherwise. */
unsigned frame_packer_version(void);
struct frame_packer *frame_packer_free(struct frame_packer *p);
void frame_packer_freep(struct frame_packer **p);
/* The most bytes that a frame of @n has. */
size_t frame_bound(size_t n);
/* One frame of @n bytes, frame_bound(n) at most, into @out. The same bytes give the same frame,
 * whatever was packed before. Returns the frame's bytes. */
ssize_t frame_pack(struct frame_packer *p, const void *bytes, size_t n, void *out, size_t room,
		   struct firn_error *err) _must_check_;

int frame_unpacker_new(struct frame_unpacker **ret, struct firn_error *err) _must_check_;
struct frame_unpacker *frame_unpacker_free(struct frame_unpacker *u);
void frame_unpacker_freep(struct frame_unpacker **u);
/* The one frame @frame of @len bytes, which must give exactly @n bytes, or -FIRN_ECORRUPT. */
int frame_unpack(struct frame_unpacker *u, const void *frame, size_t len, void *out, size_t n,
		 struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the frames of a zstd stream lie, and what they unpack to, without unpacking them: frames
 * and their blocks say how long they are (RFC 8878 sections 3.1.1 and 3.1.2). With that any byte of
 * the content is found by unpacking one frame.
 *
 * Only streams of small frames are taken: each says its content's size, which is limited, as is the
 * window. Frames without content and skippable frames may be anywhere and are not listed.
 */
#ifndef FIRN_BYTES_FRAMES_H
#define FIRN_BYTES_FRAMES_H

#include "bytes/stream.h"

#include <stdbool.h>
#include <stddef.h>

#define FRAME_CONTENT_MAX (136u << 10) /* bytes of a frame's content */
#define FRAMES_MAX        (2u << 20)   /* frames with content: 32 MiB of memory */

/* A frame that is one stored block has its content so many bytes behind its beginning; such a
 * frame's content has 256 bytes at least and 65535 at most. */
#define FRAME_STORED_AT  10u
#define FRAME_STORED_MIN 256u

#define FRAME_SKIP_BYTES 8u /* header of a skippable frame */
#define FRAME_SKIP_MAGIC 0x184D2A5Eu

struct frame {
	uint64_t at : 46, packed : 18;   /* where it begins, and its bytes */
	uint64_t plain : 63, stored : 1; /* where its content begins in all the content */
};

struct frames {
	struct frame *list; /* ascending in both */
	size_t n, room;
	uint64_t end;   /* behind the last of them */
	uint64_t plain; /* bytes of all their content */
};

#define FRAMES_INIT                                                                                \
	{                                                                                          \
		0                                                                                  \
	}

void frames_done(struct frames *f);
/* A frame behind those that are there, of @packed bytes at @at and with @content bytes in it. */
int frames_add(struct frames *f, uint64_t at, size_t packed, size_t content, bool stored,
	       struct firn_error *err) _must_check_;
/* Bytes of the content of the @i -th. */
uint32_t frames_content(const struct frames *f, size_t i);
/* The number of the frame that has the byte @plain of the content; f->n behind the end. */
size_t frames_find(const struct frames *f, uint64_t plain);

/*
 * List the frames of @packed, which must end with the last of them. -FIRN_ECORRUPT for what is no
 * zstd stream, -FIRN_EUNSUPP for one of other frames, -FIRN_ELIMIT for too many. @ret is to be
 * FRAMES_INIT, and frames_done() in any case.
 */
int frames_walk(struct source *packed, struct frames *ret, struct firn_error *err) _must_check_;

/* The frame at the beginning of @packed alone; it must have content. Otherwise the same. */
int frames_first(struct source *packed, struct frames *ret, struct firn_error *err) _must_check_;

/* The content as a source. Borrows @packed and @f. */
int frames_source(struct source *packed, const struct frames *f, struct source **ret,
		  struct firn_error *err) _must_check_;
/* Both in one: takes @packed, on success only. */
int frames_open(struct source *packed, struct source **ret, struct firn_error *err) _must_check_;

#endif

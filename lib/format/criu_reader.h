/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The records of one CRIU image, one after the other: a magic number or two, then a length (u32,
 * little endian) and a protobuf message each. For lib/format/criu*.c alone.
 */
#ifndef FIRN_FORMAT_CRIU_READER_H
#define FIRN_FORMAT_CRIU_READER_H

#include "base/fd.h"
#include "format/criu.h"

/* criu/include/magic.h; the inventory has no common magic before its own. */
#define CRIU_MAGIC_INVENTORY 0x58313116u
#define CRIU_MAGIC_PSTREE    0x50273030u

#define CRIU_PSTREE "pstree.img"

#define CRIU_READER_WINDOW 4096u

#define CRIU_RECORD_MAX  (1u << 20) /* bytes; most of what we ask for is a path and some numbers */
#define CRIU_RECORDS_MAX (1u << 26) /* of one image: open files, processes, ranges of pages */

struct criu_reader {
	struct source *src;
	uint64_t at;
	uint32_t records;
	uint32_t record_max; /* bytes of a record, 0: CRIU_RECORD_MAX; for who wants larger ones */
	uint8_t *bytes;      /* the current record */
	size_t room;
	/* What lies around at: records are small and many. */
	uint64_t window_at;
	size_t window_len;
	uint8_t window[CRIU_READER_WINDOW];
};

#define _criu_reader_ _cleanup_(criu_reader_done)

/* 1 and the reader behind the magic numbers, 0 when there is no such image: @ret is untouched. */
int criu_reader_open(struct criu_images *images, const char *name, uint32_t magic,
		     struct criu_reader *ret, struct firn_error *err) _must_check_;
void criu_reader_done(struct criu_reader *r);

/* 1 and the next record's length (its bytes are r->bytes), 0 at the end of the image. */
int criu_reader_next(struct criu_reader *r, size_t *ret_len, struct firn_error *err) _must_check_;

/* That the current record is no message. */
int criu_reader_bad(const struct criu_reader *r, struct firn_error *err);

#endif

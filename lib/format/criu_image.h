/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any image of CRIU by its name: what it is, whether it is framed as that asks, and its records one
 * after the other. Some images have bytes of their own behind a record (the content of a pipe, of a
 * deleted file); their length is in the record, and they are stepped over.
 */
#ifndef FIRN_FORMAT_CRIU_IMAGE_H
#define FIRN_FORMAT_CRIU_IMAGE_H

#include "format/criu.h"
#include "format/criu_schema.h"

#define CRIU_IMAGE_RECORD_MAX  (16u << 20) /* bytes: a process with all areas it may have */
#define CRIU_IMAGE_RECORDS_MAX (1u << 22)  /* of all images together, but for pagemaps */

enum criu_content {
	CRIU_RAW,     /* not CRIU's own format: memory, tar, what ip(8) wrote */
	CRIU_ONE,     /* one record */
	CRIU_RECORDS, /* any number, none too */
	CRIU_PAGEMAP, /* a head, then entries: format/criu_memory.h */
};

enum criu_payload {
	CRIU_PAYLOAD_NONE,
	CRIU_PAYLOAD_BYTES,     /* as many as member 2 says */
	CRIU_PAYLOAD_BPF,       /* members 2 and 3 together */
	CRIU_PAYLOAD_TCP,       /* members 1 and 3 together */
	CRIU_PAYLOAD_SHM,       /* member 2, up to 4 bytes; none when member 3 is set */
	CRIU_PAYLOAD_SEMAPHORE, /* member 2 times 2, up to 8 bytes */
	CRIU_PAYLOAD_QUEUE,     /* member 3 says how many records, each with its bytes */
	CRIU_PAYLOAD_GHOST,     /* all that is left, or chunks of it */
};

struct criu_kind {
	const char *name; /* "core-*.img": the star is a number */
	uint32_t magic;   /* 0 for CRIU_RAW */
	enum criu_content content;
	enum criu_schema record;
	enum criu_payload payload;
	bool hex; /* the number is written so */
};

/* NULL for a name that CRIU doesn't give. @ret_number is 0 where there is none; may be NULL. */
const struct criu_kind *criu_kind_of(const char *name, uint64_t *ret_number);

/* How an image is broken. */
enum criu_defect {
	CRIU_DEFECT_MAGIC,   /* it is no such image */
	CRIU_DEFECT_FRAMING, /* lengths don't fit */
	CRIU_DEFECT_RECORD,  /* a record breaks its schema */
	CRIU_DEFECT_COUNT,   /* there are too many records */
};

/*
 * Read an image of any kind through: 1 when it is as it should be, 0 when it isn't there, or an
 * error; -FIRN_ECORRUPT and -FIRN_ELIMIT with *ret_defect. There may be *records records, which
 * goes down by as many as there were. Of raw images nothing is read, of pagemaps the head.
 */
int criu_image_check(struct criu_images *images, const char *name, uint32_t *records,
		     enum criu_defect *ret_defect, struct firn_error *err) _must_check_;

typedef int criu_record_fn(struct cursor record, void *ctx, struct firn_error *err);

/* The records in turn, unchecked: 1, or 0 when there is no such image. Not for raw ones. */
int criu_each_record(struct criu_images *images, const char *name, criu_record_fn *take, void *ctx,
		     struct firn_error *err) _must_check_;

#endif

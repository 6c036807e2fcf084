/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/rehearse.h"

#include "base/fd.h"
#include "format/checkpoint.h"
#include "ingest/plain.h"

#define REHEARSE_MAX 65536 /* members; a dump of more takes the time */

struct rehearsal {
	struct plain images;
	size_t n;
};

static void rehearsal_done(struct rehearsal *r)
{
	plain_done(&r->images);
}

static int each(const struct tar_entry *e, void *ctx, struct firn_error *err)
{
	struct rehearsal *r = ctx;

	if (r->n++ == REHEARSE_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d members", REHEARSE_MAX);
	if (checkpoint_classify(e->path) != CHECKPOINT_IMAGE)
		return 0;
	return plain_add(&r->images, e->path, e, NULL, err);
}

int rehearse_images(struct input *in, struct buf *ret_head)
{
	_cleanup_(rehearsal_done) struct rehearsal r = { .n = 0 };

	return plain_open(&r.images, NULL, NULL, NULL, NULL) == 0 &&
	       input_scan(in, each, &r, NULL) > 0 &&
	       layer_out_head(&r.images.out, ret_head, NULL) == 0;
}

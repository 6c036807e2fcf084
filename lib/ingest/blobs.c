/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/blobs.h"

#include "base/fd.h"

void blobs_done(struct blobs *b)
{
	for (size_t i = 0; i < b->count; i++)
		blob_free(b->list[i]);
	free(b->list);
	*b = (struct blobs){ 0 };
}

int blobs_take(struct blobs *b, struct blob_writer **w, struct firn_error *err)
{
	if (b->count == b->room) {
		const size_t room = b->room ? 2 * b->room : 16;
		struct blob_writer **more = reallocarray(b->list, room, sizeof(*more));

		if (!more) {
			*w = blob_free(*w);
			return firn_fail_oom(err, "blobs");
		}
		b->list = more;
		b->room = room;
	}
	b->list[b->count++] = take_ptr(w);
	return 0;
}

bool blobs_have(const struct blobs *b, const struct digest *d)
{
	for (size_t i = 0; i < b->count; i++)
		if (digest_equal(blob_digest(b->list[i]), d))
			return true;
	return false;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diff/elsewhere.h"

#include "base/fd.h"

#include <stdlib.h>

#define SLOTS   (1u << 21)      /* 16 MiB */
#define FILLING (SLOTS / 4 * 3) /* hashes: 6 GiB of memory that is all different */

/* Open addressing; the hashes are good enough to be their own places. 0 is an empty slot. */
struct elsewhere {
	uint64_t slots[SLOTS];
	size_t n;
	bool full;
};

static size_t find(const struct elsewhere *e, uint64_t hash)
{
	size_t at = hash % SLOTS;

	while (e->slots[at] && e->slots[at] != hash)
		at = (at + 1) % SLOTS;
	return at;
}

static int take(const uint64_t *hashes, size_t n, void *ctx, struct firn_error *err)
{
	struct elsewhere *e = ctx;

	(void)err;
	for (size_t k = 0; k < n; k++) {
		const uint64_t hash = hashes[k] ? hashes[k] : 1;
		const size_t at = find(e, hash);

		if (e->slots[at])
			continue;
		if (e->n == FILLING) {
			e->full = true;
			continue;
		}
		e->slots[at] = hash;
		e->n++;
	}
	return 0;
}

int elsewhere_open(struct pages *p, struct elsewhere **ret, struct firn_error *err)
{
	_cleanup_(elsewhere_closep) struct elsewhere *e = calloc(1, sizeof(*e));
	int rc;

	if (!e)
		return firn_fail_oom(err, "pages");
	rc = pages_each(p, take, e, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&e);
	return 0;
}

struct elsewhere *elsewhere_close(struct elsewhere *e)
{
	free(e);
	return NULL;
}

void elsewhere_closep(struct elsewhere **e)
{
	*e = elsewhere_close(*e);
}

bool elsewhere_has(const struct elsewhere *e, uint64_t hash)
{
	return e->slots[find(e, hash ? hash : 1)] != 0;
}

bool elsewhere_full(const struct elsewhere *e)
{
	return e->full;
}

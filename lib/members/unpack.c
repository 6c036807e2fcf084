/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of compressed archives and layers for who reads them more than once, or out of order. */
#include "members/priv.h"

#include "base/fd.h"
#include "format/tar.h"

#include <string.h>

static bool is_wanted(const struct members *m, const struct entry *e, members_wanted_fn *wanted,
		      void *ctx)
{
	return e->place == PLACE_PASSED && e->kind == MEMBER_FILE &&
	       wanted((const char *)m->names.data + e->name, ctx);
}

/* The wanted files of part @part, of which there are @left. */
static int unpack_part(struct members *m, size_t part, size_t left, members_wanted_fn *wanted,
		       void *ctx, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *t;
	int rc = tar_open_source(m->parts[part].source, NULL, &tar, err);

	while (rc >= 0 && left && (rc = tar_next(tar, &t, err)) > 0) {
		char room[PART_NAME_MAX];
		const char *path = members_part_name(&m->parts[part], t->path, room);
		struct entry *e = (struct entry *)members_entry(m, path);
		_cleanup_(istream_closep) struct istream *in = NULL;
		uint64_t at, size;

		if (!e || e->part != part || !is_wanted(m, e, wanted, ctx))
			continue;
		rc = tar_payload(tar, &in, err);
		if (rc == 0)
			rc = spool_take(&m->unpacked, in, &at, &size, err);
		if (rc < 0)
			return firn_wrap(err, rc, "%s", t->path);
		e->at = at;
		e->place = PLACE_UNPACKED;
		left--;
	}
	return rc < 0 ? rc : 0;
}

int members_unpack(struct members *m, members_wanted_fn *wanted, void *ctx, struct firn_error *err)
{
	size_t left[PARTS_MAX] = { 0 };
	int rc = 0;

	for (size_t i = 0; i < m->count; i++)
		if (is_wanted(m, &m->entries[i], wanted, ctx))
			left[m->entries[i].part]++;
	for (size_t i = 0; rc == 0 && i < m->nparts; i++)
		if (left[i])
			rc = unpack_part(m, i, left[i], wanted, ctx, err);
	return rc;
}

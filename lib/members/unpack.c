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

typedef int entry_fn(struct members *m, struct entry *e, struct istream *in, void *ctx,
		     struct firn_error *err);

/* Which files are wanted, and who takes them. */
struct unpacking {
	members_wanted_fn *wanted;
	void *wanted_ctx;
	entry_fn *take;
	void *take_ctx;
};

/* The wanted files of part @part, of which there are @left. */
static int unpack_part(struct members *m, size_t part, size_t left, const struct unpacking *u,
		       struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *t;
	int rc = tar_open_source(m->parts[part].source, NULL, &tar, err);

	while (rc >= 0 && left && (rc = tar_next(tar, &t, err)) > 0) {
		char room[PART_NAME_MAX];
		const char *path = members_part_name(&m->parts[part], t->path, room);
		struct entry *e = (struct entry *)members_entry(m, path);
		_cleanup_(istream_closep) struct istream *in = NULL;

		if (!e || e->part != part || !is_wanted(m, e, u->wanted, u->wanted_ctx))
			continue;
		rc = tar_payload(tar, &in, err);
		if (rc == 0)
			rc = u->take(m, e, in, u->take_ctx, err);
		if (rc < 0)
			return firn_wrap(err, rc, "%s", t->path);
		left--;
	}
	return rc < 0 ? rc : 0;
}

static int unpack(struct members *m, const struct unpacking *u, struct firn_error *err)
{
	size_t left[PARTS_MAX] = { 0 };
	int rc = 0;

	for (size_t i = 0; i < m->count; i++)
		if (is_wanted(m, &m->entries[i], u->wanted, u->wanted_ctx))
			left[m->entries[i].part]++;
	for (size_t i = 0; rc == 0 && i < m->nparts; i++)
		if (left[i])
			rc = unpack_part(m, i, left[i], u, err);
	return rc;
}

static int keep(struct members *m, struct entry *e, struct istream *in, void *ctx,
		struct firn_error *err)
{
	uint64_t at, size;
	int rc = spool_take(&m->unpacked, in, &at, &size, err);

	(void)ctx;
	if (rc < 0)
		return rc;
	e->at = at;
	e->place = PLACE_UNPACKED;
	return 0;
}

int members_unpack(struct members *m, members_wanted_fn *wanted, void *ctx, struct firn_error *err)
{
	return unpack(m, &(const struct unpacking){ wanted, ctx, keep, NULL }, err);
}

struct passing {
	members_passed_fn *take;
	void *ctx;
};

static int pass(struct members *m, struct entry *e, struct istream *in, void *ctx,
		struct firn_error *err)
{
	const struct passing *p = ctx;

	return p->take((const char *)m->names.data + e->name, in, p->ctx, err);
}

int members_each_passed(struct members *m, members_wanted_fn *wanted, members_passed_fn *take,
			void *ctx, struct firn_error *err)
{
	struct passing p = { take, ctx };

	return unpack(m, &(const struct unpacking){ wanted, ctx, pass, &p }, err);
}

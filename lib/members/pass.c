/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole files as streams, of compressed parts in one pass over each. */
#include "members/priv.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/tar.h"

struct pass {
	struct members *members;
	members_wanted_fn *wanted;
	members_take_fn *take;
	void *ctx;
};

static int take_plain(const struct pass *p, const struct member *f, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(istream_closep) struct istream *in = NULL;
	char quoted[PATH_QUOTE_MAX];
	int rc = members_source(p->members, f->path, &src, err);

	if (rc <= 0)
		return rc;
	rc = istream_from_source(src, &in, err);
	if (rc == 0)
		rc = p->take(f->path, src->size, in, p->ctx, err);
	return firn_wrap(err, rc, "%s", path_quote(f->path, quoted));
}

static int take_packed(const struct pass *p, struct tar *tar, const char *path, uint64_t size,
		       struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	char quoted[PATH_QUOTE_MAX];
	int rc = tar_payload(tar, &in, err);

	if (rc == 0)
		rc = p->take(path, size, in, p->ctx, err);
	return firn_wrap(err, rc, "%s", path_quote(path, quoted));
}

static int pass_part(const struct pass *p, size_t part, size_t left, struct firn_error *err)
{
	const struct part *from = &p->members->parts[part];
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e;
	int rc = tar_open_source(from->source, NULL, &tar, err);

	while (rc >= 0 && left && (rc = tar_next(tar, &e, err)) > 0) {
		char room[PART_NAME_MAX];
		const char *path = members_part_name(from, e->path, room);
		const struct entry *known = members_entry(p->members, path);

		if (!known || known->place != PLACE_PASSED || known->kind != MEMBER_FILE ||
		    known->part != part || !p->wanted(path, p->ctx))
			continue;
		left--;
		rc = take_packed(p, tar, path, e->size, err);
	}
	return rc < 0 ? rc : 0;
}

int members_pass(struct members *m, members_wanted_fn *wanted, members_take_fn *take, void *ctx,
		 struct firn_error *err)
{
	const struct pass p = { m, wanted, take, ctx };
	size_t packed[PARTS_MAX] = { 0 };
	int rc = 0;

	for (size_t k = 0; rc >= 0 && k < m->count; k++) {
		const struct member f = members_at(m, k);

		if (f.kind != MEMBER_FILE || !wanted(f.path, ctx))
			continue;
		if (m->entries[k].place == PLACE_PASSED)
			packed[m->entries[k].part]++;
		else
			rc = take_plain(&p, &f, err);
	}
	for (size_t k = 0; rc >= 0 && k < m->nparts; k++)
		if (packed[k])
			rc = pass_part(&p, k, packed[k], err);
	return rc < 0 ? rc : 0;
}

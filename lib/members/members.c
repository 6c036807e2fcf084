/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "members/priv.h"

#include "base/fd.h"
#include "base/path.h"

#include <stdlib.h>
#include <string.h>

static int add_name(struct members *m, const char *name, uint32_t *ret, struct firn_error *err)
{
	const size_t len = strlen(name) + 1;

	if (len > MEMBERS_NAMES_MAX - m->names.len)
		return firn_fail(err, FIRN_ELIMIT, "names of more than %u bytes",
				 MEMBERS_NAMES_MAX);
	*ret = (uint32_t)m->names.len;
	buf_put(&m->names, name, len);
	return buf_check(&m->names, err);
}

int members_add(struct members *m, const struct member *member, const struct member_how *how,
		struct firn_error *err)
{
	struct entry *e;
	int rc;

	if (m->count == MEMBERS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u members", MEMBERS_MAX);
	if (m->count == m->room) {
		const size_t room = m->room ? 2 * m->room : 64;
		struct entry *grown = reallocarray(m->entries, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "members");
		m->entries = grown;
		m->room = room;
	}
	e = &m->entries[m->count];
	*e = (struct entry){
		.size = member->size,
		.at = how->at,
		.mtime = member->mtime,
		.kind = (uint8_t)member->kind,
		.place = (uint8_t)how->place,
		.part = how->part,
	};
	rc = add_name(m, member->path, &e->name, err);
	if (rc == 0 && member->target)
		rc = add_name(m, member->target, &e->target, err);
	if (rc == 0)
		m->count++;
	return rc;
}

static const char *name_of(const struct members *m, uint32_t at)
{
	return (const char *)m->names.data + at;
}

static int compare(const void *a, const void *b, void *ctx)
{
	const struct entry *x = a, *y = b;
	const struct members *m = ctx;
	const int by_name = strcmp(name_of(m, x->name), name_of(m, y->name));

	return by_name ? by_name : (x->part > y->part) - (x->part < y->part);
}

/* Of one name in several layers the last one counts; twice in one tar it may be no file. */
int members_sort(struct members *m, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	size_t n = 0;

	if (m->count)
		qsort_r(m->entries, m->count, sizeof(*m->entries), compare, m);
	for (size_t i = 0; i < m->count; i++) {
		struct entry *last = n ? &m->entries[n - 1] : NULL;
		const struct entry *e = &m->entries[i];
		const char *name = name_of(m, e->name);

		if (!last || strcmp(name_of(m, last->name), name) != 0) {
			m->entries[n++] = *e;
			continue;
		}
		if (last->part == e->part && (last->kind != MEMBER_FOLDER || e->kind != last->kind))
			return firn_fail(err, FIRN_ECORRUPT, "%s comes twice",
					 path_quote(name, quoted));
		*last = *e;
	}
	m->count = n;
	return 0;
}

enum members_form members_form(const struct members *m)
{
	return m->form;
}

const struct members_about *members_about(const struct members *m)
{
	return &m->about;
}

bool members_packed(const struct members *m)
{
	return m->packed;
}

const struct checkpoint_image *members_image(const struct members *m)
{
	return m->form == MEMBERS_IMAGE ? &m->image : NULL;
}

const struct checkpoint_names *members_names(const struct members *m)
{
	return &m->image_names;
}

struct store *members_store(const struct members *m)
{
	return m->at.place.store;
}

const struct oci_descriptor *members_desc(const struct members *m)
{
	return &m->at.desc;
}

bool members_remote(const struct members *m)
{
	return m->at.place.registry != NULL;
}

const struct tally *members_tally(const struct members *m)
{
	return &m->tally;
}

uint64_t *members_ranges(struct members *m)
{
	return &m->ranges;
}

size_t members_count(const struct members *m)
{
	return m->count;
}

static struct member member_of(const struct members *m, const struct entry *e)
{
	return (struct member){
		.kind = (enum member_kind)e->kind,
		.path = name_of(m, e->name),
		.target = e->target ? name_of(m, e->target) : NULL,
		.size = e->size,
		.mtime = e->mtime,
	};
}

struct member members_at(const struct members *m, size_t i)
{
	return member_of(m, &m->entries[i]);
}

const struct entry *members_entry(const struct members *m, const char *path)
{
	size_t from = 0, to = m->count;

	while (from < to) {
		const size_t mid = from + (to - from) / 2;
		const int by_name = strcmp(path, name_of(m, m->entries[mid].name));

		if (by_name == 0)
			return &m->entries[mid];
		if (by_name < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return NULL;
}

int members_find(const struct members *m, const char *path, struct member *ret)
{
	const struct entry *e = members_entry(m, path);

	if (!e)
		return 0;
	*ret = member_of(m, e);
	return 1;
}

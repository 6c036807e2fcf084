/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two engines' archives, the length of the first one before them: compared with each other, the
 * other way round and each with itself. Whatever is told is JSON and within its limit, nothing
 * differs from itself, and who comes first changes no number.
 */
#include "diff/diff.h"
#include "base/cursor.h"
#include "base/fd.h"
#include "bytes/json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was found: false when they can't be compared. */
struct result {
	bool there, equal, uncertain;
	int64_t pages[4], entries[4]; /* equal, changed, new, gone */
};

static int collect(const char *piece, size_t n, void *ctx)
{
	buf_put(ctx, piece, n);
	return 0;
}

static void check_json(const struct firn_value *v)
{
	_buf_ struct buf text = BUF_INIT;
	_json_ json_t *parsed = NULL;

	if (firn_value_print(v, 1, collect, &text) != 0 || text.oom)
		abort();
	/* Our own parser takes neither NULs in texts nor everything that is told. */
	if (!strstr((const char *)text.data, "\\u0000") &&
	    json_parse((const char *)text.data, text.len, &parsed, NULL) == -FIRN_ECORRUPT)
		abort();
}

static void read_counts(const struct firn_value *all, const char *name, int64_t ret[4])
{
	static const char *const names[] = { "equal", "changed", "new", "gone" };
	const struct firn_value *v = firn_value_get(all, name);

	for (size_t k = 0; k < ARRAY_SIZE(names); k++)
		ret[k] = firn_value_number(firn_value_get(v, names[k]));
}

static struct members *open_members(const uint8_t *bytes, size_t n)
{
	struct source *src = NULL;
	struct members *m = NULL;

	if (source_from_mem(bytes, n, &src, NULL) == 0 && members_open_source(src, &m, NULL) < 0)
		return NULL;
	return m;
}

static struct result compare(const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	_cleanup_(doc_freep) struct doc *doc = NULL;
	_cleanup_(diff_done) struct diff d = {
		.a = { .text = "a", .members = open_members(a, na) },
		.b = { .text = "b", .members = open_members(b, nb) },
		.opts = { .size = sizeof(d.opts),
			  .flags = FIRN_DIFF_CONTENT | FIRN_DIFF_ENVIRONMENT },
	};
	struct result r = { 0 };

	if (!d.a.members || !d.b.members || doc_new(TELLER_DOC_MAX, &doc, NULL) < 0)
		return r;
	d.t = (struct teller){ .doc = doc, .top = doc_object(doc) };
	if (diff_compare(&d, NULL) < 0)
		return r;
	check_json(d.t.top);
	r.there = true;
	r.equal = firn_value_number(firn_value_get(d.t.top, "equal"));
	r.uncertain = firn_value_number(firn_value_get(d.t.top, "uncertain"));
	read_counts(d.t.top, "memory", r.pages);
	read_counts(d.t.top, "delta", r.entries);
	return r;
}

static void check_turned(const int64_t x[4], const int64_t y[4])
{
	if (x[0] != y[0] || x[1] != y[1] || x[2] != y[3] || x[3] != y[2])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = { data, size };
	uint32_t first = 0;
	const uint8_t *a = data + 4, *b;
	struct result there, back, same;

	if (!cursor_le32(&c, &first) || first > size - 4)
		return 0;
	b = a + first;
	size -= 4 + first;
	there = compare(a, first, b, size);
	back = compare(b, size, a, first);
	if (there.there != back.there)
		abort();
	check_turned(there.entries, back.entries);
	same = compare(a, first, a, first);
	if (same.there && !same.equal && !same.uncertain)
		abort();
	return 0;
}

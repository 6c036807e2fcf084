/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a delta is new in its base, what replaces something there, and what is gone. */
#include "unit.h"

#include "ingest.h"
#include "look/delta.h"

#define LAYERS_MAX       2
#define MEMBERS_MAX_HERE 6

/* A folder's name ends with '/', a file's content is its size in digits, "->" makes a link. */
struct thing {
	const char *name;
	int size;
};

static const struct {
	const char *name;
	struct thing base[LAYERS_MAX][MEMBERS_MAX_HERE], delta[MEMBERS_MAX_HERE];
	bool whiteouts;
	const char *deleted; /* deleted.files, or NULL */
	/* files, folders, links and bytes that are added; those that are modified; gone, bytes */
	uint64_t want[10];
} cases[] = {
	{ "new and changed",
	  { { { "a", 5 }, { "d/", 0 }, { "d/x", 3 } } },
	  { { "a", 7 }, { "b", 2 }, { "d/", 0 }, { "d/new/", 0 }, { "l@", 0 } },
	  true,
	  NULL,
	  { 1, 1, 1, 2, 1, 1, 0, 7, 0, 0 } },
	{ "a whiteout of a file and of a folder",
	  { { { "a", 5 }, { "d/", 0 }, { "d/x", 3 }, { "d/e/", 0 }, { "d/e/y", 4 } } },
	  { { ".wh.a", 0 }, { ".wh.d", 0 } },
	  true,
	  NULL,
	  { 0, 0, 0, 0, 0, 0, 0, 0, 5, 12 } },
	{ "of nothing", { { { "a", 5 } } }, { { ".wh.b", 0 } }, true, NULL, { 0 } },
	{ "what layers of the base have hidden",
	  { { { "a", 5 }, { "d/x", 3 } },
	    { { ".wh.a", 0 }, { "d/.wh..wh..opq", 0 }, { "d/y", 1 } } },
	  { { "a", 1 }, { "d/x", 2 }, { ".wh.d", 0 } },
	  true,
	  NULL,
	  { 2, 0, 0, 3, 0, 0, 0, 0, 1, 1 } },
	{ "a folder made anew",
	  { { { "d/", 0 }, { "d/x", 3 }, { "d/y", 4 }, { "d/e/", 0 }, { "d/e/z", 8 } } },
	  { { "d/", 0 }, { "d/.wh..wh..opq", 0 }, { "d/y", 1 }, { "d/n", 2 } },
	  true,
	  NULL,
	  { 1, 0, 0, 2, 1, 1, 0, 1, 3, 11 } },
	{ "a folder that becomes a file",
	  { { { "d/", 0 }, { "d/x", 3 } } },
	  { { "d", 9 } },
	  true,
	  NULL,
	  { 0, 0, 0, 0, 1, 0, 0, 9, 1, 3 } },
	{ "no whiteouts, but a list",
	  { { { "a", 5 }, { "d/", 0 }, { "d/x", 3 }, { "r/old", 6 } } },
	  { { ".wh.a", 4 }, { "r/new", 1 } },
	  false,
	  "[\"/a\",\"/d\",\"/r\"]",
	  { 2, 0, 0, 5, 0, 0, 0, 0, 4, 14 } },
};

static void build_things(struct buf *b, const struct thing *t)
{
	for (size_t i = 0; i < MEMBERS_MAX_HERE && t[i].name; i++) {
		const size_t len = strlen(t[i].name);
		struct tar_member m = { .name = t[i].name, .data_len = (size_t)t[i].size };

		m.data = "0123456789";
		if (!t[i].size)
			m.data = NULL;
		if (t[i].name[len - 1] == '/')
			m.type = '5';
		if (t[i].name[len - 1] == '@') {
			m.type = '2';
			m.link = "x";
		}
		build_member(b, &m);
	}
	build_end(b);
}

static void put_base(size_t i)
{
	struct buf layers[LAYERS_MAX] = { BUF_INIT, BUF_INIT };

	for (size_t k = 0; k < LAYERS_MAX; k++)
		build_things(&layers[k], cases[i].base[k]);
	scratch_clear(scratch("base"));
	make_base("x", layers, LAYERS_MAX, NULL, NULL);
	for (size_t k = 0; k < LAYERS_MAX; k++)
		buf_done(&layers[k]);
}

/* An archive with that delta. */
static void open_checkpoint(size_t i, struct members **ret)
{
	_buf_ struct buf delta = BUF_INIT, tar = BUF_INIT;
	struct firn_error err = { 0 };

	build_things(&delta, cases[i].delta);
	build_member(&tar, &(struct tar_member){ .name = "checkpoint/inventory.img" });
	build_member(&tar, &(struct tar_member){ .name = "rootfs-diff.tar",
						 .data = (char *)delta.data,
						 .data_len = delta.len });
	build_end(&tar);
	scratch_write("a.tar", tar.data, tar.len);
	ck_ok(members_open(scratch("a.tar"), NULL, ret, &err), err);
}

START_TEST(split)
{
	_cleanup_(members_closep) struct members *m = NULL;
	_cleanup_(deleted_done) struct deleted deleted = { 0 };
	char base[300];
	const struct firn_inspect_opts opts = { .size = sizeof(opts), .base = base };
	struct inspect in = { .opts = &opts, .changeset = cases[_i].whiteouts };
	struct delta_split got = { .why = "" };
	struct firn_error err = { 0 };
	const char *list = cases[_i].deleted;

	put_base((size_t)_i);
	snprintf(base, sizeof(base), "oci:%s:x", scratch("base"));
	open_checkpoint((size_t)_i, &m);
	in.members = m;
	if (list)
		ck_ok(deleted_parse(list, strlen(list), &deleted, &err), err);
	ck_ok(inspect_split_delta(&in, &deleted, &got, &err), err);
	ck_assert_str_eq(got.why, "");
	{
		const uint64_t all[] = {
			got.added.files,    got.added.folders,  got.added.links,
			got.added.bytes,    got.modified.files, got.modified.folders,
			got.modified.links, got.modified.bytes, got.removed,
			got.removed_bytes,
		};

		for (size_t k = 0; k < ARRAY_SIZE(all); k++)
			ck_assert_msg(all[k] == cases[_i].want[k], "%s: number %zu is %llu",
				      cases[_i].name, k, (unsigned long long)all[k]);
	}
}
END_TEST

START_TEST(other_base)
{
	_cleanup_(members_closep) struct members *m = NULL;
	const struct deleted none = { 0 };
	char base[300];
	const struct firn_inspect_opts opts = { .size = sizeof(opts), .base = base };
	struct inspect in = { .opts = &opts, .base_ids = { "sha256:1234", NULL } };
	struct delta_split got = { .why = "" };
	struct firn_error err = { 0 };

	put_base(0);
	snprintf(base, sizeof(base), "oci:%s:x", scratch("base"));
	open_checkpoint(0, &m);
	in.members = m;
	ck_assert_int_eq(inspect_split_delta(&in, &none, &got, &err), -FIRN_EMISMATCH);
	ck_assert_ptr_nonnull(strstr(err.msg, "sha256:1234"));
}
END_TEST

START_TEST(no_base)
{
	_cleanup_(members_closep) struct members *m = NULL;
	const struct firn_inspect_opts opts = { .size = sizeof(opts) };
	const struct deleted none = { 0 };
	struct inspect in = { .opts = &opts };
	struct delta_split got = { .why = "" };
	struct firn_error err = { 0 };

	open_checkpoint(0, &m);
	in.members = m;
	ck_ok(inspect_split_delta(&in, &none, &got, &err), err);
	ck_assert_ptr_nonnull(strstr(got.why, "--base"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("delta_split");
	TCase *tc = tcase_create("delta_split");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_loop_test(tc, split, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, other_base);
	tcase_add_test(tc, no_base);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

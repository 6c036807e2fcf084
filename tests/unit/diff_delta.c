/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Filesystem deltas as tables, and what differs between two of them. */
#include "tar_builder.h"

#include "diff/pages.h"
#include "diff/rootfs.h"

#define FOLDER(n, ...)                                                                             \
	{                                                                                          \
		.name = n, .type = '5', .mode = 0755, __VA_ARGS__                                  \
	}
#define FILE_OF(n, d, ...)                                                                         \
	{                                                                                          \
		.name = n, .data = d, __VA_ARGS__                                                  \
	}

/* A delta: the members of its tar up to one without a name, and deleted.files of an engine. */
struct made {
	struct tar_member members[6];
	const char *deleted; /* NULL: a changeset, which has whiteouts */
};

#define ENGINE "[]"

static const struct {
	const char *name;
	struct made a, b;
	const char *told; /* "CHANGE PATH[ FIELDS];", FIELDS for each change a letter or two */
	uint64_t equal, bytes;
} cases[] = {
	{ "the same",
	  { { FILE_OF("f", "x") }, ENGINE },
	  { { FILE_OF("./f", "x") }, ENGINE },
	  "",
	  1,
	  0 },
	{ "nothing", { { { 0 } }, ENGINE }, { { { 0 } }, NULL }, "", 0, 0 },
	{ "new and gone",
	  { { FILE_OF("b", "x"), FILE_OF("a", "x") }, ENGINE },
	  { { FILE_OF("c", "x"), FILE_OF("b", "x") }, ENGINE },
	  "gone /a file;new /c file;",
	  1,
	  4096 },
	{ "all of a file",
	  { { FILE_OF("f", "x", .mode = 0644, .uid = 1, .mtime = 5) }, ENGINE },
	  { { FILE_OF("f", "xy", .mode = 04755, .uid = 2, .mtime = 6) }, ENGINE },
	  "changed /f size,mode,owner,mtime;",
	  0,
	  4096 },
	{ "content alone",
	  { { FILE_OF("f", "x") }, ENGINE },
	  { { FILE_OF("f", "y") }, ENGINE },
	  "changed /f content;",
	  0,
	  4096 },
	{ "another type, whose size means another thing",
	  { { FILE_OF("f", "x") }, ENGINE },
	  { { { .name = "f", .type = '3', .major = 1, .minor = 3 } }, ENGINE },
	  "changed /f type;",
	  0,
	  0 },
	{ "a device's number",
	  { { { .name = "f", .type = '3', .major = 1, .minor = 3 } }, ENGINE },
	  { { { .name = "f", .type = '3', .major = 1, .minor = 5 } }, ENGINE },
	  "changed /f device;",
	  0,
	  0 },
	{ "a link's target",
	  { { { .name = "f", .type = '2', .link = "a" } }, ENGINE },
	  { { { .name = "f", .type = '2', .link = "b" } }, ENGINE },
	  "changed /f target;",
	  0,
	  0 },
	{ "the last one of a name counts",
	  { { FILE_OF("f", "x"), FILE_OF("f", "y") }, ENGINE },
	  { { FILE_OF("f", "y") }, ENGINE },
	  "",
	  1,
	  0 },
	{ "a hard link is the file",
	  { { FILE_OF("f", "x", .uid = 3), { .name = "g", .type = '1', .link = "f" } }, ENGINE },
	  { { FILE_OF("g", "x", .uid = 3), { .name = "f", .type = '1', .link = "g" } }, ENGINE },
	  "",
	  2,
	  0 },
	{ "deletions",
	  { { { 0 } }, "[\"/a\", \"/b\"]" },
	  { { { 0 } }, "[\"/b\", \"/c\"]" },
	  "gone /a deletion;new /c deletion;",
	  1,
	  0 },
	{ "a deletion is a whiteout",
	  { { { 0 } }, "[\"/d/a\"]" },
	  { { FOLDER("d"), FILE_OF("d/.wh.a", "") }, NULL },
	  "",
	  1,
	  0 },
	{ "a folder made anew is opaque",
	  { { FOLDER("d"), FILE_OF("d/n", "x") }, "[\"/d\"]" },
	  { { FOLDER("d"), FILE_OF("d/.wh..wh..opq", ""), FILE_OF("d/n", "x") }, NULL },
	  "",
	  3,
	  0 },
	{ "for an engine that has no whiteouts such names are files",
	  { { FILE_OF(".wh.a", "x") }, ENGINE },
	  { { FILE_OF(".wh.a", "x") }, NULL },
	  "gone /.wh.a file;new /a deletion;",
	  0,
	  0 },
	{ "folders that a layer alone has",
	  { { FILE_OF("d/f", "x") }, ENGINE },
	  { { FOLDER("./"), FOLDER("d", .uid = 7), FILE_OF("d/f", "x") }, NULL },
	  "",
	  1,
	  0 },
	{ "folders of two of a kind",
	  { { FOLDER("d", .uid = 7), FOLDER("e") }, NULL },
	  { { FOLDER("d", .uid = 8) }, NULL },
	  "changed /d owner;gone /e folder;",
	  0,
	  0 },
	{ "deleted and there again",
	  { { FILE_OF("f", "x") }, ENGINE },
	  { { FILE_OF("f", "x") }, "[\"/f\"]" },
	  "new /f deletion;",
	  1,
	  0 },
};

static void load(const struct made *made, bool stream, struct diff_delta *ret)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	_buf_ struct buf tar = BUF_INIT;
	struct firn_error err;

	for (size_t k = 0; k < ARRAY_SIZE(made->members) && made->members[k].name; k++)
		build_member(&tar, &made->members[k]);
	build_end(&tar);
	ret->content = true;
	ret->literal = made->deleted;
	if (made->deleted)
		ck_ok(diff_delta_add_deleted(ret, made->deleted, strlen(made->deleted), &err), err);
	if (stream) {
		ck_ok(istream_from_mem(tar.data, tar.len, &in, &err), err);
		ck_ok(diff_delta_add_stream(ret, in, &err), err);
	} else {
		ck_ok(source_from_mem(tar.data, tar.len, &src, &err), err);
		ck_ok(diff_delta_add_source(ret, src, &err), err);
	}
	ck_ok(diff_delta_finish(ret, &err), err);
}

static const char *text(const struct firn_value *v, const char *name)
{
	return firn_value_text(firn_value_get(v, name));
}

static void describe(const struct firn_value *section, struct buf *ret)
{
	const struct firn_value *e = firn_value_first(firn_value_get(section, "entries")), *c;

	buf_puts(ret, "");
	for (; e; e = firn_value_next(e)) {
		const char *comma = "";

		buf_printf(ret, "%s %s ", text(e, "change"), text(e, "path"));
		if (text(e, "type"))
			buf_puts(ret, text(e, "type"));
		c = firn_value_first(firn_value_get(e, "changes"));
		for (; c; c = firn_value_next(c), comma = ",")
			buf_printf(ret, "%s%s", comma, text(c, "field"));
		buf_puts(ret, ";");
	}
}

START_TEST(compare)
{
	const bool stream = _i & 1;
	const size_t row = (size_t)_i / 2;
	_cleanup_(diff_delta_done) struct diff_delta a = { 0 }, b = { 0 };
	_cleanup_(doc_freep) struct doc *doc = NULL;
	_buf_ struct buf told = BUF_INIT;
	struct rootfs_sums sums = { 0 };
	const struct firn_value *section;
	struct firn_error err;
	struct teller t;

	ck_ok(doc_new(TELLER_DOC_MAX, &doc, &err), err);
	t = (struct teller){ .doc = doc, .top = doc_object(doc) };
	load(&cases[row].a, stream, &a);
	load(&cases[row].b, stream, &b);
	rootfs_compare(&a, &b, &t, &sums);
	ck_ok(doc_check(doc, &err), err);
	section = firn_value_get(t.top, "delta");
	describe(section, &told);
	ck_assert_msg(strcmp((char *)told.data, cases[row].told) == 0, "%s: \"%s\"",
		      cases[row].name, (char *)told.data);
	ck_assert_msg((uint64_t)firn_value_number(firn_value_get(section, "equal")) ==
			  cases[row].equal,
		      "%s: %lld equal", cases[row].name,
		      (long long)firn_value_number(firn_value_get(section, "equal")));
	ck_assert_uint_eq(sums.bytes, cases[row].bytes);
	ck_assert_int_eq(t.differs, *cases[row].told != '\0');
}
END_TEST

START_TEST(xattrs)
{
	static const struct {
		const char *a[5], *b[5]; /* keys and values */
		bool differs;
	} rows[] = {
		{ { "user.x", "1" }, { "user.x", "1" }, false },
		{ { "user.x", "1" }, { "user.x", "2" }, true },
		{ { "user.x", "1" }, { NULL }, true },
		{ { "user.x", "1", "user.y", "2" }, { "user.y", "2", "user.x", "1" }, false },
		{ { "user.x", "1", "user.y", "2" }, { "user.y", "1", "user.x", "2" }, true },
		{ { "user.xy", "1" }, { "user.x", "y1" }, true },
	};
	struct diff_delta deltas[2] = { 0 };
	struct firn_error err;

	for (size_t k = 0; k < ARRAY_SIZE(deltas); k++) {
		const char *const *pairs = k ? rows[_i].b : rows[_i].a;
		_buf_ struct buf tar = BUF_INIT, records = BUF_INIT;
		_cleanup_(source_closep) struct source *src = NULL;

		for (; *pairs; pairs += 2) {
			char key[64];

			snprintf(key, sizeof(key), "SCHILY.xattr.%s", pairs[0]);
			build_record(&records, key, pairs[1], strlen(pairs[1]));
		}
		if (records.len)
			build_extra(&tar, 'x', records.data, records.len);
		MEMBER(&tar, .name = "f", .data = "x");
		build_end(&tar);
		ck_ok(source_from_mem(tar.data, tar.len, &src, &err), err);
		ck_ok(diff_delta_add_source(&deltas[k], src, &err), err);
		ck_ok(diff_delta_finish(&deltas[k], &err), err);
		ck_assert_uint_eq(deltas[k].n, 1);
	}
	ck_assert_int_eq(deltas[0].list[0].xattrs != deltas[1].list[0].xattrs, rows[_i].differs);
	diff_delta_done(&deltas[0]);
	diff_delta_done(&deltas[1]);
}
END_TEST

/* What has one hash today has others tomorrow: nobody can prepare two contents of one hash. */
START_TEST(salted)
{
	static const struct made made = { { FILE_OF("f", "x") }, ENGINE };
	static const uint8_t unit[PAGES_UNIT];
	struct pages_meter meters[3] = { 0 };
	struct diff_delta d[3] = { 0 };
	uint64_t pages[3] = { 0 };
	struct firn_error err;

	for (size_t k = 0; k < ARRAY_SIZE(d); k++) {
		d[k].salt = meters[k].salt = (struct sip_key){ { 1, k < 2 ? 2 : 3 } };
		load(&made, false, &d[k]);
		ck_assert_uint_eq(d[k].n, 1);
		ck_ok(pages_hash(&meters[k], unit, &pages[k], &err), err);
	}
	ck_assert_uint_eq(d[0].list[0].content, d[1].list[0].content);
	ck_assert_uint_ne(d[0].list[0].content, d[2].list[0].content);
	ck_assert_uint_eq(pages[0], pages[1]);
	ck_assert_uint_ne(pages[0], pages[2]);
	for (size_t k = 0; k < ARRAY_SIZE(d); k++)
		diff_delta_done(&d[k]);
}
END_TEST

START_TEST(limits)
{
	_cleanup_(diff_delta_done) struct diff_delta d = { .literal = true };
	_buf_ struct buf json = BUF_INIT;
	char name[4096];
	struct firn_error err = { 0 };

	memset(name, 'n', 200);
	name[200] = '\0';
	buf_puts(&json, "[\"/x\"");
	for (unsigned k = 0; k < 35000; k++)
		buf_printf(&json, ",\"/%s%u\"", name, k);
	buf_puts(&json, "]");
	ck_assert_int_eq(diff_delta_add_deleted(&d, (const char *)json.data, json.len, &err),
			 -FIRN_ELIMIT);
	ck_assert(strstr(err.msg, "names of more than 6291456 bytes"));
}
END_TEST

static Suite *delta_suite(void)
{
	Suite *s = suite_create("diff_delta");
	TCase *tc = tcase_create("diff_delta");

	tcase_add_loop_test(tc, compare, 0, 2 * ARRAY_SIZE(cases));
	tcase_add_loop_test(tc, xattrs, 0, 6);
	tcase_add_test(tc, salted);
	tcase_add_test(tc, limits);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(delta_suite)

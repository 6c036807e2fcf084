/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an image's layers show, read from the topmost down, against what the rules say. */
#include "locate/cover.h"

#include "base/buf.h"
#include "base/fd.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

/* Layers from the topmost down: names, "/" at the end for folders, "a=b" for a hard link to b. */
static const struct {
	const char *name;
	const char *layers[4];
	const char *seen; /* "LAYER:NAME", layers counted from 1; in the order of reading */
	int rc;
} cases[] = {
	{ "one layer", { "a d/ d/b" }, "1:a 1:d/ 1:d/b", 0 },
	{ "the upper wins", { "a", "a b" }, "1:a 2:b", 0 },
	{ "folders merge", { "d/ d/a", "d/ d/a d/b" }, "1:d/ 1:d/a 2:d/b", 0 },
	{ "a folder that nobody described above", { "d/a", "d/ d/b" }, "1:d/a 2:d/ 2:d/b", 0 },
	{ "a whiteout", { ".wh.a", "a b" }, "2:b", 0 },
	{ "a whiteout two layers above", { ".wh.a", "b", "a b/" }, "2:b", 0 },
	{ "a whiteout between", { "a", ".wh.a", "a" }, "1:a", 0 },
	{ "a whiteout of a folder", { ".wh.d", "d/ d/a d/e/f" }, "", 0 },
	{ "a whiteout in a folder", { "d/.wh.a", "d/ d/a d/b" }, "2:d/ 2:d/b", 0 },
	{ "a whiteout hides no entry of its own layer", { ".wh.a a", "a" }, "1:a", 0 },
	{ "whichever comes first", { "a .wh.a", "a" }, "1:a", 0 },
	{ "a folder made again", { ".wh.d d/ d/a", "d/ d/b" }, "1:d/ 1:d/a", 0 },
	{ "the same, the mark last", { "d/ d/a .wh.d", "d/ d/b" }, "1:d/ 1:d/a", 0 },
	{ "the same without an entry for it", { ".wh.d d/a", "d/b" }, "1:d/a", 0 },
	{ "an opaque folder", { "d/ d/.wh..wh..opq d/a", "d/ d/b" }, "1:d/ 1:d/a", 0 },
	{ "an opaque folder, the mark last", { "d/a d/.wh..wh..opq", "d/b" }, "1:d/a", 0 },
	{ "opaque alone: the folder stays", { "d/.wh..wh..opq", "d/ d/b" }, "2:d/", 0 },
	{ "opaque in the middle", { "d/a", "d/.wh..wh..opq d/b", "d/c" }, "1:d/a 2:d/b", 0 },
	{ "an opaque root", { ".wh..wh..opq a", "b d/c" }, "1:a", 0 },
	{ "a file over a folder", { "d", "d/ d/a" }, "1:d", 0 },
	{ "a folder over a file", { "d/ d/a", "d" }, "1:d/ 1:d/a", 0 },
	{ "a folder over a file over a folder", { "d/ d/a", "d", "d/ d/b" }, "1:d/ 1:d/a", 0 },
	{ "a link", { "a b=a", "b" }, "1:a 1:b", 0 },
	{ "a link to what another layer replaces", { "a", "a b=a" }, "1:a", -FIRN_EUNSUPP },
	{ "a link that is hidden itself", { "a b", "a b=a" }, "1:a 1:b", 0 },
	{ "a link to what isn't in its layer", { "b=a", "a" }, "", -FIRN_EUNSUPP },
	{ "through a file of its own layer", { "a a/b" }, "1:a", -FIRN_ECORRUPT },
	{ "a whiteout of nothing", { ".wh." }, "", -FIRN_ECORRUPT },
};

static int take(struct cover *c, char *name, int layer, struct buf *seen, struct firn_error *err)
{
	char *link = strchr(name, '=');
	const size_t len = strlen(name);
	const bool folder = len && name[len - 1] == '/';
	struct tar_entry e = { .mode = folder ? S_IFDIR | 0755 : S_IFREG | 0644 };
	int rc;

	if (link)
		*link++ = '\0';
	if (folder)
		name[len - 1] = '\0';
	e.path = name;
	e.target = link;
	e.hardlink = link != NULL;
	rc = cover_take(c, &e, err);
	if (rc > 0)
		buf_printf(seen, "%s%d:%s%s", seen->len ? " " : "", layer, name, folder ? "/" : "");
	return rc;
}

START_TEST(layers)
{
	_cleanup_(cover_done) struct cover c = { .layer = 0 };
	_buf_ struct buf seen = BUF_INIT;
	struct firn_error err = { 0 };
	int rc = 0;

	ck_ok(cover_open(&c, &err), err);
	buf_puts(&seen, "");
	for (int i = 0; rc >= 0 && cases[_i].layers[i]; i++) {
		_free_ char *text = strdup(cases[_i].layers[i]);
		char *at = NULL;

		cover_descend(&c);
		for (char *name = strtok_r(text, " ", &at); rc >= 0 && name;
		     name = strtok_r(NULL, " ", &at))
			rc = take(&c, name, i + 1, &seen, &err);
	}
	buf_fill(&seen, 0, 1);
	ck_assert_msg((rc < 0 ? rc : 0) == cases[_i].rc, "%s: %d %s", cases[_i].name, rc, err.msg);
	ck_assert_msg(strcmp((char *)seen.data, cases[_i].seen) == 0, "%s: %s", cases[_i].name,
		      (char *)seen.data);
}
END_TEST

START_TEST(too_many)
{
	_cleanup_(cover_done) struct cover c = { .layer = 0 };
	struct firn_error err = { 0 };
	char name[32];
	struct tar_entry e = { .path = name, .mode = S_IFREG };
	int rc = 1;

	ck_ok(cover_open(&c, &err), err);
	cover_descend(&c);
	for (unsigned i = 0; rc > 0 && i <= COVER_NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "%u/%u", i % 256, i);
		rc = cover_take(&c, &e, &err);
	}
	ck_assert_int_eq(rc, -FIRN_ELIMIT);
}
END_TEST

/* Each folder above an entry is one step: a square of them would take minutes for these. */
START_TEST(deep)
{
	_cleanup_(cover_done) struct cover c = { 0 };
	struct firn_error err = { 0 };
	_buf_ struct buf folder = BUF_INIT;
	char name[2100];

	ck_ok(cover_open(&c, &err), err);
	cover_descend(&c);
	for (int i = 0; i < 1000; i++)
		buf_puts(&folder, "a/");
	for (int i = 0; i < 8000; i++) {
		const struct tar_entry e = { .path = name, .mode = S_IFREG };

		snprintf(name, sizeof(name), "%s%d", (char *)folder.data, i);
		ck_assert_int_eq(cover_take(&c, &e, &err), 1);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cover");
	TCase *tc = tcase_create("cover");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, layers, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, too_many);
	tcase_add_test(tc, deep);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "ingest.h"
#include "ingest/delta.h"
#include "ingest/plain.h"

#define DIR_ .type = '5'
#define ENDS                                                                                       \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* Two layers: the upper one hides, replaces and describes again. */
static const struct tar_member base_lower[] = {
	{ .name = "./", DIR_, .mode = 0555, .mtime = 10 },
	{ .name = "data/", DIR_, .mode = 0750, .uid = 7, .gid = 8, .mtime = 11 },
	{ .name = "data/redir/", DIR_, .mode = 0700, .uid = 9, .mtime = 12 },
	{ .name = "data/redir/old", .data = "old" },
	{ .name = "data/keep", .data = "keep" },
	{ .name = "gone/", DIR_, .mode = 0700, .mtime = 13 },
	{ .name = "gone/sub/", DIR_, .mode = 0700, .mtime = 13 },
	{ .name = "file/", DIR_, .mode = 0700, .mtime = 13 },
	{ .name = "wiped/", DIR_, .mode = 0711, .mtime = 14 },
	{ .name = "wiped/sub/", DIR_, .mode = 0700, .mtime = 14 },
	{ .name = "srv/", DIR_, .mode = 0755, .mtime = 15 },
	ENDS,
};
static const struct tar_member base_upper[] = {
	{ .name = "data/redir/", DIR_, .mode = 0770, .uid = 9, .gid = 9, .mtime = 20 },
	{ .name = ".wh.gone" },
	{ .name = "file", .data = "now a file" },
	{ .name = "wiped/", DIR_, .mode = 0711, .mtime = 21 },
	{ .name = "wiped/.wh..wh..opq" },
	{ .name = "implied/sub/file", .data = "x" },
	ENDS,
};

static void base_setup(void)
{
	_buf_ struct buf lower = BUF_INIT, upper = BUF_INIT;
	struct buf layers[2];

	scratch_setup();
	build_members(&lower, base_lower);
	PAX(&upper, "SCHILY.xattr.user.of", "srv", "SCHILY.xattr.trusted.overlay.opaque", "y");
	MEMBER(&upper, .name = "srv/", DIR_, .mode = 0755, .mtime = 22);
	build_members(&upper, base_upper);
	layers[0] = lower;
	layers[1] = upper;
	make_base("b", layers, 2, NULL, NULL);
}

/* What is said on the way. */
static void count_warning(const char *text, void *ctx)
{
	(void)text;
	++*(int *)ctx;
}

struct job {
	const char *name;
	bool base, literal;
	struct tar_member diff[8];
	const char *deleted;
	const char *want; /* the layer's tree, NULL: an error */
	const char *says; /* part of the error, or of a loss */
	int warnings, losses;
};

static int convert(const struct job *j, struct store *s, struct delta *d, struct notes *notes,
		   struct base **base, struct firn_error *err)
{
	_cleanup_(deleted_done) struct deleted deleted = { 0 };
	_cleanup_(istream_closep) struct istream *in = NULL;
	_buf_ struct buf tar = BUF_INIT;
	char ref[300];
	int rc;

	snprintf(ref, sizeof(ref), "oci:%s:b", scratch("base"));
	if (j->base)
		ck_ok(base_open(ref, base, err), *err);
	ck_ok(delta_open(d, &(struct layer_dest){ .store = s }, *base, notes, NULL, NULL, err),
	      *err);
	build_members(&tar, j->diff);
	ck_ok(istream_from_mem(tar.data, tar.len, &in, err), *err);
	if (j->diff[0].name && (rc = delta_convert(d, in, j->literal, err)) < 0)
		return rc;
	if (!j->deleted)
		return 0;
	rc = deleted_parse(j->deleted, strlen(j->deleted), &deleted, err);
	return rc < 0 ? rc : delta_delete(d, &deleted, err);
}

static void base_closep(struct base **b)
{
	base_free(*b);
}

static void run(const struct job *j)
{
	_cleanup_(base_closep) struct base *base = NULL;
	_cleanup_(store_closep) struct store *s = NULL;
	_cleanup_(delta_done) struct delta d = { .base = NULL };
	_cleanup_(notes_done) struct notes notes = { .report = NULL };
	_free_ char *text = NULL;
	int warnings = 0, rc;
	struct firn_error err = { 0 };
	struct firn_report report = { .warn = count_warning, .ctx = &warnings };

	notes.report = &report;
	ck_ok(store_mem_new(&s, &err), err);
	rc = convert(j, s, &d, &notes, &base, &err);
	if (!j->want) {
		ck_assert_msg(rc < 0, "%s: no error", j->name);
		ck_assert_msg(strstr(err.msg, j->says), "%s: %s", j->name, err.msg);
		return;
	}
	ck_assert_msg(rc >= 0, "%s: %s", j->name, err.msg);
	ck_ok(layer_out_finish(&d.out, &err), err);
	ck_ok(blob_publish(d.out.blob, &err), err);
	text = layer_text(s, &d.out.digest);
	ck_assert_msg(strcmp(text, j->want) == 0, "%s:\n%s", j->name, text);
	ck_assert_msg((int)notes.nlosses == j->losses && warnings == j->warnings,
		      "%s: %zu losses, %d warnings", j->name, notes.nlosses, warnings);
	if (j->says)
		ck_assert_msg(strstr(notes.losses[0], j->says), "%s: %s", j->name, notes.losses[0]);
}

static const struct job jobs[] = {
	{ "nothing", .want = ". 040755 0:0 0\n" },
	{ "parents as the base has them", .base = true,
	  .diff = { { .name = "data/redir/new", .data = "new", .mtime = 5 }, ENDS },
	  .want = ". 040555 0:0 10\n"
		  "data 040750 7:8 11\n"
		  "data/redir 040770 9:9 20\n"
		  "data/redir/new 100644 0:0 5 3\n" },
	{ "parents without a base",
	  .diff = { { .name = "a/b/c", .data = "x", .mtime = 5 },
		    { .name = "a/d/e", .data = "x", .mtime = 5 },
		    ENDS },
	  .want = ". 040755 0:0 0\n"
		  "a 040755 0:0 0\n"
		  "a/b 040755 0:0 0\n"
		  "a/b/c 100644 0:0 5 1\n"
		  "a/d 040755 0:0 0\n"
		  "a/d/e 100644 0:0 5 1\n",
	  .says = "without the base image", .warnings = 1, .losses = 1 },
	{ "parents the base hid, replaced or never had", .base = true,
	  .diff = { { .name = "gone/x", .data = "x" },
		    { .name = "wiped/sub/x", .data = "x" },
		    { .name = "implied/sub/x", .data = "x" },
		    { .name = "never/x", .data = "x" },
		    ENDS },
	  .want = ". 040555 0:0 10\n"
		  "gone 040755 0:0 0\n"
		  "gone/x 100644 0:0 0 1\n"
		  "implied 040755 0:0 0\n"
		  "implied/sub 040755 0:0 0\n"
		  "implied/sub/x 100644 0:0 0 1\n"
		  "never 040755 0:0 0\n"
		  "never/x 100644 0:0 0 1\n"
		  "wiped 040711 0:0 21\n"
		  "wiped/sub 040755 0:0 0\n"
		  "wiped/sub/x 100644 0:0 0 1\n",
	  .says = "folder \"gone\" is neither", .warnings = 3, .losses = 3 },
	{ "the base's xattrs, less overlayfs' own", .base = true,
	  .diff = { { .name = "srv/x", .data = "x" }, ENDS },
	  .want = ". 040555 0:0 10\n"
		  "srv 040755 0:0 22 user.of=srv\n"
		  "srv/x 100644 0:0 0 1\n" },
	{ "attributes", .base = true,
	  .diff = { { .name = "./", DIR_, .mode = 0711, .mtime = 3 },
		    { .name = "s", .data = "sh", .mode = 04755, .uid = 33, .gid = 33 },
		    { .name = "h", .type = '1', .link = "./s" },
		    { .name = "l", .type = '2', .link = "../../s", .mode = 0777 },
		    { .name = "c", .type = '3', .mode = 0600, .major = 1, .minor = 3 },
		    { .name = "p", .type = '6', .mode = 0640 },
		    ENDS },
	  .want = ". 040711 0:0 3\n"
		  "c 020600 0:0 0 1:3\n"
		  "h 104755 33:33 0 = s\n"
		  "l 120777 0:0 0 -> ../../s\n"
		  "p 010640 0:0 0\n"
		  "s 104755 33:33 0 2\n" },
	{ "deletions", .base = true, .deleted = "[\"/data/keep\",\"/file\",\"/data/redir\"]",
	  .want = ". 040555 0:0 10\n"
		  "data 040750 7:8 11\n"
		  "data/keep 020000 0:0 0 whiteout\n"
		  "data/redir 020000 0:0 0 whiteout\n"
		  "file 020000 0:0 0 whiteout\n" },
	{ "deletions of what can't be", .base = true,
	  .deleted = "[\"/gone/x\",\"/never/x/y\",\"/file/x\"]", .want = ". 040755 0:0 0\n",
	  .warnings = 3 },
	{ "a deletion below a deletion", .base = true,
	  .deleted = "[\"/data/redir/old\",\"/data/redir\",\"/data/redir\"]",
	  .want = ". 040555 0:0 10\n"
		  "data 040750 7:8 11\n"
		  "data/redir 020000 0:0 0 whiteout\n" },
	{ "made again, without an entry", .base = true,
	  .diff = { { .name = "data/redir/new1", .data = "new\n" }, ENDS },
	  .deleted = "[\"/data/redir\"]",
	  .want = ". 040555 0:0 10\n"
		  "data 040750 7:8 11\n"
		  "data/redir 040770 9:9 20 opaque\n"
		  "data/redir/new1 100644 0:0 0 4\n",
	  .says = "made again", .warnings = 2, .losses = 1 },
	{ "made again, with an entry", .base = true,
	  .diff = { { .name = "data/redir/", DIR_, .mode = 0701 }, ENDS },
	  .deleted = "[\"/data/redir\",\"/data/redir/old\"]",
	  .want = ". 040555 0:0 10\n"
		  "data 040750 7:8 11\n"
		  "data/redir 040701 0:0 0 opaque\n",
	  .warnings = 1 },
	{ "replaced by a file", .base = true,
	  .diff = { { .name = "data/redir", .data = "file" }, ENDS },
	  .deleted = "[\"/data/redir\",\"/data/redir/old/er\"]",
	  .want = ". 040555 0:0 10\n"
		  "data 040750 7:8 11\n"
		  "data/redir 100644 0:0 0 4\n" },
	{ "a name that Go's JSON broke", .base = true, .deleted = "[\"/data/\xef\xbf\xbd\"]",
	  .want = ". 040555 0:0 10\n"
		  "data 040750 7:8 11\n"
		  "data/\xef\xbf\xbd 020000 0:0 0 whiteout\n",
	  .says = "replaced bytes", .warnings = 1, .losses = 1 },
	{ "whiteouts of the diff's own", .base = true,
	  .diff = { { .name = "data/", DIR_, .mode = 0755, .mtime = 1 },
		    { .name = "data/.wh.keep" },
		    { .name = ".wh.file" },
		    { .name = "data/redir/", DIR_, .mode = 0755, .mtime = 1 },
		    { .name = "data/redir/.wh..wh..opq" },
		    { .name = "data/.wh.redir" },
		    ENDS },
	  .want = ". 040555 0:0 10\n"
		  "data 040755 0:0 1\n"
		  "data/keep 020000 0:0 0 whiteout\n"
		  "data/redir 040755 0:0 1 opaque\n"
		  "file 020000 0:0 0 whiteout\n" },
	{ "a whiteout where none can be", .literal = true,
	  .diff = { { .name = "data/.wh.keep" }, ENDS }, .says = "no layer can hold it" },
	{ "a whiteout in the middle", .diff = { { .name = ".wh.a/b" }, ENDS },
	  .says = "deletions" },
	{ "an entry twice", .diff = { { .name = "a" }, { .name = "./a" }, ENDS },
	  .says = "comes twice" },
	{ "a folder after what is in it",
	  .diff = { { .name = "a/b" }, { .name = "a/", DIR_ }, ENDS }, .says = "below it" },
	{ "the root in the middle", .diff = { { .name = "a" }, { .name = "./", DIR_ }, ENDS },
	  .says = "comes first" },
	{ "a hard link to nothing", .diff = { { .name = "a", .type = '1', .link = "b" }, ENDS },
	  .says = "\"b\", which isn't in the archive" },
	{ "a hard link out of the tree",
	  .diff = { { .name = "a", .type = '1', .link = "../b" }, ENDS }, .says = "leaves" },
	{ "a path through a symbolic link",
	  .diff = { { .name = "l", .type = '2', .link = "/etc" }, { .name = "l/passwd" }, ENDS },
	  .says = "l/passwd" },
	{ "a path through a file", .diff = { { .name = "l" }, { .name = "l/x" }, ENDS },
	  .says = "l/x" },
	{ "an absolute name", .diff = { { .name = "/etc/passwd" }, ENDS }, .says = "absolute" },
	{ "dot dot", .diff = { { .name = "a/../../b" }, ENDS }, .says = "leaves" },
	{ "overlayfs' own deletion", .diff = { { .name = "a", .type = '3' }, ENDS },
	  .says = "0:0 device" },
	{ "deletion of the root", .deleted = "[\"/\"]", .says = "root" },
	{ "deletion outside", .deleted = "[\"/../etc\"]", .says = "leaves" },
	{ "no list of deletions", .deleted = "{}", .says = "no JSON array" },
};

START_TEST(job)
{
	run(&jobs[_i]);
}
END_TEST

START_TEST(many_losses)
{
	static char names[NOTES_MAX + 9][16];
	struct tar_member diff[NOTES_MAX + 9] = { 0 };
	_cleanup_(notes_done) struct notes notes = { .report = NULL };
	_cleanup_(base_closep) struct base *base = NULL;
	_cleanup_(store_closep) struct store *s = NULL;
	_cleanup_(delta_done) struct delta d = { .base = NULL };
	_cleanup_(istream_closep) struct istream *in = NULL;
	_buf_ struct buf tar = BUF_INIT;
	struct firn_error err = { 0 };
	char ref[300];

	for (int i = 0; i < NOTES_MAX + 8; i++) {
		snprintf(names[i], sizeof(names[i]), "n%d/x", i);
		diff[i].name = names[i];
	}
	build_members(&tar, diff);
	snprintf(ref, sizeof(ref), "oci:%s:b", scratch("base"));
	ck_ok(store_mem_new(&s, &err), err);
	ck_ok(base_open(ref, &base, &err), err);
	ck_ok(delta_open(&d, &(struct layer_dest){ .store = s }, base, &notes, NULL, NULL, &err),
	      err);
	ck_ok(istream_from_mem(tar.data, tar.len, &in, &err), err);
	ck_ok(delta_convert(&d, in, true, &err), err);
	ck_ok(notes_finish(&notes, &err), err);
	ck_assert_uint_eq(notes.nlosses, NOTES_MAX + 1);
	ck_assert_str_eq(notes.losses[NOTES_MAX], "and 8 losses more like these");
}
END_TEST

/* Each folder above a member is one step: a square of them would take longer than this may. */
START_TEST(deep_members)
{
	_cleanup_(store_closep) struct store *s = NULL;
	_cleanup_(plain_done) struct plain p = { .implied = NULL };
	const struct tar_entry e = { .mode = S_IFREG };
	struct firn_error err = { 0 };
	_buf_ struct buf folder = BUF_INIT;
	char name[2100];

	for (int i = 0; i < 1000; i++)
		buf_puts(&folder, "a/");
	ck_ok(store_mem_new(&s, &err), err);
	ck_ok(plain_open(&p, &(struct layer_dest){ .store = s }, NULL, NULL, &err), err);
	for (int i = 0; i < 4000; i++) {
		snprintf(name, sizeof(name), "%s%d", (char *)folder.data, i);
		ck_ok(plain_add(&p, name, &e, NULL, &err), err);
	}
}
END_TEST

static Suite *delta_suite(void)
{
	Suite *s = suite_create("delta");
	TCase *tc = tcase_create("delta");

	tcase_add_unchecked_fixture(tc, base_setup, scratch_teardown);
	tcase_add_loop_test(tc, job, 0, ARRAY_SIZE(jobs));
	tcase_set_timeout(tc, 25);
	tcase_add_test(tc, many_losses);
	tcase_add_test(tc, deep_members);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(delta_suite)

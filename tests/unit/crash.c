/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A build into a layout that is killed, or gets an error, at each point of lib/base/fault.h, each
 * time the point comes by: the layout is then what it was or what it should be, and the next build
 * succeeds and leaves no temporary name.
 */
#include "base/fault.h"
#include "base/fd.h"
#include "image/layout.h"
#include "scratch.h"
#include "store/publish.h"
#include "unit.h"

#include <sys/wait.h>

#define HEAD  65536u
#define BYTES (3u * HEAD)

static const char *const points[] = {
	"publish.tmpfile", "publish.open",   "blob.write",   "publish.flush",
	"publish.link",    "publish.rename", "publish.sync", "layout.lock",
	"layout.blobs",    "layout.index",   "layout.done",
};

/* What one iteration of a loop test is about. */
struct round {
	int point;
	bool existing;            /* there is a layout with a tag "old" before */
	bool other_road, sealing; /* of lib/store/publish.h */
};

/* Two of the points are each on one road only. */
static bool is_passed(const struct round *r)
{
	return strcmp(points[r->point], r->other_road ? "publish.tmpfile" : "publish.open") != 0;
}

#define ROUNDS         (4 * (int)ARRAY_SIZE(points))
#define SEALING_ROUNDS (2 * (int)ARRAY_SIZE(points))

static struct round round_of(int i)
{
	if (i < ROUNDS)
		return (struct round){ i / 4, i & 1, i & 2, false };
	i -= ROUNDS;
	return (struct round){ i / 2, i & 1, false, true };
}

static void set_fault(const struct round *r, int nth, const char *outcome)
{
	struct firn_error err = { 0 };
	char spec[128];

	snprintf(spec, sizeof(spec), "%s%s%s:%d:%s",
		 r->other_road ? "publish.tmpfile:*:EOPNOTSUPP," : "",
		 r->sealing ? "publish.seal:*:ENODATA," : "", points[r->point], nth, outcome);
	ck_ok(fault_set(spec, &err), err);
}

static int write_big(struct store *s, char fill, struct blob_writer **ret,
		     struct oci_descriptor *desc, struct firn_error *err)
{
	static char bytes[BYTES];
	int rc;

	memset(bytes, fill, sizeof(bytes));
	if ((rc = blob_new(s, HEAD, ret, err)) < 0 ||
	    (rc = blob_write(*ret, bytes, BYTES - HEAD, err)) < 0 ||
	    (rc = blob_fill_head(*ret, bytes, HEAD, err)) < 0)
		return rc;
	return blob_seal(*ret, &desc->digest, &desc->size, err);
}

static int write_small(struct store *s, char fill, struct blob_writer **ret,
		       struct oci_descriptor *desc, struct firn_error *err)
{
	int rc;

	if ((rc = blob_new(s, 0, ret, err)) < 0 || (rc = blob_write(*ret, &fill, 1, err)) < 0)
		return rc;
	return blob_seal(*ret, &desc->digest, &desc->size, err);
}

/* Two blobs and a tag for each, all at once, as firn build does it. */
static int build(const char *tag, char fill, struct firn_error *err)
{
	_cleanup_(layout_closep) struct layout *l = NULL;
	struct oci_descriptor big = { .media_type = OCI_LAYER };
	struct oci_descriptor small = { .media_type = OCI_LAYER };
	_cleanup_(blob_freep) struct blob_writer *a = NULL, *b = NULL;
	char second[32];
	int rc;

	snprintf(second, sizeof(second), "%s.small", tag);
	if ((rc = layout_open(scratch("l"), LAYOUT_CREATE, &l, err)) < 0 ||
	    (rc = write_big(layout_store(l), fill, &a, &big, err)) < 0 ||
	    (rc = write_small(layout_store(l), fill, &b, &small, err)) < 0)
		return rc;
	return layout_commit(l, (struct blob_writer *[]){ a, b }, 2,
			     (struct layout_entry[]){ { tag, &big }, { second, &small } }, 2, true,
			     err);
}

/* 1 when the layout has the tag (then its blob is proven), 0 when it hasn't. */
static int has_tag(struct layout *l, const char *tag)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor d = { 0 };
	struct ref ref = { .tag = (char *)tag };
	struct firn_error err = { 0 };
	_free_ char *text = NULL;
	int rc = layout_resolve(l, &ref, &d, &err);

	if (rc == -FIRN_ENOTFOUND)
		return 0;
	ck_ok(rc, err);
	ck_ok(store_read(layout_store(l), &d.digest, d.size, BYTES, &text, NULL, &err), err);
	return 1;
}

/* As it was, or as it should be; nothing between. Returns whether "new" is there. */
static int expect_valid(const struct round *r)
{
	struct firn_error err = { 0 };
	struct layout *l = NULL;
	int new;

	if (!r->existing && access(scratch("l/index.json"), F_OK) < 0)
		return 0;
	ck_ok(layout_open(scratch("l"), 0, &l, &err), err);
	if (r->existing) {
		ck_assert_int_eq(has_tag(l, "old"), 1);
		ck_assert_int_eq(has_tag(l, "old.small"), 1);
	}
	new = has_tag(l, "new");
	ck_assert_int_eq(has_tag(l, "new.small"), new);
	layout_close(l);
	return new;
}

static void expect_next_build(const struct round *r)
{
	struct firn_error err = { 0 };
	_free_ char *list = NULL;

	ck_ok(fault_set(r->other_road ? "publish.tmpfile:*:EOPNOTSUPP" : NULL, &err), err);
	ck_ok(build("new", 'n', &err), err);
	ck_assert_int_eq(expect_valid(r), 1);
	list = scratch_list(scratch("l"));
	ck_assert_msg(!strstr(list, PUBLISH_TEMP_PREFIX), "%s", list);
}

static void prepare(const struct round *r)
{
	struct firn_error err = { 0 };

	ck_ok(fault_set(NULL, &err), err);
	scratch_clear(scratch("l"));
	if (r->existing)
		ck_ok(build("old", 'o', &err), err);
}

START_TEST(killed)
{
	const struct round r = round_of(_i);
	struct firn_error err = { 0 };
	int nth, status = -1;

	if (!is_passed(&r))
		return;
	for (nth = 1; status != 0; nth++) {
		pid_t pid;

		prepare(&r);
		pid = fork();
		if (pid == 0) {
			set_fault(&r, nth, "kill");
			_exit(build("new", 'n', &err) < 0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(status == 0 || WIFSIGNALED(status));
		expect_valid(&r);
		expect_next_build(&r);
	}
	ck_assert_msg(nth > 2, "%s: never passed", points[r.point]);
}
END_TEST

START_TEST(refused)
{
	const struct round r = round_of(_i);
	struct firn_error err = { 0 };
	int nth, rc = -1;

	if (!is_passed(&r))
		return;
	for (nth = 1; rc < 0; nth++) {
		_free_ char *before = NULL, *after = NULL;
		bool named;

		prepare(&r);
		before = scratch_list(scratch("l"));
		set_fault(&r, nth, "ENOSPC");
		rc = build("new", 'n', &err);
		ck_ok(fault_set(NULL, &err), err);
		/* Behind the rename of index.json an error is about durability alone. */
		named = expect_valid(&r);
		after = scratch_list(scratch("l"));
		if (!named)
			ck_assert_str_eq(after, before);
		else
			ck_assert(rc == 0 || strcmp(points[r.point], "publish.sync") == 0 ||
				  strcmp(points[r.point], "layout.done") == 0);
		if (!named && !r.existing)
			ck_assert_int_eq(access(scratch("l"), F_OK), -1);
		expect_next_build(&r);
	}
	ck_assert_msg(nth > 2, "%s: never passed", points[r.point]);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("crash");
	TCase *tc = tcase_create("crash");

	tcase_add_unchecked_fixture(tc, scratch_setup_in_memory, scratch_teardown);
	tcase_set_timeout(tc, 120);
	/* What fails while a file is to be sealed is no error. */
	tcase_add_loop_test(tc, killed, 0, ROUNDS + SEALING_ROUNDS);
	tcase_add_loop_test(tc, refused, 0, ROUNDS);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

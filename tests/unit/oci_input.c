/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of the things in a layout is the checkpoint, its members, and what the form tells of it. */
#include "unit.h"

#include "ingest/batch.h"
#include "ingest/input_oci.h"
#include "oci_forms.h"

/* Every member as "NAME SIZE MTIME", "NAME = TARGET"; payloads are read if @read. */
static char *list_members(struct input *in, bool read)
{
	_buf_ struct buf out = BUF_INIT;
	const struct tar_entry *e = NULL;
	struct firn_error err = { 0 };
	int rc;

	while ((rc = input_next(in, &e, &err)) > 0) {
		_cleanup_(istream_closep) struct istream *payload = NULL;
		_free_ char *text = NULL;
		size_t len = 0;

		if (e->hardlink)
			buf_printf(&out, "%s = %s\n", e->path, e->target);
		else
			buf_printf(&out, "%s %llu %lld\n", e->path, (unsigned long long)e->size,
				   (long long)e->mtime);
		if (!read || !e->size)
			continue;
		ck_ok(input_payload(in, &payload, &err), err);
		ck_ok(istream_read_all(payload, 1 << 20, &text, &len, &err), err);
		ck_assert_uint_eq(len, e->size);
	}
	ck_ok(rc, err);
	return buf_steal(&out);
}

static int open_text(const char *suffix, struct input **ret, struct firn_error *err)
{
	char text[300];

	snprintf(text, sizeof(text), "%s%s%s", *suffix == ':' ? "oci:" : "", scratch("base"),
		 suffix);
	return input_open(text, true, ret, err);
}

/* The members in our order, whether somebody reads them or not; all bytes are counted. */
START_TEST(ctr_members)
{
	_cleanup_(input_closep) struct input *in = NULL;
	struct firn_error err = { 0 };
	_free_ char *list = NULL;
	struct digest source = { 0 };
	char want[600], unknown[DIGEST_TEXT_MAX];
	size_t index;

	scratch_clear(scratch("base"));
	make_ctr("c", "");
	ck_ok(open_text("", &in, &err), err);
	ck_ok(digest_of("?", 1, &source, &err), err);
	digest_hex(&source, unknown);
	list = list_members(in, _i);
	ck_assert_int_eq(sscanf(strstr(list, "index.json "), "index.json %zu", &index), 1);
	snprintf(want, sizeof(want),
		 "spec.dump %zu 0\nctr/index.json %zu 0\nctr/config.pb %zu 0\nctr/options.pb 1 0\n"
		 "ctr/blobs/%s 1 0\nrootfs-diff.tar 5 0\ncheckpoint/inventory.img 1 5\n"
		 "checkpoint/pages-1.img 5 6\ncheckpoint/hard = checkpoint/pages-1.img\n"
		 "dump.log 3 0\n",
		 sizeof(CTR_SPEC) - 1, index, sizeof(CTR_CONFIG) - 1, unknown);
	ck_assert_str_eq(list, want);
	ck_assert_uint_eq(in->done, in->total);
	ck_ok(input_finish(in, &source, &err), err);
	ck_assert_uint_eq(source.alg, DIGEST_SHA256);
	ck_assert_ptr_eq(in->about->engine, &engine_ctr);
	ck_assert_str_eq(in->about->image_name, "base:1");
	ck_assert_uint_eq(in->about->base.digest.alg, 0);
}
END_TEST

static int count(const struct tar_entry *e, void *ctx, struct firn_error *err)
{
	(void)err;
	ck_assert_ptr_nonnull(e->path);
	++*(int *)ctx;
	return 0;
}

START_TEST(look_ahead)
{
	_cleanup_(input_closep) struct input *in = NULL;
	struct firn_error err = { 0 };
	_free_ char *list = NULL;
	int n = 0;

	scratch_clear(scratch("base"));
	if (_i)
		make_image("i", files, NULL);
	else
		make_ctr("c", "");
	ck_ok(open_text("", &in, &err), err);
	ck_assert_int_eq(input_scan(in, count, &n, &err), 1);
	ck_assert_int_eq(n, _i ? 2 : 4);
	list = list_members(in, true);
	ck_assert_ptr_nonnull(strstr(list, "checkpoint/inventory.img"));
}
END_TEST

/* The base in the index is told, whatever it is; it is opened by whoever wants it. */
START_TEST(ctr_base)
{
	_cleanup_(input_closep) struct input *in = NULL;
	struct firn_error err = { 0 };
	char base[400], text[DIGEST_TEXT_MAX];
	struct digest d;

	scratch_clear(scratch("base"));
	ck_ok(digest_of("base", 4, &d, &err), err);
	snprintf(base, sizeof(base), "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":4}",
		 _i ? OCI_INDEX : OCI_MANIFEST, digest_text(&d, text));
	make_ctr("c", base);
	ck_ok(open_text(":c", &in, &err), err);
	ck_assert(digest_equal(&in->about->base.digest, &d));
	ck_assert_ptr_nonnull(in->about->layout);
}
END_TEST

/* What is chosen when nothing is named. */
enum { CTR_INDEX = 1, IMAGE = 2, PLAIN = 4, SECOND = 8 };

static const struct {
	const char *name;
	int has, rc;
	const char *suffix, *says;
} choices[] = {
	{ "the only one", CTR_INDEX, 0, "", "ctr/index.json" },
	{ "beside images that are none", CTR_INDEX | PLAIN, 0, "", "ctr/index.json" },
	{ "an image that says so", IMAGE | PLAIN, 0, "", "spec.dump" },
	{ "an image that has it", PLAIN, 0, "", "spec.dump" },
	{ "two", CTR_INDEX | IMAGE, -FIRN_EINVAL, "", "has 2 images" },
	{ "one of two", CTR_INDEX | IMAGE, 0, ":c", "ctr/index.json" },
	{ "the other", CTR_INDEX | IMAGE, 0, ":i", "spec.dump" },
	{ "two names of one", CTR_INDEX | SECOND, 0, "", "ctr/index.json" },
	{ "none of that name", CTR_INDEX, -FIRN_ENOTFOUND, ":x", "no tag" },
};

START_TEST(choose)
{
	_cleanup_(input_closep) struct input *in = NULL;
	struct firn_error err = { 0 };
	_free_ char *list = NULL;
	int rc;

	scratch_clear(scratch("base"));
	if (choices[_i].has & CTR_INDEX)
		make_ctr("c", "");
	if (choices[_i].has & SECOND)
		make_ctr("c2", "");
	if (choices[_i].has & IMAGE)
		make_image("i", files, CRIO_NAME);
	if (choices[_i].has & PLAIN)
		make_image("p", files, NULL);
	rc = open_text(choices[_i].suffix, &in, &err);
	ck_assert_msg(rc == choices[_i].rc, "%s: %d %s", choices[_i].name, rc, err.msg);
	if (rc == 0)
		list = list_members(in, false);
	ck_assert_msg(strstr(list ? list : err.msg, choices[_i].says), "%s: %s", choices[_i].name,
		      list ? list : err.msg);
}
END_TEST

static const struct {
	const char *key, *container, *image;
} words[] = {
	{ PODMAN_NAME, "word", NULL },
	{ CRIO_NAME, "word", NULL },
	{ ORG_CRIU_CONTAINER_NAME, "word", NULL },
	{ ORG_CRIU_ROOTFS_IMAGE_NAME, NULL, "word" },
	{ PODMAN_ROOTFS_IMAGE_NAME, NULL, "word" },
	{ "other", NULL, NULL },
};

START_TEST(image_words)
{
	_cleanup_(input_closep) struct input *in = NULL;
	struct firn_error err = { 0 };

	scratch_clear(scratch("base"));
	make_image("i", files, words[_i].key);
	ck_ok(open_text("", &in, &err), err);
	ck_assert_pstr_eq(in->about->container, words[_i].container);
	ck_assert_pstr_eq(in->about->image_name, words[_i].image);
	ck_assert_ptr_null(in->about->engine);
}
END_TEST

/* Our own images are no input, by whichever of them one comes. */
START_TEST(own)
{
	struct firn_error err = { 0 };
	struct input *in = NULL;

	scratch_clear(scratch("base"));
	make_image("i", files, ORG_FIRN_ROLE);
	ck_assert_int_eq(open_text("", &in, &err), -FIRN_EINVAL);
	ck_assert_msg(strstr(err.msg, "firn export"), "%s", err.msg);
	ck_assert_ptr_null(in);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("oci_input");
	TCase *tc = tcase_create("oci_input");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, ctr_members, 0, 2);
	tcase_add_loop_test(tc, look_ahead, 0, 2);
	tcase_add_loop_test(tc, ctr_base, 0, 2);
	tcase_add_loop_test(tc, choose, 0, ARRAY_SIZE(choices));
	tcase_add_loop_test(tc, image_words, 0, ARRAY_SIZE(words));
	tcase_add_test(tc, own);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/rehearse.h"

#include "building.h"
#include "sample.h"
#include "scratch.h"
#include "unit.h"

#include "base/fd.h"
#include "format/layer.h"

static const char *data(const char *name)
{
	static char path[4096];
	const char *top = getenv("top_srcdir");

	snprintf(path, sizeof(path), "%s/tests/data/%s", top ? top : ".", name);
	return path;
}

static int rehearse(const char *path, struct buf *head)
{
	_cleanup_(input_closep) struct input *in = NULL;
	struct firn_error err = { 0 };

	ck_ok(input_open(path, false, &in, &err), err);
	return rehearse_images(in, head);
}

static const char *const seekable[] = { "podman-none.tar", "podman-ignore-rootfs.tar",
					"containerd-cri-tiny.tar" };

/* What is told ahead is what comes. */
START_TEST(head_of_archive)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_built_ struct built b = { 0 };
	_buf_ struct buf head = BUF_INIT;
	struct firn_error err = { 0 };
	uint8_t came[LAYER_HEAD_BYTES];

	ck_ok(build(data(seekable[_i]), "t", NULL, NULL, &err), err);
	load("t", &b);
	ck_ok(store_open(b.store, layer_of(&b.ci.checkpoint, "images"), &src, &err), err);
	ck_ok(source_read_at(src, came, sizeof(came), 0, &err), err);
	ck_assert_int_eq(rehearse(data(seekable[_i]), &head), 1);
	ck_assert_uint_eq(head.len, LAYER_HEAD_BYTES);
	ck_assert(memcmp(head.data, came, head.len) == 0);
}
END_TEST

static const char *const once_only[] = { "podman-gzip.tar.gz", "podman-zstd.tar.zst" };

START_TEST(not_told)
{
	_buf_ struct buf head = BUF_INIT;

	ck_assert_int_eq(rehearse(data(once_only[_i]), &head), 0);
}
END_TEST

/* What is wrong with it is for the one who reads it to say. */
START_TEST(broken_archive)
{
	struct sample s = sample_open("podman-none.tar");
	_buf_ struct buf head = BUF_INIT;

	scratch_write("short.tar", s.bytes, s.size / 2);
	ck_assert_int_eq(rehearse(scratch("short.tar"), &head), 0);
	free(s.bytes);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("rehearse");
	TCase *tc = tcase_create("rehearse");

	tcase_add_checked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_loop_test(tc, head_of_archive, 0, ARRAY_SIZE(seekable));
	tcase_add_loop_test(tc, not_told, 0, ARRAY_SIZE(once_only));
	tcase_add_test(tc, broken_archive);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

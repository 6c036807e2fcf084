/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of deltas share: a base image, packed tars, refusals. */
#ifndef FIRN_TESTS_DELTAS_H
#define FIRN_TESTS_DELTAS_H

#include "building.h"
#include "bytes/sink.h"

static char image_id[DIGEST_TEXT_MAX], manifest[DIGEST_TEXT_MAX], base_ref[300];

static const struct tar_member base_members[] = {
	{ .name = "./", DIR_, .mode = 0755, .mtime = 1 },
	{ .name = "data/", DIR_, .mode = 0750, .uid = 7, .gid = 7, .mtime = 2 },
	{ .name = "data/old", .data = "old" },
	{ .name = NULL },
};

static inline void setup(void)
{
	_buf_ struct buf layer = BUF_INIT;

	scratch_setup();
	build_members(&layer, base_members);
	make_base("b", &layer, 1, image_id, manifest);
	snprintf(base_ref, sizeof(base_ref), "oci:%s:b", scratch("base"));
}

static inline void pack(enum codec c, const void *bytes, size_t n, struct buf *ret)
{
	_cleanup_(sink_closep) struct sink *to = NULL, *packer = NULL;
	struct firn_error err = { 0 };

	ck_ok(sink_from_buf(ret, &to, &err), err);
	ck_ok(codec_writer(c, to, &packer, &err), err);
	ck_ok(sink_write(packer, bytes, n, &err), err);
	ck_ok(sink_finish(packer, &err), err);
}

#define CONTAINERD_SPEC "{\"annotations\":{}}"

static inline void refused(const char *name, const char *path, const struct firn_build_opts *opts,
			   int code, const char *says)
{
	struct firn_error err = { 0 };
	int rc;

	scratch_clear(scratch("out"));
	rc = build(path, "t", opts, NULL, &err);
	ck_assert_msg(rc == -code && strstr(err.msg, says), "%s: %d: %s", name, rc, err.msg);
	ck_assert_msg(access(scratch("out"), F_OK) != 0, "%s: leaves a layout", name);
}

#endif

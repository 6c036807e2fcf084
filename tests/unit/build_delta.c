/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A container's changes as the layer that its engine wrote, or made into one. */
#include "unit.h"

#include "deltas.h"

#define CONTAINERD_CONFIG "{\"name\":\"k1\",\"runtime\":\"io.containerd.runc.v2\"}"

/* Where the documents that name the engine come: most want it known before the diff, one doesn't.
 */
enum order { BEFORE, AFTER };

static void put_diffed(struct buf *b, const char *spec, enum order order, const struct buf *diff,
		       const char *deleted)
{
	const bool podman = strstr(spec, "libpod") != NULL;
	const struct archive a = {
		.inventory = "",
		.config = podman ? "" : CONTAINERD_CONFIG,
		.spec = spec,
	};

	put_images(b, &a);
	for (int step = BEFORE; step <= AFTER; step++) {
		if (step == (int)order) {
			put_file(b, "config.dump", *a.config ? a.config : "{\"name\":\"c1\"}");
			put_file(b, "spec.dump", spec);
		} else {
			MEMBER(b, .name = "rootfs-diff.tar", .data = (char *)diff->data,
			       .mtime = MTIME, .data_len = diff->len);
			put_file(b, "deleted.files", deleted);
		}
	}
	build_end(b);
}

static const struct tar_member sound[] = {
	{ .name = "data/", DIR_, .mode = 0750, .uid = 7, .gid = 7, .mtime = 9 },
	{ .name = "data/new", .data = "new\n", .mtime = 3 },
	{ .name = "data/.wh.old" },
	{ .name = NULL },
};
static const struct tar_member undescribed[] = {
	{ .name = "data/new", .data = "new\n", .mtime = 3 },
	{ .name = "data/.wh.old" },
	{ .name = NULL },
};
static const struct tar_member plain[] = {
	{ .name = "data/new", .data = "new\n", .mtime = 3 },
	{ .name = NULL },
};
static const struct tar_member nothing[] = { { .name = NULL } };

#define SOUND_TREE                                                                                 \
	". 040755 0:0 0\n"                                                                         \
	"data 040750 7:7 9\n"                                                                      \
	"data/new 100644 0:0 3 4\n"                                                                \
	"data/old 020000 0:0 0 whiteout\n"
#define CONVERTED_TREE                                                                             \
	". 040755 0:0 1\n"                                                                         \
	"data 040750 7:7 2\n"                                                                      \
	"data/new 100644 0:0 3 4\n"

static const struct {
	const char *name;
	const struct tar_member *diff;
	enum codec codec;
	const char *spec, *deleted;
	const char *media_type; /* of R's topmost layer */
	const char *tree;       /* NULL: R has the base's layer alone */
	const char *says;       /* in a warning, or NULL */
} takes[] = {
	{ "gzip", sound, CODEC_GZIP, CONTAINERD_SPEC, NULL, OCI_LAYER_GZIP, SOUND_TREE, NULL },
	{ "zstd", sound, CODEC_ZSTD, CONTAINERD_SPEC, NULL, OCI_LAYER_ZSTD, SOUND_TREE, NULL },
	{ "plain", sound, CODEC_NONE, CONTAINERD_SPEC, NULL, OCI_LAYER,
	  ". 040755 0:0 1\n"
	  "data 040750 7:7 9\n"
	  "data/new 100644 0:0 3 4\n"
	  "data/old 020000 0:0 0 whiteout\n",
	  NULL },
	{ "a folder without an entry", undescribed, CODEC_GZIP, CONTAINERD_SPEC, NULL, OCI_LAYER,
	  CONVERTED_TREE "data/old 020000 0:0 0 whiteout\n", "\"data\" has no description" },
	{ "nothing in it", nothing, CODEC_GZIP, CONTAINERD_SPEC, NULL, OCI_LAYER, NULL, NULL },
	{ "Podman's, compressed", plain, CODEC_ZSTD, PODMAN_SPEC, "[\"/data/old\"]", OCI_LAYER,
	  CONVERTED_TREE "data/old 020000 0:0 0 whiteout\n", NULL },
	{ "containerd ignores deleted.files", sound, CODEC_GZIP, CONTAINERD_SPEC, "[\"/data/x\"]",
	  OCI_LAYER_GZIP, SOUND_TREE, NULL },
};

/* All warnings of a build. */
static void gather(const char *text, void *ctx)
{
	buf_puts(ctx, text);
	buf_puts(ctx, "\n");
}

START_TEST(changeset)
{
	const size_t row = (size_t)_i / 2;
	_buf_ struct buf tar = BUF_INIT, packed = BUF_INIT, archive = BUF_INIT, said = BUF_INIT;
	const struct firn_report report = { .warn = gather, .ctx = &said };
	const struct firn_build_opts opts = { .size = sizeof(opts),
					      .base = base_ref,
					      .report = &report };
	_built_ struct built b = { 0 };
	_free_ char *tree = NULL;
	struct firn_error err = { 0 };
	const struct oci_descriptor *top;
	struct digest digest, diff_id;
	size_t n;

	build_members(&tar, takes[row].diff);
	pack(takes[row].codec, tar.data, tar.len, &packed);
	put_diffed(&archive, takes[row].spec, (enum order)(_i % 2), &packed, takes[row].deleted);
	scratch_write("a.tar", archive.data, archive.len);
	scratch_clear(scratch("out"));
	ck_ok(build(scratch("a.tar"), "t", &opts, NULL, &err), err);
	load("t", &b);
	n = b.ci.rootfs.manifest.nlayers;
	ck_assert_msg(n == (takes[row].tree ? 2 : 1), "%s: %zu", takes[row].name, n);
	top = &b.ci.rootfs.manifest.layers[n - 1];
	ck_assert_str_eq(top->media_type, takes[row].media_type);
	if (takes[row].tree) {
		tree = layer_text(b.store, &top->digest);
		ck_assert_str_eq(tree, takes[row].tree);
	}
	buf_puts(&said, "");
	ck_assert_msg(!takes[row].says || strstr((char *)said.data, takes[row].says), "%s: %s",
		      takes[row].name, (char *)said.data);
	ck_assert_msg(takes[row].says || !strstr((char *)said.data, "is converted"), "%s: %s",
		      takes[row].name, (char *)said.data);
	if (strcmp(top->media_type, OCI_LAYER) == 0)
		return;
	ck_ok(digest_of(packed.data, packed.len, &digest, &err), err);
	ck_ok(digest_of(tar.data, tar.len, &diff_id, &err), err);
	ck_assert(digest_equal(&top->digest, &digest));
	ck_assert_uint_eq(top->size, packed.len);
	ck_assert(digest_equal(&b.ci.rootfs.config.diff_ids[n - 1], &diff_id));
	ck_assert_str_eq(image_layer_role(&b.ci.rootfs, n - 1), "delta");
	ck_assert_ptr_null(image_layer_mountable(&b.ci.rootfs, n - 1));
}
END_TEST

static const struct tar_member device[] = {
	{ .name = "data/", DIR_, .mode = 0755 },
	{ .name = "data/x", .type = '3' },
	{ .name = NULL },
};
static const struct tar_member outside[] = { { .name = "../x", .data = "x" }, { .name = NULL } };
static const struct tar_member loose_link[] = {
	{ .name = "x", .link = "gone", .type = '1' },
	{ .name = NULL },
};
static const struct tar_member loud[] = { { .name = ".wh.x", .data = "x" }, { .name = NULL } };
static const struct tar_member hidden[] = { { .name = ".wh.x" }, { .name = NULL } };

enum damage { WHOLE, CUT, MORE, TWICE };

static const struct {
	const char *name;
	const struct tar_member *diff;
	const char *spec;
	enum damage damage;
	int code;
	const char *says;
} refusals[] = {
	{ "a 0:0 device", device, CONTAINERD_SPEC, WHOLE, FIRN_ECORRUPT, "0:0 device" },
	{ "a path outside", outside, CONTAINERD_SPEC, WHOLE, FIRN_ECORRUPT, "\"../x\"" },
	{ "a hard link to nothing", loose_link, CONTAINERD_SPEC, WHOLE, FIRN_ECORRUPT, "\"x\"" },
	{ "a whiteout with content", loud, CONTAINERD_SPEC, WHOLE, FIRN_ECORRUPT, "with content" },
	{ "a whiteout of Podman's", hidden, PODMAN_SPEC, WHOLE, FIRN_ECORRUPT, ".wh." },
	{ "cut off", sound, CONTAINERD_SPEC, CUT, FIRN_ECORRUPT, "rootfs-diff.tar" },
	{ "with more behind it", sound, CONTAINERD_SPEC, MORE, FIRN_ECORRUPT, "rootfs-diff.tar" },
	{ "compressed twice", sound, CONTAINERD_SPEC, TWICE, FIRN_ECORRUPT, "twice" },
};

START_TEST(bad_changeset)
{
	const size_t row = (size_t)_i / 2;
	_buf_ struct buf tar = BUF_INIT, packed = BUF_INIT, again = BUF_INIT, archive = BUF_INIT;

	build_members(&tar, refusals[row].diff);
	pack(CODEC_GZIP, tar.data, tar.len, &packed);
	if (refusals[row].damage == CUT)
		packed.len -= 9;
	if (refusals[row].damage == MORE)
		buf_puts(&packed, "more");
	if (refusals[row].damage == TWICE) {
		pack(CODEC_GZIP, packed.data, packed.len, &again);
		buf_reset(&packed);
		buf_put(&packed, again.data, again.len);
	}
	put_diffed(&archive, refusals[row].spec, (enum order)(_i % 2), &packed, NULL);
	scratch_write("a.tar", archive.data, archive.len);
	refused(refusals[row].name, scratch("a.tar"), NULL, refusals[row].code, refusals[row].says);
}
END_TEST

/* A gigabyte of zeros packs to next to nothing, and no layer of anybody's is like that. */
START_TEST(bomb)
{
	static const uint8_t zeros[1 << 20];
	_cleanup_(sink_closep) struct sink *to = NULL, *packer = NULL;
	_buf_ struct buf head = BUF_INIT, packed = BUF_INIT, archive = BUF_INIT;
	struct firn_error err = { 0 };

	MEMBER(&head, .name = "x", .size = 1 << 30);
	ck_ok(sink_from_buf(&packed, &to, &err), err);
	ck_ok(codec_writer(CODEC_ZSTD, to, &packer, &err), err);
	ck_ok(sink_write(packer, head.data, 512, &err), err);
	for (size_t i = 0; i <= 1 << 10; i++)
		ck_ok(sink_write(packer, zeros, sizeof(zeros), &err), err);
	ck_ok(sink_finish(packer, &err), err);
	put_diffed(&archive, CONTAINERD_SPEC, BEFORE, &packed, NULL);
	scratch_write("a.tar", archive.data, archive.len);
	refused("bomb", scratch("a.tar"), NULL, FIRN_ELIMIT, "expands");
}
END_TEST

static Suite *build_delta_suite(void)
{
	Suite *s = suite_create("build_delta");
	TCase *t = tcase_create("build_delta");

	tcase_add_unchecked_fixture(t, setup, scratch_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, changeset, 0, 2 * ARRAY_SIZE(takes));
	tcase_add_loop_test(t, bad_changeset, 0, 2 * ARRAY_SIZE(refusals));
	tcase_add_test(t, bomb);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(build_delta_suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* firn_build() with a base image, into layouts that others use too, and what it tells on the way.
 */
#include "unit.h"

#include "building.h"
#include "format/config_dump.h"

static char image_id[DIGEST_TEXT_MAX], manifest[DIGEST_TEXT_MAX], base_ref[300];

static const struct tar_member base_members[] = {
	{ .name = "./", DIR_, .mode = 0755, .mtime = 1 },
	{ .name = "data/", DIR_, .mode = 0750, .uid = 7, .gid = 7, .mtime = 2 },
	{ .name = "data/old", .data = "old" },
	{ .name = NULL },
};
static const struct tar_member diff[] = {
	{ .name = "data/new", .data = "new\n", .mtime = 3 },
	{ .name = NULL },
};

#define DELTA                                                                                      \
	". 040755 0:0 1\n"                                                                         \
	"data 040750 7:7 2\n"                                                                      \
	"data/new 100644 0:0 3 4\n"                                                                \
	"data/old 020000 0:0 0 whiteout\n"

static void setup(void)
{
	_buf_ struct buf layer = BUF_INIT;

	scratch_setup();
	build_members(&layer, base_members);
	make_base("b", &layer, 1, image_id, manifest);
	snprintf(base_ref, sizeof(base_ref), "oci:%s:b", scratch("base"));
}

/* What the engines would have written of our base; @ID@ is its image ID or its reference. */
#define PODMAN_CONFIG                                                                              \
	"{\n  \"id\": \"1\",\n  \"name\": \"c1\",\n  \"rootfsImageID\": \"@ID@\",\n"               \
	"  \"rootfsImageName\": \"localhost/x:1\",\n  \"RawImageName\": \"x\",\n"                  \
	"  \"runtime\": \"runc\",\n  \"namedVolumes\": [{\"volumeName\": \"v1\"}]\n}"
#define CRIO_CONFIG                                                                                \
	"{\"id\":\"1\",\"name\":\"k8s_k1_p1\",\"rootfsImage\":\"x\",\"rootfsImageRef\":\"@ID@\","  \
	"\"rootfsImageName\":\"localhost/x:1\",\"runtime\":\"crun\"}"
#define CONTAINERD_CONFIG                                                                          \
	"{\"id\":\"1\",\"name\":\"k1_p1\",\"rootfsImageRef\":\"localhost/x@@ID@\","                \
	"\"rootfsImageName\":\"localhost/x:1\",\"runtime\":\"io.containerd.runc.v2\"}"

static const struct {
	const char *engine, *container, *config, *spec, *which;
	const char *key;    /* member of config.dump that names R afterwards, or NULL */
	const char *tested; /* annotation that its restore wants to see */
	const char *value;
} engines[] = {
	{ "Podman", "c1", PODMAN_CONFIG, PODMAN_SPEC, image_id, CONFIG_IMAGE_ID,
	  PODMAN_RUNTIME_NAME, "runc" },
	{ "CRI-O", "k1", CRIO_CONFIG, CRIO_SPEC, image_id, CONFIG_IMAGE_REF, CRIO_NAME, "k1" },
	{ "containerd", "k1_p1", CONTAINERD_CONFIG, "{}", manifest, NULL, ORG_CRIU_CONTAINER_NAME,
	  "k1_p1" },
};

/* @pattern with @id in it. Returns a buffer that the next call uses again. */
static const char *config_of(const char *pattern, const char *id)
{
	static char config[700];
	const char *at = strstr(pattern, "@ID@");

	snprintf(config, sizeof(config), "%.*s%s%s", (int)(at - pattern), pattern, id, at + 4);
	return config;
}

static void check_config(const struct built *b, size_t row, const char *original)
{
	const struct image *c = &b->ci.checkpoint;
	_free_ char *text = layer_file(b->store, layer_of(c, "metadata"), "config.dump");
	_cleanup_(config_dump_done) struct config_dump parsed = { 0 };
	_buf_ struct buf back = BUF_INIT;
	char hex[DIGEST_TEXT_MAX], was[DIGEST_TEXT_MAX];
	struct firn_error err = { 0 };
	struct digest digest;

	if (!engines[row].key) {
		ck_assert_str_eq(text, original);
		ck_assert_ptr_null(annotation(c, ORG_FIRN_CONFIG_UNDO));
		return;
	}
	ck_ok(config_dump_parse(text, strlen(text), &parsed, &err), err);
	ck_assert_str_eq(json_string_value(json_object_get(parsed.json, engines[row].key)),
			 digest_hex(&b->ci.rootfs.manifest.config.digest, hex));
	ck_ok(
	    config_dump_undo(text, strlen(text), annotation(c, ORG_FIRN_CONFIG_UNDO), &back, &err),
	    err);
	ck_assert_str_eq((char *)back.data, original);
	ck_ok(digest_of(original, strlen(original), &digest, &err), err);
	ck_assert_str_eq(annotation(c, ORG_FIRN_CONFIG_DIGEST), digest_text(&digest, was));
}

/* The base's layers verbatim, its config with one more layer, its blobs. */
static void check_rootfs(const struct built *b)
{
	const struct image *r = &b->ci.rootfs;
	const json_t *history = json_object_get(r->config.json, "history");
	_free_ char *delta = NULL;
	struct firn_error err = { 0 };

	ck_assert(!b->ci.external_base);
	ck_assert_uint_eq(r->manifest.nlayers, 2);
	ck_assert_str_eq(image_layer_role(r, 0), "base");
	ck_assert_ptr_null(image_layer_mountable(r, 0));
	ck_assert_ptr_null(json_object_get(r->manifest.layers[0].json, "annotations"));
	ck_assert_int_eq(store_has(b->store, &r->manifest.layers[0].digest, NULL, &err), 1);
	delta = layer_text(b->store, layer_of(r, "delta"));
	ck_assert_str_eq(delta, DELTA);
	ck_assert_str_eq(annotation(r, OCI_BASE_NAME), "localhost/x:1");
	ck_assert_str_eq(annotation(r, OCI_BASE_DIGEST), manifest);
	ck_assert_int_eq(json_integer_value(json_object_get(r->config.json, "x-kept")), 1);
	ck_assert_uint_eq(json_array_size(history), 2);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(history, 1), "created")),
			 MTIME_TEXT);
}

START_TEST(with_base)
{
	const struct tar_member changeset[] = { diff[0], { .name = "data/.wh.old" }, { 0 } };
	const struct firn_build_opts opts = { .size = sizeof(opts), .base = base_ref };
	_result_ struct firn_build_result *r = NULL;
	_built_ struct built b = { 0 };
	struct archive a = { .config = "",
			     .spec = engines[_i].spec,
			     .inventory = "",
			     .diff = diff,
			     .images_first = _i };
	struct firn_error err = { 0 };
	char config[700];

	strcpy(config, config_of(engines[_i].config, engines[_i].which));
	a.config = config;
	/* containerd has no deleted.files; its diff says the same */
	a.deleted = engines[_i].key ? "[\"/data/old\"]" : NULL;
	if (!engines[_i].key)
		a.diff = changeset;
	scratch_clear(scratch("out"));
	ck_ok(build(archive_file("a.tar", &a), "t", &opts, &r, &err), err);
	ck_assert_str_eq(firn_build_result_engine(r), engines[_i].engine);
	ck_assert_str_eq(firn_build_result_container(r), engines[_i].container);
	load("t", &b);
	check_rootfs(&b);
	check_config(&b, (size_t)_i, config);
	ck_assert(digest_equal(&b.ci.checkpoint.manifest.subject.digest, &b.ci.rootfs.desc.digest));
	ck_assert_str_eq(annotation(&b.ci.checkpoint, engines[_i].tested), engines[_i].value);
	ck_assert_str_eq(oci_annotation(b.index.json, engines[_i].tested), engines[_i].value);
	ck_assert_str_eq(annotation(&b.ci.checkpoint, ORG_CRIU_CONTAINER_NAME),
			 engines[_i].container);
}
END_TEST

/* The whole of what an index says of its two images. */
START_TEST(index_entries)
{
	const struct firn_build_opts opts = { .size = sizeof(opts), .container = "other" };
	const struct archive a = { .config = "", .spec = "", .inventory = "", .diff = diff };
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };
	const json_t *c, *r;

	scratch_clear(scratch("out"));
	ck_ok(build(archive_file("a.tar", &a), "t", &opts, NULL, &err), err);
	load("t", &b);
	ck_assert_uint_eq(b.index.nmanifests, 2);
	c = b.index.manifests[0].json;
	r = b.index.manifests[1].json;
	ck_assert_str_eq(oci_annotation(c, ORG_FIRN_ROLE), "checkpoint");
	ck_assert_str_eq(oci_annotation(r, ORG_FIRN_ROLE), "rootfs");
	ck_assert_str_eq(oci_annotation(c, ORG_FIRN_CONTAINER), "other");
	ck_assert_str_eq(oci_annotation(r, ORG_FIRN_CONTAINER), "other");
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(c, "platform"), "os")),
			 "linux");
	ck_assert_ptr_null(json_object_get(r, "platform"));
	ck_assert_ptr_null(json_object_get(b.index.json, "artifactType"));
	ck_assert_str_eq(annotation(&b.ci.checkpoint, PODMAN_NAME), "other");
	ck_assert_str_eq(annotation(&b.ci.rootfs, ORG_FIRN_BASE), "external");
}
END_TEST

/* Without changes R is the base, and config.dump stays as it was. */
START_TEST(nothing_changed)
{
	const struct firn_build_opts opts = { .size = sizeof(opts), .base = base_ref };
	_free_ char *text = NULL;
	_built_ struct built b = { 0 };
	struct archive a = { .spec = "", .inventory = "" };
	struct firn_error err = { 0 };
	char config[700], hex[DIGEST_TEXT_MAX];

	strcpy(config, config_of(PODMAN_CONFIG, image_id));
	a.config = config;
	scratch_clear(scratch("out"));
	ck_ok(build(archive_file("a.tar", &a), "t", &opts, NULL, &err), err);
	load("t", &b);
	ck_assert_uint_eq(b.ci.rootfs.manifest.nlayers, 1);
	ck_assert_str_eq(digest_hex(&b.ci.rootfs.manifest.config.digest, hex), image_id);
	text = layer_file(b.store, layer_of(&b.ci.checkpoint, "metadata"), "config.dump");
	ck_assert_str_eq(text, config);
	ck_assert_ptr_null(annotation(&b.ci.checkpoint, ORG_FIRN_CONFIG_UNDO));
}
END_TEST

/* A bare process may be given a filesystem. */
START_TEST(bare_with_base)
{
	const struct firn_build_opts opts = { .size = sizeof(opts), .base = base_ref };
	const struct archive a = { .inventory = "" };
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };

	scratch_clear(scratch("out"));
	ck_ok(build(archive_file("a.tar", &a), "t", &opts, NULL, &err), err);
	load("t", &b);
	ck_assert_uint_eq(b.ci.rootfs.manifest.nlayers, 1);
	ck_assert_uint_eq(b.ci.checkpoint.manifest.nlayers, 1);
}
END_TEST

START_TEST(wrong_base)
{
	const struct firn_build_opts opts = { .size = sizeof(opts), .base = base_ref };
	struct archive a = { .spec = engines[_i].spec, .inventory = "", .diff = diff };
	struct firn_error err = { 0 };
	char config[700], other[80];
	_free_ char *left = NULL;

	snprintf(other, sizeof(other), "%s%064d",
		 strstr(engines[_i].config, "@@ID@") ? "sha256:" : "", 7);
	strcpy(config, config_of(engines[_i].config, other));
	a.config = config;
	scratch_clear(scratch("out"));
	ck_assert_int_eq(build(archive_file("a.tar", &a), "t", &opts, NULL, &err), -FIRN_EMISMATCH);
	ck_assert_msg(strstr(err.msg, other) && strstr(err.msg, image_id), "%s", err.msg);
	left = scratch_list(scratch("out"));
	ck_assert_str_eq(left, "");
	ck_assert_int_ne(access(scratch("out"), F_OK), 0);
}
END_TEST

static void record_losses(const char *text, void *ctx)
{
	buf_printf(ctx, "%s\n", text);
}

START_TEST(losses)
{
	_buf_ struct buf told = BUF_INIT;
	const struct firn_report report = { .warn = record_losses, .ctx = &told };
	const struct firn_build_opts opts = { .size = sizeof(opts),
					      .base = base_ref,
					      .report = &report };
	static const struct tar_member odd[] = { { .name = "f\xff\xfe/x" }, { .name = NULL } };
	_result_ struct firn_build_result *r = NULL;
	_json_ json_t *list = NULL;
	_built_ struct built b = { 0 };
	struct archive a = { .spec = "", .inventory = "", .diff = odd };
	struct firn_error err = { 0 };
	char config[700];
	const char *text;

	strcpy(config, config_of(PODMAN_CONFIG, image_id));
	a.config = config;
	scratch_clear(scratch("out"));
	ck_ok(build(archive_file("a.tar", &a), "t", &opts, &r, &err), err);
	load("t", &b);
	text = annotation(&b.ci.checkpoint, ORG_FIRN_LOSS);
	ck_ok(json_parse(text, strlen(text), &list, &err), err);
	ck_assert_uint_eq(json_array_size(list), firn_build_result_losses(r));
	ck_assert_uint_eq(json_array_size(list), 4);
	/* a name that is no UTF-8 has no place in JSON */
	ck_assert_ptr_nonnull(strstr(json_string_value(json_array_get(list, 0)), "\"f??\""));
	ck_assert_ptr_nonnull(strstr((char *)told.data, "volume \"v1\""));
	for (size_t i = 0; i < firn_build_result_losses(r); i++)
		ck_assert_ptr_nonnull(strstr((char *)told.data, firn_build_result_loss(r, i)));
	ck_assert_ptr_null(firn_build_result_loss(r, 4));
}
END_TEST

START_TEST(tags)
{
	struct firn_build_opts opts = { .size = sizeof(opts) };
	struct archive a = { .config = "", .spec = "", .inventory = "" };
	_free_ char *before = NULL, *refused = NULL, *after = NULL, *bare = NULL;
	_result_ struct firn_build_result *r = NULL;
	struct firn_error err = { 0 };

	scratch_clear(scratch("out"));
	ck_ok(build(archive_file("a.tar", &a), "keep", &opts, NULL, &err), err);
	ck_ok(build(scratch("a.tar"), "t", &opts, NULL, &err), err);
	before = scratch_read(scratch("out/index.json"));
	a.diff = diff;
	archive_file("a.tar", &a);
	ck_assert_int_eq(build(scratch("a.tar"), "t", &opts, NULL, &err), -FIRN_EEXIST);
	refused = scratch_read(scratch("out/index.json"));
	ck_assert_str_eq(refused, before);
	opts.flags = FIRN_BUILD_FORCE;
	ck_ok(build(scratch("a.tar"), "t", &opts, &r, &err), err);
	after = scratch_read(scratch("out/index.json"));
	ck_assert_ptr_nonnull(strstr(after, "\"keep.checkpoint\""));
	ck_assert_ptr_nonnull(strstr(after, firn_build_result_index(r)));
	ck_assert_ptr_null(strstr(before, firn_build_result_index(r)));
	ck_assert_ptr_nonnull(strstr(after, "\"t.rootfs\""));
	/* a bare process has no rootfs image, and the one before is not its own */
	a = (struct archive){ .inventory = "" };
	ck_ok(build(archive_file("a.tar", &a), "t", &opts, NULL, &err), err);
	bare = scratch_read(scratch("out/index.json"));
	ck_assert_ptr_nonnull(strstr(bare, "\"t.checkpoint\""));
	ck_assert_ptr_nonnull(strstr(bare, "\"keep.rootfs\""));
	ck_assert_ptr_null(strstr(bare, "\"t.rootfs\""));
}
END_TEST

struct steps {
	unsigned count;
	uint64_t last, total;
};

static void step(const struct firn_progress *p, void *ctx)
{
	struct steps *s = ctx;

	ck_assert_uint_ge(p->done, s->last);
	ck_assert_ptr_nonnull(p->what);
	s->count++;
	s->last = p->done;
	s->total = p->total;
}

/* 64 MiB of pages: some calls, the last with all of it done. */
START_TEST(progress_and_digest)
{
	struct steps steps = { 0 };
	const struct firn_report report = { .progress = step, .ctx = &steps };
	const struct firn_build_opts opts = { .size = sizeof(opts),
					      .report = &report,
					      .flags = FIRN_BUILD_SOURCE_DIGEST };
	const size_t n = 64 << 20;
	const struct archive a = { .config = "", .spec = "", .inventory = "" };
	_buf_ struct buf tar = BUF_INIT;
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };
	char text[DIGEST_TEXT_MAX];
	struct digest digest;
	_free_ char *pages = calloc(1, n);

	MEMBER(&tar, .name = "checkpoint/pages-2.img", .data = pages, .data_len = n);
	put_archive(&tar, &a);
	scratch_write("a.tar", tar.data, tar.len);
	scratch_clear(scratch("out"));
	ck_ok(build(scratch("a.tar"), "t", &opts, NULL, &err), err);
	ck_assert_uint_eq(steps.total, tar.len);
	ck_assert_uint_eq(steps.last, tar.len);
	ck_assert_msg(steps.count > 4 && steps.count < 400, "%u steps", steps.count);
	load("t", &b);
	ck_ok(digest_of(tar.data, tar.len, &digest, &err), err);
	ck_assert_str_eq(annotation(&b.ci.checkpoint, ORG_FIRN_SOURCE_DIGEST),
			 digest_text(&digest, text));
}
END_TEST

static Suite *base_suite(void)
{
	Suite *s = suite_create("build_base");
	TCase *tc = tcase_create("build_base");

	tcase_add_unchecked_fixture(tc, setup, scratch_teardown);
	tcase_add_loop_test(tc, with_base, 0, ARRAY_SIZE(engines));
	tcase_add_test(tc, index_entries);
	tcase_add_test(tc, nothing_changed);
	tcase_add_test(tc, bare_with_base);
	tcase_add_loop_test(tc, wrong_base, 0, ARRAY_SIZE(engines));
	tcase_add_test(tc, losses);
	tcase_add_test(tc, tags);
	tcase_add_test(tc, progress_and_digest);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(base_suite)

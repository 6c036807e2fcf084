/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How engines get at a container's changes: R under the names that they look for, an archive's own
 * delta; and the archive itself.
 */
#include "unit.h"

#include "deltas.h"
#include "format/config_dump.h"
#include "format/recipe.h"

static const struct tar_member sound[] = {
	{ .name = "data/", DIR_, .mode = 0750, .uid = 7, .gid = 7, .mtime = 9 },
	{ .name = "data/new", .data = "new\n", .mtime = 3 },
	{ .name = "data/.wh.old" },
	{ .name = NULL },
};
static const struct tar_member plain[] = {
	{ .name = "data/new", .data = "new\n", .mtime = 3 },
	{ .name = NULL },
};

/* What the engines would have written of our base; @ID@ is its image ID or its reference. */
#define PODMAN_CONFIG                                                                              \
	"{\n  \"name\": \"c1\",\n  \"rootfsImageID\": \"@ID@\",\n"                                 \
	"  \"rootfsImageName\": \"localhost/x:1\",\n  \"runtime\": \"runc\"@MORE@\n}"
#define CRIO_CONFIG                                                                                \
	"{\"name\":\"k8s_k1_p1\",\"rootfsImageRef\":\"@ID@\","                                     \
	"\"rootfsImageName\":\"localhost/x:1\",\"runtime\":\"crun\"@MORE@}"
#define NAMED_CONFIG                                                                               \
	"{\"name\":\"k1_p1\",\"rootfsImageRef\":\"localhost/x@@ID@\","                             \
	"\"rootfsImageName\":\"localhost/x:1\",\"runtime\":\"io.containerd.runc.v2\"@MORE@}"
#define CRIO_FULL_SPEC                                                                             \
	"{\"annotations\":{\"io.container.manager\":\"cri-o\","                                    \
	"\"io.kubernetes.cri-o.Annotations\":\"{}\"}}"

static const struct maker {
	const char *word, *config, *spec, *id;
} makers[] = {
	{ "podman", PODMAN_CONFIG, PODMAN_SPEC, image_id },
	{ "cri-o", CRIO_CONFIG, CRIO_FULL_SPEC, image_id },
	{ "containerd", NAMED_CONFIG, CONTAINERD_SPEC, manifest },
};

/* @pattern with @what instead of @mark, in a buffer of two that take turns. */
static const char *fill(const char *pattern, const char *mark, const char *what)
{
	static char texts[2][900];
	static unsigned next;
	const char *at = strstr(pattern, mark);
	char *ret = texts[next++ % 2];

	snprintf(ret, sizeof(texts[0]), "%.*s%s%s", (int)(at - pattern), pattern, what,
		 at + strlen(mark));
	return ret;
}

static struct archive archive_of(const struct maker *m, const char *more)
{
	static const struct tar_member diff[] = { { .name = "data/new", .data = "new\n" }, { 0 } };

	return (struct archive){
		.config = fill(fill(m->config, "@ID@", m->id), "@MORE@", more),
		.spec = m->spec,
		.inventory = "",
		.diff = diff,
		.images_first = m != makers,
	};
}

/* The values may say ID and DIGEST of R: "I", "N@D". */
static const struct {
	size_t maker;
	const char *given;      /* --rootfs-name */
	const char *name;       /* rootfsImageName afterwards, NULL: config.dump is as it was */
	const char *ref;        /* rootfsImageID or rootfsImageRef */
	const char *noted, *by; /* annotation, and what it says */
} names[] = {
	{ 0, NULL, "@I@", "@I@", PODMAN_ROOTFS_IMAGE_NAME, "@I@" },
	{ 0, "reg.example:5000/a/x", "reg.example:5000/a/x", "@I@", PODMAN_ROOTFS_IMAGE_NAME,
	  "reg.example:5000/a/x" },
	{ 0, "oci:/srv/x:r", "oci:/srv/x:r", "@I@", PODMAN_ROOTFS_IMAGE_ID, "@I@" },
	{ 1, NULL, "localhost/x:1", "@I@", CRIO_ROOTFS_IMAGE_NAME, "localhost/x:1" },
	{ 1, "reg.example/x:2", "reg.example/x:2", "@I@", CRIO_ROOTFS_IMAGE_NAME,
	  "reg.example/x:2" },
	{ 2, NULL, NULL, NULL, ORG_CRIU_ROOTFS_IMAGE_NAME, "localhost/x:1" },
	{ 2, "reg.example:5000/x:2", "reg.example:5000/x:2", "reg.example:5000/x@@D@",
	  ORG_CRIU_ROOTFS_IMAGE_NAME, "localhost/x:1" },
	{ 2, "reg.example:5000/x", "reg.example:5000/x:latest", "reg.example:5000/x@@D@",
	  ORG_CRIU_CONTAINER_NAME, "k1_p1" },
};

static const char *expand(const struct built *b, const char *pattern)
{
	char text[DIGEST_TEXT_MAX];

	if (strstr(pattern, "@I@"))
		return fill(pattern, "@I@", digest_hex(&b->ci.rootfs.manifest.config.digest, text));
	if (strstr(pattern, "@D@"))
		return fill(pattern, "@D@", digest_text(&b->ci.rootfs.desc.digest, text));
	return pattern;
}

static const char *member_of(const struct config_dump *c, const char *key)
{
	return json_string_value(json_object_get(c->json, key));
}

START_TEST(rootfs_names)
{
	const struct maker *m = &makers[names[_i].maker];
	const struct firn_build_opts opts = { .size = sizeof(opts),
					      .base = base_ref,
					      .engine = _i % 2 ? m->word : NULL,
					      .rootfs_name = names[_i].given };
	_cleanup_(config_dump_done) struct config_dump now = { 0 };
	_buf_ struct buf back = BUF_INIT;
	_free_ char *text = NULL, *was = NULL;
	_built_ struct built b = { 0 };
	struct archive a = archive_of(m, "");
	const struct image *c = &b.ci.checkpoint;
	struct firn_error err = { 0 };

	was = strdup(a.config);
	scratch_clear(scratch("out"));
	ck_ok(build(archive_file("a.tar", &a), "t", &opts, NULL, &err), err);
	load("t", &b);
	text = layer_file(b.store, layer_of(c, "metadata"), "config.dump");
	ck_assert_str_eq(annotation(c, names[_i].noted), expand(&b, names[_i].by));
	if (!names[_i].name) {
		ck_assert_str_eq(text, was);
		ck_assert_ptr_null(annotation(c, ORG_FIRN_CONFIG_UNDO));
		return;
	}
	ck_ok(config_dump_parse(text, strlen(text), &now, &err), err);
	ck_assert_str_eq(member_of(&now, CONFIG_IMAGE_NAME), expand(&b, names[_i].name));
	ck_assert_str_eq(member_of(&now, m == makers ? CONFIG_IMAGE_ID : CONFIG_IMAGE_REF),
			 expand(&b, names[_i].ref));
	ck_ok(
	    config_dump_undo(text, strlen(text), annotation(c, ORG_FIRN_CONFIG_UNDO), &back, &err),
	    err);
	ck_assert_str_eq((char *)back.data, was);
}
END_TEST

#define MANY_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define MANY    MANY_64 MANY_64 MANY_64 MANY_64 MANY_64 MANY_64 MANY_64 MANY_64 "b"

static const struct {
	const char *name;
	size_t maker;
	const char *more; /* in config.dump */
	bool base;
	struct firn_build_opts opts;
	int code;
	const char *says;
} wishes[] = {
	{ "no such engine",
	  0,
	  "",
	  true,
	  { .engine = "docker" },
	  FIRN_EINVAL,
	  "no engine \"docker\"" },
	{ "not the maker", 0, "", true, { .engine = "containerd" }, FIRN_EUNSUPP, "status.dump" },
	{ "not the maker", 1, "", true, { .engine = "podman" }, FIRN_EUNSUPP, "by CRI-O" },
	{ "not the maker",
	  2,
	  "",
	  true,
	  { .engine = "cri-o" },
	  FIRN_EUNSUPP,
	  "io.kubernetes.cri-o.Annotations" },
	{ "no base", 0, "", false, { .engine = "podman" }, FIRN_EINVAL, "without the base" },
	{ "no base", 0, "", false, { .rootfs_name = "x:1" }, FIRN_EINVAL, "without its base" },
	{ "Podman refuses it",
	  0,
	  ",\"Dependencies\":[\"x\"]",
	  true,
	  { .engine = "podman" },
	  FIRN_EUNSUPP,
	  "depends on other" },
	{ "no name", 0, "", true, { .rootfs_name = "" }, FIRN_EINVAL, "no image's name" },
	{ "a long name", 0, "", true, { .rootfs_name = MANY }, FIRN_EINVAL, "too long" },
	{ "a blank", 0, "", true, { .rootfs_name = "a b" }, FIRN_EINVAL, "no image's name" },
	{ "a quote", 0, "", true, { .rootfs_name = "a\"b" }, FIRN_EINVAL, "no image's name" },
	{ "no tag", 0, "", true, { .rootfs_name = "a/x:" }, FIRN_EINVAL, "no image's name" },
	{ "a tag alone", 0, "", true, { .rootfs_name = ":1" }, FIRN_EINVAL, "no image's name" },
	{ "capitals",
	  2,
	  "",
	  true,
	  { .rootfs_name = "reg.example/X:1" },
	  FIRN_EINVAL,
	  "lower-case" },
	{ "a place, for containerd",
	  2,
	  "",
	  true,
	  { .rootfs_name = "oci:/srv/x:r" },
	  FIRN_EINVAL,
	  "containerd wants" },
	{ "a place with a quote",
	  0,
	  "",
	  true,
	  { .rootfs_name = "oci:/srv/\"x:r" },
	  FIRN_EINVAL,
	  "can't stand in" },
	{ "a digest",
	  2,
	  "",
	  true,
	  { .rootfs_name = "a/x@sha256:00" },
	  FIRN_EINVAL,
	  "give NAME:TAG" },
	{ "a name for nobody",
	  0,
	  "",
	  true,
	  { .rootfs_name = "x:1", .flags = FIRN_BUILD_ARCHIVE_DELTA },
	  FIRN_EINVAL,
	  "needs no name" },
	{ "two answers",
	  0,
	  "",
	  true,
	  { .upperdir = ".", .flags = FIRN_BUILD_ARCHIVE_DELTA },
	  FIRN_EINVAL,
	  "no engine's archive" },
};

START_TEST(bad_wishes)
{
	struct firn_build_opts opts = wishes[_i].opts;
	const struct archive a = archive_of(&makers[wishes[_i].maker], wishes[_i].more);

	opts.size = sizeof(opts);
	opts.base = wishes[_i].base ? base_ref : NULL;
	refused(wishes[_i].name, archive_file("a.tar", &a), &opts, wishes[_i].code,
		wishes[_i].says);
}
END_TEST

/* CRI-O's restore looks for its annotation; firn's own doesn't. */
START_TEST(crio_needs)
{
	struct firn_build_opts opts = { .size = sizeof(opts), .base = base_ref };
	struct archive a = archive_of(&makers[1], "");
	struct firn_error err = { 0 };

	a.spec = CRIO_SPEC;
	scratch_clear(scratch("out"));
	ck_ok(build(archive_file("a.tar", &a), "t", &opts, NULL, &err), err);
	opts.engine = "cri-o";
	refused("no annotations", scratch("a.tar"), &opts, FIRN_EUNSUPP, "CRI-O can't restore");
}
END_TEST

/* All of the archive, made again out of C. */
static void rebuild(const struct built *b, struct buf *ret)
{
	const struct image *c = &b->ci.checkpoint;
	_cleanup_(recipe_closep) struct recipe_reader *r = NULL;
	_cleanup_(istream_closep) struct istream *in = NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct recipe_piece p;
	struct firn_error err = { 0 };
	_free_ uint8_t *recipe = NULL;
	const struct node *n;
	int rc;

	ck_ok(store_open(b->store, layer_of(c, "compat"), &src, &err), err);
	ck_ok(layer_check(src, &t, &err), err);
	n = tree_find(t, RECIPE_PATH);
	ck_assert_ptr_nonnull(n);
	recipe = malloc(n->size);
	ck_ok(source_read_at(src, recipe, n->size, n->offset, &err), err);
	ck_ok(istream_from_mem(recipe, n->size, &in, &err), err);
	ck_ok(recipe_open(in, &r, &err), err);
	while ((rc = recipe_next(r, &p, &err)) > 0) {
		const char *role = strncmp(p.path ? p.path : "", "checkpoint/", 11) == 0 ? "images"
				   : p.path && tree_find(t, p.path) ? "compat"
								    : "metadata";
		_free_ char *text = NULL;

		if (p.path)
			text = layer_file(b->store, layer_of(c, role), p.path);
		buf_put(ret, p.path ? text : p.bytes, (size_t)p.size);
	}
	ck_ok(rc, err);
	ck_assert_uint_eq(recipe_size(r), ret->len);
}

/* What comes with it from the engine lies in C as it came, and the archive comes back. */
START_TEST(archive_delta)
{
	const struct maker *m = &makers[_i / 2];
	const struct firn_build_opts opts = { .size = sizeof(opts),
					      .base = base_ref,
					      .engine = m->word,
					      .flags = FIRN_BUILD_ARCHIVE_DELTA };
	const enum codec codec = m == &makers[2] ? CODEC_GZIP : CODEC_NONE;
	_buf_ struct buf tar = BUF_INIT, diff = BUF_INIT, archive = BUF_INIT, packed = BUF_INIT,
			 again = BUF_INIT;
	const char *deleted = codec ? NULL : "[\"/data/old\"]";
	const struct archive a = archive_of(m, "");
	_free_ char *config = NULL, *got = NULL, *list = NULL;
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };

	build_members(&tar, codec ? sound : plain);
	pack(codec, tar.data, tar.len, &diff);
	MEMBER(&archive, .name = "./", DIR_, .mode = 0700);
	put_file(&archive, "config.dump", a.config);
	put_file(&archive, "spec.dump", a.spec);
	put_file(&archive, "empty.log", "");
	put_images(&archive, &a);
	MEMBER(&archive, .name = "./rootfs-diff.tar", .data = (char *)diff.data,
	       .data_len = diff.len);
	put_file(&archive, "deleted.files", deleted);
	build_end(&archive);
	buf_puts(&archive, "and what nobody reads");
	if (_i % 2)
		pack(CODEC_ZSTD, archive.data, archive.len, &packed);
	else
		buf_put(&packed, archive.data, archive.len);
	scratch_write("a.tar", packed.data, packed.len);
	scratch_clear(scratch("out"));
	ck_ok(build(scratch("a.tar"), "t", &opts, NULL, &err), err);
	load("t", &b);
	ck_assert_ptr_null(annotation(&b.ci.checkpoint, ORG_FIRN_CONFIG_UNDO));
	config = layer_file(b.store, layer_of(&b.ci.checkpoint, "metadata"), "config.dump");
	ck_assert_str_eq(config, a.config);
	got = layer_file(b.store, layer_of(&b.ci.checkpoint, "compat"), "rootfs-diff.tar");
	ck_assert_mem_eq(got, diff.data, diff.len);
	list = layer_text(b.store, layer_of(&b.ci.checkpoint, "compat"));
	ck_assert_ptr_nonnull(strstr(list, "\nrootfs-diff.tar 100600 0:0 0 "));
	ck_assert(!strstr(list, "\ndeleted.files ") == !deleted);
	rebuild(&b, &again);
	ck_assert_uint_eq(again.len, archive.len);
	ck_assert_mem_eq(again.data, archive.data, archive.len);
}
END_TEST

/* A folder has no headers to keep, and nothing that engines would restore from has no delta. */
START_TEST(archive_delta_without)
{
	const struct firn_build_opts opts = { .size = sizeof(opts),
					      .flags = FIRN_BUILD_ARCHIVE_DELTA };
	_free_ char *list = NULL;
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };

	mkdir(scratch("folder"), 0700);
	mkdir(scratch("folder/checkpoint"), 0700);
	scratch_write("folder/checkpoint/inventory.img", "i", 1);
	refused("a bare dump", scratch("folder"), &opts, FIRN_EINVAL, "config.dump");
	scratch_write("folder/config.dump", "{\"name\":\"c1\"}", 13);
	scratch_write("folder/spec.dump", PODMAN_SPEC, strlen(PODMAN_SPEC));
	scratch_write("folder/deleted.files", "[\"/x\"]", 6);
	ck_ok(build(scratch("folder"), "t", &opts, NULL, &err), err);
	load("t", &b);
	list = layer_text(b.store, layer_of(&b.ci.checkpoint, "compat"));
	ck_assert_ptr_nonnull(strstr(list, "\ndeleted.files "));
	ck_assert_ptr_null(strstr(list, "firn"));
}
END_TEST

/* Nobody's file is taken for the recipe. */
START_TEST(archive_delta_name)
{
	static const struct tar_member more[] = { { .name = "firn/source.recipe", .data = "x" },
						  { 0 } };
	const struct firn_build_opts opts = { .size = sizeof(opts),
					      .flags = FIRN_BUILD_ARCHIVE_DELTA };
	struct archive a = archive_of(&makers[0], "");

	a.more = more;
	refused("the recipe's name", archive_file("a.tar", &a), &opts, FIRN_ECORRUPT,
		"firn/source.recipe");
}
END_TEST

/* The bytes of the file that is kept, by its own manifest. */
static char *kept_file(const struct built *b, size_t *ret_len, char media_type[160])
{
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	const struct oci_descriptor *d = &b->index.manifests[2];
	struct firn_error err = { 0 };
	char *text = NULL;

	ck_assert_uint_eq(b->index.nmanifests, 3);
	ck_assert_str_eq(oci_annotation(d->json, ORG_FIRN_ROLE), "source");
	ck_assert_str_eq(oci_annotation(d->json, ORG_FIRN_CONTAINER), "c1");
	ck_assert_ptr_null(json_object_get(d->json, "platform"));
	ck_assert_str_eq(json_string_value(json_object_get(d->json, "artifactType")), FIRN_SOURCE);
	ck_ok(image_load_manifest(b->store, d, &m, &err), err);
	ck_assert_str_eq(json_string_value(json_object_get(m.json, "artifactType")), FIRN_SOURCE);
	ck_assert_str_eq(m.config.media_type, OCI_EMPTY);
	ck_assert_uint_eq(m.config.size, 2);
	ck_assert_int_eq(store_has(b->store, &m.config.digest, NULL, &err), 1);
	ck_assert_uint_eq(m.nlayers, 1);
	strcpy(media_type, m.layers[0].media_type);
	ck_ok(store_read(b->store, &m.layers[0].digest, m.layers[0].size, 1 << 20, &text, ret_len,
			 &err),
	      err);
	return text;
}

START_TEST(keep_source)
{
	static const struct {
		enum codec codec;
		const char *type;
	} forms[] = {
		{ CODEC_NONE, "application/x-tar" },
		{ CODEC_GZIP, "application/x-tar+gzip" },
		{ CODEC_ZSTD, "application/x-tar+zstd" },
	};
	struct firn_build_opts opts = { .size = sizeof(opts), .base = base_ref };
	const struct archive a = archive_of(&makers[0], "");
	_result_ struct firn_build_result *without = NULL, *with = NULL;
	_buf_ struct buf tar = BUF_INIT, packed = BUF_INIT;
	_built_ struct built b = { 0 };
	_free_ char *bytes = NULL;
	struct firn_error err = { 0 };
	char type[160];
	size_t n = 0;

	put_archive(&tar, &a);
	pack(forms[_i].codec, tar.data, tar.len, &packed);
	scratch_write("a.tar", packed.data, packed.len);
	scratch_clear(scratch("out"));
	opts.flags = FIRN_BUILD_SOURCE_DIGEST;
	ck_ok(build(scratch("a.tar"), "without", &opts, &without, &err), err);
	opts.flags |= FIRN_BUILD_KEEP_SOURCE;
	ck_ok(build(scratch("a.tar"), "with", &opts, &with, &err), err);
	ck_assert_str_eq(firn_build_result_checkpoint(with), firn_build_result_checkpoint(without));
	ck_assert_str_eq(firn_build_result_rootfs(with), firn_build_result_rootfs(without));
	ck_assert_str_ne(firn_build_result_index(with), firn_build_result_index(without));
	load("with", &b);
	bytes = kept_file(&b, &n, type);
	ck_assert_str_eq(type, forms[_i].type);
	ck_assert_uint_eq(n, packed.len);
	ck_assert_mem_eq(bytes, packed.data, n);
}
END_TEST

START_TEST(keep_folder)
{
	const struct firn_build_opts opts = { .size = sizeof(opts),
					      .flags = FIRN_BUILD_KEEP_SOURCE };

	mkdir(scratch("folder"), 0700);
	scratch_write("folder/inventory.img", "i", 1);
	refused("a folder", scratch("folder"), &opts, FIRN_EINVAL, "no single file");
}
END_TEST

static Suite *build_engines_suite(void)
{
	Suite *s = suite_create("build_engines");
	TCase *t = tcase_create("build_engines");

	tcase_add_unchecked_fixture(t, setup, scratch_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, rootfs_names, 0, ARRAY_SIZE(names));
	tcase_add_loop_test(t, bad_wishes, 0, ARRAY_SIZE(wishes));
	tcase_add_test(t, crio_needs);
	tcase_add_loop_test(t, archive_delta, 0, 2 * ARRAY_SIZE(makers));
	tcase_add_test(t, archive_delta_without);
	tcase_add_test(t, archive_delta_name);
	tcase_add_loop_test(t, keep_source, 0, 3);
	tcase_add_test(t, keep_folder);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(build_engines_suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several containers in one image: firn_build_all() and firn_build_project(). */
#include "unit.h"

#include "building.h"

static char base_ref[300], image_id[DIGEST_TEXT_MAX];

static const struct tar_member base_members[] = {
	{ .name = "./", DIR_, .mode = 0755, .mtime = 1 },
	{ .name = "data/", DIR_, .mode = 0750, .mtime = 2 },
	{ .name = "data/old", .data = "old" },
	{ .name = NULL },
};

static void setup(void)
{
	_buf_ struct buf layer = BUF_INIT;

	scratch_setup();
	build_members(&layer, base_members);
	make_base("b", &layer, 1, image_id, NULL);
	snprintf(base_ref, sizeof(base_ref), "oci:%s:b", scratch("base"));
}

static void clear(void)
{
	scratch_clear(scratch("out"));
	scratch_clear(scratch("p"));
	ck_assert_int_eq(mkdir(scratch("p"), 0700), 0);
}

/* The archive of container @name in the file @file, with a line of its own in its delta. */
static const char *put(const char *file, const char *name)
{
	static char paths[4][300];
	static unsigned next;
	char *path = paths[next++ % 4];
	char config[300];
	const struct tar_member diff[] = { { .name = "data/new", .data = name, .mtime = 3 },
					   { .name = NULL } };
	const struct archive a = { .config = config, .spec = "", .inventory = "", .diff = diff };

	snprintf(config, sizeof(config),
		 "{\"name\":\"%s\",\"runtime\":\"runc\",\"rootfsImageID\":\"%s\"}", name, image_id);
	snprintf(path, sizeof(paths[0]), "%s", archive_file(file, &a));
	return path;
}

static const char *dest(const char *tag)
{
	static char text[300];

	snprintf(text, sizeof(text), "oci:%s:%s", scratch("out"), tag);
	return text;
}

/* The tags of the layout "out", one after another. Caller frees. */
static char *tags(void)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	_buf_ struct buf text = BUF_INIT;
	struct firn_error err = { 0 };
	_free_ char *json = scratch_read(scratch("out/index.json"));

	ck_ok(oci_index_parse(json, strlen(json), &index, &err), err);
	for (size_t i = 0; i < index.nmanifests; i++)
		buf_printf(&text, "%s ", oci_annotation(index.manifests[i].json, OCI_REF_NAME));
	return buf_steal(&text);
}

/* What the image of @tag has for @container, the delta's file in it. Caller frees. */
static char *delta_of(const char *tag, const char *container)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor d = { 0 };
	_cleanup_(checkpoint_image_done) struct checkpoint_image ci = { 0 };
	_cleanup_(layout_closep) struct layout *l = NULL;
	_cleanup_(ref_done) struct ref ref = { 0 };
	struct firn_error err = { 0 };

	ck_ok(ref_parse(dest(tag), &ref, &err), err);
	ck_ok(layout_open_ref(&ref, &l, &err), err);
	ck_ok(layout_resolve(l, &ref, &d, &err), err);
	ck_ok(checkpoint_image_load(layout_store(l), &d, container, &ci, &err), err);
	ck_assert_str_eq(annotation(&ci.checkpoint, ORG_FIRN_CONTAINER), container);
	ck_assert_str_eq(annotation(&ci.rootfs, ORG_FIRN_CONTAINER), container);
	return layer_file(layout_store(l), layer_of(&ci.rootfs, "delta"), "data/new");
}

static struct firn_build_item item(const char *checkpoint, const char *container)
{
	return (struct firn_build_item){ .size = sizeof(struct firn_build_item),
					 .checkpoint = checkpoint,
					 .container = container };
}

START_TEST(two)
{
	_result_ struct firn_build_result *r = NULL, *again = NULL;
	const struct firn_build_opts opts = { .size = sizeof(opts), .base = base_ref };
	struct firn_build_item items[2];
	struct firn_error err = { 0 };
	_free_ char *list = NULL, *a = NULL, *b = NULL, *blobs = NULL;

	clear();
	items[0] = item(put("p/1", "web"), NULL);
	items[1] = item(put("p/2", "db"), NULL);
	ck_ok(firn_build_all(items, 2, dest("t"), &opts, &r, &err), err);
	list = tags();
	ck_assert_str_eq(list, "t t.web.checkpoint t.web.rootfs t.db.checkpoint t.db.rootfs ");
	a = delta_of("t", "web");
	b = delta_of("t", "db");
	ck_assert_str_eq(a, "web");
	ck_assert_str_eq(b, "db");
	/* Of the whole, and of each. */
	ck_assert_uint_eq(firn_build_result_parts(r), 2);
	ck_assert_ptr_null(firn_build_result_checkpoint(r));
	ck_assert_ptr_null(firn_build_result_container(r));
	ck_assert_ptr_null(firn_build_result_engine(r));
	ck_assert_ptr_null(firn_build_result_part(r, 2));
	ck_assert_str_eq(firn_build_result_container(firn_build_result_part(r, 1)), "db");
	ck_assert_str_eq(firn_build_result_index(firn_build_result_part(r, 1)),
			 firn_build_result_index(r));
	ck_assert_uint_eq(firn_build_result_bytes(r),
			  firn_build_result_bytes(firn_build_result_part(r, 0)) +
			      firn_build_result_bytes(firn_build_result_part(r, 1)));
	/* I, two C with config and three layers, two R with config and delta, the base's layer. */
	blobs = scratch_list(scratch("out/blobs/sha256"));
	ck_assert_uint_eq(strlen(blobs) / 65, 1 + 2 * 4 + 2 * 3 + 1 - 1);
	scratch_clear(scratch("out"));
	ck_ok(firn_build_all(items, 2, dest("t"), &opts, &again, &err), err);
	ck_assert_str_eq(firn_build_result_index(again), firn_build_result_index(r));
}
END_TEST

/* The only one is as it always was. */
START_TEST(one)
{
	_result_ struct firn_build_result *r = NULL, *alone = NULL;
	struct firn_build_item items[1];
	struct firn_error err = { 0 };
	_free_ char *list = NULL;

	clear();
	items[0] = item(put("p/1.tar", "c 1"), NULL);
	ck_ok(firn_build_all(items, 1, dest("t"), NULL, &r, &err), err);
	ck_ok(firn_build(items[0].checkpoint, dest("u"), NULL, &alone, &err), err);
	ck_assert_str_eq(firn_build_result_index(r), firn_build_result_index(alone));
	ck_assert_uint_eq(firn_build_result_parts(r), 1);
	ck_assert_ptr_eq(firn_build_result_part(r, 0), r);
	ck_assert_str_eq(firn_build_result_container(r), "c 1");
	list = tags();
	ck_assert_str_eq(list, "t t.checkpoint t.rootfs u u.checkpoint u.rootfs ");
}
END_TEST

START_TEST(bases)
{
	static char named[320];
	const char *const list[] = { named };
	const struct firn_build_opts opts = { .size = sizeof(opts), .bases = list, .nbases = 1 };
	struct firn_build_item items[2];
	_cleanup_(oci_descriptor_done) struct oci_descriptor d = { 0 };
	_cleanup_(layout_closep) struct layout *l = NULL;
	_cleanup_(ref_done) struct ref ref = { 0 };
	struct firn_error err = { 0 };

	clear();
	snprintf(named, sizeof(named), "db=%s", base_ref);
	items[0] = item(put("p/1", "web"), NULL);
	items[1] = item(put("p/2", "db"), NULL);
	ck_ok(firn_build_all(items, 2, dest("t"), &opts, NULL, &err), err);
	ck_ok(ref_parse(dest("t"), &ref, &err), err);
	ck_ok(layout_open_ref(&ref, &l, &err), err);
	ck_ok(layout_resolve(l, &ref, &d, &err), err);
	for (int i = 0; i < 2; i++) {
		_cleanup_(checkpoint_image_done) struct checkpoint_image ci = { 0 };

		ck_ok(checkpoint_image_load(layout_store(l), &d, i ? "db" : "web", &ci, &err), err);
		ck_assert_int_eq(ci.external_base, i == 0);
		ck_assert_uint_eq(ci.rootfs.manifest.nlayers, i ? 2 : 1);
	}
}
END_TEST

/* A tag that is made anew takes along the names that it had given, and those alone. */
START_TEST(replaced)
{
	const struct firn_build_opts force = { .size = sizeof(force), .flags = FIRN_BUILD_FORCE };
	struct firn_build_item items[3];
	struct firn_error err = { 0 };
	_free_ char *first = NULL, *second = NULL, *third = NULL;

	clear();
	items[0] = item(put("p/1", "web"), NULL);
	items[1] = item(put("p/2", "db"), NULL);
	items[2] = item(put("p/3", "mail"), NULL);
	ck_ok(firn_build(items[2].checkpoint, dest("t.db"), NULL, NULL, &err), err);
	ck_assert_int_eq(firn_build_all(items, 2, dest("t"), NULL, NULL, &err), -FIRN_EEXIST);
	ck_ok(firn_build_all(items, 2, dest("u"), NULL, NULL, &err), err);
	ck_ok(firn_build_all(items + 1, 2, dest("u"), &force, NULL, &err), err);
	first = tags();
	ck_assert_str_eq(first, "t.db t.db.checkpoint t.db.rootfs u u.db.checkpoint u.db.rootfs "
				"u.mail.checkpoint u.mail.rootfs ");
	ck_ok(firn_build(items[0].checkpoint, dest("u"), &force, NULL, &err), err);
	second = tags();
	ck_assert_str_eq(second, "t.db t.db.checkpoint t.db.rootfs u u.checkpoint u.rootfs ");
	/* Another image has the name by now. */
	ck_ok(firn_build_all(items, 2, dest("u"), &force, NULL, &err), err);
	ck_ok(firn_build(items[2].checkpoint, dest("u.db"), &force, NULL, &err), err);
	ck_ok(firn_build(items[2].checkpoint, dest("u"), &force, NULL, &err), err);
	third = tags();
	ck_assert_ptr_nonnull(strstr(third, " u.db.checkpoint "));
	ck_assert_ptr_null(strstr(third, "u.web"));
}
END_TEST

static void put_text(const char *name, const char *text)
{
	scratch_write(name, text, strlen(text));
}

/* A pod's folder: each container's checkpoint unpacked, as far as the reader asks for it. */
static void put_folder(const char *path, const char *config)
{
	char name[100];

	ck_assert_int_eq(mkdir(scratch(path), 0700), 0);
	snprintf(name, sizeof(name), "%s/checkpoint", path);
	ck_assert_int_eq(mkdir(scratch(name), 0700), 0);
	snprintf(name, sizeof(name), "%s/checkpoint/inventory.img", path);
	put_text(name, "i");
	if (!config)
		return;
	snprintf(name, sizeof(name), "%s/config.dump", path);
	put_text(name, config);
	snprintf(name, sizeof(name), "%s/spec.dump", path);
	put_text(name, CRIO_SPEC);
}

struct told {
	char text[8192];
};

static void told(const char *text, void *ctx)
{
	struct told *t = ctx;
	const size_t used = strlen(t->text);

	snprintf(t->text + used, sizeof(t->text) - used, "%s\n", text);
}

static int build_project(const char *tag, struct told *t, struct firn_error *err)
{
	const struct firn_report report = { .warn = told, .ctx = t };
	const struct firn_build_opts opts = { .size = sizeof(opts), .report = &report };

	*t = (struct told){ "" };
	return firn_build_project(scratch("p"), dest(tag), &opts, NULL, err);
}

START_TEST(project)
{
	struct firn_error err = { 0 };
	_free_ char *list = NULL;
	struct told t;

	clear();
	put("p/x.tar", "c1");
	put("p/y.tar", "c1");
	put("p/other.tar", "c3");
	put_text("p/project.json", "{\"services\":[{\"name\":\"web\",\"archive\":\"y.tar\"},"
				   "{\"name\":\"db\",\"archive\":\"x.tar\"}]}");
	ck_ok(build_project("t", &t, &err), err);
	list = tags();
	ck_assert_str_eq(list, "t t.web.checkpoint t.web.rootfs t.db.checkpoint t.db.rootfs ");
	ck_assert_ptr_nonnull(strstr(t.text, "db: "));
}
END_TEST

START_TEST(archives_alone)
{
	struct firn_error err = { 0 };
	_free_ char *list = NULL;
	struct told t;

	clear();
	put("p/b", "second");
	put("p/c.tar", "third");
	put_text("p/README", "no archive");
	put_text("p/.hidden.tar", "no archive");
	ck_assert_int_eq(mkdir(scratch("p/layout"), 0700), 0);
	put_text("p/layout/oci-layout", "{}");
	put_folder("p/a", NULL);
	ck_ok(build_project("t", &t, &err), err);
	list = tags();
	ck_assert_str_eq(list, "t t.a.checkpoint t.second.checkpoint t.second.rootfs "
			       "t.third.checkpoint t.third.rootfs ");
	ck_assert_ptr_nonnull(strstr(t.text, "\"README\" is left out"));
	ck_assert_ptr_nonnull(strstr(t.text, "\"layout\" is left out"));
	ck_assert_ptr_null(strstr(t.text, "hidden"));
}
END_TEST

START_TEST(pod)
{
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };
	_free_ char *list = NULL;
	struct told t;

	clear();
	put_folder("p/1f-web", "{\"name\":\"k8s_web\"}");
	put_folder("p/2e-db", "{\"name\":\"k8s_db\"}");
	put_folder("p/3d-left", NULL);
	put_text("p/pod.dump", "{\"metadata\":{\"name\":\"shop\",\"namespace\":\"n1\"}}");
	put_text("p/pod.options",
		 "{\"version\":1,\"containers\":{\"web\":\"1f-web\",\"db\":\"2e-db\"}}");
	ck_ok(build_project("t", &t, &err), err);
	list = tags();
	ck_assert_str_eq(list, "t t.db.checkpoint t.db.rootfs t.web.checkpoint t.web.rootfs ");
	load_of("t", "web", &b);
	/* The container's own document says p1, pod.dump the rest. */
	ck_assert_str_eq(annotation(&b.ci.checkpoint, ORG_CRIU_POD_NAME), "p1");
	ck_assert_str_eq(annotation(&b.ci.checkpoint, ORG_CRIU_POD_NAMESPACE), "n1");
	ck_assert_str_eq(oci_annotation(b.index.json, ORG_CRIU_POD_NAME), "p1");
	ck_assert_str_eq(oci_annotation(b.index.json, ORG_CRIU_POD_NAMESPACE), "n1");
	ck_assert_ptr_null(oci_annotation(b.index.json, ORG_CRIU_CONTAINER_NAME));
	ck_assert_ptr_null(oci_annotation(b.index.json, CRIO_NAME));
}
END_TEST

/* Nothing of a refused build is there afterwards, not even the folder. */
static void refused(int rc, int want, const char *says, const struct firn_error *err)
{
	ck_assert_msg(rc == want && strstr(err->msg, says), "%d %s", rc, err->msg);
	ck_assert_int_ne(access(scratch("out"), F_OK), 0);
}

START_TEST(bad_items)
{
	const char *const nobody[] = { "mail=x" }, *const no_name[] = { "=x" };
	const struct firn_build_opts named = { .size = sizeof(named), .container = "x" },
				     nobodys = { .size = sizeof(nobodys),
						 .bases = nobody,
						 .nbases = 1 },
				     unnamed = { .size = sizeof(unnamed),
						 .bases = no_name,
						 .nbases = 1 };
	const char *web, *db, *odd;
	struct firn_error err = { 0 };
	static const struct {
		const char *a, *b; /* names; "" takes that of the checkpoint */
		int rc;
		const char *says;
	} names[] = {
		{ "a", "a", -FIRN_EINVAL, "\"a\" is in" },
		{ "db", "", -FIRN_EINVAL, "\"db\" is in" },
		{ "a", "../b", -FIRN_EINVAL, "container name \"../b\"" },
		{ "a", "b/c", -FIRN_EINVAL, "container name \"b/c\"" },
		{ "a", "b..c", -FIRN_EINVAL, "container name \"b..c\"" },
		{ "..", "b", -FIRN_EINVAL, "container name \"..\"" },
	};
	struct firn_build_item items[2];

	clear();
	web = put("p/1", "web");
	db = put("p/2", "db");
	odd = put("p/3", "o/dd");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		items[0] = item(web, *names[i].a ? names[i].a : NULL);
		items[1] = item(db, *names[i].b ? names[i].b : NULL);
		refused(firn_build_all(items, 2, dest("t"), NULL, NULL, &err), names[i].rc,
			names[i].says, &err);
	}
	items[0] = item(web, NULL);
	items[1] = item(odd, NULL);
	refused(firn_build_all(items, 2, dest("t"), NULL, NULL, &err), -FIRN_EINVAL,
		"container name \"o/dd\"", &err);
	items[1] = item(scratch("p/none"), "b");
	refused(firn_build_all(items, 2, dest("t"), NULL, NULL, &err), -FIRN_ENOTFOUND, "p/none",
		&err);
	items[1] = item("-", NULL);
	refused(firn_build_all(items, 2, dest("t"), NULL, NULL, &err), -FIRN_EINVAL,
		"standard input", &err);
	items[0] = item("-", "a");
	items[1] = item("-", "b");
	refused(firn_build_all(items, 2, dest("t"), NULL, NULL, &err), -FIRN_EINVAL,
		"standard input", &err);
	items[0] = item(web, NULL);
	items[1] = item(db, NULL);
	refused(firn_build_all(items, 2, dest("t"), &named, NULL, &err), -FIRN_EINVAL, "one", &err);
	refused(firn_build_all(items, 2, dest("t"), &nobodys, NULL, &err), -FIRN_EINVAL,
		"no such container", &err);
	refused(firn_build_all(items, 2, dest("t"), &unnamed, NULL, &err), -FIRN_EINVAL,
		"NAME=IMAGE", &err);
	refused(firn_build_all(items, 0, dest("t"), NULL, NULL, &err), -FIRN_EINVAL, "no", &err);
	refused(firn_build_all(items, 65, dest("t"), NULL, NULL, &err), -FIRN_ELIMIT, "64", &err);
	items[1].size = 8;
	refused(firn_build_all(items, 2, dest("t"), NULL, NULL, &err), -FIRN_EINVAL, "sizes", &err);
	/* A tag of two names that is too long shows before the first checkpoint is read. */
	items[1] = item(db, "b");
	{
		char tag[300] = "";

		memset(tag, 't', 250);
		refused(firn_build_all(items, 2, dest(tag), NULL, NULL, &err), -FIRN_ELIMIT, "255",
			&err);
	}
}
END_TEST

/* The second one is broken: the first one's blobs never had names. */
START_TEST(second_broken)
{
	const struct archive cut = { .config = "", .spec = "", .inventory = NULL };
	const struct firn_build_opts opts = { .size = sizeof(opts), .base = base_ref };
	struct firn_build_item items[2];
	struct firn_error err = { 0 };
	_free_ char *before = NULL, *after = NULL, *index = NULL, *now = NULL, *second = NULL;
	int rc;

	clear();
	second = strdup(archive_file("p/2", &cut));
	items[0] = item(put("p/1", "web"), NULL);
	items[1] = item(second, "db");
	refused(firn_build_all(items, 2, dest("t"), NULL, NULL, &err), -FIRN_ECORRUPT,
		"inventory.img is missing", &err);
	ck_assert_ptr_nonnull(strstr(err.msg, "p/2"));
	ck_ok(firn_build(items[0].checkpoint, dest("old"), NULL, NULL, &err), err);
	before = scratch_list(scratch("out"));
	index = scratch_read(scratch("out/index.json"));
	rc = firn_build_all(items, 2, dest("t"), &opts, NULL, &err);
	ck_assert_msg(rc == -FIRN_ECORRUPT, "%d %s", rc, err.msg);
	after = scratch_list(scratch("out"));
	now = scratch_read(scratch("out/index.json"));
	ck_assert_str_eq(before, after);
	ck_assert_str_eq(index, now);
}
END_TEST

static const struct {
	const char *file, *text; /* besides web.tar, which holds container "web" */
	int rc;
	const char *says;
} bad_projects[] = {
	{ "project.json", "{\"services\":[{\"name\":\"a\",\"archive\":\"none.tar\"}]}",
	  -FIRN_ENOTFOUND, "container a: \"none.tar\"" },
	{ "project.json", "{\"services\":[{\"name\":\"a\",\"archive\":\"../p/web.tar\"}]}",
	  -FIRN_ECORRUPT, "project.json: services[0]" },
	{ "project.json", "{\"services\":[{\"name\":\"a\",\"archive\":\"link\"}]}", -FIRN_ECORRUPT,
	  "neither a file nor a folder" },
	{ "project.json", "{\"services\":[{\"name\":\"a\",\"archive\":\"fifo\"}]}", -FIRN_ECORRUPT,
	  "neither a file nor a folder" },
	{ "project.json", "{", -FIRN_ECORRUPT, "project.json" },
	{ "pod.options", "{\"version\":1,\"containers\":{\"a\":\"none\"}}", -FIRN_ENOTFOUND,
	  "container a: \"none\"" },
	{ "pod.options", "{\"version\":9,\"containers\":{\"a\":\"web.tar\"}}", -FIRN_EUNSUPP,
	  "pod.options: has version 9" },
	{ "pod.dump", "[]", -FIRN_ECORRUPT, "pod.dump" },
	{ "web2.tar", "web.tar", -FIRN_EINVAL, "\"web\" is in" },
	{ "zero.tar", "", -FIRN_ECORRUPT, "zero.tar" },
	{ "text.tar.gz", "no archive", -FIRN_ECORRUPT, "text.tar.gz" },
};

START_TEST(bad_project)
{
	char path[100];
	struct firn_error err = { 0 };
	struct told t;

	clear();
	put("p/web.tar", "web");
	ck_assert_int_eq(symlink("web.tar", scratch("p/link")), 0);
	ck_assert_int_eq(mkfifo(scratch("p/fifo"), 0600), 0);
	snprintf(path, sizeof(path), "p/%s", bad_projects[_i].file);
	if (strcmp(bad_projects[_i].text, "web.tar") == 0)
		put(path, "web");
	else
		put_text(path, bad_projects[_i].text);
	refused(build_project("t", &t, &err), bad_projects[_i].rc, bad_projects[_i].says, &err);
}
END_TEST

START_TEST(no_project)
{
	struct firn_error err = { 0 };
	struct told t;

	clear();
	refused(build_project("t", &t, &err), -FIRN_ECORRUPT, "no checkpoint in it", &err);
	put_text("p/README", "text");
	refused(build_project("t", &t, &err), -FIRN_ECORRUPT, "no checkpoint in it", &err);
	refused(firn_build_project(scratch("none"), dest("t"), NULL, NULL, &err), -FIRN_ENOTFOUND,
		"none", &err);
	refused(firn_build_project(scratch("p/README"), dest("t"), NULL, NULL, &err), -FIRN_EFAIL,
		"README", &err);
	ck_assert_int_eq(symlink("/etc/passwd", scratch("p/project.json")), 0);
	refused(build_project("t", &t, &err), -FIRN_EFAIL, "project.json", &err);
}
END_TEST

static Suite *build_all_suite(void)
{
	Suite *s = suite_create("build_all");
	TCase *tc = tcase_create("build_all");

	tcase_add_unchecked_fixture(tc, setup, scratch_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, two);
	tcase_add_test(tc, one);
	tcase_add_test(tc, bases);
	tcase_add_test(tc, replaced);
	tcase_add_test(tc, project);
	tcase_add_test(tc, archives_alone);
	tcase_add_test(tc, pod);
	tcase_add_test(tc, bad_items);
	tcase_add_test(tc, second_broken);
	tcase_add_loop_test(tc, bad_project, 0, ARRAY_SIZE(bad_projects));
	tcase_add_test(tc, no_project);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(build_all_suite)

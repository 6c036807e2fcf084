/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Chains of dumps: what firn_build() finds, and what it makes of them. */
#include "unit.h"

#include "base/path.h"
#include "building.h"
#include "format/checkpoint.h"
#include "view/plain.h"

#include <errno.h>

/* The folders of a path below the scratch folder, and the file with the text @text. */
static void put(const char *path, const char *text)
{
	char whole[100];

	snprintf(whole, sizeof(whole), "%s", path);
	for (char *slash = strchr(whole, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		ck_assert(mkdir(scratch(whole), 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	scratch_write(path, text, strlen(text));
}

static void put_link(const char *path, const char *target)
{
	unlink(scratch(path));
	ck_assert_int_eq(symlink(target, scratch(path)), 0);
}

/* A dump in the folder @path with the link @parent (may be NULL), known by its text. */
static void put_dump(const char *path, const char *parent, const char *text)
{
	char file[100];

	snprintf(file, sizeof(file), "%s/inventory.img", path);
	put(file, "i");
	snprintf(file, sizeof(file), "%s/pagemap-1.img", path);
	put(file, text);
	snprintf(file, sizeof(file), "%s/parent", path);
	if (parent)
		put_link(file, parent);
}

/* Names and texts of the members in layer @i of C, or targets; "" when there is no such layer. */
static char *members_of(const struct built *b, size_t i)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *t = NULL;
	const struct oci_manifest *m = &b->ci.checkpoint.manifest;
	_buf_ struct buf text = BUF_INIT;
	struct firn_error err = { 0 };
	struct node **list;

	buf_puts(&text, "");
	if (i >= m->nlayers)
		return buf_steal(&text);
	ck_ok(store_open(b->store, &m->layers[i].digest, &src, &err), err);
	ck_assert_int_eq(layer_check(src, &t, &err), LAYER_OURS);
	ck_ok(plain_check(t, &err), err);
	for (const struct node *dir = t->root->children; dir; dir = dir->next) {
		ck_ok(tree_sorted(dir, &list, &err), err);
		for (uint32_t n = 0; n < dir->nchildren; n++) {
			char bytes[64] = "";

			if (S_ISREG(list[n]->mode) && strstr(list[n]->name, "pagemap"))
				ck_ok(source_read_at(src, bytes, (size_t)list[n]->size,
						     list[n]->offset, &err),
				      err);
			buf_printf(&text, "%s/%s%s%s\n", dir->name, list[n]->name,
				   list[n]->target ? " -> "
				   : *bytes        ? " = "
						   : "",
				   list[n]->target ? list[n]->target : bytes);
		}
		free(list);
	}
	return buf_steal(&text);
}

static void check_members(const struct built *b, size_t i, const char *want)
{
	_free_ char *text = members_of(b, i);

	ck_assert_msg(strcmp(text, want) == 0, "layer %zu:\n%s", i, text);
}

/* Build @from with --previous; 0 or the error. */
static int build_chain(const char *from, const char *previous, struct firn_error *err)
{
	const struct firn_build_opts opts = { .size = sizeof(opts),
					      .flags = FIRN_BUILD_FORCE,
					      .previous = previous };

	return build(from, "c", &opts, NULL, err);
}

static const char *at(const char *path)
{
	return scratch(path);
}

START_TEST(siblings)
{
	_built_ struct built two = { 0 };
	_built_ struct built three = { 0 };
	struct firn_error err = { 0 };
	struct digest first, second;

	put_dump("1", NULL, "one");
	put_dump("2", "../1", "two");
	put("2/stats-dump", "s");
	put_dump("3", "../2", "three");
	ck_ok(build_chain(at("2"), NULL, &err), err);
	load("c", &two);
	ck_assert_uint_eq(two.ci.checkpoint.manifest.nlayers, 3);
	check_members(&two, 1,
		      "checkpoint/inventory.img\ncheckpoint/pagemap-1.img = two\n"
		      "checkpoint/parent -> ../pre-checkpoint\n");
	check_members(&two, 2,
		      "pre-checkpoint/inventory.img\npre-checkpoint/pagemap-1.img = one\n");
	first = two.ci.checkpoint.manifest.layers[2].digest;

	ck_ok(build_chain(at("3"), NULL, &err), err);
	load("c", &three);
	check_members(&three, 0,
		      "checkpoint/inventory.img\ncheckpoint/pagemap-1.img = three\n"
		      "checkpoint/parent -> ../pre-checkpoint.2\n");
	check_members(&three, 1,
		      "pre-checkpoint/inventory.img\npre-checkpoint/pagemap-1.img = one\n");
	check_members(&three, 2,
		      "pre-checkpoint.2/inventory.img\npre-checkpoint.2/pagemap-1.img = two\n"
		      "pre-checkpoint.2/parent -> ../pre-checkpoint\n");
	/* The oldest is stored once. */
	second = three.ci.checkpoint.manifest.layers[1].digest;
	ck_assert(digest_equal(&first, &second));
}
END_TEST

/* checkpoint/ and its chain in one folder; another one lies about. */
START_TEST(unpacked)
{
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };

	put_dump("d/checkpoint", "../pre-checkpoint.9", "new");
	put_dump("d/pre-checkpoint.9", "../old", "nine");
	put_dump("d/old", NULL, "old");
	put_dump("d/pre-checkpoint", NULL, "not of this chain");
	ck_ok(build_chain(at("d"), NULL, &err), err);
	load("c", &b);
	/* "old" has no name that is known, so it is a member like any other. */
	check_members(&b, 1,
		      "checkpoint/inventory.img\ncheckpoint/pagemap-1.img = new\n"
		      "checkpoint/parent -> ../pre-checkpoint.2\n");
	check_members(&b, 2, "pre-checkpoint/inventory.img\npre-checkpoint/pagemap-1.img = old\n");
	check_members(&b, 3,
		      "pre-checkpoint.2/inventory.img\npre-checkpoint.2/pagemap-1.img = nine\n"
		      "pre-checkpoint.2/parent -> ../pre-checkpoint\n");
}
END_TEST

/* Task folders side by side, each with checkpoint/ in it. */
START_TEST(tasks)
{
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };

	put_dump("t/1/checkpoint", NULL, "one");
	put_dump("t/2/checkpoint", "../../1/checkpoint", "two");
	ck_ok(build_chain(at("t/2"), NULL, &err), err);
	load("c", &b);
	check_members(&b, 1, "pre-checkpoint/inventory.img\npre-checkpoint/pagemap-1.img = one\n");
}
END_TEST

/* A link of the images of 3, whose neighbours are 1 (alone), 2 (builds on 3) and a link to 1. */
static const struct {
	const char *parent;
	int code;
	const char *says;
} links[] = {
	{ "../1", 0, NULL },
	{ ".././1/", 0, NULL },
	{ "../1/../1", 0, NULL },
	{ "../deep/1", 0, NULL },
	{ "../deep/../1", 0, NULL },
	{ "../none", FIRN_ENOTFOUND, "isn't here" },
	{ "../1/none", FIRN_ENOTFOUND, "isn't here" },
	{ "../file", FIRN_ENOTFOUND, "isn't here" },
	{ "../link", FIRN_ENOTFOUND, "isn't here" },
	{ "../link/../1", 0, NULL },
	{ "../../far", FIRN_ENOTFOUND, "leads to \"../../far\"" },
	{ "../../chain/1", FIRN_ENOTFOUND, "isn't here" },
	{ "/", FIRN_ENOTFOUND, "isn't here" },
	{ "/tmp", FIRN_ENOTFOUND, "isn't here" },
	{ "../3", FIRN_ECORRUPT, "in a circle" },
	{ ".", FIRN_ECORRUPT, "in a circle" },
	{ "../2", FIRN_ECORRUPT, "in a circle" },
	{ "../empty", FIRN_ECORRUPT, "no pagemaps" },
};

START_TEST(link_to)
{
	struct firn_error err = { 0 };
	int rc;

	put_dump("far", NULL, "far");
	put_dump("chain/1", NULL, "one");
	put_dump("chain/deep/1", NULL, "deep");
	put_dump("chain/2", "../3", "two");
	put("chain/empty/inventory.img", "i");
	put("chain/file", "f");
	put_link("chain/link", "1");
	put_dump("chain/3", links[_i].parent, "three");
	rc = build_chain(at("chain/3"), NULL, &err);
	ck_assert_msg(rc == -links[_i].code, "%s: %d %s", links[_i].parent, rc, err.msg);
	if (links[_i].says)
		ck_assert_msg(strstr(err.msg, links[_i].says), "%s: %s", links[_i].parent, err.msg);
}
END_TEST

START_TEST(no_link)
{
	struct firn_error err = { 0 };

	put_dump("n", NULL, "n");
	put("n/parent", "a file");
	ck_assert_int_eq(build_chain(at("n"), NULL, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "parent: is no symbolic link"));
}
END_TEST

START_TEST(too_long)
{
	struct firn_error err = { 0 };
	char path[64], parent[64];

	for (int i = 0; i <= CHECKPOINT_DUMPS_MAX; i++) {
		snprintf(path, sizeof(path), "long/%d", i);
		snprintf(parent, sizeof(parent), "../%d", i - 1);
		put_dump(path, i ? parent : NULL, "x");
	}
	ck_assert_int_eq(build_chain(at(path), NULL, &err), -FIRN_ELIMIT);
	ck_assert_ptr_nonnull(strstr(err.msg, "more than 32 dumps"));
	snprintf(path, sizeof(path), "long/%d", CHECKPOINT_DUMPS_MAX - 1);
	ck_ok(build_chain(at(path), NULL, &err), err);
}
END_TEST

static const struct tar_member predump[] = {
	{ .name = "config.dump", .data = "{\"name\":\"c1\",\"runtime\":\"runc\"}" },
	{ .name = "pre-checkpoint/", DIR_ },
	{ .name = "pre-checkpoint/inventory.img", .data = "i" },
	{ .name = "pre-checkpoint/pagemap-1.img", .data = "pre" },
	{ 0 },
};

static const struct tar_member on_predump[] = {
	{ .name = "checkpoint/parent", .type = '2', .link = "../pre-checkpoint" }, { 0 }
};

static void put_pair(void)
{
	const struct archive alone = { .config = "", .spec = "", .inventory = "" };
	struct archive newest = alone;
	_buf_ struct buf b = BUF_INIT;

	build_members(&b, predump);
	scratch_write("pre.tar", b.data, b.len);
	newest.more = on_predump;
	archive_file("new.tar", &newest);
	archive_file("alone.tar", &alone);
}

/* Podman's two archives give the same layers as the folder with both in it. */
START_TEST(pair)
{
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };

	put_pair();
	ck_ok(build_chain(at("new.tar"), scratch("pre.tar"), &err), err);
	load("c", &b);
	ck_assert_uint_eq(b.ci.checkpoint.manifest.nlayers, 3);
	check_members(&b, 1,
		      "checkpoint/inventory.img\ncheckpoint/pages-1.img\n"
		      "checkpoint/parent -> ../pre-checkpoint\n");
	check_members(&b, 2, "pre-checkpoint/inventory.img\npre-checkpoint/pagemap-1.img = pre\n");
}
END_TEST

/* A whole checkpoint, or a chain in folders, is a dump to build on as well. */
START_TEST(on_checkpoint)
{
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };

	put_pair();
	put_dump("1", NULL, "one");
	put_dump("2", "../1", "two");
	put_dump("moved/3", "../../gone", "three");
	ck_ok(build_chain(at("moved/3"), scratch("2"), &err), err);
	load("c", &b);
	check_members(&b, 0,
		      "checkpoint/inventory.img\ncheckpoint/pagemap-1.img = three\n"
		      "checkpoint/parent -> ../pre-checkpoint.2\n");
	check_members(&b, 1, "pre-checkpoint/inventory.img\npre-checkpoint/pagemap-1.img = one\n");
	check_members(&b, 2,
		      "pre-checkpoint.2/inventory.img\npre-checkpoint.2/pagemap-1.img = two\n"
		      "pre-checkpoint.2/parent -> ../pre-checkpoint\n");
}
END_TEST

/* Its newest dump would be the 32nd before the one that builds on it. */
START_TEST(full_previous)
{
	struct firn_error err = { 0 };
	char path[64], parent[64];

	put_pair();
	for (int i = 0; i < CHECKPOINT_DUMPS_MAX; i++) {
		snprintf(path, sizeof(path), "full/%d", i);
		snprintf(parent, sizeof(parent), "../%d", i - 1);
		put_dump(path, i ? parent : NULL, "x");
	}
	ck_assert_int_eq(build_chain(at("new.tar"), scratch(path), &err), -FIRN_ELIMIT);
	ck_assert_ptr_nonnull(strstr(err.msg, "a chain of more than 32 dumps"));
}
END_TEST

/* Nothing may be longer than a path can be, also not by the name that the dump has here. */
START_TEST(longest_name)
{
	char name[PATH_MEMBER_MAX + 1];
	const struct tar_member long_one[] = {
		{ .name = "checkpoint/pagemap-1.img", .data = "x" },
		{ .name = "././@LongLink", .type = 'L', .data = name, .data_len = sizeof(name) },
		{ .name = "checkpoint/x", .data = "x" },
		{ 0 },
	};
	struct firn_error err = { 0 };
	_buf_ struct buf b = BUF_INIT;

	put_pair();
	memset(name, 'a', sizeof(name));
	memcpy(name, "checkpoint", 10);
	for (size_t i = 10; i < sizeof(name) - 2; i += 200)
		name[i] = '/';
	name[sizeof(name) - 3] = '/';
	name[sizeof(name) - 1] = '\0';
	build_members(&b, long_one);
	scratch_write("long.tar", b.data, b.len);
	ck_assert_int_eq(build_chain(at("new.tar"), scratch("long.tar"), &err), -FIRN_ELIMIT);
	ck_assert_ptr_nonnull(strstr(err.msg, "name is longer than 4095 bytes"));
}
END_TEST

START_TEST(bad_previous)
{
	struct firn_error err = { 0 };

	put_pair();
	put_dump("1", NULL, "one");
	put_dump("2", "../1", "two");
	put("nothing/config.dump", "{}");
	ck_assert_int_eq(build_chain(at("alone.tar"), scratch("pre.tar"), &err), -FIRN_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "is complete in itself"));
	ck_assert_int_eq(build_chain(at("2"), scratch("pre.tar"), &err), -FIRN_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "no use for others"));
	ck_assert_int_eq(build_chain(at("new.tar"), scratch("none"), &err), -FIRN_ENOTFOUND);
	ck_assert_int_eq(build_chain(at("new.tar"), scratch("nothing"), &err), -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "has neither"));
	/* One that itself builds on a dump which isn't there. */
	ck_assert_int_eq(build_chain(at("new.tar"), scratch("new.tar"), &err), -FIRN_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.msg, "isn't here"));
	ck_assert_int_eq(build_chain(at("pre.tar"), NULL, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "a pre-dump alone"));
}
END_TEST

/* An engine's own folder has more in it than a checkpoint, and another name for spec.dump. */
START_TEST(in_place)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *t = NULL;
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };

	put_dump("u/checkpoint", NULL, "new");
	put("u/config.dump", "{\"name\":\"c1\",\"runtime\":\"runc\"}");
	put("u/config.json", PODMAN_SPEC);
	put("u/ctr.log", "l");
	put("u/rootfs-diff.tar", "left by an export");
	put("u/deleted.files", "[\"/x\"]");
	put("u/shm/x", "x");
	put("u/secrets/x", "x");
	ck_assert_int_eq(mkfifo(scratch("u/ctl"), 0600), 0);
	put_link("u/attach", "/nowhere");
	ck_ok(build_chain(at("u"), NULL, &err), err);
	load("c", &b);
	ck_ok(store_open(b.store, &b.ci.checkpoint.manifest.layers[0].digest, &src, &err), err);
	ck_assert_int_eq(layer_check(src, &t, &err), LAYER_OURS);
	ck_assert_uint_eq(t->root->nchildren, 3);
	ck_assert_ptr_nonnull(tree_find(t, "spec.dump"));
	ck_assert_ptr_nonnull(tree_find(t, "config.dump"));
	ck_assert_ptr_nonnull(tree_find(t, "ctr.log"));
}
END_TEST

/* Without config.dump Podman's storage knows the container, if anybody does. */
#define BASE_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *config, *containers, *folder;
	int code;
	const char *says;          /* part of the error */
	const char *engine, *name; /* as the result has them */
	const char *image;         /* org.criu.checkpoint.rootfsImageName */
} places[] = {
	{ PODMAN_SPEC,
	  "[{\"id\":\"x\"},{\"id\":\"c0\",\"names\":[\"web\"],\"image\":\"" BASE_ID "\","
	  "\"metadata\":\"{\\\"image-name\\\":\\\"localhost/app:1\\\"}\"}]",
	  "st/c0/userdata", 0, NULL, "Podman", "web", "localhost/app:1" },
	{ PODMAN_SPEC, "[{\"id\":\"x\",\"names\":[\"web\"]}]", "st/c0/userdata", 0, NULL, "Podman",
	  NULL, NULL },
	{ PODMAN_SPEC, "[{\"id\":\"c0\",\"names\":[\"a\\nb\"],\"metadata\":\"{\"}]",
	  "st/c0/userdata", 0, NULL, "Podman", NULL, NULL },
	{ PODMAN_SPEC, "[{\"id\":\"c0\",\"names\":{},\"image\":1,\"metadata\":\"[]\"}]",
	  "st/c0/userdata", 0, NULL, "Podman", NULL, NULL },
	{ PODMAN_SPEC, "{\"id\":\"c0\"}", "st/c0/userdata", 0, NULL, "Podman", NULL, NULL },
	{ PODMAN_SPEC, "nothing of this kind", "st/c0/userdata", 0, NULL, "Podman", NULL, NULL },
	{ PODMAN_SPEC, NULL, "st/c0/userdata", 0, NULL, "Podman", NULL, NULL },
	{ PODMAN_SPEC, "[{\"id\":\"c0\",\"names\":[\"web\"]}]", "st/c0/other", 0, NULL, "Podman",
	  NULL, NULL },
	{ "{\"annotations\":{\"io.kubernetes.cri.container-name\":\"k\"}}", NULL, "st/c0/task", 0,
	  NULL, "containerd", "k", NULL },
	{ "{\"ociVersion\":\"1.0.2\"}", NULL, "bundle", 0, NULL, "criu", NULL, NULL },
	{ "{", NULL, "bundle", FIRN_ECORRUPT, "config.json", NULL, NULL, NULL },
	{ "[]", NULL, "bundle", FIRN_ECORRUPT, "is no JSON object", NULL, NULL, NULL },
};

START_TEST(place)
{
	const struct firn_build_opts opts = { .size = sizeof(opts) };
	_result_ struct firn_build_result *r = NULL;
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };
	char path[100];
	int rc;

	snprintf(path, sizeof(path), "%s/checkpoint", places[_i].folder);
	put_dump(path, NULL, "new");
	snprintf(path, sizeof(path), "%s/config.json", places[_i].folder);
	put(path, places[_i].config);
	if (places[_i].containers)
		put("st/containers.json", places[_i].containers);
	rc = build(scratch(places[_i].folder), "c", &opts, &r, &err);
	ck_assert_msg(rc == -places[_i].code, "%d: %d %s", _i, rc, err.msg);
	if (places[_i].says) {
		ck_assert_msg(strstr(err.msg, places[_i].says), "%d: %s", _i, err.msg);
		return;
	}
	ck_assert_str_eq(firn_build_result_engine(r), places[_i].engine);
	ck_assert_pstr_eq(firn_build_result_container(r), places[_i].name);
	load("c", &b);
	ck_assert_pstr_eq(annotation(&b.ci.checkpoint, ORG_CRIU_ROOTFS_IMAGE_NAME),
			  places[_i].image);
	/* No engine can restore it: it isn't to be taken for one's. */
	ck_assert_ptr_null(annotation(&b.ci.checkpoint, PODMAN_RUNTIME_NAME));
	ck_assert_ptr_null(annotation(&b.ci.checkpoint, ORG_CRIU_CONTAINER_NAME));
}
END_TEST

/* The image that Podman's storage names is compared. */
START_TEST(place_and_base)
{
	_buf_ struct buf layer = BUF_INIT;
	struct firn_build_opts opts = { .size = sizeof(opts) };
	struct firn_error err = { 0 };
	char id[DIGEST_TEXT_MAX], ref[300], list[300];

	build_end(&layer);
	make_base("b", &layer, 1, id, NULL);
	snprintf(ref, sizeof(ref), "oci:%s:b", scratch("base"));
	opts.base = ref;
	put_dump("st/c0/userdata/checkpoint", NULL, "new");
	put("st/c0/userdata/config.json", PODMAN_SPEC);
	put("st/containers.json", "[{\"id\":\"c0\",\"image\":\"" BASE_ID "\"}]");
	ck_assert_int_eq(build(scratch("st/c0/userdata"), "c", &opts, NULL, &err), -FIRN_EMISMATCH);
	ck_assert_ptr_nonnull(strstr(err.msg, BASE_ID));
	snprintf(list, sizeof(list), "[{\"id\":\"c0\",\"image\":\"%s\"}]", id);
	put("st/containers.json", list);
	ck_ok(build(scratch("st/c0/userdata"), "c", &opts, NULL, &err), err);
}
END_TEST

/* Pages that CRIU has compressed are bytes like others, but who would restore them should know. */
START_TEST(compressed)
{
	static const char inventory[] = "\x16\x31\x31\x58\4\0\0\0\x08\3\x78\2";
	_built_ struct built plain = { 0 };
	_built_ struct built lz4 = { 0 };
	struct firn_error err = { 0 };

	put_dump("1", NULL, "one");
	ck_ok(build_chain(at("1"), NULL, &err), err);
	load("c", &plain);
	ck_assert_ptr_null(annotation(&plain.ci.checkpoint, ORG_FIRN_PAGES));
	scratch_write("1/inventory.img", inventory, sizeof(inventory) - 1);
	ck_ok(build_chain(at("1"), NULL, &err), err);
	load("c", &lz4);
	ck_assert_pstr_eq(annotation(&lz4.ci.checkpoint, ORG_FIRN_PAGES), "lz4");
}
END_TEST

static Suite *chain_suite(void)
{
	Suite *s = suite_create("chain");
	TCase *tc = tcase_create("chain");

	tcase_add_checked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_test(tc, siblings);
	tcase_add_test(tc, unpacked);
	tcase_add_test(tc, tasks);
	tcase_add_loop_test(tc, link_to, 0, ARRAY_SIZE(links));
	tcase_add_test(tc, no_link);
	tcase_add_test(tc, too_long);
	tcase_add_test(tc, pair);
	tcase_add_test(tc, on_checkpoint);
	tcase_add_test(tc, full_previous);
	tcase_add_test(tc, longest_name);
	tcase_add_test(tc, bad_previous);
	tcase_add_test(tc, compressed);
	tcase_add_test(tc, in_place);
	tcase_add_loop_test(tc, place, 0, ARRAY_SIZE(places));
	tcase_add_test(tc, place_and_base);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(chain_suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoints that firn_build() must refuse: a sentence, and nothing is left behind. */
#include "unit.h"

#include "building.h"

static struct firn_error err;

/* It fails like this, and the layout is not there. */
static void refused(const char *name, const char *path, const struct firn_build_opts *opts,
		    int code, const char *says)
{
	int rc;

	scratch_clear(scratch("out"));
	err = (struct firn_error){ 0 };
	rc = build(path, "t", opts, NULL, &err);
	ck_assert_msg(rc == -code && err.code == code, "%s: %d: %s", name, rc, err.msg);
	ck_assert_msg(strstr(err.msg, says) != NULL, "%s: %s", name, err.msg);
	ck_assert_msg(access(scratch("out"), F_OK) != 0, "%s: leaves a layout", name);
}

#define DEEP_16 "[[[[[[[[[[[[[[[["

static const struct {
	const char *name;
	struct archive a;
	int code;
	const char *says;
} cases[] = {
	{ "no images", { .config = "", .spec = "" }, FIRN_ECORRUPT, "inventory.img is missing" },
	{ "no spec.dump",
	  { .config = "", .inventory = "" },
	  FIRN_ECORRUPT,
	  "spec.dump is missing" },
	{ "no config.dump",
	  { .spec = "", .inventory = "" },
	  FIRN_ECORRUPT,
	  "config.dump is missing" },
	{ "broken config.dump",
	  { .config = "{\"name\":", .spec = "", .inventory = "" },
	  FIRN_ECORRUPT,
	  "\"config.dump\": not JSON" },
	{ "config.dump is a list",
	  { .config = "[]", .spec = "", .inventory = "" },
	  FIRN_ECORRUPT,
	  "no JSON object" },
	{ "spec.dump is a number",
	  { .config = "", .spec = "1", .inventory = "" },
	  FIRN_ECORRUPT,
	  "no JSON object" },
	{ "unknown engine",
	  { .config = "",
	    .inventory = "",
	    .spec = "{\"annotations\":{\"io.container.manager\":\"x\"}}" },
	  FIRN_EUNSUPP,
	  "unknown engine \"x\"" },
	{ "a name with a line break",
	  { .config = "{\"name\":\"a\\nb\"}", .spec = "", .inventory = "" },
	  FIRN_ECORRUPT,
	  "container name" },
	{ "broken network.status",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){ { .name = "network.status", .data = "nul" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "\"network.status\": not JSON" },
	{ "deep JSON",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){
		    { .name = "status.dump",
		      .data = DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16
			  DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16
			      DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16
				  DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 DEEP_16 },
		    { 0 } } },
	  FIRN_ELIMIT,
	  "nested deeper" },
	{ "deleted.files outside",
	  { .inventory = "", .deleted = "[\"/../x\"]" },
	  FIRN_ECORRUPT,
	  "leaves the rootfs" },
	{ "config.dump twice",
	  { .config = "",
	    .spec = "",
	    .inventory = "",
	    .more =
		(const struct tar_member[]){ { .name = "./config.dump", .data = "{}" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "config.dump comes twice" },
	{ "spec.dump twice",
	  { .config = "",
	    .spec = "",
	    .inventory = "",
	    .more = (const struct tar_member[]){ { .name = "spec.dump", .data = "{}" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "spec.dump comes twice" },
	{ "deleted.files twice",
	  { .inventory = "",
	    .deleted = "[]",
	    .more =
		(const struct tar_member[]){ { .name = "deleted.files", .data = "[]" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "deleted.files comes twice" },
	{ "an image twice",
	  { .inventory = "",
	    .more = (const struct tar_member[]){ { .name = "checkpoint/pages-1.img", .data = "x" },
						 { 0 } } },
	  FIRN_ECORRUPT,
	  "checkpoint/pages-1.img" },
	{ "a folder twice",
	  { .inventory = "",
	    .more = (const struct tar_member[]){ { .name = "checkpoint/", DIR_ }, { 0 } } },
	  FIRN_ECORRUPT,
	  "checkpoint" },
	{ "a broken diff",
	  { .config = "",
	    .spec = "",
	    .inventory = "",
	    .more = (const struct tar_member[]){ { .name = "rootfs-diff.tar", .data = "no tar" },
						 { 0 } } },
	  FIRN_ECORRUPT,
	  "\"rootfs-diff.tar\": " },
	{ "whiteouts in Podman's diff",
	  { .config = "",
	    .spec = "",
	    .inventory = "",
	    .diff = (const struct tar_member[]){ { .name = ".wh.x" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "no layer can hold it" },
	{ "whiteouts, and then it is Podman's",
	  { .config = "",
	    .spec = "",
	    .inventory = "",
	    .images_first = true,
	    .more = NULL,
	    .diff = (const struct tar_member[]){ { .name = "a/.wh..wh..opq" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "no layer can hold it" },
	{ "a whiteout among the images",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){ { .name = "checkpoint/.wh.inventory.img" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "would delete something" },
	{ "dot dot",
	  { .inventory = "", .more = (const struct tar_member[]){ { .name = "../x" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "leaves" },
	{ "absolute",
	  { .inventory = "", .more = (const struct tar_member[]){ { .name = "/x" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "is absolute" },
	{ "a symbolic link",
	  { .inventory = "",
	    .more = (const struct tar_member[]){ { .name = "l", .type = '2', .link = "/etc" },
						 { 0 } } },
	  FIRN_ECORRUPT,
	  "files and folders only" },
	{ "a device among the images",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){ { .name = "checkpoint/d", .type = '3', .major = 1 },
					     { 0 } } },
	  FIRN_ECORRUPT,
	  "files and folders only" },
	{ "a hard link out of its layer",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){
		    { .name = "h", .type = '1', .link = "checkpoint/inventory.img" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "hard link" },
	{ "config.dump is a link",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){ { .name = "config.dump", .type = '2', .link = "x" },
					     { 0 } } },
	  FIRN_ECORRUPT,
	  "is no file" },
	{ "the diff is a folder",
	  { .inventory = "",
	    .more = (const struct tar_member[]){ { .name = "rootfs-diff.tar/", DIR_ }, { 0 } } },
	  FIRN_ECORRUPT,
	  "is no file" },
	{ "the images are a file",
	  { .inventory = "",
	    .more = (const struct tar_member[]){ { .name = "checkpoint", .data = "x" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "checkpoint is no folder" },
	{ "an incremental dump",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){
		    { .name = "checkpoint/parent", .type = '2', .link = "../pre-checkpoint" },
		    { 0 } } },
	  FIRN_ENOTFOUND,
	  "checkpoint builds on the dump pre-checkpoint" },
	{ "a chain that leads elsewhere",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){
		    { .name = "checkpoint/parent", .type = '2', .link = "../../old" }, { 0 } } },
	  FIRN_ENOTFOUND,
	  "\"checkpoint/parent\" leads to \"../../old\"" },
	{ "a chain that is a circle",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){
		    { .name = "checkpoint/parent", .type = '2', .link = "../checkpoint" },
		    { 0 } } },
	  FIRN_ENOTFOUND,
	  "leads to \"../checkpoint\"" },
	{ "a chain with two ends",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){
		    { .name = "checkpoint/parent", .type = '2', .link = "../pre-checkpoint" },
		    { .name = "checkpoint/parent", .type = '2', .link = "../pre-checkpoint" },
		    { 0 } } },
	  FIRN_ECORRUPT,
	  "comes twice" },
	{ "a dump of nothing",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){
		    { .name = "checkpoint/parent", .type = '2', .link = "../pre-checkpoint" },
		    { .name = "pre-checkpoint/", DIR_ },
		    { 0 } } },
	  FIRN_ECORRUPT,
	  "pre-checkpoint has no pagemaps" },
	{ "a dump that is a file",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){ { .name = "pre-checkpoint", .data = "x" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "is no folder" },
	{ "a link in a dump",
	  { .inventory = "",
	    .more =
		(const struct tar_member[]){
		    { .name = "pre-checkpoint/x", .type = '2', .link = "../checkpoint" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "files and folders only" },
	{ "a pre-dump alone",
	  { .inventory = NULL,
	    .more =
		(const struct tar_member[]){ { .name = "pre-checkpoint/pagemap-1.img" }, { 0 } } },
	  FIRN_ECORRUPT,
	  "a pre-dump alone" },
};

START_TEST(bad_archive)
{
	refused(cases[_i].name, archive_file("bad.tar", &cases[_i].a), NULL, cases[_i].code,
		cases[_i].says);
}
END_TEST

/* The header alone says that it is too large: not a byte of it is read. */
START_TEST(huge_document)
{
	_buf_ struct buf tar = BUF_INIT;

	build_header(&tar, &(const struct tar_member){ .name = "config.dump", .size = 1 << 30 });
	scratch_write("bad.tar", tar.data, tar.len);
	refused("1 GiB", scratch("bad.tar"), NULL, FIRN_ELIMIT, "more than 8388608");
}
END_TEST

START_TEST(long_names)
{
	static char *const names[] = { long_name, deep_name };
	_buf_ struct buf tar = BUF_INIT;

	make_names();
	PAX(&tar, "path", names[_i]);
	MEMBER(&tar, .name = "x");
	build_end(&tar);
	scratch_write("bad.tar", tar.data, tar.len);
	refused("long", scratch("bad.tar"), NULL, FIRN_ELIMIT, "entry");
}
END_TEST

/* Cut at every block: wherever an archive ends too early, there is no image. */
START_TEST(truncated)
{
	static const struct tar_member diff[] = { { .name = "a/b", .data = "b" },
						  { .name = "c", .data = "c" },
						  { 0 } };
	const struct archive a = {
		.config = "", .spec = "", .inventory = "", .diff = diff, .deleted = "[\"/x\"]"
	};
	_buf_ struct buf tar = BUF_INIT;

	put_archive(&tar, &a);
	ck_assert_uint_gt(tar.len, 8192);
	for (size_t at = 0; at < tar.len; at += 512) {
		char name[32];

		snprintf(name, sizeof(name), "cut at %zu", at);
		scratch_write("bad.tar", tar.data, at);
		/* two blocks of zeros end an archive, one may end the file */
		if (at == tar.len - 512)
			continue;
		refused(name, scratch("bad.tar"), NULL, FIRN_ECORRUPT, "bad.tar");
	}
}
END_TEST

static void make_link(void)
{
	ck_assert_int_eq(symlink("/etc/passwd", scratch("folder/checkpoint/link")), 0);
}

static void make_parent(void)
{
	ck_assert_int_eq(symlink("../other", scratch("folder/checkpoint/parent")), 0);
}

static void make_fifo(void)
{
	ck_assert_int_eq(mkfifo(scratch("folder/fifo"), 0600), 0);
}

static void make_linked_folder(void)
{
	ck_assert_int_eq(rename(scratch("folder/checkpoint"), scratch("elsewhere")), 0);
	ck_assert_int_eq(symlink("../elsewhere", scratch("folder/checkpoint")), 0);
}

static void make_deep(void)
{
	char path[700];

	strcpy(path, scratch("folder"));
	for (int i = 0; i < 70; i++) {
		strcat(path, "/d");
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
}

static void make_empty(void)
{
	scratch_clear(scratch("folder/checkpoint"));
}

static const struct {
	const char *name;
	void (*make)(void);
	int code;
	const char *says;
} folders[] = {
	{ "symbolic link", make_link, FIRN_ECORRUPT, "files and folders only" },
	{ "parent", make_parent, FIRN_ENOTFOUND, "\"checkpoint/parent\" leads to" },
	{ "fifo", make_fifo, FIRN_ECORRUPT, "files and folders only" },
	{ "a folder behind a link", make_linked_folder, FIRN_ECORRUPT, "is no folder" },
	{ "deep folders", make_deep, FIRN_ELIMIT, "deeper than 64" },
	{ "empty", make_empty, FIRN_ECORRUPT, "no checkpoint" },
};

START_TEST(bad_folder)
{
	scratch_clear(scratch("folder"));
	scratch_clear(scratch("elsewhere"));
	mkdir(scratch("folder"), 0700);
	mkdir(scratch("folder/checkpoint"), 0700);
	scratch_write("folder/checkpoint/inventory.img", "i", 1);
	folders[_i].make();
	refused(folders[_i].name, scratch("folder"), NULL, folders[_i].code, folders[_i].says);
}
END_TEST

START_TEST(bad_arguments)
{
	const struct archive a = { .inventory = "" };
	const struct firn_build_opts digest = { .size = sizeof(digest),
						.flags = FIRN_BUILD_SOURCE_DIGEST };
	const struct firn_build_opts no_base = { .size = sizeof(no_base),
						 .base = "oci:/nonexistent:x" };
	const struct firn_build_opts name = { .size = sizeof(name), .container = "" };
	const struct firn_build_opts flags = { .size = sizeof(flags), .flags = 1u << 31 };
	const struct firn_build_opts size = { .size = 3 };
	char path[300];

	strcpy(path, archive_file("a.tar", &a));
	scratch_clear(scratch("folder"));
	mkdir(scratch("folder"), 0700);
	refused("no file", scratch("none"), NULL, FIRN_ENOTFOUND, "none");
	refused("digest of a folder", scratch("folder"), &digest, FIRN_EINVAL, "digest");
	refused("no base", path, &no_base, FIRN_ENOTFOUND, "/nonexistent");
	refused("no name", path, &name, FIRN_EINVAL, "container name");
	refused("flags", path, &flags, FIRN_EINVAL, "flags");
	refused("size", path, &size, FIRN_EINVAL, "3 bytes");
	ck_assert_int_eq(firn_build(path, "oci:x", NULL, NULL, &err), -FIRN_EINVAL);
	ck_assert_int_eq(firn_build(path, "oci-archive:x:t", NULL, NULL, &err), -FIRN_EINVAL);
	ck_assert_int_eq(firn_build(path, "x", NULL, NULL, NULL), -FIRN_EINVAL);
}
END_TEST

static Suite *bad_suite(void)
{
	Suite *s = suite_create("build_bad");
	TCase *tc = tcase_create("build_bad");

	tcase_set_timeout(tc, 60);
	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_loop_test(tc, bad_archive, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, huge_document);
	tcase_add_loop_test(tc, long_names, 0, 2);
	tcase_add_test(tc, truncated);
	tcase_add_loop_test(tc, bad_folder, 0, ARRAY_SIZE(folders));
	tcase_add_test(tc, bad_arguments);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(bad_suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/layout.h"

#include "base/fd.h"
#include "scratch.h"
#include "store/ops.h"
#include "store/publish.h"
#include "unit.h"

#include <sys/wait.h>

#define HELLO_HEX "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HELLO     "sha256:" HELLO_HEX
#define ENTRY(tag)                                                                                 \
	"{\"annotations\":{\"org.opencontainers.image.ref.name\":\"" tag "\"},\"digest\":\"" HELLO \
	"\",\"mediaType\":\"" OCI_MANIFEST "\",\"size\":5}"

static struct oci_descriptor hello(void)
{
	struct oci_descriptor d = { .media_type = OCI_MANIFEST, .size = 5 };
	struct firn_error err = { 0 };

	ck_ok(digest_parse(&d.digest, HELLO, &err), err);
	return d;
}

static struct layout *open_layout(const char *name, unsigned flags)
{
	struct firn_error err = { 0 };
	struct layout *l = NULL;

	ck_ok(layout_open(scratch(name), flags, &l, &err), err);
	return l;
}

static void tag(struct layout *l, const char *name)
{
	const struct oci_descriptor d = hello();
	const struct layout_entry e = { name, &d };
	struct firn_error err = { 0 };

	ck_ok(layout_tag(l, &e, 1, false, &err), err);
}

static void expect_file(const char *name, const char *wanted)
{
	_free_ char *text = scratch_read(scratch(name));

	ck_assert_str_eq(text, wanted);
}

static void expect_list(const char *name, const char *wanted)
{
	_free_ char *list = scratch_list(scratch(name));

	ck_assert_str_eq(list, wanted);
}

static void put(const char *name, const char *text)
{
	scratch_write(name, text, strlen(text));
}

/* A folder "l" that is a layout with this index.json. */
static void plant_layout(const char *index)
{
	close(scratch_folder("l"));
	put("l/oci-layout", "{\"imageLayoutVersion\": \"1.0.0\"}");
	put("l/index.json", index);
}

START_TEST(create)
{
	struct layout *l;
	struct stat st;

	scratch_clear(scratch("l"));
	if (_i)
		close(scratch_folder("l"));
	l = open_layout("l", LAYOUT_CREATE);
	ck_assert_str_eq(layout_path(l), scratch("l"));
	tag(l, "r1");
	ck_assert_ptr_null(layout_close(l));
	expect_list("l", "blobs\nblobs/sha256\nindex.json\noci-layout\n");
	expect_file("l/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	expect_file("l/index.json", "{\"manifests\":[" ENTRY("r1") "],\"schemaVersion\":2}");
	ck_assert_int_eq(stat(scratch("l"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(stat(scratch("l/index.json"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
}
END_TEST

/* Nothing came of it: what was made goes again, what was there stays. */
START_TEST(create_in_vain)
{
	struct layout *l;

	scratch_clear(scratch("l"));
	if (_i)
		close(scratch_folder("l"));
	l = open_layout("l", LAYOUT_CREATE);
	ck_assert_int_eq(access(scratch("l/blobs/sha256"), F_OK), 0);
	layout_close(l);
	ck_assert_int_eq(access(scratch("l"), F_OK), _i ? 0 : -1);
	expect_list("l", "");
}
END_TEST

static const struct {
	const char *name, *mark, *index, *other; /* NULL: not there */
	unsigned flags;
	int rc;
	const char *says;
} folders[] = {
	{ "empty", NULL, NULL, NULL, 0, -FIRN_ECORRUPT, "there is no oci-layout file" },
	{ "another folder", NULL, NULL, "notes.txt", LAYOUT_CREATE, -FIRN_ECORRUPT,
	  "not empty: has \"notes.txt\"" },
	{ "index without mark", NULL, "{}", NULL, LAYOUT_CREATE, -FIRN_ECORRUPT,
	  "not empty: has \"index.json\"" },
	{ "mark no JSON", "x", "{}", NULL, 0, -FIRN_ECORRUPT, "oci-layout: not JSON" },
	{ "mark without version", "{}", "{}", NULL, LAYOUT_CREATE, -FIRN_ECORRUPT,
	  "oci-layout: \"imageLayoutVersion\": is missing" },
	{ "later version", "{\"imageLayoutVersion\":\"2.0.0\"}", "{}", NULL, LAYOUT_WRITE,
	  -FIRN_EUNSUPP, "oci-layout: version \"2.0.0\" is not known here" },
	{ "good", "{\"imageLayoutVersion\":\"1.0.0\",\"x\":1}", "{}", "extra", 0, 0, NULL },
};

START_TEST(open_folder)
{
	struct firn_error err = { 0 };
	struct layout *l = NULL;
	int rc;

	close(scratch_folder("l"));
	if (folders[_i].mark)
		put("l/oci-layout", folders[_i].mark);
	if (folders[_i].index)
		put("l/index.json", folders[_i].index);
	if (folders[_i].other) {
		char name[64];

		snprintf(name, sizeof(name), "l/%s", folders[_i].other);
		put(name, "");
	}
	rc = layout_open(scratch("l"), folders[_i].flags, &l, &err);
	ck_assert_msg(rc == folders[_i].rc, "%s: %d %s", folders[_i].name, rc, err.msg);
	if (rc < 0)
		ck_assert_msg(strstr(err.msg, folders[_i].says), "%s: %s", folders[_i].name,
			      err.msg);
	if (rc < 0)
		ck_assert_int_eq(access(scratch("l/blobs"), F_OK), -1);
	layout_close(l);
}
END_TEST

START_TEST(open_nothing)
{
	struct firn_error err = { 0 };
	struct layout *l = NULL;

	ck_assert_int_eq(layout_open(scratch("none"), LAYOUT_WRITE, &l, &err), -FIRN_ENOTFOUND);
	ck_assert_int_eq(layout_open(scratch("none/deeper"), LAYOUT_CREATE, &l, &err),
			 -FIRN_ENOTFOUND);
	put("file", "x");
	ck_assert_int_eq(layout_open(scratch("file"), LAYOUT_CREATE, &l, &err), -FIRN_EFAIL);
	ck_assert_ptr_null(l);
}
END_TEST

static const struct {
	const char *name, *index;
	const char *says;
} broken[] = {
	{ "no JSON", "{", "index.json: not JSON" },
	{ "a manifest", "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}",
	  "index.json: \"layers\" does not belong" },
	{ "entry broken", "{\"schemaVersion\":2,\"manifests\":[{}]}",
	  "index.json: manifests[0]: \"mediaType\": is missing" },
};

/* A layout with an index.json that can't be understood is left alone. */
START_TEST(broken_index)
{
	const struct oci_descriptor d = hello();
	const struct layout_entry e = { "x", &d };
	const struct ref ref = { 0 };
	struct firn_error err = { 0 };
	struct oci_descriptor got;
	struct layout *l;

	plant_layout(broken[_i].index);
	l = open_layout("l", LAYOUT_CREATE);
	ck_assert_int_eq(layout_resolve(l, &ref, &got, &err), -FIRN_ECORRUPT);
	ck_assert_msg(strstr(err.msg, broken[_i].says), "%s", err.msg);
	ck_assert_int_eq(layout_check_tags(l, &e, 1, &err), -FIRN_ECORRUPT);
	ck_assert_int_eq(layout_tag(l, &e, 1, true, &err), -FIRN_ECORRUPT);
	expect_file("l/index.json", broken[_i].index);
	layout_close(l);
	expect_list("l", "index.json\noci-layout\n");
}
END_TEST

START_TEST(missing_index)
{
	const struct ref ref = { 0 };
	struct firn_error err = { 0 };
	struct oci_descriptor got;
	struct layout *l;

	plant_layout("x");
	ck_assert_int_eq(unlink(scratch("l/index.json")), 0);
	l = open_layout("l", 0);
	ck_assert_int_eq(layout_resolve(l, &ref, &got, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "there is no index.json"));
	layout_close(l);
	/* What a killed first build leaves is finished by the next one. */
	l = open_layout("l", LAYOUT_CREATE);
	tag(l, "r1");
	layout_close(l);
	expect_file("l/index.json", "{\"manifests\":[" ENTRY("r1") "],\"schemaVersion\":2}");
}
END_TEST

#define FOREIGN_1                                                                                  \
	"{\"annotations\":{\"a\":\"1\"},\"artifactType\":\"t\",\"data\":\"e30=\",\"digest\":"      \
	"\"" HELLO "\",\"mediaType\":\"application/x\",\"size\":2,\"unknown\":[1,{\"z\":null}]}"
#define FOREIGN_2                                                                                  \
	"{\"annotations\":{\"org.opencontainers.image.ref.name\":\"theirs\"},\"digest\":\"" HELLO  \
	"\",\"mediaType\":\"" OCI_INDEX                                                            \
	"\",\"platform\":{\"architecture\":\"mips\",\"os\":\"plan9\"},"                            \
	"\"size\":9}"
#define FOREIGN_TAIL "\"mediaType\":\"" OCI_INDEX "\",\"schemaVersion\":2,\"subject\":{\"x\":true}}"
#define FOREIGN_HEAD "{\"annotations\":{\"k\":\"v\"},\"manifests\":["

START_TEST(foreign_entries_stay)
{
	struct layout *l;

	plant_layout(FOREIGN_HEAD FOREIGN_2 "," FOREIGN_1 "," FOREIGN_1 "]," FOREIGN_TAIL);
	l = open_layout("l", LAYOUT_WRITE);
	tag(l, "r1");
	tag(l, "r1.checkpoint");
	layout_close(l);
	expect_file("l/index.json", FOREIGN_HEAD FOREIGN_2 "," FOREIGN_1 "," FOREIGN_1 "," ENTRY(
					"r1") "," ENTRY("r1.checkpoint") "]," FOREIGN_TAIL);
	expect_file("l/oci-layout", "{\"imageLayoutVersion\": \"1.0.0\"}");
}
END_TEST

START_TEST(replace)
{
	const struct oci_descriptor d = hello();
	const struct layout_entry entries[] = { { "new", &d }, { "theirs", &d } };
	struct firn_error err = { 0 };
	struct layout *l;

	/* Their tag twice: tools take the first, which is the one that is replaced. */
	plant_layout(FOREIGN_HEAD FOREIGN_1 "," FOREIGN_2 "," ENTRY("between") "," FOREIGN_2
									       "]," FOREIGN_TAIL);
	l = open_layout("l", LAYOUT_WRITE);
	ck_assert_int_eq(layout_check_tags(l, entries, 2, &err), -FIRN_EEXIST);
	ck_assert_int_eq(layout_tag(l, entries, 2, false, &err), -FIRN_EEXIST);
	ck_assert_ptr_nonnull(strstr(err.msg, "tag \"theirs\" is there already"));
	ck_assert_int_eq(layout_check_tags(l, entries, 1, &err), 0);
	expect_file("l/index.json", FOREIGN_HEAD FOREIGN_1
		    "," FOREIGN_2 "," ENTRY("between") "," FOREIGN_2 "]," FOREIGN_TAIL);
	ck_ok(layout_tag(l, entries, 2, true, &err), err);
	layout_close(l);
	expect_file("l/index.json", FOREIGN_HEAD FOREIGN_1
		    "," ENTRY("theirs") "," ENTRY("between") "," ENTRY("new") "]," FOREIGN_TAIL);
}
END_TEST

START_TEST(bad_tags)
{
	const struct oci_descriptor d = hello();
	const struct layout_entry bad = { "a b", &d };
	const struct layout_entry twice[] = { { "a", &d }, { "b", &d }, { "a", &d } };
	struct firn_error err = { 0 };
	struct layout *l = open_layout("t", LAYOUT_CREATE);

	ck_assert_int_eq(layout_tag(l, &bad, 1, false, &err), -FIRN_EINVAL);
	ck_assert_int_eq(layout_tag(l, twice, 3, true, &err), -FIRN_EEXIST);
	layout_close(l);
	ck_assert_int_eq(access(scratch("t"), F_OK), -1);
}
END_TEST

/* Who could read index.json before can read it afterwards. */
START_TEST(index_mode)
{
	struct layout *l;
	struct stat st;

	plant_layout("{\"schemaVersion\":2,\"manifests\":[]}");
	ck_assert_int_eq(chmod(scratch("l/index.json"), 0664), 0);
	l = open_layout("l", LAYOUT_WRITE);
	tag(l, "r1");
	layout_close(l);
	ck_assert_int_eq(stat(scratch("l/index.json"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0664);
}
END_TEST

static const char sniffed[] = "{\"mediaType\":\"" OCI_INDEX "\",\"x\":1}";

static const struct {
	const char *name, *index, *ref;
	int rc;
	const char *media_type, *says;
} resolutions[] = {
	{ "tag", ENTRY("a") "," ENTRY("b"), "oci:l:b", 0, OCI_MANIFEST, NULL },
	{ "first of two", FOREIGN_2 "," ENTRY("theirs"), "oci:l:theirs", 0, OCI_INDEX, NULL },
	{ "digest", FOREIGN_1, "oci:l@" HELLO, 0, "application/x", NULL },
	{ "digest without entry", "", NULL, 0, OCI_INDEX, NULL },
	{ "only one", FOREIGN_1, "oci:l", 0, "application/x", NULL },
	{ "no such tag", ENTRY("a") "," FOREIGN_1 "," ENTRY("b"), "oci:l:c", -FIRN_ENOTFOUND, NULL,
	  "no tag \"c\" (there: \"a\", \"b\")" },
	{ "no tags at all", FOREIGN_1, "oci:l:c", -FIRN_ENOTFOUND, NULL, "(there: none)" },
	{ "no such digest", "", "oci:l@" HELLO, -FIRN_ENOTFOUND, NULL, "image " HELLO },
	{ "several", ENTRY("a") "," ENTRY("b"), "oci:l", -FIRN_EINVAL, NULL,
	  "has 2 images, name one of them (tags: \"a\", \"b\")" },
	{ "none", "", "oci:l", -FIRN_ENOTFOUND, NULL, "has no images" },
};

START_TEST(resolve)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor d = { 0 };
	_cleanup_(ref_done) struct ref ref = { 0 };
	struct firn_error err = { 0 };
	struct digest by_itself;
	struct layout *l;
	char index[4096];
	int rc;

	snprintf(index, sizeof(index), "{\"schemaVersion\":2,\"manifests\":[%s]}",
		 resolutions[_i].index);
	plant_layout(index);
	l = open_layout("l", LAYOUT_WRITE);
	ck_ok(store_put(layout_store(l), sniffed, strlen(sniffed), &by_itself, &err), err);
	if (resolutions[_i].ref)
		ck_ok(ref_parse(resolutions[_i].ref, &ref, &err), err);
	else
		ref.digest = by_itself;
	rc = layout_resolve(l, &ref, &d, &err);
	ck_assert_msg(rc == resolutions[_i].rc, "%s: %s", resolutions[_i].name, err.msg);
	if (rc < 0)
		ck_assert_msg(strstr(err.msg, resolutions[_i].says), "%s", err.msg);
	else
		ck_assert_str_eq(d.media_type, resolutions[_i].media_type);
	layout_close(l);
}
END_TEST

static int commit_blob(struct layout *l, const char *text, const char *name, struct firn_error *err)
{
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	struct oci_descriptor d = { .media_type = OCI_MANIFEST };
	const struct layout_entry e = { name, &d };
	int rc;

	if ((rc = blob_new(layout_store(l), 0, &w, err)) < 0 ||
	    (rc = blob_write(w, text, strlen(text), err)) < 0 ||
	    (rc = blob_seal(w, &d.digest, &d.size, err)) < 0)
		return rc;
	return layout_commit(l, &w, 1, &e, 1, false, err);
}

START_TEST(commit)
{
	struct firn_error err = { 0 };
	struct layout *l;

	scratch_clear(scratch("l"));
	l = open_layout("l", LAYOUT_CREATE);
	ck_ok(commit_blob(l, "hello", "r1", &err), err);
	ck_assert_int_eq(commit_blob(l, "b", "r1", &err), -FIRN_EEXIST);
	expect_list("l",
		    "blobs\nblobs/sha256\nblobs/sha256/" HELLO_HEX "\nindex.json\noci-layout\n");
	expect_file("l/index.json", "{\"manifests\":[" ENTRY("r1") "],\"schemaVersion\":2}");
	layout_close(l);
}
END_TEST

/* A blob in whose naming somebody else, who knows no lock, writes index.json. */
struct meddler {
	struct blob_writer base;
	const char *text;
};

static int meddler_flush(struct blob_writer *w, struct firn_error *err)
{
	(void)w;
	(void)err;
	return 0;
}

static int meddler_name(struct blob_writer *w, struct firn_error *err)
{
	(void)err;
	put("l/index.new", ((struct meddler *)w)->text);
	ck_assert_int_eq(rename(scratch("l/index.new"), scratch("l/index.json")), 0);
	return 1;
}

START_TEST(others_write_meanwhile)
{
	static const struct blob_ops ops = { .flush = meddler_flush, .name = meddler_name };
	static const struct {
		const char *text, *wanted;
		int rc;
	} cases[] = {
		{ "{\"manifests\":[" FOREIGN_2 "],\"schemaVersion\":2}",
		  "{\"manifests\":[" FOREIGN_2 "," ENTRY("r1") "],\"schemaVersion\":2}", 0 },
		{ "{\"manifests\":[" ENTRY("r1") "],\"schemaVersion\":2}",
		  "{\"manifests\":[" ENTRY("r1") "],\"schemaVersion\":2}", -FIRN_EEXIST },
	};
	const struct oci_descriptor d = hello();
	const struct layout_entry e = { "r1", &d };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct meddler m = { .base = { .ops = &ops, .sealed = true },
				     .text = cases[i].text };
		struct blob_writer *w = &m.base;
		struct firn_error err = { 0 };
		struct layout *l;

		plant_layout("{\"manifests\":[],\"schemaVersion\":2}");
		l = open_layout("l", LAYOUT_WRITE);
		ck_assert_int_eq(layout_commit(l, &w, 1, &e, 1, false, &err), cases[i].rc);
		layout_close(l);
		expect_file("l/index.json", cases[i].wanted);
	}
}
END_TEST

#define WRITERS 6
#define ROUNDS  8

/* A writer process: makes the layout if it must, gives up now and then, else adds a tag. */
static int write_rounds(int writer)
{
	struct firn_error err = { 0 };

	for (int round = 0; round < ROUNDS; round++) {
		struct layout *l = NULL;
		char text[32];
		int rc = layout_open(scratch("l"), LAYOUT_CREATE, &l, &err);

		snprintf(text, sizeof(text), "w%d.r%d", writer, round);
		if (rc == 0 && round % 2 == writer % 2)
			rc = commit_blob(l, text, text, &err);
		layout_close(l);
		if (rc < 0) {
			printf("# %s: %s\n", text, err.msg);
			return 1;
		}
	}
	return 0;
}

START_TEST(concurrent_writers)
{
	struct firn_error err = { 0 };
	_free_ char *list = NULL;
	struct layout *l;

	scratch_clear(scratch("l"));
	for (int i = 0; i < WRITERS; i++)
		if (fork() == 0)
			_exit(write_rounds(i));
	for (int i = 0; i < WRITERS; i++) {
		int status;

		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	l = open_layout("l", 0);
	for (int i = 0; i < WRITERS; i++)
		for (int round = i % 2; round < ROUNDS; round += 2) {
			struct oci_descriptor d = { 0 };
			struct ref ref = { .tag = (char[32]){ 0 } };
			_free_ char *text = NULL;

			snprintf(ref.tag, 32, "w%d.r%d", i, round);
			ck_ok(layout_resolve(l, &ref, &d, &err), err);
			ck_ok(
			    store_read(layout_store(l), &d.digest, d.size, 100, &text, NULL, &err),
			    err);
			ck_assert_str_eq(text, ref.tag);
			oci_descriptor_done(&d);
		}
	layout_close(l);
	list = scratch_list(scratch("l"));
	ck_assert_msg(!strstr(list, PUBLISH_TEMP_PREFIX), "%s", list);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("layout");
	TCase *tc = tcase_create("layout");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, create, 0, 2);
	tcase_add_loop_test(tc, create_in_vain, 0, 2);
	tcase_add_loop_test(tc, open_folder, 0, ARRAY_SIZE(folders));
	tcase_add_test(tc, open_nothing);
	tcase_add_loop_test(tc, broken_index, 0, ARRAY_SIZE(broken));
	tcase_add_test(tc, missing_index);
	tcase_add_test(tc, foreign_entries_stay);
	tcase_add_test(tc, replace);
	tcase_add_test(tc, bad_tags);
	tcase_add_test(tc, index_mode);
	tcase_add_loop_test(tc, resolve, 0, ARRAY_SIZE(resolutions));
	tcase_add_test(tc, commit);
	tcase_add_test(tc, others_write_meanwhile);
	tcase_add_test(tc, concurrent_writers);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/ref.h"

#include "base/path.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define HEX       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define CAPITAL_A "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"

static const struct {
	const char *text;
	int rc;
	enum ref_transport transport;
	const char *path, *tag;
	bool digest;
} cases[] = {
	{ "oci:dir", 0, REF_OCI, "dir", NULL, false },
	{ "oci:/a/b:tag", 0, REF_OCI, "/a/b", "tag", false },
	{ "oci:dir:a:b/c", 0, REF_OCI, "dir", "a:b/c", false },
	{ "oci:dir:v1.0--rc+1", 0, REF_OCI, "dir", "v1.0--rc+1", false },
	{ "oci:dir:HOST.example/repo@x", 0, REF_OCI, "dir", "HOST.example/repo@x", false },
	{ "oci:dir@sha256:" HEX, 0, REF_OCI, "dir", NULL, true },
	{ "oci:d@ir:tag", 0, REF_OCI, "d@ir", "tag", false },
	{ "oci-archive:f.tar", 0, REF_OCI_ARCHIVE, "f.tar", NULL, false },
	{ "oci-archive:f.tar:r1.checkpoint", 0, REF_OCI_ARCHIVE, "f.tar", "r1.checkpoint", false },
	{ "oci-archive:f.tar@sha256:" HEX, 0, REF_OCI_ARCHIVE, "f.tar", NULL, true },
	{ "c1.tar", 0, REF_PATH, "c1.tar", NULL, false },
	{ "./dir:x", 0, REF_PATH, "./dir:x", NULL, false },
	{ "/a:b/c", 0, REF_PATH, "/a:b/c", NULL, false },
	{ "-", 0, REF_PATH, "-", NULL, false },
	{ "", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci::tag", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:dir:", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:dir:a b", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:dir:-a", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:dir:a-", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:dir:a---b", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:dir:a..b", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:dir:a//b", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:dir:\xc3\xa9", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:@sha256:" HEX, -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:dir@sha256:12", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:dir@sha256:" CAPITAL_A, -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "oci:dir:tag@sha256:" HEX, -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "docker-daemon:x", -FIRN_EUNSUPP, 0, NULL, NULL, false },
	{ "dir:/x:y@z", 0, REF_DIR, "/x:y@z", NULL, false },
	{ "dir:", -FIRN_EINVAL, 0, NULL, NULL, false },
	{ "containers-storage:x", -FIRN_EUNSUPP, 0, NULL, NULL, false },
};

static const struct {
	const char *text;
	int rc;
	const char *host, *path, *tag;
	bool digest;
} docker_cases[] = {
	{ "localhost/a", 0, "localhost", "a", NULL, false },
	{ "h.example/a/b-c/d__e.f:v1.0_x", 0, "h.example", "a/b-c/d__e.f", "v1.0_x", false },
	{ "h:5000/a:_", 0, "h:5000", "a", "_", false },
	{ "127.0.0.1:5000/a---b@sha256:" HEX, 0, "127.0.0.1:5000", "a---b", NULL, true },
	{ "[::1]:5000/a:t@sha256:" HEX, 0, "[::1]:5000", "a", "t", true },
	{ "[fe80::1]/a", 0, "[fe80::1]", "a", NULL, false },
	{ "H.Example/a", 0, "H.Example", "a", NULL, false },
	{ "", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "repo", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "repo:tag", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "user/repo", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/:t", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/A", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/a//b", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/a/../b", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/a..b", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/a___b", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/-a", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/a?b=c", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/a:", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/a:-t", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/a:t/u", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/a@sha256:12", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example/a@tag", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "user:secret@h.example/a", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example:0/a", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example:65536/a", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example:/a", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "[::1/a", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "[]/a", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "-h.example/a", -FIRN_EINVAL, NULL, NULL, NULL, false },
	{ "h.example%00/a", -FIRN_EINVAL, NULL, NULL, NULL, false },
};

START_TEST(docker)
{
	struct firn_error err = { 0 };
	struct ref r = { .path = NULL };
	char text[256];
	int rc;

	snprintf(text, sizeof(text), "docker://%s", docker_cases[_i].text);
	rc = ref_parse(text, &r, &err);
	ck_assert_msg(rc == docker_cases[_i].rc, "%s: %d %s", text, rc, err.msg);
	ck_assert_pstr_eq(r.host, docker_cases[_i].host);
	ck_assert_pstr_eq(r.path, docker_cases[_i].path);
	ck_assert_pstr_eq(r.tag, docker_cases[_i].tag);
	ck_assert_int_eq(r.digest.alg != 0, docker_cases[_i].digest);
	if (rc == 0)
		ck_assert_int_eq(r.transport, REF_DOCKER);
	ref_done(&r);
}
END_TEST

START_TEST(parse)
{
	struct firn_error err = { 0 };
	struct ref r = { .path = (char *)"untouched" };
	char text[DIGEST_TEXT_MAX];
	int rc = ref_parse(cases[_i].text, &r, &err);

	ck_assert_msg(rc == cases[_i].rc, "%s: %d %s", cases[_i].text, rc, err.msg);
	if (rc < 0) {
		ck_assert_str_eq(r.path, "untouched");
		ck_assert_int_eq(err.code, -rc);
		return;
	}
	ck_assert_int_eq(r.transport, cases[_i].transport);
	ck_assert_str_eq(r.path, cases[_i].path);
	ck_assert_pstr_eq(r.tag, cases[_i].tag);
	ck_assert_int_eq(r.digest.alg != 0, cases[_i].digest);
	if (cases[_i].digest)
		ck_assert_str_eq(digest_text(&r.digest, text), "sha256:" HEX);
	ref_done(&r);
	ck_assert_ptr_null(r.path);
}
END_TEST

static const struct {
	const char *prefix;
	size_t longest;
} long_cases[] = {
	{ "", PATH_MEMBER_MAX },
	{ "oci:", PATH_MEMBER_MAX },
	{ "oci:dir:", REF_TAG_MAX },
};

START_TEST(lengths)
{
	const size_t used = strlen(long_cases[_i].prefix), longest = long_cases[_i].longest;
	char text[8192];
	struct firn_error err = { 0 };
	struct ref r;

	memset(text, 'a', sizeof(text));
	memcpy(text, long_cases[_i].prefix, used);
	text[used + longest] = '\0';
	ck_ok(ref_parse(text, &r, &err), err);
	ref_done(&r);
	text[used + longest] = 'a';
	text[used + longest + 1] = '\0';
	ck_assert_int_eq(ref_parse(text, &r, &err), -FIRN_ELIMIT);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("ref");
	TCase *tc = tcase_create("ref");

	tcase_add_loop_test(tc, parse, 0, ARRAY_SIZE(cases));
	tcase_add_loop_test(tc, docker, 0, ARRAY_SIZE(docker_cases));
	tcase_add_loop_test(tc, lengths, 0, ARRAY_SIZE(long_cases));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

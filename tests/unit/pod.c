/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The documents of several containers, and their names. */
#include "unit.h"

#include "base/fd.h"
#include "format/pod.h"

#include <stdio.h>
#include <string.h>

#define X8   "xxxxxxxx"
#define X32  X8 X8 X8 X8
#define X128 X32 X32 X32 X32

static const struct {
	const char *name;
	int rc;
} names[] = {
	{ "a", 0 },
	{ "web-1", 0 },
	{ "shop_web_1", 0 },
	{ "a.b+c", 0 },
	{ "a--b", 0 },
	{ X128, 0 },
	{ "", -FIRN_EINVAL },
	{ ".", -FIRN_EINVAL },
	{ "..", -FIRN_EINVAL },
	{ "../a", -FIRN_EINVAL },
	{ "a/b", -FIRN_EINVAL },
	{ "/a", -FIRN_EINVAL },
	{ "a:b", -FIRN_EINVAL },
	{ "a@b", -FIRN_EINVAL },
	{ "a b", -FIRN_EINVAL },
	{ "a\nb", -FIRN_EINVAL },
	{ "-a", -FIRN_EINVAL },
	{ "a-", -FIRN_EINVAL },
	{ "a..b", -FIRN_EINVAL },
	{ "a---b", -FIRN_EINVAL },
	{ "\xc3\xa4", -FIRN_EINVAL },
	{ X128 "x", -FIRN_EINVAL },
};

START_TEST(name)
{
	struct firn_error err = { 0 };

	ck_assert_msg(pod_check_name(names[_i].name, FIRN_EINVAL, &err) == names[_i].rc, "%s: %s",
		      names[_i].name, err.msg);
}
END_TEST

/* "NAME=FILE NAME=FILE ". Caller frees. */
static char *list(const struct pod *p)
{
	char *text = calloc(1, 8192);

	for (size_t i = 0; i < p->n; i++) {
		strcat(strcat(text, p->list[i].name), "=");
		strcat(strcat(text, p->list[i].file), " ");
	}
	return text;
}

#define WEB  "{\"name\":\"web\",\"archive\":\"web.tar\"}"
#define DB   "{\"name\":\"db\",\"archive\":\"db.tar.gz\",\"image\":\"x\"}"
#define P(x) "{\"services\":[" x "]}"
#define N(x) P("{\"name\":\"" x "\",\"archive\":\"a\"}")
#define A(x) P("{\"name\":\"a\",\"archive\":\"" x "\"}")
#define O(x) "{\"version\":1,\"containers\":{" x "}}"

static const struct {
	int (*parse)(const char *text, size_t len, struct pod *ret, struct firn_error *err);
	const char *text;
	int rc;
	const char *want; /* the list, or what the error says */
} documents[] = {
	{ pod_parse_project, "{\"name\":\"shop\",\"services\":[" WEB "," DB "]}", 0,
	  "web=web.tar db=db.tar.gz " },
	{ pod_parse_project, P(WEB), 0, "web=web.tar " },
	/* Two services may be of one archive. */
	{ pod_parse_project, P(WEB ",{\"name\":\"two\",\"archive\":\"web.tar\"}"), 0,
	  "web=web.tar two=web.tar " },
	{ pod_parse_project, A("a..tar"), 0, "a=a..tar " },
	{ pod_parse_project, "", -FIRN_ECORRUPT, "" },
	{ pod_parse_project, "[]", -FIRN_ECORRUPT, "no JSON object" },
	{ pod_parse_project, "{}", -FIRN_ECORRUPT, "services" },
	{ pod_parse_project, "{\"services\":{}}", -FIRN_ECORRUPT, "services" },
	{ pod_parse_project, P(""), -FIRN_ECORRUPT, "names no container" },
	{ pod_parse_project, P("1"), -FIRN_ECORRUPT, "services[0]: is no JSON object" },
	{ pod_parse_project, P(WEB ",{\"name\":\"x\"}"), -FIRN_ECORRUPT,
	  "services[1]: \"archive\"" },
	{ pod_parse_project, P("{\"archive\":\"x\"}"), -FIRN_ECORRUPT, "name" },
	{ pod_parse_project, P("{\"name\":1,\"archive\":\"x\"}"), -FIRN_ECORRUPT, "name" },
	{ pod_parse_project, P("{\"name\":\"a\",\"archive\":null}"), -FIRN_ECORRUPT, "archive" },
	{ pod_parse_project, P(WEB "," WEB), -FIRN_ECORRUPT, "\"web\" comes twice" },
	{ pod_parse_project, "{\"services\":[" WEB "],\"services\":[" DB "]}", -FIRN_ECORRUPT,
	  "duplicate" },
	{ pod_parse_project, N(".."), -FIRN_ECORRUPT, "container name \"..\"" },
	{ pod_parse_project, N("a/b"), -FIRN_ECORRUPT, "container name \"a/b\"" },
	{ pod_parse_project, N(""), -FIRN_ECORRUPT, "container name \"\"" },
	{ pod_parse_project, N("a\\u0000b"), -FIRN_ECORRUPT, "" },
	{ pod_parse_project, A("../x.tar"), -FIRN_ECORRUPT, "\"../x.tar\" is no name of a file" },
	{ pod_parse_project, A("/etc/shadow"), -FIRN_ECORRUPT, "is no name of a file" },
	{ pod_parse_project, A("sub/x.tar"), -FIRN_ECORRUPT, "is no name of a file" },
	{ pod_parse_project, A(".."), -FIRN_ECORRUPT, "is no name of a file" },
	{ pod_parse_project, A("."), -FIRN_ECORRUPT, "is no name of a file" },
	{ pod_parse_project, A(""), -FIRN_ECORRUPT, "is no name of a file" },
	{ pod_parse_project, A(X128 X128), -FIRN_ECORRUPT, "is no name of a file" },
	{ pod_parse_project, P(WEB) "x", -FIRN_ECORRUPT, "" },
	/* Sorted by name; folders are called by the engine's full names. */
	{ pod_parse_options, O("\"web\":\"1f-k8s_web\",\"db\":\"2e-k8s_db\""), 0,
	  "db=2e-k8s_db web=1f-k8s_web " },
	{ pod_parse_options, "{\"version\":2,\"containers\":{\"a\":\"b\"}}", -FIRN_EUNSUPP,
	  "version 2" },
	{ pod_parse_options, "{\"containers\":{\"a\":\"b\"}}", -FIRN_ECORRUPT, "version" },
	{ pod_parse_options, "{\"version\":\"1\",\"containers\":{\"a\":\"b\"}}", -FIRN_ECORRUPT,
	  "version" },
	{ pod_parse_options, "{\"version\":1,\"containers\":[\"a\"]}", -FIRN_ECORRUPT,
	  "containers" },
	{ pod_parse_options, "{\"version\":1}", -FIRN_ECORRUPT, "containers" },
	{ pod_parse_options, O(""), -FIRN_ECORRUPT, "names no container" },
	{ pod_parse_options, O("\"a\":1"), -FIRN_ECORRUPT, "no string" },
	{ pod_parse_options, O("\"a\":\"../b\""), -FIRN_ECORRUPT, "is no name of a file" },
	{ pod_parse_options, O("\"../a\":\"b\""), -FIRN_ECORRUPT, "container name" },
	{ pod_parse_options, O("\"a\":\"b\",\"a\":\"c\""), -FIRN_ECORRUPT, "" },
};

START_TEST(document)
{
	_cleanup_(pod_done) struct pod p = { 0 };
	struct firn_error err = { 0 };
	const char *text = documents[_i].text;
	_free_ char *got = NULL;
	int rc = documents[_i].parse(text, strlen(text), &p, &err);

	ck_assert_msg(rc == documents[_i].rc, "%s: %s", text, err.msg);
	if (rc < 0) {
		ck_assert_msg(strstr(err.msg, documents[_i].want) != NULL, "%s: %s", text, err.msg);
		ck_assert(!p.list && !p.n);
		return;
	}
	got = list(&p);
	ck_assert_str_eq(got, documents[_i].want);
}
END_TEST

START_TEST(too_many)
{
	_cleanup_(pod_done) struct pod p = { 0 };
	struct firn_error err = { 0 };
	char *text = calloc(1, 64 * (POD_CONTAINERS_MAX + 2));

	for (int n = POD_CONTAINERS_MAX; n <= POD_CONTAINERS_MAX + 1; n++) {
		strcpy(text, "{\"services\":[");
		for (int i = 0; i < n; i++)
			sprintf(text + strlen(text), "%s{\"name\":\"c%d\",\"archive\":\"x\"}",
				i ? "," : "", i);
		strcat(text, "]}");
		if (n <= POD_CONTAINERS_MAX) {
			ck_ok(pod_parse_project(text, strlen(text), &p, &err), err);
			ck_assert_uint_eq(p.n, POD_CONTAINERS_MAX);
		} else {
			ck_assert_int_eq(pod_parse_project(text, strlen(text), &p, &err),
					 -FIRN_ELIMIT);
		}
	}
	free(text);
}
END_TEST

START_TEST(whose_pod)
{
	static const char options[] =
	    "{\"version\":1,\"containers\":{\"a\":\"x-a\"},\"annotations\":{"
	    "\"org.criu.checkpoint.pod.name\":\"shop\",\"org.criu.checkpoint.pod.id\":\"1f\","
	    "\"org.criu.checkpoint.pod.uid\":\"\"}}";
	static const char dump[] = "{\"metadata\":{\"name\":\"other\",\"namespace\":\"default\","
				   "\"uid\":\"u1\",\"attempt\":0},\"hostname\":\"h\"}";
	_cleanup_(pod_done) struct pod p = { 0 };
	struct firn_error err = { 0 };

	ck_ok(pod_parse_options(options, sizeof(options) - 1, &p, &err), err);
	ck_assert_str_eq(p.name, "shop");
	ck_assert_str_eq(p.id, "1f");
	ck_assert_ptr_null(p.uid);
	ck_assert_ptr_null(p.namespace);
	ck_ok(pod_parse_dump(dump, sizeof(dump) - 1, &p, &err), err);
	ck_assert_str_eq(p.name, "shop");
	ck_assert_str_eq(p.namespace, "default");
	ck_assert_str_eq(p.uid, "u1");
	ck_ok(pod_parse_dump("{}", 2, &p, &err), err);
	ck_assert_int_eq(pod_parse_dump("[]", 2, &p, &err), -FIRN_ECORRUPT);
	ck_assert_int_eq(pod_parse_dump("{\"metadata\":1}", 14, &p, &err), -FIRN_ECORRUPT);
	ck_assert_int_eq(pod_parse_dump("{\"metadata\":{\"name\":1}}", 23, &p, &err),
			 -FIRN_ECORRUPT);
}
END_TEST

static Suite *pod_suite(void)
{
	Suite *s = suite_create("pod");
	TCase *tc = tcase_create("pod");

	tcase_add_loop_test(tc, name, 0, ARRAY_SIZE(names));
	tcase_add_loop_test(tc, document, 0, ARRAY_SIZE(documents));
	tcase_add_test(tc, too_many);
	tcase_add_test(tc, whose_pod);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(pod_suite)

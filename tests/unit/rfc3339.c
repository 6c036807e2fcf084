/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "format/rfc3339.h"

static const struct {
	const char *text;
	int64_t seconds; /* -1: refused */
} times[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "2026-11-23T03:14:37Z", 1795403677 },
	{ "2026-11-23T03:14:37.123456789Z", 1795403677 },
	{ "2026-11-23T04:14:37+01:00", 1795403677 },
	{ "2026-11-22T21:44:37.5-05:30", 1795403677 },
	{ "2024-02-29T23:59:59z", 1709251199 },
	{ "9999-12-31T23:59:59Z", 253402300799 },
	{ "0001-01-01T00:00:00Z", -1 },
	{ "1970-01-01T00:00:00+01:00", -1 },
	{ "2026-11-23T03:14:37", -1 },
	{ "2026-11-23 03:14:37Z", -1 },
	{ "2026-13-23T03:14:37Z", -1 },
	{ "2026-11-32T03:14:37Z", -1 },
	{ "2026-11-23T24:14:37Z", -1 },
	{ "2026-11-23T03:14:37+0100", -1 },
	{ "2026-11-23T03:14:37ZZ", -1 },
	{ "2026-11-23T03:14:37.", -1 },
	{ "2026-11-23", -1 },
	{ "", -1 },
};

START_TEST(parse)
{
	int64_t got = -1;
	const bool good = rfc3339_parse(times[_i].text, strlen(times[_i].text), &got);

	ck_assert_msg(good == (times[_i].seconds >= 0) && got == times[_i].seconds, "%s: %lld",
		      times[_i].text, (long long)got);
}
END_TEST

START_TEST(print)
{
	char text[RFC3339_MAX];

	ck_assert_str_eq(rfc3339_print(1795403677, text), "2026-11-23T03:14:37Z");
	ck_assert_str_eq(rfc3339_print(-5, text), "1970-01-01T00:00:00Z");
	ck_assert_str_eq(rfc3339_print(INT64_MAX, text), "9999-12-31T23:59:59Z");
}
END_TEST

static const struct {
	const char *name, *pod, *namespace, *container; /* pod NULL: none of the kubelet's */
} names[] = {
	{ "checkpoint-web_default-app-2026-11-23T03:14:37Z.tar", "web", "default", "app" },
	{ "checkpoint-web-0_default-app-2026-11-23T03:14:37+01:00.tar", "web-0", "default", "app" },
	{ "checkpoint-web_kube-system-app-2026-11-23T03:14:37Z.tar", "web", NULL, NULL },
	{ "checkpoint-web_default-2026-11-23T03:14:37Z.tar", "web", NULL, NULL },
	{ "checkpoint-_default-app-2026-11-23T03:14:37Z.tar", NULL, NULL, NULL },
	{ "checkpoint-web-default-app-2026-11-23T03:14:37Z.tar", NULL, NULL, NULL },
	{ "checkpoint-web_default-app-2026-11-23.tar", NULL, NULL, NULL },
	{ "checkpoint-web_default-app-2026-11-23T03:14:37Z.tar.gz", NULL, NULL, NULL },
	{ "checkpoint-2026-11-23T03:14:37Z.tar", NULL, NULL, NULL },
	{ "checkpoint-.tar", NULL, NULL, NULL },
	{ "x", NULL, NULL, NULL },
};

static void check_part(const char *want, const char *got, size_t len)
{
	ck_assert_int_eq(want == NULL, got == NULL);
	if (want)
		ck_assert_msg(strlen(want) == len && memcmp(want, got, len) == 0, "%s: %.*s", want,
			      (int)len, got);
}

START_TEST(kubelet)
{
	struct kubelet_name k;
	const bool good = kubelet_name_parse(names[_i].name, &k);

	ck_assert_msg(good == (names[_i].pod != NULL), "%s", names[_i].name);
	if (!good)
		return;
	check_part(names[_i].pod, k.pod, k.pod_len);
	check_part(names[_i].namespace, k.namespace, k.namespace_len);
	check_part(names[_i].container, k.container, k.container_len);
	ck_assert_msg(k.time == 1795403677 || k.time == 1795403677 - 3600, "%s", names[_i].name);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("rfc3339");
	TCase *tc = tcase_create("rfc3339");

	tcase_add_loop_test(tc, parse, 0, ARRAY_SIZE(times));
	tcase_add_test(tc, print);
	tcase_add_loop_test(tc, kubelet, 0, ARRAY_SIZE(names));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

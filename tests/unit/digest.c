/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/digest.h"

#include "unit.h"

#include <string.h>

/* FIPS 180-4 example values for "abc" and the empty message. */
#define ABC_256   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY_256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_512                                                                                    \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"                         \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static const struct {
	const char *name, *text;
	int rc;
} parse_cases[] = {
	{ "sha256", "sha256:" ABC_256, 0 },
	{ "sha512", "sha512:" ABC_512, 0 },
	{ "empty", "", -FIRN_EINVAL },
	{ "no algorithm", ABC_256, -FIRN_EINVAL },
	{ "algorithm alone", "sha256", -FIRN_EINVAL },
	{ "no hex", "sha256:", -FIRN_EINVAL },
	{ "short", "sha256:ff", -FIRN_EINVAL },
	{ "one too many", "sha256:" ABC_256 "0", -FIRN_EINVAL },
	{ "two too many", "sha256:" ABC_256 "00", -FIRN_EINVAL },
	{ "newline behind", "sha256:" ABC_256 "\n", -FIRN_EINVAL },
	{ "256 with the length of 512", "sha256:" ABC_512, -FIRN_EINVAL },
	{ "512 with the length of 256", "sha512:" ABC_256, -FIRN_EINVAL },
	{ "upper case", "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
	  -FIRN_EINVAL },
	{ "no hex digit", "sha256:ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	  -FIRN_EINVAL },
	{ "upper case algorithm", "SHA256:" ABC_256, -FIRN_EINVAL },
	{ "unknown algorithm", "sha384:" ABC_256, -FIRN_EINVAL },
	{ "blank before", " sha256:" ABC_256, -FIRN_EINVAL },
	{ "path", "sha256:../../etc/passwd", -FIRN_EINVAL },
};

START_TEST(parse)
{
	char text[DIGEST_TEXT_MAX], hex[DIGEST_TEXT_MAX];
	struct firn_error err = { 0 };
	struct digest d = { 0 };
	int rc = digest_parse(&d, parse_cases[_i].text, &err);

	ck_assert_msg(rc == parse_cases[_i].rc, "%s: %d %s", parse_cases[_i].name, rc, err.msg);
	if (rc < 0) {
		ck_assert_int_eq(d.alg, 0);
		return;
	}
	ck_assert_str_eq(digest_text(&d, text), parse_cases[_i].text);
	ck_assert_str_eq(digest_hex(&d, hex), strchr(parse_cases[_i].text, ':') + 1);
}
END_TEST

static const struct {
	enum digest_alg alg;
	const char *message, *text;
} hash_cases[] = {
	{ DIGEST_SHA256, "abc", "sha256:" ABC_256 },
	{ DIGEST_SHA256, "", "sha256:" EMPTY_256 },
	{ DIGEST_SHA512, "abc", "sha512:" ABC_512 },
};

/* Whole and byte by byte must agree with the published value. */
START_TEST(hash)
{
	const char *m = hash_cases[_i].message;
	char text[DIGEST_TEXT_MAX];
	struct firn_error err = { 0 };
	struct digest d[2];

	for (int bytewise = 0; bytewise < 2; bytewise++) {
		struct hasher *h = NULL;

		ck_ok(hasher_new(hash_cases[_i].alg, &h, &err), err);
		for (const char *p = m; bytewise && *p; p++)
			ck_ok(hasher_update(h, p, 1, &err), err);
		if (!bytewise)
			ck_ok(hasher_update(h, m, strlen(m), &err), err);
		ck_ok(hasher_final(h, &d[bytewise], &err), err);
		ck_assert_ptr_null(hasher_free(h));
		ck_assert_str_eq(digest_text(&d[bytewise], text), hash_cases[_i].text);
	}
	ck_assert(digest_equal(&d[0], &d[1]));
}
END_TEST

START_TEST(compare)
{
	struct firn_error err = { 0 };
	struct digest a, b;

	ck_ok(digest_of("abc", 3, &a, &err), err);
	ck_ok(digest_parse(&b, "sha256:" ABC_256, &err), err);
	ck_assert(digest_equal(&a, &b));
	ck_assert_int_eq(digest_compare(&a, &b), 0);
	b.bytes[31]++;
	ck_assert(!digest_equal(&a, &b));
	ck_assert(digest_compare(&a, &b) < 0 && digest_compare(&b, &a) > 0);
	b.bytes[31]--;
	b.alg = DIGEST_SHA512;
	ck_assert(!digest_equal(&a, &b));
	ck_assert(digest_compare(&a, &b) < 0 && digest_compare(&b, &a) > 0);
	ck_assert_uint_eq(digest_size(DIGEST_SHA256), 32);
	ck_assert_uint_eq(digest_size(DIGEST_SHA512), 64);
	ck_assert_ptr_null(hasher_free(NULL));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("digest");
	TCase *tc = tcase_create("digest");

	tcase_add_loop_test(tc, parse, 0, ARRAY_SIZE(parse_cases));
	tcase_add_loop_test(tc, hash, 0, ARRAY_SIZE(hash_cases));
	tcase_add_test(tc, compare);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/dir_image.h"

#include "unit.h"

#include <string.h>

#define HEX    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define LONGER HEX HEX

static const struct {
	const char *text;
	int rc;
} marks[] = {
	{ DIR_IMAGE_MARK, 0 },
	{ "Directory Transport Version: 1.1", 0 },
	{ "Directory Transport Version: 1.27\n", 0 },
	{ "Directory Transport Version: 1.0\n", -FIRN_EUNSUPP },
	{ "Directory Transport Version: 1.\n", -FIRN_EUNSUPP },
	{ "Directory Transport Version: 1.1.1\n", -FIRN_EUNSUPP },
	{ "Directory Transport Version: 1.1 \n", -FIRN_EUNSUPP },
	{ "Directory Transport Version: 2.1\n", -FIRN_EUNSUPP },
	{ "Directory Transport Version: 11\n", -FIRN_EUNSUPP },
	{ "Directory Transport Version: \n", -FIRN_ECORRUPT },
	{ "Directory Transport Version:", -FIRN_ECORRUPT },
	{ "directory transport version: 1.1\n", -FIRN_ECORRUPT },
	{ "{\"imageLayoutVersion\":\"1.0.0\"}", -FIRN_ECORRUPT },
	{ "\n", -FIRN_ECORRUPT },
	{ "", -FIRN_ECORRUPT },
};

START_TEST(mark)
{
	struct firn_error err = { 0 };
	int rc = dir_image_check_mark(marks[_i].text, strlen(marks[_i].text), &err);

	ck_assert_msg(rc == marks[_i].rc, "%s: %d %s", marks[_i].text, rc, err.msg);
}
END_TEST

static const struct {
	const char *name;
	enum digest_alg alg;
} names[] = {
	{ HEX, DIGEST_SHA256 },
	{ HEX ".manifest.json", DIGEST_SHA256 },
	{ LONGER, DIGEST_SHA512 },
	{ LONGER ".manifest.json", DIGEST_SHA512 },
	{ HEX ".json", 0 },
	{ HEX ".manifest.json2", 0 },
	{ HEX "0", 0 },
	{ LONGER "00", 0 },
	{ "manifest.json", 0 },
	{ ".manifest.json", 0 },
	{ "version", 0 },
	{ "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", 0 },
	{ "signature-1", 0 },
	{ "", 0 },
};

START_TEST(name)
{
	char hex[DIGEST_TEXT_MAX], manifest[DIR_IMAGE_NAME_MAX];
	struct digest d = { 0 };
	const bool good = dir_image_parse(names[_i].name, &d);

	ck_assert_msg(good == (names[_i].alg != 0), "%s", names[_i].name);
	if (!good)
		return;
	ck_assert_int_eq(d.alg, names[_i].alg);
	ck_assert_str_eq(strchr(names[_i].name, '.') ? dir_image_manifest(&d, manifest)
						     : digest_hex(&d, hex),
			 names[_i].name);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("dir_image");
	TCase *tc = tcase_create("all");

	tcase_add_loop_test(tc, mark, 0, ARRAY_SIZE(marks));
	tcase_add_loop_test(tc, name, 0, ARRAY_SIZE(names));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What documents name is marked, however many and whatever digests they are. */
#include "gc/mark.h"

#include "unit.h"

#include "base/fd.h"
#include "bytes/json.h"

#include <stdio.h>

#define NDIGESTS (1u << 17)

/* With @from as first half: no blob has such digests, but a document may name them. */
static void digest_at(uint64_t from, uint32_t i, char ret[DIGEST_TEXT_MAX])
{
	snprintf(ret, DIGEST_TEXT_MAX, "sha256:%016llx%016x%032x", (unsigned long long)from, i, 7u);
}

static json_t *digests(uint64_t from)
{
	json_t *list = json_array();
	char text[DIGEST_TEXT_MAX];

	for (uint32_t i = 0; i < NDIGESTS; i++) {
		digest_at(from, i, text);
		json_array_append_new(list, json_pack("{s:s}", "digest", text));
	}
	return list;
}

/* Was seconds, and grew with the square, when all began in one slot: the time of a test is limited.
 */
START_TEST(alike)
{
	_cleanup_(marks_freep) struct marks *m = NULL;
	_json_ json_t *list = digests(0x0123456789abcdefull);
	struct firn_error err = { 0 };
	char text[DIGEST_TEXT_MAX];
	struct digest d;

	ck_ok(marks_new(false, &m, &err), err);
	ck_ok(marks_add(m, NULL, list, &err), err);
	for (uint32_t i = 0; i < NDIGESTS; i += 1000) {
		digest_at(0x0123456789abcdefull, i, text);
		ck_ok(digest_parse(&d, text, &err), err);
		ck_assert(marks_have(m, &d));
		digest_at(1, i, text);
		ck_ok(digest_parse(&d, text, &err), err);
		ck_assert(!marks_have(m, &d));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("marks");
	TCase *tc = tcase_create("marks");

	tcase_add_test(tc, alike);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

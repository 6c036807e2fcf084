/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../src/opt.h"
#include "unit.h"

#include <string.h>

struct values {
	bool force, quiet;
	uint64_t level;
	const char *base;
	struct opt_list volumes;
	int how;
};

static const struct opt table[] = {
	OPT_FLAG('f', "force", struct values, force, ""),
	OPT_FLAG('q', "quiet", struct values, quiet, ""),
	OPT_UINT('l', "level", struct values, level, 1, 22, "N", ""),
	OPT_STR('b', "base", struct values, base, "IMAGE", ""),
	OPT_LIST('v', "volume", struct values, volumes, "OLD=NEW", ""),
	OPT_ENUM(0, "how", struct values, how, "auto|bar|none", "HOW", ""),
	OPT_END,
};

#define WORDS_MAX 8

struct parsed {
	struct values v;
	int rc, argc;
	const char *argv[WORDS_MAX];
	struct firn_error err;
};

static struct parsed parse(const char *const words[WORDS_MAX], unsigned flags)
{
	struct parsed p = { 0 };
	struct opt_set set = { table, &p.v };

	for (; p.argc < WORDS_MAX && words[p.argc]; p.argc++)
		p.argv[p.argc] = words[p.argc];
	p.rc = opt_parse(&set, 1, flags, &p.argc, (char **)p.argv, &p.err);
	return p;
}

static void parsed_done(struct parsed *p)
{
	opt_done(&(struct opt_set){ table, &p->v });
}

static const struct {
	const char *words[WORDS_MAX];
	const char *says;
} refused[] = {
	{ { "--nothing" }, "there is no option --nothing" },
	{ { "--forc" }, "there is no option --forc" },
	{ { "--forced" }, "there is no option --forced" },
	{ { "-x" }, "there is no option -x" },
	{ { "-fx" }, "there is no option -x" },
	{ { "--force=yes" }, "--force takes no value" },
	{ { "--base" }, "--base needs IMAGE" },
	{ { "-b" }, "-b needs IMAGE" },
	{ { "--base=" }, "--base: IMAGE is empty" },
	{ { "--level", "0" }, "--level: \"0\" is no number from 1 to 22" },
	{ { "--level", "23" }, "--level: \"23\" is no number from 1 to 22" },
	{ { "--level", "9x" }, "--level: \"9x\" is no number from 1 to 22" },
	{ { "--level", "" }, "--level: \"\" is no number from 1 to 22" },
	{ { "--level", "-3" }, "--level: \"-3\" is no number from 1 to 22" },
	{ { "--level", "+3" }, "--level: \"+3\" is no number from 1 to 22" },
	{ { "--level", "99999999999999999999999" }, "is no number from 1 to 22" },
	{ { "--how", "ba" }, "--how: \"ba\" is none of auto|bar|none" },
	{ { "--how", "bar|none" }, "--how: \"bar|none\" is none of auto|bar|none" },
};

START_TEST(refuses)
{
	struct parsed p = parse(refused[_i].words, 0);

	ck_assert_int_eq(p.rc, -FIRN_EINVAL);
	ck_assert_ptr_nonnull(strstr(p.err.msg, refused[_i].says));
	parsed_done(&p);
}
END_TEST

START_TEST(long_forms)
{
	struct parsed p = parse((const char *const[WORDS_MAX]){ "a", "--force", "--base=x=y", "b",
								"--level", "22", "--how=none" },
				0);

	ck_ok(p.rc, p.err);
	ck_assert(p.v.force && !p.v.quiet);
	ck_assert_str_eq(p.v.base, "x=y");
	ck_assert_uint_eq(p.v.level, 22);
	ck_assert_int_eq(p.v.how, 2);
	ck_assert_int_eq(p.argc, 2);
	ck_assert_str_eq(p.argv[0], "a");
	ck_assert_str_eq(p.argv[1], "b");
	parsed_done(&p);
}
END_TEST

START_TEST(short_forms)
{
	struct parsed p = parse(
	    (const char *const[WORDS_MAX]){ "-fql7", "-b", "-x", "-v/a=/b", "-v", "/c=/d" }, 0);

	ck_ok(p.rc, p.err);
	ck_assert(p.v.force && p.v.quiet);
	ck_assert_uint_eq(p.v.level, 7);
	ck_assert_str_eq(p.v.base, "-x");
	ck_assert_uint_eq(p.v.volumes.n, 2);
	ck_assert_str_eq(p.v.volumes.items[0], "/a=/b");
	ck_assert_str_eq(p.v.volumes.items[1], "/c=/d");
	ck_assert_int_eq(p.argc, 0);
	parsed_done(&p);
}
END_TEST

START_TEST(words_stay)
{
	struct parsed p = parse((const char *const[WORDS_MAX]){ "-", "-f", "--", "-q", "--" }, 0);

	ck_ok(p.rc, p.err);
	ck_assert(p.v.force && !p.v.quiet);
	ck_assert_int_eq(p.argc, 3);
	ck_assert_str_eq(p.argv[0], "-");
	ck_assert_str_eq(p.argv[1], "-q");
	ck_assert_str_eq(p.argv[2], "--");
	parsed_done(&p);
}
END_TEST

START_TEST(stops_at_verb)
{
	struct parsed p =
	    parse((const char *const[WORDS_MAX]){ "-f", "build", "-q", "x" }, OPT_STOP_AT_WORD);

	ck_ok(p.rc, p.err);
	ck_assert(p.v.force && !p.v.quiet);
	ck_assert_int_eq(p.argc, 3);
	ck_assert_str_eq(p.argv[0], "build");
	ck_assert_str_eq(p.argv[1], "-q");
	parsed_done(&p);
}
END_TEST

START_TEST(first_set_wins)
{
	struct values mine = { 0 }, global = { 0 };
	struct opt_set sets[] = { { NULL, NULL }, { table, &mine }, { table, &global } };
	char word[] = "-f", *argv[] = { word };
	struct firn_error err;
	int argc = 1;

	ck_ok(opt_parse(sets, 3, 0, &argc, argv, &err), err);
	ck_assert(mine.force && !global.force);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("opt");
	TCase *tc = tcase_create("opt");

	tcase_add_loop_test(tc, refuses, 0, ARRAY_SIZE(refused));
	tcase_add_test(tc, long_forms);
	tcase_add_test(tc, short_forms);
	tcase_add_test(tc, words_stay);
	tcase_add_test(tc, stops_at_verb);
	tcase_add_test(tc, first_set_wins);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

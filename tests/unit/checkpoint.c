/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "format/checkpoint.h"
#include "format/origin.h"

#include <string.h>

static const struct {
	const char *path;
	enum checkpoint_role role;
} classify_cases[] = {
	{ "checkpoint", CHECKPOINT_IMAGE },
	{ "checkpoint/pages-1.img", CHECKPOINT_IMAGE },
	{ "checkpoint/config.dump", CHECKPOINT_IMAGE },
	{ "checkpointx", CHECKPOINT_OTHER },
	{ "pre-checkpoint/pages-1.img", CHECKPOINT_PREDUMP },
	{ "config.dump", CHECKPOINT_DOCUMENT },
	{ "config.dump/x", CHECKPOINT_OTHER },
	{ "config.dumps", CHECKPOINT_OTHER },
	{ "spec.dump", CHECKPOINT_DOCUMENT },
	{ "status.dump", CHECKPOINT_DOCUMENT },
	{ "network.status", CHECKPOINT_DOCUMENT },
	{ "deleted.files", CHECKPOINT_DELETED },
	{ "rootfs-diff.tar", CHECKPOINT_DIFF },
	{ "volumes/rootfs-diff.tar", CHECKPOINT_OTHER },
	{ "dump.log", CHECKPOINT_OTHER },
	{ "", CHECKPOINT_OTHER },
};

START_TEST(classify)
{
	ck_assert_msg(checkpoint_classify(classify_cases[_i].path) == classify_cases[_i].role,
		      "%s: %d", classify_cases[_i].path,
		      checkpoint_classify(classify_cases[_i].path));
}
END_TEST

START_TEST(logs)
{
	ck_assert(checkpoint_is_log("dump.log"));
	ck_assert(checkpoint_is_log("stats-restore"));
	ck_assert(!checkpoint_is_log("descriptors.json"));
	ck_assert(!checkpoint_is_log("sub/dump.log"));
}
END_TEST

#define CORE(mtype) "\x19\x43\x56\x54\x47\x38\x05\x55\xd1\x08\x00\x00\x08" mtype "\x12\xfb"

static const struct {
	const char *path, *bytes;
	size_t n;
	const char *arch;
} core_cases[] = {
	{ "checkpoint/core-1.img", CORE("\x01"), 16, "amd64" },
	{ "checkpoint/core-1.img", CORE("\x03"), 16, "arm64" },
	{ "checkpoint/core-1.img", CORE("\x63"), 16, NULL },
	{ "checkpoint/core-1.img", CORE("\x01"), 13, NULL },
	{ "checkpoint/core-1.img", "\x18\x43\x56\x54", 4, NULL },
	{ "checkpoint/core-1.img", "", 0, NULL },
};

START_TEST(core)
{
	struct origin o = { 0 };

	ck_assert(origin_wants(core_cases[_i].path));
	origin_look(&o, core_cases[_i].path, core_cases[_i].bytes, core_cases[_i].n);
	ck_assert_pstr_eq(o.arch, core_cases[_i].arch);
}
END_TEST

static const struct {
	const char *text;
	uint32_t version;
	const char *kernel;
} log_cases[] = {
	{ "(00.000000) CRIU run id = b8\n(00.000067) Version: 4.2.1 (gitid 0)\n"
	  "(00.000072) Running on vm Linux 6.18.44-x #1 SMP x86_64\n",
	  40201, "6.18.44-x" },
	{ "(00.0) Version: 3.17 (gitid v3.17)\n", 31700, "" },
	{ "(00.0) Version: 4.1.1 (gitid 0)", 0, "" }, /* cut in the middle of a line */
	{ "(00.0) Version: 4.200.1\n", 0, "" },
	{ "(00.0) Version: x\n", 0, "" },
	{ "(00.0) Running on vm Linux 6.1\x01\n", 0, "" },
	{ "(00.0) Running on vm\n", 0, "" },
	{ "\n\n\n", 0, "" },
	{ "", 0, "" },
};

START_TEST(log_lines)
{
	struct origin o = { 0 };

	ck_assert(origin_wants("dump.log"));
	origin_look(&o, "dump.log", log_cases[_i].text, strlen(log_cases[_i].text));
	ck_assert_uint_eq(o.criu_version, log_cases[_i].version);
	ck_assert_str_eq(o.kernel, log_cases[_i].kernel);
}
END_TEST

START_TEST(first_wins)
{
	static const char twice[] = "(0) Version: 4.1.1 (x)\n(0) Version: 3.1 (x)\n";
	static const char later[] = "(0) Version: 3.1 (x)\n";
	struct origin o = { 0 };

	origin_look(&o, "dump.log", twice, strlen(twice));
	origin_look(&o, "dump.log", later, strlen(later));
	ck_assert_uint_eq(o.criu_version, 40101);
	ck_assert_str_eq(origin_arch_of("x86_64"), "amd64");
	ck_assert_str_eq(origin_arch_of("m68k"), "m68k");
}
END_TEST

static Suite *checkpoint_suite(void)
{
	Suite *s = suite_create("checkpoint");
	TCase *tc = tcase_create("checkpoint");

	tcase_add_loop_test(tc, classify, 0, ARRAY_SIZE(classify_cases));
	tcase_add_test(tc, logs);
	tcase_add_loop_test(tc, core, 0, ARRAY_SIZE(core_cases));
	tcase_add_loop_test(tc, log_lines, 0, ARRAY_SIZE(log_cases));
	tcase_add_test(tc, first_wins);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(checkpoint_suite)

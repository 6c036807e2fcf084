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
	{ "pre-checkpoint", CHECKPOINT_PREDUMP },
	{ "pre-checkpoint.2", CHECKPOINT_PREDUMP },
	{ "pre-checkpoint.31/x", CHECKPOINT_PREDUMP },
	{ "pre-checkpoint.1", CHECKPOINT_OTHER },
	{ "pre-checkpoint.02", CHECKPOINT_OTHER },
	{ "pre-checkpoint.32", CHECKPOINT_OTHER },
	{ "pre-checkpoint.2x", CHECKPOINT_OTHER },
	{ "pre-checkpoint.", CHECKPOINT_OTHER },
	{ "pre-checkpointx", CHECKPOINT_OTHER },
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

static const struct {
	const char *path, *target;
	unsigned parent;
} parent_cases[] = {
	{ "checkpoint/parent", "../pre-checkpoint", 1 },
	{ "checkpoint/parent", "../pre-checkpoint.7", 7 },
	{ "pre-checkpoint.7/parent", "../pre-checkpoint.6", 6 },
	{ "pre-checkpoint.2/parent", "../pre-checkpoint", 1 },
	/* Not to itself, nor to one that builds on it. */
	{ "checkpoint/parent", "../checkpoint", 0 },
	{ "pre-checkpoint/parent", "../pre-checkpoint", 0 },
	{ "pre-checkpoint/parent", "../pre-checkpoint.2", 0 },
	{ "pre-checkpoint/parent", "../checkpoint", 0 },
	/* Nor elsewhere. */
	{ "checkpoint/parent", "pre-checkpoint", 0 },
	{ "checkpoint/parent", "../../pre-checkpoint", 0 },
	{ "checkpoint/parent", "../pre-checkpoint/", 0 },
	{ "checkpoint/parent", "../pre-checkpoint/../../etc", 0 },
	{ "checkpoint/parent", "/pre-checkpoint", 0 },
	{ "checkpoint/parent", "../pre", 0 },
	{ "checkpoint/parent", "", 0 },
	{ "checkpoint/parents", "../pre-checkpoint", 0 },
	{ "checkpoint/a/parent", "../pre-checkpoint", 0 },
	{ "checkpoint", "../pre-checkpoint", 0 },
	{ "parent", "../pre-checkpoint", 0 },
	{ "volumes/parent", "../pre-checkpoint", 0 },
};

START_TEST(parent)
{
	ck_assert_msg(checkpoint_parent(parent_cases[_i].path, parent_cases[_i].target) ==
			  parent_cases[_i].parent,
		      "%s -> %s", parent_cases[_i].path, parent_cases[_i].target);
}
END_TEST

START_TEST(dump_names)
{
	char name[CHECKPOINT_DUMP_NAME_MAX];

	for (unsigned i = 1; i <= CHECKPOINT_DUMPS_MAX; i++)
		ck_assert_uint_eq(checkpoint_dump(checkpoint_dump_name(i, name)), i);
	ck_assert_str_eq(checkpoint_dump_name(1, name), "pre-checkpoint");
	ck_assert_str_eq(checkpoint_dump_name(2, name), "pre-checkpoint.2");
	ck_assert_str_eq(checkpoint_dump_name(CHECKPOINT_DUMPS_MAX, name), "checkpoint");
}
END_TEST

/* What Podman, CRI-O and containerd write, and what lies about in Podman's folder besides. */
START_TEST(known)
{
	static const char *const yes[] = { "config.dump",
					   "checkpoint",
					   "pre-checkpoint",
					   "devshm-checkpoint.tar",
					   "volumes",
					   "status",
					   "io.kubernetes.cri-o.LogPath" },
				 *const no[] = { "config.json", "attach", "ctl",
						 "winsz",       "shm",    "secrets",
						 "hosts",       "",       "config.dump2" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		ck_assert_msg(checkpoint_is_member(yes[i]), "%s", yes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		ck_assert_msg(!checkpoint_is_member(no[i]), "%s", no[i]);
}
END_TEST

static const struct {
	const char *bytes;
	size_t n;
	bool compressed;
} inventory_cases[] = {
#define INVENTORY(text, is)                                                                        \
	{                                                                                          \
		"\x16\x31\x31\x58" text, sizeof("\x16\x31\x31\x58" text) - 1, is                   \
	}
	INVENTORY("\2\0\0\0\x08\2", false),
	INVENTORY("\4\0\0\0\x08\3\x78\2", true),
	INVENTORY("\4\0\0\0\x08\2\x78\0", false),
	INVENTORY("\4\0\0\0\x08\2\x7a\0", false),
	INVENTORY("\4\0\0\0\x78", false),
	INVENTORY("", false),
	{ "\x19\x43\x56\x54\4\0\0\0\x78\2", 10, false },
};

START_TEST(inventory)
{
	struct origin o = { 0 };

	ck_assert(origin_wants("checkpoint/inventory.img"));
	ck_assert(!origin_wants("pre-checkpoint/inventory.img"));
	origin_look(&o, "checkpoint/inventory.img", inventory_cases[_i].bytes,
		    inventory_cases[_i].n);
	ck_assert_int_eq(o.compressed, inventory_cases[_i].compressed);
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

	tcase_add_loop_test(tc, parent, 0, ARRAY_SIZE(parent_cases));
	tcase_add_test(tc, dump_names);
	tcase_add_test(tc, known);
	tcase_add_loop_test(tc, inventory, 0, ARRAY_SIZE(inventory_cases));
	tcase_add_loop_test(tc, classify, 0, ARRAY_SIZE(classify_cases));
	tcase_add_test(tc, logs);
	tcase_add_loop_test(tc, core, 0, ARRAY_SIZE(core_cases));
	tcase_add_loop_test(tc, log_lines, 0, ARRAY_SIZE(log_cases));
	tcase_add_test(tc, first_wins);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(checkpoint_suite)

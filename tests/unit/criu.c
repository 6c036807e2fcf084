/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "base/buf.h"
#include "base/fd.h"
#include "format/criu.h"
#include "format/criu_log.h"
#include "sample.h"

#include <sys/stat.h>

/* The images of a sample's folder, one of them replaced (or, with NULL bytes, taken away). */
struct images {
	struct criu_images base;
	const struct sample *sample;
	const char *folder, *replaced;
	const void *bytes;
	size_t len;
};

static int open_image(struct criu_images *base, const char *name, struct source **ret,
		      struct firn_error *err)
{
	const struct images *images = (const struct images *)base;
	const void *bytes = images->bytes;
	size_t len = images->len;
	char path[100];
	int rc;

	if (!images->replaced || strcmp(name, images->replaced) != 0) {
		snprintf(path, sizeof(path), "%s/%s", images->folder, name);
		bytes = sample_member(images->sample, path, &len);
	}
	if (!bytes)
		return 0;
	rc = source_from_mem(bytes, len, ret, err);
	return rc < 0 ? rc : 1;
}

static const struct expected {
	const char *file, *folder;
	bool container;
	unsigned own_ns;
	uint32_t root_pid, root_mode;
} samples[] = {
	{ "podman-none.tar", "checkpoint", true,
	  CRIU_NS_PID | CRIU_NS_IPC | CRIU_NS_UTS | CRIU_NS_MNT | CRIU_NS_CGROUP, 1,
	  S_IFDIR | 0555 },
	{ "containerd-cri-tiny.tar", "checkpoint", true,
	  CRIU_NS_PID | CRIU_NS_IPC | CRIU_NS_MNT | CRIU_NS_CGROUP, 1, S_IFDIR | 0755 },
	{ "ctr-t-bare-criu.tar", "bare-criu", true,
	  CRIU_NS_PID | CRIU_NS_IPC | CRIU_NS_UTS | CRIU_NS_MNT, 1, S_IFDIR | 0755 },
	{ "raw-criu-1proc.tar", "img", false, 0, 14379, S_IFDIR | 0755 },
	{ "raw-criu-2proc.tar", "img", false, 0, 14953, S_IFDIR | 0755 },
};

START_TEST(real_images)
{
	const struct expected *want = &samples[_i];
	struct sample s = sample_open(want->file);
	struct images images = { { open_image }, &s, want->folder, NULL, NULL, 0 };
	struct firn_error err = { 0 };
	struct criu_info info;

	ck_assert_ptr_nonnull(s.bytes);
	ck_ok(criu_inspect(&images.base, &info, &err), err);
	ck_assert_uint_eq(info.version, 2);
	ck_assert_int_eq(info.container, want->container);
	ck_assert_uint_eq(info.own_ns, want->own_ns);
	ck_assert_uint_eq(info.root_pid, want->root_pid);
	ck_assert_uint_eq(info.root_mode, want->root_mode);
	ck_assert_int_eq(info.lsm, CRIU_LSM_NONE);
	ck_assert_uint_eq(info.etc_bytes[CRIU_ETC_HOSTS], 0);
	free(s.bytes);
}
END_TEST

#define COMMON  "\x19\x43\x56\x54"
#define FILES   COMMON "\x38\x31\x30\x56"
#define REC(n)  n "\0\0\0"
#define FILE_AT "\x08\x01\x10\x07\x1a" /* type REG, id 7, reg of ... bytes follows */

static const struct replaced {
	const char *name, *bytes;
	size_t len;
	int code; /* 0: is fine */
	const char *says;
} replaced[] = {
#define R(name, text, code, says)                                                                  \
	{                                                                                          \
		name, text, sizeof(text) - 1, code, says                                           \
	}
	{ "inventory.img", NULL, 0, FIRN_ECORRUPT, "inventory.img: is missing" },
	{ "pstree.img", NULL, 0, FIRN_ECORRUPT, "pstree.img: is missing" },
	R("inventory.img", "", FIRN_ECORRUPT, "inventory.img"),
	R("inventory.img", "\x16\x31\x31\x58", FIRN_ECORRUPT, "inventory.img: is empty"),
	R("inventory.img", "\x16\x31\x31\x59" REC("\0"), FIRN_ECORRUPT, "no such CRIU image"),
	R("inventory.img", "\x16\x31\x31\x58" REC("\2") "\x08", FIRN_ECORRUPT, "ends early"),
	R("inventory.img", "\x16\x31\x31\x58" REC("\1") "\x08", FIRN_ECORRUPT, "is no message"),
	R("inventory.img", "\x16\x31\x31\x58\0\0\0\x7f", FIRN_ELIMIT, "record of"),
	R("pstree.img", COMMON "\x30\x30\x27\x50" REC("\0"), FIRN_ECORRUPT, "has no pid"),
	R("pstree.img", "\x30\x30\x27\x50" REC("\2") "\x08\1", FIRN_ECORRUPT, "no such CRIU image"),
	/* Of an image that isn't there, nothing is known; a broken one is an error. */
	{ "ids-1.img", NULL, 0, 0, NULL },
	{ "fs-1.img", NULL, 0, 0, NULL },
	{ "files.img", NULL, 0, 0, NULL },
	R("fs-1.img", COMMON "\x12\x39\x40\x51" REC("\1") "\xff", FIRN_ECORRUPT,
	  "fs-1.img: record 1"),
	R("ids-1.img", COMMON "\x12\x39\x40\x51", FIRN_ECORRUPT, "ids-1.img: is no such"),
	R("files.img", FILES REC("\1") "\xff", FIRN_ECORRUPT, "files.img: record 1 is no message"),
	R("files.img", FILES "\1\0", FIRN_ECORRUPT, "files.img"),
	/* A file entry without a reg entry, and one without a name. */
	R("files.img", FILES REC("\4") "\x08\x01\x10\x07", 0, NULL),
	R("files.img", FILES REC("\6") FILE_AT "\0", 0, NULL),
};

START_TEST(replaced_image)
{
	const struct replaced *r = &replaced[_i];
	struct sample s = sample_open("podman-none.tar");
	struct images images = { { open_image }, &s, "checkpoint", r->name, r->bytes, r->len };
	struct firn_error err = { 0 };
	struct criu_info info = { .root_pid = 77 };
	int rc = criu_inspect(&images.base, &info, &err);

	ck_assert_msg(rc == -r->code, "%s: %d %s", r->name, rc, err.msg);
	if (r->code) {
		ck_assert_msg(strstr(err.msg, r->says) != NULL, "%s", err.msg);
		ck_assert_uint_eq(info.root_pid, 77);
	} else {
		ck_assert_uint_eq(info.root_pid, 1);
	}
	free(s.bytes);
}
END_TEST

/* A file record by hand: type REG, the ids, a name, and size and mode if not 0. */
static void put_file(struct buf *b, uint8_t id, const char *name, uint16_t size, uint32_t mode)
{
	const uint8_t head[] = { 0x08, 1, 0x10, id, 0x1a };
	_buf_ struct buf reg = BUF_INIT;
	uint8_t v[3];

	v[0] = 0x32;
	v[1] = (uint8_t)strlen(name);
	buf_put(&reg, v, 2);
	buf_puts(&reg, name);
	if (size) {
		const uint8_t s[] = { 0x40, (uint8_t)(size | 0x80), (uint8_t)(size >> 7) };

		buf_put(&reg, s, sizeof(s));
	}
	if (mode) {
		const uint8_t m[] = { 0x50, (uint8_t)(mode | 0x80), (uint8_t)(mode >> 7 | 0x80),
				      (uint8_t)(mode >> 14) };

		buf_put(&reg, m, sizeof(m));
	}
	buf_le32(b, (uint32_t)(sizeof(head) + 1 + reg.len));
	buf_put(b, head, sizeof(head));
	v[0] = (uint8_t)reg.len;
	buf_put(b, v, 1);
	buf_put(b, reg.data, reg.len);
}

/* fs-1.img of the sample says cwd 6, root 7. */
START_TEST(open_files)
{
	struct sample s = sample_open("podman-none.tar");
	_buf_ struct buf b = BUF_INIT;
	struct images images = { { open_image }, &s, "checkpoint", "files.img", NULL, 0 };
	struct firn_error err = { 0 };
	struct criu_info info;

	buf_put(&b, FILES, 8);
	put_file(&b, 3, "/", 0, S_IFDIR | 0700);
	put_file(&b, 7, "/", 0, S_IFDIR | 01751);
	put_file(&b, 8, "/", 0, S_IFDIR | 0711);
	put_file(&b, 9, "/etc/hosts", 161, S_IFREG | 0644);
	put_file(&b, 10, "/run/.containerenv", 300, S_IFREG | 0644);
	put_file(&b, 11, "/etc/group", 0, S_IFREG | 0644);
	images.bytes = b.data;
	images.len = b.len;
	ck_ok(criu_inspect(&images.base, &info, &err), err);
	ck_assert_uint_eq(info.root_mode, S_IFDIR | 01751);
	ck_assert_uint_eq(info.etc_bytes[CRIU_ETC_HOSTS], 161);
	ck_assert_uint_eq(info.etc_bytes[CRIU_RUN_CONTAINERENV], 300);
	ck_assert_uint_eq(info.etc_bytes[CRIU_ETC_GROUP], 0);
	free(s.bytes);
}
END_TEST

/* The first process' root isn't among the records with a mode: another one's "/" says it. */
START_TEST(root_of_another)
{
	struct sample s = sample_open("podman-none.tar");
	_buf_ struct buf b = BUF_INIT;
	struct images images = { { open_image }, &s, "checkpoint", "files.img", NULL, 0 };
	struct firn_error err = { 0 };
	struct criu_info info;

	buf_put(&b, FILES, 8);
	put_file(&b, 7, "/jail", 0, S_IFDIR | 0700);
	put_file(&b, 3, "/", 0, S_IFREG | 0700);
	put_file(&b, 4, "/", 0, S_IFDIR | 0711);
	images.bytes = b.data;
	images.len = b.len;
	ck_ok(criu_inspect(&images.base, &info, &err), err);
	ck_assert_uint_eq(info.root_mode, S_IFDIR | 0711);
	free(s.bytes);
}
END_TEST

static const struct logged {
	const char *log, *sentence;
	int taken_pid;
} logs[] = {
	{ "", NULL, 0 },
	{ "(00.000001) all is well\n(00.1) Warn  (criu/x.c:1): hm\n", NULL, 0 },
	{ "(00.035616) Error (criu/util.c:1533): rlimit: Can't setup RLIMIT_NOFILE for self: No\n"
	  "(00.030205)      1: Error (criu/files-reg.c:2353): Can't open file a/b on restore: No\n"
	  "(00.030207)      1: Error (criu/files-reg.c:2353): Can't open file a/b on restore: No\n"
	  "(00.030208)      1: Error (criu/files.c:1221): Unable to open fd=7 id=0x5\r\n"
	  "(00.031118) Error (criu/cr-restore.c:2320): Restoring FAILED.\n",
	  "Can't open file a/b on restore: No; Unable to open fd=7 id=0x5", 0 },
	{ "Error (criu/util.c:641): execvp(\"iptables-restore\", ...) failed: No such file\n"
	  "pie: 7: Error (criu/pie/restorer.c:9): two\n"
	  "(1) Error (x.c:1): three\n(1) Error (x.c:1): four\n",
	  "execvp(\"iptables-restore\", ...) failed: No such file; two; three", 0 },
	{ "(00.0) 14379: Error (criu/cr-restore.c:1): Can't fork for 14379: File exists",
	  "Can't fork for 14379: File exists", 14379 },
	{ "(00.0) The file says \"Error (a.c:1): no\"\n(0) Error (no end\n", NULL, 0 },
	{ "(00.0) Error (a.c:1):   \t\n(0) Error (b.c:2): a\tb\x1b[31m.\n", "a?b?[31m", 0 },
};

START_TEST(log_errors)
{
	const struct logged *l = &logs[_i];
	const size_t len = strlen(l->log);

	for (size_t piece = 1; piece <= len + 1; piece += piece < 3 ? 1 : len) {
		struct criu_log log = { 0 };
		const char *text;

		for (size_t at = 0; at < len; at += piece)
			criu_log_feed(&log, l->log + at, len - at < piece ? len - at : piece);
		text = criu_log_finish(&log);
		if (l->sentence)
			ck_assert_str_eq(text, l->sentence);
		else
			ck_assert_ptr_null(text);
		ck_assert_int_eq(log.taken_pid, l->taken_pid);
	}
}
END_TEST

/* Lines and sentences far longer than the buffers. */
START_TEST(log_limits)
{
	_free_ char *line = malloc(100000);
	struct criu_log log = { 0 };

	ck_assert_ptr_nonnull(line);
	memset(line, 'x', 100000);
	memcpy(line, "(00.1) Error (a.c:1): ", 22);
	line[99999] = '\n';
	for (int i = 0; i < 5; i++) {
		line[30] = (char)('a' + i / 2);
		criu_log_feed(&log, line, 100000);
	}
	ck_assert_uint_eq(log.errors, 2);
	ck_assert_uint_eq(strlen(criu_log_finish(&log)), 2 * CRIU_LOG_ERROR_MAX + 2);
	ck_assert_str_eq(log.text + 2 * CRIU_LOG_ERROR_MAX - 1, "...");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("criu");
	TCase *t = tcase_create("criu");

	tcase_add_loop_test(t, real_images, 0, (int)ARRAY_SIZE(samples));
	tcase_add_loop_test(t, replaced_image, 0, (int)ARRAY_SIZE(replaced));
	tcase_add_test(t, open_files);
	tcase_add_test(t, root_of_another);
	tcase_add_loop_test(t, log_errors, 0, (int)ARRAY_SIZE(logs));
	tcase_add_test(t, log_limits);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/store.h"

#include "base/fault.h"
#include "base/fd.h"
#include "scratch.h"
#include "unit.h"

#include <errno.h>

#define HELLO_HEX "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HELLO     "sha256:" HELLO_HEX
#define EMPTY     "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HELLO_512                                                                                  \
	"9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca7"                         \
	"2323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043"

static struct digest digest(const char *text)
{
	struct firn_error err = { 0 };
	struct digest d;

	ck_ok(digest_parse(&d, text, &err), err);
	return d;
}

static void expect_digest(const struct digest *d, const char *wanted)
{
	char text[DIGEST_TEXT_MAX];

	ck_assert_str_eq(digest_text(d, text), wanted);
}

enum kind { FOLDER_STORE, MEMORY, SPOOL };

/* An empty store of each kind; the folder is "layout" in the scratch folder. */
static struct store *new_store(int kind)
{
	struct firn_error err = { 0 };
	struct store *s = NULL;
	int dir;

	if (kind == MEMORY) {
		ck_ok(store_mem_new(&s, &err), err);
		return s;
	}
	if (kind == SPOOL) {
		ck_ok(store_spool_new(scratch(""), &s, &err), err);
		return s;
	}
	dir = scratch_folder("layout");
	ck_ok(store_dir_open(dir, STORE_WRITE, &s, &err), err);
	close(dir);
	return s;
}

static struct store *open_dir(unsigned flags)
{
	_fd_ int dir = open(scratch("layout"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct firn_error err = { 0 };
	struct store *s = NULL;

	ck_assert_int_ge(dir, 0);
	ck_ok(store_dir_open(dir, flags, &s, &err), err);
	return s;
}

static void expect_layout(const char *wanted)
{
	_free_ char *list = scratch_list(scratch("layout"));

	ck_assert_str_eq(list, wanted);
}

START_TEST(put_and_read)
{
	_cleanup_(store_closep) struct store *s = new_store(_i);
	const struct digest hello = digest(HELLO);
	struct firn_error err = { 0 };
	_free_ char *text = NULL;
	struct digest d;
	uint64_t size = 0;
	size_t len;

	ck_assert_int_eq(store_has(s, &hello, &size, &err), 0);
	ck_assert_int_eq(store_read(s, &hello, 0, 100, &text, &len, &err), -FIRN_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.msg, "blob " HELLO));
	ck_assert_int_eq(store_put(s, "hello", 5, &d, &err), 0);
	expect_digest(&d, HELLO);
	ck_assert_int_eq(store_put(s, "hello", 5, &d, &err), 0);
	ck_assert_int_eq(store_has(s, &hello, &size, &err), 1);
	ck_assert_uint_eq(size, 5);
	ck_assert_int_eq(store_has(s, &hello, NULL, &err), 1);
	ck_ok(store_read(s, &d, 5, 5, &text, &len, &err), err);
	ck_assert_uint_eq(len, 5);
	ck_assert_str_eq(text, "hello");
	ck_assert_int_eq(store_read(s, &d, 6, 100, &text, &len, &err), -FIRN_ECORRUPT);
	ck_assert_int_eq(store_read(s, &d, 0, 4, &text, &len, &err), -FIRN_ELIMIT);
	ck_assert_int_eq(store_put(s, "", 0, &d, &err), 0);
	expect_digest(&d, EMPTY);
	ck_assert_int_eq(store_has(s, &d, &size, &err), 1);
	ck_assert_uint_eq(size, 0);
}
END_TEST

START_TEST(open_blob)
{
	_cleanup_(store_closep) struct store *s = new_store(_i);
	_cleanup_(source_closep) struct source *src = NULL;
	struct firn_error err = { 0 };
	uint64_t at = 7, size = 0;
	char bytes[8] = "";
	struct digest d;
	int fd = -1, rc;

	ck_ok(store_put(s, "hello", 5, &d, &err), err);
	ck_ok(store_open(s, &d, &src, &err), err);
	ck_assert_uint_eq(src->size, 5);
	ck_assert_int_eq(source_pread(src, bytes, 8, 1, &err), 4);
	ck_assert_str_eq(bytes, "ello");
	ck_assert_int_eq(source_pread(src, bytes, 8, 5, &err), 0);
	ck_assert_int_eq(source_pread(src, bytes, 8, UINT64_MAX, &err), 0);
	rc = store_open_fd(s, &d, &fd, &at, &size, &err);
	if (_i == MEMORY) {
		ck_assert_int_eq(rc, -FIRN_EUNSUPP);
		return;
	}
	ck_ok(rc, err);
	ck_assert_uint_eq(at, 0);
	ck_assert_uint_eq(size, 5);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}
END_TEST

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

/* Sizes of the writes, around where bytes are gathered and where the kernel is told to write. */
static const size_t chunk_sizes[] = { 1, 511, 4096, 65535, 65536, 65537, 1 << 20, 9 << 20, 100 };

/* Writes the pattern in ever other chunks, with or without a head left out. */
static void write_pattern(struct store *s, uint64_t reserve, uint64_t size, struct digest *ret)
{
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	_free_ uint8_t *bytes = malloc((size_t)size);
	struct firn_error err = { 0 };
	uint64_t at = reserve, sealed;

	for (uint64_t i = 0; i < size; i++)
		bytes[i] = pattern(i);
	ck_ok(blob_new(s, reserve, &w, &err), err);
	for (size_t i = 0; at < size; i = (i + 1) % ARRAY_SIZE(chunk_sizes)) {
		size_t n = chunk_sizes[i] < size - at ? chunk_sizes[i] : (size_t)(size - at);

		ck_ok(blob_write(w, bytes + at, n, &err), err);
		at += n;
	}
	if (reserve)
		ck_ok(blob_fill_head(w, bytes, (size_t)reserve, &err), err);
	ck_ok(blob_seal(w, ret, &sealed, &err), err);
	ck_assert_uint_eq(sealed, size);
	ck_assert_int_eq(blob_publish(w, &err), 0);
}

/* How a writer's expectation of its head relates to what comes. */
enum expected { RIGHT, WRONG_HEAD, ABANDONED };

static void expect_pattern(struct store *s, const struct digest *d, uint64_t size)
{
	_cleanup_(source_closep) struct source *src = NULL;
	struct firn_error err = { 0 };
	uint8_t chunk[4096];

	ck_ok(store_open(s, d, &src, &err), err);
	ck_assert_uint_eq(src->size, size);
	for (uint64_t at = 0; at < size;) {
		ssize_t got = source_pread(src, chunk, sizeof(chunk), at, &err);

		ck_assert_int_gt(got, 0);
		for (ssize_t i = 0; i < got; i++)
			if (chunk[i] != pattern(at + (uint64_t)i))
				ck_abort_msg("byte %llu", (unsigned long long)at + (size_t)i);
		at += (uint64_t)got;
	}
}

static const struct {
	uint64_t reserve, size;
} blobs[] = {
	{ 0, 1 },         { 0, 65536 },        { 0, 11 << 20 }, { 65536, 65536 },
	{ 65536, 65537 }, { 65536, 12 << 20 }, { 1, 100 },      { 65536, 20 << 20 },
};

START_TEST(write_blob)
{
	const uint64_t size = blobs[_i / 3].size;
	_cleanup_(store_closep) struct store *s = new_store(_i % 3);
	_free_ uint8_t *bytes = malloc((size_t)size);
	struct firn_error err = { 0 };
	struct digest d, reference;

	for (uint64_t i = 0; i < size; i++)
		bytes[i] = pattern(i);
	ck_ok(digest_of(bytes, (size_t)size, &reference, &err), err);
	write_pattern(s, blobs[_i / 3].reserve, size, &d);
	ck_assert(digest_equal(&d, &reference));
	expect_pattern(s, &d, size);
}
END_TEST

/* Big enough to be hashed beside the writing, which nobody sees but by the clock. */
START_TEST(expected_head)
{
	const uint64_t reserve = 65536, size = 6 << 20;
	_cleanup_(store_closep) struct store *s = new_store(FOLDER_STORE);
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	struct firn_error err = { 0 };
	_free_ uint8_t *bytes = malloc(size);
	struct digest d, want;
	uint64_t sealed;

	for (uint64_t i = 0; i < size; i++)
		bytes[i] = pattern(i);
	ck_ok(digest_of(bytes, size, &want, &err), err);
	ck_ok(blob_new(s, reserve, &w, &err), err);
	bytes[100] ^= _i == WRONG_HEAD;
	ck_ok(blob_expect_head(w, bytes, reserve, &err), err);
	bytes[100] = pattern(100);
	for (uint64_t at = reserve; at < size; at += 65536)
		ck_ok(blob_write(w, bytes + at, 65536, &err), err);
	if (_i == ABANDONED)
		return;
	ck_ok(blob_fill_head(w, bytes, reserve, &err), err);
	ck_ok(blob_seal(w, &d, &sealed, &err), err);
	ck_assert_uint_eq(sealed, size);
	ck_assert(digest_equal(&d, &want));
	ck_ok(blob_publish(w, &err), err);
	expect_pattern(s, &d, size);
}
END_TEST

START_TEST(abandon_blob)
{
	struct store *s = new_store(FOLDER_STORE);
	struct firn_error err = { 0 };
	struct blob_writer *w = NULL;
	struct digest d;

	ck_ok(blob_new(s, 0, &w, &err), err);
	ck_ok(blob_write(w, "hello", 5, &err), err);
	ck_ok(blob_seal(w, &d, NULL, &err), err);
	expect_layout("blobs\nblobs/sha256\n");
	ck_assert_ptr_null(blob_free(w));
	ck_assert_ptr_null(store_close(s));
	expect_layout(""); /* what was made in vain is gone */
	ck_assert_ptr_null(blob_free(NULL));
	ck_assert_ptr_null(store_close(NULL));
}
END_TEST

START_TEST(modes)
{
	_cleanup_(store_closep) struct store *s = NULL;
	struct firn_error err = { 0 };
	struct digest d;
	struct stat st;

	umask(0);
	s = new_store(FOLDER_STORE);
	ck_ok(store_put(s, "hello", 5, &d, &err), err);
	ck_assert_int_eq(stat(scratch("layout/blobs"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(stat(scratch("layout/blobs/sha256"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(stat(scratch("layout/blobs/sha256/" HELLO_HEX), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
}
END_TEST

/* Two writers at once: who closes first leaves the folders to the other. */
START_TEST(folders_are_shared)
{
	struct store *a = new_store(FOLDER_STORE), *b = open_dir(STORE_WRITE);
	struct firn_error err = { 0 };
	struct digest d;

	store_close(a);
	expect_layout("blobs\nblobs/sha256\n");
	ck_ok(store_put(b, "hello", 5, &d, &err), err);
	store_close(b);
	expect_layout("blobs\nblobs/sha256\nblobs/sha256/" HELLO_HEX "\n");
}
END_TEST

START_TEST(read_only)
{
	struct firn_error err = { 0 };
	struct blob_writer *w = NULL;
	struct store *s = new_store(FOLDER_STORE);

	store_close(s);
	s = open_dir(0);
	ck_assert_int_eq(blob_new(s, 0, &w, &err), -FIRN_EINVAL);
	ck_assert_ptr_null(w);
	expect_layout("");
	store_close(s);
}
END_TEST

enum impostor { SHORT, SAME_SIZE, SYMLINK, FIFO, FOLDER };

static void plant(int what)
{
	const char *at = scratch("layout/blobs/sha256/" HELLO_HEX);

	switch (what) {
	case SHORT:
		scratch_write("layout/blobs/sha256/" HELLO_HEX, "hell", 4);
		return;
	case SAME_SIZE:
		scratch_write("layout/blobs/sha256/" HELLO_HEX, "HELLO", 5);
		return;
	case SYMLINK:
		scratch_write("outside", "hello", 5);
		ck_assert_int_eq(symlink("../../../outside", at), 0);
		return;
	case FIFO:
		ck_assert_int_eq(mkfifo(at, 0600), 0);
		return;
	default:
		ck_assert_int_eq(mkdir(at, 0700), 0);
	}
}

/* A file of the blob's name that isn't the blob is never handed out as proven. */
START_TEST(impostors)
{
	_cleanup_(store_closep) struct store *s = new_store(FOLDER_STORE);
	const struct digest hello = digest(HELLO);
	struct firn_error err = { 0 };
	char *text = NULL;
	struct digest d;
	size_t len;

	plant(_i);
	ck_assert_int_lt(store_read(s, &hello, 5, 100, &text, &len, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, HELLO));
	ck_assert_ptr_null(text);
	if (_i == SHORT) { /* a crash's leftover: the proven bytes take its place */
		ck_assert_int_eq(store_put(s, "hello", 5, &d, &err), 0);
		ck_ok(store_read(s, &hello, 5, 100, &text, &len, &err), err);
		ck_assert_str_eq(text, "hello");
		free(text);
		expect_layout("blobs\nblobs/sha256\nblobs/sha256/" HELLO_HEX "\n");
	}
}
END_TEST

START_TEST(copy)
{
	_cleanup_(store_closep) struct store *from = new_store(FOLDER_STORE),
					     *to = new_store(MEMORY);
	struct digest hello = digest(HELLO), none = digest(EMPTY);
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	struct firn_error err = { 0 };
	struct digest d;

	ck_ok(store_put(from, "hello", 5, &d, &err), err);
	ck_assert_int_eq(store_copy(to, from, &none, 0, &err), -FIRN_ENOTFOUND);
	ck_assert_int_eq(store_copy(to, from, &hello, 6, &err), -FIRN_ECORRUPT);
	ck_assert_int_eq(store_has(to, &hello, NULL, &err), 0);
	ck_assert_int_eq(store_fetch(to, from, &hello, 5, &w, &err), 0);
	ck_assert_int_eq(store_has(to, &hello, NULL, &err), 0);
	w = blob_free(w);
	ck_assert_int_eq(store_copy(to, from, &hello, 5, &err), 0);
	ck_assert_int_eq(store_has(to, &hello, NULL, &err), 1);
	ck_assert_int_eq(store_copy(to, from, &hello, 5, &err), 1);
	ck_assert_int_eq(store_fetch(to, from, &hello, 5, &w, &err), 1);
	ck_assert_int_eq(blob_publish(w, &err), 1);
}
END_TEST

START_TEST(copy_of_a_lie)
{
	_cleanup_(store_closep) struct store *from = new_store(FOLDER_STORE),
					     *to = new_store(MEMORY);
	const struct digest hello = digest(HELLO);
	struct firn_error err = { 0 };

	plant(SAME_SIZE);
	ck_assert_int_eq(store_copy(to, from, &hello, 5, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "its content is sha256:"));
	ck_assert_int_eq(store_has(to, &hello, NULL, &err), 0);
}
END_TEST

START_TEST(copy_sha512)
{
	_cleanup_(store_closep) struct store *from = NULL, *to = new_store(FOLDER_STORE);
	const struct digest hello = digest("sha512:" HELLO_512);
	struct firn_error err = { 0 };
	struct store_extent *extent = malloc(sizeof(*extent));
	int fd;

	scratch_write("file", "..hello..", 9);
	fd = open(scratch("file"), O_RDONLY | O_CLOEXEC);
	*extent = (struct store_extent){ .digest = hello, .at = 2, .size = 5 };
	ck_ok(store_archive_open(fd, extent, 1, &from, &err), err);
	ck_assert_int_eq(store_copy(to, from, &hello, 5, &err), 0);
	expect_layout("blobs\nblobs/sha256\nblobs/sha512\nblobs/sha512/" HELLO_512 "\n");
	ck_assert_int_eq(store_has(to, &hello, NULL, &err), 1);
}
END_TEST

/* Someone removes the blob between the look and the name. */
START_TEST(present_is_looked_at_again)
{
	_cleanup_(store_closep) struct store *s = new_store(FOLDER_STORE);
	_cleanup_(blob_freep) struct blob_writer *w = NULL;
	const struct digest hello = digest(HELLO);
	struct firn_error err = { 0 };
	struct digest d;

	ck_ok(store_put(s, "hello", 5, &d, &err), err);
	ck_assert_int_eq(store_fetch(s, s, &hello, 5, &w, &err), 1);
	ck_assert_int_eq(unlink(scratch("layout/blobs/sha256/" HELLO_HEX)), 0);
	ck_assert_int_eq(blob_publish(w, &err), -FIRN_EBUSY);
}
END_TEST

static void sealed_blob(struct store *s, const char *text, struct blob_writer **ret)
{
	struct firn_error err = { 0 };
	struct digest d;

	ck_ok(blob_new(s, 0, ret, &err), err);
	ck_ok(blob_write(*ret, text, strlen(text), &err), err);
	ck_ok(blob_seal(*ret, &d, NULL, &err), err);
}

static const char *const publish_faults[] = {
	"publish.flush:3:EIO",
	"publish.link:1:ENOSPC",
	"publish.link:3:ENOSPC",
	"publish.sync:EIO",
};

START_TEST(all_or_none)
{
	_cleanup_(store_closep) struct store *s = new_store(FOLDER_STORE);
	struct blob_writer *list[3] = { NULL };
	struct firn_error err = { 0 };
	struct digest d;

	ck_ok(store_put(s, "hello", 5, &d, &err), err);
	sealed_blob(s, "hello", &list[0]); /* there already: stays whatever happens */
	sealed_blob(s, "b", &list[1]);
	sealed_blob(s, "c", &list[2]);
	ck_ok(fault_set(publish_faults[_i], &err), err);
	ck_assert_int_eq(store_publish(s, list, 3, &err), -FIRN_EFAIL);
	expect_layout("blobs\nblobs/sha256\nblobs/sha256/" HELLO_HEX "\n");
	ck_ok(fault_set(NULL, &err), err);
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		blob_free(list[i]);
}
END_TEST

START_TEST(unpublish)
{
	_cleanup_(store_closep) struct store *s = new_store(_i);
	struct blob_writer *list[3] = { NULL };
	struct firn_error err = { 0 };
	struct digest d;

	ck_ok(store_put(s, "hello", 5, &d, &err), err);
	sealed_blob(s, "hello", &list[0]);
	sealed_blob(s, "b", &list[1]);
	sealed_blob(s, "b", &list[2]); /* one blob twice in one publication */
	ck_ok(store_publish(s, list, 3, &err), err);
	ck_assert_int_eq(digest_of("b", 1, &d, &err), 0);
	ck_assert_int_eq(store_has(s, &d, NULL, &err), 1);
	store_unpublish(s, list, 3);
	ck_assert_int_eq(store_has(s, &d, NULL, &err), 0);
	d = digest(HELLO);
	ck_assert_int_eq(store_has(s, &d, NULL, &err), 1);
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		blob_free(list[i]);
}
END_TEST

static const struct {
	const char *fault;
	uint64_t reserve;
} write_faults[] = {
	{ "publish.tmpfile:ENOSPC", 0 },
	{ "blob.write:ENOSPC", 0 },
	{ "blob.write:2:ENOSPC", 65536 }, /* the head */
};

START_TEST(write_failure)
{
	struct store *s = new_store(FOLDER_STORE);
	struct blob_writer *w = NULL;
	struct firn_error err = { 0 };
	_free_ char *bytes = calloc(1, 100000);
	struct digest d;
	int rc;

	ck_ok(fault_set(write_faults[_i].fault, &err), err);
	rc = blob_new(s, write_faults[_i].reserve, &w, &err);
	if (rc == 0)
		rc = blob_write(w, bytes, 100000, &err);
	if (rc == 0 && write_faults[_i].reserve)
		rc = blob_fill_head(w, bytes, 65536, &err);
	if (rc == 0)
		rc = blob_seal(w, &d, NULL, &err);
	ck_assert_int_eq(rc, -FIRN_EFAIL);
	ck_assert_int_eq(err.sys_errno, ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.msg, "No space left on device"));
	blob_free(w);
	store_close(s);
	expect_layout("");
}
END_TEST

START_TEST(archive)
{
	_cleanup_(store_closep) struct store *s = NULL;
	struct store_extent *extents = calloc(2, sizeof(*extents));
	_cleanup_(source_closep) struct source *src = NULL;
	struct blob_writer *w = NULL;
	struct firn_error err = { 0 };
	_free_ char *text = NULL;
	uint64_t at = 0, size = 0;
	struct digest d;
	char byte;
	int fd;

	scratch_write("file", "..hello..", 9);
	fd = open(scratch("file"), O_RDONLY | O_CLOEXEC);
	extents[0] = (struct store_extent){ .digest = digest(HELLO), .at = 2, .size = 5 };
	extents[1] = (struct store_extent){ .digest = digest(EMPTY), .at = 9 };
	ck_ok(store_archive_open(fd, extents, 2, &s, &err), err);
	d = digest(HELLO);
	ck_ok(store_read(s, &d, 5, 10, &text, NULL, &err), err);
	ck_assert_str_eq(text, "hello");
	ck_ok(store_open_fd(s, &d, &fd, &at, &size, &err), err);
	ck_assert_uint_eq(at, 2);
	ck_assert_uint_eq(size, 5);
	close(fd);
	d = digest(EMPTY);
	ck_ok(store_open(s, &d, &src, &err), err);
	ck_assert_int_eq(source_pread(src, &byte, 1, 0, &err), 0);
	ck_assert_int_eq(blob_new(s, 0, &w, &err), -FIRN_EUNSUPP);
	memset(&d.bytes, 1, sizeof(d.bytes));
	ck_assert_int_eq(store_open_fd(s, &d, &fd, &at, &size, &err), -FIRN_ENOTFOUND);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("store");
	TCase *tc = tcase_create("store");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, put_and_read, FOLDER_STORE, SPOOL + 1);
	tcase_add_loop_test(tc, open_blob, FOLDER_STORE, SPOOL + 1);
	tcase_add_loop_test(tc, write_blob, 0, 3 * ARRAY_SIZE(blobs));
	tcase_add_loop_test(tc, expected_head, RIGHT, ABANDONED + 1);
	tcase_add_test(tc, abandon_blob);
	tcase_add_test(tc, modes);
	tcase_add_test(tc, folders_are_shared);
	tcase_add_test(tc, read_only);
	tcase_add_loop_test(tc, impostors, SHORT, FOLDER + 1);
	tcase_add_test(tc, copy);
	tcase_add_test(tc, copy_of_a_lie);
	tcase_add_test(tc, copy_sha512);
	tcase_add_test(tc, present_is_looked_at_again);
	tcase_add_loop_test(tc, all_or_none, 0, ARRAY_SIZE(publish_faults));
	tcase_add_loop_test(tc, unpublish, FOLDER_STORE, MEMORY + 1);
	tcase_add_loop_test(tc, write_failure, 0, ARRAY_SIZE(write_faults));
	tcase_add_test(tc, archive);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

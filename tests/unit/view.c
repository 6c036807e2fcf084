/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of lib/view that mount nothing: an archive's delta, plain trees, the cache. */
#include "view/archive_private.h"
#include "view/plain.h"

#include "base/fd.h"
#include "scratch.h"
#include "unit.h"

#include <sys/xattr.h>
#include <zlib.h>

/* ---- an archive's delta */

struct warnings {
	unsigned count;
	char last[512];
};

static void remember(const char *text, void *ctx)
{
	struct warnings *w = ctx;

	w->count++;
	snprintf(w->last, sizeof(w->last), "%s", text);
}

/* A base: /d (0750, mtime 1000), /d/e (0711), /f a file. */
static int make_base(void)
{
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	int fd = scratch_folder("base");

	ck_assert_int_eq(mkdirat(fd, "d", 0700), 0);
	ck_assert_int_eq(mkdirat(fd, "d/e", 0700), 0);
	scratch_write("base/f", "file", 4);
	ck_assert_int_eq(fchmodat(fd, "d/e", 0711, 0), 0);
	ck_assert_int_eq(fchmodat(fd, "d", 0750, 0), 0);
	ck_assert_int_eq(fchmod(fd, 0705), 0);
	ck_assert_int_eq(utimensat(fd, "d", times, 0), 0);
	return fd;
}

static struct node *add(struct tree *t, const char *path, uint32_t mode)
{
	struct firn_error err = { 0 };
	struct node *n;

	ck_ok(tree_make(t, path, &n, &err), err);
	n->mode = mode;
	n->implied = false;
	return n;
}

/* What the node at a path is after the conversion: mode, and w, o or i for its marks. */
static const struct {
	const char *path, *want;
} converted[] = {
	{ "", "40705" },           { "d", "40750" },
	{ "d/e", "40711 o" },      { "d/e/new", "100644" },
	{ "d/x", "20000 w" },      { "new", "40755 i" },
	{ "new/deep", "40755 i" }, { "new/deep/file", "100600" },
	{ "f", "100755" },         { "own", "40700 o" },
};

START_TEST(convert)
{
	static const char deleted[] =
	    "[\"/d/x\",\"/d/e\",\"/f\",\"/own\",\"/nowhere/y\",\"/f/below\"]";
	_fd_ int base = make_base();
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct warnings w = { 0 };
	const struct firn_report report = { .warn = remember, .ctx = &w };
	struct firn_error err = { 0 };

	ck_ok(tree_new(&t, &err), err);
	add(t, "d/e/new", S_IFREG | 0644);
	add(t, "new/deep/file", S_IFREG | 0600);
	add(t, "f", S_IFREG | 0755);
	add(t, "own", S_IFDIR | 0700);
	ck_ok(archive_convert(t, deleted, strlen(deleted),
			      &(const struct archive_base){ .dirfd = base }, &report, &err),
	      err);
	for (size_t i = 0; i < ARRAY_SIZE(converted); i++) {
		const struct node *n = tree_find(t, converted[i].path);
		char got[32];

		ck_assert_msg(n != NULL, "%s", converted[i].path);
		snprintf(got, sizeof(got), "%o%s%s%s", n->mode, n->whiteout ? " w" : "",
			 n->opaque ? " o" : "", n->implied ? " i" : "");
		ck_assert_msg(strcmp(got, converted[i].want) == 0, "%s: %s, not %s",
			      converted[i].path, got, converted[i].want);
	}
	ck_assert_int_eq(tree_find(t, "d")->mtime, 1000);
	ck_assert_ptr_null(tree_find(t, "nowhere"));
	ck_assert_uint_eq(w.count, 1);
	ck_assert_msg(strstr(w.last, "\"nowhere/y\"") != NULL, "%s", w.last);
}
END_TEST

START_TEST(convert_xattrs)
{
	_fd_ int base = make_base();
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };
	const struct xattr *x;

	if (setxattr(scratch("base/d"), "user.x", "1", 1, 0) < 0)
		return; /* a file system without: nothing to copy */
	ck_ok(tree_new(&t, &err), err);
	add(t, "d/new", S_IFREG | 0644);
	ck_ok(
	    archive_convert(t, NULL, 0, &(const struct archive_base){ .dirfd = base }, NULL, &err),
	    err);
	for (x = tree_find(t, "d")->xattrs; x && strcmp(x->name, "user.x") != 0; x = x->next)
		;
	ck_assert_ptr_nonnull(x);
	ck_assert_uint_eq(x->len, 1);
}
END_TEST

START_TEST(convert_lossy)
{
	static const char deleted[] = "[\"/d/\\ufffd\"]";
	_fd_ int base = make_base();
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct warnings w = { 0 };
	const struct firn_report report = { .warn = remember, .ctx = &w };
	struct firn_error err = { 0 };

	ck_ok(tree_new(&t, &err), err);
	ck_ok(archive_convert(t, deleted, strlen(deleted),
			      &(const struct archive_base){ .dirfd = base }, &report, &err),
	      err);
	ck_assert(tree_find(t, "d/\xef\xbf\xbd")->whiteout);
	ck_assert_uint_eq(w.count, 1);
}
END_TEST

START_TEST(convert_refuses)
{
	_fd_ int base = make_base();
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };

	ck_ok(tree_new(&t, &err), err);
	ck_assert_int_eq(
	    archive_convert(t, "{}", 2, &(const struct archive_base){ .dirfd = base }, NULL, &err),
	    -FIRN_ECORRUPT);
	add(t, "gone", S_IFCHR | 0600);
	ck_assert_int_eq(
	    archive_convert(t, NULL, 0, &(const struct archive_base){ .dirfd = base }, NULL, &err),
	    -FIRN_ECORRUPT);
	ck_assert_msg(strstr(err.msg, "\"gone\"") != NULL, "%s", err.msg);
}
END_TEST

/* ---- plain trees */

static const struct {
	uint32_t mode;
	int rc;
} kinds[] = {
	{ S_IFREG | 04755, 0 },
	{ S_IFDIR | 01777, 0 },
	{ S_IFLNK | 0777, -FIRN_ECORRUPT },
	{ S_IFIFO | 0600, -FIRN_ECORRUPT },
	{ S_IFCHR | 0600, -FIRN_ECORRUPT },
	{ S_IFBLK | 0600, -FIRN_ECORRUPT },
	{ S_IFSOCK | 0600, -FIRN_ECORRUPT },
};

START_TEST(plain)
{
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };
	struct node *n;

	ck_ok(tree_new(&t, &err), err);
	add(t, "a/b/c", S_IFREG | 0644);
	n = add(t, "a/d/x", kinds[_i].mode);
	n->uid = 33;
	ck_ok(tree_set_xattr(t, n, "user.x", "1", 1, &err), err);
	add(t, "z", S_IFREG | 0777);
	ck_assert_int_eq(plain_check(t, &err), kinds[_i].rc);
	if (kinds[_i].rc < 0) {
		ck_assert_msg(strstr(err.msg, "\"a/d/x\"") != NULL, "%s", err.msg);
		return;
	}
	plain_own(t);
	ck_assert_uint_eq(n->mode, S_ISDIR(n->mode) ? S_IFDIR | 0700 : S_IFREG | 0600);
	ck_assert_uint_eq(n->uid, 0);
	ck_assert_ptr_null(n->xattrs);
	ck_assert_uint_eq(tree_find(t, "z")->mode, S_IFREG | 0600);
	ck_assert_uint_eq(t->root->mode, S_IFDIR | 0700);
}
END_TEST

/* Links between dumps, and none besides. */
static const struct {
	const char *path, *target; /* NULL: a hard link to one has none of its own */
	int rc;
} parents[] = {
	{ "checkpoint/parent", "../pre-checkpoint", 0 },
	{ "pre-checkpoint.2/parent", "../pre-checkpoint", 0 },
	{ "checkpoint/parent", "../../etc", -FIRN_ECORRUPT },
	{ "checkpoint/parent", "../checkpoint", -FIRN_ECORRUPT },
	{ "checkpoint/parent", "/etc", -FIRN_ECORRUPT },
	{ "checkpoint/parent", NULL, -FIRN_ECORRUPT },
	{ "checkpoint/other", "../pre-checkpoint", -FIRN_ECORRUPT },
	{ "checkpoint/x/parent", "../pre-checkpoint", -FIRN_ECORRUPT },
	{ "parent", "../pre-checkpoint", -FIRN_ECORRUPT },
};

START_TEST(parent)
{
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };
	struct node *n;

	ck_ok(tree_new(&t, &err), err);
	n = add(t, parents[_i].path, S_IFLNK | 0777);
	n->uid = 33;
	if (parents[_i].target)
		ck_ok(tree_set_target(t, n, parents[_i].target, &err), err);
	ck_assert_int_eq(plain_check(t, &err), parents[_i].rc);
	plain_own(t);
	ck_assert_uint_eq(n->mode, S_IFLNK | 0777);
	ck_assert_uint_eq(n->uid, 0);
}
END_TEST

START_TEST(walk)
{
	static const char *const paths[] = { "a/b/c/d", "a/e", "f", "g/h" };
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };
	unsigned count = 0;

	ck_ok(tree_new(&t, &err), err);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		add(t, paths[i], S_IFREG | 0600);
	for (struct node *n = t->root; n; n = walk_next(t, n)) {
		ck_assert_uint_eq(n->mtime, 0);
		n->mtime = ++count;
		ck_assert(n == t->root || n->parent->mtime);
	}
	ck_assert_uint_eq(count, t->count);
}
END_TEST

/* ---- the cache */

/* A store with @tar as a gzip layer. */
static struct store *store_of(const void *tar, size_t n, struct oci_descriptor *desc,
			      struct digest *diff_id)
{
	struct firn_error err = { 0 };
	struct store *s = NULL;
	uLongf packed = compressBound((uLong)n) + 64;
	_free_ uint8_t *bytes = malloc(packed);
	z_stream z = { 0 };

	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)tar;
	z.avail_in = (uInt)n;
	z.next_out = bytes;
	z.avail_out = (uInt)packed;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	ck_ok(store_mem_new(&s, &err), err);
	ck_ok(digest_of(tar, n, diff_id, &err), err);
	ck_ok(store_put(s, bytes, z.total_out, &desc->digest, &err), err);
	desc->size = z.total_out;
	strcpy(desc->media_type, OCI_LAYER_GZIP);
	deflateEnd(&z);
	return s;
}

START_TEST(cache_unpacks_once)
{
	static const char text[] = "a layer, for once";
	_cleanup_(cache_closep) struct cache *c = NULL;
	_cleanup_(store_closep) struct store *s = NULL, *empty = NULL;
	struct oci_descriptor desc = { 0 };
	struct firn_error err = { 0 };
	struct digest diff_id;
	_free_ char *got = NULL;
	_fd_ int fd = -1, again = -1;
	struct stat st;

	s = store_of(text, strlen(text), &desc, &diff_id);
	scratch_clear(scratch("cache"));
	ck_ok(cache_open(scratch("cache"), &c, &err), err);
	fd = cache_layer(c, s, &desc, &diff_id, NULL, &err);
	ck_ok(fd, err);
	ck_ok(fd_read_all(fd, 100, &got, NULL, &err), err);
	ck_assert_str_eq(got, text);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	/* Now it needs no store. */
	ck_ok(store_mem_new(&empty, &err), err);
	again = cache_layer(c, empty, &desc, &diff_id, NULL, &err);
	ck_ok(again, err);
}
END_TEST

START_TEST(cache_refuses)
{
	_cleanup_(cache_closep) struct cache *c = NULL;
	_cleanup_(store_closep) struct store *s = NULL;
	struct oci_descriptor desc = { 0 };
	struct firn_error err = { 0 };
	struct digest diff_id, other;
	_free_ char *list = NULL;

	s = store_of("x", 1, &desc, &diff_id);
	scratch_clear(scratch("cache"));
	ck_ok(cache_open(scratch("cache"), &c, &err), err);
	ck_ok(digest_of("y", 1, &other, &err), err);
	ck_assert_int_eq(cache_layer(c, s, &desc, &other, NULL, &err), -FIRN_ECORRUPT);
	desc.size++;
	ck_assert_int_eq(cache_layer(c, s, &desc, &diff_id, NULL, &err), -FIRN_ECORRUPT);
	ck_assert_msg(strstr(err.msg, "bytes") != NULL, "%s", err.msg);
	desc.size--;
	desc.digest = other;
	ck_assert_int_eq(cache_layer(c, s, &desc, &diff_id, NULL, &err), -FIRN_ENOTFOUND);
	diff_id.alg = DIGEST_SHA512;
	ck_assert_int_eq(cache_layer(c, s, &desc, &diff_id, NULL, &err), -FIRN_EUNSUPP);
	list = scratch_list(scratch("cache/blobs/sha256"));
	ck_assert_str_eq(list, "");
}
END_TEST

START_TEST(cache_of_others)
{
	_cleanup_(cache_closep) struct cache *c = NULL;
	struct firn_error err = { 0 };

	fd_close(scratch_folder("cache"));
	ck_assert_int_eq(chmod(scratch("cache"), 0770), 0);
	ck_assert_int_eq(cache_open(scratch("cache"), &c, &err), -FIRN_EINVAL);
}
END_TEST

START_TEST(cache_index)
{
	_cleanup_(cache_closep) struct cache *c = NULL;
	_buf_ struct buf image = BUF_INIT;
	struct firn_error err = { 0 };
	struct cache_origin origin;
	_fd_ int file = -1, fd = -1, found = -1;
	struct digest d;
	char bytes[4];

	scratch_write("tar", "tar", 3);
	file = open(scratch("tar"), O_RDWR | O_CLOEXEC);
	origin = (struct cache_origin){ .fd = file, .at = 512 };
	buf_puts(&image, "head");
	scratch_clear(scratch("cache"));
	ck_ok(cache_open(scratch("cache"), &c, &err), err);
	ck_ok(digest_of("tar", 3, &d, &err), err);
	ck_assert_int_eq(cache_find_index(c, &d, &origin, &err), -FIRN_ENOTFOUND);
	fd = cache_write_index(c, &d, &origin, &image, &err);
	ck_ok(fd, err);
	ck_assert_int_eq(pread(fd, bytes, 4, 1024), 4);
	ck_assert_int_eq(memcmp(bytes, "head", 4), 0);
	found = cache_find_index(c, &d, &origin, &err);
	ck_ok(found, err);
	/* Of another place in the file, of the changed file, and a proof is no index. */
	origin.at = 1024;
	ck_assert_int_eq(cache_find_index(c, &d, &origin, &err), -FIRN_ENOTFOUND);
	origin.at = 512;
	ck_assert(!cache_is_proven(c, &d, &origin));
	ck_assert_int_eq(pwrite(file, "more", 4, 3), 4);
	ck_assert_int_eq(cache_find_index(c, &d, &origin, &err), -FIRN_ENOTFOUND);
	ck_ok(cache_note_proven(c, &d, &origin, &err), err);
	ck_assert(cache_is_proven(c, &d, &origin));
	ck_assert_int_eq(cache_find_index(c, &d, &origin, &err), -FIRN_ENOTFOUND);
	/* Whoever else can write to the file may have changed it behind its times. */
	ck_assert_int_eq(fchmod(file, 0602), 0);
	ck_ok(cache_note_proven(c, &d, &origin, &err), err);
	ck_assert(!cache_is_proven(c, &d, &origin));
}
END_TEST

START_TEST(cache_unnamed)
{
	_cleanup_(cache_closep) struct cache *c = NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	_free_ char *list = NULL, *got = NULL;
	struct firn_error err = { 0 };
	_fd_ int fd = -1;

	scratch_clear(scratch("cache"));
	ck_ok(cache_open(scratch("cache"), &c, &err), err);
	ck_ok(source_from_mem("plain bytes", 11, &src, &err), err);
	fd = cache_unpack(c, src, "test", NULL, &err);
	ck_ok(fd, err);
	ck_ok(fd_read_all(fd, 100, &got, NULL, &err), err);
	ck_assert_str_eq(got, "plain bytes");
	list = scratch_list(scratch("cache/index/sha256"));
	ck_assert_str_eq(list, "");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("view");
	TCase *delta = tcase_create("archive"), *data = tcase_create("plain"),
	      *cache = tcase_create("cache");

	tcase_add_unchecked_fixture(delta, scratch_setup, scratch_teardown);
	tcase_add_test(delta, convert);
	tcase_add_test(delta, convert_xattrs);
	tcase_add_test(delta, convert_lossy);
	tcase_add_test(delta, convert_refuses);
	suite_add_tcase(s, delta);
	tcase_add_loop_test(data, plain, 0, ARRAY_SIZE(kinds));
	tcase_add_loop_test(data, parent, 0, ARRAY_SIZE(parents));
	tcase_add_test(data, walk);
	suite_add_tcase(s, data);
	tcase_add_unchecked_fixture(cache, scratch_setup, scratch_teardown);
	tcase_add_test(cache, cache_unpacks_once);
	tcase_add_test(cache, cache_refuses);
	tcase_add_test(cache, cache_of_others);
	tcase_add_test(cache, cache_index);
	tcase_add_test(cache, cache_unnamed);
	suite_add_tcase(s, cache);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our reading of tar against libarchive's, on what engines wrote and on what libarchive writes in
 * each of its dialects. (Where they differ on purpose, format/tar.h says so; none of it is in here:
 * no time before 1970 has a fraction, and the locale is C.)
 */
#include "base/path.h"
#include "format/tar.h"

#include "tar_builder.h"
#include "unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>

static void compare_entry(struct archive_entry *theirs, const struct tar_entry *ours)
{
	struct firn_error err = { 0 };
	_free_ char *path = NULL, *target = NULL;
	bool hardlink = archive_entry_hardlink(theirs) != NULL;

	ck_ok(path_normalise(archive_entry_pathname(theirs), &path, &err), err);
	ck_assert_str_eq(ours->path, path);
	ck_assert_int_eq(ours->hardlink, hardlink);
	if (hardlink) {
		ck_ok(path_normalise(archive_entry_hardlink(theirs), &target, &err), err);
		ck_assert_str_eq(ours->target, target);
	} else {
		ck_assert_uint_eq(ours->mode & S_IFMT, archive_entry_filetype(theirs));
		ck_assert_uint_eq(ours->size, (uint64_t)archive_entry_size(theirs));
	}
	if (S_ISLNK(ours->mode))
		ck_assert_str_eq(ours->target, archive_entry_symlink(theirs));
	ck_assert_uint_eq(ours->mode & 07777, archive_entry_perm(theirs) & 07777u);
	ck_assert_int_eq(ours->uid, archive_entry_uid(theirs));
	ck_assert_int_eq(ours->gid, archive_entry_gid(theirs));
	ck_assert_int_eq(ours->mtime, archive_entry_mtime(theirs));
	ck_assert_int_eq(ours->mtime_ns, archive_entry_mtime_nsec(theirs));
	if (S_ISCHR(ours->mode) || S_ISBLK(ours->mode)) {
		ck_assert_uint_eq(ours->major, archive_entry_rdevmajor(theirs));
		ck_assert_uint_eq(ours->minor, archive_entry_rdevminor(theirs));
	}
}

static void compare_xattrs(struct archive_entry *theirs, const struct tar_entry *ours)
{
	const struct xattr *x = ours->xattrs;
	const char *name;
	const void *value;
	size_t n;
	int count = 0, left = archive_entry_xattr_reset(theirs);

	for (; x; x = x->next, count++) {
		bool found = false;

		archive_entry_xattr_reset(theirs);
		while (!found && archive_entry_xattr_next(theirs, &name, &value, &n) == ARCHIVE_OK)
			found = strcmp(name, x->name) == 0 && n == x->len &&
				memcmp(value, x->value, n) == 0;
		ck_assert_msg(found, "xattr %s", x->name);
	}
	/* libarchive counts the copy in its own namespace, too */
	ck_assert(left == count || left == 2 * count);
}

/* Returns the number of entries. */
static int compare(const void *bytes, size_t n)
{
	struct archive *a = archive_read_new();
	struct archive_entry *theirs;
	struct firn_error err = { 0 };
	struct source *src = NULL;
	struct tar *t = NULL;
	const struct tar_entry *ours;
	int count = 0, rc;

	archive_read_support_format_tar(a);
	archive_read_support_filter_all(a);
	ck_assert_int_eq(archive_read_open_memory(a, bytes, n), ARCHIVE_OK);
	ck_ok(source_from_mem(bytes, n, &src, &err), err);
	ck_ok(tar_open_source(src, NULL, &t, &err), err);
	while ((rc = tar_next(t, &ours, &err)) > 0) {
		int theirs_rc = archive_read_next_header(a, &theirs);

		ck_assert_msg(theirs_rc == ARCHIVE_OK || theirs_rc == ARCHIVE_WARN, "%s",
			      archive_error_string(a));
		compare_entry(theirs, ours);
		compare_xattrs(theirs, ours);
		if (!tar_compressed(t) && ours->size)
			ck_assert_int_eq(ours->offset, archive_filter_bytes(a, 0));
		count++;
	}
	ck_ok(rc, err);
	ck_assert_int_eq(archive_read_next_header(a, &theirs), ARCHIVE_EOF);
	archive_read_free(a);
	tar_close(t);
	source_close(src);
	return count;
}

static const struct {
	const char *name;
	int entries;
} samples[] = {
	{ "podman-none.tar", 37 },
	{ "podman-gzip.tar.gz", 42 },
	{ "podman-zstd.tar.zst", 47 },
	{ "podman-ignore-rootfs.tar", 55 },
	{ "podman-create-image-oci.tar", 8 },
	{ "containerd-cri-tiny.tar", 26 },
	{ "ctr-t-bare-criu.tar", 31 },
	{ "raw-criu-1proc.tar", 19 },
	{ "raw-criu-2proc.tar", 25 },
	{ "base-tiny-rootfs.tar", 25 },
};

START_TEST(engines)
{
	const char *top = getenv("top_srcdir");
	struct firn_error err = { 0 };
	char path[4096], *bytes = NULL;
	size_t n = 0;
	_fd_ int fd = -1;

	snprintf(path, sizeof(path), "%s/tests/data/%s", top ? top : ".", samples[_i].name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_msg(fd >= 0, "%s: %m", path);
	ck_ok(fd_read_all(fd, 1 << 24, &bytes, &n, &err), err);
	ck_assert_int_eq(compare(bytes, n), samples[_i].entries);
	free(bytes);
}
END_TEST

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void random_name(uint32_t *seed, size_t max, char *ret)
{
	static const char letters[] = "abcdefghij.-_ \xc3\xa9\xff";
	size_t n = 1 + next_random(seed) % max;

	for (size_t i = 0; i < n; i++)
		ret[i] = i % 60 == 31 ? '/' : letters[next_random(seed) % (sizeof(letters) - 1)];
	ret[n] = '\0';
	if (ret[n - 1] == '/' || ret[n - 1] == '.')
		ret[n - 1] = 'z';
	/* no ".." and no "." that makes it a name of nothing */
	for (size_t i = 0; i < n; i++)
		if (ret[i] == '.' && (i == 0 || ret[i - 1] == '/' || ret[i - 1] == '.'))
			ret[i] = 'd';
}

static const struct {
	const char *format;
	size_t name_max; /* ustar and v7 can't do more with certainty */
	bool large;      /* ids above 2^21, times before 1970 */
	bool ns, xattr;
} dialects[] = {
	{ "v7tar", 31, false, false, false },  { "ustar", 31, false, false, false },
	{ "gnutar", 900, true, false, false }, { "pax", 900, true, true, true },
	{ "paxr", 900, true, true, true },
};

static void random_entry(int dialect, uint32_t *seed, struct archive_entry *e)
{
	static const unsigned kinds[] = { AE_IFREG, AE_IFREG, AE_IFREG, AE_IFDIR,
					  AE_IFLNK, AE_IFCHR, AE_IFIFO };
	unsigned kind = kinds[next_random(seed) % ARRAY_SIZE(kinds)];
	bool large = dialects[dialect].large && next_random(seed) % 2;
	char text[1024];

	if (kind == AE_IFCHR && !strcmp(dialects[dialect].format, "v7tar"))
		kind = AE_IFREG;
	if (kind == AE_IFIFO && !strcmp(dialects[dialect].format, "v7tar"))
		kind = AE_IFDIR;
	random_name(seed, dialects[dialect].name_max, text);
	archive_entry_copy_pathname(e, text);
	archive_entry_set_filetype(e, kind);
	archive_entry_set_perm(e, next_random(seed) & 07777);
	archive_entry_set_uid(e, large ? 4000000000u : next_random(seed) % 65536);
	archive_entry_set_gid(e, large ? 3000000000u : next_random(seed) % 65536);
	archive_entry_set_size(e, kind == AE_IFREG ? next_random(seed) % 3000 : 0);
	archive_entry_set_mtime(e, next_random(seed), 0);
	if (large)
		archive_entry_set_mtime(e, -(long)next_random(seed) - 1, 0);
	else if (dialects[dialect].ns)
		archive_entry_set_mtime(e, next_random(seed), next_random(seed) % 1000000000);
	if (kind == AE_IFCHR) {
		archive_entry_set_rdevmajor(e, next_random(seed) % 4096);
		archive_entry_set_rdevminor(e, next_random(seed) % 256);
	}
	random_name(seed, dialects[dialect].name_max, text);
	if (kind == AE_IFLNK)
		archive_entry_copy_symlink(e, text);
	if (dialects[dialect].xattr && next_random(seed) % 2)
		archive_entry_xattr_add_entry(e, "user.test", text, strlen(text));
}

/* 300 entries of each dialect; the seed is fixed, so a failure comes again. */
START_TEST(written)
{
	size_t room = 4 << 20, used = 0;
	uint32_t seed = 20261123 + (uint32_t)_i;
	uint8_t *bytes = malloc(room);
	struct archive *a = archive_write_new();
	static const char zeros[3000];
	int count = 0;

	ck_assert_int_eq(archive_write_set_format_by_name(a, dialects[_i].format), ARCHIVE_OK);
	ck_assert_int_eq(archive_write_open_memory(a, bytes, room, &used), ARCHIVE_OK);
	for (int i = 0; i < 300; i++) {
		struct archive_entry *e = archive_entry_new();
		int rc;

		random_entry(_i, &seed, e);
		rc = archive_write_header(a, e);
		ck_assert_msg(rc >= ARCHIVE_WARN, "%s", archive_error_string(a));
		archive_write_data(a, zeros, (size_t)archive_entry_size(e));
		archive_entry_free(e);
		count++;
	}
	ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	ck_assert_int_eq(compare(bytes, used), count);
	free(bytes);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tar_oracle");
	TCase *tc = tcase_create("tar_oracle");

	tcase_add_loop_test(tc, engines, 0, ARRAY_SIZE(samples));
	tcase_add_loop_test(tc, written, 0, ARRAY_SIZE(dialects));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

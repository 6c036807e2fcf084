/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include "ingest.h"
#include "ingest/upper.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

/* One entry of an upper directory. */
struct made {
	const char *path;
	mode_t mode;
	const char *text; /* content or target; of a hard link, the other name */
	unsigned major, minor;
	bool link;
	/* Xattrs, up to one without a name; "overlay." becomes "user.overlay.". */
	struct {
		const char *name, *value;
	} xattrs[3];
};

#define SECOND 1600000000

static void bind_socket(int dirfd, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%s", dirfd, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
}

static void make_entry(int dirfd, const struct made *m)
{
	int fd;

	if (m->link) {
		ck_assert_int_eq(linkat(dirfd, m->text, dirfd, m->path, 0), 0);
		return;
	}
	switch (m->mode & S_IFMT) {
	case S_IFDIR:
		ck_assert(mkdirat(dirfd, m->path, 0700) == 0 || errno == EEXIST);
		break;
	case S_IFLNK:
		ck_assert_int_eq(symlinkat(m->text, dirfd, m->path), 0);
		break;
	case S_IFSOCK:
		bind_socket(dirfd, m->path);
		break;
	case S_IFREG:
		fd = openat(dirfd, m->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		ck_assert_int_ge(fd, 0);
		if (m->text)
			ck_assert_int_eq(write(fd, m->text, strlen(m->text)),
					 (ssize_t)strlen(m->text));
		close(fd);
		break;
	default:
		ck_assert_msg(mknodat(dirfd, m->path, m->mode, makedev(m->major, m->minor)) == 0,
			      "%s", m->path);
	}
}

static void dress_entry(int dirfd, const struct made *m)
{
	const struct timespec times[2] = { { SECOND, 0 }, { SECOND, 5 } };
	char path[300], name[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dirfd, m->path);
	for (size_t i = 0; i < ARRAY_SIZE(m->xattrs) && m->xattrs[i].name; i++) {
		snprintf(name, sizeof(name), "%s%s",
			 strncmp(m->xattrs[i].name, "overlay.", 8) ? "" : "user.",
			 m->xattrs[i].name);
		ck_assert_msg(
		    setxattr(path, name, m->xattrs[i].value, strlen(m->xattrs[i].value), 0) == 0,
		    "%s: %s: %m", m->path, name);
	}
	if (!S_ISLNK(m->mode) && !m->link)
		ck_assert_int_eq(fchmodat(dirfd, m->path, m->mode & 07777, 0), 0);
	ck_assert_int_eq(utimensat(dirfd, m->path, times, AT_SYMLINK_NOFOLLOW), 0);
}

/* The entries in the order in which they come; folders get their attributes last. */
static int make_upper(const char *name, const struct made *made)
{
	int fd = scratch_folder(name);
	size_t n = 0;

	for (; made[n].path; n++)
		make_entry(fd, &made[n]);
	while (n)
		dress_entry(fd, &made[--n]);
	return fd;
}

static struct store *store;
static int warnings;

static void count_warning(const char *text, void *ctx)
{
	(void)text;
	(void)ctx;
	warnings++;
}

/* The layer of the folder @fd, as text; NULL and @err when there is none. Closes @fd. */
static char *layer_of_upper(int fd, layer_out_watch *watch, void *ctx, struct notes *notes,
			    struct firn_error *err)
{
	static const struct firn_report report = { .warn = count_warning };
	_cleanup_(delta_done) struct delta d = { .base = NULL };
	int rc;

	warnings = 0;
	notes->report = &report;
	ck_ok(delta_open(&d, &(struct layer_dest){ .store = store }, NULL, notes, watch, ctx, err),
	      *err);
	rc = delta_from_upper(&d, fd, err);
	close(fd);
	if (rc < 0)
		return NULL;
	ck_ok(layer_out_finish(&d.out, err), *err);
	ck_ok(blob_publish(d.out.blob, err), *err);
	return layer_text(store, &d.out.digest);
}

#define DIR_(m)  .mode = S_IFDIR | (m)
#define FILE_(m) .mode = S_IFREG | (m)
#define LINK_    .mode = S_IFLNK | 0777
#define WHITE_   .mode = S_IFCHR
#define ENDS                                                                                       \
	{                                                                                          \
		.path = NULL                                                                       \
	}

static const struct {
	const char *name;
	struct made made[8];
	const char *want; /* the layer, owners and times cut off; NULL: an error */
	const char *says; /* part of the error or of the only loss */
	int code;
} cases[] = {
	{ "nothing", { { ".", DIR_(0700) }, ENDS }, ". 040700\n", NULL, 0 },
	{ "files",
	  { { ".", DIR_(0555), .xattrs = { { "user.root", "r" } } },
	    { "b", FILE_(04755), "bee", .xattrs = { { "user.a", "1" }, { "user.empty", "" } } },
	    { "a", DIR_(01777) },
	    { "a/z", FILE_(0), "z" },
	    { "a/empty", FILE_(0644) },
	    { "l", LINK_, "/etc/../x y" },
	    { "f", .mode = S_IFIFO | 0640 },
	    ENDS },
	  ". 040555 user.root=r\na 041777\na/empty 100644 0\na/z 100000 1\n"
	  "b 104755 3 user.a=1 user.empty=\nf 010640\nl 120777 -> /etc/../x y\n",
	  NULL,
	  0 },
	{ "deletions",
	  { { ".", DIR_(0755) },
	    { "gone", WHITE_ },
	    { "d", DIR_(0755), .xattrs = { { "overlay.opaque", "y" }, { "overlay.impure", "y" } } },
	    { "d/gone", WHITE_ },
	    { "d/new", FILE_(0644), "n", .xattrs = { { "overlay.origin", "\1\2" } } },
	    ENDS },
	  ". 040755\nd 040755 opaque\nd/gone 020000 whiteout\nd/new 100644 1\n"
	  "gone 020000 whiteout\n",
	  NULL,
	  0 },
	{ "deletions by xattr",
	  { { ".", DIR_(0755) },
	    { "x", DIR_(0755), .xattrs = { { "overlay.opaque", "x" } } },
	    { "x/gone", FILE_(0), .xattrs = { { "overlay.whiteout", "y" } } },
	    { "x/full", FILE_(0644), "f", .xattrs = { { "overlay.whiteout", "y" } } },
	    { "x/sub", DIR_(0755) },
	    { "x/sub/not", FILE_(0644), .xattrs = { { "overlay.whiteout", "y" } } },
	    { "x/z", FILE_(0644) },
	    ENDS },
	  ". 040755\nx 040755\nx/full 100644 1\nx/gone 020000 whiteout\nx/sub 040755\n"
	  "x/sub/not 100644 0\nx/z 100644 0\n",
	  NULL,
	  0 },
	{ "an opaque root means nothing",
	  { { ".", DIR_(0755), .xattrs = { { "overlay.opaque", "y" } } }, ENDS },
	  ". 040755\n",
	  NULL,
	  0 },
	{ "hard links",
	  { { ".", DIR_(0755) },
	    { "b", FILE_(0644), "one" },
	    { "d", DIR_(0755) },
	    { "d/a", .link = true, .text = "b" },
	    { "c", .link = true, .text = "b" },
	    { "other", FILE_(0644), "two" },
	    { "z", .link = true, .text = "other" },
	    ENDS },
	  ". 040755\nb 100644 3\nc 100644 = b\nd 040755\nd/a 100644 = b\nother 100644 3\n"
	  "z 100644 = other\n",
	  NULL,
	  0 },
	{ "a socket",
	  { { ".", DIR_(0755) }, { "s", .mode = S_IFSOCK | 0755 }, ENDS },
	  ". 040755\ns 020000 whiteout\n",
	  "\"s\" is left out",
	  0 },
	{ "an overlay in the container",
	  { { ".", DIR_(0755) },
	    { "d", DIR_(0755), .xattrs = { { "overlay.overlay.opaque", "y" } } },
	    ENDS },
	  ". 040755\nd 040755\n",
	  "(overlay.opaque)",
	  0 },
	{ "protected",
	  { { ".", DIR_(0755) },
	    { "p", FILE_(0644), .xattrs = { { "overlay.protattr", "i" } } },
	    ENDS },
	  ". 040755\np 100644 0\n",
	  "immutable",
	  0 },
	{ "a renamed folder",
	  { { ".", DIR_(0755) },
	    { "d", DIR_(0755), .xattrs = { { "overlay.redirect", "/old" } } },
	    ENDS },
	  NULL,
	  "\"d\": was renamed by an overlay with redirect_dir",
	  FIRN_EUNSUPP },
	{ "attributes alone",
	  { { ".", DIR_(0755) },
	    { "m", FILE_(0644), .xattrs = { { "overlay.metacopy", "" } } },
	    ENDS },
	  NULL,
	  "\"m\": the overlay copied its attributes alone",
	  FIRN_EUNSUPP },
	{ "a name that deletes",
	  { { ".", DIR_(0755) }, { ".wh.x", FILE_(0644) }, ENDS },
	  NULL,
	  "\".wh.x\": layers can't hold names",
	  FIRN_EUNSUPP },
	{ "fuse-overlayfs' mark",
	  { { ".", DIR_(0755) }, { "d", DIR_(0755) }, { "d/.wh..wh..opq", FILE_(0) }, ENDS },
	  NULL,
	  "layers can't hold names",
	  FIRN_EUNSUPP },
};

/* "PATH MODE UID:GID TIME REST" without owner and time, but all times are checked. */
static char *without_owner(char *text)
{
	_buf_ struct buf b = BUF_INIT;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char path[64], mode[16], owner[32], time[64];
		int rest = 0;

		ck_assert_int_eq(
		    sscanf(line, "%63s %15s %31s %63s%n", path, mode, owner, time, &rest), 4);
		if (!strstr(line, "whiteout") && !strstr(line, " = "))
			ck_assert_str_eq(time, "1600000000.000000005");
		buf_printf(&b, "%s %s%s\n", path, mode, line + rest);
	}
	free(text);
	return buf_steal(&b);
}

START_TEST(one)
{
	_cleanup_(notes_done) struct notes notes = { .report = NULL };
	struct firn_error err = { 0 };
	_free_ char *text =
	    layer_of_upper(make_upper("upper", cases[_i].made), NULL, NULL, &notes, &err);

	if (!cases[_i].want) {
		ck_assert_msg(!text && err.code == cases[_i].code &&
				  strstr(err.msg, cases[_i].says),
			      "%s: %d %s", cases[_i].name, err.code, err.msg);
		return;
	}
	ck_assert_msg(text != NULL, "%s: %s", cases[_i].name, err.msg);
	text = without_owner(text);
	ck_assert_msg(strcmp(text, cases[_i].want) == 0, "%s:\n%s", cases[_i].name, text);
	/* An unprivileged reader says one thing more, first. */
	ck_assert_uint_eq(notes.nlosses, (cases[_i].says != NULL) + (geteuid() != 0));
	if (cases[_i].says)
		ck_assert_msg(strstr(notes.losses[notes.nlosses - 1], cases[_i].says), "%s: %s",
			      cases[_i].name, notes.losses[notes.nlosses - 1]);
}
END_TEST

/* Names come in another order from the file system, and the layer is the same. */
START_TEST(order)
{
	static const struct made forth[] = { { ".", DIR_(0755) },
					     { "a", FILE_(0644), "a" },
					     { "b", FILE_(0644), "b" },
					     { "c", DIR_(0755) },
					     { "c/d", FILE_(0644), "d" },
					     { "\xff", FILE_(0644), "ff" },
					     ENDS },
				 back[] = { { ".", DIR_(0755) },
					    { "c", DIR_(0755) },
					    { "\xff", FILE_(0644), "ff" },
					    { "c/d", FILE_(0644), "d" },
					    { "b", FILE_(0644), "b" },
					    { "a", FILE_(0644), "a" },
					    ENDS };
	const struct made *const both[] = { forth, back };
	struct firn_error err = { 0 };
	struct digest digests[2];

	for (int i = 0; i < 2; i++) {
		_cleanup_(notes_done) struct notes notes = { .report = NULL };
		_cleanup_(delta_done) struct delta d = { .base = NULL };
		int fd = make_upper("upper", both[i]);

		ck_ok(delta_open(&d, &(struct layer_dest){ .store = store }, NULL, &notes, NULL,
				 NULL, &err),
		      err);
		ck_ok(delta_from_upper(&d, fd, &err), err);
		ck_ok(layer_out_finish(&d.out, &err), err);
		digests[i] = d.out.digest;
		close(fd);
	}
	ck_assert(digest_equal(&digests[0], &digests[1]));
}
END_TEST

/* What root alone may make: devices, attributes that begin with "trusted.", other owners. */
START_TEST(privileged)
{
	static const struct made made[] = {
		{ ".", DIR_(0755), .xattrs = { { "trusted.overlay.origin", "o" } } },
		{ "b", .mode = S_IFBLK | 0600, .major = 259, .minor = 300 },
		{ "c", .mode = S_IFCHR | 0666, .major = 1, .minor = 3 },
		{ "d", DIR_(0700),
		  .xattrs = { { "trusted.overlay.opaque", "y" }, { "trusted.kept", "k" } } },
		{ "r", DIR_(0755), .xattrs = { { "trusted.overlay.opaque", "x" } } },
		{ "r/w", FILE_(0), .xattrs = { { "trusted.overlay.whiteout", "" } } },
		ENDS
	};
	_cleanup_(notes_done) struct notes notes = { .report = NULL };
	struct firn_error err = { 0 };
	_free_ char *text = NULL;
	int fd;

	if (geteuid() != 0)
		return;
	fd = make_upper("upper", made);
	ck_assert_int_eq(fchownat(fd, "d", 33, 44, 0), 0);
	text = layer_of_upper(fd, NULL, NULL, &notes, &err);
	ck_assert_msg(text != NULL, "%s", err.msg);
	ck_assert_ptr_nonnull(strstr(text, "\nb 060600 0:0 "));
	ck_assert_ptr_nonnull(strstr(text, "\nc 020666 0:0 1600000000.000000005 1:3\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, "\nd 040700 33:44 1600000000.000000005 opaque trusted.kept=k\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nr 040755 0:0 1600000000.000000005\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nr/w 020000 0:0 0 whiteout\n"));
	ck_assert_uint_eq(notes.nlosses, 0);
}
END_TEST

/* Without the right to see them, that is said. */
START_TEST(unprivileged)
{
	static const struct made made[] = { { ".", DIR_(0755) }, ENDS };
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2], less[2];
	_cleanup_(notes_done) struct notes notes = { .report = NULL };
	struct firn_error err = { 0 };
	_free_ char *text = NULL;

	ck_assert_int_eq((int)syscall(SYS_capget, &head, caps), 0);
	memcpy(less, caps, sizeof(less));
	less[0].effective &= ~(1u << CAP_SYS_ADMIN);
	ck_assert_int_eq((int)syscall(SYS_capset, &head, less), 0);
	text = layer_of_upper(make_upper("upper", made), NULL, NULL, &notes, &err);
	ck_assert_int_eq((int)syscall(SYS_capset, &head, caps), 0);
	ck_assert_msg(text != NULL, "%s", err.msg);
	ck_assert_uint_eq(notes.nlosses, 1);
	ck_assert_ptr_nonnull(strstr(notes.losses[0], "trusted.*"));
	ck_assert_int_eq(warnings, 1);
}
END_TEST

/* Somebody works in the tree while "a", the first file, is read. */
struct meddler {
	void (*meddle)(int dirfd);
	int dirfd;
	bool done;
};

static void append(int dirfd)
{
	int fd = openat(dirfd, "a", O_WRONLY | O_APPEND | O_CLOEXEC);

	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
}

static void truncate_a(int dirfd)
{
	int fd = openat(dirfd, "a", O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, LAYER_OUT_PIECE + 1), 0);
	close(fd);
}

static void overwrite(int dirfd)
{
	int fd = openat(dirfd, "a", O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, "x", 1, 0), 1);
	close(fd);
}

static void unlink_next(int dirfd)
{
	ck_assert_int_eq(unlinkat(dirfd, "b", 0), 0);
}

static void add_name(int dirfd)
{
	ck_assert_int_eq(mknodat(dirfd, "c", S_IFREG | 0600, 0), 0);
}

static void change_mode(int dirfd)
{
	ck_assert_int_eq(fchmodat(dirfd, ".", 0711, 0), 0);
}

static void (*const meddlers[])(int dirfd) = { append,      truncate_a, overwrite,
					       unlink_next, add_name,   change_mode };

static void meddle(const char *path, const void *bytes, size_t n, uint64_t at, void *ctx)
{
	struct meddler *m = ctx;

	(void)bytes;
	(void)n;
	(void)at;
	if (m->done || strcmp(path, "a") != 0)
		return;
	m->done = true;
	/* A clock tick is as fine as a file's times are. */
	usleep(20000);
	m->meddle(m->dirfd);
}

START_TEST(changing)
{
	static const struct made made[] = {
		{ ".", DIR_(0755) }, { "a", FILE_(0644) }, { "b", FILE_(0644), "b" }, ENDS
	};
	_cleanup_(notes_done) struct notes notes = { .report = NULL };
	struct meddler m = { .meddle = meddlers[_i] };
	struct firn_error err = { 0 };
	_free_ char *text = NULL;
	int fd = make_upper("upper", made), a;

	a = openat(fd, "a", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(a, 3 * LAYER_OUT_PIECE), 0);
	close(a);
	m.dirfd = fd;
	text = layer_of_upper(fd, meddle, &m, &notes, &err);
	ck_assert(m.done);
	ck_assert_msg(!text && err.code == FIRN_EBUSY, "%d: %d %s", _i, err.code, err.msg);
	ck_assert_ptr_nonnull(strstr(err.msg, "changes while it is read"));
}
END_TEST

/* Deeper than paths are long. */
START_TEST(deep)
{
	static const struct made made[] = { { ".", DIR_(0755) }, ENDS };
	_cleanup_(notes_done) struct notes notes = { .report = NULL };
	struct firn_error err = { 0 };
	_free_ char *text = NULL;
	int top = make_upper("upper", made), at = dup(top);
	char name[201], command[300];

	memset(name, 'n', 200);
	name[200] = '\0';
	for (int i = 0; i < 25; i++) {
		int next;

		ck_assert_int_eq(mkdirat(at, name, 0755), 0);
		next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(next, 0);
		close(at);
		at = next;
	}
	close(at);
	text = layer_of_upper(top, NULL, NULL, &notes, &err);
	ck_assert_msg(!text && err.code == FIRN_ELIMIT, "%d %s", err.code, err.msg);
	/* Too deep for nftw() as well. */
	snprintf(command, sizeof(command), "rm -r %s", scratch("upper"));
	ck_assert_int_eq(system(command), 0);
}
END_TEST

/* A mount in the tree is no part of it. */
START_TEST(mounted)
{
	static const struct made made[] = { { ".", DIR_(0755) }, { "d", DIR_(0755) }, ENDS };
	_cleanup_(notes_done) struct notes notes = { .report = NULL };
	struct firn_error err = { 0 };
	_free_ char *text = NULL;
	char path[300];
	int fd = make_upper("upper", made);

	snprintf(path, sizeof(path), "/proc/self/fd/%d/d", fd);
	if (geteuid() != 0 || mount("x", path, "tmpfs", 0, NULL) < 0) {
		close(fd);
		return;
	}
	text = layer_of_upper(dup(fd), NULL, NULL, &notes, &err);
	ck_assert_int_eq(umount2(path, MNT_DETACH), 0);
	close(fd);
	ck_assert_msg(!text && err.code == FIRN_EUNSUPP, "%d %s", err.code, err.msg);
	ck_assert_ptr_nonnull(strstr(err.msg, "something is mounted there"));
}
END_TEST

/* The folder that the container sees is not its upper directory. */
START_TEST(merged)
{
	struct firn_error err = { 0 };
	char opts[600];
	int fd;

	for (size_t i = 0; i < 4; i++)
		close(scratch_folder((const char *[]){ "m", "l", "u", "w" }[i]));
	snprintf(opts, sizeof(opts), "lowerdir=%s,upperdir=%s,workdir=%s", scratch("l"),
		 scratch("u"), scratch("w"));
	if (geteuid() != 0 || mount("x", scratch("m"), "overlay", 0, opts) < 0)
		return;
	fd = upper_open(scratch("m"), &err);
	ck_assert_int_eq(umount(scratch("m")), 0);
	ck_assert_int_eq(fd, -FIRN_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "is a mounted overlay"));
	fd = upper_open(scratch("u"), &err);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(upper_open(scratch("none"), &err), -FIRN_ENOTFOUND);
}
END_TEST

static void setup(void)
{
	struct firn_error err = { 0 };

	scratch_setup();
	ck_ok(store_mem_new(&store, &err), err);
}

static void teardown(void)
{
	store_close(store);
	scratch_teardown();
}

static Suite *upper_suite(void)
{
	Suite *s = suite_create("upper");
	TCase *tc = tcase_create("upper");

	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, one, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, order);
	tcase_add_test(tc, privileged);
	tcase_add_test(tc, unprivileged);
	tcase_add_loop_test(tc, changing, 0, ARRAY_SIZE(meddlers));
	tcase_add_test(tc, deep);
	tcase_add_test(tc, mounted);
	tcase_add_test(tc, merged);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(upper_suite)

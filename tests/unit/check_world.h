/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dumps made by hand, for tests of the checks of lib/check. */
#ifndef FIRN_TESTS_CHECK_WORLD_H
#define FIRN_TESTS_CHECK_WORLD_H

#include "check/world.h"

#include "criu_builder.h"
#include "scratch.h"
#include "unit.h"

#include <linux/openat2.h>
#include <sys/syscall.h>

#define IDS    0x54432030u
#define MNTS   0x55563928u
#define FILES  0x56303138u
#define REMAP  0x59133954u
#define PSTREE 0x50273030u
#define LOCKS  0x54323616u

#define IMAGES_MAX 8

/* A dump made by hand: images by their names. */
struct dump {
	struct criu_images images;
	struct {
		const char *name;
		struct buf bytes;
	} list[IMAGES_MAX];
	size_t n;
	struct criu_info info;
	struct spec spec;
	struct check_input input;
};

static inline int open_image(struct criu_images *images, const char *name, struct source **ret,
			     struct firn_error *err)
{
	struct dump *d = (struct dump *)images;

	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->list[i].name, name) == 0)
			return source_from_mem(d->list[i].bytes.data, d->list[i].bytes.len, ret,
					       err)
				   ?: 1;
	return 0;
}

static inline struct buf *add_image(struct dump *d, const char *name, uint32_t magic)
{
	struct buf *b = &d->list[d->n].bytes;

	ck_assert_uint_lt(d->n, IMAGES_MAX);
	d->list[d->n++].name = name;
	put_magic(b, magic);
	return b;
}

/* A container: process 1, mount namespace 7 with a root and what the test adds. */
static inline struct buf *init_container(struct dump *d)
{
	_buf_ struct buf r = BUF_INIT;
	struct buf *ids = add_image(d, "ids-1.img", IDS);

	put_number(&r, 9, 7);
	put_record(ids, &r);
	d->info = (struct criu_info){ .root_pid = 1,
				      .container = true,
				      .own_ns = CRIU_NS_PID | CRIU_NS_MNT | CRIU_NS_NET };
	return add_image(d, "mountpoints-7.img", MNTS);
}

static inline void fill_input(struct dump *d)
{
	d->images.open = open_image;
	d->input.images = &d->images;
	d->input.dump = &d->info;
	d->input.host = scratch_dir;
	if (!d->input.rootfs)
		d->input.rootfs = -1;
}

static inline void set_config(struct dump *d, const char *json)
{
	d->spec = (struct spec){ .json = (char *)json, .len = strlen(json) };
	d->input.spec = &d->spec;
}

static inline void dump_done(struct dump *d)
{
	for (size_t i = 0; i < d->n; i++)
		buf_done(&d->list[i].bytes);
}

struct mount {
	unsigned id, parent;
	const char *type, *root, *point, *key;
};

static inline void put_text(struct buf *b, unsigned member, const char *text)
{
	if (text)
		put_bytes(b, member, text, strlen(text));
}

static inline void put_mount(struct buf *image, const struct mount *m)
{
	_buf_ struct buf r = BUF_INIT;

	put_number(&r, 2, m->id);
	put_number(&r, 4, m->parent);
	put_text(&r, 6, m->root);
	put_text(&r, 7, m->point);
	put_text(&r, 14, m->type);
	put_text(&r, 18, m->key);
	put_record(image, &r);
}

struct file {
	unsigned id;
	const char *path;
	unsigned flags, mode;
	int mount;    /* -1: not recorded */
	int64_t size; /* likewise */
};

static inline void put_file(struct buf *image, const struct file *f)
{
	_buf_ struct buf reg = BUF_INIT, r = BUF_INIT;

	put_number(&reg, 1, f->id);
	put_number(&reg, 2, f->flags);
	put_text(&reg, 6, f->path);
	if (f->mount >= 0)
		put_number(&reg, 7, 2 * (uint64_t)f->mount);
	if (f->size >= 0)
		put_number(&reg, 8, (uint64_t)f->size);
	if (f->mode)
		put_number(&reg, 10, f->mode);
	put_number(&r, 1, 1);
	put_number(&r, 2, f->id);
	put_bytes(&r, 3, reg.data, reg.len);
	put_record(image, &r);
}

static inline void add_lines(const struct check_report *r, struct buf *to)
{
	const struct firn_value *line = firn_value_first(check_report_value(r));

	for (; line; line = firn_value_next(line))
		buf_printf(to, "%s: %s\n", firn_value_text(firn_value_get(line, "level")),
			   firn_value_text(firn_value_get(line, "what")));
	buf_puts(to, "");
}

/* What the check says, a line each. */
static inline char *answer(check_fn *check, const struct check_input *in)
{
	_cleanup_(check_report_freep) struct check_report *report = NULL;
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err;

	ck_ok(check_report_new(&report, &err), err);
	ck_ok(check(in, report, &err), err);
	add_lines(report, &b);
	return buf_steal(&b);
}

static inline void says(check_fn *check, const struct check_input *in, const char *want)
{
	_free_ char *got = answer(check, in);

	ck_assert_msg(strstr(got, want) != NULL, "want: %s\ngot: %s", want, got);
}

static inline void make_file(const char *path, const char *text, unsigned mode)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", scratch_dir, path);
	for (char *slash = strchr(full, '/'); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		(void)mkdir(full, 0755);
		*slash = '/';
	}
	f = fopen(full, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(full, mode), 0);
}

/* Symbolic links are followed by openat2 alone, which valgrind doesn't know. */
static inline bool follows_links(void)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC };
	_fd_ int fd = (int)syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));

	return fd >= 0;
}

static inline int open_folder(const char *path)
{
	char full[256];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", scratch_dir, path);
	fd = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The readers of single CRIU images. What real images hold is as crit (python3-pycriu 4.1.1) shows
 * it; it doesn't know the page counts of CRIU 4.2, so there the sizes of the pages files count.
 */
#include "unit.h"

#include "base/buf.h"
#include "base/fd.h"
#include "format/criu_files.h"
#include "format/criu_memory.h"
#include "format/criu_task.h"
#include "format/criu_world.h"
#include "sample.h"

#include <stdio.h>

/* The images of a sample's folder, or one made by hand. */
struct images {
	struct criu_images base;
	const struct sample *sample;
	const char *folder, *made;
	struct buf bytes;
};

static int open_image(struct criu_images *base, const char *name, struct source **ret,
		      struct firn_error *err)
{
	const struct images *images = (const struct images *)base;
	const void *bytes = NULL;
	size_t len = images->bytes.len;
	char path[100];
	int rc;

	if (images->made && strcmp(name, images->made) == 0) {
		bytes = images->bytes.data;
	} else if (images->sample) {
		snprintf(path, sizeof(path), "%s%s%s", images->folder, *images->folder ? "/" : "",
			 name);
		bytes = sample_member(images->sample, path, &len);
	}
	if (!bytes)
		return 0;
	rc = source_from_mem(bytes, len, ret, err);
	return rc < 0 ? rc : 1;
}

static struct images of_sample(const struct sample *s, const char *folder)
{
	return (struct images){ .base = { open_image }, .sample = s, .folder = folder };
}

#define MAGIC_COMMON  0x54564319u
#define MAGIC_PSTREE  0x50273030u
#define MAGIC_MM      0x57492820u
#define MAGIC_PAGEMAP 0x56084025u
#define MAGIC_FILES   0x56303138u
#define MAGIC_CORE    0x55053847u

static struct images made(const char *name, uint32_t magic)
{
	struct images i = { .base = { open_image }, .made = name };

	buf_le32(&i.bytes, MAGIC_COMMON);
	buf_le32(&i.bytes, magic);
	return i;
}

static void record(struct images *i, const void *bytes, size_t n)
{
	buf_le32(&i->bytes, (uint32_t)n);
	buf_put(&i->bytes, bytes, n);
}
#define RECORD(i, text) record(i, text, sizeof(text) - 1)

static void put_varint(struct buf *b, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		buf_put(b, &(uint8_t){ (uint8_t)(v | 0x80) }, 1);
	buf_put(b, &(uint8_t){ (uint8_t)v }, 1);
}

static void put_field(struct buf *b, unsigned number, uint64_t v)
{
	put_varint(b, number << 3);
	put_varint(b, v);
}

static const struct expected {
	const char *file, *folder;
	uint32_t pid;
	size_t areas;
	uint64_t arg_start, arg_end, env_start, env_end;
	size_t ranges;
	uint64_t pages, lazy;
	uint32_t pages_id;
} processes[] = {
	{ "podman-none.tar", "checkpoint", 1, 11, 0x7ffdeb7cef79, 0x7ffdeb7cef8a, 0x7ffdeb7cef8a,
	  0x7ffdeb7ceff0, 7, 17, 9, 1 },
	{ "podman-none.tar", "checkpoint", 24, 11, 0x7ffd2c343f5e, 0x7ffd2c343f68, 0x7ffd2c343f68,
	  0x7ffd2c343fe9, 7, 15, 7, 2 },
	{ "containerd-cri-tiny.tar", "checkpoint", 1, 5, 0x7fff70d27fcf, 0x7fff70d27fd5,
	  0x7fff70d27fd5, 0x7fff70d27ff2, 3, 4, 1, 1 },
	{ "ctr-t-bare-criu.tar", "bare-criu", 1, 11, 0x7ffc46bd5fc2, 0x7ffc46bd5fd3, 0x7ffc46bd5fd3,
	  0x7ffc46bd5ff0, 7, 18, 10, 1 },
	{ "ctr-t-bare-criu.tar", "bare-criu", 35, 11, 0x7ffec248bfa7, 0x7ffec248bfb1,
	  0x7ffec248bfb1, 0x7ffec248bfe9, 7, 16, 8, 2 },
	{ "raw-criu-1proc.tar", "img", 14379, 5, 0x7ffed1c01fcd, 0x7ffed1c01fda, 0x7ffed1c01fda,
	  0x7ffed1c01feb, 3, 5, 2, 1 },
	{ "raw-criu-2proc.tar", "img", 14953, 11, 0x7ffdb15d2f72, 0x7ffdb15d2fda, 0x7ffdb15d2fda,
	  0x7ffdb15d2feb, 7, 17, 9, 1 },
	{ "raw-criu-2proc.tar", "img", 14976, 11, 0x7ffdbdb96fa8, 0x7ffdbdb96fbe, 0x7ffdbdb96fbe,
	  0x7ffdbdb96fe9, 7, 17, 9, 2 },
};

/* What a pagemap adds up to. */
struct sum {
	size_t ranges;
	uint64_t pages[4], lazy, end;
	uint32_t file;
	bool located;
};

static int add_range(const struct criu_range *r, void *ctx, struct firn_error *err)
{
	struct sum *s = ctx;

	(void)err;
	s->ranges++;
	s->pages[r->where] += r->pages;
	s->lazy += r->may_be_lazy ? r->pages : 0;
	s->file = r->file;
	if (r->where == CRIU_PAGES_PRESENT) {
		s->end = r->offset + r->pages * 4096;
		s->located = r->located;
	}
	return 0;
}

START_TEST(memory)
{
	const struct expected *want = &processes[_i];
	struct sample s = sample_open(want->file);
	struct images images = of_sample(&s, want->folder);
	_cleanup_(criu_mm_done) struct criu_mm mm = { 0 };
	struct sum sum = { 0 };
	struct firn_error err;
	char name[40], path[100];
	size_t size = 0;

	ck_ok(criu_mm_read(&images.base, want->pid, &mm, &err), err);
	ck_assert_uint_eq(mm.nareas, want->areas);
	ck_assert_uint_eq(mm.arg_start, want->arg_start);
	ck_assert_uint_eq(mm.arg_end, want->arg_end);
	ck_assert_uint_eq(mm.env_start, want->env_start);
	ck_assert_uint_eq(mm.env_end, want->env_end);
	ck_assert_uint_eq(mm.exe_file, 1);
	ck_assert_uint_eq(mm.areas[0].start, 0x400000);
	ck_assert_uint_eq(mm.areas[0].status, CRIU_AREA_REGULAR | CRIU_AREA_FILE_PRIVATE);
	ck_assert_uint_eq(mm.areas[mm.nareas - 1].end, 0xffffffffff601000);
	ck_assert(mm.areas[mm.nareas - 1].status & CRIU_AREA_VSYSCALL);

	snprintf(name, sizeof(name), "pagemap-%u.img", want->pid);
	ck_assert_int_eq(criu_each_range(&images.base, name, 4096, add_range, &sum, &err), 1);
	ck_assert_uint_eq(sum.ranges, want->ranges);
	ck_assert_uint_eq(sum.pages[CRIU_PAGES_PRESENT], want->pages);
	ck_assert_uint_eq(sum.lazy, want->lazy);
	ck_assert_uint_eq(sum.file, want->pages_id);
	ck_assert(sum.located);
	snprintf(path, sizeof(path), "%s/pages-%u.img", want->folder, sum.file);
	ck_assert_ptr_nonnull(sample_member(&s, path, &size));
	ck_assert_uint_eq(sum.end, size);
	free(s.bytes);
}
END_TEST

static int note_process(const struct criu_process *p, void *ctx, struct firn_error *err)
{
	struct buf *b = ctx;

	(void)err;
	buf_printf(b, "%u<%u/%u/%u*%u ", p->pid, p->ppid, p->pgid, p->sid, p->threads);
	return 0;
}

static int note_file(const struct criu_file *f, void *ctx, struct firn_error *err)
{
	struct buf *b = ctx;

	(void)err;
	buf_printf(b, "%u:%s:", f->id, criu_file_type_name(f->type));
	if (f->path)
		buf_printf(b, "%s ", f->path);
	else
		buf_printf(b, "%u ", f->pipe);
	return 0;
}

static int note_fd(const struct criu_fd *fd, void *ctx, struct firn_error *err)
{
	struct buf *b = ctx;

	(void)err;
	buf_printf(b, "%u=%u ", fd->fd, fd->file);
	return 0;
}

static int note_group(uint32_t set, const char *controller, const char *path, void *ctx,
		      struct firn_error *err)
{
	struct buf *b = ctx;

	(void)err;
	if (!*controller)
		buf_printf(b, "%u:%.24s ", set, path);
	return 0;
}

static int note_mount(const struct criu_mount *m, void *ctx, struct firn_error *err)
{
	struct buf *b = ctx;

	(void)err;
	if (strcmp(m->mountpoint, "/") == 0 || strcmp(m->mountpoint, "/etc/hosts") == 0)
		buf_printf(b, "%s:%s:%u:%u:%s ", m->mountpoint, m->type, m->major, m->minor,
			   m->external ? m->external : "-");
	return 0;
}

START_TEST(container)
{
	struct sample s = sample_open("podman-none.tar");
	struct images images = of_sample(&s, "checkpoint"), root = of_sample(&s, "");
	_cleanup_(criu_inventory_done) struct criu_inventory inventory = { 0 };
	_cleanup_(criu_core_done) struct criu_core core = { 0 };
	_buf_ struct buf b = BUF_INIT;
	_free_ char *host = NULL;
	struct criu_stats stats;
	struct criu_ids ids;
	struct criu_fs fs;
	struct firn_error err;

	ck_ok(criu_each_process(&images.base, note_process, &b, &err), err);
	ck_ok(criu_each_file(&images.base, note_file, &b, &err), err);
	ck_ok(criu_each_fd(&images.base, 2, note_fd, &b, &err), err);
	ck_ok(criu_each_cgroup(&images.base, note_group, &b, &err), err);
	ck_ok(criu_each_mount(&images.base, 12, note_mount, &b, &err), err);
	ck_assert_str_eq((char *)b.data,
			 "1<0/1/1*1 24<1/1/1*1 "
			 "1:REG:/bin/busybox 2:REG:/dev/null 3:PIPE:439900 4:PIPE:439901 "
			 "5:REG:/work.sh 6:REG:/data 7:REG:/ 8:REG:/data 9:REG:/ "
			 "0=2 1=3 2=4 10=5 "
			 "2:/libpod_parent/libpod-48 3:/libpod_parent/libpod-48 "
			 "/etc/hosts:tmpfs:0:68:/etc/hosts /:overlay:0:70:- ");

	ck_assert_int_eq(criu_core_read(&images.base, 1, &core, &err), 1);
	ck_assert_str_eq(core.command, "sh");
	ck_assert_uint_eq(core.state, CRIU_STATE_ALIVE);
	ck_assert_uint_eq(core.seccomp, CRIU_SECCOMP_FILTER);
	ck_assert(core.has_creds);
	ck_assert_uint_eq(core.capabilities, 2147747323);
	ck_assert_uint_eq(core.cgroup_set, 2);
	ck_assert_int_eq(criu_core_read(&images.base, 25, &core, &err), 0);

	ck_assert_int_eq(criu_ids_read(&images.base, 24, &ids, &err), 1);
	ck_assert_uint_eq(ids.files, 3);
	ck_assert_uint_eq(ids.ns[CRIU_NS_AT_MNT], 12);
	ck_assert_uint_eq(ids.ns[CRIU_NS_AT_UTS], 11);
	ck_assert_int_eq(criu_fs_read(&images.base, 1, &fs, &err), 1);
	ck_assert_uint_eq(fs.cwd, 6);
	ck_assert_uint_eq(fs.root, 7);
	ck_assert_uint_eq(fs.umask, 022);

	ck_ok(criu_inventory_read(&images.base, &inventory, &err), err);
	ck_assert_uint_eq(inventory.version, 2);
	ck_assert_int_eq(inventory.lsm, CRIU_LSM_NONE);
	ck_assert_uint_eq(inventory.host.ns[CRIU_NS_AT_NET], ids.ns[CRIU_NS_AT_NET]);
	ck_assert_uint_ne(inventory.host.ns[CRIU_NS_AT_PID], ids.ns[CRIU_NS_AT_PID]);
	ck_assert_int_eq(criu_hostname(&images.base, 11, &host, &err), 1);
	ck_assert_str_eq(host, "vm");

	ck_assert_int_eq(criu_stats_read(&root.base, &stats, &err), 1);
	ck_assert_uint_eq(stats.freezing_time, 794);
	ck_assert_uint_eq(stats.frozen_time, 49287);
	ck_assert_uint_eq(stats.pages_scanned, 46);
	ck_assert_uint_eq(stats.pages_written, 32);
	ck_assert_int_eq(criu_stats_read(&images.base, &stats, &err), 0);
	free(s.bytes);
}
END_TEST

static int note_world_file(const struct criu_file *f, void *ctx, struct firn_error *err)
{
	(void)err;
	buf_printf(ctx, "%d:%d:%d:%u:%zu:%d ", f->mount, f->has_size, f->external, f->mode,
		   f->build_id_len, f->socket.external);
	return 0;
}

static int note_remap(const struct criu_remap *r, void *ctx, struct firn_error *err)
{
	(void)err;
	buf_printf(ctx, "%u:%u:%d ", r->file, r->to, (int)r->type);
	return 0;
}

/* What CRIU wants back of a file, of files without a name, and of locks. */
START_TEST(wanted)
{
	struct images files = made("files.img", MAGIC_FILES);
	struct images remaps = made("remap-fpath.img", 0x59133954);
	struct images locks = made("filelocks.img", 0x54323616);
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err;
	uint32_t n = 0;

	/* a size, mount -2, external, a mode, a build id; nothing; a unix socket of outside */
	RECORD(&files, "\x08\x01\x10\x01\x1a\x10\x32\x01/\x38\x03\x40\x00\x48\x01\x50\x07"
		       "\x58\x01\x58\x02\x08");
	ck_assert_int_eq(criu_each_file(&files.base, note_world_file, &b, &err), -FIRN_ECORRUPT);
	buf_done(&files.bytes);
	files = made("files.img", MAGIC_FILES);
	RECORD(&files, "\x08\x01\x10\x01\x1a\x0f\x32\x01/\x38\x03\x40\x00\x48\x01\x50\x07"
		       "\x58\x01\x58\x02");
	RECORD(&files, "\x08\x01\x10\x02\x1a\x03\x32\x01/");
	RECORD(&files, "\x08\x05\x10\x03\x82\x01\x02\x30\x01");
	ck_assert_int_eq(criu_each_file(&files.base, note_world_file, &b, &err), 1);
	RECORD(&remaps, "\x08\x01\x10\x02");
	RECORD(&remaps, "\x08\x01\x10\x82\x80\x80\x80\x08");
	RECORD(&remaps, "\x08\x03\x10\x04\x18\x02");
	ck_assert_int_eq(criu_each_remap(&remaps.base, note_remap, &b, &err), 1);
	ck_assert_int_eq(criu_each_remap(&files.base, note_remap, &b, &err), 0);
	ck_assert_str_eq((char *)b.data, "-2:1:1:7:2:0 -1:0:0:0:0:0 -1:0:0:0:0:1 "
					 "1:2:0 1:2:1 3:4:2 ");
	RECORD(&locks, "\x18\x01\x20\x03");
	RECORD(&locks, "\x18\x01\x20\x04");
	ck_assert_int_eq(criu_count_locks(&locks.base, &n, &err), 1);
	ck_assert_uint_eq(n, 2);
	buf_done(&files.bytes);
	buf_done(&remaps.bytes);
	buf_done(&locks.bytes);
}
END_TEST

/* Ranges of every kind, as several CRIUs write them. */
START_TEST(ranges)
{
	static const struct {
		unsigned count_field;
		uint64_t count, flags; /* flags 8: none; 16: in_parent */
	} list[] = {
		{ 2, 3, 8 },  /* CRIU 2: no flags, present */
		{ 2, 2, 16 }, /* likewise, in the parent */
		{ 2, 5, 4 },  { 5, 7, 4 | 2 },      { 5, 11, 1 },
		{ 5, 13, 2 }, { 5, 1ull << 33, 0 }, { 5, 1, 4 },
	};
	struct images i = made("pagemap-1.img", MAGIC_PAGEMAP);
	struct sum sum = { 0 };
	struct firn_error err;
	uint64_t at = 0x1000;

	RECORD(&i, "\x08\x05");
	for (size_t k = 0; k < ARRAY_SIZE(list); k++) {
		_buf_ struct buf b = BUF_INIT;

		put_field(&b, 1, at);
		put_field(&b, list[k].count_field, list[k].count);
		if (list[k].flags == 16)
			put_field(&b, 3, 1);
		else if (list[k].flags != 8)
			put_field(&b, 4, list[k].flags);
		record(&i, b.data, b.len);
		at += list[k].count * 4096;
	}
	ck_assert_int_eq(criu_each_range(&i.base, "pagemap-1.img", 4096, add_range, &sum, &err), 1);
	ck_assert_uint_eq(sum.pages[CRIU_PAGES_PRESENT], 3 + 5 + 7 + 1);
	ck_assert_uint_eq(sum.pages[CRIU_PAGES_PARENT], 2 + 11);
	ck_assert_uint_eq(sum.pages[CRIU_PAGES_LAZY], 13);
	ck_assert_uint_eq(sum.pages[CRIU_PAGES_ZERO], 1ull << 33);
	ck_assert_uint_eq(sum.lazy, 7);
	ck_assert_uint_eq(sum.end, 16 * 4096);
	ck_assert_uint_eq(sum.file, 5);
	ck_assert(sum.located);
	buf_done(&i.bytes);
}
END_TEST

/* A later CRIU's entry: its pages count, where they are is not known from there on. */
START_TEST(unknown_ranges)
{
	static const struct {
		const char *bytes;
		size_t n;
	} list[] = {
		{ "\x08\x80\x20\x28\x01\x20\x04\x30\x09", 9 }, /* a field 6 */
		{ "\x08\x80\x20\x28\x01\x20\x44", 7 },         /* a flag 64 */
		{ "\x08\x80\x20\x28\x01\x20\x04\x3a\x01x", 10 },
	};
	struct images i = made("pagemap-1.img", MAGIC_PAGEMAP);
	struct sum sum = { 0 };
	struct firn_error err;

	RECORD(&i, "\x08\x01");
	record(&i, list[_i].bytes, list[_i].n);
	RECORD(&i, "\x08\x80\x80\x01\x28\x02\x20\x04");
	ck_assert_int_eq(criu_each_range(&i.base, "pagemap-1.img", 4096, add_range, &sum, &err), 1);
	ck_assert_uint_eq(sum.pages[CRIU_PAGES_PRESENT], 3);
	ck_assert(!sum.located);
	buf_done(&i.bytes);
}
END_TEST

static const struct {
	const char *name;
	uint32_t magic;
	const char *record;
	size_t n;
	const char *says;
} bad[] = {
#define BAD(name, magic, record, says)                                                             \
	{                                                                                          \
		name, magic, record, sizeof(record) - 1, says                                      \
	}
	BAD("pagemap-1.img", MAGIC_PAGEMAP, "", "record 1 is no message"),
	BAD("pagemap-1.img", MAGIC_PAGEMAP, "\x08", "record 1 is no message"),
	BAD("pagemap-1.img", MAGIC_PAGEMAP, "\x08\x01\x2a\x05xx", "record 1 is no message"),
	BAD("pagemap-1.img", MAGIC_MM, "\x08\x01", "is no such CRIU image"),
	BAD("mm-1.img", MAGIC_MM, "\x72\x02\x08\x05", "area 0 from 5 to 0 is out of order"),
	BAD("mm-1.img", MAGIC_MM, "\x72\x04\x08\x05\x10\x04", "area 0 from 5 to 4 is out of order"),
	BAD("mm-1.img", MAGIC_MM, "\x72\x04\x08\x05\x10\x08\x72\x04\x08\x07\x10\x09",
	    "area 1 from 7 to 9 is out of order"),
	BAD("mm-1.img", MAGIC_MM, "\x70\x05", "area 0 is no message"),
	BAD("mm-1.img", MAGIC_MM, "\x72\x02\x08", "is no message"),
	BAD("mm-1.img", MAGIC_MM, "\x72\x01\x08", "area 0 is no message"),
	BAD("mm-1.img", MAGIC_MM, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "is no message"),
	BAD("pstree.img", MAGIC_PSTREE, "\x10\x01", "process 0 of parent 1"),
	BAD("pstree.img", MAGIC_PSTREE, "\x08\xff\xff\xff\xff\x0f", "process 4294967295"),
	BAD("files.img", MAGIC_FILES, "\x1a\x09\x32\x7fxxx", "record 1 is no message"),
	BAD("core-1.img", MAGIC_CORE, "\x1a\x05\x32\x09xxx", "record 1 is no message"),
};

START_TEST(broken)
{
	struct images i = made(bad[_i].name, bad[_i].magic);
	_cleanup_(criu_core_done) struct criu_core core = { 0 };
	struct criu_mm mm;
	struct sum sum = { 0 };
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err;
	int rc = 0;

	record(&i, bad[_i].record, bad[_i].n);
	switch (bad[_i].name[0]) {
	case 'm':
		rc = criu_mm_read(&i.base, 1, &mm, &err);
		break;
	case 'f':
		rc = criu_each_file(&i.base, note_file, &b, &err);
		break;
	case 'c':
		rc = criu_core_read(&i.base, 1, &core, &err);
		break;
	default:
		rc = bad[_i].name[1] == 's'
			 ? criu_each_process(&i.base, note_process, &b, &err)
			 : criu_each_range(&i.base, bad[_i].name, 4096, add_range, &sum, &err);
	}
	ck_assert_int_eq(rc, -FIRN_ECORRUPT);
	ck_assert_msg(strstr(err.msg, bad[_i].says) != NULL, "%s", err.msg);
	ck_assert_msg(strncmp(err.msg, bad[_i].name, strlen(bad[_i].name)) == 0, "%s", err.msg);
	buf_done(&i.bytes);
}
END_TEST

/* More pages than an address space has. */
START_TEST(too_many_pages)
{
	struct images i = made("pagemap-1.img", MAGIC_PAGEMAP);
	_buf_ struct buf b = BUF_INIT;
	struct sum sum = { 0 };
	struct firn_error err;

	RECORD(&i, "\x08\x01");
	put_field(&b, 1, 0x1000);
	put_field(&b, 5, _i ? UINT64_MAX : UINT64_MAX / 4096);
	record(&i, b.data, b.len);
	ck_assert_int_eq(criu_each_range(&i.base, "pagemap-1.img", 4096, add_range, &sum, &err),
			 -FIRN_ECORRUPT);
	buf_done(&i.bytes);
}
END_TEST

/* As many areas as the limit has are read, one more is refused; the record is larger than most. */
START_TEST(many_areas)
{
	struct images i = made("mm-1.img", MAGIC_MM);
	_cleanup_(criu_mm_done) struct criu_mm mm = { 0 };
	_buf_ struct buf all = BUF_INIT;
	struct firn_error err;

	for (size_t k = 0; k < CRIU_AREAS_MAX + (size_t)_i; k++) {
		_buf_ struct buf b = BUF_INIT;

		put_field(&b, 1, (k + 1) * 8192);
		put_field(&b, 2, (k + 1) * 8192 + 4096);
		put_varint(&all, 14 << 3 | 2);
		put_varint(&all, b.len);
		buf_put(&all, b.data, b.len);
	}
	put_field(&all, 8, 77);
	record(&i, all.data, all.len);
	if (_i == 0) {
		ck_ok(criu_mm_read(&i.base, 1, &mm, &err), err);
		ck_assert_uint_eq(mm.nareas, CRIU_AREAS_MAX);
		ck_assert_uint_eq(mm.arg_start, 77);
	} else {
		ck_assert_int_eq(criu_mm_read(&i.base, 1, &mm, &err), -FIRN_ELIMIT);
	}
	buf_done(&i.bytes);
}
END_TEST

static Suite *criu_parts_suite(void)
{
	Suite *s = suite_create("criu_parts");
	TCase *t = tcase_create("criu_parts");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, memory, 0, ARRAY_SIZE(processes));
	tcase_add_test(t, container);
	tcase_add_test(t, wanted);
	tcase_add_test(t, ranges);
	tcase_add_loop_test(t, unknown_ranges, 0, 3);
	tcase_add_loop_test(t, broken, 0, ARRAY_SIZE(bad));
	tcase_add_loop_test(t, too_many_pages, 0, 2);
	tcase_add_loop_test(t, many_areas, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(criu_parts_suite)

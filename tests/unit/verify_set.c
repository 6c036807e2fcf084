/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A real checkpoint has no findings; with one thing wrong in it, that is found where it is. */
#include "unit.h"

#include "criu_builder.h"
#include "verify_set.h"

/* A file_entry whose inner message is the numbers, and what each kind of file needs besides. */
static void put_file(struct buf *image, unsigned type, uint64_t id, unsigned member,
		     const struct buf *inner)
{
	_buf_ struct buf r = BUF_INIT;

	put_number(&r, 1, type);
	put_number(&r, 2, id);
	if (inner)
		put_bytes(&r, member, inner->data, inner->len);
	put_record(image, &r);
}

static void put_owner(struct buf *b, unsigned member)
{
	_buf_ struct buf owner = BUF_INIT;

	for (unsigned i = 1; i <= 5; i++)
		put_number(&owner, i, 0);
	put_bytes(b, member, owner.data, owner.len);
}

static void put_socket_options(struct buf *b, unsigned member)
{
	_buf_ struct buf o = BUF_INIT;

	for (unsigned i = 1; i <= 6; i++)
		put_number(&o, i, 0);
	put_bytes(b, member, o.data, o.len);
}

static void add_terminal(struct buf *image)
{
	_buf_ struct buf tty = BUF_INIT;

	put_number(&tty, 1, 500);
	put_number(&tty, 2, 7);
	put_number(&tty, 3, 2);
	put_owner(&tty, 4);
	put_file(image, 11, 500, 19, &tty);
}

static void add_memfd(struct buf *image)
{
	_buf_ struct buf m = BUF_INIT;

	put_number(&m, 1, 500);
	put_number(&m, 2, 2);
	put_number(&m, 3, 0);
	put_owner(&m, 4);
	put_number(&m, 5, 7);
	put_file(image, 18, 500, 20, &m);
}

static void add_connection(struct buf *image)
{
	_buf_ struct buf s = BUF_INIT;
	/* ino, family, type, proto, state and so on */
	static const uint64_t numbers[] = { 500, 0xabc, 2, 1, 6, 1, 80, 81, 2, 0 };

	for (unsigned i = 0; i < 10; i++)
		put_number(&s, i + 1, numbers[i]);
	put_owner(&s, 13);
	put_socket_options(&s, 14);
	put_file(image, 4, 500, 4, &s);
}

static void add_fifo(struct buf *image)
{
	_buf_ struct buf f = BUF_INIT;

	put_number(&f, 1, 500);
	put_number(&f, 2, 1);
	put_number(&f, 3, 501);
	put_file(image, 3, 500, 17, &f);
}

static void add_nameless(struct buf *image)
{
	put_file(image, 1, 500, 3, NULL);
}

/* File 1 is there already. */
static void add_again(struct buf *image)
{
	_buf_ struct buf r = BUF_INIT;

	put_number(&r, 1, 1);
	put_number(&r, 2, 0);
	put_number(&r, 3, 0);
	put_owner(&r, 5);
	put_bytes(&r, 6, "/", 1);
	put_file(image, 1, 1, 3, &r);
}

static void add_short_record(struct buf *image)
{
	RECORD(image, 1);
}

static void add_no_message(struct buf *image)
{
	buf_put(image, "\1\0\0\0\xff", 5);
}

static void add_orphan(struct buf *image)
{
	RECORD(image, 100, 99, 1, 1, 100);
}

static void add_twin(struct buf *image)
{
	RECORD(image, 24, 1, 1, 1, 24);
}

static void add_threads(struct buf *image)
{
	RECORD(image, 24, 1, 1, 1, 77);
}

static void add_fd(struct buf *image)
{
	RECORD(image, 999, 0, 1, 7);
}

/* pagemap_entry: vaddr, nr_pages, in_parent, flags */
static void add_low_pages(struct buf *image)
{
	RECORD(image, 0x1000, 1, 0, 4);
}

static void add_high_pages(struct buf *image)
{
	RECORD(image, 0x7ffffffff000, 1, 0, 4);
}

/* An earlier dump had them, or was it so? The stack ends above all others, so this is in order. */
static void put_mount(struct buf *image, unsigned id, unsigned parent)
{
	_buf_ struct buf r = BUF_INIT;

	put_number(&r, 1, 1);
	put_number(&r, 2, id);
	put_number(&r, 3, 73);
	put_number(&r, 4, parent);
	put_number(&r, 5, 0);
	for (unsigned i = 6; i <= 9; i++)
		put_bytes(&r, i, "/", 1);
	put_record(image, &r);
}

static void add_lost_mount(struct buf *image)
{
	put_mount(image, 9000, 9001);
}

static void add_same_mount(struct buf *image)
{
	put_mount(image, 131, 167);
}

static void new_remap(struct buf *image)
{
	put_magic(image, 0x59133954);
	RECORD(image, 1, 0x1f, 1);
	RECORD(image, 1, 998, 0);
}

static void new_text(struct buf *image)
{
	buf_put(image, "[\"a\"", 4);
}

static void new_number(struct buf *image)
{
	buf_put(image, "7", 1);
}

static void new_list(struct buf *image)
{
	buf_put(image, "[\"pipe\", 7]", 11);
}

static void new_escape(struct buf *image)
{
	buf_put(image, "[\"/../etc\"]", 11);
}

static void new_ghost(struct buf *image)
{
	_buf_ struct buf r = BUF_INIT;

	put_magic(image, 0x52583605);
	put_number(&r, 1, 0);
	put_number(&r, 2, 0);
	put_number(&r, 3, 0100600);
	put_number(&r, 9, 1);
	put_number(&r, 10, 8192);
	put_record(image, &r);
	RECORD(image, 4096, 8192);
	buf_fill(image, 0, 4096);
}

static void new_pipes(struct buf *image)
{
	put_magic(image, 0x56453709);
	RECORD(image, 1, 100);
	buf_fill(image, 0, 99);
}

static void new_inventory(struct buf *image)
{
	put_u32(image, 0x58313116);
	RECORD(image, 9);
}

static void empty(struct buf *image)
{
	put_magic(image, 0x51403912);
}

static void corrupt_name(struct buf *image)
{
	image->data[0] ^= 0xff;
}

static void no_magic(struct buf *image)
{
	image->data[4] ^= 0x10;
}

static void no_gzip(struct buf *image)
{
	image->data[0] = 'x';
}

static void cut(struct buf *image)
{
	image->len--;
}

static void cut_page(struct buf *image)
{
	image->len -= 4096;
}

static void add_page(struct buf *image)
{
	buf_fill(image, 0, 4096);
}

/* core_entry.mtype is the first member: another machine, whose registers aren't there. */
static void other_machine(struct buf *image)
{
	image->data[13] = 3;
}

static const struct fault faults[] = {
#define GONE(m)            m, TAKE_AWAY, NULL
#define FAULT(place, code) FINDING_FAULT, place, code, NULL
	{ "no pstree", GONE(IMG "pstree.img"), FAULT(IMG "pstree.img", "image-missing") },
	{ "no core", GONE(IMG "core-24.img"), FAULT(IMG "core-24.img", "image-missing") },
	{ "no mm", GONE(IMG "mm-24.img"), FAULT(IMG "mm-24.img", "image-missing") },
	{ "no pagemap", GONE(IMG "pagemap-24.img"), FAULT(IMG "pagemap-24.img", "image-missing") },
	{ "no fs", GONE(IMG "fs-1.img"), FAULT(IMG "fs-1.img", "image-missing") },
	{ "no ids", GONE(IMG "ids-1.img"), FAULT(IMG "ids-1.img", "image-missing") },
	{ "no files", GONE(IMG "files.img"), FINDING_FAULT, IMG "files.img", "image-missing",
	  "not-checked" },
	{ "no pages", GONE(IMG "pages-2.img"), FAULT(IMG "pages-2.img", "image-missing") },
	{ "no fdinfo", GONE(IMG "fdinfo-3.img"), FINDING_WARNING, IMG "fdinfo-3.img",
	  "descriptors-absent", NULL },
	{ "no fdinfo of files", GONE(IMG "fdinfo-2.img"),
	  FAULT(IMG "fdinfo-2.img", "image-missing") },
	{ "no mounts", GONE(IMG "mountpoints-12.img"),
	  FAULT(IMG "mountpoints-12.img", "image-missing") },
	{ "no utsns", GONE(IMG "utsns-11.img"), FAULT(IMG "utsns-11.img", "image-missing") },
	{ "no ipcns", GONE(IMG "ipcns-var-10.img"),
	  FAULT(IMG "ipcns-var-10.img", "image-missing") },
	{ "no tmpfs", GONE(IMG "tmpfs-dev-77.tar.gz.img"),
	  FAULT(IMG "tmpfs-dev-77.tar.gz.img", "image-missing") },
	{ "no seccomp", GONE(IMG "seccomp.img"), FAULT(IMG "core-1.img", "seccomp-missing") },
	{ "no cgroups", GONE(IMG "cgroup.img"), FAULT(IMG "core-1.img", "cgroups-missing") },
	{ "magic", IMG "mm-1.img", EDIT, no_magic, FAULT(IMG "mm-1.img", "image-magic") },
	{ "cut record", IMG "core-1.img", EDIT, cut, FAULT(IMG "core-1.img", "image-framing") },
	{ "cut stats", "stats-dump", EDIT, cut, FAULT("stats-dump", "image-framing") },
	{ "empty image", IMG "fs-24.img", REPLACE, empty, FAULT(IMG "fs-24.img", "image-framing") },
	{ "second record", IMG "fs-24.img", EDIT, add_fd, FINDING_FAULT, IMG "fs-24.img",
	  "image-framing", "file-missing" },
	{ "no message", IMG "files.img", EDIT, add_no_message, FINDING_FAULT, IMG "files.img",
	  "image-record", "not-checked" },
	{ "short record", IMG "fdinfo-2.img", EDIT, add_short_record,
	  FAULT(IMG "fdinfo-2.img", "image-record") },
	{ "chunk outside", IMG "ghost-file-1.img", REPLACE, new_ghost, FINDING_FAULT,
	  IMG "ghost-file-1.img", "image-framing", "image-missing" },
	{ "nobody's ghost", IMG "ghost-file-1.img", REPLACE, new_ghost, FINDING_FAULT,
	  IMG "remap-fpath.img", "image-missing", "image-framing" },
	{ "pipe cut", IMG "pipes-data.img", REPLACE, new_pipes,
	  FAULT(IMG "pipes-data.img", "image-framing") },
	{ "image is a folder", IMG "fs-9.img", FOLDER, NULL,
	  FAULT(IMG "fs-9.img", "image-framing") },
	{ "no gzip", IMG "tmpfs-dev-76.tar.gz.img", EDIT, no_gzip, FINDING_FAULT,
	  IMG "tmpfs-dev-76.tar.gz.img", "image-magic", NULL },
	{ "later version", IMG "inventory.img", REPLACE, new_inventory, FINDING_WARNING,
	  IMG "inventory.img", "version-unknown", "cgroups-missing" },
	{ "unknown image", IMG "plugin-7.img", REPLACE, new_number, FINDING_NOTE,
	  IMG "plugin-7.img", "image-unknown", NULL },
	{ "pages cut", IMG "pages-1.img", EDIT, cut_page, FAULT(IMG "pages-1.img", "pages-size") },
	{ "a page more", IMG "pages-1.img", EDIT, add_page,
	  FAULT(IMG "pages-1.img", "pages-size") },
	{ "half a page", IMG "pages-2.img", EDIT, cut, FAULT(IMG "pages-2.img", "pages-size") },
	{ "order of pages", IMG "pagemap-24.img", EDIT, add_low_pages, FINDING_FAULT,
	  IMG "pagemap-24.img: entry ", "pages-order", NULL },
	{ "page in no area", IMG "pagemap-24.img", EDIT, add_high_pages, FINDING_FAULT,
	  IMG "pagemap-24.img: entry ", "page-outside", "pages-size" },
	{ "orphan", IMG "pstree.img", EDIT, add_orphan, FINDING_FAULT, IMG "pstree.img",
	  "process-parent", "image-missing" },
	{ "twin", IMG "pstree.img", EDIT, add_twin, FAULT(IMG "pstree.img", "pid-twice") },
	{ "thread", IMG "pstree.img", EDIT, add_threads, FINDING_FAULT, IMG "core-77.img",
	  "image-missing", "pid-twice" },
	{ "machine", IMG "core-24.img", EDIT, other_machine, FINDING_FAULT, IMG "core-24.img",
	  "machines-differ", "core-incomplete" },
	{ "descriptor", IMG "fdinfo-2.img", EDIT, add_fd,
	  FAULT(IMG "fdinfo-2.img", "file-missing") },
	{ "terminal", IMG "files.img", EDIT, add_terminal,
	  FAULT(IMG "tty-info.img", "image-missing") },
	{ "memfd", IMG "files.img", EDIT, add_memfd, FAULT(IMG "memfd.img", "image-missing") },
	{ "connection", IMG "files.img", EDIT, add_connection,
	  FAULT(IMG "tcp-stream-abc.img", "image-missing") },
	{ "fifo", IMG "files.img", EDIT, add_fifo, FAULT(IMG "files.img", "file-missing") },
	{ "nameless file", IMG "files.img", EDIT, add_nameless,
	  FAULT(IMG "files.img", "file-incomplete") },
	{ "file twice", IMG "files.img", EDIT, add_again, FAULT(IMG "files.img", "file-twice") },
	{ "ghost", IMG "remap-fpath.img", REPLACE, new_remap, FINDING_FAULT,
	  IMG "ghost-file-1f.img", "image-missing", "file-missing" },
	{ "link", IMG "remap-fpath.img", REPLACE, new_remap, FINDING_FAULT, IMG "remap-fpath.img",
	  "file-missing", "image-missing" },
	{ "lost mount", IMG "mountpoints-12.img", EDIT, add_lost_mount,
	  FAULT(IMG "mountpoints-12.img", "mount-parent") },
	{ "mount twice", IMG "mountpoints-12.img", EDIT, add_same_mount,
	  FAULT(IMG "mountpoints-12.img", "mount-twice") },
	{ "no spec", GONE("spec.dump"), FAULT("spec.dump", "document-missing") },
	{ "no config", GONE("config.dump"), FAULT("config.dump", "document-missing") },
	{ "cut spec", "spec.dump", EDIT, cut, FAULT("spec.dump", "document-broken") },
	{ "cut config", "config.dump", REPLACE, new_text, FAULT("config.dump", "document-broken") },
	{ "network", "network.status", REPLACE, new_number,
	  FAULT("network.status", "document-broken") },
	{ "deletion", "deleted.files", REPLACE, new_escape,
	  FAULT("deleted.files", "document-broken") },
	{ "no descriptors", GONE(IMG "descriptors.json"), FINDING_WARNING, IMG "descriptors.json",
	  "document-missing", NULL },
	{ "descriptors", IMG "descriptors.json", REPLACE, new_list,
	  FAULT(IMG "descriptors.json", "document-broken") },
	{ "delta", "rootfs-diff.tar", EDIT, corrupt_name, FAULT("rootfs-diff.tar", "tar-broken") },
	{ "delta cut", "rootfs-diff.tar", EDIT, cut_page, FAULT("rootfs-diff.tar", "tar-broken") },
	{ "shm", "devshm-checkpoint.tar", REPLACE, new_text,
	  FAULT("devshm-checkpoint.tar", "tar-broken") },
};

START_TEST(planted)
{
	struct sample s = sample_open("podman-none.tar");
	_buf_ struct buf tar = BUF_INIT;
	struct findings *f;

	ck_assert_ptr_nonnull(s.bytes);
	make(&tar, &s, &faults[_i]);
	build_end(&tar);
	f = verify(&tar, 0);
	expect_fault(f, &faults[_i]);
	findings_free(f);
	free(s.bytes);
}
END_TEST

/* Whoever is named in pstree.img more than once is still looked at once. */
START_TEST(twin_is_one)
{
	static const struct fault twin = { .member = IMG "pstree.img",
					   .how = EDIT,
					   .edit = add_twin };
	static const struct fault low = { .member = IMG "pagemap-24.img",
					  .how = EDIT,
					  .edit = add_low_pages };
	struct sample s = sample_open("podman-none.tar"), with;
	_buf_ struct buf one = BUF_INIT, tar = BUF_INIT;
	_cleanup_(findings_freep) struct findings *f = NULL;
	_json_ json_t *list = NULL;
	size_t order = 0, twins = 0;

	ck_assert_ptr_nonnull(s.bytes);
	make(&one, &s, &twin);
	build_end(&one);
	with = (struct sample){ one.data, one.len };
	make(&tar, &with, &low);
	build_end(&tar);
	f = verify(&tar, 0);
	list = list_of(f);
	for (size_t i = 0; i < json_array_size(list); i++) {
		order += strcmp(text_at(list, i, "code"), "pages-order") == 0;
		twins += strcmp(text_at(list, i, "code"), "pid-twice") == 0;
	}
	ck_assert_uint_eq(twins, 1 + 1); /* the process, and its thread */
	ck_assert_uint_eq(order, 1);
	free(s.bytes);
}
END_TEST

static const char *const clean[] = {
	"podman-none.tar",    "podman-gzip.tar.gz",      "podman-zstd.tar.zst",
	"containerd-cri.tar", "containerd-cri-tiny.tar", "podman-ignore-rootfs.tar",
};

START_TEST(nothing_wrong)
{
	const char *name = clean[_i / 2];
	struct sample s = sample_open(name);
	struct buf tar = { .data = s.bytes, .len = s.size };
	struct findings *f;

	ck_assert_ptr_nonnull(s.bytes);
	f = verify(&tar, _i & 1 ? VERIFY_DEEP : 0);
	expect_none(f, name);
	findings_free(f);
	free(s.bytes);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("verify_set");
	TCase *tc = tcase_create("verify_set");

	tcase_add_loop_test(tc, planted, 0, ARRAY_SIZE(faults));
	tcase_add_test(tc, twin_is_one);
	tcase_add_loop_test(tc, nothing_wrong, 0, 2 * ARRAY_SIZE(clean));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

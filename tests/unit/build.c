/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* firn_build() on archives and folders, the real ones of tests/data among them. */
#include "unit.h"

#include "building.h"
#include "sample.h"

#include <zlib.h>

static void clear_out(void)
{
	scratch_clear(scratch("out"));
	scratch_clear(scratch("base"));
}

static const char *sample_path(const char *name)
{
	static char path[4096];
	const char *top = getenv("top_srcdir");

	snprintf(path, sizeof(path), "%s/tests/data/%s", top ? top : ".", name);
	return path;
}

/* The tree that expected.json describes, as Podman's archives have it and no base is known. */
#define PODMAN_DELTA(count, mtime)                                                                 \
	". 040755 0:0 0\n"                                                                         \
	"count 100644 0:0 " mtime " " count "\n"                                                   \
	"data 040755 0:0 0\n"                                                                      \
	"data/del.txt 020000 0:0 0 whiteout\n"                                                     \
	"data/deldir 020000 0:0 0 whiteout\n"                                                      \
	"data/newdir 040755 0:0 1795403677\n"                                                      \
	"data/newdir/file 100644 0:0 1795403677 8\n"                                               \
	"data/newdir/hard 100644 0:0 1795403677 = data/newdir/file\n"                              \
	"data/newdir/owned 100644 33:33 1795403677 6\n"                                            \
	"data/newdir/suid 104755 0:0 1795403677 10\n"                                              \
	"data/newdir/sym 120777 0:0 1795403677 -> file\n"                                          \
	"data/newdir/xattr 100644 0:0 1795403677 6 user.lab=hello\n"                               \
	"data/redir 040755 0:0 0 opaque\n"                                                         \
	"data/redir/new1 100644 0:0 1795403677 5\n"                                                \
	"data/rename-me 020000 0:0 0 whiteout\n"                                                   \
	"data/renamed 100644 0:0 1767225600 4\n"

#define CONTAINERD_DELTA                                                                           \
	". 040755 0:0 0\n"                                                                         \
	"count 100644 0:0 1795403651 18\n"                                                         \
	"data 040755 0:0 1795403649\n"                                                             \
	"data/chmod.txt 100600 0:0 1767225600 5\n"                                                 \
	"data/del.txt 020000 0:0 0 whiteout\n"                                                     \
	"data/deldir 020000 0:0 0 whiteout\n"                                                      \
	"data/mod.txt 100644 0:0 1795403649 17\n"                                                  \
	"data/newdir 040755 0:0 1795403649\n"                                                      \
	"data/newdir/file 100644 0:0 1795403649 8\n"                                               \
	"data/newdir/hard 100644 0:0 1795403649 = data/newdir/file\n"                              \
	"data/newdir/owned 100644 33:33 1795403649 6\n"                                            \
	"data/newdir/suid 104755 0:0 1795403649 10\n"                                              \
	"data/newdir/sym 120777 0:0 1795403649 -> file\n"                                          \
	"data/newdir/xattr 100644 0:0 1795403649 6\n"                                              \
	"data/redir 040755 0:0 1795403649\n"                                                       \
	"data/redir/new1 100644 0:0 1795403649 5\n"                                                \
	"data/redir/old1 020000 0:0 0 whiteout\n"                                                  \
	"data/redir/old2 020000 0:0 0 whiteout\n"                                                  \
	"data/rename-me 020000 0:0 0 whiteout\n"                                                   \
	"data/renamed 100644 0:0 1767225600 4\n"                                                   \
	"etc 040755 0:0 1795403649\n"                                                              \
	"etc/hostname 100644 0:0 1795403649 0\n"                                                   \
	"etc/hosts 100644 0:0 1795403649 0\n"                                                      \
	"etc/resolv.conf 100644 0:0 1795403649 0\n"

#define PODMAN_METADATA                                                                            \
	"artifacts config.dump ctr.log devshm-checkpoint.tar network.status spec.dump stats-dump "
#define CONTAINERD_METADATA                                                                        \
	"config.dump container.log dump.log spec.dump stats-dump status status.dump "

static const struct {
	const char *file, *engine, *container, *delta, *count, *metadata;
	size_t losses;
} real_cases[] = {
	{ "podman-none.tar", "Podman", "c1", PODMAN_DELTA("16", "1795403679"), "6\n7\n",
	  PODMAN_METADATA, 4 },
	{ "podman-gzip.tar.gz", "Podman", "c1", PODMAN_DELTA("18", "1795403679"), "7\n8\n",
	  PODMAN_METADATA, 4 },
	{ "podman-zstd.tar.zst", "Podman", "c1", PODMAN_DELTA("20", "1795403679"), "8\n9\n",
	  PODMAN_METADATA, 4 },
	{ "podman-ignore-rootfs.tar", "Podman", "c1", ". 040755 0:0 0\n", NULL, PODMAN_METADATA,
	  1 },
	{ "containerd-cri-tiny.tar", "containerd", "tiny", CONTAINERD_DELTA, "7\n8\n",
	  CONTAINERD_METADATA, 1 },
};

/* Every line of @text but the root's belongs to root alone. Appends the names to @ret. */
static void check_private(char *text, struct buf *ret)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char name[256], size[32] = "";
		unsigned mode;

		ck_assert_int_ge(sscanf(line, "%255s %o 0:0 %*s %31s", name, &mode, size), 2);
		ck_assert_msg(mode == (*size ? 0100600 : 0040700), "%s", line);
		if (strcmp(name, ".") != 0)
			buf_printf(ret, "%s ", name);
	}
}

START_TEST(real)
{
	_result_ struct firn_build_result *r = NULL;
	_free_ char *delta = NULL, *metadata = NULL, *images = NULL, *count = NULL;
	_buf_ struct buf names = BUF_INIT, image_names = BUF_INIT;
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };
	const struct digest *layer;

	clear_out();
	ck_ok(build(sample_path(real_cases[_i].file), "t", NULL, &r, &err), err);
	ck_assert_str_eq(firn_build_result_engine(r), real_cases[_i].engine);
	ck_assert_str_eq(firn_build_result_container(r), real_cases[_i].container);
	ck_assert_uint_eq(firn_build_result_losses(r), real_cases[_i].losses);
	load("t", &b);
	ck_assert(b.ci.external_base);
	layer = layer_of(&b.ci.rootfs, "delta");
	delta = layer_text(b.store, layer);
	ck_assert_str_eq(delta, real_cases[_i].delta);
	if (real_cases[_i].count) {
		count = layer_file(b.store, layer, "count");
		ck_assert_str_eq(count + strlen(count) - 4, real_cases[_i].count);
	}
	metadata = layer_text(b.store, layer_of(&b.ci.checkpoint, "metadata"));
	check_private(metadata, &names);
	ck_assert_str_eq((char *)names.data, real_cases[_i].metadata);
	images = layer_text(b.store, layer_of(&b.ci.checkpoint, "images"));
	check_private(images, &image_names);
	ck_assert_ptr_nonnull(strstr((char *)image_names.data, " checkpoint/pages-1.img "));
	for (char *at = (char *)image_names.data; *at; at = strchr(at, ' ') + 1)
		ck_assert(strncmp(at, "checkpoint", 10) == 0 && (at[10] == ' ' || at[10] == '/'));
}
END_TEST

/* Every byte of every image is the archive's. */
START_TEST(images_bytes)
{
	static const char *const names[] = {
		"checkpoint/pages-1.img",   "checkpoint/pages-2.img", "checkpoint/core-1.img",
		"checkpoint/inventory.img", "checkpoint/files.img",   "checkpoint/seccomp.img",
	};
	struct sample s = sample_open("podman-none.tar");
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *t = NULL;
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };

	clear_out();
	ck_ok(build(sample_path("podman-none.tar"), "t", NULL, NULL, &err), err);
	load("t", &b);
	ck_ok(store_open(b.store, layer_of(&b.ci.checkpoint, "images"), &src, &err), err);
	ck_ok(layer_check(src, &t, &err), err);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t n;
		const uint8_t *want = sample_member(&s, names[i], &n);
		const struct node *node = tree_find(t, names[i]);
		_free_ uint8_t *got = malloc(n);

		ck_assert_msg(want && node && node->size == n && node->offset % 4096 == 0, "%s",
			      names[i]);
		ck_ok(source_read_at(src, got, n, node->offset, &err), err);
		ck_assert_msg(memcmp(got, want, n) == 0, "%s", names[i]);
	}
	free(s.bytes);
}
END_TEST

static void pack_gzip(const char *from, const char *to)
{
	char buf[4096];
	FILE *in = fopen(from, "rb");
	gzFile out = gzopen(to, "wb");
	size_t n;

	while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
		ck_assert_int_eq(gzwrite(out, buf, (unsigned)n), (int)n);
	fclose(in);
	gzclose(out);
}

/* Build with @path as standard input, through a pipe. */
static int build_piped(const char *path, const char *tag, struct firn_build_result **ret,
		       struct firn_error *err)
{
	const int was = dup(STDIN_FILENO);
	char command[4200];
	FILE *pipe;
	int rc;

	snprintf(command, sizeof(command), "cat '%s'", path);
	pipe = popen(command, "r");
	ck_assert_int_ge(dup2(fileno(pipe), STDIN_FILENO), 0);
	rc = build("-", tag, NULL, ret, err);
	ck_assert_int_ge(dup2(was, STDIN_FILENO), 0);
	close(was);
	ck_assert_int_eq(pclose(pipe), 0);
	return rc;
}

/* However an archive gets here, the image is the same; and the next time it is the same again. */
START_TEST(every_road)
{
	_result_ struct firn_build_result *file = NULL, *pipe = NULL, *packed = NULL, *again = NULL;
	struct firn_error err = { 0 };

	clear_out();
	pack_gzip(sample_path("podman-none.tar"), scratch("packed"));
	ck_ok(build(sample_path("podman-none.tar"), "file", NULL, &file, &err), err);
	ck_ok(build_piped(sample_path("podman-none.tar"), "pipe", &pipe, &err), err);
	ck_ok(build(scratch("packed"), "packed", NULL, &packed, &err), err);
	clear_out();
	ck_ok(build_piped(scratch("packed"), "again", &again, &err), err);
	ck_assert_str_eq(firn_build_result_index(file), firn_build_result_index(pipe));
	ck_assert_str_eq(firn_build_result_index(file), firn_build_result_index(packed));
	ck_assert_str_eq(firn_build_result_index(file), firn_build_result_index(again));
	ck_assert_uint_eq(firn_build_result_bytes(file), firn_build_result_bytes(again));
}
END_TEST

/* The members of a sample below @prefix, as files of the folder @to. */
static void unpack(const char *name, const char *prefix, const char *to)
{
	const int fd = open(sample_path(name), O_RDONLY | O_CLOEXEC);
	_cleanup_(istream_closep) struct istream *in = NULL;
	_cleanup_(tar_closep) struct tar *t = NULL;
	const struct tar_entry *e;
	struct firn_error err = { 0 };
	char path[512], buf[4096];
	ssize_t n;
	int rc;

	mkdir(scratch(to), 0700);
	ck_ok(istream_from_fd(fd, &in, &err), err);
	ck_ok(tar_open_stream(in, NULL, &t, &err), err);
	while ((rc = tar_next(t, &e, &err)) > 0) {
		const struct timespec times[2] = { { .tv_sec = e->mtime }, { .tv_sec = e->mtime } };
		FILE *f;

		if (strncmp(e->path, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", scratch(to), e->path + strlen(prefix));
		if (S_ISDIR(e->mode)) {
			mkdir(path, 0700);
			continue;
		}
		f = fopen(path, "wb");
		ck_assert_msg(f != NULL, "%s", path);
		while ((n = tar_read(t, buf, sizeof(buf), &err)) > 0)
			ck_assert_uint_eq(fwrite(buf, 1, (size_t)n, f), (size_t)n);
		ck_ok(n, err);
		fclose(f);
		ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	}
	ck_ok(rc, err);
}

START_TEST(unpacked_folder)
{
	_result_ struct firn_build_result *file = NULL, *folder = NULL, *again = NULL;
	_free_ char *names = NULL;
	_buf_ struct buf list = BUF_INIT;
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };

	clear_out();
	unpack("podman-none.tar", "", "unpacked");
	ck_ok(build(sample_path("podman-none.tar"), "file", NULL, &file, &err), err);
	ck_ok(build(scratch("unpacked"), "folder", NULL, &folder, &err), err);
	ck_ok(build(scratch("unpacked"), "again", NULL, &again, &err), err);
	ck_assert_str_eq(firn_build_result_index(folder), firn_build_result_index(again));
	/* The diff is a file here and there: R is the same. */
	ck_assert_str_eq(firn_build_result_rootfs(folder), firn_build_result_rootfs(file));
	ck_assert_uint_eq(firn_build_result_bytes(folder), firn_build_result_bytes(file));
	load("folder", &b);
	names = layer_text(b.store, layer_of(&b.ci.checkpoint, "metadata"));
	check_private(names, &list);
	ck_assert_str_eq((char *)list.data, PODMAN_METADATA);
}
END_TEST

START_TEST(bare_images)
{
	_result_ struct firn_build_result *r = NULL;
	_free_ char *names = NULL, *images = NULL;
	_buf_ struct buf list = BUF_INIT, image_list = BUF_INIT;
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };

	clear_out();
	unpack("raw-criu-1proc.tar", "img/", "bare");
	ck_ok(build(scratch("bare"), "t", NULL, &r, &err), err);
	ck_assert_str_eq(firn_build_result_engine(r), "criu");
	ck_assert_ptr_null(firn_build_result_container(r));
	ck_assert_ptr_null(firn_build_result_rootfs(r));
	ck_assert_uint_eq(firn_build_result_losses(r), 0);
	load("t", &b);
	ck_assert_int_eq(b.ci.rootfs.desc.digest.alg, 0);
	ck_assert_uint_eq(b.index.nmanifests, 1);
	names = layer_text(b.store, layer_of(&b.ci.checkpoint, "metadata"));
	check_private(names, &list);
	ck_assert_str_eq((char *)list.data, "dump.log stats-dump stats-restore ");
	images = layer_text(b.store, layer_of(&b.ci.checkpoint, "images"));
	check_private(images, &image_list);
	ck_assert_ptr_nonnull(strstr((char *)image_list.data, " checkpoint/inventory.img "));
	ck_assert_str_eq(annotation(&b.ci.checkpoint, ORG_CRIU_CRIU_VERSION), "40201");
	ck_assert_str_eq(annotation(&b.ci.checkpoint, ORG_CRIU_HOST_KERNEL), "6.18.44-fc-v657");
	ck_assert_str_eq(annotation(&b.ci.checkpoint, ORG_CRIU_HOST_ARCH), "amd64");
	ck_assert_ptr_null(annotation(&b.ci.checkpoint, ORG_CRIU_CONTAINER_NAME));
	ck_assert_str_eq(b.ci.checkpoint.config.architecture, "amd64");
}
END_TEST

/* Images that keep no log have no metadata at all; and a task folder is one of them. */
START_TEST(task_folder)
{
	const struct firn_build_opts opts = { .size = sizeof(opts), .container = "n 1" };
	_built_ struct built b = { 0 };
	struct firn_error err = { 0 };

	clear_out();
	scratch_clear(scratch("task"));
	mkdir(scratch("task"), 0700);
	mkdir(scratch("task/checkpoint"), 0700);
	scratch_write("task/checkpoint/inventory.img", "i", 1);
	ck_ok(build(scratch("task"), "t", &opts, NULL, &err), err);
	load("t", &b);
	ck_assert_uint_eq(b.ci.checkpoint.manifest.nlayers, 1);
	ck_assert_str_eq(image_layer_role(&b.ci.checkpoint, 0), "images");
	ck_assert_str_eq(annotation(&b.ci.checkpoint, ORG_FIRN_CONTAINER), "n 1");
}
END_TEST

static Suite *build_suite(void)
{
	Suite *s = suite_create("build");
	TCase *tc = tcase_create("build");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_loop_test(tc, real, 0, ARRAY_SIZE(real_cases));
	tcase_add_test(tc, images_bytes);
	tcase_add_test(tc, every_road);
	tcase_add_test(tc, unpacked_folder);
	tcase_add_test(tc, bare_images);
	tcase_add_test(tc, task_folder);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(build_suite)

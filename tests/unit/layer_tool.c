/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The layer and EROFS writers on real folders, for tests/cli/layer-mount.sh:
 *
 *   pack DIR BLOB              DIR (an overlay's upper as well) as a mountable layer
 *   compress BLOB ZSTD N       the layer BLOB in its compressed form, level N
 *   check BLOB                 ours, forged or foreign, of either form
 *   index TAR INDEX            an index of 512-byte blocks over any tar
 *   mount IMAGE DIR [DEVICE]   says how
 *   bench N                    milliseconds and bytes for a layer of N nodes
 */
#include "base/buf.h"
#include "base/fd.h"
#include "bytes/stream.h"
#include "format/erofs.h"
#include "format/layer.h"
#include "format/packed.h"
#include "format/tar.h"
#include "kernel/erofs_mount.h"
#include "kernel/mount.h"
#include "pack_plain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>

#define SEEN_MAX 4096

struct packer {
	struct layer *l;
	int out;
	struct buf text; /* what layer_add() gave */
	struct {
		dev_t dev;
		ino_t ino;
		char *path;
	} seen[SEEN_MAX]; /* files with more than one name */
	size_t nseen;
};

static struct packer packer;

static int write_out(struct packer *p, uint64_t at, const struct buf *text, struct firn_error *err)
{
	return fd_pwrite(p->out, text->data, text->len, at, err);
}

/* Data goes over, holes stay holes. */
static int copy(struct packer *p, const char *path, uint64_t at, struct firn_error *err)
{
	_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	static char piece[1 << 20];
	off_t from = 0;

	if (fd < 0)
		return firn_fail_errno(err, "open %s", path);
	while ((from = lseek(fd, from, SEEK_DATA)) >= 0) {
		off_t hole = lseek(fd, from, SEEK_HOLE);

		while (from < hole) {
			size_t n = hole - from < (off_t)sizeof(piece) ? (size_t)(hole - from)
								      : sizeof(piece);
			ssize_t got = fd_pread(fd, piece, n, (uint64_t)from, err);
			int rc;

			if (got <= 0)
				return got < 0 ? (int)got : firn_fail(err, FIRN_EFAIL, "shrank");
			rc = fd_pwrite(p->out, piece, (size_t)got, at + (uint64_t)from, err);
			if (rc < 0)
				return rc;
			from += got;
		}
	}
	return errno == ENXIO ? 0 : firn_fail_errno(err, "seek in %s", path);
}

static int get_xattrs(const char *path, struct xattr **ret, bool *ret_opaque,
		      struct firn_error *err)
{
	static char names[65536], value[65536];
	ssize_t n = llistxattr(path, names, sizeof(names));

	if (n < 0)
		return firn_fail_errno(err, "xattrs of %s", path);
	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		ssize_t len = lgetxattr(path, name, value, sizeof(value));
		int rc;

		if (len < 0)
			return firn_fail_errno(err, "xattr %s of %s", name, path);
		if (strcmp(name, "trusted.overlay.opaque") == 0) {
			*ret_opaque = true;
			continue;
		}
		rc = xattr_set(ret, name, value, (size_t)len, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The first name of a file that had one before. */
static const char *seen_before(struct packer *p, const struct stat *st, const char *path)
{
	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return NULL;
	for (size_t i = 0; i < p->nseen; i++)
		if (p->seen[i].dev == st->st_dev && p->seen[i].ino == st->st_ino)
			return p->seen[i].path;
	if (p->nseen < SEEN_MAX) {
		p->seen[p->nseen].dev = st->st_dev;
		p->seen[p->nseen].ino = st->st_ino;
		p->seen[p->nseen++].path = strdup(path);
	}
	return NULL;
}

static int pack_one(struct packer *p, const char *path, const struct stat *st,
		    struct firn_error *err)
{
	const char *name = strcmp(path, ".") == 0 ? "" : path + 2; /* "./a" */
	const char *first = seen_before(p, st, name);
	_cleanup_(xattrs_freep) struct xattr *xattrs = NULL;
	static char target[4097];
	struct layer_entry e = { .path = name,
				 .hardlink = first != NULL,
				 .mode = st->st_mode,
				 .uid = st->st_uid,
				 .gid = st->st_gid,
				 .major = major(st->st_rdev),
				 .minor = minor(st->st_rdev),
				 .size = (uint64_t)st->st_size,
				 .mtime = st->st_mtim.tv_sec,
				 .mtime_ns = (uint32_t)st->st_mtim.tv_nsec };
	uint64_t at = layer_bytes(p->l);
	int rc = get_xattrs(path, &xattrs, &e.opaque, err);

	e.xattrs = xattrs;
	e.whiteout = S_ISCHR(st->st_mode) && st->st_rdev == 0;
	e.target = first;
	if (S_ISLNK(st->st_mode) && !first) {
		ssize_t n = readlink(path, target, sizeof(target) - 1);

		if (n < 0)
			return firn_fail_errno(err, "readlink %s", path);
		target[n] = '\0';
		e.target = target;
	}
	if (rc == 0)
		rc = layer_add(p->l, &e, &p->text, err);
	if (rc == 0)
		rc = write_out(p, at, &p->text, err);
	if (rc == 0 && S_ISREG(st->st_mode) && !first)
		rc = copy(p, path, at + p->text.len, err);
	return rc;
}

static int pack_folder(struct packer *p, const char *path, struct firn_error *err)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort), rc = 0;

	if (n < 0)
		return firn_fail_errno(err, "folder %s", path);
	for (int i = 0; i < n; i++) {
		_free_ char *child = NULL;
		struct stat st;

		if (rc == 0 && strcmp(names[i]->d_name, ".") && strcmp(names[i]->d_name, "..")) {
			if (asprintf(&child, "%s/%s", path, names[i]->d_name) < 0 ||
			    lstat(child, &st) < 0)
				rc = firn_fail_errno(err, "stat %s", names[i]->d_name);
			if (rc == 0)
				rc = pack_one(p, child, &st, err);
			if (rc == 0 && S_ISDIR(st.st_mode))
				rc = pack_folder(p, child, err);
		}
		free(names[i]);
	}
	free(names);
	return rc;
}

static int pack(char **argv, struct firn_error *err)
{
	struct packer *p = &packer;
	_buf_ struct buf head = BUF_INIT;
	struct stat st;
	uint64_t at;
	int rc;

	p->out = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (p->out < 0 || chdir(argv[0]) < 0 || lstat(".", &st) < 0)
		return firn_fail_errno(err, "%s to %s", argv[0], argv[1]);
	rc = layer_new(&p->l, err);
	if (rc == 0)
		rc = pack_one(p, ".", &st, err);
	if (rc == 0)
		rc = pack_folder(p, ".", err);
	if (rc < 0)
		return rc;
	at = layer_bytes(p->l);
	rc = layer_finish(p->l, &p->text, &head, err);
	if (rc == 0)
		rc = write_out(p, at, &p->text, err);
	if (rc == 0)
		rc = write_out(p, 0, &head, err);
	layer_free(p->l);
	buf_done(&p->text);
	for (size_t i = 0; i < p->nseen; i++)
		free(p->seen[i].path);
	close(p->out);
	return rc;
}

static int open_source(const char *path, int *ret_fd, struct source **ret, struct firn_error *err)
{
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*ret_fd < 0)
		return firn_fail_errno(err, "open %s", path);
	return source_from_fd(*ret_fd, ret, err);
}

static int compress(char **argv, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_buf_ struct buf packed = BUF_INIT;
	_fd_ int out = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	_fd_ int fd = -1;
	int rc = open_source(argv[0], &fd, &src, err);

	if (out < 0)
		return firn_fail_errno(err, "open %s", argv[1]);
	if (rc == 0)
		rc = pack_plain(src, atoi(argv[2]), 0, src->size > (4 << 20), &packed, err);
	return rc < 0 ? rc : fd_write(out, packed.data, packed.len, err);
}

static int check(char **argv, struct firn_error *err)
{
	static const char *const kinds[] = { "foreign", "ours", "forged" };
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *tree = NULL;
	_fd_ int fd = -1;
	int rc = open_source(argv[0], &fd, &src, err);

	if (rc == 0)
		rc = packed_begins(src) ? packed_check(src, &tree, err)
					: layer_check(src, &tree, err);
	if (rc >= 0)
		printf("%s %u\n", kinds[rc], tree ? tree->count : 0);
	return rc;
}

static int make_index(char **argv, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *tree = NULL;
	_cleanup_(erofs_freep) struct erofs *e = NULL;
	_buf_ struct buf head = BUF_INIT, meta = BUF_INIT;
	_fd_ int fd = -1;
	_fd_ int out = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct erofs_device device = { 0 };
	struct erofs_opts opts = { .block_bits = 9, .devices = &device, .ndevices = 1 };
	int rc = open_source(argv[0], &fd, &src, err);

	if (out < 0)
		return firn_fail_errno(err, "open %s", argv[1]);
	if (rc == 0)
		rc = tar_scan(src, TAR_WHITEOUTS_FOREIGN, 1, 0, &tree, err);
	if (rc < 0)
		return rc;
	device.bytes = src->size;
	rc = erofs_plan(tree, &opts, &e, err);
	if (rc == 0)
		rc = erofs_emit(e, 0, &head, &meta, err);
	if (rc == 0)
		rc = fd_pwrite(out, head.data, head.len, EROFS_SUPER_AT, err);
	return rc;
}

static int do_mount(char **argv, struct firn_error *err)
{
	_fd_ int image = open(argv[0], O_RDONLY | O_CLOEXEC);
	_fd_ int target = open(argv[1], O_PATH | O_CLOEXEC);
	_fd_ int device = argv[2] ? open(argv[2], O_RDONLY | O_CLOEXEC) : -1;
	const struct erofs_image from = {
		.fd = image, .devices = &device, .ndevices = device >= 0, .want = ROAD_ANY
	};
	_fd_ int mount = -1;
	enum road how;

	if (image < 0 || target < 0 || (argv[2] && device < 0))
		return firn_fail_errno(err, "open");
	mount = erofs_mount(&from, &how, err);
	if (mount < 0)
		return mount;
	puts(road_name(how));
	return mount_attach(mount, target, err);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static long resident_kib(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f) {
		if (fscanf(f, "%*d %ld", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int bench(char **argv, struct firn_error *err)
{
	_cleanup_(layer_freep) struct layer *l = NULL;
	_cleanup_(erofs_freep) struct erofs *e = NULL;
	_cleanup_(tree_freep) struct tree *tree = NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	_buf_ struct buf text = BUF_INIT, blob = BUF_INIT, head = BUF_INIT, meta = BUF_INIT;
	const struct erofs_opts opts = { .block_bits = 12, .meta_at = 1 << 20 };
	unsigned n = (unsigned)atoi(argv[0]);
	long before = resident_kib();
	double start = now();
	char path[64];
	int rc = layer_new(&l, err);

	buf_fill(&blob, 0, LAYER_HEAD_BYTES);
	for (unsigned i = 0; rc == 0 && i < n - 1; i++) {
		struct layer_entry entry = { .path = path, .mode = S_IFREG | 0644, .mtime = i };

		if (i % 50 == 0) {
			entry.mode = S_IFDIR | 0755;
			snprintf(path, sizeof(path), "directory-%u", i / 50);
		} else {
			snprintf(path, sizeof(path), "directory-%u/some-file-%u", i / 50, i);
		}
		rc = layer_add(l, &entry, &text, err);
		buf_put(&blob, text.data, text.len);
	}
	if (rc < 0)
		return rc;
	printf("nodes %u\nadd_ms %.1f\n", n, now() - start);
	printf("resident_bytes_per_node %.1f\n",
	       (double)((resident_kib() - before) * 1024 - (long)blob.len) / n);
	start = now();
	rc = layer_finish(l, &text, &head, err);
	if (rc < 0)
		return rc;
	printf("finish_ms %.1f\n", now() - start);
	buf_put(&blob, text.data, text.len);
	memcpy(blob.data, head.data, head.len);
	rc = source_from_mem(blob.data, blob.len, &src, err);
	start = now();
	if (rc == 0)
		rc = layer_check(src, &tree, err);
	if (rc < 0)
		return rc;
	printf("check_ms %.1f (%s)\n", now() - start, rc == LAYER_OURS ? "ours" : "not ours");
	start = now();
	rc = erofs_plan(tree, &opts, &e, err);
	printf("plan_ms %.1f\n", now() - start);
	start = now();
	if (rc == 0)
		rc = erofs_emit(e, 0, &head, &meta, err);
	printf("emit_ms %.1f\n", now() - start);
	printf("metadata_bytes_per_node %.1f\n", (double)meta.len / n);
	printf("resident_kib %ld\n", resident_kib() - before);
	return rc;
}

static const struct {
	const char *name;
	int args;
	int (*run)(char **argv, struct firn_error *err);
} commands[] = {
	{ "pack", 2, pack },      { "check", 1, check }, { "index", 2, make_index },
	{ "mount", 2, do_mount }, { "bench", 1, bench }, { "compress", 3, compress },
};

int main(int argc, char **argv)
{
	struct firn_error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int rc;

		if (argc < 2 || strcmp(argv[1], commands[i].name) != 0 ||
		    argc - 2 < commands[i].args)
			continue;
		rc = commands[i].run(argv + 2, &err);
		if (rc < 0)
			fprintf(stderr, "layer_tool: %s: %s\n", argv[1], err.msg);
		return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	fprintf(stderr, "usage: layer_tool pack|compress|check|index|mount|bench ...\n");
	return 2;
}

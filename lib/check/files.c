/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CRIU opens every file again that a process had open or mapped, was in or ran, by its path, and
 * stops when it isn't there, has another size (if that was recorded: not of logs that are appended
 * to), another mode (also of directories: of the root, too) or another build id (files-reg.c:
 * open_path, validate_file). Files that had no name any more come from the dump itself, and so do
 * those in filesystems that are the container's own.
 */
#include "check/world.h"

#include "base/path.h"
#include "check/build_id.h"
#include "check/found.h"
#include "format/criu_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define REMAPS_MAX (1u << 18)
#define FILES_MAX  (1u << 18) /* that are compared: each is looked for among all mounts */

struct files {
	struct world *w;
	struct check_report *report;
	uint32_t *remapped; /* ids of files without a name, in ascending order */
	size_t nremapped;
	size_t taken, equal, carried, denied, unknown;
	uint64_t told[CHECK_LINES_MAX]; /* hashes of what was told: one file is open many times */
	size_t ntold;
	bool failed;
};

static int by_id(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int take_remap(const struct criu_remap *remap, void *ctx, struct firn_error *err)
{
	struct files *f = ctx;

	if (f->nremapped == REMAPS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u files without a name", REMAPS_MAX);
	if ((f->nremapped & (f->nremapped - 1)) == 0) {
		uint32_t *grown =
		    reallocarray(f->remapped, f->nremapped ? 2 * f->nremapped : 1, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "files");
		f->remapped = grown;
	}
	f->remapped[f->nremapped++] = remap->file;
	return 0;
}

/* FNV-1a */
static uint64_t hash(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3u;
	return h;
}

static bool was_told(struct files *f, const char *path, const char *why)
{
	const uint64_t h = hash(hash(0xcbf29ce484222325u, path), why);

	for (size_t i = 0; i < f->ntold; i++)
		if (f->told[i] == h)
			return true;
	if (f->ntold < CHECK_LINES_MAX)
		f->told[f->ntold++] = h;
	return false;
}

static void fail(struct files *f, const char *remedy, const struct criu_file *file, const char *fmt,
		 ...) _printf_(4, 5);
static void fail(struct files *f, const char *remedy, const struct criu_file *file, const char *fmt,
		 ...)
{
	char quoted[PATH_QUOTE_MAX], why[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	f->failed = true;
	if (was_told(f, file->path, why))
		return;
	check_add(f->report, CHECK_FAIL, "files", remedy, "%s: %s", path_quote(file->path, quoted),
		  why);
}

static const char *put_back(const struct files *f)
{
	return f->w->in->dump->container
		   ? "the base must be the image that the container was made from; a file that the "
		     "engine's archive has lost can be put into the folder of --upper"
		   : "put it back as it was at the dump";
}

static bool is_read_only(const struct found *found, const struct criu_file *file)
{
	return (file->flags & O_ACCMODE) != O_RDONLY && S_ISREG(file->mode) &&
	       found_is_read_only(found);
}

static bool is_another_build(const struct found *found, const struct criu_file *file)
{
	_cleanup_(source_closep) struct source *src = NULL;

	if (!file->has_size || !file->build_id_len)
		return false;
	src = found_content(found);
	return build_id_differs(src, file->build_id, file->build_id_len);
}

static int compare(struct files *f, const struct criu_file *file, const struct found *found,
		   struct firn_error *err)
{
	const uint32_t ignored = f->w->any_mode ? 0777 : 0;
	struct stat st;
	int rc = found_stat(found, &st, err);

	if (rc < 0)
		return rc;
	if (file->has_size && (uint64_t)st.st_size != file->size) {
		fail(f, put_back(f), file,
		     "is %" PRId64 " bytes long, and was %" PRIu64 " in the dump",
		     (int64_t)st.st_size, file->size);
	} else if (file->mode && ((st.st_mode ^ file->mode) & ~ignored)) {
		const bool same_type = !((st.st_mode ^ file->mode) & S_IFMT);

		fail(f,
		     same_type ? "set its permissions; or a line \"skip-file-rwx-check\" in "
				 "/etc/criu/default.conf"
			       : put_back(f),
		     file, "has the mode 0%o, and had 0%o in the dump", st.st_mode, file->mode);
	} else if (is_read_only(found, file)) {
		fail(f, "without --read-only", file,
		     "was open for writing, and is on a read-only filesystem now");
	} else if (is_another_build(found, file)) {
		fail(f, put_back(f), file, "is another build of the program or library");
	} else {
		f->equal++;
	}
	return 0;
}

static bool is_remapped(const struct files *f, uint32_t id)
{
	return f->nremapped && bsearch(&id, f->remapped, f->nremapped, sizeof(id), by_id) != NULL;
}

static int take_file(const struct criu_file *file, void *ctx, struct firn_error *err)
{
	_found_ struct found found = FOUND_NONE;
	struct files *f = ctx;
	int rc = WORLD_UNKNOWN;

	if (file->type != CRIU_FILE_REG || !file->path || *file->path != '/')
		return 0;
	if (f->taken++ >= FILES_MAX)
		return 0;
	if (is_remapped(f, file->id))
		rc = WORLD_CARRIED;
	else if (!file->external)
		rc = world_find(f->w, file->mount, file->path, &found, err);
	if (rc == WORLD_THERE)
		return compare(f, file, &found, err);
	if (rc == WORLD_GONE)
		fail(f, put_back(f), file, "isn't there");
	f->carried += rc == WORLD_CARRIED;
	f->denied += rc == WORLD_DENIED;
	f->unknown += rc == WORLD_UNKNOWN;
	return rc < 0 ? rc : 0;
}

static void files_done(struct files *f)
{
	free(f->remapped);
}

static void tell(const struct files *f, int there)
{
	if (!there)
		check_add(f->report, CHECK_WARNING, "files", NULL,
			  "not compared: the dump has no files.img");
	else if (!found_has_root(f->w->in))
		check_add(f->report, CHECK_WARNING, "files", f->w->in->no_rootfs_remedy,
			  "not compared: %s",
			  f->w->in->no_rootfs ? f->w->in->no_rootfs
					      : "the root directory isn't known");
	else if (!f->failed)
		check_add(f->report, CHECK_OK, "files", NULL,
			  "%zu files that processes use are there as they were; %zu come from the "
			  "dump itself",
			  f->equal, f->carried);
	if (f->denied)
		check_add(f->report, CHECK_WARNING, "files", "run it as root",
			  "%zu more were not compared: they are in folders that only others may "
			  "enter",
			  f->denied);
	if (f->taken > FILES_MAX)
		check_add(f->report, CHECK_WARNING, "files", NULL,
			  "%zu more were not compared: more than %u are not looked at",
			  f->taken - FILES_MAX, FILES_MAX);
	if (there && found_has_root(f->w->in) && f->unknown)
		check_add(f->report, CHECK_OK, "files", NULL,
			  "%zu more were not compared: the restore makes them, or hands them in",
			  f->unknown);
}

int check_files(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	_world_ struct world w = { 0 };
	_cleanup_(files_done) struct files f = { .w = &w, .report = r };
	int rc = world_load(in, &w, err);

	if (rc == 0)
		rc = criu_each_remap(in->images, take_remap, &f, err);
	if (rc < 0)
		return rc;
	if (f.nremapped)
		qsort(f.remapped, f.nremapped, sizeof(*f.remapped), by_id);
	rc = criu_each_file(in->images, take_file, &f, err);
	if (rc < 0)
		return rc;
	tell(&f, rc);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory/mapped.h"

#include "base/fd.h"
#include "format/criu_files.h"

#include <stdio.h>
#include <string.h>

#define MEMFD_PREFIX "/memfd:" /* as in /proc/PID/maps */

static bool maps_file(const struct criu_area *a)
{
	return a->status & (CRIU_AREA_FILE_PRIVATE | CRIU_AREA_FILE_SHARED);
}

static int by_id(const void *a, const void *b)
{
	const struct mapped_file *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int by_memfd(const void *a, const void *b)
{
	const struct mapped_file *x = *(struct mapped_file *const *)a;
	const struct mapped_file *y = *(struct mapped_file *const *)b;

	return (x->memfd > y->memfd) - (x->memfd < y->memfd);
}

static struct mapped_file *find(const struct mapped *mapped, uint32_t id)
{
	const struct mapped_file key = { .id = id };

	return mapped->n ? bsearch(&key, mapped->files, mapped->n, sizeof(key), by_id) : NULL;
}

/* Without a word when there are too many: names are for people. */
static int set_path(struct mapped *mapped, struct mapped_file *f, const char *prefix,
		    const char *path, struct firn_error *err)
{
	const size_t len = strlen(prefix) + strlen(path) + 1;

	if (f->path || len > MAPPED_NAMES_MAX - mapped->bytes)
		return 0;
	f->path = malloc(len);
	if (!f->path)
		return firn_fail_oom(err, "names of files");
	snprintf(f->path, len, "%s%s", prefix, path);
	mapped->bytes += len;
	return 0;
}

static int take_file(const struct criu_file *f, void *ctx, struct firn_error *err)
{
	struct mapped *mapped = ctx;
	struct mapped_file *file = find(mapped, f->id);

	if (!file)
		return 0;
	if (f->memfd && !file->memfd) {
		file->memfd = f->memfd;
		mapped->memfds[mapped->nmemfds++] = file;
	}
	return f->path ? set_path(mapped, file, "", f->path, err) : 0;
}

static int take_memfd(const struct criu_memfd *m, void *ctx, struct firn_error *err)
{
	struct mapped *mapped = ctx;
	size_t from = 0, to = mapped->nmemfds;
	int rc = 0;

	while (from < to) {
		const size_t mid = from + (to - from) / 2;

		if (mapped->memfds[mid]->memfd < m->id)
			from = mid + 1;
		else
			to = mid;
	}
	for (; rc == 0 && from < mapped->nmemfds && mapped->memfds[from]->memfd == m->id; from++) {
		struct mapped_file *f = mapped->memfds[from];

		if (f->has_segment)
			break; /* twice in memfd.img: the first one counts */
		f->has_segment = true;
		f->segment = m->segment;
		if (m->name)
			rc = set_path(mapped, f, *m->name == '/' ? "" : MEMFD_PREFIX, m->name, err);
	}
	return rc;
}

/* The ids that areas have, each once. */
static void collect(struct mapped *mapped, const struct criu_mm *mm)
{
	size_t n = 0;

	for (size_t k = 0; k < mm->nareas; k++)
		if (maps_file(&mm->areas[k]))
			mapped->files[n++].id = (uint32_t)mm->areas[k].backing;
	qsort(mapped->files, n, sizeof(*mapped->files), by_id);
	for (size_t k = 0; k < n; k++)
		if (k == 0 || mapped->files[k].id != mapped->files[mapped->n - 1].id)
			mapped->files[mapped->n++].id = mapped->files[k].id;
}

int mapped_load(struct mapped *mapped, struct criu_images *images, const struct criu_mm *mm,
		struct firn_error *err)
{
	int rc = 0;

	*mapped = (struct mapped){
		.files = calloc(mm->nareas + 1, sizeof(*mapped->files)),
		.memfds = calloc(mm->nareas + 1, sizeof(*mapped->memfds)),
	};
	if (!mapped->files || !mapped->memfds) {
		mapped_done(mapped);
		return firn_fail_oom(err, "names of files");
	}
	collect(mapped, mm);
	if (mapped->n)
		rc = criu_each_file(images, take_file, mapped, err);
	if (rc >= 0 && mapped->nmemfds) {
		qsort(mapped->memfds, mapped->nmemfds, sizeof(*mapped->memfds), by_memfd);
		rc = criu_each_memfd(images, take_memfd, mapped, err);
	}
	if (rc < 0)
		mapped_done(mapped);
	return rc < 0 ? rc : 0;
}

void mapped_done(struct mapped *mapped)
{
	for (size_t k = 0; k < mapped->n; k++)
		free(mapped->files[k].path);
	free(mapped->files);
	free(mapped->memfds);
	*mapped = (struct mapped){ 0 };
}

const char *mapped_path(const struct mapped *mapped, const struct criu_area *a)
{
	const struct mapped_file *f = maps_file(a) ? find(mapped, (uint32_t)a->backing) : NULL;

	return f ? f->path : NULL;
}

bool mapped_segment(const struct mapped *mapped, const struct criu_area *a, uint64_t *ret)
{
	const struct mapped_file *f = maps_file(a) ? find(mapped, (uint32_t)a->backing) : NULL;

	if (!f || !f->has_segment)
		return false;
	*ret = f->segment;
	return true;
}

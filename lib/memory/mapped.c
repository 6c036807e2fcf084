/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory/mapped.h"

#include "base/fd.h"
#include "format/criu_files.h"

#include <string.h>

static bool maps_file(const struct criu_area *a)
{
	return a->status & (CRIU_AREA_FILE_PRIVATE | CRIU_AREA_FILE_SHARED);
}

static int compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* The first one of that id, or NULL. */
static struct name *find(const struct mapped *mapped, uint32_t id)
{
	size_t from = 0, to = mapped->n;

	while (from < to) {
		const size_t mid = from + (to - from) / 2;

		if (mapped->list[mid].id < id)
			from = mid + 1;
		else
			to = mid;
	}
	return from < mapped->n && mapped->list[from].id == id ? &mapped->list[from] : NULL;
}

static int take_file(const struct criu_file *f, void *ctx, struct firn_error *err)
{
	struct mapped *mapped = ctx;
	struct name *name = f->path ? find(mapped, f->id) : NULL;
	const size_t len = name ? strlen(f->path) + 1 : 0;

	if (!name || name->path || len > NAMES_BYTES_MAX - mapped->bytes)
		return 0;
	name->path = strdup(f->path);
	if (!name->path)
		return firn_fail_oom(err, "names of files");
	mapped->bytes += len;
	return 0;
}

int mapped_load(struct mapped *mapped, struct criu_images *images, const struct criu_mm *mm,
		struct firn_error *err)
{
	int rc;

	*mapped = (struct mapped){ .list = calloc(mm->nareas + 1, sizeof(*mapped->list)) };
	if (!mapped->list)
		return firn_fail_oom(err, "names of files");
	for (size_t k = 0; k < mm->nareas; k++)
		if (maps_file(&mm->areas[k]))
			mapped->list[mapped->n++].id = (uint32_t)mm->areas[k].backing;
	qsort(mapped->list, mapped->n, sizeof(*mapped->list), compare);
	rc = mapped->n ? criu_each_file(images, take_file, mapped, err) : 0;
	return rc < 0 ? rc : 0;
}

void mapped_done(struct mapped *mapped)
{
	for (size_t k = 0; k < mapped->n; k++)
		free(mapped->list[k].path);
	free(mapped->list);
	*mapped = (struct mapped){ 0 };
}

const char *mapped_path(const struct mapped *mapped, const struct criu_area *a)
{
	const struct name *name = maps_file(a) ? find(mapped, (uint32_t)a->backing) : NULL;

	return name ? name->path : NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "members/tally.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/tar.h"
#include "format/whiteout.h"

#include <string.h>

void tally_done(struct tally *t)
{
	for (size_t i = 0; i < t->nlargest; i++)
		free(t->largest[i].path);
	*t = (struct tally){ 0 };
}

/* Into its place among the largest, if it is one of them. */
static int note_size(struct tally *t, const struct tar_entry *e, struct firn_error *err)
{
	struct tally_file file = { .size = e->size };
	size_t i = t->nlargest;

	if (e->size == 0 || (i == TALLY_LARGEST && e->size <= t->largest[TALLY_LARGEST - 1].size))
		return 0;
	file.path = strdup(e->path);
	if (!file.path)
		return firn_fail_oom(err, "delta");
	if (i == TALLY_LARGEST)
		free(t->largest[--i].path);
	else
		t->nlargest++;
	for (; i > 0 && t->largest[i - 1].size < file.size; i--)
		t->largest[i] = t->largest[i - 1];
	t->largest[i] = file;
	return 0;
}

static int count_entry(struct tally *t, const struct tar_entry *e, bool whiteouts,
		       struct firn_error *err)
{
	const char *name = path_basename(e->path);

	if (!*e->path)
		return 0;
	if (whiteouts && strcmp(name, WHITEOUT_OPAQUE) == 0) {
		t->opaque++;
	} else if (whiteouts && strncmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0) {
		t->deleted++;
	} else if (e->hardlink || S_ISLNK(e->mode)) {
		t->links++;
	} else if (S_ISDIR(e->mode)) {
		t->folders++;
	} else if (S_ISREG(e->mode)) {
		t->files++;
		if (__builtin_add_overflow(t->bytes, e->size, &t->bytes))
			t->bytes = UINT64_MAX;
		return note_size(t, e, err);
	} else {
		t->others++;
	}
	return 0;
}

static int count(struct tar *tar, bool whiteouts, struct tally *ret, struct firn_error *err)
{
	_cleanup_(tally_done) struct tally t = { .counted = true };
	const struct tar_entry *e;
	int rc = 0;

	while (rc >= 0 && (rc = tar_next(tar, &e, err)) > 0)
		rc = count_entry(&t, e, whiteouts, err);
	if (rc < 0)
		return rc;
	tally_done(ret);
	*ret = t;
	t = (struct tally){ 0 };
	return 0;
}

int tally_source(struct source *src, bool whiteouts, struct tally *ret, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	int rc = tar_open_source(src, NULL, &tar, err);

	return rc < 0 ? rc : count(tar, whiteouts, ret, err);
}

int tally_stream(struct istream *in, bool whiteouts, struct tally *ret, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	int rc = tar_open_stream(in, NULL, &tar, err);

	return rc < 0 ? rc : count(tar, whiteouts, ret, err);
}

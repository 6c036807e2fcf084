/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The framing of every image, and what the inventory says. */
#include "verify/set.h"

#include "format/criu_world.h"

#include <stdio.h>
#include <string.h>

/* Bytes that tell the formats of images that aren't CRIU's own. */
#define GZIP_MAGIC "\x1f\x8b"

static const char *const defect_codes[] = {
	[CRIU_DEFECT_MAGIC] = "image-magic",
	[CRIU_DEFECT_FRAMING] = "image-framing",
	[CRIU_DEFECT_RECORD] = "image-record",
	[CRIU_DEFECT_COUNT] = "too-many",
};

/* The sentence without the name that it begins with: the place of the finding has it. */
static void strip(struct firn_error *e, const char *name)
{
	const size_t len = strlen(name);

	if (strncmp(e->msg, name, len) == 0 && strncmp(e->msg + len, ": ", 2) == 0)
		memmove(e->msg, e->msg + len + 2, strlen(e->msg + len + 2) + 1);
}

static bool ends(const char *name, const char *with)
{
	const size_t len = strlen(name), n = strlen(with);

	return len >= n && strcmp(name + len - n, with) == 0;
}

/* A tar of a tmpfs, which CRIU had tar pack. 1 when something is wrong with it. */
static int check_packed(struct set *s, const struct member *m, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	struct firn_error e = { 0 };
	char magic[2] = { 0 };
	ssize_t got = 0;
	int rc = members_source(s->m, m->path, &src, &e);

	if (rc > 0)
		got = source_pread(src, magic, sizeof(magic), 0, &e);
	if (rc < 0 || got < 0)
		return findings_take(s->f, m->path, "image-framing", rc < 0 ? rc : (int)got, &e,
				     err);
	if (got == sizeof(magic) && memcmp(magic, GZIP_MAGIC, sizeof(magic)) == 0)
		return 0;
	findings_add(s->f, FINDING_FAULT, m->path, "image-magic",
		     "is no gzip stream, which the content of a tmpfs is");
	return 1;
}

/* Likewise. */
static int judge_image(struct set *s, struct set_dump *d, const struct member *m, const char *name,
		       struct firn_error *err)
{
	enum criu_defect defect = CRIU_DEFECT_FRAMING;
	struct firn_error e = { 0 };
	int rc;

	if (m->kind != MEMBER_FILE) {
		findings_add(s->f, FINDING_FAULT, m->path, "image-framing",
			     "is no file, as CRIU's images are");
		return 1;
	}
	if (set_passed(s, m->path))
		return 0;
	if (ends(name, ".tar.gz.img"))
		return check_packed(s, m, err);
	rc = criu_image_check(&d->images.base, name, &s->records, &defect, &e);
	if (rc >= 0)
		return 0;
	strip(&e, m->path);
	strip(&e, name);
	return findings_take(s->f, m->path, defect_codes[defect], rc, &e, err);
}

static int check_image(struct set *s, struct set_dump *d, const struct member *m, const char *name,
		       struct firn_error *err)
{
	int rc = judge_image(s, d, m, name, err);

	return rc > 0 ? set_numbers_add(&s->broken, (uintptr_t)m->path, err) : rc;
}

static int check_dump(struct set *s, struct set_dump *d, struct firn_error *err)
{
	const size_t len = strlen(d->folder), n = members_count(s->m);
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < n; i++) {
		const struct member m = members_at(s->m, i);
		const char *name;

		if (strncmp(m.path, d->folder, len) != 0 || m.path[len] != '/')
			continue;
		name = m.path + len + 1;
		if (strchr(name, '/'))
			continue;
		if (criu_kind_of(name, NULL))
			rc = check_image(s, d, &m, name, err);
		else if (ends(name, ".img"))
			findings_add(s->f, FINDING_NOTE, m.path, "image-unknown",
				     "no image that CRIU %s is known to write has this name",
				     "4.2");
	}
	return rc < 0 ? rc : 0;
}

/* Engines put it beside their documents, and so does members_open() with a bare folder's. */
static int check_stats(struct set *s, struct firn_error *err)
{
	struct set_dump root = { .folder = "" };
	struct member m;

	if (!members_find(s->m, CRIU_STATS, &m))
		return 0;
	member_images_init(&root.images, s->m, root.folder);
	return check_image(s, &root, &m, m.path, err);
}

int set_images(struct set *s, struct firn_error *err)
{
	int rc = check_stats(s, err);

	for (size_t i = 0; rc == 0 && i < s->ndumps; i++)
		rc = check_dump(s, &s->dumps[i], err);
	set_numbers_sort(&s->broken, NULL);
	return rc;
}

/* inventory.proto */
static int take_inventory(struct cursor c, void *ctx, struct firn_error *err)
{
	struct set *s = ctx;
	uint64_t v = 0;

	(void)err;
	if (criu_number(c, CRIU_PATH(1), &v) && (v < 1 || v > 2))
		set_add(s, FINDING_WARNING, CRIU_INVENTORY, "version-unknown",
			"images of version %llu, CRIU writes 1 and 2", (unsigned long long)v);
	v = 0;
	criu_number(c, CRIU_PATH(2), &v);
	s->fds_by_id = v;
	criu_number(c, CRIU_PATH(5), &s->host_cgroups);
	v = 0;
	criu_number(c, CRIU_PATH(10), &v);
	s->tcp_close = v;
	for (uint8_t i = SET_NS_PID; i < SET_NS_END; i++)
		s->has_host |= criu_number(c, CRIU_PATH(3, i), &s->host_ns[i]) > 0;
	return 0;
}

int set_inventory(struct set *s, struct firn_error *err)
{
	struct firn_error e = { 0 };
	int rc = set_each(s, CRIU_INVENTORY, take_inventory, s, &e);

	return set_read(rc, &e, err);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verify/set.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void set_numbers_done(struct set_numbers *s)
{
	free(s->list);
	*s = (struct set_numbers){ 0 };
}

int set_numbers_add(struct set_numbers *s, uint64_t number, struct firn_error *err)
{
	if (s->n == SET_NUMBERS_MAX) {
		s->more = true;
		return 0;
	}
	if (s->n == s->room) {
		const size_t room = s->room ? 2 * s->room : 16;
		uint64_t *grown = reallocarray(s->list, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "numbers");
		s->list = grown;
		s->room = room;
	}
	s->list[s->n++] = number;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int set_numbers_sort(struct set_numbers *s, uint64_t *ret_twice)
{
	size_t n = 0;
	int twice = 0;

	if (s->n)
		qsort(s->list, s->n, sizeof(*s->list), by_number);
	for (size_t i = 0; i < s->n; i++) {
		if (!n || s->list[n - 1] != s->list[i]) {
			s->list[n++] = s->list[i];
			continue;
		}
		if (!twice && ret_twice)
			*ret_twice = s->list[i];
		twice = 1;
	}
	s->n = n;
	return twice;
}

size_t set_numbers_find(const struct set_numbers *s, uint64_t number)
{
	size_t from = 0, to = s->n;

	while (from < to) {
		const size_t mid = from + (to - from) / 2;

		if (s->list[mid] < number)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* Of a list that had no room for all, nobody can say. */
bool set_numbers_has(const struct set_numbers *s, uint64_t number)
{
	const size_t at = set_numbers_find(s, number);

	return s->more || (at < s->n && s->list[at] == number);
}

void set_add(struct set *s, enum finding_level level, const char *name, const char *code,
	     const char *fmt, ...)
{
	char where[SET_PLACE_MAX], text[512];
	va_list args;

	snprintf(where, sizeof(where), "%s/%s", s->dumps[0].folder, name);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	findings_add(s->f, level, where, code, "%s", text);
}

void set_missing(struct set *s, const char *name, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	set_add(s, FINDING_FAULT, name, "image-missing", "is missing: %s", text);
}

bool set_has(const struct set *s, const char *name)
{
	char path[SET_PLACE_MAX];
	struct member m;

	snprintf(path, sizeof(path), "%s/%s", s->dumps[0].folder, name);
	return members_find(s->m, path, &m) && m.kind == MEMBER_FILE;
}

bool set_passed(struct set *s, const char *path)
{
	_cleanup_(source_closep) struct source *src = NULL;

	return members_packed(s->m) && members_source(s->m, path, &src, NULL) == -FIRN_EUNSUPP;
}

bool set_is_broken(const struct set *s, const char *name)
{
	char path[SET_PLACE_MAX];
	struct member m;

	snprintf(path, sizeof(path), "%s/%s", s->dumps[0].folder, name);
	return members_find(s->m, path, &m) && set_numbers_has(&s->broken, (uintptr_t)m.path);
}

int set_each(struct set *s, const char *name, criu_record_fn *take, void *ctx,
	     struct firn_error *err)
{
	if (set_is_broken(s, name))
		return -FIRN_ECORRUPT;
	return criu_each_record(&s->dumps[0].images.base, name, take, ctx, err);
}

int set_read(int rc, const struct firn_error *e, struct firn_error *err)
{
	if (rc != -FIRN_ENOMEM)
		return 0;
	if (err)
		*err = *e;
	return rc;
}

static bool known(const struct set *s, const char *folder)
{
	for (size_t i = 0; i < s->ndumps; i++)
		if (strcmp(s->dumps[i].folder, folder) == 0)
			return true;
	return false;
}

static void add_dump(struct set *s, const char *folder)
{
	struct set_dump *d = &s->dumps[s->ndumps++];

	snprintf(d->folder, sizeof(d->folder), "%s", folder);
	member_images_init(&d->images, s->m, d->folder);
}

/* The newest dump and those that it builds on, as far as they are here. */
static void find_dumps(struct set *s)
{
	char folder[MEMBER_FOLDER_MAX] = CHECKPOINT_IMAGES_DIR, inventory[SET_PLACE_MAX];
	struct member m;

	add_dump(s, folder);
	while (member_images_parent(s->m, folder, folder)) {
		if (known(s, folder)) {
			set_add(s, FINDING_FAULT, CHECKPOINT_PARENT, "parent-loop",
				"the dumps lead to each other in a circle: %s is its own ancestor",
				folder);
			return;
		}
		if (s->ndumps == ARRAY_SIZE(s->dumps)) {
			set_add(s, FINDING_FAULT, CHECKPOINT_PARENT, "parent-loop",
				"a chain of more than %zu dumps", s->ndumps);
			return;
		}
		snprintf(inventory, sizeof(inventory), "%s/%s", folder, CHECKPOINT_INVENTORY);
		if (!members_find(s->m, inventory, &m))
			return;
		add_dump(s, folder);
	}
}

static void set_done(struct set *s)
{
	for (size_t i = 0; i < SET_NS_END; i++)
		set_numbers_done(&s->ns[i]);
	set_numbers_done(&s->broken);
	set_numbers_done(&s->tables);
	set_numbers_done(&s->cgroups);
	set_numbers_done(&s->files);
	set_numbers_done(&s->shared);
	free(s->used);
	free(s->tasks);
}

int verify_set(struct members *m, struct findings *f, unsigned flags, struct firn_error *err)
{
	_cleanup_(set_done) struct set s = {
		.m = m,
		.f = f,
		.flags = flags,
		.page_bytes = CRIU_PAGE_MIN,
		.records = CRIU_IMAGE_RECORDS_MAX,
		.areas = SET_AREAS_MAX,
	};
	int (*const parts[])(struct set *, struct firn_error *) = {
		set_images,      set_inventory, set_tasks,     set_files, set_memory,
		set_descriptors, set_world,     set_documents, set_tars,
	};

	find_dumps(&s);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		int rc = parts[i](&s, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

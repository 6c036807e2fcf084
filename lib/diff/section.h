/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is told of differences: sections of entries, an entry for each thing that changed, is new or
 * is gone. Entries are counted always and told as long as there is room: what comes from hostile
 * input could differ without end. For lib/diff alone.
 */
#ifndef FIRN_DIFF_SECTION_H
#define FIRN_DIFF_SECTION_H

#include "bytes/value.h"

#define TELLER_ROOM      (7u << 20)                             /* bytes of what is told, roughly */
#define TELLER_ENTRY_MAX (2u << 20)                             /* the last one may go over it */
#define TELLER_DOC_MAX   (2 * (TELLER_ROOM + TELLER_ENTRY_MAX)) /* a doc wastes up to a half */

/* The result while it is made. */
struct teller {
	struct doc *doc;
	struct firn_value *top;
	size_t told;
	bool differs;
	bool uncertain; /* something of one of them isn't known */
};

enum change { CHANGE_CHANGED, CHANGE_NEW, CHANGE_GONE, CHANGE_COUNT };

struct section {
	struct teller *teller;
	const char *name;
	struct firn_value *entries;
	uint64_t equal, counts[CHANGE_COUNT], left_off;
};

/* @name lives as long as the result. */
struct section section_begin(struct teller *t, const char *name);
/* Counts; an object to be filled, or NULL when there is no room for it. */
struct firn_value *section_entry(struct section *s, enum change how);
/* Into the result; the section's object. */
struct firn_value *section_end(struct section *s);

/* What an entry takes; false when there is no room left. */
bool teller_room(struct teller *t, size_t bytes);
/* A copy of @v, which is of another doc; nothing for NULL. */
void teller_copy(struct teller *t, struct firn_value *to, const char *name,
		 const struct firn_value *v);

/* A value that is compared. */
struct field {
	const char *object, *name; /* NAME, or OBJECT.NAME */
	const char *shown;         /* NULL: as NAME */
	unsigned flags;            /* enum field_flags */
};

enum field_flags {
	FIELD_IF_KNOWN = 1 << 0, /* where one side doesn't have it, it isn't known there */
};

const struct firn_value *field_of(const struct field *f, const struct firn_value *of);
bool values_equal(const struct firn_value *a, const struct firn_value *b);
/* How many of @fields differ. */
size_t fields_differ(const struct field *fields, size_t n, const struct firn_value *a,
		     const struct firn_value *b);
/* Each that differs as {field, a, b} into the list @name of @to. */
void fields_tell(struct teller *t, struct firn_value *to, const char *name,
		 const struct field *fields, size_t n, const struct firn_value *a,
		 const struct firn_value *b);
/* All that are there, as members of @to. */
void fields_copy(struct teller *t, struct firn_value *to, const struct field *fields, size_t n,
		 const struct firn_value *of);

#endif

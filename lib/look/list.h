/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* firn_list() in pieces: rows are collected, then sorted. For lib/look alone. */
#ifndef FIRN_LOOK_LIST_H
#define FIRN_LOOK_LIST_H

#include "bytes/value.h"
#include "format/oci.h"
#include "format/ref.h"
#include "store/store.h"

#include "firn/list.h"

#define LIST_MAX        (1u << 14)  /* rows */
#define LIST_RESULT_MAX (16u << 20) /* bytes of all that is told */
#define LIST_NAME_MAX   1024        /* bytes of a row's name, and of a path */

struct list_row {
	int64_t time; /* seconds; -1: unknown */
	const char *name;
	struct firn_value *value;
};

struct list {
	struct doc *doc;
	struct list_row *rows;
	size_t n, room;
};

/* A new row; *ret is for what is known of it, which is told besides its name and kind. */
int list_add(struct list *l, const char *name, const char *kind, struct list_row **ret,
	     struct firn_error *err) _must_check_;
/* That the row of @value can't be read, and why. */
void list_problem(struct list *l, struct list_row *row, const struct firn_error *why);
/* @text (RFC 3339) or, when that is no time, @otherwise (-1: unknown) as the row's time. */
void list_time(struct list *l, struct list_row *row, const char *text, int64_t otherwise);

struct registry_opts;
/*
 * The REF_DOCKER @ref: all tags of the repository, or, with a tag or digest, what refers to that
 * image.
 */
int list_registry(struct list *l, const struct ref *ref, const struct registry_opts *opts,
		  struct firn_error *err) _must_check_;
/* Whatever @index lists of @store; what refers to something is of interest as a checkpoint only. */
int list_index_of(struct list *l, struct store *store, const struct oci_index *index,
		  const char *prefix, bool checkpoints, struct firn_error *err) _must_check_;
/* The layout that @ref names, each entry as a row called @prefix and its tag. */
int list_layout(struct list *l, const struct ref *ref, const char *prefix,
		struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Building trees of values (firn/value.h). All of a tree lies in one doc, which grows up to a limit
 * that its maker sets: what is in it comes from hostile input. Like struct buf it remembers the
 * first failure and ignores everything after it, so that a long run of calls needs one check at its
 * end: doc_check(). Adding to NULL does nothing.
 */
#ifndef FIRN_BYTES_VALUE_H
#define FIRN_BYTES_VALUE_H

#include "base/error.h"

#include "firn/value.h"

#include <stdbool.h>

struct doc;

/* At most @max bytes of memory. */
int doc_new(size_t max, struct doc **ret, struct firn_error *err) _must_check_;
struct doc *doc_free(struct doc *d);
void doc_freep(struct doc **d);
/* 0, -FIRN_ENOMEM, or -FIRN_ELIMIT when it didn't all fit. */
int doc_check(const struct doc *d, struct firn_error *err) _must_check_;
/* False once something failed: what is added from here on is lost. */
bool doc_good(const struct doc *d);

/* A value of its own, which belongs to nothing yet; the root of a tree is one. */
struct firn_value *doc_list(struct doc *d);
struct firn_value *doc_object(struct doc *d);

/*
 * Append to the list or object @to. @name is NULL in a list; in an object it is borrowed for the
 * doc's life (doc_copy() makes a name of other text) and the caller sees to it that it is new
 * there.
 */
struct firn_value *doc_add_list(struct doc *d, struct firn_value *to, const char *name);
struct firn_value *doc_add_object(struct doc *d, struct firn_value *to, const char *name);
/* A copy; a NULL text adds nothing. */
void doc_add_text(struct doc *d, struct firn_value *to, const char *name, const char *text);
void doc_add_bytes(struct doc *d, struct firn_value *to, const char *name, const void *bytes,
		   size_t n);
/* @text is borrowed for the doc's life. */
void doc_add_static(struct doc *d, struct firn_value *to, const char *name, const char *text);
void doc_add_format(struct doc *d, struct firn_value *to, const char *name, const char *fmt, ...)
    _printf_(4, 5);
/* What is above INT64_MAX becomes that. */
void doc_add_number(struct doc *d, struct firn_value *to, const char *name, uint64_t number);
void doc_add_signed(struct doc *d, struct firn_value *to, const char *name, int64_t number);
void doc_add_bool(struct doc *d, struct firn_value *to, const char *name, bool yes);
/* A value made before, which belongs to nothing yet. */
void doc_add(struct doc *d, struct firn_value *to, const char *name, struct firn_value *value);

/* A copy that lives as long as the doc; NULL when out of room. */
const char *doc_copy(struct doc *d, const void *bytes, size_t n);
bool value_empty(const struct firn_value *v); /* a list or object without anything in it */

#endif

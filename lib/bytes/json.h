/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON read strictly and written reproducibly; with json.c the one home of jansson. Each getter
 * checks presence, type and range, writes the key into the error and leaves its output untouched on
 * failure. The caller limits the bytes; the limits below keep hostile ones from growing in memory.
 * Integers from 2^63 to 2^64 - 1 are kept when a document is printed again; to the getters they are
 * strings.
 */
#ifndef FIRN_BYTES_JSON_H
#define FIRN_BYTES_JSON_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Go's decoder stops at 10000, jansson's at 2048; jansson needs some 250 bytes for an object. */
#define JSON_DEPTH_MAX      512
#define JSON_CONTAINERS_MAX (1 << 17) /* arrays and objects */
#define JSON_VALUES_MAX     (1 << 18) /* all values; a member of an object takes 130 bytes */

/* A json_t * that drops its reference when its scope ends. */
#define _json_ __attribute__((cleanup(json_decrefp)))

/*
 * Parse a whole document (RFC 8259: any value at its top); duplicate keys, trailing bytes and NULs
 * are -FIRN_ECORRUPT, more than the limits -FIRN_ELIMIT. Caller owns @ret.
 */
int json_parse(const char *text, size_t len, json_t **ret, struct firn_error *err) _must_check_;

/* Compact, keys sorted, UTF-8, no newline: same value, same bytes. Appends to @out. */
int json_print(const json_t *j, struct buf *out, struct firn_error *err) _must_check_;
/* Indented by @spaces, keys in their order, a newline at the end. Appends to @out. */
int json_print_pretty(const json_t *j, int spaces, struct buf *out,
		      struct firn_error *err) _must_check_;

/* How a document is printed. */
struct json_style {
	size_t flags; /* json.c's */
	bool newline; /* at its end */
};

/*
 * How @text, which is @j, is printed: compact, with blanks or indented, keys sorted or in their
 * order. Printed again in that style it is the same bytes. If nobody prints so, the style is
 * compact with the keys in their order.
 */
int json_style_of(const char *text, size_t len, const json_t *j, struct json_style *ret,
		  struct firn_error *err) _must_check_;
/* Appends to @out. */
int json_print_in(const struct json_style *style, const json_t *j, struct buf *out,
		  struct firn_error *err) _must_check_;

/* Required members. Strings and children are borrowed from @obj. */
int json_get_str(const json_t *obj, const char *key, const char **ret,
		 struct firn_error *err) _must_check_;
int json_get_u64(const json_t *obj, const char *key, uint64_t max, uint64_t *ret,
		 struct firn_error *err) _must_check_;
int json_get_array(const json_t *obj, const char *key, json_t **ret,
		   struct firn_error *err) _must_check_;
int json_get_object(const json_t *obj, const char *key, json_t **ret,
		    struct firn_error *err) _must_check_;

/* Optional members: 1 and the value, 0 when absent or null (output untouched), or an error. */
int json_opt_str(const json_t *obj, const char *key, const char **ret,
		 struct firn_error *err) _must_check_;
int json_opt_bool(const json_t *obj, const char *key, bool *ret,
		  struct firn_error *err) _must_check_;
int json_opt_array(const json_t *obj, const char *key, json_t **ret,
		   struct firn_error *err) _must_check_;
int json_opt_object(const json_t *obj, const char *key, json_t **ret,
		    struct firn_error *err) _must_check_;

/* obj[key] = text, a member of that name is replaced; text that isn't UTF-8 is -FIRN_EINVAL. */
int json_put_str(json_t *obj, const char *key, const char *text,
		 struct firn_error *err) _must_check_;
/* Takes @value, also on failure; NULL @value is out of memory. */
int json_put(json_t *obj, const char *key, json_t *value, struct firn_error *err) _must_check_;

/*
 * Surgical edits, for documents that must otherwise keep every byte: find where the value of the
 * top-level member @key stands in @text, the first byte to behind the last. 1 found, 0 absent. The
 * text must be a valid document (json_parse it first) whose top level is an object.
 */
int json_locate(const char *text, size_t len, const char *key, size_t *ret_at, size_t *ret_len,
		struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts of format/spec.h, for lib/format/spec*.c alone. */
#ifndef FIRN_FORMAT_SPEC_PRIV_H
#define FIRN_FORMAT_SPEC_PRIV_H

#include "bytes/json.h"
#include "format/spec.h"

/* A sentence for the user about something that was dropped or replaced. */
void spec_warn(const struct spec_opts *opts, const char *fmt, ...) _printf_(2, 3);

/* Rewrite the array "mounts" of the document. */
int spec_mounts(json_t *doc, const struct spec_opts *opts, struct spec *s,
		struct firn_error *err) _must_check_;

/* List @name as something to provide, unless it is listed already. Borrows all but @text (taken).
 */
int spec_provide(struct spec *s, const struct spec_provided *what,
		 struct firn_error *err) _must_check_;

/* An object of SPEC_BYTES_MAX at most. */
int spec_parse(const char *text, size_t len, json_t **ret, struct firn_error *err) _must_check_;

#endif

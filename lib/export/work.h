/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one export tells while it works: warnings, and how far it is. For lib/export alone. */
#ifndef FIRN_EXPORT_WORK_H
#define FIRN_EXPORT_WORK_H

#include "base/error.h"

#include "firn/report.h"

#include <stdint.h>

/* Where layers are unpacked that others have compressed, unless the caller says it. */
#define EXPORT_TMP "/var/tmp"

struct work {
	const struct firn_report *report; /* borrowed; may be NULL */
	const char *tmp;                  /* folder for unpacked layers; borrowed */
	uint64_t done, total, told;       /* bytes; total 0: nobody knows yet */
};

void work_warn(const struct work *w, const char *fmt, ...) _printf_(2, 3);
/* @n more bytes of @what are done. */
void work_progress(struct work *w, const char *what, uint64_t n);
void work_end(struct work *w, const char *what);

#endif

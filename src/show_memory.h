/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What firn memory finds: processes, areas, matches. */
#ifndef FIRN_SRC_SHOW_MEMORY_H
#define FIRN_SRC_SHOW_MEMORY_H

#include "out.h"

#include <firn/value.h>
#include <stdio.h>

/* For --format, the same for all of them; what a row hasn't is empty. */
extern const struct out_field memory_fields[];

enum memory_rows { MEMORY_PROCESSES, MEMORY_AREAS, MEMORY_MATCHES };

/* @processes: the list of firn_memory_value(). */
void show_memory(FILE *f, const struct firn_value *processes, enum memory_rows rows);
/* By a template, a line for each row. */
void show_memory_by(FILE *f, const char *format, const struct firn_value *processes,
		    enum memory_rows rows);

#endif

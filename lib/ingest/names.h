/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For whom a build is made: the engine that shall restore from C finds R by what config.dump says
 * of the container's image. Each engine wants its own kind of name there; one that can't be given
 * to it is never made up.
 */
#ifndef FIRN_INGEST_NAMES_H
#define FIRN_INGEST_NAMES_H

#include "ingest/ingest.h"

#define NAMES_PLACE_MAX 512 /* bytes of "oci:DIR:TAG" as a name */

/* What the caller asked for: -FIRN_EINVAL for words that can't be meant. Both may be NULL. */
int names_check(const char *engine, const char *rootfs_name, struct firn_error *err) _must_check_;

/* The engine is known: whether it is the one that the caller wants, and can restore at all. */
int names_check_engine(const struct ingest *g, struct firn_error *err) _must_check_;

/* After R was made: sets g->named, unless config.dump stays as it was, and warns then. */
int names_find(struct ingest *g, struct firn_error *err) _must_check_;
void names_done(struct engine_names *n);

/*
 * config.dump with the names of R in it; what turns it back goes to @annotations. Only when
 * g->named.
 */
int names_edit(struct ingest *g, json_t *annotations, struct buf *ret,
	       struct firn_error *err) _must_check_;

#endif

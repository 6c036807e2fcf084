/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the engines write their archives: the order of the members, and the modes that a layer of
 * firn's doesn't keep (it gives everything to root alone).
 */
#ifndef FIRN_EXPORT_DIALECT_H
#define FIRN_EXPORT_DIALECT_H

#include "export/delta_out.h"

#include <stdbool.h>

struct dialect {
	const char *engine;  /* as org.criu.checkpoint.engine.name has it */
	const char *manager; /* spec.dump's annotation io.container.manager; NULL: it has none */
	enum delta_dialect delta;
	bool plain_only; /* the engine unpacks no compressed archive */
	/* Names at the archive's root, the first first; others follow, sorted. NULL: all sorted. */
	const char *const *order;
	uint32_t folder_mode; /* of a folder that isn't in the list below */
	struct {
		const char *path;
		/* 0: such a folder has no entry of its own. Of "NAME/": the files' in it. */
		uint32_t mode;
	} modes[16];
};

/* A file below one of the dumps' folders, as CRIU makes it; any other is 0600. */
#define DIALECT_IMAGE_MODE 0644u

extern const struct dialect dialect_bare; /* CRIU's images without a container */

/*
 * Whose archive it was, from spec.dump's text (NULL: there is none) and whether there is a
 * config.dump. -FIRN_EUNSUPP for an engine that has no such archives.
 */
int dialect_find(const char *spec, size_t len, bool has_config, const struct dialect **ret,
		 struct firn_error *err) _must_check_;

/* The static spelling of an engine's name from an annotation (NULL: none); of others, of CRIU's. */
const char *dialect_engine(const char *name);

/* The mode for @path; 0 for a folder that shall have no entry. */
uint32_t dialect_mode(const struct dialect *d, const char *path, bool folder);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The three ways of export.h, and what they share. For lib/export alone. */
#ifndef FIRN_EXPORT_WAYS_H
#define FIRN_EXPORT_WAYS_H

#include "export/dialect.h"
#include "export/export.h"
#include "export/files.h"

struct archive {
	struct store *store;
	const struct checkpoint_image *ci;
	const struct export_how *how;
	struct work *work;
	struct files files;
	struct buf config; /* config.dump, the engine's own */
	bool has_config;
	const struct dialect *dialect;
};

/* Which codec the user asked for, or @otherwise. */
int ways_codec(const struct archive *a, enum codec otherwise, enum codec *ret,
	       struct firn_error *err) _must_check_;

/* 1: the kept input went to @out, 0: none was kept. */
int ways_source(struct archive *a, struct sink *out, struct export_told *told,
		struct firn_error *err) _must_check_;
/* Opens a->files, a->config and a->dialect for the two below. */
int ways_open(struct archive *a, struct firn_error *err) _must_check_;
/* 1: as the recipe says, 0: there is none. */
int ways_recipe(struct archive *a, struct sink *out, struct export_told *told,
		struct firn_error *err) _must_check_;
int ways_layers(struct archive *a, struct sink *out, struct export_told *told,
		struct firn_error *err) _must_check_;

#endif

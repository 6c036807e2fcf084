/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A checkpoint image becomes the archive again that its engine writes and restores from. Three
 * ways, the truest first: the input as it was kept (org.firn.role=source), its recipe in the compat
 * layer (the same bytes, unpacked), or an archive made anew of the layers in the engine's own
 * dialect.
 */
#ifndef FIRN_EXPORT_EXPORT_H
#define FIRN_EXPORT_EXPORT_H

#include "bytes/codec.h"
#include "image/image.h"

#include "firn/export.h"

/* What came of it. Strings are static. */
struct export_told {
	const char *engine; /* whose archive it is */
	const char *way;    /* "source", "recipe", "layers" */
	enum codec codec;   /* how it is packed */
	uint64_t bytes;     /* written to the sink */
};

struct export_how {
	const char *compress; /* "none", "gzip", "zstd"; NULL: as the source was, none if unknown */
	/* What the reference named: only an index has a kept source. NULL: not looked for. */
	const struct oci_descriptor *target;
	const char *tmp;                  /* folder for unpacked layers; NULL: EXPORT_TMP */
	const struct firn_report *report; /* may be NULL */
	struct export_told *told;         /* may be NULL */
};

/*
 * Write the archive of @ci to @out, which the caller finishes. Every blob that was used is proven
 * when this returns 0; after a failure, what was written is worth nothing.
 */
int export_archive(struct layout *l, const struct checkpoint_image *ci,
		   const struct export_how *how, struct sink *out,
		   struct firn_error *err) _must_check_;

/* The same of an image in any store. */
int export_store(struct store *s, const struct checkpoint_image *ci, const struct export_how *how,
		 struct sink *out, struct firn_error *err) _must_check_;

#endif

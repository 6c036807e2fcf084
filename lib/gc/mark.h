/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be reached from an index.json: every digest that any document says which can be reached,
 * whatever it says it for. That is more than the image-spec's layers, configs and subjects: a
 * document of a type that nobody here knows keeps what it names as well, and one that is no JSON
 * though its type says so, or too much of it, all that its text has the digests of.
 */
#ifndef FIRN_GC_MARK_H
#define FIRN_GC_MARK_H

#include "format/oci.h"
#include "store/store.h"

#include <stdbool.h>

#define MARK_BLOBS_MAX     (1u << 20)
#define MARK_DOCUMENTS_MAX (1u << 17)

struct marks;

/* @weigh: the blobs' sizes are added up. */
int marks_new(bool weigh, struct marks **ret, struct firn_error *err) _must_check_;
struct marks *marks_free(struct marks *m);
void marks_freep(struct marks **m);

/*
 * All that the entry @j of an index leads to in @s. -FIRN_ECORRUPT for a document that isn't what
 * its digest says: what it leads to isn't known then. One that isn't there leads nowhere.
 */
int marks_add(struct marks *m, struct store *s, const json_t *j,
	      struct firn_error *err) _must_check_;
/* Whether @d can be reached. One that can't may be said to be with a chance of 2^-108. */
bool marks_have(const struct marks *m, const struct digest *d);
/* Bytes of what was marked, each blob once. */
uint64_t marks_bytes(const struct marks *m);
/* Documents that are named and not there. */
size_t marks_absent(const struct marks *m);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dumps before the newest one (format/checkpoint.h): each becomes a layer of its own, so that
 * those that two checkpoints share are stored once. They come with the checkpoint, or, as Podman
 * exports them, in an input of their own that is read first.
 */
#ifndef FIRN_INGEST_CHAIN_H
#define FIRN_INGEST_CHAIN_H

#include "format/checkpoint.h"
#include "ingest/input.h"
#include "ingest/plain.h"

struct ingest;

struct chain {
	struct input *previous; /* owned; NULL: they come with the checkpoint, if there are any */
	unsigned newest;        /* of the dumps that came out of it */
	struct chain_dump {
		struct plain *layer;       /* owned; NULL: no such dump, or the newest */
		unsigned parent;           /* 0: it stands alone */
		bool pages;                /* there are pagemaps, so it is one */
	} dumps[CHECKPOINT_DUMPS_MAX + 1]; /* by number */
};

void chain_done(struct chain *c);

/* Take all dumps out of g->chain.previous. */
int chain_read_previous(struct ingest *g, struct firn_error *err) _must_check_;
/* A member of a dump before the newest; @in may be NULL when it is empty. */
int chain_take(struct ingest *g, const struct tar_entry *e, struct istream *in,
	       struct firn_error *err) _must_check_;
/* The link from the newest dump to the one before. */
int chain_take_parent(struct ingest *g, const struct tar_entry *e,
		      struct firn_error *err) _must_check_;
/* After the last member: every dump that is needed is there. */
int chain_conclude(struct ingest *g, struct firn_error *err) _must_check_;

/* Payload bytes of all. */
uint64_t chain_bytes(const struct chain *c);

#endif

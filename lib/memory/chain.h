/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One pagemap through a chain of dumps: where the pages of an address are, looked for in the newest
 * dump and, as far as that says so, in the one before it. Pagemaps are read forward, a range at a
 * time; who goes back makes them be read again from their beginning. For lib/memory alone.
 */
#ifndef FIRN_MEMORY_CHAIN_H
#define FIRN_MEMORY_CHAIN_H

#include "format/criu_memory.h"
#include "members/images.h"

#define CHAIN_MAX 65 /* dumps of a chain, the newest one too */
/*
 * Ranges that are read, of a whole checkpoint: a terabyte whose pages are all apart has half as
 * many. Areas can be made such that pagemaps have to be read from their beginning for each.
 */
#define CHAIN_RANGES_MAX (1ull << 29)

enum piece_where {
	PIECE_PRESENT,
	PIECE_ZERO,
	PIECE_LAZY,
	PIECE_HOLE,   /* the pagemap doesn't list it */
	PIECE_LOST,   /* it should be in a dump before, and isn't */
	PIECE_UNREAD, /* in the pages file, in a way that is not known here */
};

struct piece {
	uint64_t from, to;
	enum piece_where where;
	uint32_t dump;   /* 0: the newest */
	uint64_t offset; /* PRESENT: in that dump's pages file */
};

struct chain;

/* @name: of the pagemap, such as "pagemap-1.img". */
int chain_open(struct members *m, const char *name, uint64_t page_bytes, struct chain **ret,
	       struct firn_error *err) _must_check_;
struct chain *chain_close(struct chain *c);
void chain_closep(struct chain **c);

/* The piece that begins at @from and ends at @to or before. */
int chain_find(struct chain *c, uint64_t from, uint64_t to, struct piece *ret,
	       struct firn_error *err) _must_check_;
/* There is no such pagemap in the newest dump; known behind chain_find(). */
bool chain_missing(const struct chain *c);

/* The pages file of @dump, which had a piece; lives as long as the chain. */
const char *chain_path(const struct chain *c, uint32_t dump);
/* @n bytes of it, which must be there. */
int chain_read(struct chain *c, uint32_t dump, uint64_t offset, void *to, size_t n,
	       struct firn_error *err) _must_check_;

#endif

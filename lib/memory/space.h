/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The address space of a process in a checkpoint: its areas in ascending order, each as runs of
 * pages that lie in one place, found through all dumps of a chain. Shared memory has its pages in
 * every process that maps it.
 *
 * Going up costs each range of each pagemap once, and no memory; going back reads pagemaps again.
 * Pages of a compressed archive can be read, too, but each reading unpacks it as far as the page:
 * space_unpack() first, when there is more than one to read.
 */
#ifndef FIRN_MEMORY_SPACE_H
#define FIRN_MEMORY_SPACE_H

#include "format/criu_memory.h"
#include "members/members.h"

enum space_where {
	SPACE_PRESENT, /* in the checkpoint, at path and offset */
	SPACE_ZERO,    /* it was dumped and is all zero: nobody stored it */
	SPACE_EMPTY,   /* memory that was never touched; it reads as zero, too */
	SPACE_FILE,   /* of a mapped file, and as it is in that file: not in the checkpoint's memory
		       */
	SPACE_LAZY,   /* with whom the dump was left to */
	SPACE_ABSENT, /* the kernel's own, or lost with a dump that isn't there */
	SPACE_UNREAD, /* in the checkpoint, in a way that only its CRIU can read (compressed) */
};

struct space_run {
	uint64_t address;
	uint64_t pages;
	enum space_where where;
	size_t area; /* of space_mm(), all of it in this one */
	/* PRESENT: in the member @path; @dump 0 is the newest of the chain */
	const char *path; /* lives until the walk comes to another area */
	uint64_t offset;
	uint32_t dump;
	bool shared; /* the pages are those of shared memory, or of a memfd */
};

struct space;

/*
 * 1, or 0 when the process has no memory (a zombie). -FIRN_ENOTFOUND when there is no such process.
 * @m is borrowed as long as the space lives.
 */
int space_open(struct members *m, uint32_t pid, struct space **ret,
	       struct firn_error *err) _must_check_;
struct space *space_close(struct space *s);
void space_closep(struct space **s);

struct members *space_members(const struct space *s);
const struct criu_mm *space_mm(const struct space *s);
uint64_t space_page_bytes(const struct space *s);

/*
 * The run with @address, which begins there then, or the first one behind it: 1, or 0 when there is
 * none. Ranges of a pagemap are not put together: neighbours may be of one kind.
 */
int space_find(struct space *s, uint64_t address, struct space_run *ret,
	       struct firn_error *err) _must_check_;

/* What it returns other than 0 ends the walk and is returned. */
typedef int space_fn(const struct space_run *run, void *ctx, struct firn_error *err);
/* All runs, ascending and beside each other. */
int space_each(struct space *s, space_fn *take, void *ctx, struct firn_error *err) _must_check_;

/* @n bytes of @run, which is one that is there (space_there()), from its byte @skip on. */
int space_read_run(struct space *s, const struct space_run *run, uint64_t skip, void *to, size_t n,
		   struct firn_error *err) _must_check_;

/*
 * What of the process' pages lies in compressed archives is unpacked (members_unpack()), in one
 * pass.
 */
int space_unpack(struct space *s, struct firn_error *err) _must_check_;

/* The bytes of the run are known: PRESENT, ZERO or EMPTY. */
bool space_there(const struct space_run *run);

/*
 * Up to @n bytes from @address on. *ret_there is how many are there one behind the other: less
 * than @n where an area ends that no other follows, or where bytes aren't in the checkpoint.
 */
int space_read(struct space *s, uint64_t address, void *to, size_t n, size_t *ret_there,
	       struct firn_error *err) _must_check_;

#endif

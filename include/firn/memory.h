/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file The memory of processes in a checkpoint: areas, bytes by address, what is in them. */
#ifndef FIRN_MEMORY_H
#define FIRN_MEMORY_H

#include <firn/registry.h>
#include <firn/report.h>
#include <firn/value.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For firn_memory_opts.flags. */
enum firn_memory_flags {
	FIRN_MEMORY_AREAS = 1 << 0,       /**< firn_memory(): every area */
	FIRN_MEMORY_REGEX = 1 << 1,       /**< search is a regular expression */
	FIRN_MEMORY_IGNORE_CASE = 1 << 2, /**< of ASCII's letters, in a search */
};

/** What of the memory; zero is the default of every member but size. */
struct firn_memory_opts {
	size_t size;           /**< sizeof(struct firn_memory_opts) */
	unsigned flags;        /**< enum firn_memory_flags */
	const char *container; /**< which of several in an image */
	uint32_t pid;          /**< as the container numbers it; 0: every process */
	uint64_t from;         /**< the first address */
	uint64_t to;           /**< behind the last address; 0: to the end */
	/** only areas of this kind ("heap", "stack", ...) or of a file of this path or name */
	const char *area;
	const void *search;               /**< firn_memory(): what to search for; NULL: nothing */
	size_t search_bytes;              /**< of it, 1024 at most */
	uint64_t context;                 /**< bytes told before and behind a match, 1024 at most */
	uint64_t max_matches;             /**< end after so many in a process; 0: 10,000 */
	const struct firn_report *report; /**< may be NULL; warns when memory isn't there */
	/** how to reach the registry of a "docker://..."; NULL: with all defaults, as nobody */
	const struct firn_registry_opts *registry;
};

/** What was found. */
struct firn_memory;

/**
 * List the processes of a checkpoint with their memory, their areas, and what a search finds.
 *
 * A search takes the bytes of an area and those of the one right behind it for one text. Time grows
 * with the memory alone, whatever the expression. Matches of more than 4096 bytes may be cut or
 * missed. Expressions are firn-memory(1)'s.
 *
 * @param checkpoint  as firn_inspect() takes it
 * @param opts        borrowed; NULL means all defaults
 * @param ret         to be freed with firn_memory_free()
 * @return 0; -FIRN_EINVAL for what is no checkpoint or no expression; -FIRN_ENOTFOUND for a process
 *         that isn't there; -FIRN_EUNSUPP when CRIU compressed the pages; -FIRN_ECORRUPT,
 *         -FIRN_ELIMIT, -FIRN_EFAIL
 */
FIRN_EXPORT int firn_memory(const char *checkpoint, const struct firn_memory_opts *opts,
			    struct firn_memory **ret, struct firn_error *err);

/** @return NULL, always */
FIRN_EXPORT struct firn_memory *firn_memory_free(struct firn_memory *m);

/** @return a list with an object for each process, as firn-memory(1) describes it; borrowed */
FIRN_EXPORT const struct firn_value *firn_memory_value(const struct firn_memory *m);

/** A piece of memory, and the area it lies in. */
struct firn_memory_piece {
	uint64_t address;
	const uint8_t *bytes;   /**< NULL: they are all zero */
	uint64_t n;             /**< how many */
	uint64_t start, end;    /**< of the area */
	const char *protection; /**< "rw-p" */
	const char *kind;       /**< "heap" */
	const char *path;       /**< of a mapped file, else NULL */
};

/**
 * Read the bytes of the process opts->pid, from opts->from to opts->to, in ascending order. What
 * isn't in the checkpoint (unchanged pages of mapped files, above all) is left out.
 *
 * @param take  gets each piece; what it returns other than 0 ends the reading
 * @return 0, what @p take returned, or as firn_memory()
 */
FIRN_EXPORT int firn_memory_read(const char *checkpoint, const struct firn_memory_opts *opts,
				 int (*take)(const struct firn_memory_piece *piece, void *ctx),
				 void *ctx, struct firn_error *err);

/**
 * Write the same bytes to a file: each at its address less opts->from (less the start of the first
 * area that is written, when that is 0), with holes for what isn't there.
 *
 * @param file  replaced when it is there, and only when all is written; mode 0600. "-" for standard
 *              output, which gets the bytes one behind the other; a fifo or device likewise.
 * @param ret_bytes  how many bytes of memory were written, zeros too; may be NULL
 * @return as firn_memory(); after a failure @p file is what it was
 */
FIRN_EXPORT int firn_memory_save(const char *checkpoint, const char *file,
				 const struct firn_memory_opts *opts, uint64_t *ret_bytes,
				 struct firn_error *err);

#ifdef __cplusplus
}
#endif

#endif

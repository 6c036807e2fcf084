/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of a process: mm-PID.img has its areas, pagemap-PID.img the ranges of pages that were
 * dumped and where they are. A process may have hundreds of thousands of areas and millions of
 * ranges, so the one record of an mm image is taken to pieces before protobuf-c sees it (it would
 * need many times its size), and ranges are read without it.
 */
#ifndef FIRN_FORMAT_CRIU_MEMORY_H
#define FIRN_FORMAT_CRIU_MEMORY_H

#include "format/criu.h"

#define CRIU_MM_MAX    (16u << 20) /* bytes of an mm image's record */
#define CRIU_AREAS_MAX (1u << 18)  /* of one process; vm.max_map_count is 65530 by default */

/* criu/include/image.h: VMA_... */
enum criu_area_status {
	CRIU_AREA_REGULAR = 1 << 0,
	CRIU_AREA_STACK = 1 << 1,
	CRIU_AREA_VSYSCALL = 1 << 2,
	CRIU_AREA_VDSO = 1 << 3,
	CRIU_AREA_HEAP = 1 << 5,
	CRIU_AREA_FILE_PRIVATE = 1 << 6,
	CRIU_AREA_FILE_SHARED = 1 << 7,
	CRIU_AREA_ANON_SHARED = 1 << 8,
	CRIU_AREA_ANON_PRIVATE = 1 << 9,
	CRIU_AREA_SYSVIPC = 1 << 10,
	CRIU_AREA_SOCKET = 1 << 11,
	CRIU_AREA_VVAR = 1 << 12,
	CRIU_AREA_AIORING = 1 << 13,
	CRIU_AREA_MEMFD = 1 << 14,
	CRIU_AREA_GUARD = 1 << 16, /* never in criu_mm: a note on a part of another area */
};

struct criu_area {
	uint64_t start, end; /* [start, end) */
	uint64_t offset;     /* in the file that is mapped */
	uint64_t backing;    /* id of that file, or of shared memory */
	uint32_t protection; /* PROT_... */
	uint32_t flags;      /* MAP_... */
	uint32_t status;     /* enum criu_area_status */
};

struct criu_mm {
	uint64_t arg_start, arg_end; /* the command line, as the process has it now */
	uint64_t env_start, env_end; /* its environment, likewise */
	uint64_t brk_start, brk_end;
	uint32_t exe_file;       /* id of the program */
	struct criu_area *areas; /* in ascending order */
	size_t nareas;
};

/* What the area is to its process, "heap". */
const char *criu_area_kind(const struct criu_area *a);

#define CRIU_PAGE_MIN 4096u
#define CRIU_PAGE_MAX 65536u

/*
 * Bytes of a page on the dumping host, where all areas began and ended at pages; no image says it.
 * @small: its architecture has pages of CRIU_PAGE_MIN alone (x86, s390).
 */
uint64_t criu_page_bytes(const struct criu_mm *mm, bool small);

/* 1, or 0 when there is no such image (a zombie has none). */
int criu_mm_read(struct criu_images *images, uint32_t pid, struct criu_mm *ret,
		 struct firn_error *err) _must_check_;
void criu_mm_done(struct criu_mm *mm);

/* Where the pages of a range are. */
enum criu_pages {
	CRIU_PAGES_PRESENT, /* in the pages file */
	CRIU_PAGES_PARENT,  /* in the dump before this one */
	CRIU_PAGES_LAZY,    /* with whom the dump was left to; not here */
	CRIU_PAGES_ZERO,    /* nowhere: they were all zero */
};

struct criu_range {
	uint64_t address;
	uint64_t pages;
	enum criu_pages where;
	bool may_be_lazy; /* PRESENT, and CRIU may load it when it is touched */
	uint32_t file;    /* N of pages-N.img */
	uint64_t offset;  /* bytes in that file */
	bool located; /* PRESENT, and the offset is right: false behind what is not known here */
};

typedef int criu_range_fn(const struct criu_range *r, void *ctx, struct firn_error *err);

/* A pagemap that is read range by range. */
struct criu_ranges;

/* 1 and the pagemap @name, 0 when there is no such image. @images is borrowed for this call. */
int criu_ranges_open(struct criu_images *images, const char *name, uint64_t page_bytes,
		     struct criu_ranges **ret, struct firn_error *err) _must_check_;
/* 1 and the next range, 0 behind the last. */
int criu_ranges_next(struct criu_ranges *r, struct criu_range *ret,
		     struct firn_error *err) _must_check_;
void criu_ranges_close(struct criu_ranges *r); /* NULL is fine */
void criu_ranges_closep(struct criu_ranges **r);

/* The ranges of the pagemap @name in turn: 1, or 0 when there is no such image. */
int criu_each_range(struct criu_images *images, const char *name, uint64_t page_bytes,
		    criu_range_fn *take, void *ctx, struct firn_error *err) _must_check_;

#endif

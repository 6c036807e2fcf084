/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Room for the memory of the processes, and for what they write. */
#include "check/host.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/criu_memory.h"
#include "format/criu_task.h"
#include "members/images.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define MEMINFO     "/proc/meminfo"
#define MEMINFO_MAX 8192
#define MIB         (1u << 20)
#define DISK_LITTLE                                                                                \
	(64u * MIB) /* less than that for all that a container writes is worth a word              \
		     */
#define INODES_LITTLE 1000u

/* What the newest dump leaves to the one before it. */
struct earlier {
	const struct check_input *in;
	uint64_t page_bytes; /* of the process that was looked at last */
	uint64_t bytes;
};

static int add_range(const struct criu_range *r, void *ctx, struct firn_error *err)
{
	struct earlier *e = ctx;

	(void)err;
	/* One range is less than 2^64 bytes: criu_ranges_next() sees to that. */
	if (r->where == CRIU_PAGES_PARENT &&
	    __builtin_add_overflow(e->bytes, r->pages * e->page_bytes, &e->bytes))
		e->bytes = UINT64_MAX;
	return 0;
}

static int add_pagemap(struct earlier *e, const char *name, struct firn_error *err)
{
	return criu_each_range(e->in->images, name, e->page_bytes, add_range, e, err);
}

static int add_process(const struct criu_process *p, void *ctx, struct firn_error *err)
{
	_cleanup_(criu_core_done) struct criu_core core = { 0 };
	_cleanup_(criu_mm_done) struct criu_mm mm = { 0 };
	struct earlier *e = ctx;
	char name[32];
	int rc = criu_core_read(e->in->images, p->pid, &core, err);

	if (rc <= 0 || (rc = criu_mm_read(e->in->images, p->pid, &mm, err)) <= 0)
		return rc;
	e->page_bytes = criu_page_bytes(&mm, core.machine == CRIU_MACHINE_X86_64 ||
						 core.machine == CRIU_MACHINE_S390);
	snprintf(name, sizeof(name), "pagemap-%" PRIu32 ".img", p->pid);
	return add_pagemap(e, name, err);
}

/* How much of a chain of dumps has to be read: the dumps before have pages that changed since. */
static int earlier_bytes(const struct check_input *in, uint64_t *ret, struct firn_error *err)
{
	static const char shared[] = CHECKPOINT_IMAGES_DIR "/pagemap-shmem-";
	struct earlier e = { .in = in, .page_bytes = CRIU_PAGE_MIN };
	char folder[MEMBER_FOLDER_MAX];
	int rc;

	if (!member_images_parent(in->m, CHECKPOINT_IMAGES_DIR, folder)) {
		*ret = 0;
		return 0;
	}
	rc = criu_each_process(in->images, add_process, &e, err);
	for (size_t i = 0; rc >= 0 && i < members_count(in->m); i++) {
		const struct member f = members_at(in->m, i);

		if (strncmp(f.path, shared, strlen(shared)) == 0)
			rc = add_pagemap(&e, path_basename(f.path), err);
	}
	if (rc < 0)
		return rc;
	*ret = e.bytes;
	return 0;
}

/* The pages of all processes. */
static int needed_bytes(const struct check_input *in, uint64_t *ret, struct firn_error *err)
{
	static const char pages[] = CHECKPOINT_IMAGES_DIR "/pages-";
	uint64_t sum;
	int rc = earlier_bytes(in, &sum, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < members_count(in->m); i++) {
		const struct member f = members_at(in->m, i);

		if (f.kind == MEMBER_FILE && strncmp(f.path, pages, strlen(pages)) == 0 &&
		    __builtin_add_overflow(sum, f.size, &sum))
			sum = UINT64_MAX;
	}
	*ret = sum;
	return 0;
}

/* A line such as "MemAvailable:   1234 kB"; 0 when there is none. */
static uint64_t meminfo(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) * 1024 : 0;
}

int check_memory(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	static const char name[] = "memory";
	uint64_t pages, free_bytes, swap;
	char text[MEMINFO_MAX];
	int rc = needed_bytes(in, &pages, err);

	if (rc < 0)
		return rc;
	if (!host_read(in, MEMINFO, text, sizeof(text)) ||
	    (free_bytes = meminfo(text, "\nMemAvailable:")) == 0) {
		check_add(r, CHECK_WARNING, name, NULL, "%s doesn't say how much is free", MEMINFO);
		return 0;
	}
	swap = meminfo(text, "\nSwapFree:");
	if (pages > free_bytes + swap)
		check_add(r, CHECK_FAIL, name, "free some, or restore it where there is more",
			  "the processes need %" PRIu64 " MiB, and %" PRIu64
			  " MiB are free, swap included",
			  pages / MIB, (free_bytes + swap) / MIB);
	else if (pages > free_bytes)
		check_add(r, CHECK_WARNING, name, NULL,
			  "the processes need %" PRIu64 " MiB, and %" PRIu64
			  " MiB are free: the rest goes to swap",
			  pages / MIB, free_bytes / MIB);
	else
		check_add(r, CHECK_OK, name, NULL,
			  "the processes need %" PRIu64 " MiB of %" PRIu64 " MiB that are free",
			  (pages + MIB - 1) / MIB, free_bytes / MIB);
	return 0;
}

int check_disk(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	static const char name[] = "disk";
	struct statvfs fs;
	uint64_t bytes;

	if (in->upper < 0)
		return 0;
	if (fstatvfs(in->upper, &fs) < 0)
		return firn_fail_errno(err, "statvfs");
	if (__builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, &bytes))
		bytes = UINT64_MAX;
	if (fs.f_flag & ST_RDONLY)
		check_add(r, CHECK_FAIL, name, "--state with a folder that can be written to",
			  "what the processes write can't be kept: the filesystem is read-only");
	else if (bytes == 0)
		check_add(r, CHECK_FAIL, name, "make room there",
			  "the filesystem that takes what is "
			  "written is full");
	else if (bytes < DISK_LITTLE || (fs.f_files && fs.f_favail < INODES_LITTLE))
		check_add(r, CHECK_WARNING, name, "make room there",
			  "%" PRIu64 " MiB and %" PRIu64
			  " inodes are free for what the processes write",
			  bytes / MIB, (uint64_t)fs.f_favail);
	else
		check_add(r, CHECK_OK, name, NULL,
			  "%" PRIu64 " MiB are free for what the processes write", bytes / MIB);
	return 0;
}

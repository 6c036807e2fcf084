/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Room for the memory of the processes, and for what they write. */
#include "check/host.h"

#include "base/path.h"
#include "format/checkpoint.h"

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

/* The pages of all processes: files pages-N.img, of earlier dumps of a chain too. */
static uint64_t dumped_bytes(struct members *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < members_count(m); i++) {
		const struct member f = members_at(m, i);
		const char *name = path_basename(f.path);

		if (f.kind == MEMBER_FILE && strncmp(name, "pages-", 6) == 0 &&
		    strncmp(f.path, CHECKPOINT_IMAGES_DIR "/", sizeof(CHECKPOINT_IMAGES_DIR)) ==
			0 &&
		    __builtin_add_overflow(sum, f.size, &sum))
			return UINT64_MAX;
	}
	return sum;
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
	const uint64_t pages = dumped_bytes(in->m);
	char text[MEMINFO_MAX];
	uint64_t free_bytes, swap;

	(void)err;
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

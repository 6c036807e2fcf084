/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pages files of one checkpoint. Those that can be read at any offset are; of those that lie in
 * a compressed archive each 4096 bytes are hashed to 64 bits while they pass once, into a file
 * without a name in /var/tmp: a 512th of the memory, and nothing of what was in it. The hash is
 * the beginning of a sha256 with a salt in front, which nobody knows beforehand: two pages that
 * have the same 64 bits are found in minutes, but not such that will have them.
 */
#ifndef FIRN_DIFF_PAGES_H
#define FIRN_DIFF_PAGES_H

#include "base/sip.h"
#include "members/members.h"

#define PAGES_UNIT 4096u /* bytes of a hash; pages have as many or a multiple */

/* What both checkpoints share: the progress of what is read, in bytes of pages, and the salt. */
struct pages_meter {
	struct sip_key salt;
	const struct firn_report *report; /* may be NULL */
	const char *what;
	uint64_t done, told, total;
};

struct pages;

int pages_open(struct members *m, struct pages_meter *meter, struct pages **ret,
	       struct firn_error *err) _must_check_;
struct pages *pages_close(struct pages *p);
void pages_closep(struct pages **p);

/* Whether any file has to pass: by members_pass(), with these two, and @p as their ctx. */
bool pages_packed(const struct pages *p);
bool pages_wanted(const char *path, void *ctx);
int pages_take(const char *path, uint64_t size, struct istream *in, void *ctx,
	       struct firn_error *err) _must_check_;
uint64_t pages_bytes(const struct pages *p); /* of all pages files that have to pass */

/* Whether there are but hashes of @path. */
bool pages_hashed(struct pages *p, const char *path);
/* @n bytes at @offset of @path, which isn't hashed. */
int pages_read(struct pages *p, const char *path, uint64_t offset, void *to, size_t n,
	       struct firn_error *err) _must_check_;
/* The hashes of @n units from @offset on, of any @path. */
int pages_hashes(struct pages *p, const char *path, uint64_t offset, uint64_t *to, size_t n,
		 struct firn_error *err) _must_check_;
/* All hashes of all files, some at a time; the meter counts what has to be read for that. */
typedef int pages_fn(const uint64_t *hashes, size_t n, void *ctx, struct firn_error *err);
int pages_each(struct pages *p, pages_fn *take, void *ctx, struct firn_error *err) _must_check_;
int pages_hash(const struct pages_meter *m, const void *unit, uint64_t *ret,
	       struct firn_error *err) _must_check_;

void pages_meter_add(struct pages_meter *m, uint64_t bytes);
void pages_meter_end(struct pages_meter *m);

#endif

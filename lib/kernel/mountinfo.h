/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is mounted, as the kernel tells it (proc(5), /proc/PID/mountinfo). The only record firn
 * trusts when it takes mounts down: it is right after a crash as well.
 */
#ifndef FIRN_KERNEL_MOUNTINFO_H
#define FIRN_KERNEL_MOUNTINFO_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define MOUNTINFO_BYTES_MAX (64u << 20) /* fs.mount-max is 100,000 by default */

struct mountinfo_entry {
	unsigned long long id, parent;
	char *target; /* absolute, as this process sees it, escapes undone */
	char *fstype;
	char *source; /* what the one who mounted it called it */
};

struct mountinfo {
	struct mountinfo_entry *entries; /* in the kernel's order */
	size_t count;
};

/* Parse the text of a mountinfo file. */
int mountinfo_parse(const char *text, struct mountinfo *ret, struct firn_error *err) _must_check_;
int mountinfo_read(struct mountinfo *ret, struct firn_error *err) _must_check_;
void mountinfo_done(struct mountinfo *m);

/* @path is @top or lies below it; both absolute, without a slash at the end. */
bool mountinfo_covers(const char *top, const char *path);

/*
 * Whether @path shows a mount of the type @fstype and the source @source that lies on no other
 * mount there: later ones may cover it.
 */
bool mountinfo_shows(const struct mountinfo *m, const char *path, const char *fstype,
		     const char *source);

/* Keep only what is mounted at or below one of the @n folders @tops, the longest paths first. */
void mountinfo_select(struct mountinfo *m, const char *const *tops, size_t n);

#endif

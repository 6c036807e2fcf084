/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What mount and restore have in common: the options that say how to mount. */
#ifndef FIRN_SRC_MOUNTING_H
#define FIRN_SRC_MOUNTING_H

#include "command.h"

#include <firn/mount.h>

struct mounting_opts {
	const char *container, *upper, *cache;
	struct opt_list bases, volumes;
	bool read_only, strict, verify_reads;
	int method; /* enum firn_mount_method */
};

/* Rows of an option table for the member @m of struct @s. */
#define MOUNTING_OPTIONS(s, m)                                                                     \
	OPT_LIST('b', "base", s, m.bases, "[NAME=]IMAGE",                                          \
		 "The image the container was made from, when the checkpoint image has none "      \
		 "inside; with NAME= that of one of several, and may be repeated"),                \
	    OPT_STR('c', "container", s, m.container, "NAME",                                      \
		    "Only this one, when the image holds several containers"),                     \
	    OPT_FLAG('r', "read-only", s, m.read_only, "No writable layer on the rootfs"),         \
	    OPT_STR('u', "upper", s, m.upper, "DIR",                                               \
		    "Where the rootfs' writable layer lies and stays; without it a tmpfs"),        \
	    OPT_STR(0, "cache", s, m.cache, "DIR",                                                 \
		    "Decompressed layers and indexes (/var/cache/firn; ~/.cache/firn)"),           \
	    OPT_LIST('v', "volume", s, m.volumes, "OLD=NEW",                                       \
		     "The container's volume OLD lies in NEW on this host; may be repeated"),      \
	    OPT_FLAG(0, "strict", s, m.strict,                                                     \
		     "Refuse a layer whose own index differs from its tar headers"),               \
	    OPT_ENUM(0, "mount-method", s, m.method, "auto|file|loop|fuse|copy", "HOW",            \
		     "auto, file, loop, fuse or copy: by which road the layers are mounted"),      \
	    OPT_FLAG(0, "verify-reads", s, m.verify_reads,                                         \
		     "By FUSE: prove every layer first, and all that is read from it later")

/*
 * The library's struct out of ours; @report must live as long. -FIRN_EINVAL for a bad --volume or
 * --base. To be freed with mounting_free(), also after a failure.
 */
int mounting_fill(struct app *app, const struct mounting_opts *o, const struct firn_report *report,
		  struct firn_mount_opts *ret, struct firn_error *err);
void mounting_free(struct firn_mount_opts *o);

#endif

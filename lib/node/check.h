/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What firn_check() asks, for a restore that is under way. */
#ifndef FIRN_NODE_CHECK_H
#define FIRN_NODE_CHECK_H

#include "check/check.h"
#include "firn/restore.h"

/* What the checks look at, read from a checkpoint's members or from a mounted bundle. */
struct checking {
	struct members *m;
	struct member_images *images;
	struct criu_info dump;
	struct config_dump config;
	json_t *spec_dump;
	char *config_text, *spec_text; /* config.dump and spec.dump; NULL when there is none */
	size_t config_len, spec_len;
	struct spec spec;    /* config.json as it will be; json NULL: not known */
	int rootfs;          /* -1: not known */
	struct served *tree; /* or this, its folder BUNDLE_ROOTFS; NULL: not known */
	/* Why there is none (struct check_input). */
	const char *no_rootfs, *no_rootfs_remedy;
	struct check_input input;
};

/* What a check of something that isn't mounted takes for its path: nothing is ever there. */
#define CHECKING_NOWHERE "/run/firn/check"

#define CHECKING_NONE                                                                              \
	{                                                                                          \
		.rootfs = -1                                                                       \
	}

/* The documents and images of @m, which is taken, also on failure. */
int checking_load(struct checking *c, struct members *m, struct firn_error *err) _must_check_;
/* config.json and the rootfs of the mounted bundle. */
int checking_load_bundle(struct checking *c, const char *bundle,
			 struct firn_error *err) _must_check_;
struct content_source;
/*
 * config.json and the rootfs of what is mounted nowhere, as @opts would have them. Layers are read
 * as they are looked at, so @source must outlive @c. Errors are those of mounting it.
 */
int checking_load_tree(struct checking *c, struct content_source *source,
		       const struct firn_mount_opts *opts, struct firn_error *err) _must_check_;
/* Fill c->input: @opts as firn_restore() would get them, @runtime: the name of what it found. */
void checking_fill(struct checking *c, const struct firn_restore_opts *opts, const char *runtime);
void checking_done(struct checking *c);

/*
 * Ask the quick questions about the mounted bundle: -FIRN_EHOST when one of the answers is that it
 * can't be restored. @asking: as in struct check_input.
 */
int check_bundle(const char *bundle, const struct firn_restore_opts *opts, const char *runtime,
		 struct criu_asking *asking, struct firn_error *err) _must_check_;

#endif

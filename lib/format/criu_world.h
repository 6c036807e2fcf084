/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a dump says of the surroundings of its processes: inventory.img, mountpoints-NS.img,
 * cgroup.img, utsns-NS.img, and the statistics of the dump itself.
 */
#ifndef FIRN_FORMAT_CRIU_WORLD_H
#define FIRN_FORMAT_CRIU_WORLD_H

#include "format/criu_task.h"

#define CRIU_STATS "stats-dump"

/* Strings live until criu_inventory_done(). */
struct criu_inventory {
	uint32_t version; /* of the images' format */
	enum criu_lsm lsm;
	uint64_t uptime; /* of the dumping host, microseconds; 0: not recorded */
	bool tcp_close;  /* connections were closed at the dump */
	uint32_t pre_dump_mode;
	const char *run_id;   /* of the dump, NULL: none */
	struct criu_ids host; /* the namespaces that CRIU itself ran in */
	void *message;
};

/* -FIRN_ECORRUPT when there is none. */
int criu_inventory_read(struct criu_images *images, struct criu_inventory *ret,
			struct firn_error *err) _must_check_;
void criu_inventory_done(struct criu_inventory *i);

/* Strings live until the call returns, and are never NULL. */
struct criu_mount {
	uint32_t id, parent;
	uint32_t major, minor;
	uint32_t flags, super_flags; /* MS_... */
	const char *type, *root, *mountpoint, *source, *options;
	const char *external; /* its key when the engine brings it, else NULL */
};

typedef int criu_mount_fn(const struct criu_mount *m, void *ctx, struct firn_error *err);

/* The mounts of the namespace @ns: 1, or 0 when there is no such image. */
int criu_each_mount(struct criu_images *images, uint32_t ns, criu_mount_fn *take, void *ctx,
		    struct firn_error *err) _must_check_;

/* A process' group in the hierarchy of @controller ("": the unified one). */
typedef int criu_cgroup_fn(uint32_t set, const char *controller, const char *path, void *ctx,
			   struct firn_error *err);

int criu_each_cgroup(struct criu_images *images, criu_cgroup_fn *take, void *ctx,
		     struct firn_error *err) _must_check_;

/* 1 and a copy of the host name in the namespace @ns, which the caller frees, or 0. */
int criu_hostname(struct criu_images *images, uint32_t ns, char **ret,
		  struct firn_error *err) _must_check_;

/* Times in microseconds. */
struct criu_stats {
	uint64_t freezing_time, frozen_time, memdump_time, memwrite_time;
	uint64_t pages_scanned, pages_skipped_parent, pages_written, pages_lazy;
	uint64_t shpages_scanned, shpages_skipped_parent, shpages_written;
};

int criu_stats_read(struct criu_images *images, struct criu_stats *ret,
		    struct firn_error *err) _must_check_;

#endif

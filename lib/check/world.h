/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the checks of check_world[] look at: the mounts that the dump knows, what config.json puts
 * in their place, and how CRIU will be told to restore. Private to lib/check.
 */
#ifndef FIRN_CHECK_WORLD_H
#define FIRN_CHECK_WORLD_H

#include "base/fd.h"
#include "bytes/json.h"
#include "check/check.h"
#include "check/found.h"

#define WORLD_MOUNTS_MAX    4096       /* of a dump, and of a config.json */
#define WORLD_NAMES_MAX     (8u << 20) /* bytes of their paths */
#define WORLD_EXTERNALS_MAX 1024       /* mappings that CRIU is told */

struct world_mount {
	uint32_t id, parent;
	char *point; /* absolute */
	char *type, *root;
	char *key; /* of a mount that is brought from outside; else NULL */
};

/* A mount of config.json. */
struct world_bind {
	const char *destination; /* as it is written; in the document */
	const char *source;      /* of a bind mount; else NULL */
	char *resolved;          /* where the destination leads in the rootfs */
};

/* Who restores: their ways with mounts differ. */
enum world_runtime { WORLD_RUNC, WORLD_CRUN, WORLD_CRIU };

struct world {
	const struct check_input *in;
	struct world_mount *mounts; /* none: the processes had their host's */
	size_t nmounts;
	size_t names;             /* bytes of all paths */
	json_t *config;           /* config.json; NULL: not known */
	struct world_bind *binds; /* all mounts of it */
	size_t nbinds;
	bool masks;        /* config.json hides paths */
	const char *netns; /* path of the network namespace that config.json joins; or NULL */
	enum world_runtime runtime;
	unsigned flags;   /* of check_input, with what CRIU's configuration adds */
	bool any_mode;    /* CRIU is told not to compare permissions */
	bool auto_mounts; /* CRIU is told to find mounts' sources by itself */
	char **externals; /* keys of mounts that CRIU is told of */
	size_t nexternals;
};

#define _world_ _cleanup_(world_done)

/* @w must be all zero. Also after a failure to be freed with world_done(). */
int world_load(const struct check_input *in, struct world *w, struct firn_error *err) _must_check_;
void world_done(struct world *w);

/* The mount that a file @path with the mount id @id (-1: none) is on; NULL: not known. */
const struct world_mount *world_mount_of(const struct world *w, int32_t id, const char *path);
const struct world_mount *world_mount_by_id(const struct world *w, uint32_t id);
/* The bind mount of config.json that comes under the key or at the place @path, or NULL. */
const struct world_bind *world_bind_at(const struct world *w, const char *path);
/* Whether the runtime, or CRIU's configuration, knows what to mount for the key. */
bool world_has_external(const struct world *w, const char *key);
/* Whether config.json mounts anything at @path: the runtime makes the place for it. */
bool world_mounts_at(const struct world *w, const char *path);

/* Where a file is that processes know by its path. */
enum world_place {
	WORLD_GONE,    /* it isn't there */
	WORLD_THERE,   /* *ret is it, to be freed with found_done() */
	WORLD_CARRIED, /* in a filesystem that comes from the dump */
	WORLD_DENIED,  /* behind a folder that we may not enter */
	WORLD_UNKNOWN, /* with the runtime, or the root directory isn't known */
};
/* One of these, or an error. @mount: id of the mount that it is on, -1: not known. */
int world_find(const struct world *w, int32_t mount, const char *path, struct found *ret,
	       struct firn_error *err) _must_check_;

/* The arguments for the runtime and CRIU's configuration files: options.c; for world_load(). */
int world_load_options(struct world *w, struct firn_error *err) _must_check_;

/* Text of this host's file @path (below in->host), which the caller frees; NULL without it. */
char *world_host_text(const struct check_input *in, const char *path, size_t max);

check_fn check_mounts, check_files, check_pids, check_connections, check_addresses, check_sockets,
    check_locks, check_terminal;

#endif

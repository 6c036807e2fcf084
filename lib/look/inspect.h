/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * firn_inspect() in pieces, each of which adds its part to one container's object. The names of
 * what checkpointctl shows are checkpointctl's (internal/json.go), and so are the spellings of the
 * values; what it doesn't show is ours. For lib/look alone.
 */
#ifndef FIRN_LOOK_INSPECT_H
#define FIRN_LOOK_INSPECT_H

#include "bytes/json.h"
#include "bytes/value.h"
#include "format/criu_files.h"
#include "format/criu_memory.h"
#include "format/criu_task.h"
#include "format/criu_world.h"
#include "members/images.h"
#include "members/members.h"

#include "firn/inspect.h"

#define INSPECT_RESULT_MAX (24u << 20) /* bytes of all that is told */
#define INSPECT_TASKS_MAX  (1u << 16)
#define INSPECT_FILES_MAX  (1u << 17)
#define INSPECT_DEPTH_MAX  200 /* processes below each other: readers of JSON have limits too */

/* An open file, told by its id. */
struct inspect_file {
	uint32_t id, type, flags, mode;
	uint64_t size, position;
	const char *path;                 /* as it is shown */
	const struct criu_socket *socket; /* NULL: it is none */
	uint32_t regular_file;
};

enum inspect_text { INSPECT_ARGS, INSPECT_ENV };

struct inspect_task {
	struct criu_process process;
	uint32_t state;
	uint32_t exe_file;
	bool shown; /* false: opts.pid wants others */
	struct criu_ids ids;
	struct criu_fs fs;
	struct firn_value *value; /* its object */
	uint64_t arg_bytes, env_bytes;
	uint8_t *args, *env;       /* owned, a NUL behind the end; NULL: not to be had */
	uint64_t missing_bytes[2]; /* of them, by enum inspect_text */
	struct inspect_task *parent, *child, *next; /* child: the one with the lowest pid */
	unsigned depth;
};

struct inspect {
	struct members *members;
	struct doc *doc;
	const struct firn_inspect_opts *opts;
	struct firn_value *top; /* the container's object */
	struct member_images images;
	struct criu_inventory inventory;
	struct inspect_file *files; /* by id */
	size_t nfiles;
	struct inspect_task *tasks; /* in the order of pstree.img; [0] is the root */
	size_t ntasks;
	struct members_piece *pieces; /* of memory that is wanted */
	size_t npieces, pieces_room;
	uint64_t piece_bytes;
	const char *architecture; /* of the processes, as Go has it; NULL: unknown */
	bool changeset;           /* the delta has whiteouts */
	const char *base_ids[2];  /* what the documents call the base image; NULL: nothing */
	uint64_t delta_bytes;     /* of rootfs-diff.tar, or of the delta layer */
};

/* All of the container in @m, which is borrowed, as an object at the end of @list. */
int inspect_look(struct members *m, const struct firn_inspect_opts *opts, struct doc *doc,
		 struct firn_value *list, struct firn_error *err) _must_check_;
/* The same with @m taken, also on failure. */
int inspect_members(struct members *m, const struct firn_inspect_opts *opts, struct doc *doc,
		    struct firn_value *list, struct firn_error *err) _must_check_;

void inspect_warn(const struct inspect *i, const char *text);

/* Who made it, of which image, when; annotations and mounts of the runtime's configuration. */
int inspect_about(struct inspect *i, struct firn_error *err) _must_check_;
/* Sizes and layers, statistics of the dump. */
int inspect_sizes(struct inspect *i, struct firn_error *err) _must_check_;
/* The delta layer of R, or -1. */
ssize_t inspect_find_delta(const struct image *rootfs);
/* Behind inspect_about(). */
int inspect_delta(struct inspect *i, struct firn_error *err) _must_check_;
/* CRIU, its host; then what surrounds the processes, which have to be known. */
int inspect_inventory(struct inspect *i, struct firn_error *err) _must_check_;
int inspect_world(struct inspect *i, struct firn_error *err) _must_check_;

int inspect_load_files(struct inspect *i, struct firn_error *err) _must_check_;
const struct inspect_file *inspect_file(const struct inspect *i, uint32_t id);
/* The process tree; behind inspect_load_files(). */
int inspect_tasks(struct inspect *i, struct firn_error *err) _must_check_;
/* file_descriptors and sockets of all tasks. */
int inspect_fds(struct inspect *i, struct firn_error *err) _must_check_;

/* The memory of @t into its object, and what its arguments need into i->pieces. */
int inspect_memory(struct inspect *i, struct inspect_task *t, struct firn_error *err) _must_check_;
/* Read the pieces: t->args and t->env of all tasks are right, or NULL. */
int inspect_arguments(struct inspect *i, struct firn_error *err) _must_check_;

#endif

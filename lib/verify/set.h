/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verify_set() in pieces. Each looks at the images from one side: their framing, then what they
 * say of each other. An image that is broken was told when its framing was looked at; who reads it
 * afterwards passes over it without a word (set_each()).
 *
 * What is kept of a checkpoint are numbers: ids of files, processes, namespaces. Lists are bounded;
 * a checkpoint with more has a note, and goes unchecked in this respect. For lib/verify alone.
 */
#ifndef FIRN_VERIFY_SET_H
#define FIRN_VERIFY_SET_H

#include "base/fd.h"
#include "format/checkpoint.h"
#include "format/criu_image.h"
#include "format/criu_memory.h"
#include "members/images.h"
#include "verify/verify.h"

#define SET_NUMBERS_MAX (1u << 19) /* of one list: 4 MiB */
#define SET_PLACE_MAX   (MEMBER_FOLDER_MAX + PATH_NAME_MAX + 64)
#define SET_TASKS_MAX   (1u << 16)
#define SET_AREAS_MAX   (1u << 22) /* of all processes */
#define SET_PSTREE      "pstree.img"

/* A set of numbers: filled, then sorted, then asked. */
struct set_numbers {
	uint64_t *list;
	size_t n, room;
	bool more; /* than there is room for */
};

int set_numbers_add(struct set_numbers *s, uint64_t number, struct firn_error *err) _must_check_;
/* Sort, and keep one of equal ones; the first number that was there twice in *ret_twice: 1, or 0 */
int set_numbers_sort(struct set_numbers *s, uint64_t *ret_twice);
bool set_numbers_has(const struct set_numbers *s, uint64_t number);
/* The place of the first that isn't less than @number. */
size_t set_numbers_find(const struct set_numbers *s, uint64_t number);
void set_numbers_done(struct set_numbers *s);

/* Namespaces as task_kobj_ids_entry numbers its members. */
enum {
	SET_NS_PID = 5,
	SET_NS_NET,
	SET_NS_IPC,
	SET_NS_UTS,
	SET_NS_MNT,
	SET_NS_USER,
	SET_NS_CGROUP,
	SET_NS_TIME,
	SET_NS_END,
};

struct set_task {
	uint32_t pid, ppid;
	uint32_t order; /* in pstree.img */
	bool alive;     /* neither dead nor a zombie: it has memory and files */
};

struct set {
	struct members *m;
	struct findings *f;
	unsigned flags;
	struct set_dump {
		char folder[MEMBER_FOLDER_MAX];
		struct member_images images;
	} dumps[CHECKPOINT_DUMPS_MAX]; /* the newest first */
	size_t ndumps;
	uint32_t records;          /* that may still be read, of all images */
	uint32_t areas;            /* likewise, of all processes */
	struct set_numbers broken; /* images that were told to be: the addresses of their names */
	/* inventory.img */
	bool has_host; /* the namespaces of CRIU itself are known */
	uint64_t host_ns[SET_NS_END];
	uint64_t host_cgroups; /* the set that CRIU was in */
	bool tcp_close, fds_by_id;
	/* pstree.img, in the order of pids */
	struct set_task *tasks;
	size_t ntasks, tasks_room;
	struct set_numbers ns[SET_NS_END]; /* that processes are in */
	struct set_numbers tables;         /* of descriptors: fdinfo-*.img */
	struct set_numbers cgroups;        /* sets in cgroup.img */
	uint64_t seccomp_filters;          /* in seccomp.img */
	uint64_t machine;                  /* core_entry.mtype of the first process */
	/* Open files: id in the high half, type in the low one; used says who was named. */
	struct set_numbers files;
	uint8_t *used;
	struct set_numbers shared; /* shared memory that areas map: pagemap-shmem-*.img */
	bool system_v;             /* an area is System V shared memory */
	uint64_t page_bytes;
	uint64_t lost_pages; /* in a dump before the oldest one that is here */
	const char *lost_by; /* the folder of that oldest one */
};

/* Add a finding at the image @name of the newest dump. */
void set_add(struct set *s, enum finding_level level, const char *name, const char *code,
	     const char *fmt, ...) _printf_(5, 6);
/* The image @name is needed and isn't there: a fault. The words say who needs it. */
void set_missing(struct set *s, const char *name, const char *fmt, ...) _printf_(3, 4);
bool set_has(const struct set *s, const char *name);
/* The file lies in a compressed archive and was passed over when that was unpacked. */
bool set_passed(struct set *s, const char *path);
/* What reading an image ended with: what is wrong with it was told already. 0, or out of memory. */
int set_read(int rc, const struct firn_error *e, struct firn_error *err) _must_check_;

/*
 * criu_each_record() of an image of the newest dump, but for broken ones: -FIRN_ECORRUPT, and
 * nothing is said of it.
 */
int set_each(struct set *s, const char *name, criu_record_fn *take, void *ctx,
	     struct firn_error *err) _must_check_;
bool set_is_broken(const struct set *s, const char *name);

int set_images(struct set *s, struct firn_error *err) _must_check_;
int set_inventory(struct set *s, struct firn_error *err) _must_check_;
int set_tasks(struct set *s, struct firn_error *err) _must_check_;
int set_files(struct set *s, struct firn_error *err) _must_check_;
/* Behind set_files(). */
int set_memory(struct set *s, struct firn_error *err) _must_check_;
int set_descriptors(struct set *s, struct firn_error *err) _must_check_;
int set_world(struct set *s, struct firn_error *err) _must_check_;
int set_mounts(struct set *s, uint64_t ns, struct firn_error *err) _must_check_;
int set_documents(struct set *s, struct firn_error *err) _must_check_;
int set_tars(struct set *s, struct firn_error *err) _must_check_;

/* Somebody names the file @id (0 as type: whatever it is): false when files.img hasn't got it. */
bool set_use_file(struct set *s, uint32_t id, uint32_t type);

/* The pagemap @name of the dump @from and of those before it. @mm: whose pages it has, or NULL. */
int set_pagemap(struct set *s, size_t from, const char *name, const struct criu_mm *mm,
		struct firn_error *err) _must_check_;

#endif

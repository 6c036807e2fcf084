/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processes of a dump: pstree.img, and of each its core-PID.img, ids-PID.img and fs-PID.img.
 * What an image doesn't say is 0 or NULL. Nothing here holds more than one record at a time.
 */
#ifndef FIRN_FORMAT_CRIU_TASK_H
#define FIRN_FORMAT_CRIU_TASK_H

#include "format/criu.h"

struct criu_process {
	uint32_t pid, ppid, pgid, sid;
	uint32_t threads;
	const uint32_t *thread_ids; /* of them; until the call returns */
};

/* Called for each record in turn; what it returns below 0 ends the reading. */
typedef int criu_process_fn(const struct criu_process *p, void *ctx, struct firn_error *err);

/* The processes in the order of pstree.img, parents before their children. It must be there. */
int criu_each_process(struct criu_images *images, criu_process_fn *take, void *ctx,
		      struct firn_error *err) _must_check_;

/* compel/include/uapi/task-state.h */
enum criu_state {
	CRIU_STATE_ALIVE = 1,
	CRIU_STATE_DEAD = 2,
	CRIU_STATE_STOPPED = 3,
	CRIU_STATE_ZOMBIE = 6,
};

/* Linux' include/uapi/linux/seccomp.h */
enum criu_seccomp { CRIU_SECCOMP_DISABLED, CRIU_SECCOMP_STRICT, CRIU_SECCOMP_FILTER };

/* core.proto: march */
enum criu_machine {
	CRIU_MACHINE_X86_64 = 1,
	CRIU_MACHINE_S390 = 5,
};

/* Strings live until criu_core_done(). */
struct criu_core {
	uint32_t machine; /* enum criu_machine, or another; 0: not recorded */
	uint32_t state;   /* enum criu_state */
	uint32_t exit_code;
	uint32_t stop_signal;
	uint32_t seccomp; /* enum criu_seccomp */
	uint32_t cgroup_set;
	int32_t oom_score_adj;
	const char *command;
	bool has_creds;
	uint32_t uid, gid, euid, egid;
	uint64_t capabilities; /* effective */
	bool no_new_privs;
	const char *lsm_profile;
	void *message;
};

/* 1, or 0 when there is no such image. */
int criu_core_read(struct criu_images *images, uint32_t pid, struct criu_core *ret,
		   struct firn_error *err) _must_check_;
void criu_core_done(struct criu_core *core);

/* Which namespaces, in the order of the bits of enum criu_ns. */
enum criu_ns_index {
	CRIU_NS_AT_PID,
	CRIU_NS_AT_NET,
	CRIU_NS_AT_IPC,
	CRIU_NS_AT_UTS,
	CRIU_NS_AT_MNT,
	CRIU_NS_AT_USER,
	CRIU_NS_AT_CGROUP,
	CRIU_NS_AT_TIME,
	CRIU_NS_COUNT,
};
extern const char *const criu_ns_names[CRIU_NS_COUNT];

struct criu_ids {
	uint32_t files;             /* of fdinfo-ID.img */
	uint32_t ns[CRIU_NS_COUNT]; /* 0: not recorded */
};

int criu_ids_read(struct criu_images *images, uint32_t pid, struct criu_ids *ret,
		  struct firn_error *err) _must_check_;

struct criu_fs {
	uint32_t cwd, root; /* files */
	uint32_t umask;
};

int criu_fs_read(struct criu_images *images, uint32_t pid, struct criu_fs *ret,
		 struct firn_error *err) _must_check_;

#endif

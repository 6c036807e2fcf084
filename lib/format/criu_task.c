/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_task.h"

#include "format/criu_message.h"

#include <inttypes.h>
#include <stdio.h>

/* criu/include/magic.h */
#define MAGIC_CORE 0x55053847u
#define MAGIC_IDS  0x54432030u
#define MAGIC_FS   0x51403912u

#define IMAGE_NAME_MAX 32

const char *const criu_ns_names[CRIU_NS_COUNT] = { "pid", "net",  "ipc",    "uts",
						   "mnt", "user", "cgroup", "time" };

static int take_process(const Criu__Pstree *m, criu_process_fn *take, void *ctx,
			struct firn_error *err)
{
	const struct criu_process p = {
		.pid = m->pid,
		.ppid = m->ppid,
		.pgid = m->pgid,
		.sid = m->sid,
		.threads = m->n_threads < UINT32_MAX ? (uint32_t)m->n_threads : UINT32_MAX,
		.thread_ids = m->threads,
	};

	if (p.pid == 0 || p.pid > INT32_MAX || p.ppid > INT32_MAX)
		return firn_fail(err, FIRN_ECORRUPT, "process %u of parent %u", p.pid, p.ppid);
	return take(&p, ctx, err);
}

int criu_each_process(struct criu_images *images, criu_process_fn *take, void *ctx,
		      struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	_criu_message_ ProtobufCMessage *m = NULL;
	int rc = criu_reader_open(images, CRIU_PSTREE, CRIU_MAGIC_PSTREE, &r, err);

	if (rc == 0)
		return firn_fail(err, FIRN_ECORRUPT, "%s: is missing", CRIU_PSTREE);
	while (rc > 0 && (rc = criu_message_next(&r, &criu__pstree__descriptor, &m, err)) > 0) {
		rc = take_process((const Criu__Pstree *)m, take, ctx, err);
		if (rc < 0)
			break;
		rc = 1;
	}
	return firn_wrap(err, rc, "%s", CRIU_PSTREE);
}

static uint64_t capabilities_of(const Criu__Creds *c)
{
	uint64_t caps = 0;

	for (size_t i = 0; i < c->n_cap_eff && i < 2; i++)
		caps |= (uint64_t)c->cap_eff[i] << (32 * i);
	return caps;
}

static void take_creds(const Criu__Creds *c, struct criu_core *core)
{
	core->has_creds = true;
	core->uid = c->uid;
	core->gid = c->gid;
	core->euid = c->euid;
	core->egid = c->egid;
	core->capabilities = capabilities_of(c);
	core->no_new_privs = c->no_new_privs;
	core->lsm_profile = c->lsm_profile;
}

int criu_core_read(struct criu_images *images, uint32_t pid, struct criu_core *ret,
		   struct firn_error *err)
{
	_criu_message_ ProtobufCMessage *m = NULL;
	struct criu_core core = { 0 };
	char name[IMAGE_NAME_MAX];
	const Criu__Core *c;
	int rc;

	snprintf(name, sizeof(name), "core-%" PRIu32 ".img", pid);
	rc = criu_message_first(images, name, MAGIC_CORE, &criu__core__descriptor, &m, err);
	if (rc <= 0)
		return rc;
	c = (const Criu__Core *)m;
	core.machine = c->mtype;
	if (c->tc) {
		core.state = c->tc->task_state;
		core.exit_code = c->tc->exit_code;
		core.stop_signal = c->tc->stop_signo;
		core.seccomp = c->tc->old_seccomp_mode;
		core.cgroup_set = c->tc->cg_set;
		core.oom_score_adj = c->tc->oom_score_adj;
		core.command = c->tc->comm;
	}
	if (c->thread_core) {
		if (c->thread_core->has_seccomp_mode)
			core.seccomp = c->thread_core->seccomp_mode;
		if (c->thread_core->has_cg_set)
			core.cgroup_set = c->thread_core->cg_set;
		if (c->thread_core->creds)
			take_creds(c->thread_core->creds, &core);
	}
	core.message = take_ptr(&m);
	*ret = core;
	return 1;
}

void criu_core_done(struct criu_core *core)
{
	criu_message_freep((ProtobufCMessage **)&core->message);
	*core = (struct criu_core){ 0 };
}

int criu_ids_read(struct criu_images *images, uint32_t pid, struct criu_ids *ret,
		  struct firn_error *err)
{
	_criu_message_ ProtobufCMessage *m = NULL;
	char name[IMAGE_NAME_MAX];
	const Criu__Ids *i;
	int rc;

	snprintf(name, sizeof(name), "ids-%" PRIu32 ".img", pid);
	rc = criu_message_first(images, name, MAGIC_IDS, &criu__ids__descriptor, &m, err);
	if (rc <= 0)
		return rc;
	i = (const Criu__Ids *)m;
	*ret = (struct criu_ids){
		.files = i->files_id,
		.ns = { i->pid_ns_id, i->net_ns_id, i->ipc_ns_id, i->uts_ns_id, i->mnt_ns_id,
			i->user_ns_id, i->cgroup_ns_id, i->time_ns_id },
	};
	return 1;
}

int criu_fs_read(struct criu_images *images, uint32_t pid, struct criu_fs *ret,
		 struct firn_error *err)
{
	_criu_message_ ProtobufCMessage *m = NULL;
	char name[IMAGE_NAME_MAX];
	const Criu__Fs *f;
	int rc;

	snprintf(name, sizeof(name), "fs-%" PRIu32 ".img", pid);
	rc = criu_message_first(images, name, MAGIC_FS, &criu__fs__descriptor, &m, err);
	if (rc <= 0)
		return rc;
	f = (const Criu__Fs *)m;
	*ret = (struct criu_fs){ .cwd = f->cwd_id, .root = f->root_id, .umask = f->umask };
	return 1;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_schema.h"

#include "base/error.h"
#include "format/criu_wire.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 64 /* of messages in each other: folders of cgroups and their policies */

/* Of a member, by its number: what it is, and of messages which one, from bit 8 on. */
enum {
	NUM = 1,  /* whatever varint */
	TEXT = 2, /* text or bytes */
	I64 = 3,
	I32 = 4,
	INNER = 5,
	TYPES = 7,
	NEED = 1 << 3,
	MANY = 1 << 4,
};
#define MSG(name)    (INNER | CRIU_SCHEMA_##name << 8)
#define FIELDS(name) static const uint16_t m_##name[]

/* The .proto files of CRIU 4.1.1; what later ones made optional isn't needed here either. */
FIELDS(aa_namespace) = {
	[1] = NEED | TEXT, [2] = MANY | MSG(aa_policy), [3] = MANY | MSG(aa_namespace)
};
FIELDS(aa_policy) = { [1 ... 2] = NEED | TEXT };
FIELDS(aio_ring) = { [1 ... 3] = NEED | NUM };
FIELDS(apparmor) = { [1] = MANY | MSG(aa_namespace) };
FIELDS(autofs) = { [1 ... 6] = NEED | NUM, [7 ... 9] = NUM };
FIELDS(binfmt_misc) = {
	[1] = NEED | TEXT, [2] = NEED | NUM, [3] = NEED | TEXT, [4 ... 7] = TEXT, [8] = NUM
};
FIELDS(bpfmap_data) = { [1 ... 4] = NEED | NUM };
FIELDS(bpfmap_file) = { [1 ... 3] = NEED | NUM, [4] = NEED | MSG(fown), [5 ... 12] = NEED | NUM,
			[13] = NEED | TEXT,     [14] = NEED | NUM,      [15 ... 16] = NUM };
FIELDS(cg_controller) = { [1] = MANY | TEXT, [2] = MANY | MSG(cgroup_dir), [3] = NUM };
FIELDS(cg_member) = { [1 ... 2] = NEED | TEXT, [3] = NUM };
FIELDS(cg_set) = { [1] = NEED | NUM, [2] = MANY | MSG(cg_member) };
FIELDS(cgroup_dir) = { [1] = NEED | TEXT,
		       [2] = MANY | MSG(cgroup_dir),
		       [3] = MANY | MSG(cgroup_prop),
		       [4] = MSG(cgroup_perms) };
FIELDS(cgroup) = { [1] = MANY | MSG(cg_set), [2] = MANY | MSG(cg_controller) };
FIELDS(cgroup_perms) = { [1 ... 3] = NEED | NUM };
FIELDS(cgroup_prop) = { [1 ... 2] = NEED | TEXT, [3] = MSG(cgroup_perms) };
FIELDS(core) = { [1] = NEED | NUM,
		 [2] = MSG(thread_info_x86),
		 [3] = MSG(task_core),
		 [4] = MSG(task_kobj_ids),
		 [5] = MSG(thread_core),
		 [6] = MSG(thread_info_arm),
		 [8] = MSG(thread_info_aarch64),
		 [9] = MSG(thread_info_ppc64),
		 [10] = MSG(thread_info_s390),
		 [11] = MSG(thread_info_mips),
		 [12] = MSG(thread_info_loongarch64),
		 [13] = MSG(thread_info_riscv64) };
FIELDS(cpuinfo) = { [1] = MANY | MSG(cpuinfo_x86),
		    [2] = MANY | MSG(cpuinfo_ppc64),
		    [3] = MANY | MSG(cpuinfo_s390) };
FIELDS(cpuinfo_ppc64) = { [1] = NEED | NUM, [2] = MANY | NUM };
FIELDS(cpuinfo_s390) = { [2] = MANY | NUM };
FIELDS(cpuinfo_x86) = { [1 ... 5] = NEED | NUM, [6] = MANY | NUM, [7] = TEXT, [8 ... 10] = NUM };
FIELDS(creds) = { [1 ... 8] = NEED | NUM, [9 ... 12] = MANY | NUM, [13] = NEED | NUM,
		  [14] = MANY | NUM,      [15 ... 17] = TEXT,      [18] = NUM,
		  [19] = MANY | NUM };
FIELDS(dump_stats) = { [1 ... 7] = NEED | NUM, [8 ... 14] = NUM };
FIELDS(eventfd_file) = { [1 ... 2] = NEED | NUM, [3] = NEED | MSG(fown), [4] = NEED | NUM };
FIELDS(eventpoll_file) = {
	[1 ... 2] = NEED | NUM, [3] = NEED | MSG(fown), [4] = MANY | MSG(eventpoll_tfd)
};
FIELDS(eventpoll_tfd) = { [1 ... 4] = NEED | NUM, [5 ... 7] = NUM };
FIELDS(ext_file) = { [1] = NEED | NUM, [5] = NEED | MSG(fown) };
FIELDS(fanotify_file) = { [1 ... 2] = NEED | NUM,
			  [3] = NEED | MSG(fown),
			  [4 ... 5] = NEED | NUM,
			  [6] = MANY | MSG(fanotify_mark) };
FIELDS(fanotify_inode_mark) = { [1] = NEED | NUM, [2] = NEED | MSG(fh) };
FIELDS(fanotify_mark) = {
	[1 ... 6] = NEED | NUM, [7] = MSG(fanotify_inode_mark), [8] = MSG(fanotify_mount_mark)
};
FIELDS(fanotify_mount_mark) = { [1] = NEED | NUM, [2] = TEXT };
FIELDS(fdinfo) = { [1 ... 4] = NEED | NUM, [5] = TEXT };
FIELDS(fh) = { [1 ... 2] = NEED | NUM, [3] = MANY | NUM, [4] = TEXT, [5] = NUM };
FIELDS(fifo) = { [1 ... 2] = NEED | NUM, [3] = NUM };
FIELDS(file) = { [1 ... 2] = NEED | NUM,    [3] = MSG(reg_file),       [4] = MSG(inet_sk),
		 [5] = MSG(ns_file),        [6] = MSG(packet_sock),    [7] = MSG(netlink_sk),
		 [8] = MSG(eventfd_file),   [9] = MSG(eventpoll_file), [10] = MSG(signalfd),
		 [11] = MSG(tunfile),       [12] = MSG(timerfd),       [13] = MSG(inotify_file),
		 [14] = MSG(fanotify_file), [15] = MSG(ext_file),      [16] = MSG(unix_sk),
		 [17] = MSG(fifo),          [18] = MSG(pipe),          [19] = MSG(tty_file),
		 [20] = MSG(memfd_file),    [21] = MSG(bpfmap_file),   [22] = MSG(pidfd) };
FIELDS(file_lock) = { [1 ... 6] = NEED | NUM };
FIELDS(file_perms) = { [1 ... 3] = NEED | NUM };
FIELDS(fown) = { [1 ... 5] = NEED | NUM };
FIELDS(fs) = { [1 ... 2] = NEED | NUM, [3] = NUM };
FIELDS(ghost_chunk) = { [1 ... 2] = NEED | NUM };
FIELDS(ghost_file) = { [1 ... 3] = NEED | NUM,
		       [4 ... 6] = NUM,
		       [7 ... 8] = MSG(timeval),
		       [9 ... 10] = NUM,
		       [11] = TEXT };
FIELDS(inet_sk) = { [1 ... 10] = NEED | NUM,
		    [11 ... 12] = MANY | NUM,
		    [13] = NEED | MSG(fown),
		    [14] = NEED | MSG(sk_opts),
		    [15] = NUM,
		    [16] = MSG(ip_opts),
		    [17] = TEXT,
		    [18 ... 19] = NUM,
		    [20] = MSG(tcp_opts) };
FIELDS(inotify_file) = {
	[1 ... 2] = NEED | NUM, [4] = NEED | MSG(fown), [5] = MANY | MSG(inotify_wd)
};
FIELDS(inotify_wd) = { [1 ... 6] = NEED | NUM, [7] = NEED | MSG(fh) };
FIELDS(inventory) = { [1] = NEED | NUM, [2] = NUM,        [3] = MSG(task_kobj_ids),
		      [4 ... 6] = NUM,  [8 ... 11] = NUM, [12] = MSG(plugins),
		      [13] = TEXT };
FIELDS(ip_opts) = { [1] = NUM, [4] = MSG(ip_opts_raw), [5 ... 7] = NUM };
FIELDS(ip_opts_raw) = { [1 ... 3] = NUM, [4] = MANY | NUM };
FIELDS(ipc_desc) = { [1 ... 7] = NEED | NUM };
FIELDS(ipc_msg) = { [1 ... 2] = NEED | NUM };
FIELDS(ipc_msg_queue) = { [1] = NEED | MSG(ipc_desc), [2 ... 3] = NEED | NUM };
FIELDS(ipc_sem) = { [1] = NEED | MSG(ipc_desc), [2] = NEED | NUM };
FIELDS(ipc_shm) = { [1] = NEED | MSG(ipc_desc), [2] = NEED | NUM, [3 ... 4] = NUM };
FIELDS(ipc_var) = { [1] = MANY | NUM, [2 ... 12] = NEED | NUM, [13 ... 17] = NUM };
FIELDS(irmap_cache) = { [1 ... 2] = NEED | NUM, [3] = NEED | TEXT };
FIELDS(itimer) = { [1 ... 4] = NEED | NUM };
FIELDS(macvlan_link) = { [1] = NEED | NUM, [2] = NUM };
FIELDS(memfd_file) = { [1 ... 3] = NEED | NUM, [4] = NEED | MSG(fown), [5] = NEED | NUM };
FIELDS(memfd_inode) = { [1] = NEED | TEXT, [2 ... 7] = NEED | NUM, [8 ... 9] = NUM };
FIELDS(mm) = { [1 ... 12] = NEED | NUM,     [13] = MANY | NUM, [14] = MANY | MSG(vma), [15] = NUM,
	       [16] = MANY | MSG(aio_ring), [17] = NUM };
FIELDS(mnt) = { [1 ... 5] = NEED | NUM, [6 ... 9] = NEED | TEXT,
		[10 ... 13] = NUM,      [14] = TEXT,
		[15 ... 17] = NUM,      [18] = TEXT };
FIELDS(net_device) = { [1 ... 4] = NEED | NUM,   [5] = NEED | TEXT,
		       [6] = MSG(tun_link),      [7] = TEXT,
		       [8] = MANY | NUM,         [9 ... 10] = MANY | MSG(sysctl),
		       [11] = MSG(macvlan_link), [12 ... 14] = NUM,
		       [15] = MSG(sit) };
FIELDS(netlink_sk) = { [1 ... 4] = NEED | NUM,
		       [6 ... 7] = NEED | NUM,
		       [8] = MANY | NUM,
		       [9 ... 10] = NEED | NUM,
		       [11] = NEED | MSG(fown),
		       [12] = NEED | MSG(sk_opts),
		       [13] = NUM };
FIELDS(netns) = { [1 ... 2] = MANY | NUM,
		  [3 ... 6] = MANY | MSG(sysctl),
		  [7] = MANY | MSG(netns_id),
		  [8] = TEXT,
		  [9 ... 10] = MANY | MSG(sysctl) };
FIELDS(netns_id) = { [1 ... 2] = NEED | NUM };
FIELDS(ns_file) = { [1 ... 4] = NEED | NUM };
FIELDS(pac_address_keys) = { [1 ... 9] = NEED | NUM };
FIELDS(pac_generic_keys) = { [1 ... 2] = NEED | NUM };
FIELDS(pac_keys) = { [6] = MSG(pac_address_keys), [7] = MSG(pac_generic_keys) };
FIELDS(packet_mclist) = { [1 ... 2] = NEED | NUM, [3] = NEED | TEXT };
FIELDS(packet_ring) = { [1 ... 7] = NEED | NUM };
FIELDS(packet_sock) = { [1 ... 5] = NEED | NUM,           [6] = NEED | MSG(fown),
			[7] = NEED | MSG(sk_opts),        [8 ... 15] = NEED | NUM,
			[16] = MANY | MSG(packet_mclist), [17] = NUM,
			[18 ... 19] = MSG(packet_ring),   [20] = NUM };
FIELDS(pagemap_head) = { [1] = NEED | NUM };
FIELDS(pidfd) = { [1 ... 4] = NEED | NUM, [5] = NEED | MSG(fown) };
FIELDS(pidns) = { [1] = TEXT };
FIELDS(pipe_data) = { [1 ... 2] = NEED | NUM, [3] = NUM };
FIELDS(pipe) = { [1 ... 3] = NEED | NUM, [4] = NEED | MSG(fown) };
FIELDS(plugins) = { [12] = MANY | TEXT };
FIELDS(posix_timer) = { [1 ... 10] = NEED | NUM, [11] = NUM };
FIELDS(pstree) = { [1 ... 4] = NEED | NUM, [5] = MANY | NUM };
FIELDS(reg_file) = { [1 ... 3] = NEED | NUM, [5] = NEED | MSG(fown), [6] = NEED | TEXT,
		     [7 ... 10] = NUM,       [11] = MANY | NUM,      [12 ... 14] = NUM };
FIELDS(remap_file_path) = { [1 ... 2] = NEED | NUM, [3] = NUM };
FIELDS(restore_stats) = { [1 ... 4] = NEED | NUM, [5] = NUM };
FIELDS(rlimit) = { [1 ... 2] = NEED | NUM };
FIELDS(rseq) = { [1 ... 3] = NEED | NUM, [4] = NUM };
FIELDS(sa) = { [1 ... 4] = NEED | NUM, [5 ... 6] = NUM };
FIELDS(scm) = { [1] = NEED | NUM, [2] = MANY | NUM };
FIELDS(seccomp) = { [1] = MANY | MSG(seccomp_filter) };
FIELDS(seccomp_filter) = { [1] = NEED | TEXT, [2 ... 3] = NUM };
FIELDS(siginfo) = { [1] = NEED | TEXT };
FIELDS(signal_queue) = { [1] = MANY | MSG(siginfo) };
FIELDS(signalfd) = { [1 ... 2] = NEED | NUM, [3] = NEED | MSG(fown), [4] = NEED | NUM };
FIELDS(sit) = { [1] = NUM,  [2 ... 3] = MANY | NUM, [4 ... 13] = NUM, [14] = MANY | NUM,
		[15] = NUM, [16] = MANY | NUM };
FIELDS(sk_opts) = {
	[1 ... 6] = NEED | NUM, [7 ... 14] = NUM, [15] = TEXT, [16] = MANY | I64, [17 ... 25] = NUM
};
FIELDS(sk_packet) = { [1 ... 2] = NEED | NUM, [4] = MANY | MSG(scm) };
FIELDS(stats) = { [1] = MSG(dump_stats), [2] = MSG(restore_stats) };
FIELDS(sysctl) = { [1] = NEED | NUM, [2] = NUM, [3] = TEXT };
FIELDS(task_core) = { [1 ... 5] = NEED | NUM,
		      [6] = NEED | TEXT,
		      [7] = MSG(task_timers),
		      [8] = MSG(task_rlimits),
		      [9] = NUM,
		      [10] = MSG(signal_queue),
		      [11 ... 14] = NUM,
		      [15] = MANY | MSG(sa),
		      [18] = NUM,
		      [20 ... 22] = NUM };
FIELDS(task_kobj_ids) = { [1 ... 4] = NEED | NUM, [5 ... 12] = NUM };
FIELDS(task_rlimits) = { [1] = MANY | MSG(rlimit) };
FIELDS(task_timers) = { [1 ... 3] = NEED | MSG(itimer), [4] = MANY | MSG(posix_timer) };
FIELDS(tcp_opts) = { [1 ... 5] = NUM };
FIELDS(tcp_stream) = { [1 ... 7] = NEED | NUM, [8 ... 17] = NUM };
FIELDS(termios) = { [1 ... 7] = NEED | NUM, [8] = MANY | NUM };
FIELDS(thread_core) = { [1 ... 2] = NEED | NUM,
			[3 ... 6] = NUM,
			[7] = MSG(thread_sas),
			[8] = NUM,
			[9] = MSG(signal_queue),
			[10] = MSG(creds),
			[11 ... 12] = NUM,
			[13] = TEXT,
			[14] = NUM,
			[15] = MSG(rseq),
			[16] = NUM };
FIELDS(thread_info_aarch64) = { [1 ... 2] = NEED | NUM,
				[3] = NEED | MSG(user_aarch64_regs),
				[4] = NEED | MSG(user_aarch64_fpsimd_context),
				[5] = MSG(pac_keys) };
FIELDS(thread_info_arm) = { [1 ... 2] = NEED | NUM, [3 ... 4] = NEED | MSG(any) };
FIELDS(thread_info_loongarch64) = { [1 ... 2] = NEED | NUM, [3 ... 4] = NEED | MSG(any) };
FIELDS(thread_info_mips) = { [1 ... 2] = NEED | NUM, [3 ... 4] = NEED | MSG(any) };
FIELDS(thread_info_ppc64) = { [1] = NEED | NUM, [2] = NEED | MSG(any), [3 ... 6] = MSG(any) };
FIELDS(thread_info_riscv64) = { [1 ... 2] = NEED | NUM, [3 ... 4] = NEED | MSG(any) };
FIELDS(thread_info_s390) = { [1] = NEED | NUM, [2 ... 3] = NEED | MSG(any), [4 ... 8] = MSG(any) };
FIELDS(thread_info_x86) = { [1] = NEED | NUM,
			    [2] = NEED | MSG(user_x86_regs),
			    [3] = NEED | MSG(user_x86_fpregs),
			    [4] = MANY | MSG(user_desc_t) };
FIELDS(thread_sas) = { [1 ... 3] = NEED | NUM };
FIELDS(timens) = { [1 ... 2] = NEED | MSG(timespec) };
FIELDS(timerfd) = { [1 ... 2] = NEED | NUM, [3] = NEED | MSG(fown), [4 ... 10] = NEED | NUM };
FIELDS(timespec) = { [1 ... 2] = NEED | NUM };
FIELDS(timeval) = { [1 ... 2] = NEED | NUM };
FIELDS(tty_data) = { [1] = NEED | NUM, [2] = NEED | TEXT };
FIELDS(tty_file) = { [1 ... 3] = NEED | NUM, [4] = NEED | MSG(fown), [6] = NUM };
FIELDS(tty_info) = { [1 ... 8] = NEED | NUM,
		     [9 ... 10] = MSG(termios),
		     [11] = MSG(winsize),
		     [12] = MSG(tty_pty),
		     [13 ... 15] = NUM };
FIELDS(tty_pty) = { [1] = NEED | NUM };
FIELDS(tun_link) = { [1 ... 5] = NEED | NUM };
FIELDS(tunfile) = { [1] = NEED | NUM, [2] = TEXT, [3 ... 4] = NUM };
FIELDS(uid_gid_extent) = { [1 ... 3] = NEED | NUM };
FIELDS(unix_sk) = { [1 ... 8] = NEED | NUM,
		    [9] = NEED | MSG(fown),
		    [10] = NEED | MSG(sk_opts),
		    [11] = NEED | TEXT,
		    [12] = NUM,
		    [13] = MSG(file_perms),
		    [14] = TEXT,
		    [15 ... 17] = NUM };
FIELDS(user_aarch64_fpsimd_context) = { [1] = MANY | NUM, [2 ... 3] = NEED | NUM };
FIELDS(user_aarch64_regs) = { [1] = MANY | NUM, [2 ... 4] = NEED | NUM };
FIELDS(user_desc_t) = { [1 ... 10] = NEED | NUM };
FIELDS(user_x86_cet) = { [1 ... 2] = NEED | NUM };
FIELDS(user_x86_fpregs) = {
	[1 ... 8] = NEED | NUM, [9 ... 11] = MANY | NUM, [13] = MSG(user_x86_xsave)
};
FIELDS(user_x86_regs) = { [1 ... 27] = NEED | NUM, [28] = NUM };
FIELDS(user_x86_xsave) = { [1] = NEED | NUM, [2 ... 8] = MANY | NUM, [9] = MSG(user_x86_cet) };
FIELDS(userns) = { [1 ... 2] = MANY | MSG(uid_gid_extent) };
FIELDS(utsns) = { [1 ... 2] = NEED | TEXT };
FIELDS(vma) = { [1 ... 8] = NEED | NUM, [9 ... 10] = NUM };
FIELDS(winsize) = { [1 ... 4] = NEED | NUM };

struct schema {
	const char *name;
	const uint16_t *fields;
	size_t n;
};

static const struct schema schemas[] = {
	[CRIU_SCHEMA_any] = { "message", NULL, 0 },
#define ROW(name) [CRIU_SCHEMA_##name] = { #name, m_##name, ARRAY_SIZE(m_##name) }
	ROW(aa_namespace),
	ROW(aa_policy),
	ROW(aio_ring),
	ROW(apparmor),
	ROW(autofs),
	ROW(binfmt_misc),
	ROW(bpfmap_data),
	ROW(bpfmap_file),
	ROW(cg_controller),
	ROW(cg_member),
	ROW(cg_set),
	ROW(cgroup_dir),
	ROW(cgroup),
	ROW(cgroup_perms),
	ROW(cgroup_prop),
	ROW(core),
	ROW(cpuinfo),
	ROW(cpuinfo_ppc64),
	ROW(cpuinfo_s390),
	ROW(cpuinfo_x86),
	ROW(creds),
	ROW(dump_stats),
	ROW(eventfd_file),
	ROW(eventpoll_file),
	ROW(eventpoll_tfd),
	ROW(ext_file),
	ROW(fanotify_file),
	ROW(fanotify_inode_mark),
	ROW(fanotify_mark),
	ROW(fanotify_mount_mark),
	ROW(fdinfo),
	ROW(fh),
	ROW(fifo),
	ROW(file),
	ROW(file_lock),
	ROW(file_perms),
	ROW(fown),
	ROW(fs),
	ROW(ghost_chunk),
	ROW(ghost_file),
	ROW(inet_sk),
	ROW(inotify_file),
	ROW(inotify_wd),
	ROW(inventory),
	ROW(ip_opts),
	ROW(ip_opts_raw),
	ROW(ipc_desc),
	ROW(ipc_msg),
	ROW(ipc_msg_queue),
	ROW(ipc_sem),
	ROW(ipc_shm),
	ROW(ipc_var),
	ROW(irmap_cache),
	ROW(itimer),
	ROW(macvlan_link),
	ROW(memfd_file),
	ROW(memfd_inode),
	ROW(mm),
	ROW(mnt),
	ROW(net_device),
	ROW(netlink_sk),
	ROW(netns),
	ROW(netns_id),
	ROW(ns_file),
	ROW(pac_address_keys),
	ROW(pac_generic_keys),
	ROW(pac_keys),
	ROW(packet_mclist),
	ROW(packet_ring),
	ROW(packet_sock),
	ROW(pagemap_head),
	ROW(pidfd),
	ROW(pidns),
	ROW(pipe_data),
	ROW(pipe),
	ROW(plugins),
	ROW(posix_timer),
	ROW(pstree),
	ROW(reg_file),
	ROW(remap_file_path),
	ROW(restore_stats),
	ROW(rlimit),
	ROW(rseq),
	ROW(sa),
	ROW(scm),
	ROW(seccomp),
	ROW(seccomp_filter),
	ROW(siginfo),
	ROW(signal_queue),
	ROW(signalfd),
	ROW(sit),
	ROW(sk_opts),
	ROW(sk_packet),
	ROW(stats),
	ROW(sysctl),
	ROW(task_core),
	ROW(task_kobj_ids),
	ROW(task_rlimits),
	ROW(task_timers),
	ROW(tcp_opts),
	ROW(tcp_stream),
	ROW(termios),
	ROW(thread_core),
	ROW(thread_info_aarch64),
	ROW(thread_info_arm),
	ROW(thread_info_loongarch64),
	ROW(thread_info_mips),
	ROW(thread_info_ppc64),
	ROW(thread_info_riscv64),
	ROW(thread_info_s390),
	ROW(thread_info_x86),
	ROW(thread_sas),
	ROW(timens),
	ROW(timerfd),
	ROW(timespec),
	ROW(timeval),
	ROW(tty_data),
	ROW(tty_file),
	ROW(tty_info),
	ROW(tty_pty),
	ROW(tun_link),
	ROW(tunfile),
	ROW(uid_gid_extent),
	ROW(unix_sk),
	ROW(user_aarch64_fpsimd_context),
	ROW(user_aarch64_regs),
	ROW(user_desc_t),
	ROW(user_x86_cet),
	ROW(user_x86_fpregs),
	ROW(user_x86_regs),
	ROW(user_x86_xsave),
	ROW(userns),
	ROW(utsns),
	ROW(vma),
	ROW(winsize),
#undef ROW
};

/* The messages that a check is in, the outermost first. */
struct walk {
	enum criu_schema in[DEPTH_MAX];
	unsigned depth;
	char *flaw;
};

static int tell(const struct walk *w, const char *why, uint32_t member)
{
	const unsigned from = w->depth > 3 ? w->depth - 3 : 0;
	size_t used = 0;

	w->flaw[0] = '\0';
	for (unsigned i = from; i < w->depth && used < CRIU_FLAW_MAX; i++)
		used += (size_t)snprintf(w->flaw + used, CRIU_FLAW_MAX - used, "%s%s",
					 i > from ? "." : "", schemas[w->in[i]].name);
	if (used < CRIU_FLAW_MAX && member)
		snprintf(w->flaw + used, CRIU_FLAW_MAX - used, ": member %u %s", member, why);
	else if (used < CRIU_FLAW_MAX)
		snprintf(w->flaw + used, CRIU_FLAW_MAX - used, ": %s", why);
	return -1;
}

static bool fits(uint16_t field, enum wire_type type)
{
	switch (field & TYPES) {
	case NUM:
		return type == WIRE_VARINT || (type == WIRE_LEN && field & MANY);
	case I64:
		return type == WIRE_I64 || (type == WIRE_LEN && field & MANY);
	case I32:
		return type == WIRE_I32 || (type == WIRE_LEN && field & MANY);
	default:
		return type == WIRE_LEN;
	}
}

static int check(struct walk *w, enum criu_schema which, struct cursor c);

static int check_field(struct walk *w, const struct schema *s, const struct wire_field *f)
{
	const uint16_t field = f->number < s->n ? s->fields[f->number] : 0;

	if (!field)
		return 0;
	if (!fits(field, f->type))
		return tell(w, "is of another kind", f->number);
	return (field & TYPES) == INNER ? check(w, (enum criu_schema)(field >> 8), f->bytes) : 0;
}

static int check(struct walk *w, enum criu_schema which, struct cursor c)
{
	const struct schema *s = &schemas[which];
	uint64_t seen = 0;
	struct wire_field f;
	int rc;

	if (w->depth == DEPTH_MAX)
		return tell(w, "holds too many messages in each other", 0);
	w->in[w->depth++] = which;
	while ((rc = wire_next(&c, &f)) > 0) {
		rc = check_field(w, s, &f);
		if (rc < 0)
			return rc;
		if (f.number < s->n)
			seen |= 1ull << f.number;
	}
	if (rc < 0)
		return tell(w, "is no message", 0);
	for (uint32_t i = 1; i < s->n; i++)
		if (s->fields[i] & NEED && !(seen & 1ull << i))
			return tell(w, "is missing", i);
	w->depth--;
	return 0;
}

int criu_schema_check(enum criu_schema which, struct cursor message, char ret_flaw[CRIU_FLAW_MAX])
{
	struct walk w = { .flaw = ret_flaw };

	return check(&w, which, message);
}

int criu_number(struct cursor message, const uint8_t *path, uint64_t *ret)
{
	struct wire_field f;
	int found = 0;

	while (wire_next(&message, &f) > 0) {
		if (f.number != path[0])
			continue;
		if (path[1] && f.type == WIRE_LEN)
			found |= criu_number(f.bytes, path + 1, ret);
		if (path[1] || f.type != WIRE_VARINT)
			continue;
		*ret = f.value;
		found = 1;
	}
	return found;
}

int criu_next_number(struct cursor *c, struct cursor *packed, uint32_t member, uint64_t *ret)
{
	struct wire_field f;

	while (!packed->left) {
		if (wire_next(c, &f) <= 0)
			return 0;
		if (f.number != member)
			continue;
		if (f.type == WIRE_VARINT) {
			*ret = f.value;
			return 1;
		}
		if (f.type == WIRE_LEN)
			*packed = f.bytes;
	}
	if (wire_varint(packed, ret))
		return 1;
	packed->left = 0;
	return 0;
}

int criu_next_message(struct cursor *c, uint32_t member, struct cursor *ret)
{
	struct wire_field f;

	while (wire_next(c, &f) > 0)
		if (f.number == member && f.type == WIRE_LEN) {
			*ret = f.bytes;
			return 1;
		}
	return 0;
}

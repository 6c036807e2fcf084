/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What CRIU's own parser asks of a record: the members a message must have, and the kind of each
 * that it may have (the .proto files in CRIU's images/). A record that breaks this ends a restore.
 * Members that are not known here are a later CRIU's and fine.
 */
#ifndef FIRN_FORMAT_CRIU_SCHEMA_H
#define FIRN_FORMAT_CRIU_SCHEMA_H

#include "base/cursor.h"

/* Messages by CRIU's names, less "_entry"; ipc_msg_entry is a queue. */
enum criu_schema {
	CRIU_SCHEMA_any, /* a message, and nothing is known of it */
	CRIU_SCHEMA_aa_namespace,
	CRIU_SCHEMA_aa_policy,
	CRIU_SCHEMA_aio_ring,
	CRIU_SCHEMA_apparmor,
	CRIU_SCHEMA_autofs,
	CRIU_SCHEMA_binfmt_misc,
	CRIU_SCHEMA_bpfmap_data,
	CRIU_SCHEMA_bpfmap_file,
	CRIU_SCHEMA_cg_controller,
	CRIU_SCHEMA_cg_member,
	CRIU_SCHEMA_cg_set,
	CRIU_SCHEMA_cgroup_dir,
	CRIU_SCHEMA_cgroup,
	CRIU_SCHEMA_cgroup_perms,
	CRIU_SCHEMA_cgroup_prop,
	CRIU_SCHEMA_core,
	CRIU_SCHEMA_cpuinfo,
	CRIU_SCHEMA_cpuinfo_ppc64,
	CRIU_SCHEMA_cpuinfo_s390,
	CRIU_SCHEMA_cpuinfo_x86,
	CRIU_SCHEMA_creds,
	CRIU_SCHEMA_dump_stats,
	CRIU_SCHEMA_eventfd_file,
	CRIU_SCHEMA_eventpoll_file,
	CRIU_SCHEMA_eventpoll_tfd,
	CRIU_SCHEMA_ext_file,
	CRIU_SCHEMA_fanotify_file,
	CRIU_SCHEMA_fanotify_inode_mark,
	CRIU_SCHEMA_fanotify_mark,
	CRIU_SCHEMA_fanotify_mount_mark,
	CRIU_SCHEMA_fdinfo,
	CRIU_SCHEMA_fh,
	CRIU_SCHEMA_fifo,
	CRIU_SCHEMA_file,
	CRIU_SCHEMA_file_lock,
	CRIU_SCHEMA_file_perms,
	CRIU_SCHEMA_fown,
	CRIU_SCHEMA_fs,
	CRIU_SCHEMA_ghost_chunk,
	CRIU_SCHEMA_ghost_file,
	CRIU_SCHEMA_inet_sk,
	CRIU_SCHEMA_inotify_file,
	CRIU_SCHEMA_inotify_wd,
	CRIU_SCHEMA_inventory,
	CRIU_SCHEMA_ip_opts,
	CRIU_SCHEMA_ip_opts_raw,
	CRIU_SCHEMA_ipc_desc,
	CRIU_SCHEMA_ipc_msg,
	CRIU_SCHEMA_ipc_msg_queue,
	CRIU_SCHEMA_ipc_sem,
	CRIU_SCHEMA_ipc_shm,
	CRIU_SCHEMA_ipc_var,
	CRIU_SCHEMA_irmap_cache,
	CRIU_SCHEMA_itimer,
	CRIU_SCHEMA_macvlan_link,
	CRIU_SCHEMA_memfd_file,
	CRIU_SCHEMA_memfd_inode,
	CRIU_SCHEMA_mm,
	CRIU_SCHEMA_mnt,
	CRIU_SCHEMA_net_device,
	CRIU_SCHEMA_netlink_sk,
	CRIU_SCHEMA_netns,
	CRIU_SCHEMA_netns_id,
	CRIU_SCHEMA_ns_file,
	CRIU_SCHEMA_pac_address_keys,
	CRIU_SCHEMA_pac_generic_keys,
	CRIU_SCHEMA_pac_keys,
	CRIU_SCHEMA_packet_mclist,
	CRIU_SCHEMA_packet_ring,
	CRIU_SCHEMA_packet_sock,
	CRIU_SCHEMA_pagemap_head,
	CRIU_SCHEMA_pidfd,
	CRIU_SCHEMA_pidns,
	CRIU_SCHEMA_pipe_data,
	CRIU_SCHEMA_pipe,
	CRIU_SCHEMA_plugins,
	CRIU_SCHEMA_posix_timer,
	CRIU_SCHEMA_pstree,
	CRIU_SCHEMA_reg_file,
	CRIU_SCHEMA_remap_file_path,
	CRIU_SCHEMA_restore_stats,
	CRIU_SCHEMA_rlimit,
	CRIU_SCHEMA_rseq,
	CRIU_SCHEMA_sa,
	CRIU_SCHEMA_scm,
	CRIU_SCHEMA_seccomp,
	CRIU_SCHEMA_seccomp_filter,
	CRIU_SCHEMA_siginfo,
	CRIU_SCHEMA_signal_queue,
	CRIU_SCHEMA_signalfd,
	CRIU_SCHEMA_sit,
	CRIU_SCHEMA_sk_opts,
	CRIU_SCHEMA_sk_packet,
	CRIU_SCHEMA_stats,
	CRIU_SCHEMA_sysctl,
	CRIU_SCHEMA_task_core,
	CRIU_SCHEMA_task_kobj_ids,
	CRIU_SCHEMA_task_rlimits,
	CRIU_SCHEMA_task_timers,
	CRIU_SCHEMA_tcp_opts,
	CRIU_SCHEMA_tcp_stream,
	CRIU_SCHEMA_termios,
	CRIU_SCHEMA_thread_core,
	CRIU_SCHEMA_thread_info_aarch64,
	CRIU_SCHEMA_thread_info_arm,
	CRIU_SCHEMA_thread_info_loongarch64,
	CRIU_SCHEMA_thread_info_mips,
	CRIU_SCHEMA_thread_info_ppc64,
	CRIU_SCHEMA_thread_info_riscv64,
	CRIU_SCHEMA_thread_info_s390,
	CRIU_SCHEMA_thread_info_x86,
	CRIU_SCHEMA_thread_sas,
	CRIU_SCHEMA_timens,
	CRIU_SCHEMA_timerfd,
	CRIU_SCHEMA_timespec,
	CRIU_SCHEMA_timeval,
	CRIU_SCHEMA_tty_data,
	CRIU_SCHEMA_tty_file,
	CRIU_SCHEMA_tty_info,
	CRIU_SCHEMA_tty_pty,
	CRIU_SCHEMA_tun_link,
	CRIU_SCHEMA_tunfile,
	CRIU_SCHEMA_uid_gid_extent,
	CRIU_SCHEMA_unix_sk,
	CRIU_SCHEMA_user_aarch64_fpsimd_context,
	CRIU_SCHEMA_user_aarch64_regs,
	CRIU_SCHEMA_user_desc_t,
	CRIU_SCHEMA_user_x86_cet,
	CRIU_SCHEMA_user_x86_fpregs,
	CRIU_SCHEMA_user_x86_regs,
	CRIU_SCHEMA_user_x86_xsave,
	CRIU_SCHEMA_userns,
	CRIU_SCHEMA_utsns,
	CRIU_SCHEMA_vma,
	CRIU_SCHEMA_winsize,
};

#define CRIU_FLAW_MAX 160

/* 0, or -1 and what is wrong: "task_core.timers: member 3 is missing". */
int criu_schema_check(enum criu_schema which, struct cursor message, char ret_flaw[CRIU_FLAW_MAX]);

/*
 * The number at @path, member numbers from the outer message to the inner, ended by 0: 1, or 0 when
 * it isn't there. Of several the last counts, as in CRIU's parser.
 */
int criu_number(struct cursor message, const uint8_t *path, uint64_t *ret);
#define CRIU_PATH(...) ((const uint8_t[]){ __VA_ARGS__, 0 })

/*
 * The next number of a member that may come often (packed ones too): 1 and the number, 0 behind the
 * last. @c is the message at first and moves on; @packed is zeroed at first.
 */
int criu_next_number(struct cursor *c, struct cursor *packed, uint32_t member, uint64_t *ret);

/* The next message that is the member @member: 1, or 0 behind the last. @c moves on. */
int criu_next_message(struct cursor *c, uint32_t member, struct cursor *ret);

#endif

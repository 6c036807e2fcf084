/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What CRIU's restore wants of the kernel, asked by trying it without doing anything. */
#include "check/host.h"

#include "base/fd.h"
#include "format/annotations.h"
#include "format/criu_task.h"
#include "format/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define NAME "kernel"

#define CAP_CHECKPOINT_RESTORE_BIT 40 /* include/uapi/linux/capability.h, Linux 5.9 */
#define TOO_MANY_PIDS              33 /* kernel/pid_namespace.c: MAX_PID_NS_LEVEL and one more */

static bool has_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	return data[0].effective & 1u << CAP_SYS_ADMIN ||
	       data[1].effective & 1u << (CAP_CHECKPOINT_RESTORE_BIT - 32);
}

/*
 * Processes get the pids that they had. A kernel that knows clone3's set_tid finds too many of them
 * invalid before it does anything; an older one finds the struct too long.
 */
static bool has_set_tid(const struct check_input *in)
{
	const pid_t pids[TOO_MANY_PIDS] = { 1 };
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)pids,
		.set_tid_size = TOO_MANY_PIDS,
	};

	if (syscall(SYS_clone3, &args, sizeof(args)) < 0 && errno == EINVAL)
		return true;
	return !in->host && access("/proc/sys/kernel/ns_last_pid", W_OK) == 0;
}

/* CONFIG_CHECKPOINT_RESTORE: the layout of a process' memory can be set. */
static bool has_set_mm(void)
{
	unsigned size = 0;

	return prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) == 0 && size != 0;
}

static bool has_seccomp(void)
{
	return prctl(PR_GET_SECCOMP) >= 0;
}

static bool has_memfd(void)
{
	_fd_ int fd = (int)syscall(SYS_memfd_create, "firn-check", 1u /* MFD_CLOEXEC */);

	return fd >= 0;
}

static bool has_kcmp(void)
{
	const pid_t pid = getpid();

	return syscall(SYS_kcmp, pid, pid, 1 /* KCMP_VM */, 0, 0) == 0;
}

static bool has_userfaultfd(void)
{
	_fd_ int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	return fd >= 0;
}

/* CRIU holds the processes with ptrace until they are complete. */
static bool has_ptrace(void)
{
	const pid_t pid = fork();
	bool yes;

	if (pid < 0)
		return true; /* another one's fault */
	if (pid == 0)
		for (;;)
			pause();
	yes = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0;
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return yes;
}

static int find_seccomp(const struct criu_process *p, void *ctx, struct firn_error *err)
{
	struct {
		struct criu_images *images;
		bool found;
	} *s = ctx;
	struct criu_core core;
	int rc = s->found ? 0 : criu_core_read(s->images, p->pid, &core, err);

	if (rc <= 0)
		return rc;
	s->found = core.seccomp == CRIU_SECCOMP_FILTER;
	criu_core_done(&core);
	return 0;
}

static int probe_seccomp(const struct check_input *in, struct check_report *r,
			 struct firn_error *err)
{
	struct {
		struct criu_images *images;
		bool found;
	} s = { in->images, false };
	int rc = criu_each_process(in->images, find_seccomp, &s, err);

	if (rc == 0 && s.found && !has_seccomp())
		check_add(r, CHECK_FAIL, NAME, "a kernel with CONFIG_SECCOMP_FILTER",
			  "processes have seccomp filters, which this kernel doesn't know");
	return rc;
}

static void probe(const struct check_input *in, struct check_report *r)
{
	if (!has_capabilities())
		check_add(r, CHECK_FAIL, NAME, "run it as root",
			  "CRIU needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE");
	else if (!has_set_tid(in))
		check_add(r, CHECK_FAIL, NAME, "a kernel from 5.5 on",
			  "processes can't be given the pids that they had");
	if (!has_set_mm())
		check_add(r, CHECK_FAIL, NAME, "a kernel with CONFIG_CHECKPOINT_RESTORE",
			  "the layout of a process' memory can't be set");
	if (!has_memfd())
		check_add(r, CHECK_FAIL, NAME, "a kernel with CONFIG_MEMFD_CREATE",
			  "memfd_create doesn't work");
	if (!has_kcmp())
		check_add(r, CHECK_WARNING, NAME, "a kernel with CONFIG_KCMP",
			  "kcmp doesn't work: what is restored can't be dumped again");
	if ((in->flags & CHECK_LAZY) && !has_userfaultfd())
		check_add(r, CHECK_FAIL, NAME, "a kernel with CONFIG_USERFAULTFD, or not --lazy",
			  "pages can't be brought later: userfaultfd doesn't work");
	if (!(in->flags & CHECK_QUICK) && !has_ptrace())
		check_add(r, CHECK_FAIL, NAME, "kernel.yama.ptrace_scope below 3",
			  "a process can't be traced");
}

static unsigned release_number(const char *release)
{
	unsigned major, minor;

	return sscanf(release, "%3u.%3u", &major, &minor) == 2 ? major * 1000 + minor : 0;
}

static void tell_release(const char *here, const char *there, struct check_report *r)
{
	const unsigned now = release_number(here), then = there ? release_number(there) : 0;

	if (now && then > now)
		check_add(
		    r, CHECK_WARNING, NAME, NULL,
		    "Linux %s is older than the %s of the dump, whose processes may have what "
		    "it doesn't know",
		    here, there);
	else if (there && *there)
		check_add(r, CHECK_OK, NAME, NULL, "Linux %s has what CRIU needs; it was %s", here,
			  there);
	else
		check_add(r, CHECK_OK, NAME, NULL, "Linux %s has what CRIU needs", here);
}

int check_kernel(const struct check_input *in, struct check_report *r, struct firn_error *err)
{
	const size_t failed = check_count(r, CHECK_FAIL);
	const char *there;
	struct utsname name;
	struct origin o;
	int rc = check_origin(in, &o, err);

	if (rc < 0)
		return rc;
	if (uname(&name) < 0)
		return firn_fail_errno(err, "uname");
	probe(in, r);
	rc = probe_seccomp(in, r, err);
	if (rc < 0)
		return rc;
	there = check_annotation(in, ORG_CRIU_HOST_KERNEL);
	if (check_count(r, CHECK_FAIL) == failed)
		tell_release(name.release, o.kernel[0] ? o.kernel : there, r);
	return 0;
}

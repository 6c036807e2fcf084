/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/host.h"

#include "base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name; /* in cgroup.controllers and /proc/cgroups */
	enum spec_host bit;
} controllers[] = {
	{ "cpu", SPEC_HOST_CPU },       { "cpuset", SPEC_HOST_CPUSET },
	{ "memory", SPEC_HOST_MEMORY }, { "pids", SPEC_HOST_PIDS },
	{ "io", SPEC_HOST_IO },         { "blkio", SPEC_HOST_IO },
	{ "rdma", SPEC_HOST_RDMA },     { "hugetlb", SPEC_HOST_HUGETLB },
};

static char *read_text(const char *path)
{
	_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;

	if (fd < 0 || fd_read_all(fd, 65536, &text, NULL, NULL) < 0)
		return NULL;
	return text;
}

static unsigned controller_bit(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
		if (strlen(controllers[i].name) == len &&
		    memcmp(controllers[i].name, name, len) == 0)
			return controllers[i].bit;
	return 0;
}

/*
 * cgroup2 lists what its root can hand out (Documentation/admin-guide/cgroup-v2.rst). Without one
 * at its usual place the controllers are version 1 hierarchies, mounted by their names.
 */
static unsigned cgroup_facts(void)
{
	_free_ char *list = read_text("/sys/fs/cgroup/cgroup.controllers");
	unsigned bits = 0;

	if (list) {
		for (char *at = list; *at; at += strspn(at, " \n")) {
			const size_t len = strcspn(at, " \n");

			bits |= controller_bit(at, len);
			at += len;
		}
		return bits;
	}
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/cgroup.procs", controllers[i].name);
		if (access(path, F_OK) == 0)
			bits |= controllers[i].bit;
	}
	return bits;
}

unsigned host_facts(void)
{
	_free_ char *apparmor = read_text("/sys/module/apparmor/parameters/enabled");
	unsigned bits = cgroup_facts();

	if (apparmor && *apparmor == 'Y')
		bits |= SPEC_HOST_APPARMOR;
	if (access("/sys/fs/selinux/enforce", F_OK) == 0)
		bits |= SPEC_HOST_SELINUX;
	return bits;
}

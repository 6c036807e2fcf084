/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/host.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/oci.h"
#include "format/origin.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

const struct check check_host[] = {
	{ "architecture", check_architecture },
	{ "cpu", check_cpu },
	{ "kernel", check_kernel },
	{ "namespaces", check_namespaces },
	{ "criu", check_criu },
	{ "runtime", check_runtime },
	{ "cgroup", check_cgroup },
	{ "lsm", check_lsm },
	{ "memory", check_memory },
	{ "disk", check_disk },
	{ NULL, NULL },
};

static const char *host_path(const struct check_input *in, const char *path,
			     char ret[PATH_MEMBER_MAX + 1])
{
	snprintf(ret, PATH_MEMBER_MAX + 1, "%s%s", in->host ? in->host : "", path);
	return ret;
}

bool host_read(const struct check_input *in, const char *path, char *ret, size_t room)
{
	char whole[PATH_MEMBER_MAX + 1];
	_fd_ int fd = open(host_path(in, path, whole), O_RDONLY | O_CLOEXEC);
	const ssize_t got = fd < 0 ? -1 : fd_read(fd, ret, room - 1, NULL);

	ret[got < 0 ? 0 : got] = '\0';
	return got >= 0;
}

bool host_has(const struct check_input *in, const char *path)
{
	char whole[PATH_MEMBER_MAX + 1];

	return access(host_path(in, path, whole), F_OK) == 0;
}

const char *check_annotation(const struct check_input *in, const char *key)
{
	const struct checkpoint_image *image = members_image(in->m);

	return image ? oci_annotation(image->checkpoint.manifest.json, key) : NULL;
}

unsigned check_version(const char *text)
{
	unsigned major, minor, sub = 0;

	if (!text || sscanf(text, "%3u.%2u.%2u", &major, &minor, &sub) < 2)
		return 0;
	return CHECK_VERSION(major, minor, sub);
}

int check_origin(const struct check_input *in, struct origin *ret, struct firn_error *err)
{
	struct origin o = { 0 };

	for (size_t i = 0; i < members_count(in->m) && !o.kernel[0]; i++) {
		const struct member f = members_at(in->m, i);
		_cleanup_(source_closep) struct source *src = NULL;
		uint8_t head[ORIGIN_PEEK_BYTES];
		ssize_t got;
		int rc;

		if (f.kind != MEMBER_FILE || !members_wanted(f.path) ||
		    strcmp(path_basename(f.path), "dump.log") != 0)
			continue;
		rc = members_source(in->m, f.path, &src, err);
		got = rc > 0 ? source_pread(src, head, sizeof(head), 0, err) : rc;
		if (got < 0)
			return (int)got;
		origin_look(&o, f.path, head, (size_t)got);
	}
	*ret = o;
	return 0;
}

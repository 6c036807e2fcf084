/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/look.h"

#include "base/fd.h"
#include "format/checkpoint.h"
#include "format/config_dump.h"
#include "format/ctr.h"
#include "format/spec.h"
#include "node/bundle.h"
#include "node/images.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int open_folder(const char *dir, struct firn_error *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? firn_fail_errno(err, "%s", dir) : fd;
}

/* 1 and the file's text, 0 when it isn't there. */
static int read_file(int folder, const char *name, size_t max, char **ret, size_t *ret_len,
		     struct firn_error *err)
{
	_fd_ int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : firn_fail_errno(err, "%s", name);
	rc = fd_read_all(fd, max, ret, ret_len, err);
	return rc < 0 ? firn_wrap(err, rc, "%s", name) : 1;
}

int look_at(const char *dir, struct look *ret, struct firn_error *err)
{
	_fd_ int folder = open_folder(dir, err), images = -1;
	_free_ char *config = NULL;
	struct criu_info info;
	struct look look = { 0 };
	size_t len = 0;
	int rc;

	if (folder < 0)
		return folder;
	images = openat(folder, BUNDLE_IMAGES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (images < 0)
		return firn_fail_errno(err, "CRIU images");
	if ((rc = images_inspect(images, &info, err)) < 0 ||
	    (rc = images_check_pages(folder, err)) < 0)
		return rc;
	look.container = info.container;
	rc = read_file(folder, BUNDLE_CONFIG, SPEC_BYTES_MAX, &config, &len, err);
	look.config = rc > 0;
	if (rc > 0)
		rc = spec_has_terminal(config, len, err);
	if (rc < 0)
		return rc;
	look.terminal = rc > 0;
	*ret = look;
	return 0;
}

/* 1 and the name that the engine's own document has, 0 when there is none. */
static int name_in_config(int folder, char **ret, struct firn_error *err)
{
	_cleanup_(config_dump_done) struct config_dump config = { 0 };
	_free_ char *text = NULL;
	size_t len = 0;
	int rc = read_file(folder, CHECKPOINT_CONFIG, CONFIG_DUMP_MAX, &text, &len, err);

	if (rc <= 0 || (rc = config_dump_parse(text, len, &config, err)) < 0 || !config.name)
		return rc < 0 ? rc : 0;
	*ret = strdup(config.name);
	return *ret ? 1 : firn_fail_oom(err, "container's name");
}

/* Likewise for containerd without the CRI, which has nothing but its spec. */
static int name_in_spec(int folder, char **ret, struct firn_error *err)
{
	_json_ json_t *spec = NULL;
	_free_ char *text = NULL;
	const char *name;
	size_t len = 0;
	int rc = read_file(folder, CHECKPOINT_SPEC, SPEC_BYTES_MAX, &text, &len, err);

	if (rc <= 0 || (rc = json_parse(text, len, &spec, err)) < 0)
		return rc;
	name = ctr_container(spec);
	if (!name)
		return 0;
	*ret = strdup(name);
	return *ret ? 1 : firn_fail_oom(err, "container's name");
}

int look_for_name(const char *dir, char **ret, struct firn_error *err)
{
	_fd_ int folder = open_folder(dir, err);
	int rc = folder;

	if (rc >= 0)
		rc = name_in_config(folder, ret, err);
	if (rc == 0)
		rc = name_in_spec(folder, ret, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return firn_fail(err, FIRN_EINVAL,
			 "the checkpoint doesn't name its container: give a name");
}

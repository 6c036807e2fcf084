/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/checkpoint.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	enum checkpoint_role role;
} members[] = {
	{ CHECKPOINT_CONFIG, CHECKPOINT_DOCUMENT },   { CHECKPOINT_SPEC, CHECKPOINT_DOCUMENT },
	{ "status.dump", CHECKPOINT_DOCUMENT },       { "network.status", CHECKPOINT_DOCUMENT },
	{ CHECKPOINT_DELETIONS, CHECKPOINT_DELETED }, { CHECKPOINT_ROOTFS, CHECKPOINT_DIFF },
};

/* criu/include/criu-log.h DEFAULT_LOG_FILENAME ("criu.log" without -o), criu/stats.c, and what
 * runc and crun pass to -o. */
static const char *const logs[] = {
	"dump.log", "restore.log", "criu.log", "stats-dump", "stats-restore",
};

/* The others that engines write: Podman, CRI-O, containerd (formats of their archives). */
static const char *const others[] = {
	"artifacts",
	"bind.mounts",
	"container.log",
	"ctr.log",
	"devshm-checkpoint.tar",
	"dump.log",
	"io.kubernetes.cri-o.LogPath",
	"pod.dump",
	"pod.options",
	"stats-dump",
	"status",
	"volumes",
};

enum checkpoint_role checkpoint_classify(const char *path)
{
	const unsigned dump = checkpoint_dump(path);

	if (dump)
		return dump == CHECKPOINT_DUMPS_MAX ? CHECKPOINT_IMAGE : CHECKPOINT_PREDUMP;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (strcmp(path, members[i].name) == 0)
			return members[i].role;
	return CHECKPOINT_OTHER;
}

bool checkpoint_is_member(const char *name)
{
	if (checkpoint_classify(name) != CHECKPOINT_OTHER)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	return false;
}

/* ".2" to ".31", in the one way to write them. */
static unsigned predump_number(const char *text, size_t len)
{
	unsigned n = 0;

	if (len == 0)
		return 1;
	if (*text != '.' || len < 2 || len > 3 || text[1] == '0')
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		n = 10 * n + (unsigned)(text[i] - '0');
	}
	return n >= 2 && n < CHECKPOINT_DUMPS_MAX ? n : 0;
}

unsigned checkpoint_dump(const char *path)
{
	const size_t len = strcspn(path, "/"), before = strlen(CHECKPOINT_PREDUMP_DIR);

	if (len == strlen(CHECKPOINT_IMAGES_DIR) && strncmp(path, CHECKPOINT_IMAGES_DIR, len) == 0)
		return CHECKPOINT_DUMPS_MAX;
	if (len < before || strncmp(path, CHECKPOINT_PREDUMP_DIR, before) != 0)
		return 0;
	return predump_number(path + before, len - before);
}

const char *checkpoint_dump_name(unsigned number, char ret[CHECKPOINT_DUMP_NAME_MAX])
{
	if (number == CHECKPOINT_DUMPS_MAX)
		strcpy(ret, CHECKPOINT_IMAGES_DIR);
	else if (number == 1)
		strcpy(ret, CHECKPOINT_PREDUMP_DIR);
	else
		snprintf(ret, CHECKPOINT_DUMP_NAME_MAX, CHECKPOINT_PREDUMP_DIR ".%u", number % 100);
	return ret;
}

unsigned checkpoint_parent(const char *path, const char *target)
{
	const unsigned dump = checkpoint_dump(path);
	const char *name = strchr(path, '/');
	unsigned parent;

	if (!dump || !name || strcmp(name + 1, CHECKPOINT_PARENT) != 0 ||
	    strncmp(target, "../", 3) != 0 || strchr(target + 3, '/'))
		return 0;
	parent = checkpoint_dump(target + 3);
	return parent < dump ? parent : 0;
}

bool checkpoint_is_log(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(logs); i++)
		if (strcmp(path, logs[i]) == 0)
			return true;
	return false;
}

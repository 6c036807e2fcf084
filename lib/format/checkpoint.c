/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/checkpoint.h"

#include "base/error.h"

#include <string.h>

static const struct {
	const char *name;
	enum checkpoint_role role;
} members[] = {
	{ CHECKPOINT_IMAGES_DIR, CHECKPOINT_IMAGE },  { "pre-checkpoint", CHECKPOINT_PREDUMP },
	{ CHECKPOINT_CONFIG, CHECKPOINT_DOCUMENT },   { CHECKPOINT_SPEC, CHECKPOINT_DOCUMENT },
	{ "status.dump", CHECKPOINT_DOCUMENT },       { "network.status", CHECKPOINT_DOCUMENT },
	{ CHECKPOINT_DELETIONS, CHECKPOINT_DELETED }, { CHECKPOINT_ROOTFS, CHECKPOINT_DIFF },
};

/* criu/include/criu-log.h DEFAULT_LOG_FILENAME ("criu.log" without -o), criu/stats.c, and what
 * runc and crun pass to -o. */
static const char *const logs[] = {
	"dump.log", "restore.log", "criu.log", "stats-dump", "stats-restore",
};

enum checkpoint_role checkpoint_classify(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const size_t len = strlen(members[i].name);
		const bool folder =
		    members[i].role == CHECKPOINT_IMAGE || members[i].role == CHECKPOINT_PREDUMP;

		if (strncmp(path, members[i].name, len) == 0 &&
		    (path[len] == '\0' || (folder && path[len] == '/')))
			return members[i].role;
	}
	return CHECKPOINT_OTHER;
}

bool checkpoint_is_log(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(logs); i++)
		if (strcmp(path, logs[i]) == 0)
			return true;
	return false;
}

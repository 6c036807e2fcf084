/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "members/images.h"

#include "base/path.h"
#include "format/checkpoint.h"

#include <stdio.h>
#include <string.h>

static int open_image(struct criu_images *base, const char *name, struct source **ret,
		      struct firn_error *err)
{
	const struct member_images *images = (const struct member_images *)base;
	char path[MEMBER_FOLDER_MAX + PATH_NAME_MAX + 1];

	if (snprintf(path, sizeof(path), "%s%s%s", images->folder, *images->folder ? "/" : "",
		     name) >= (int)sizeof(path))
		return 0;
	return members_source(images->members, path, ret, err);
}

void member_images_init(struct member_images *images, struct members *m, const char *folder)
{
	*images = (struct member_images){ { open_image }, m, folder };
}

int member_images_parent(const struct members *m, const char *folder, char ret[MEMBER_FOLDER_MAX])
{
	char path[MEMBER_FOLDER_MAX + sizeof(CHECKPOINT_PARENT) + 1];
	struct member link;
	const char *target;

	snprintf(path, sizeof(path), "%s/%s", folder, CHECKPOINT_PARENT);
	if (!members_find(m, path, &link) || link.kind != MEMBER_LINK)
		return 0;
	target = link.target;
	/* Dumps lie side by side: ../NAME is all that a link may say. */
	if (strncmp(target, "../", 3) != 0 || strchr(target + 3, '/') ||
	    strlen(target + 3) >= MEMBER_FOLDER_MAX || strchr(folder, '/'))
		return 0;
	strcpy(ret, target + 3);
	return 1;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CRIU's images among the members, for lib/format/criu*.h. */
#ifndef FIRN_MEMBERS_IMAGES_H
#define FIRN_MEMBERS_IMAGES_H

#include "base/path.h"
#include "format/criu.h"
#include "members/members.h"

struct member_images {
	struct criu_images base;
	struct members *members;
	const char *folder; /* "checkpoint", "" is the root */
};

/* All are borrowed. An image that was passed over in a compressed archive is -FIRN_EUNSUPP. */
void member_images_init(struct member_images *images, struct members *m, const char *folder);

#define MEMBER_FOLDER_MAX (PATH_NAME_MAX + 1)

/*
 * The dump before the one in @folder, which the link "parent" there names: 1 and its folder, or 0
 * when there is none. @folder and @ret may be the same.
 */
int member_images_parent(const struct members *m, const char *folder, char ret[MEMBER_FOLDER_MAX]);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A checkpoint in an engine's own folder has no config.dump. What firn has to know of it is around:
 * in config.json, and for Podman in containers.json of its storage (containers/storage:
 * overlay-containers/containers.json, beside ID/userdata).
 */
#ifndef FIRN_LOCATE_IN_PLACE_H
#define FIRN_LOCATE_IN_PLACE_H

#include "bytes/json.h"

struct in_place {
	const char *name;       /* of the container; these three are borrowed, NULL: unknown */
	const char *image_name; /* of its image */
	const char *image_id;
	json_t *spec;      /* config.json */
	json_t *container; /* its entry in containers.json, NULL when there is none */
	json_t *metadata;  /* what that holds as text */
};

/*
 * Look at the folder @fd. What containers.json doesn't tell stays unknown, whatever is wrong with
 * it; config.json must be good.
 */
int in_place_look(int fd, struct in_place *ret, struct firn_error *err) _must_check_;
void in_place_done(struct in_place *p);

#endif

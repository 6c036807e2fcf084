/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "locate/in_place.h"

#include "base/fd.h"
#include "format/checkpoint.h"
#include "format/config_dump.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define SPEC_MAX       CONFIG_DUMP_MAX
#define CONTAINERS_MAX (16u << 20) /* bytes; a container has some hundreds */
#define CONTAINERS     "../../containers.json"
#define FOLDER_NAME    "userdata"

void in_place_done(struct in_place *p)
{
	json_decref(p->spec);
	json_decref(p->container);
	json_decref(p->metadata);
	*p = (struct in_place){ .container = NULL };
}

static int read_json(int dirfd, const char *name, size_t max, json_t **ret, struct firn_error *err)
{
	_fd_ int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_free_ char *text = NULL;
	size_t len = 0;
	int rc;

	if (fd < 0)
		return firn_fail_errno(err, "%s", name);
	rc = fd_read_all(fd, max, &text, &len, err);
	if (rc >= 0)
		rc = json_parse(text, len, ret, err);
	return firn_wrap(err, rc, "%s", name);
}

/* The container's id: the folder is ".../ID/userdata". "" when it isn't. */
static void find_id(int fd, char ret[NAME_MAX + 1])
{
	char of[FD_PATH_MAX], path[PATH_MAX];
	const ssize_t len = readlink(fd_path(fd, of), path, sizeof(path) - 1);
	char *slash;

	*ret = '\0';
	path[len > 0 ? len : 0] = '\0';
	slash = strrchr(path, '/');
	if (!slash || strcmp(slash + 1, FOLDER_NAME) != 0)
		return;
	*slash = '\0';
	slash = strrchr(path, '/');
	if (slash && strlen(slash + 1) <= NAME_MAX)
		strcpy(ret, slash + 1);
}

static json_t *find_container(const json_t *list, const char *id)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *one = json_array_get(list, i);
		const char *text = json_string_value(json_object_get(one, "id"));

		if (text && strcmp(text, id) == 0)
			return json_incref(one);
	}
	return NULL;
}

/* containers.json: id, names, image (its ID), metadata (text of JSON with "image-name"). */
static void ask_storage(int fd, struct in_place *p)
{
	const char *metadata;
	_json_ json_t *list = NULL;
	char id[NAME_MAX + 1];

	find_id(fd, id);
	if (!*id || read_json(fd, CONTAINERS, CONTAINERS_MAX, &list, NULL) < 0)
		return;
	p->container = find_container(list, id);
	p->name = json_string_value(json_array_get(json_object_get(p->container, "names"), 0));
	p->image_id = json_string_value(json_object_get(p->container, "image"));
	metadata = json_string_value(json_object_get(p->container, "metadata"));
	if (metadata && json_parse(metadata, strlen(metadata), &p->metadata, NULL) == 0)
		p->image_name = json_string_value(json_object_get(p->metadata, "image-name"));
}

int in_place_look(int fd, struct in_place *ret, struct firn_error *err)
{
	json_t *spec = NULL;
	int rc = read_json(fd, CHECKPOINT_BUNDLE_SPEC, SPEC_MAX, &spec, err);

	if (rc < 0)
		return rc;
	*ret = (struct in_place){ .spec = spec };
	ask_storage(fd, ret);
	return 0;
}

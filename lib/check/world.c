/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/world.h"

#include "base/path.h"
#include "format/criu_world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

const struct check check_world[] = {
	{ "mounts", check_mounts },
	{ "files", check_files },
	{ "pids", check_pids },
	{ "connections", check_connections },
	{ "addresses", check_addresses },
	{ "sockets", check_sockets },
	{ "locks", check_locks },
	{ "terminal", check_terminal },
	{ NULL, NULL },
};

void world_done(struct world *w)
{
	for (size_t i = 0; i < w->nmounts; i++) {
		free(w->mounts[i].point);
		free(w->mounts[i].type);
		free(w->mounts[i].root);
		free(w->mounts[i].key);
	}
	for (size_t i = 0; i < w->nbinds; i++)
		free(w->binds[i].resolved);
	for (size_t i = 0; i < w->nexternals; i++)
		free(w->externals[i]);
	free(w->mounts);
	free(w->binds);
	free(w->externals);
	json_decref(w->config);
	*w = (struct world){ 0 };
}

/* A copy of @text, counted. */
static char *keep(struct world *w, const char *text)
{
	w->names += strlen(text) + 1;
	return w->names <= WORLD_NAMES_MAX ? strdup(text) : NULL;
}

static int take_mount(const struct criu_mount *m, void *ctx, struct firn_error *err)
{
	struct world *w = ctx;
	struct world_mount *to;

	if (w->nmounts == WORLD_MOUNTS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d mounts", WORLD_MOUNTS_MAX);
	if (!w->mounts)
		w->mounts = calloc(WORLD_MOUNTS_MAX, sizeof(*w->mounts));
	if (!w->mounts)
		return firn_fail_oom(err, "mounts");
	to = &w->mounts[w->nmounts++];
	*to = (struct world_mount){ .id = m->id, .parent = m->parent };
	to->point = keep(w, m->mountpoint);
	to->type = keep(w, m->type);
	to->root = keep(w, m->root);
	to->key = m->external ? keep(w, m->external) : NULL;
	if (!to->point || !to->type || !to->root || (m->external && !to->key))
		return firn_fail(err, FIRN_ELIMIT, "more than %u bytes of mounts' names",
				 WORLD_NAMES_MAX);
	return 0;
}

static int load_mounts(struct world *w, struct firn_error *err)
{
	const struct check_input *in = w->in;
	struct criu_ids ids = { 0 };
	int rc;

	if (!(in->dump->own_ns & CRIU_NS_MNT))
		return 0;
	rc = criu_ids_read(in->images, in->dump->root_pid, &ids, err);
	if (rc > 0 && ids.ns[CRIU_NS_AT_MNT])
		rc = criu_each_mount(in->images, ids.ns[CRIU_NS_AT_MNT], take_mount, w, err);
	return rc < 0 ? rc : 0;
}

/* As the runtimes do before they tell CRIU: a place that isn't there yet is made in its folder. */
static char *resolve(const struct check_input *in, const char *path)
{
	_free_ char *plain = strdup(path), *above = NULL;
	_found_ struct found found = FOUND_NONE;
	char *name = NULL, *slash;

	if (!plain)
		return NULL;
	while ((slash = strrchr(plain, '/')) > plain && slash[1] == '\0')
		*slash = '\0';
	if (!found_has_root(in) || slash[1] == '\0')
		return take_ptr(&plain);
	if (found_open(in, plain, &found, NULL) == 1)
		return found_name(in, &found);
	*slash = '\0';
	if (found_open(in, plain, &found, NULL) != 1 || !(above = found_name(in, &found))) {
		*slash = '/';
		return take_ptr(&plain);
	}
	if (asprintf(&name, "%s/%s", strcmp(above, "/") == 0 ? "" : above, slash + 1) < 0)
		return NULL;
	return name;
}

/* runtime-spec config.md, "Mounts": a bind mount is one by its type or by its options. */
static bool is_bind(const json_t *mount)
{
	const char *type = json_string_value(json_object_get(mount, "type"));
	const json_t *option;
	size_t i;

	if (type && strcmp(type, "bind") == 0)
		return true;
	json_array_foreach (json_object_get(mount, "options"), i, option) {
		const char *text = json_string_value(option);

		if (text && (strcmp(text, "bind") == 0 || strcmp(text, "rbind") == 0))
			return true;
	}
	return false;
}

static int load_binds(struct world *w, struct firn_error *err)
{
	const json_t *mounts = json_object_get(w->config, "mounts"), *mount;
	size_t i;

	if (json_array_size(mounts) > WORLD_MOUNTS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d mounts", WORLD_MOUNTS_MAX);
	w->binds = calloc(json_array_size(mounts) + 1, sizeof(*w->binds));
	if (!w->binds)
		return firn_fail_oom(err, "mounts");
	json_array_foreach (mounts, i, mount) {
		const char *source = json_string_value(json_object_get(mount, "source"));
		struct world_bind b = {
			.destination = json_string_value(json_object_get(mount, "destination")),
			.source = is_bind(mount) ? source : NULL,
		};

		if (!b.destination || *b.destination != '/')
			continue;
		b.resolved = resolve(w->in, b.destination);
		w->binds[w->nbinds++] = b;
	}
	return 0;
}

static void find_netns(struct world *w)
{
	const json_t *list = json_object_get(json_object_get(w->config, "linux"), "namespaces"),
		     *ns;
	size_t i;

	json_array_foreach (list, i, ns) {
		const char *type = json_string_value(json_object_get(ns, "type"));

		if (type && strcmp(type, "network") == 0)
			w->netns = json_string_value(json_object_get(ns, "path"));
	}
}

static int load_config(struct world *w, struct firn_error *err)
{
	const struct spec *spec = w->in->spec;
	int rc;

	if (!spec || !spec->json)
		return 0;
	rc = json_parse(spec->json, spec->len, &w->config, err);
	if (rc < 0)
		return firn_wrap(err, rc, "config.json");
	find_netns(w);
	w->masks = json_array_size(
		       json_object_get(json_object_get(w->config, "linux"), "maskedPaths")) > 0;
	return firn_wrap(err, load_binds(w, err), "config.json");
}

int world_load(const struct check_input *in, struct world *w, struct firn_error *err)
{
	const char *name = in->runtime           ? path_basename(in->runtime)
			   : in->dump->container ? "runc"
						 : "criu";
	int rc;

	w->in = in;
	w->flags = in->flags;
	w->runtime = strcmp(name, "criu") == 0   ? WORLD_CRIU
		     : strcmp(name, "crun") == 0 ? WORLD_CRUN
						 : WORLD_RUNC;
	rc = load_mounts(w, err);
	if (rc == 0)
		rc = load_config(w, err);
	return rc < 0 ? rc : world_load_options(w, err);
}

const struct world_mount *world_mount_by_id(const struct world *w, uint32_t id)
{
	for (size_t i = 0; i < w->nmounts; i++)
		if (w->mounts[i].id == id)
			return &w->mounts[i];
	return NULL;
}

/* How much of @path the mount covers: 0, nothing; more is nearer. */
static size_t covers(const struct world_mount *m, const char *path)
{
	const size_t len = strcmp(m->point, "/") == 0 ? 0 : strlen(m->point);

	if (strncmp(path, m->point, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return 0;
	return len + 1;
}

const struct world_mount *world_mount_of(const struct world *w, int32_t id, const char *path)
{
	const struct world_mount *found = id >= 0 ? world_mount_by_id(w, (uint32_t)id) : NULL;
	size_t most = 0;

	for (size_t i = 0; !(id >= 0 && found) && i < w->nmounts; i++) {
		const size_t len = covers(&w->mounts[i], path);

		/* Of several at one place the last one is on top. */
		if (len && len >= most) {
			most = len;
			found = &w->mounts[i];
		}
	}
	return found;
}

static bool is_at(const struct world_bind *b, const char *path)
{
	return strcmp(b->destination, path) == 0 || (b->resolved && strcmp(b->resolved, path) == 0);
}

const struct world_bind *world_bind_at(const struct world *w, const char *path)
{
	/* The last one is what is seen. */
	for (size_t i = w->nbinds; i-- > 0;)
		if (w->binds[i].source && is_at(&w->binds[i], path))
			return &w->binds[i];
	return NULL;
}

static int place_of(int rc)
{
	if (rc < 0)
		return rc;
	return rc == 0 ? WORLD_GONE : rc == FOUND_DENIED ? WORLD_DENIED : WORLD_THERE;
}

/* In a volume, or a file that is made for the container. */
static int find_brought(const struct world *w, const struct world_mount *m, const char *path,
			struct found *ret, struct firn_error *err)
{
	const struct world_bind *bind = world_bind_at(w, m->key);
	const size_t len = strlen(m->point);
	_fd_ int fd = -1;

	/* A hidden file, or a source that only CRIU knows; a file that isn't made yet. */
	if (!bind || strncmp(path, m->point, len) != 0 ||
	    (fd = open(bind->source, O_PATH | O_CLOEXEC)) < 0)
		return WORLD_UNKNOWN;
	if (path[len])
		return place_of(found_open_at(fd, path + len, ret, err));
	*ret = (struct found){ .fd = take_fd(&fd) };
	return WORLD_THERE;
}

/* Of a process in its host's mounts: these belong to the processes and the terminals of now. */
static bool is_of_now(const char *path)
{
	return strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/dev/pts/", 9) == 0 ||
	       strcmp(path, "/dev/tty") == 0 || strcmp(path, "/dev/ptmx") == 0;
}

int world_find(const struct world *w, int32_t mount, const char *path, struct found *ret,
	       struct firn_error *err)
{
	const struct world_mount *m = world_mount_of(w, mount, path);

	if (m && m->key)
		return find_brought(w, m, path, ret, err);
	if (m && strcmp(m->point, "/") != 0)
		return WORLD_CARRIED;
	if (!found_has_root(w->in) || (!w->nmounts && is_of_now(path)))
		return WORLD_UNKNOWN;
	return place_of(found_open(w->in, path, ret, err));
}

static bool is_listed(const json_t *list, const char *member, const char *path)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (list, i, entry) {
		const char *text =
		    json_string_value(member ? json_object_get(entry, member) : entry);

		if (text && strcmp(text, path) == 0)
			return true;
	}
	return false;
}

/*
 * runc (libcontainer/criu_linux.go) calls all files that it hides "/dev/null" and knows devices by
 * their paths; crun (libcrun/criu.c) calls hidden files by theirs.
 */
bool world_has_external(const struct world *w, const char *key)
{
	const json_t *linux_obj = json_object_get(w->config, "linux");

	for (size_t i = 0; i < w->nexternals; i++)
		if (strcmp(w->externals[i], key) == 0)
			return true;
	if (w->runtime == WORLD_CRIU)
		return false;
	if (world_bind_at(w, key))
		return true;
	if (w->runtime == WORLD_CRUN)
		return is_listed(json_object_get(linux_obj, "maskedPaths"), NULL, key);
	return (w->masks && strcmp(key, "/dev/null") == 0) ||
	       is_listed(json_object_get(linux_obj, "devices"), "path", key);
}

bool world_mounts_at(const struct world *w, const char *path)
{
	for (size_t i = 0; i < w->nbinds; i++)
		if (is_at(&w->binds[i], path))
			return true;
	return false;
}

char *world_host_text(const struct check_input *in, const char *path, size_t max)
{
	_free_ char *name = NULL;
	_fd_ int fd = -1;
	char *text = NULL;

	if (asprintf(&name, "%s%s", in->host ? in->host : "", path) < 0) {
		name = NULL;
		return NULL;
	}
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fd_read_all(fd, max, &text, NULL, NULL) < 0)
		return NULL;
	return text;
}

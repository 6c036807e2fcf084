/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The namespaces that processes have of their own, and the mounts in them. */
#include "verify/set.h"

#include "format/criu_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOUNTS_MAX 100000u /* of one namespace: sysctl fs.mount-max */

/* The image that CRIU writes of every namespace of a kind; the others depend on what is in it. */
static const struct {
	unsigned ns;
	const char *family, *what;
} images[] = {
	{ SET_NS_MNT, "mountpoints", "mount" }, { SET_NS_UTS, "utsns", "UTS" },
	{ SET_NS_IPC, "ipcns-var", "IPC" },     { SET_NS_USER, "userns", "user" },
	{ SET_NS_TIME, "timens", "time" },
};

struct mount {
	uint32_t id, parent, device;
	bool whole;    /* of a filesystem, not of a folder in it */
	bool external; /* the engine brings it */
	bool tmpfs;
};

struct mounts {
	struct set *s;
	char name[48];
	struct mount *list;
	size_t n, room;
};

static void mounts_done(struct mounts *m)
{
	free(m->list);
}

static int take_mount(const struct criu_mount *m, void *ctx, struct firn_error *err)
{
	struct mounts *t = ctx;

	if (t->n == MOUNTS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u mounts", MOUNTS_MAX);
	if (t->n == t->room) {
		const size_t room = t->room ? 2 * t->room : 32;
		struct mount *grown = reallocarray(t->list, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "mounts");
		t->list = grown;
		t->room = room;
	}
	t->list[t->n++] = (struct mount){
		.id = m->id,
		.parent = m->parent,
		.device = m->major << 20 | m->minor,
		.whole = strcmp(m->root, "/") == 0,
		.external = m->external != NULL,
		.tmpfs = strcmp(m->type, "tmpfs") == 0,
	};
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct mount *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static const struct mount *find_mount(const struct mounts *t, uint32_t id)
{
	const struct mount key = { .id = id };

	return t->n ? bsearch(&key, t->list, t->n, sizeof(key), by_id) : NULL;
}

/* The root of a namespace is mounted on something that isn't in it. */
static void check_tree(struct mounts *t)
{
	size_t roots = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct mount *m = &t->list[i];

		if (i && m->id == t->list[i - 1].id)
			set_add(t->s, FINDING_FAULT, t->name, "mount-twice",
				"mount %u is there twice", m->id);
		roots += m->parent == m->id || !find_mount(t, m->parent);
	}
	if (t->n && roots != 1)
		set_add(t->s, FINDING_FAULT, t->name, "mount-parent",
			"%zu mounts are on none of the others, only the root may be", roots);
}

/*
 * CRIU keeps what is in a tmpfs that is the container's own. One that the engine brings is its
 * business, in all places where it is mounted.
 */
static int find_external(const struct mounts *t, struct set_numbers *ret, struct firn_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < t->n; i++)
		if (t->list[i].whole && t->list[i].external)
			rc = set_numbers_add(ret, t->list[i].device, err);
	set_numbers_sort(ret, NULL);
	return rc;
}

static int check_tmpfs(struct mounts *t, struct firn_error *err)
{
	_cleanup_(set_numbers_done) struct set_numbers missing = { 0 }, external = { 0 };
	char name[48], old[48];
	int rc = find_external(t, &external, err);

	for (size_t i = 0; rc == 0 && i < t->n; i++) {
		const struct mount *m = &t->list[i];

		if (!m->tmpfs || !m->whole || set_numbers_has(&external, m->device))
			continue;
		snprintf(name, sizeof(name), "tmpfs-dev-%u.tar.gz.img", m->device);
		snprintf(old, sizeof(old), "tmpfs-%u.tar.gz.img", m->id);
		if (!set_has(t->s, name) && !set_has(t->s, old))
			rc = set_numbers_add(&missing, m->device, err);
	}
	set_numbers_sort(&missing, NULL);
	for (size_t i = 0; i < missing.n; i++) {
		snprintf(name, sizeof(name), "tmpfs-dev-%" PRIu64 ".tar.gz.img", missing.list[i]);
		set_missing(t->s, name, "%s has a tmpfs of the container's own", t->name);
	}
	return rc;
}

int set_mounts(struct set *s, uint64_t ns, struct firn_error *err)
{
	_cleanup_(mounts_done) struct mounts t = { .s = s };
	struct firn_error e = { 0 };
	int rc;

	snprintf(t.name, sizeof(t.name), "mountpoints-%" PRIu64 ".img", ns);
	if (set_is_broken(s, t.name))
		return 0;
	rc = criu_each_mount(&s->dumps[0].images.base, (uint32_t)ns, take_mount, &t, &e);
	if (rc == -FIRN_ELIMIT && t.n == MOUNTS_MAX)
		set_add(s, FINDING_FAULT, t.name, "too-many", "%s", e.msg);
	if (rc <= 0)
		return set_read(rc, &e, err);
	if (t.n)
		qsort(t.list, t.n, sizeof(*t.list), by_id);
	if (!t.n)
		set_add(s, FINDING_FAULT, t.name, "image-framing", "has no mount");
	check_tree(&t);
	return check_tmpfs(&t, err);
}

static int check_ns(struct set *s, size_t which, uint64_t id, struct firn_error *err)
{
	char name[48];

	snprintf(name, sizeof(name), "%s-%" PRIu64 ".img", images[which].family, id);
	if (!set_has(s, name)) {
		set_missing(s, name, "processes have a %s namespace of their own",
			    images[which].what);
		return 0;
	}
	return images[which].ns == SET_NS_MNT ? set_mounts(s, id, err) : 0;
}

static int take_netns(struct cursor c, void *ctx, struct firn_error *err)
{
	struct cursor key;

	(void)err;
	*(bool *)ctx = criu_next_message(&c, 8, &key); /* netns_entry.ext_key */
	return 0;
}

/*
 * Of a network namespace that the engine brings, CRIU keeps the key alone, of one that is to be
 * empty (--empty-ns) nothing, of any other its settings, devices, addresses and routes.
 */
static int check_net(struct set *s, uint64_t id, struct firn_error *err)
{
	static const char *const families[] = { "netdev", "ifaddr", "route", "route6", "rule" };
	enum { NEEDED_FAMILIES = 3 };
	char name[48], netns[48];
	bool external = false, any = false;
	struct firn_error e = { 0 };
	int rc;

	for (size_t i = 0; !any && i < ARRAY_SIZE(families); i++) {
		snprintf(name, sizeof(name), "%s-%" PRIu64 ".img", families[i], id);
		any = set_has(s, name);
	}
	snprintf(netns, sizeof(netns), "netns-%" PRIu64 ".img", id);
	rc = set_each(s, netns, take_netns, &external, &e);
	if (rc == 0 && any)
		set_missing(s, netns, "there is a %s", name);
	for (size_t i = 0; rc > 0 && !external && i < NEEDED_FAMILIES; i++) {
		snprintf(name, sizeof(name), "%s-%" PRIu64 ".img", families[i], id);
		if (!set_has(s, name))
			set_missing(s, name, "%s is of a namespace of its own", netns);
	}
	return set_read(rc, &e, err);
}

/* Without the inventory's ids, nobody knows which namespaces are the host's. */
int set_world(struct set *s, struct firn_error *err)
{
	const struct set_numbers *nets = &s->ns[SET_NS_NET];
	int rc = 0;

	for (size_t i = 0; s->has_host && i < ARRAY_SIZE(images); i++) {
		const struct set_numbers *ids = &s->ns[images[i].ns];

		for (size_t k = 0; rc == 0 && k < ids->n; k++)
			if (ids->list[k] && ids->list[k] != s->host_ns[images[i].ns])
				rc = check_ns(s, i, ids->list[k], err);
	}
	for (size_t k = 0; s->has_host && rc == 0 && k < nets->n; k++)
		if (nets->list[k] && nets->list[k] != s->host_ns[SET_NS_NET])
			rc = check_net(s, nets->list[k], err);
	return rc;
}

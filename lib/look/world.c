/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What surrounds the processes: CRIU's inventory, namespaces, mounts, control groups. */
#include "look/inspect.h"

#include "base/fd.h"
#include "format/checkpoint.h"

#include <string.h>
#include <sys/mount.h>

static const char *lsm_name(enum criu_lsm lsm)
{
	return lsm == CRIU_LSM_SELINUX ? "selinux" : lsm == CRIU_LSM_APPARMOR ? "apparmor" : "none";
}

int inspect_inventory(struct inspect *i, struct firn_error *err)
{
	struct firn_value *v = doc_add_object(i->doc, i->top, "criu");
	struct criu_inventory *inv = &i->inventory;
	struct member parent;
	int rc = criu_inventory_read(&i->images.base, inv, err);

	if (rc < 0)
		return rc;
	doc_add_number(i->doc, v, "image_version", inv->version);
	doc_add_static(i->doc, v, "lsm", lsm_name(inv->lsm));
	doc_add_bool(i->doc, v, "tcp_closed", inv->tcp_close);
	if (inv->uptime)
		doc_add_number(i->doc, v, "host_uptime", inv->uptime / 1000000);
	doc_add_text(i->doc, v, "run_id", inv->run_id);
	if (members_find(i->members, CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_PARENT, &parent) &&
	    parent.kind == MEMBER_LINK)
		doc_add_text(i->doc, v, "parent", parent.target);
	return 0;
}

static int take_mount(const struct criu_mount *m, void *ctx, struct firn_error *err)
{
	struct inspect *i = ((void **)ctx)[0];
	struct firn_value *v = doc_add_object(i->doc, ((void **)ctx)[1], NULL);

	doc_add_text(i->doc, v, "mountpoint", m->mountpoint);
	doc_add_text(i->doc, v, "type", m->type);
	doc_add_text(i->doc, v, "source", m->source);
	doc_add_text(i->doc, v, "root", m->root);
	doc_add_text(i->doc, v, "options", m->options);
	doc_add_format(i->doc, v, "device", "%u:%u", m->major, m->minor);
	doc_add_number(i->doc, v, "id", m->id);
	doc_add_number(i->doc, v, "parent", m->parent);
	doc_add_bool(i->doc, v, "read_only", (m->flags | m->super_flags) & MS_RDONLY);
	doc_add_text(i->doc, v, "external", m->external);
	return doc_check(i->doc, err);
}

static int tell_mountpoints(struct inspect *i, uint32_t ns, struct firn_error *err)
{
	struct firn_value *list = doc_list(i->doc);
	int rc = criu_each_mount(&i->images.base, ns, take_mount, (void *[]){ i, list }, err);

	if (rc > 0)
		doc_add(i->doc, i->top, "mountpoints", list);
	return rc < 0 ? rc : 0;
}

/* Those of the first process, and whether the container had them for itself. */
static void tell_namespaces(struct inspect *i, const struct criu_ids *own)
{
	struct firn_value *list = doc_list(i->doc);

	for (size_t k = 0; k < CRIU_NS_COUNT; k++) {
		struct firn_value *v = own->ns[k] ? doc_add_object(i->doc, list, NULL) : NULL;

		doc_add_static(i->doc, v, "type", criu_ns_names[k]);
		doc_add_number(i->doc, v, "id", own->ns[k]);
		doc_add_bool(i->doc, v, "own", own->ns[k] != i->inventory.host.ns[k]);
	}
	if (!value_empty(list))
		doc_add(i->doc, i->top, "namespaces", list);
}

/* The groups of one set of tasks after another. */
struct groups {
	struct inspect *i;
	struct firn_value *list, *members;
	uint32_t set;
};

static int take_group(uint32_t set, const char *controller, const char *path, void *ctx,
		      struct firn_error *err)
{
	struct groups *g = ctx;
	struct doc *d = g->i->doc;
	struct firn_value *v;

	if (!g->members || g->set != set) {
		v = doc_add_object(d, g->list, NULL);
		doc_add_number(d, v, "set", set);
		g->members = doc_add_list(d, v, "groups");
		g->set = set;
	}
	v = doc_add_object(d, g->members, NULL);
	doc_add_text(d, v, "controller", *controller ? controller : "unified");
	doc_add_text(d, v, "path", path);
	return doc_check(d, err);
}

static int tell_groups(struct inspect *i, struct firn_error *err)
{
	struct groups g = { .i = i, .list = doc_list(i->doc) };
	int rc = criu_each_cgroup(&i->images.base, take_group, &g, err);

	if (rc > 0)
		doc_add(i->doc, i->top, "cgroups", g.list);
	return rc < 0 ? rc : 0;
}

static int tell_hostname(struct inspect *i, uint32_t ns, struct firn_error *err)
{
	_free_ char *name = NULL;
	int rc = ns ? criu_hostname(&i->images.base, ns, &name, err) : 0;

	if (rc > 0)
		doc_add_text(i->doc, i->top, "hostname", name);
	return rc < 0 ? rc : 0;
}

int inspect_world(struct inspect *i, struct firn_error *err)
{
	struct criu_ids ids = { 0 };
	int rc;

	if (!i->ntasks)
		return 0;
	if ((rc = criu_ids_read(&i->images.base, i->tasks[0].process.pid, &ids, err)) < 0 ||
	    (rc = tell_hostname(i, ids.ns[CRIU_NS_AT_UTS], err)) < 0)
		return rc;
	tell_namespaces(i, &ids);
	rc = ids.ns[CRIU_NS_AT_MNT] ? tell_mountpoints(i, ids.ns[CRIU_NS_AT_MNT], err) : 0;
	return rc < 0 ? rc : tell_groups(i, err);
}

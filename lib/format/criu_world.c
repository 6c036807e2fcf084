/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_world.h"

#include "format/criu_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* criu/include/magic.h */
#define MAGIC_MNTS   0x55563928u
#define MAGIC_CGROUP 0x59383330u
#define MAGIC_UTSNS  0x54473203u
#define MAGIC_STATS  0x57093306u

#define CGROUP_IMAGE   "cgroup.img"
#define IMAGE_NAME_MAX 32

static void take_host_ids(const Criu__Ids *m, struct criu_ids *ret)
{
	if (m)
		*ret = (struct criu_ids){
			.files = m->files_id,
			.ns = { m->pid_ns_id, m->net_ns_id, m->ipc_ns_id, m->uts_ns_id,
				m->mnt_ns_id, m->user_ns_id, m->cgroup_ns_id, m->time_ns_id },
		};
}

int criu_inventory_read(struct criu_images *images, struct criu_inventory *ret,
			struct firn_error *err)
{
	_criu_message_ ProtobufCMessage *m = NULL;
	struct criu_inventory inv = { 0 };
	const Criu__Inventory *i;
	int rc = criu_message_first(images, CRIU_INVENTORY, CRIU_MAGIC_INVENTORY,
				    &criu__inventory__descriptor, &m, err);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return firn_fail(err, FIRN_ECORRUPT, "%s: is missing or empty", CRIU_INVENTORY);
	i = (const Criu__Inventory *)m;
	inv.version = i->img_version;
	inv.lsm = i->lsmtype <= CRIU_LSM_APPARMOR ? (enum criu_lsm)i->lsmtype : CRIU_LSM_NONE;
	inv.uptime = i->dump_uptime;
	inv.tcp_close = i->tcp_close;
	inv.pre_dump_mode = i->pre_dump_mode;
	inv.run_id = i->dump_criu_run_id;
	take_host_ids(i->root_ids, &inv.host);
	inv.message = take_ptr(&m);
	*ret = inv;
	return 0;
}

void criu_inventory_done(struct criu_inventory *i)
{
	criu_message_freep((ProtobufCMessage **)&i->message);
	*i = (struct criu_inventory){ 0 };
}

/* mnt.proto: fstype; 0 and 16 are named by fsname */
static const char *type_of(const Criu__Mnt *m)
{
	static const char *const names[] = {
		[1] = "proc",       [2] = "sysfs",    [3] = "devtmpfs", [4] = "binfmt_misc",
		[5] = "tmpfs",      [6] = "devpts",   [7] = "simfs",    [8] = "pstore",
		[9] = "securityfs", [10] = "fusectl", [11] = "debugfs", [12] = "cgroup",
		[13] = "aufs",      [14] = "mqueue",  [15] = "fuse",    [17] = "overlay",
		[18] = "autofs",    [19] = "tracefs", [23] = "cgroup2",
	};

	if (m->fsname && *m->fsname)
		return m->fsname;
	if (m->fstype < ARRAY_SIZE(names) && names[m->fstype])
		return names[m->fstype];
	return "";
}

static const char *text_of(const char *text)
{
	return text ? text : "";
}

/* root_dev is as the kernel has device numbers for itself: MKDEV(), linux/kdev_t.h. */
static int take_mount(const Criu__Mnt *m, criu_mount_fn *take, void *ctx, struct firn_error *err)
{
	const struct criu_mount mount = {
		.id = m->mnt_id,
		.parent = m->parent_mnt_id,
		.major = m->root_dev >> 20,
		.minor = m->root_dev & 0xfffff,
		.flags = m->flags,
		.super_flags = m->sb_flags,
		.type = type_of(m),
		.root = text_of(m->root),
		.mountpoint = text_of(m->mountpoint),
		.source = text_of(m->source),
		.options = text_of(m->options),
		.external = m->ext_key && *m->ext_key ? m->ext_key : NULL,
	};

	return take(&mount, ctx, err);
}

int criu_each_mount(struct criu_images *images, uint32_t ns, criu_mount_fn *take, void *ctx,
		    struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	_criu_message_ ProtobufCMessage *m = NULL;
	char name[IMAGE_NAME_MAX];
	int rc;

	snprintf(name, sizeof(name), "mountpoints-%" PRIu32 ".img", ns);
	rc = criu_reader_open(images, name, MAGIC_MNTS, &r, err);
	if (rc <= 0)
		return rc;
	while ((rc = criu_message_next(&r, &criu__mnt__descriptor, &m, err)) > 0) {
		rc = take_mount((const Criu__Mnt *)m, take, ctx, err);
		if (rc < 0)
			break;
	}
	return rc < 0 ? firn_wrap(err, rc, "%s", name) : 1;
}

int criu_each_cgroup(struct criu_images *images, criu_cgroup_fn *take, void *ctx,
		     struct firn_error *err)
{
	_criu_message_ ProtobufCMessage *m = NULL;
	const Criu__Cgroup *c;
	int rc = criu_message_first(images, CGROUP_IMAGE, MAGIC_CGROUP, &criu__cgroup__descriptor,
				    &m, err);

	if (rc <= 0)
		return rc;
	c = (const Criu__Cgroup *)m;
	for (size_t i = 0; i < c->n_sets; i++)
		for (size_t k = 0; k < c->sets[i]->n_ctls; k++) {
			const Criu__CgMember *g = c->sets[i]->ctls[k];

			rc = take(c->sets[i]->id, text_of(g->name), text_of(g->path), ctx, err);
			if (rc < 0)
				return firn_wrap(err, rc, "%s", CGROUP_IMAGE);
		}
	return 1;
}

int criu_hostname(struct criu_images *images, uint32_t ns, char **ret, struct firn_error *err)
{
	_criu_message_ ProtobufCMessage *m = NULL;
	char name[IMAGE_NAME_MAX];
	const Criu__Utsns *u;
	int rc;

	snprintf(name, sizeof(name), "utsns-%" PRIu32 ".img", ns);
	rc = criu_message_first(images, name, MAGIC_UTSNS, &criu__utsns__descriptor, &m, err);
	u = (const Criu__Utsns *)m;
	if (rc <= 0 || !u->nodename)
		return rc < 0 ? rc : 0;
	*ret = strdup(u->nodename);
	return *ret ? 1 : firn_fail_oom(err, "host name");
}

int criu_stats_read(struct criu_images *images, struct criu_stats *ret, struct firn_error *err)
{
	_criu_message_ ProtobufCMessage *m = NULL;
	const Criu__DumpStats *d;
	int rc =
	    criu_message_first(images, CRIU_STATS, MAGIC_STATS, &criu__stats__descriptor, &m, err);

	d = rc > 0 ? ((const Criu__Stats *)m)->dump : NULL;
	if (!d)
		return rc < 0 ? rc : 0;
	*ret = (struct criu_stats){
		.freezing_time = d->freezing_time,
		.frozen_time = d->frozen_time,
		.memdump_time = d->memdump_time,
		.memwrite_time = d->memwrite_time,
		.pages_scanned = d->pages_scanned,
		.pages_skipped_parent = d->pages_skipped_parent,
		.pages_written = d->pages_written,
		.pages_lazy = d->pages_lazy,
		.shpages_scanned = d->shpages_scanned,
		.shpages_skipped_parent = d->shpages_skipped_parent,
		.shpages_written = d->shpages_written,
	};
	return 1;
}

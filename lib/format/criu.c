/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu.h"

#include "base/fd.h"
#include "format/criu.pb-c.h"
#include "format/criu_reader.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* criu/include/magic.h */
#define MAGIC_IDS   0x54432030u
#define MAGIC_FS    0x51403912u
#define MAGIC_FILES 0x56303138u

#define FD_TYPE_REG 1 /* fdinfo.proto: fd_types */

static unsigned ns_differing(const Criu__Ids *a, const Criu__Ids *b)
{
	unsigned bits = 0;

#define NS(member, bit)                                                                            \
	if (a->has_##member && (!b || !b->has_##member || a->member != b->member))                 \
		bits |= (bit);
	NS(pid_ns_id, CRIU_NS_PID)
	NS(net_ns_id, CRIU_NS_NET)
	NS(ipc_ns_id, CRIU_NS_IPC)
	NS(uts_ns_id, CRIU_NS_UTS)
	NS(mnt_ns_id, CRIU_NS_MNT)
	NS(user_ns_id, CRIU_NS_USER)
	NS(cgroup_ns_id, CRIU_NS_CGROUP)
	NS(time_ns_id, CRIU_NS_TIME)
#undef NS
	return bits;
}

/* The first record of @name, which must be there. Leaves it in @r. */
static int only_record(struct criu_images *images, const char *name, uint32_t magic,
		       struct criu_reader *r, size_t *ret_len, struct firn_error *err)
{
	int rc = criu_reader_open(images, name, magic, r, err);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return firn_fail(err, FIRN_ECORRUPT, "%s: is missing", name);
	rc = criu_reader_next(r, ret_len, err);
	if (rc == 0)
		rc = firn_fail(err, FIRN_ECORRUPT, "is empty");
	return firn_wrap(err, rc, "%s", name);
}

static void inventory_freep(Criu__Inventory **m)
{
	criu__inventory__free_unpacked(*m, NULL);
}

static int read_inventory(struct criu_images *images, Criu__Inventory **ret, struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	size_t len;
	int rc = only_record(images, CRIU_INVENTORY, CRIU_MAGIC_INVENTORY, &r, &len, err);

	if (rc < 0)
		return rc;
	*ret = criu__inventory__unpack(NULL, len, r.bytes);
	if (!*ret)
		return firn_wrap(err, criu_reader_bad(&r, err), CRIU_INVENTORY);
	return 0;
}

static int read_root_pid(struct criu_images *images, uint32_t *ret, struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	Criu__Pstree *m;
	size_t len;
	int rc = only_record(images, CRIU_PSTREE, CRIU_MAGIC_PSTREE, &r, &len, err);

	if (rc < 0)
		return rc;
	m = criu__pstree__unpack(NULL, len, r.bytes);
	if (!m)
		return firn_wrap(err, criu_reader_bad(&r, err), CRIU_PSTREE);
	*ret = m->has_pid ? m->pid : 0;
	criu__pstree__free_unpacked(m, NULL);
	if (*ret == 0 || *ret > INT32_MAX)
		return firn_fail(err, FIRN_ECORRUPT, "pstree.img: the first process has no pid");
	return 0;
}

/* Old dumps have no ids of their own; then nothing differs. */
static int read_own_ns(struct criu_images *images, const Criu__Inventory *inventory, uint32_t pid,
		       unsigned *ret, struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	Criu__Ids *m;
	char name[32];
	size_t len;
	int rc;

	snprintf(name, sizeof(name), "ids-%u.img", pid);
	rc = criu_reader_open(images, name, MAGIC_IDS, &r, err);
	if (rc <= 0)
		return rc;
	rc = criu_reader_next(&r, &len, err);
	if (rc <= 0)
		return firn_wrap(err, rc, "%s", name);
	m = criu__ids__unpack(NULL, len, r.bytes);
	if (!m)
		return firn_wrap(err, criu_reader_bad(&r, err), "%s", name);
	*ret = ns_differing(m, inventory->root_ids);
	criu__ids__free_unpacked(m, NULL);
	return 0;
}

/* The file id of the process' root directory, 0 when no image says. */
static int read_root_id(struct criu_images *images, uint32_t pid, uint32_t *ret,
			struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	Criu__Fs *m;
	char name[32];
	size_t len;
	int rc;

	snprintf(name, sizeof(name), "fs-%u.img", pid);
	rc = criu_reader_open(images, name, MAGIC_FS, &r, err);
	if (rc <= 0)
		return rc;
	rc = criu_reader_next(&r, &len, err);
	if (rc <= 0)
		return firn_wrap(err, rc, "%s", name);
	m = criu__fs__unpack(NULL, len, r.bytes);
	if (!m)
		return firn_wrap(err, criu_reader_bad(&r, err), "%s", name);
	*ret = m->has_root_id ? m->root_id : 0;
	criu__fs__free_unpacked(m, NULL);
	return 0;
}

static const char *const etc_paths[CRIU_ETC_COUNT] = {
	[CRIU_ETC_HOSTNAME] = "/etc/hostname",
	[CRIU_ETC_HOSTS] = "/etc/hosts",
	[CRIU_ETC_RESOLV_CONF] = "/etc/resolv.conf",
	[CRIU_ETC_PASSWD] = "/etc/passwd",
	[CRIU_ETC_GROUP] = "/etc/group",
	[CRIU_RUN_CONTAINERENV] = "/run/.containerenv",
};

const char *criu_etc_path(enum criu_etc which)
{
	return etc_paths[which];
}

/*
 * An open regular file or directory. The mode of "/" is that of the first process' root directory,
 * or else of any other open file (the first process may have changed its root).
 */
static void note_file(const Criu__RegFile *reg, bool is_root_id, bool *found_root,
		      struct criu_info *info)
{
	if (reg->has_mode && S_ISDIR(reg->mode) && strcmp(reg->name, "/") == 0 && !*found_root) {
		info->root_mode = reg->mode & (S_IFMT | 07777);
		*found_root = is_root_id;
	}
	for (size_t i = 0; i < CRIU_ETC_COUNT; i++)
		if (reg->has_size && strcmp(reg->name, etc_paths[i]) == 0)
			info->etc_bytes[i] = reg->size;
}

static int read_files(struct criu_images *images, uint32_t root_id, struct criu_info *info,
		      struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	bool found_root = false;
	size_t len;
	int rc = criu_reader_open(images, "files.img", MAGIC_FILES, &r, err);

	if (rc <= 0)
		return rc;
	while ((rc = criu_reader_next(&r, &len, err)) > 0) {
		Criu__File *m = criu__file__unpack(NULL, len, r.bytes);

		if (!m)
			return firn_wrap(err, criu_reader_bad(&r, err), "files.img");
		if (m->has_type && m->type == FD_TYPE_REG && m->reg && m->reg->name)
			note_file(m->reg, m->has_id && m->id == root_id, &found_root, info);
		criu__file__free_unpacked(m, NULL);
	}
	return firn_wrap(err, rc, "files.img");
}

int criu_inspect(struct criu_images *images, struct criu_info *ret, struct firn_error *err)
{
	_cleanup_(inventory_freep) Criu__Inventory *inventory = NULL;
	struct criu_info info = { 0 };
	uint32_t root_id = 0;
	int rc = read_inventory(images, &inventory, err);

	if (rc < 0)
		return rc;
	info.compressed = inventory->compress;
	info.version = inventory->has_img_version ? inventory->img_version : 0;
	if (inventory->has_lsmtype && inventory->lsmtype <= CRIU_LSM_APPARMOR)
		info.lsm = (enum criu_lsm)inventory->lsmtype;
	rc = read_root_pid(images, &info.root_pid, err);
	if (rc == 0)
		rc = read_own_ns(images, inventory, info.root_pid, &info.own_ns, err);
	if (rc == 0)
		rc = read_root_id(images, info.root_pid, &root_id, err);
	if (rc == 0)
		rc = read_files(images, root_id, &info, err);
	if (rc < 0)
		return rc;
	info.container = info.own_ns & (CRIU_NS_PID | CRIU_NS_MNT);
	*ret = info;
	return 0;
}

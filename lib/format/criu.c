/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu.h"

#include "base/fd.h"
#include "format/criu.pb-c.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_MAX  (1u << 20) /* bytes; the largest we ask for hold a path and some numbers */
#define RECORDS_MAX (4u << 20) /* of one image: open files, processes */

/* criu/include/magic.h */
#define MAGIC_COMMON    0x54564319u
#define MAGIC_INVENTORY 0x58313116u
#define MAGIC_PSTREE    0x50273030u
#define MAGIC_IDS       0x54432030u
#define MAGIC_FS        0x51403912u
#define MAGIC_FILES     0x56303138u

#define FD_TYPE_REG 1 /* fdinfo.proto: fd_types */

struct reader {
	struct source *src;
	uint64_t at;
	uint32_t records;
	uint8_t *bytes; /* the current record */
	size_t room;
};

static void reader_done(struct reader *r)
{
	source_close(r->src);
	free(r->bytes);
}

#define _reader_ _cleanup_(reader_done)

static int read_le32(struct reader *r, uint32_t *ret, struct firn_error *err)
{
	uint8_t b[4];
	int rc = source_read_at(r->src, b, sizeof(b), r->at, err);

	if (rc < 0)
		return rc;
	r->at += sizeof(b);
	*ret = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
	return 0;
}

/* 1 and the reader behind the magic numbers, 0 when there is no such image. The inventory has no
 * common magic. */
static int reader_open(struct criu_images *images, const char *name, uint32_t magic,
		       struct reader *ret, struct firn_error *err)
{
	_reader_ struct reader r = { 0 };
	uint32_t found = 0;
	int rc = images->open(images, name, &r.src, err);

	if (rc <= 0)
		return firn_wrap(err, rc, "%s", name);
	rc = read_le32(&r, &found, err);
	if (rc == 0 && magic != MAGIC_INVENTORY && found == MAGIC_COMMON)
		rc = read_le32(&r, &found, err);
	else if (rc == 0 && magic != MAGIC_INVENTORY)
		found = 0;
	if (rc < 0)
		return firn_wrap(err, rc, "%s", name);
	if (found != magic)
		return firn_fail(err, FIRN_ECORRUPT, "%s: is no such CRIU image", name);
	*ret = r;
	r = (struct reader){ 0 };
	return 1;
}

/* 1 and the next record's length (its bytes are r->bytes), 0 at the end of the image. */
static int reader_next(struct reader *r, size_t *ret_len, struct firn_error *err)
{
	uint32_t len;
	int rc;

	if (r->at == r->src->size)
		return 0;
	rc = read_le32(r, &len, err);
	if (rc < 0)
		return rc;
	if (len > RECORD_MAX || ++r->records > RECORDS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "a record of %u bytes, number %u", len,
				 r->records);
	if (len > r->src->size - r->at)
		return firn_fail(err, FIRN_ECORRUPT, "a record of %u bytes ends early", len);
	if (len > r->room) {
		uint8_t *grown = realloc(r->bytes, len);

		if (!grown)
			return firn_fail_oom(err, "record");
		r->bytes = grown;
		r->room = len;
	}
	rc = source_read_at(r->src, r->bytes, len, r->at, err);
	if (rc < 0)
		return rc;
	r->at += len;
	*ret_len = len;
	return 1;
}

/* protobuf-c tells broken bytes and lack of memory by the same NULL; the former is what happens. */
static int bad_record(const struct reader *r, struct firn_error *err)
{
	return firn_fail(err, FIRN_ECORRUPT, "record %u is no message", r->records);
}

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
		       struct reader *r, size_t *ret_len, struct firn_error *err)
{
	int rc = reader_open(images, name, magic, r, err);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return firn_fail(err, FIRN_ECORRUPT, "%s: is missing", name);
	rc = reader_next(r, ret_len, err);
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
	_reader_ struct reader r = { 0 };
	size_t len;
	int rc = only_record(images, CRIU_INVENTORY, MAGIC_INVENTORY, &r, &len, err);

	if (rc < 0)
		return rc;
	*ret = criu__inventory__unpack(NULL, len, r.bytes);
	if (!*ret)
		return firn_wrap(err, bad_record(&r, err), CRIU_INVENTORY);
	return 0;
}

static int read_root_pid(struct criu_images *images, uint32_t *ret, struct firn_error *err)
{
	_reader_ struct reader r = { 0 };
	Criu__Pstree *m;
	size_t len;
	int rc = only_record(images, "pstree.img", MAGIC_PSTREE, &r, &len, err);

	if (rc < 0)
		return rc;
	m = criu__pstree__unpack(NULL, len, r.bytes);
	if (!m)
		return firn_wrap(err, bad_record(&r, err), "pstree.img");
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
	_reader_ struct reader r = { 0 };
	Criu__Ids *m;
	char name[32];
	size_t len;
	int rc;

	snprintf(name, sizeof(name), "ids-%u.img", pid);
	rc = reader_open(images, name, MAGIC_IDS, &r, err);
	if (rc <= 0)
		return rc;
	rc = reader_next(&r, &len, err);
	if (rc <= 0)
		return firn_wrap(err, rc, "%s", name);
	m = criu__ids__unpack(NULL, len, r.bytes);
	if (!m)
		return firn_wrap(err, bad_record(&r, err), "%s", name);
	*ret = ns_differing(m, inventory->root_ids);
	criu__ids__free_unpacked(m, NULL);
	return 0;
}

/* The file id of the process' root directory, 0 when no image says. */
static int read_root_id(struct criu_images *images, uint32_t pid, uint32_t *ret,
			struct firn_error *err)
{
	_reader_ struct reader r = { 0 };
	Criu__Fs *m;
	char name[32];
	size_t len;
	int rc;

	snprintf(name, sizeof(name), "fs-%u.img", pid);
	rc = reader_open(images, name, MAGIC_FS, &r, err);
	if (rc <= 0)
		return rc;
	rc = reader_next(&r, &len, err);
	if (rc <= 0)
		return firn_wrap(err, rc, "%s", name);
	m = criu__fs__unpack(NULL, len, r.bytes);
	if (!m)
		return firn_wrap(err, bad_record(&r, err), "%s", name);
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
	_reader_ struct reader r = { 0 };
	bool found_root = false;
	size_t len;
	int rc = reader_open(images, "files.img", MAGIC_FILES, &r, err);

	if (rc <= 0)
		return rc;
	while ((rc = reader_next(&r, &len, err)) > 0) {
		Criu__File *m = criu__file__unpack(NULL, len, r.bytes);

		if (!m)
			return firn_wrap(err, bad_record(&r, err), "files.img");
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

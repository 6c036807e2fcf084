/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_image.h"

#include "format/criu_reader.h"

#include <ctype.h>
#include <string.h>

#define RAW(pattern)                                                                               \
	{                                                                                          \
		.name = (pattern), .content = CRIU_RAW                                             \
	}
#define ONE(pattern, number, schema)                                                               \
	{                                                                                          \
		.name = (pattern), .magic = (number), .content = CRIU_ONE,                         \
		.record = CRIU_SCHEMA_##schema                                                     \
	}
#define MANY(pattern, number, schema)                                                              \
	{                                                                                          \
		.name = (pattern), .magic = (number), .content = CRIU_RECORDS,                     \
		.record = CRIU_SCHEMA_##schema                                                     \
	}
#define WITH(pattern, number, schema, what)                                                        \
	{                                                                                          \
		.name = (pattern), .magic = (number), .content = CRIU_RECORDS,                     \
		.record = CRIU_SCHEMA_##schema, .payload = CRIU_PAYLOAD_##what                     \
	}
#define HEX(pattern, number, schema, what)                                                         \
	{                                                                                          \
		.name = (pattern), .magic = (number), .content = CRIU_ONE,                         \
		.record = CRIU_SCHEMA_##schema, .payload = CRIU_PAYLOAD_##what, .hex = true        \
	}
#define PAGEMAP(pattern)                                                                           \
	{                                                                                          \
		.name = (pattern), .magic = 0x56084025u, .content = CRIU_PAGEMAP                   \
	}

/*
 * criu/image-desc.c and criu/include/magic.h of CRIU 4.2, and what 3.0 still wrote into images of
 * their own.
 */
static const struct criu_kind kinds[] = {
	ONE("inventory.img", CRIU_MAGIC_INVENTORY, inventory),
	MANY("pstree.img", CRIU_MAGIC_PSTREE, pstree),
	ONE("core-*.img", 0x55053847, core),
	ONE("ids-*.img", 0x54432030, task_kobj_ids),
	ONE("mm-*.img", 0x57492820, mm),
	PAGEMAP("pagemap-*.img"),
	PAGEMAP("pagemap-shmem-*.img"),
	PAGEMAP("pagemap-secretmem-*.img"),
	RAW("pages-*.img"),
	ONE("fs-*.img", 0x51403912, fs),
	MANY("fdinfo-*.img", 0x56213732, fdinfo),
	MANY("files.img", 0x56303138, file),
	MANY("reg-files.img", 0x50363636, reg_file),
	MANY("ext-files.img", 0x59255641, ext_file),
	MANY("ns-files.img", 0x61394011, ns_file),
	MANY("eventfd.img", 0x44523722, eventfd_file),
	MANY("eventpoll.img", 0x45023858, eventpoll_file),
	MANY("eventpoll-tfd.img", 0x44433746, eventpoll_tfd),
	MANY("signalfd.img", 0x57323820, signalfd),
	MANY("inotify.img", 0x48424431, inotify_file),
	MANY("inotify-wd.img", 0x54562009, inotify_wd),
	MANY("fanotify.img", 0x55096122, fanotify_file),
	MANY("fanotify-mark.img", 0x56506035, fanotify_mark),
	MANY("pipes.img", 0x56513555, pipe),
	WITH("pipes-data.img", 0x56453709, pipe_data, BYTES),
	MANY("fifo.img", 0x58364939, fifo),
	WITH("fifo-data.img", 0x59333054, pipe_data, BYTES),
	MANY("unixsk.img", 0x54373943, unix_sk),
	MANY("inetsk.img", 0x56443851, inet_sk),
	MANY("packetsk.img", 0x60454618, packet_sock),
	MANY("netlinksk.img", 0x58005614, netlink_sk),
	WITH("sk-queues.img", 0x56264026, sk_packet, BYTES),
	HEX("tcp-stream-*.img", 0x51465506, tcp_stream, TCP),
	MANY("tty.img", 0x59433025, tty_file),
	MANY("tty-info.img", 0x59453036, tty_info),
	MANY("tty-data.img", 0x59413026, tty_data),
	MANY("tunfile.img", 0x57143751, tunfile),
	MANY("timerfd.img", 0x50493712, timerfd),
	MANY("memfd.img", 0x48453499, memfd_inode),
	MANY("bpfmap-file.img", 0x57506142, bpfmap_file),
	WITH("bpfmap-data.img", 0x64324033, bpfmap_data, BPF),
	MANY("remap-fpath.img", 0x59133954, remap_file_path),
	HEX("ghost-file-*.img", 0x52583605, ghost_file, GHOST),
	MANY("filelocks.img", 0x54323616, file_lock),
	MANY("vmas-*.img", 0x54123737, vma),
	MANY("sigacts-*.img", 0x55344201, sa),
	MANY("itimers-*.img", 0x57464056, itimer),
	MANY("posix-timers-*.img", 0x52603957, posix_timer),
	ONE("creds-*.img", 0x54023547, creds),
	MANY("rlimit-*.img", 0x57113925, rlimit),
	MANY("signal-s-*.img", 0x59255647, siginfo),
	MANY("signal-p-*.img", 0x59255647, siginfo),
	ONE("utsns-*.img", 0x54473203, utsns),
	ONE("ipcns-var-*.img", 0x53115007, ipc_var),
	WITH("ipcns-shm-*.img", 0x46283044, ipc_shm, SHM),
	WITH("ipcns-msg-*.img", 0x55453737, ipc_msg_queue, QUEUE),
	WITH("ipcns-sem-*.img", 0x59573019, ipc_sem, SEMAPHORE),
	MANY("mountpoints-*.img", 0x55563928, mnt),
	ONE("userns-*.img", 0x55474906, userns),
	ONE("timens-*.img", 0x43114433, timens),
	ONE("pidns-*.img", 0x61157326, pidns),
	MANY("netdev-*.img", 0x57373951, net_device),
	ONE("netns-*.img", 0x55933752, netns),
	RAW("ifaddr-*.img"),
	RAW("route-*.img"),
	RAW("route6-*.img"),
	RAW("rule-*.img"),
	RAW("iptables-*.img"),
	RAW("ip6tables-*.img"),
	RAW("nftables-*.img"),
	RAW("netns-ct-*.img"),
	RAW("netns-exp-*.img"),
	RAW("tmpfs-*.tar.gz.img"),
	RAW("tmpfs-dev-*.tar.gz.img"),
	MANY("autofs-*.img", 0x49353943, autofs),
	MANY("binfmt-misc-*.img", 0x67343323, binfmt_misc),
	MANY("binfmt-misc.img", 0x67343323, binfmt_misc),
	ONE("cgroup.img", 0x59383330, cgroup),
	ONE("cpuinfo.img", 0x61404013, cpuinfo),
	ONE("seccomp.img", 0x64413049, seccomp),
	ONE("apparmor.img", 0x59423047, apparmor),
	ONE("stats-dump", 0x57093306, stats),
	ONE("stats-restore", 0x57093306, stats),
	MANY("irmap-cache", 0x57004059, irmap_cache),
};

/* A number as CRIU prints it: no zero before it. */
static bool take_number(const char **text, bool hex, uint64_t *ret)
{
	const char *from = *text, *p = from;
	const unsigned base = hex ? 16 : 10;
	uint64_t v = 0;

	for (; isdigit((unsigned char)*p) || (hex && *p >= 'a' && *p <= 'f'); p++) {
		const unsigned digit = (unsigned)(*p <= '9' ? *p - '0' : *p - 'a' + 10);

		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v))
			return false;
	}
	if (p == from || (*from == '0' && p != from + 1))
		return false;
	*text = p;
	*ret = v;
	return true;
}

static bool matches(const struct criu_kind *k, const char *name, uint64_t *ret)
{
	const char *star = strchr(k->name, '*');

	*ret = 0;
	if (!star)
		return strcmp(k->name, name) == 0;
	if (strncmp(k->name, name, (size_t)(star - k->name)) != 0)
		return false;
	name += star - k->name;
	return take_number(&name, k->hex, ret) && strcmp(name, star + 1) == 0;
}

const struct criu_kind *criu_kind_of(const char *name, uint64_t *ret_number)
{
	uint64_t number;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (matches(&kinds[i], name, &number)) {
			if (ret_number)
				*ret_number = number;
			return &kinds[i];
		}
	return NULL;
}

/* Over @n bytes behind the record. */
static int skip(struct criu_reader *r, uint64_t n, struct firn_error *err)
{
	if (n > r->src->size - r->at)
		return firn_fail(err, FIRN_ECORRUPT, "what belongs to record %u ends early",
				 r->records);
	r->at += n;
	return 0;
}

static int skip_up_to(struct criu_reader *r, uint64_t n, unsigned unit, struct firn_error *err)
{
	const uint64_t more = (unit - n % unit) % unit;

	return n > UINT64_MAX - more ? skip(r, n, err) : skip(r, n + more, err);
}

static uint64_t number_at(struct cursor c, uint8_t member)
{
	uint64_t v = 0;

	criu_number(c, CRIU_PATH(member), &v);
	return v;
}

static uint64_t sum_of(struct cursor c, uint8_t a, uint8_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(number_at(c, a), number_at(c, b), &sum) ? UINT64_MAX : sum;
}

/* The next record within another one's payload. */
static int take_inner(struct criu_reader *r, enum criu_schema schema, struct cursor *ret,
		      struct firn_error *err)
{
	char flaw[CRIU_FLAW_MAX];
	size_t len;
	int rc = criu_reader_next(r, &len, err);

	if (rc <= 0)
		return rc;
	*ret = (struct cursor){ r->bytes, len };
	if (criu_schema_check(schema, *ret, flaw) < 0)
		return firn_fail(err, FIRN_ECORRUPT, "record %u: %s", r->records, flaw);
	return 1;
}

static int skip_queue(struct criu_reader *r, uint64_t messages, struct firn_error *err)
{
	struct cursor c;
	int rc;

	for (uint64_t i = 0; i < messages; i++) {
		rc = take_inner(r, CRIU_SCHEMA_ipc_msg, &c, err);
		if (rc == 0)
			rc = firn_fail(err, FIRN_ECORRUPT, "a queue's messages end early");
		if (rc < 0 || (rc = skip_up_to(r, number_at(c, 2), 8, err)) < 0)
			return rc;
	}
	return 0;
}

/* Chunks of a sparse file: each says where in the file its bytes are. */
static int skip_ghost(struct criu_reader *r, struct cursor ghost, struct firn_error *err)
{
	uint64_t size = number_at(ghost, 10);
	struct cursor c;
	int rc;

	if (!number_at(ghost, 9))
		return skip(r, r->src->size - r->at, err);
	while ((rc = take_inner(r, CRIU_SCHEMA_ghost_chunk, &c, err)) > 0) {
		if (size && sum_of(c, 1, 2) > size)
			return firn_fail(err, FIRN_ECORRUPT, "a chunk reaches beyond its file");
		rc = skip(r, number_at(c, 1), err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int skip_payload(struct criu_reader *r, enum criu_payload payload, struct cursor c,
			struct firn_error *err)
{
	switch (payload) {
	case CRIU_PAYLOAD_NONE:
		return 0;
	case CRIU_PAYLOAD_BYTES:
		return skip(r, number_at(c, 2), err);
	case CRIU_PAYLOAD_BPF:
		return skip(r, sum_of(c, 2, 3), err);
	case CRIU_PAYLOAD_TCP:
		return skip(r, sum_of(c, 1, 3), err);
	case CRIU_PAYLOAD_SHM:
		return number_at(c, 3) ? 0 : skip_up_to(r, number_at(c, 2), 4, err);
	case CRIU_PAYLOAD_SEMAPHORE:
		return skip_up_to(r, 2 * (uint64_t)(uint32_t)number_at(c, 2), 8, err);
	case CRIU_PAYLOAD_QUEUE:
		return skip_queue(r, (uint32_t)number_at(c, 3), err);
	case CRIU_PAYLOAD_GHOST:
		return skip_ghost(r, c, err);
	}
	return 0;
}

static int check_count(const struct criu_kind *k, uint32_t n, struct firn_error *err)
{
	if (k->content == CRIU_ONE && n != 1)
		return firn_fail(err, FIRN_ECORRUPT, "has %s record where one belongs",
				 n ? "more than one" : "no");
	return 0;
}

static int check_records(struct criu_reader *r, const struct criu_kind *k, uint32_t *records,
			 enum criu_defect *ret_defect, struct firn_error *err)
{
	char flaw[CRIU_FLAW_MAX];
	uint32_t n = 0;
	size_t len;
	int rc;

	while ((rc = criu_reader_next(r, &len, err)) > 0) {
		/* The payload reads records into the same buffer. */
		const struct cursor c = { r->bytes, len };

		if (criu_schema_check(k->record, c, flaw) < 0) {
			*ret_defect = CRIU_DEFECT_RECORD;
			return firn_fail(err, FIRN_ECORRUPT, "record %u: %s", r->records, flaw);
		}
		n++;
		if ((rc = skip_payload(r, k->payload, c, err)) < 0 ||
		    (n > 1 && (rc = check_count(k, n, err)) < 0))
			return rc;
		if (r->records > *records) {
			*ret_defect = CRIU_DEFECT_COUNT;
			return firn_fail(err, FIRN_ELIMIT, "more records than can be looked at");
		}
	}
	*records -= r->records;
	return rc < 0 ? rc : check_count(k, n, err);
}

static int check_head(struct criu_reader *r, enum criu_defect *ret_defect, struct firn_error *err)
{
	char flaw[CRIU_FLAW_MAX];
	size_t len;
	int rc = criu_reader_next(r, &len, err);

	if (rc <= 0)
		return rc < 0 ? rc : firn_fail(err, FIRN_ECORRUPT, "is empty");
	if (criu_schema_check(CRIU_SCHEMA_pagemap_head, (struct cursor){ r->bytes, len }, flaw) ==
	    0)
		return 0;
	*ret_defect = CRIU_DEFECT_RECORD;
	return firn_fail(err, FIRN_ECORRUPT, "record 1: %s", flaw);
}

int criu_image_check(struct criu_images *images, const char *name, uint32_t *records,
		     enum criu_defect *ret_defect, struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	const struct criu_kind *k = criu_kind_of(name, NULL);
	int rc;

	if (!k || k->content == CRIU_RAW)
		return 1;
	*ret_defect = CRIU_DEFECT_MAGIC;
	rc = criu_reader_open(images, name, k->magic, &r, err);
	if (rc <= 0)
		return rc;
	*ret_defect = CRIU_DEFECT_FRAMING;
	r.record_max = CRIU_IMAGE_RECORD_MAX;
	rc = k->content == CRIU_PAGEMAP ? check_head(&r, ret_defect, err)
					: check_records(&r, k, records, ret_defect, err);
	return rc < 0 ? rc : 1;
}

int criu_each_record(struct criu_images *images, const char *name, criu_record_fn *take, void *ctx,
		     struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	const struct criu_kind *k = criu_kind_of(name, NULL);
	size_t len;
	int rc;

	if (!k)
		return 0;
	rc = criu_reader_open(images, name, k->magic, &r, err);
	if (rc <= 0)
		return rc;
	r.record_max = CRIU_IMAGE_RECORD_MAX;
	while ((rc = criu_reader_next(&r, &len, err)) > 0) {
		const struct cursor c = { r.bytes, len };

		if ((rc = take(c, ctx, err)) < 0 || (rc = skip_payload(&r, k->payload, c, err)) < 0)
			return rc;
	}
	return rc < 0 ? rc : 1;
}

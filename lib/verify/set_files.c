/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open files. files.img has them all (before CRIU 3.3 each kind has an image of its own); who names
 * one that isn't there can't be restored. A table of descriptors without any needs no image, so
 * that a missing one shows only in files that nobody names.
 */
#include "verify/set.h"

#include "format/criu_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_IMAGE "files.img"
#define REMAP_IMAGE "remap-fpath.img"
#define TCP         6 /* IPPROTO_TCP */
#define ESTABLISHED 1 /* include/net/tcp_states.h */

/* fdinfo.proto: fd_types, and the member of file_entry that each has; then the image it was in */
static const struct kind {
	uint32_t type;
	uint8_t member;
	const char *image;
} kinds[] = {
	{ CRIU_FILE_REG, 3, "reg-files.img" },
	{ CRIU_FILE_PIPE, 18, "pipes.img" },
	{ CRIU_FILE_FIFO, 17, "fifo.img" },
	{ CRIU_FILE_INETSK, 4, "inetsk.img" },
	{ CRIU_FILE_UNIXSK, 16, "unixsk.img" },
	{ 6, 8, "eventfd.img" },
	{ 7, 9, "eventpoll.img" },
	{ 8, 13, "inotify.img" },
	{ 9, 10, "signalfd.img" },
	{ CRIU_FILE_PACKETSK, 6, "packetsk.img" },
	{ CRIU_FILE_TTY, 19, "tty.img" },
	{ 12, 14, "fanotify.img" },
	{ CRIU_FILE_NETLINKSK, 7, "netlinksk.img" },
	{ 14, 5, "ns-files.img" },
	{ 15, 11, "tunfile.img" },
	{ 16, 15, "ext-files.img" },
	{ 17, 12, "timerfd.img" },
	{ 18, 20, NULL },
	{ 19, 21, NULL },
	{ 20, 22, NULL },
};

static const struct kind *kind_of(uint64_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

/* While the images are read: what they point to besides. */
struct reading {
	struct set *s;
	const struct kind *old;               /* the kind that the image has, in the old form */
	struct set_numbers terminals, memfds; /* that are open */
	struct set_numbers inodes;            /* in memfd.img */
};

static int take_file(struct cursor c, void *ctx, struct firn_error *err)
{
	struct reading *g = ctx;
	uint64_t type = 0, id = 0, inner = 0;
	const struct kind *k;

	criu_number(c, CRIU_PATH(1), &type);
	criu_number(c, CRIU_PATH(2), &id);
	k = kind_of(type);
	if (k && !criu_number(c, CRIU_PATH(k->member, 1), &inner))
		set_add(g->s, FINDING_FAULT, FILES_IMAGE, "file-incomplete",
			"file %" PRIu64 " says nothing of what it is, a %s", id,
			criu_file_type_name((uint32_t)type));
	else if (k && inner != id)
		set_add(g->s, FINDING_FAULT, FILES_IMAGE, "file-incomplete",
			"file %" PRIu64 " has another number (%" PRIu64 ") within", id, inner);
	return set_numbers_add(&g->s->files, id << 32 | (uint32_t)type, err);
}

static int take_old_file(struct cursor c, void *ctx, struct firn_error *err)
{
	struct reading *g = ctx;
	uint64_t id = 0;

	criu_number(c, CRIU_PATH(1), &id);
	return set_numbers_add(&g->s->files, id << 32 | g->old->type, err);
}

/* 1 when there was any. */
static int read_old_files(struct reading *g, struct firn_error *err)
{
	struct firn_error e = { 0 };
	int found = 0, rc;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		g->old = &kinds[i];
		if (!g->old->image)
			continue;
		rc = set_each(g->s, g->old->image, take_old_file, g, &e);
		found |= rc != 0;
		rc = set_read(rc, &e, err);
		if (rc < 0)
			return rc;
	}
	return found;
}

static bool any_alive(const struct set *s)
{
	for (size_t i = 0; i < s->ntasks; i++)
		if (s->tasks[i].alive)
			return true;
	return false;
}

/* Whatever is broken or missing was told: then nobody can say who is missing in it. */
static int read_files(struct reading *g, struct firn_error *err)
{
	struct set *s = g->s;
	struct firn_error e = { 0 };
	int rc = set_each(s, FILES_IMAGE, take_file, g, &e);

	if (rc < 0) {
		s->files.more = true;
		return set_read(rc, &e, err);
	}
	if (rc > 0)
		return 0;
	rc = read_old_files(g, err);
	if (rc == 0 && any_alive(s)) {
		set_missing(s, FILES_IMAGE, "processes have programs and folders open");
		s->files.more = true;
	}
	return rc < 0 ? rc : 0;
}

/* The first with that id, of whatever type. */
bool set_use_file(struct set *s, uint32_t id, uint32_t type)
{
	const size_t at = set_numbers_find(&s->files, (uint64_t)id << 32 | type);

	if (at < s->files.n && s->files.list[at] >> 32 == id &&
	    (!type || (uint32_t)s->files.list[at] == type)) {
		s->used[at] = 1;
		return true;
	}
	return s->files.more;
}

static void use_regular(struct set *s, const char *what, uint64_t id, uint64_t regular)
{
	if (!set_use_file(s, (uint32_t)regular, CRIU_FILE_REG))
		set_add(s, FINDING_FAULT, FILES_IMAGE, "file-missing",
			"the %s %" PRIu64 " is the file %" PRIu64 ", which isn't there", what, id,
			regular);
}

static int take_terminal(struct reading *g, struct cursor c, uint64_t id, struct firn_error *err)
{
	uint64_t regular, info = 0;

	if (criu_number(c, CRIU_PATH(19, 6), &regular) && regular)
		use_regular(g->s, "terminal", id, regular);
	return criu_number(c, CRIU_PATH(19, 2), &info) ? set_numbers_add(&g->terminals, info, err)
						       : 0;
}

/* inet_sk_entry: ino 2, proto 5, state 6 */
static void take_inet(struct set *s, struct cursor c, uint64_t id)
{
	uint64_t inode = 0, proto = 0, state = 0;
	char name[40];

	criu_number(c, CRIU_PATH(4, 2), &inode);
	criu_number(c, CRIU_PATH(4, 5), &proto);
	criu_number(c, CRIU_PATH(4, 6), &state);
	if (proto != TCP || state != ESTABLISHED || s->tcp_close)
		return;
	snprintf(name, sizeof(name), "tcp-stream-%" PRIx64 ".img", inode);
	if (!set_has(s, name))
		set_missing(s, name, "file %" PRIu64 " is a TCP connection", id);
}

/* A second reading, when all ids are known. */
static int take_links(struct cursor c, void *ctx, struct firn_error *err)
{
	struct reading *g = ctx;
	uint64_t type = 0, id = 0, to;

	criu_number(c, CRIU_PATH(1), &type);
	criu_number(c, CRIU_PATH(2), &id);
	switch (type) {
	case CRIU_FILE_FIFO:
		if (criu_number(c, CRIU_PATH(17, 3), &to) && to)
			use_regular(g->s, "fifo", id, to);
		return 0;
	case CRIU_FILE_TTY:
		return take_terminal(g, c, id, err);
	case CRIU_FILE_INETSK:
		take_inet(g->s, c, id);
		return 0;
	case 18: /* MEMFD */
		return criu_number(c, CRIU_PATH(20, 5), &to) ? set_numbers_add(&g->memfds, to, err)
							     : 0;
	default:
		return 0;
	}
}

static int take_terminal_info(struct cursor c, void *ctx, struct firn_error *err)
{
	uint64_t id = 0;

	criu_number(c, CRIU_PATH(1), &id);
	return set_numbers_add(ctx, id, err);
}

/* memfd_inode_entry: shmid 5, inode_id 7; its pages are shared memory's */
static int take_memfd(struct cursor c, void *ctx, struct firn_error *err)
{
	struct reading *g = ctx;
	uint64_t id = 0, size = 0, shared;
	int rc = 0;

	criu_number(c, CRIU_PATH(7), &id);
	criu_number(c, CRIU_PATH(4), &size);
	if (size && criu_number(c, CRIU_PATH(5), &shared))
		rc = set_numbers_add(&g->s->shared, shared, err);
	return rc < 0 ? rc : set_numbers_add(&g->inodes, id, err);
}

/* What is in @wanted and not in the image @name, whose records @take puts into a list. */
static int check_pool(struct reading *g, const char *name, const char *code, const char *what,
		      struct set_numbers *wanted, struct set_numbers *have, criu_record_fn *take,
		      void *ctx, struct firn_error *err)
{
	struct firn_error e = { 0 };
	int rc;

	set_numbers_sort(wanted, NULL);
	rc = set_each(g->s, name, take, ctx, &e);
	if (rc == 0 && wanted->n)
		set_missing(g->s, name, "a file is a %s", what);
	if (rc <= 0)
		return set_read(rc, &e, err);
	set_numbers_sort(have, NULL);
	for (size_t i = 0; i < wanted->n; i++)
		if (!set_numbers_has(have, wanted->list[i]))
			set_add(g->s, FINDING_FAULT, name, code,
				"the %s %" PRIu64 " is open and isn't there", what,
				wanted->list[i]);
	return 0;
}

static int check_links(struct reading *g, struct firn_error *err)
{
	_cleanup_(set_numbers_done) struct set_numbers terminals = { 0 };
	struct firn_error e = { 0 };
	int rc = set_each(g->s, FILES_IMAGE, take_links, g, &e);

	rc = set_read(rc, &e, err);
	if (rc == 0)
		rc = check_pool(g, "tty-info.img", "terminal-missing", "terminal", &g->terminals,
				&terminals, take_terminal_info, &terminals, err);
	if (rc == 0)
		rc = check_pool(g, "memfd.img", "memfd-missing", "memfd", &g->memfds, &g->inodes,
				take_memfd, g, err);
	return rc;
}

/* remap-fpath.proto: LINKED, GHOST, PROCFS; without a type the highest bit is GHOST's */
static int take_remap(struct cursor c, void *ctx, struct firn_error *err)
{
	struct set *s = ctx;
	uint64_t from = 0, to = 0, type = 0;
	char name[40];

	(void)err;
	criu_number(c, CRIU_PATH(1), &from);
	criu_number(c, CRIU_PATH(2), &to);
	if (!criu_number(c, CRIU_PATH(3), &type) && to & 1u << 31) {
		type = 1;
		to &= ~(1u << 31);
	}
	if (!set_use_file(s, (uint32_t)from, 0))
		set_add(s, FINDING_FAULT, REMAP_IMAGE, "file-missing",
			"file %" PRIu64 " has another name, and isn't there", from);
	snprintf(name, sizeof(name), "ghost-file-%" PRIx64 ".img", to);
	if (type == 0 && !set_use_file(s, (uint32_t)to, 0))
		set_add(s, FINDING_FAULT, REMAP_IMAGE, "file-missing",
			"file %" PRIu64 " is a link to the file %" PRIu64 ", which isn't there",
			from, to);
	else if (type == 1 && !set_has(s, name))
		set_missing(s, name, "file %" PRIu64 " was deleted while it was open", from);
	return 0;
}

/* Deleted files that were kept belong to somebody, and remap-fpath.img says to whom. */
static void check_ghosts(struct set *s)
{
	static const char ghosts[] = CHECKPOINT_IMAGES_DIR "/ghost-file-";

	for (size_t i = 0; i < members_count(s->m); i++) {
		const struct member m = members_at(s->m, i);

		if (strncmp(m.path, ghosts, strlen(ghosts)) != 0)
			continue;
		set_missing(s, REMAP_IMAGE, "there is a %s", m.path);
		return;
	}
}

static void reading_done(struct reading *g)
{
	set_numbers_done(&g->terminals);
	set_numbers_done(&g->memfds);
	set_numbers_done(&g->inodes);
}

int set_files(struct set *s, struct firn_error *err)
{
	_cleanup_(reading_done) struct reading g = { .s = s };
	struct firn_error e = { 0 };
	uint64_t twice;
	int rc = read_files(&g, err);

	if (rc < 0)
		return rc;
	if (s->files.more)
		set_add(s, FINDING_NOTE, FILES_IMAGE, "not-checked",
			"whether all files that are named are there");
	if (set_numbers_sort(&s->files, &twice))
		set_add(s, FINDING_FAULT, FILES_IMAGE, "file-twice",
			"file %" PRIu64 " is there twice", twice >> 32);
	s->used = calloc(s->files.n + 1, 1);
	if (!s->used)
		return firn_fail_oom(err, "files");
	rc = check_links(&g, err);
	if (rc < 0)
		return rc;
	rc = set_each(s, REMAP_IMAGE, take_remap, s, &e);
	if (rc == 0)
		check_ghosts(s);
	return set_read(rc, &e, err);
}

struct table {
	struct set *s;
	char name[40];
};

/* Terminals that CRIU takes from its own session, and what it makes for autofs, are in no image. */
static int take_descriptor(struct cursor c, void *ctx, struct firn_error *err)
{
	struct table *t = ctx;
	uint64_t id = 0, type = 0, fd = 0;

	(void)err;
	criu_number(c, CRIU_PATH(1), &id);
	criu_number(c, CRIU_PATH(3), &type);
	criu_number(c, CRIU_PATH(4), &fd);
	if (kind_of(type) && !set_use_file(t->s, (uint32_t)id, (uint32_t)type))
		set_add(t->s, FINDING_FAULT, t->name, "file-missing",
			"descriptor %" PRIu64 " is the file %" PRIu64
			" (%s), which files.img hasn't got",
			fd, id, criu_file_type_name((uint32_t)type));
	return 0;
}

static size_t count_unused(const struct set *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->files.n; i++)
		n += !s->used[i];
	return n;
}

/*
 * Without descriptors there is no image. That is rare (a daemon has /dev/null at least), and files
 * that nobody has open prove that some are lost.
 */
static void tell_absent(struct set *s, const struct set_numbers *absent)
{
	const size_t unused = s->files.more ? 0 : count_unused(s);
	char name[40];

	for (size_t i = 0; i < absent->n; i++) {
		snprintf(name, sizeof(name), "fdinfo-%" PRIu64 ".img", absent->list[i]);
		if (unused)
			set_missing(s, name, "%zu files of files.img are open nowhere", unused);
		else
			set_add(s, FINDING_WARNING, name, "descriptors-absent",
				"is missing: a process that is alive has no file open at all");
	}
}

int set_descriptors(struct set *s, struct firn_error *err)
{
	_cleanup_(set_numbers_done) struct set_numbers absent = { 0 };
	struct table t = { .s = s };
	struct firn_error e = { 0 };
	int rc;

	for (size_t i = 0; i < s->tables.n; i++) {
		snprintf(t.name, sizeof(t.name), "fdinfo-%" PRIu64 ".img", s->tables.list[i]);
		rc = set_each(s, t.name, take_descriptor, &t, &e);
		if (rc == 0)
			rc = set_numbers_add(&absent, s->tables.list[i], &e);
		rc = set_read(rc, &e, err);
		if (rc < 0)
			return rc;
	}
	tell_absent(s, &absent);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of a tar, which is an engine's archive or a layer; plain ones are never read through. */
#include "members/priv.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/tar.h"
#include "format/tree.h"
#include "locate/cover.h"

#include <stdio.h>
#include <string.h>

#define DELTA_MEMBER "rootfs-diff.tar"
#define PIECE_BYTES  65536u

/* In an images' folder: all but the large ones, which are memory and files. */
static bool image_wanted(const char *name)
{
	static const char *const large[] = { "pages-", "tmpfs-", "ghost-file-", "ipcns-shm-" };
	static const char *const others[] = { "stats-dump", "dump.log", "descriptors.json" };
	const size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		if (strncmp(name, large[i], strlen(large[i])) == 0)
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	return len > 4 && strcmp(name + len - 4, ".img") == 0;
}

bool members_wanted(const char *path)
{
	static const char *const documents[] = {
		CHECKPOINT_CONFIG, CHECKPOINT_SPEC, "status.dump",   "status",   "network.status",
		"bind.mounts",     "stats-dump",    "deleted.files", "dump.log",
	};
	const char *slash = strchr(path, '/');

	/* Dumps before this one lie beside it, under any name. */
	if (slash)
		return !strchr(slash + 1, '/') && image_wanted(slash + 1);
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++)
		if (strcmp(path, documents[i]) == 0)
			return true;
	return false;
}

static enum member_kind kind_of(const struct tar_entry *e)
{
	if (e->hardlink)
		return MEMBER_OTHER;
	if (S_ISREG(e->mode))
		return MEMBER_FILE;
	if (S_ISDIR(e->mode))
		return MEMBER_FOLDER;
	return S_ISLNK(e->mode) ? MEMBER_LINK : MEMBER_OTHER;
}

/* What of a compressed tar is kept while it passes. */
static int keep(struct members *m, struct tar *tar, const struct tar_entry *e, const char *path,
		struct member_how *how, struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	uint64_t size;
	int rc;

	if (kind_of(e) != MEMBER_FILE)
		return 0;
	how->place = PLACE_PASSED;
	if (m->form != MEMBERS_IMAGE && strcmp(path, DELTA_MEMBER) == 0) {
		rc = tar_payload(tar, &in, err);
		/* Whose whiteouts they are isn't known yet: a name like that is hardly a file's. */
		return rc < 0 ? rc : tally_stream(in, true, &m->tally, err);
	}
	if (!members_wanted(path))
		return 0;
	how->place = PLACE_SPOOL;
	rc = tar_payload(tar, &in, err);
	if (rc == 0)
		rc = spool_take(&m->spool, in, &how->at, &size, err);
	return rc;
}

const char *members_part_name(const struct part *part, const char *path, char ret[PART_NAME_MAX])
{
	if (!part->images || checkpoint_is_log(path))
		return path;
	snprintf(ret, PART_NAME_MAX, CHECKPOINT_IMAGES_DIR "%s%s", *path ? "/" : "", path);
	return ret;
}

static int add_entry(struct members *m, struct tar *tar, const struct tar_entry *e,
		     struct firn_error *err)
{
	struct member_how how = { .place = PLACE_PART,
				  .at = e->offset,
				  .part = (uint8_t)(m->nparts - 1) };
	char room[PART_NAME_MAX];
	const struct member member = {
		.kind = kind_of(e),
		.path = members_part_name(&m->parts[how.part], e->path, room),
		.target = S_ISLNK(e->mode) && !e->hardlink ? e->target : NULL,
		.size = e->size,
		.mtime = e->mtime,
	};
	const bool packed = tar_compressed(tar) || m->at.place.packed;
	int rc = packed ? keep(m, tar, e, member.path, &how, err) : 0;

	if (rc < 0)
		return firn_wrap(err, rc, "%s", e->path);
	return *member.path ? members_add(m, &member, &how, err) : 0;
}

int members_add_part(struct members *m, struct source *src, struct firn_error *err)
{
	if (m->nparts == PARTS_MAX) {
		source_close(src);
		return firn_fail(err, FIRN_ELIMIT, "more than %d layers", PARTS_MAX);
	}
	m->parts[m->nparts++] = (struct part){ .source = src };
	return 0;
}

/* 1: it is a member. Others' images may have been made from more than scratch. */
static int look_at(const struct tar_how *how, const struct tar_entry *e, struct firn_error *err)
{
	if (!how || !how->cover)
		return 1;
	return locate_is_furniture(e->path) ? 0 : cover_take(how->cover, e, err);
}

int members_add_tar(struct members *m, struct source *src, const struct tar_how *how,
		    struct firn_error *err)
{
	const struct tar_limits limits = { .entries = MEMBERS_MAX };
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e;
	unsigned documents = 0;
	int rc = members_add_part(m, src, err);

	if (rc < 0)
		return rc;
	m->parts[m->nparts - 1].images = how && how->images;
	rc = tar_open_source(src, &limits, &tar, err);
	if (rc < 0)
		return rc;
	m->packed |= tar_compressed(tar);
	while ((rc = tar_next(tar, &e, err)) > 0) {
		rc = look_at(how, e, err);
		if (rc > 0)
			rc = add_entry(m, tar, e, err);
		if (rc < 0)
			return rc;
		if (m->brief && m->packed && strcmp(e->path, CHECKPOINT_CONFIG) == 0)
			documents |= 1;
		if (m->brief && m->packed && strcmp(e->path, CHECKPOINT_SPEC) == 0)
			documents |= 2;
		if (documents == 3) {
			m->cut = true;
			return 0;
		}
	}
	return rc;
}

static enum member_kind kind_of_node(const struct node *n)
{
	if (n->link)
		return MEMBER_OTHER;
	if (S_ISREG(n->mode))
		return MEMBER_FILE;
	if (S_ISDIR(n->mode))
		return MEMBER_FOLDER;
	return S_ISLNK(n->mode) ? MEMBER_LINK : MEMBER_OTHER;
}

int members_add_tree(struct members *m, struct source *src, const struct tree *tree,
		     struct firn_error *err)
{
	int rc = members_add_part(m, src, err);

	for (const struct node *n = tree->root; rc >= 0 && (n = tree_next(tree, n));) {
		const struct member_how how = { .place = PLACE_PART,
						.at = n->offset,
						.part = (uint8_t)(m->nparts - 1) };
		struct member member = {
			.kind = kind_of_node(n),
			.target = S_ISLNK(n->mode) ? n->target : NULL,
			.size = S_ISREG(n->mode) ? n->size : 0,
			.mtime = n->mtime,
		};
		_free_ char *path = NULL;

		rc = tree_path(n, &path, err);
		member.path = path;
		if (rc == 0)
			rc = members_add(m, &member, &how, err);
	}
	return rc;
}

static int skip_to(struct istream *in, uint64_t *at, uint64_t to, struct firn_error *err)
{
	uint8_t piece[PIECE_BYTES];

	while (*at < to) {
		const uint64_t left = to - *at;
		const ssize_t got = istream_read(
		    in, piece, left < sizeof(piece) ? (size_t)left : sizeof(piece), err);

		if (got <= 0)
			return (int)got; /* 0: it ends before */
		*at += (uint64_t)got;
	}
	return 1;
}

static uint64_t end_of(const struct members_piece *p)
{
	return p->at + p->len;
}

/* The pieces of one member, which may lap over each other, or lie in each other. */
static int fetch_member(struct tar *tar, struct members_piece *pieces, size_t n,
			struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	const struct members_piece *far = NULL; /* the one that ends where the stream is */
	uint64_t at = 0;
	int rc = tar_payload(tar, &in, err);

	for (size_t i = 0; rc >= 0 && i < n; i++) {
		struct members_piece *p = &pieces[i];
		size_t have = 0;
		ssize_t got;

		if (far && end_of(far) > p->at) {
			have = (size_t)(end_of(far) - p->at);
			have = have < p->len ? have : p->len;
			memcpy(p->to, far->to + (p->at - far->at), have);
		}
		rc = skip_to(in, &at, p->at + have, err);
		if (rc <= 0)
			return rc;
		got = istream_read_full(in, p->to + have, p->len - have, err);
		if (got < 0)
			return (int)got;
		at += (uint64_t)got;
		p->there = (size_t)got == p->len - have;
		if (p->there && (!far || end_of(p) > end_of(far)))
			far = p;
	}
	return rc < 0 ? rc : 0;
}

/* The first piece of @path, @n when there is none. */
static size_t find_piece(const struct members_piece *pieces, size_t n, const char *path)
{
	size_t from = 0, to = n;

	while (from < to) {
		const size_t mid = from + (to - from) / 2;

		if (strcmp(pieces[mid].path, path) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from < n && strcmp(pieces[from].path, path) == 0 ? from : n;
}

int members_fetch_packed(struct members *m, size_t part, struct members_piece *pieces, size_t n,
			 struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e;
	size_t left = n;
	char room[PART_NAME_MAX];
	int rc = tar_open_source(m->parts[part].source, NULL, &tar, err);

	while (rc >= 0 && left && (rc = tar_next(tar, &e, err)) > 0) {
		const char *path = members_part_name(&m->parts[part], e->path, room);
		const size_t from = find_piece(pieces, n, path);
		size_t to;

		for (to = from; to < n && strcmp(pieces[to].path, path) == 0; to++)
			left--;
		if (from < to)
			rc = fetch_member(tar, pieces + from, to - from, err);
	}
	return rc < 0 ? rc : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tars in a checkpoint: the filesystem's changes, /dev/shm, named volumes, and the content of
 * tmpfs mounts. Plain ones are read header by header; what is packed is unpacked with VERIFY_DEEP
 * alone, and nothing is kept of it.
 */
#include "verify/set.h"

#include "format/tar.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC_BYTES 6
#define READ_BYTES  (1u << 18)

static bool is_packed(const uint8_t *b, size_t n)
{
	static const struct {
		const char *bytes;
		size_t len;
	} magics[] = {
		{ "\x1f\x8b", 2 },
		{ "\x28\xb5\x2f\xfd", 4 },
		{ "\xfd\x37\x7a\x58\x5a", 5 },
		{ "BZh", 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (n >= magics[i].len && memcmp(b, magics[i].bytes, magics[i].len) == 0)
			return true;
	return false;
}

static bool is_tar(const char *path)
{
	static const char volumes[] = "volumes/", images[] = CHECKPOINT_IMAGES_DIR "/tmpfs-";
	const size_t len = strlen(path);

	if (strcmp(path, CHECKPOINT_ROOTFS) == 0 || strcmp(path, "devshm-checkpoint.tar") == 0)
		return true;
	if (strncmp(path, volumes, strlen(volumes)) == 0)
		return len > 4 && strcmp(path + len - 4, ".tar") == 0;
	return strncmp(path, images, strlen(images)) == 0 && len > 11 &&
	       strcmp(path + len - 11, ".tar.gz.img") == 0;
}

static int walk(struct tar *tar, struct firn_error *err)
{
	const struct tar_entry *e;
	int rc;

	while ((rc = tar_next(tar, &e, err)) > 0)
		;
	return rc;
}

static int check_tar(struct set *s, const struct member *m, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tar_closep) struct tar *tar = NULL;
	uint8_t magic[MAGIC_BYTES] = { 0 };
	struct firn_error e = { 0 };
	ssize_t got = 0;
	int rc;

	if (set_passed(s, m->path) || set_numbers_has(&s->broken, (uintptr_t)m->path))
		return 0;
	rc = members_source(s->m, m->path, &src, &e);
	if (rc > 0)
		got = source_pread(src, magic, sizeof(magic), 0, &e);
	if (rc > 0 && got >= 0 && is_packed(magic, (size_t)got) && !(s->flags & VERIFY_DEEP))
		return 0;
	if (rc > 0)
		rc = got < 0 ? (int)got : tar_open_source(src, NULL, &tar, &e);
	if (rc == 0)
		rc = walk(tar, &e);
	rc = findings_take(s->f, m->path, "tar-broken", rc, &e, err);
	return rc < 0 ? rc : 0;
}

/* One in a compressed archive. */
static int check_passed(const char *path, struct istream *in, void *ctx, struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	struct set *s = ctx;
	struct firn_error e = { 0 };
	int rc = tar_open_stream(in, NULL, &tar, &e);

	if (rc == 0)
		rc = walk(tar, &e);
	rc = findings_take(s->f, path, "tar-broken", rc, &e, err);
	return rc < 0 ? rc : 0;
}

static bool is_wanted(const char *path, void *ctx)
{
	(void)ctx;
	return is_tar(path);
}

/* What can't be read shows when it is read: pages, and files that nothing is known of. */
static int read_through(struct set *s, const struct member *m, struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_free_ uint8_t *piece = malloc(READ_BYTES);
	struct firn_error e = { 0 };
	uint64_t at = 0;
	ssize_t got = 1;
	int rc;

	if (!piece)
		return firn_fail_oom(err, "pages");
	if (set_passed(s, m->path))
		return 0;
	rc = members_source(s->m, m->path, &src, &e);
	while (rc > 0 && got > 0 && at < src->size) {
		got = source_pread(src, piece, READ_BYTES, at, &e);
		at += got > 0 ? (uint64_t)got : 0;
	}
	if (rc > 0 && got == 0)
		rc = firn_fail(&e, FIRN_ECORRUPT, "ends early");
	rc = findings_take(s->f, m->path, "unreadable", got < 0 ? (int)got : rc, &e, err);
	return rc < 0 ? rc : 0;
}

static int check_deep(struct set *s, struct firn_error *err)
{
	const size_t n = members_count(s->m);
	struct firn_error e = { 0 };
	int rc = members_each_passed(s->m, is_wanted, check_passed, s, &e);

	rc = findings_take(s->f, "", "unreadable", rc, &e, err);
	for (size_t i = 0; rc >= 0 && i < n; i++) {
		const struct member m = members_at(s->m, i);

		if (m.kind == MEMBER_FILE && !is_tar(m.path))
			rc = read_through(s, &m, err);
	}
	return rc < 0 ? rc : 0;
}

int set_tars(struct set *s, struct firn_error *err)
{
	const size_t n = members_count(s->m);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		const struct member m = members_at(s->m, i);

		if (m.kind == MEMBER_FILE && is_tar(m.path))
			rc = check_tar(s, &m, err);
	}
	return rc == 0 && s->flags & VERIFY_DEEP ? check_deep(s, err) : rc;
}

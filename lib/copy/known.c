/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy/known.h"

#include "base/buf.h"
#include "base/cursor.h"
#include "base/fd.h"
#include "base/folder.h"
#include "bytes/codec_frame.h"

#include "firn/version.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NAME      "packed-layers"
#define PLACES    8192u
#define KEY_BYTES 32u /* sha256, as are the layers' digests */

/* As it lies in the file: little endian. */
enum {
	AT_KEY = 0,
	AT_PACKED = AT_KEY + KEY_BYTES,
	AT_SIZE = AT_PACKED + KEY_BYTES,
	AT_SUM = AT_SIZE + 8, /* the beginning of the sha256 of what is before */
	RECORD_BYTES = 96,
	SUM_BYTES = RECORD_BYTES - AT_SUM,
};

struct known {
	int fd, level;
};

/* Ours alone, and a file. */
static bool is_good(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       st.st_nlink == 1 && !(st.st_mode & 022);
}

struct known *known_open(const char *state, int level)
{
	_fd_ int folder = folder_make_private(state, 0700, NULL), fd = -1;
	struct known *k;

	if (folder < 0)
		return NULL;
	fd = openat(folder, NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 || !is_good(fd))
		return NULL;
	k = malloc(sizeof(*k));
	if (k)
		*k = (struct known){ take_fd(&fd), level };
	return k;
}

void known_close(struct known *k)
{
	if (k)
		fd_close(k->fd);
	free(k);
}

/* All that the packed bytes depend on. */
static bool make_key(const struct known *k, const struct digest *plain, struct digest *ret)
{
	char name[DIGEST_TEXT_MAX], text[DIGEST_TEXT_MAX + 96];
	const int n = snprintf(text, sizeof(text), "firn %s zstd %u level %d %s", firn_version(),
			       frame_packer_version(), k->level, digest_text(plain, name));

	return n > 0 && (size_t)n < sizeof(text) && digest_of(text, (size_t)n, ret, NULL) == 0;
}

static uint64_t place_of(const struct digest *key)
{
	return (uint64_t)((key->bytes[0] | key->bytes[1] << 8) % PLACES) * RECORD_BYTES;
}

static bool sum(const uint8_t *record, struct digest *ret)
{
	return digest_of(record, AT_SUM, ret, NULL) == 0;
}

bool known_find(struct known *k, const struct digest *plain, struct digest *ret, uint64_t *ret_size)
{
	uint8_t record[RECORD_BYTES];
	struct digest key, check;
	struct cursor c = { record + AT_SIZE, 8 };

	if (!k || !make_key(k, plain, &key) ||
	    fd_pread(k->fd, record, sizeof(record), place_of(&key), NULL) != RECORD_BYTES ||
	    memcmp(record + AT_KEY, key.bytes, KEY_BYTES) != 0 || !sum(record, &check) ||
	    memcmp(record + AT_SUM, check.bytes, SUM_BYTES) != 0)
		return false;
	*ret = (struct digest){ .alg = DIGEST_SHA256 };
	memcpy(ret->bytes, record + AT_PACKED, KEY_BYTES);
	return cursor_le64(&c, ret_size);
}

void known_add(struct known *k, const struct digest *plain, const struct digest *packed,
	       uint64_t size)
{
	uint8_t record[RECORD_BYTES];
	struct digest key, check;

	if (!k || packed->alg != DIGEST_SHA256 || !make_key(k, plain, &key))
		return;
	memcpy(record + AT_KEY, key.bytes, KEY_BYTES);
	memcpy(record + AT_PACKED, packed->bytes, KEY_BYTES);
	put_le64(record + AT_SIZE, size);
	if (!sum(record, &check))
		return;
	memcpy(record + AT_SUM, check.bytes, SUM_BYTES);
	(void)!fd_pwrite(k->fd, record, sizeof(record), place_of(&key), NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote/session.h"

#include "base/fd.h"
#include "base/folder.h"
#include "bytes/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define FILE_PREFIX  "upload-"
#define CHUNK_PREFIX "chunk-"
#define FILE_NAME    80
#define FILE_MAX     (URL_MAX + 2048)
#define ENTRIES_MAX  100000 /* that are looked at for old ones */

struct session {
	int dirfd, fd;
	char file[FILE_NAME];
	char *name;
	struct digest digest;
};

void session_close(struct session *s)
{
	if (!s)
		return;
	fd_close(s->fd);
	fd_close(s->dirfd);
	free(s->name);
	free(s);
}

static void closep(struct session **s)
{
	session_close(*s);
}

void session_end(struct session *s)
{
	if (s)
		(void)unlinkat(s->dirfd, s->file, 0);
}

void session_note(struct session *s, const struct url *where)
{
	_free_ char *address = NULL;
	_buf_ struct buf text = BUF_INIT;
	_json_ json_t *j = NULL;
	char digest[DIGEST_TEXT_MAX];

	if (!s)
		return;
	address = url_text(where);
	j = json_object();
	if (!address || !j || json_put_str(j, "repository", s->name, NULL) < 0 ||
	    json_put_str(j, "digest", digest_text(&s->digest, digest), NULL) < 0 ||
	    json_put_str(j, "location", address, NULL) < 0 || json_print(j, &text, NULL) < 0)
		return;
	/* Half of it is no JSON: torn by a crash it counts as none. */
	if (ftruncate(s->fd, 0) == 0)
		(void)!fd_pwrite(s->fd, text.data, text.len, 0, NULL);
}

int session_parse(const char *text, size_t len, const char *name, const struct digest *d,
		  struct url *ret, struct firn_error *err)
{
	_json_ json_t *j = NULL;
	const char *repository, *digest, *location;
	struct digest is;
	int rc;

	if ((rc = json_parse(text, len, &j, err)) < 0 ||
	    (rc = json_get_str(j, "repository", &repository, err)) < 0 ||
	    (rc = json_get_str(j, "digest", &digest, err)) < 0 ||
	    (rc = json_get_str(j, "location", &location, err)) < 0 ||
	    (rc = digest_parse(&is, digest, err)) < 0)
		return rc;
	if (strcmp(repository, name) != 0 || !digest_equal(&is, d))
		return firn_fail(err, FIRN_EMISMATCH, "an upload of something else");
	return url_parse(location, ret, err);
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Old files that nobody has open. */
static void sweep(int dirfd)
{
	const int own = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *dir = own < 0 ? NULL : fdopendir(own);
	const time_t now = time(NULL);
	const struct dirent *d;
	struct stat st;

	for (int i = 0; dir && i < ENTRIES_MAX && (d = readdir(dir)); i++) {
		_fd_ int fd = -1;

		if ((strncmp(d->d_name, FILE_PREFIX, sizeof(FILE_PREFIX) - 1) != 0 &&
		     strncmp(d->d_name, CHUNK_PREFIX, sizeof(CHUNK_PREFIX) - 1) != 0) ||
		    fstatat(dirfd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode) || now - st.st_mtim.tv_sec < SESSION_DAYS * 24 * 3600)
			continue;
		fd = openat(dirfd, d->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			(void)unlinkat(dirfd, d->d_name, 0);
	}
	if (own >= 0 && !dir)
		close(own);
}

/* Whether the file has still its name: another run may have ended with it. */
static bool is_named(const struct session *s)
{
	struct stat a, b;

	return fstat(s->fd, &a) == 0 && fstatat(s->dirfd, s->file, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A file's name for what may have no place in one. */
static int name_for(const char *prefix, const struct buf *key, char ret[FILE_NAME],
		    struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	struct digest of;
	int rc;

	if ((rc = buf_check(key, err)) < 0 || (rc = digest_of(key->data, key->len, &of, err)) < 0)
		return rc;
	snprintf(ret, FILE_NAME, "%s%.64s", prefix, digest_hex(&of, text));
	return 0;
}

static int name_file(const char *name, const struct digest *d, char ret[FILE_NAME])
{
	_buf_ struct buf key = BUF_INIT;
	char text[DIGEST_TEXT_MAX];

	buf_printf(&key, "%s %s", name, digest_text(d, text));
	return name_for(FILE_PREFIX, &key, ret, NULL);
}

/* Whether it is ours. */
static bool open_file(struct session *s)
{
	s->fd = openat(s->dirfd, s->file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return s->fd >= 0 && flock(s->fd, LOCK_EX | LOCK_NB) == 0 && is_named(s);
}

struct session *session_open(const char *folder, const char *name, const struct digest *d,
			     struct url *ret_where)
{
	_cleanup_(closep) struct session *s = calloc(1, sizeof(*s));
	_free_ char *text = NULL;
	size_t len = 0;

	if (!s)
		return NULL;
	s->fd = -1;
	s->digest = *d;
	s->dirfd = folder_make_private(folder, 0700, NULL);
	s->name = strdup(name);
	if (s->dirfd < 0 || !s->name || name_file(s->name, &s->digest, s->file) < 0)
		return NULL;
	sweep(s->dirfd);
	if (!open_file(s))
		return NULL;
	if (fd_read_all(s->fd, FILE_MAX, &text, &len, NULL) >= 0 && len)
		(void)!session_parse(text, len, name, d, ret_where, NULL);
	return take_ptr(&s);
}

void session_forget(const char *folder, const char *name, const struct digest *d)
{
	char file[FILE_NAME];
	_fd_ int dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dirfd >= 0 && name_file(name, d, file) == 0)
		(void)unlinkat(dirfd, file, 0);
}

/* -1 when there is none. */
static int open_chunk(int dirfd, const char *host, int flags, char ret[FILE_NAME])
{
	_buf_ struct buf key = BUF_INIT;

	buf_puts(&key, host);
	if (dirfd < 0 || name_for(CHUNK_PREFIX, &key, ret, NULL) < 0)
		return -1;
	return openat(dirfd, ret, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int session_parse_chunk(const char *text, size_t len, const char *host, uint64_t *ret,
			struct firn_error *err)
{
	_json_ json_t *j = NULL;
	const char *is;
	uint64_t bytes;
	int rc;

	if ((rc = json_parse(text, len, &j, err)) < 0 ||
	    (rc = json_get_str(j, "registry", &is, err)) < 0 ||
	    (rc = json_get_u64(j, "bytes", SESSION_CHUNK_MAX, &bytes, err)) < 0)
		return rc;
	if (strcmp(is, host) != 0 || bytes < SESSION_CHUNK_MIN)
		return firn_fail(err, FIRN_EMISMATCH, "of another registry, or too small");
	*ret = bytes;
	return 0;
}

uint64_t session_chunk(const char *folder, const char *host)
{
	_fd_ int dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char file[FILE_NAME];
	_fd_ int fd = open_chunk(dirfd, host, O_RDONLY, file);
	_free_ char *text = NULL;
	uint64_t bytes;
	size_t len = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 ||
	    time(NULL) - st.st_mtim.tv_sec >= SESSION_DAYS * 24 * 3600 ||
	    fd_read_all(fd, FILE_MAX, &text, &len, NULL) < 0 ||
	    session_parse_chunk(text, len, host, &bytes, NULL) < 0)
		return 0;
	return bytes;
}

void session_note_chunk(const char *folder, const char *host, uint64_t bytes)
{
	_fd_ int dirfd = folder_make_private(folder, 0700, NULL);
	_buf_ struct buf text = BUF_INIT;
	_json_ json_t *j = json_object();
	char file[FILE_NAME];
	_fd_ int fd = open_chunk(dirfd, host, O_WRONLY | O_CREAT, file);

	if (fd >= 0 && !bytes)
		(void)unlinkat(dirfd, file, 0);
	if (fd < 0 || !bytes || !j || json_put_str(j, "registry", host, NULL) < 0 ||
	    json_put(j, "bytes", json_integer((json_int_t)bytes), NULL) < 0 ||
	    json_print(j, &text, NULL) < 0)
		return;
	if (ftruncate(fd, 0) == 0)
		(void)!fd_pwrite(fd, text.data, text.len, 0, NULL);
}

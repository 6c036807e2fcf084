/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/place.h"

#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

void place_done(struct place *p)
{
	sink_close(p->sink);
	publish_done(&p->file);
	fd_close(p->dirfd);
	fd_close(p->fd);
	free(p->folder);
	free(p->name);
	*p = (struct place)PLACE_NONE;
}

/* Errors of writing name the file. */
struct named {
	struct sink sink;
	struct sink *out;
	char *name;
};

static int named_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	struct named *d = (struct named *)s;

	return firn_wrap(err, sink_write(d->out, bytes, n, err), "%s", d->name);
}

static void named_close(struct sink *s)
{
	struct named *d = (struct named *)s;

	sink_close(d->out);
	free(d->name);
	free(d);
}

static int name_sink(int fd, const char *name, struct sink **ret, struct firn_error *err)
{
	static const struct sink_ops ops = { named_write, NULL, named_close };
	_cleanup_(sink_closep) struct sink *out = NULL;
	struct named *d;
	int rc = sink_from_fd(fd, &out, err);

	if (rc < 0)
		return rc;
	d = calloc(1, sizeof(*d));
	if (!d || !(d->name = strdup(name))) {
		free(d);
		return firn_fail_oom(err, "sink");
	}
	d->sink.ops = &ops;
	d->out = take_ptr(&out);
	*ret = &d->sink;
	return 0;
}

static int to_stdout(struct place *p, struct firn_error *err)
{
	if (isatty(STDOUT_FILENO))
		return firn_fail(err, FIRN_EINVAL, "standard output is a terminal");
	return name_sink(STDOUT_FILENO, "standard output", &p->sink, err);
}

/* A fifo, socket or device: nothing to be replaced. */
static int to_special(const char *path, struct place *p, struct firn_error *err)
{
	p->fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (p->fd < 0)
		return firn_fail_errno(err, "open");
	if (isatty(p->fd))
		return firn_fail(err, FIRN_EINVAL, "is a terminal");
	return name_sink(p->fd, path, &p->sink, err);
}

static int to_file(const char *path, struct place *p, struct firn_error *err)
{
	const char *name = path_basename(path);
	int rc;

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return firn_fail(err, FIRN_EINVAL, "is no name for a file");
	p->name = strdup(name);
	p->folder = name == path ? strdup(".") : strndup(path, (size_t)(name - path));
	if (!p->name || !p->folder)
		return firn_fail_oom(err, "name");
	p->dirfd = open(p->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dirfd < 0)
		return firn_fail_errno(err, "open %s", p->folder);
	rc = publish_open(p->dirfd, &p->file, err);
	return rc < 0 ? rc : name_sink(p->file.fd, path, &p->sink, err);
}

/* The file behind a symbolic link is replaced, not the link (/dev/stdout is one). */
static int to_path(const char *path, struct place *p, struct firn_error *err)
{
	_free_ char *real = NULL;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? to_file(path, p, err) : firn_fail_errno(err, "look at it");
	if (S_ISLNK(st.st_mode)) {
		if (stat(path, &st) < 0)
			return firn_fail_errno(err, "follow the link");
		real = S_ISREG(st.st_mode) ? realpath(path, NULL) : NULL;
		if (S_ISREG(st.st_mode) && !real)
			return firn_fail_errno(err, "follow the link");
	}
	if (S_ISDIR(st.st_mode))
		return firn_fail(err, FIRN_EINVAL, "is a folder");
	if (!S_ISREG(st.st_mode))
		return to_special(path, p, err);
	return to_file(real ? real : path, p, err);
}

int place_open(const char *file, struct place *ret, struct firn_error *err)
{
	_cleanup_(place_done) struct place p = PLACE_NONE;
	int rc = strcmp(file, "-") == 0 ? to_stdout(&p, err) : to_path(file, &p, err);

	if (rc < 0)
		return rc;
	*ret = p;
	p = (struct place)PLACE_NONE;
	return 0;
}

int place_finish(struct place *p, struct firn_error *err)
{
	int rc = sink_finish(p->sink, err);

	if (rc < 0 || !p->name)
		return rc;
	if ((rc = publish_flush(&p->file, err)) < 0 ||
	    (rc = publish_replace(&p->file, p->name, err)) < 0)
		return rc;
	return publish_sync(p->dirfd, err);
}

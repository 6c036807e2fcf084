/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates of a registry's folder: authorities (*.crt), our own (NAME.cert with NAME.key). */
#include "base/fd.h"
#include "remote/identity.h"

#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define CERTIFICATES_MAX (1u << 20) /* bytes of all authorities */

void trust_done(struct trust *t)
{
	free(t->ca);
	free(t->cert);
	free(t->key);
	*t = (struct trust){ .ca = NULL };
}

static bool ends_with(const char *name, const char *end)
{
	const size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

static int add_authority(int dirfd, const char *name, struct buf *all, struct firn_error *err)
{
	_fd_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_free_ char *text = NULL;
	size_t len;
	int rc;

	if (fd < 0)
		return firn_fail_errno(err, "%s", name);
	if ((rc = fd_read_all(fd, CERTIFICATES_MAX - all->len, &text, &len, err)) < 0)
		return firn_wrap(err, rc, "%s", name);
	buf_put(all, text, len);
	buf_puts(all, "\n");
	return 0;
}

/* The first pair by name. */
static int add_own(int dirfd, const char *folder, const char *name, struct trust *t,
		   struct firn_error *err)
{
	const int stem = (int)strlen(name) - 5;
	_free_ char *cert = NULL, *key = NULL;

	if (asprintf(&cert, "%s/%s", folder, name) < 0)
		cert = NULL;
	if (asprintf(&key, "%s/%.*s.key", folder, stem, name) < 0)
		key = NULL;
	if (!cert || !key)
		return firn_fail_oom(err, "certificates");
	if (faccessat(dirfd, key + strlen(folder) + 1, R_OK, 0) < 0)
		return firn_fail_errno(err, "the key of %s: %s", name, key);
	if (t->cert && strcmp(t->cert, cert) < 0)
		return 0;
	free(t->cert);
	free(t->key);
	t->cert = take_ptr(&cert);
	t->key = take_ptr(&key);
	return 0;
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* 1 when the folder is there. */
static int read_folder(const char *folder, bool must, struct trust *ret, struct firn_error *err)
{
	_fd_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(trust_done) struct trust t = { .ca = NULL };
	_cleanup_(closedirp) DIR *dir = NULL;
	_buf_ struct buf all = BUF_INIT;
	const struct dirent *d;
	int rc = 0, own;

	if (fd < 0 && !must && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return 0;
	own = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	dir = own < 0 ? NULL : fdopendir(own);
	if (!dir)
		return firn_fail_errno(err, "certificates in %s", folder);
	while (rc >= 0 && (d = readdir(dir))) {
		if (ends_with(d->d_name, ".crt"))
			rc = add_authority(fd, d->d_name, &all, err);
		else if (ends_with(d->d_name, ".cert"))
			rc = add_own(fd, folder, d->d_name, &t, err);
	}
	if (rc < 0 || (rc = buf_check(&all, err)) < 0)
		return firn_wrap(err, rc, "certificates in %s", folder);
	t.ca_len = all.len;
	t.ca = all.len ? buf_steal(&all) : NULL;
	*ret = t;
	t = (struct trust){ .ca = NULL };
	return 1;
}

int trust_find(const struct registry_opts *opts, const char *host, struct trust *ret,
	       struct firn_error *err)
{
	static const char *const folders[] = { "/etc/containers/certs.d", "/etc/docker/certs.d" };
	char name[512];
	int rc = 0;

	if (opts->cert_dir)
		return read_folder(opts->cert_dir, true, ret, err);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(folders); i++) {
		snprintf(name, sizeof(name), "%s/%s", folders[i], host);
		rc = read_folder(name, false, ret, err);
	}
	return rc < 0 ? rc : 0;
}

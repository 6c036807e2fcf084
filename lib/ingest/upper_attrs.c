/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/upper_attrs.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/erofs_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>

/* fs/overlayfs/overlayfs.h: OVL_XATTR_*_PREFIX */
static const char *const prefixes[] = { "trusted.overlay.", "user.overlay." };

#define NESTED "overlay." /* behind a prefix: an attribute of an overlay in the container */

/*
 * Labels that a security module of this host gave, and hashes with this host's key: they mean
 * nothing elsewhere, and whoever unpacks a layer labels it anew.
 */
static const char *const of_host[] = { "security.selinux", "security.SMACK64", "security.evm",
				       "security.apparmor" };

int upper_attrs_open(struct upper_attrs *a, struct notes *notes, struct firn_error *err)
{
	*a = (struct upper_attrs){
		.notes = notes,
		.list = malloc(UPPER_LIST_MAX),
		.value = malloc(TREE_XATTR_MAX + 1),
	};
	if (a->list && a->value)
		return 0;
	upper_attrs_done(a);
	return firn_fail_oom(err, "xattrs");
}

void upper_attrs_done(struct upper_attrs *a)
{
	xattrs_freep(&a->xattrs);
	free(a->list);
	free(a->value);
	*a = (struct upper_attrs){ .notes = NULL };
}

/*
 * The kernel hides these attributes without a word from who lacks CAP_SYS_ADMIN in the first user
 * namespace (fs/xattr.c, xattr_permission()), but it says so to who would set one.
 */
bool upper_attrs_trusted(void)
{
	_fd_ int fd = memfd_create("firn", MFD_CLOEXEC);

	if (fd >= 0 && fsetxattr(fd, "trusted.firn", "", 0, 0) == 0)
		return true;
	return fd >= 0 && errno == EPERM ? false : geteuid() == 0;
}

static int refuse(const char *path, const char *why, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	return firn_fail(err, FIRN_EUNSUPP, "%s: %s", path_quote(path, quoted), why);
}

/* Overlayfs' own attribute @name, without its prefix. */
static int take_mark(struct upper_attrs *a, const char *path, const char *name,
		     const uint8_t *value, size_t len, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	if (strcmp(name, "opaque") == 0) {
		a->marks |= len == 1 && *value == 'y' ? UPPER_OPAQUE : 0;
		a->marks |= len == 1 && *value == 'x' ? UPPER_WHITEOUTS : 0;
	} else if (strcmp(name, "whiteout") == 0) {
		a->marks |= UPPER_WHITEOUT;
	} else if (strcmp(name, "redirect") == 0) {
		return refuse(path,
			      "was renamed by an overlay with redirect_dir: what it holds lies in "
			      "the layers below under another name",
			      err);
	} else if (strcmp(name, "metacopy") == 0) {
		return refuse(path,
			      "the overlay copied its attributes alone (metacopy): what it holds "
			      "lies in the layers below",
			      err);
	} else if (strcmp(name, "protattr") == 0) {
		return notes_loss(a->notes, err,
				  "%s is immutable or can only be appended to: layers can't say so",
				  path_quote(path, quoted));
	} else if (strncmp(name, NESTED, strlen(NESTED)) == 0) {
		return notes_loss(a->notes, err,
				  "%s has an attribute of an overlay in the container (%s), which "
				  "layers can't hold",
				  path_quote(path, quoted), name);
	}
	return 0;
}

/* The rest of @name behind overlayfs' prefix, or NULL. */
static const char *own_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return name + strlen(prefixes[i]);
	return NULL;
}

static bool is_hosts(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_host); i++)
		if (strncmp(name, of_host[i], strlen(of_host[i])) == 0)
			return true;
	return false;
}

static int take_xattr(struct upper_attrs *a, const char *path, const char *name, size_t len,
		      struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX], attr[PATH_QUOTE_MAX];
	const char *own = own_name(name), *rest;

	if (own)
		return take_mark(a, path, own, a->value, len, err);
	if (is_hosts(name))
		return 0;
	if (!erofs_xattr_index(name, &rest))
		return notes_loss(a->notes, err, "%s has an attribute %s, which layers can't hold",
				  path_quote(path, quoted), path_quote(name, attr));
	return xattr_set(&a->xattrs, name, a->value, len, err);
}

static int read_value(struct upper_attrs *a, const char *of, const char *path, const char *name,
		      struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX], attr[PATH_QUOTE_MAX];
	const ssize_t len = getxattr(of, name, a->value, TREE_XATTR_MAX + 1);
	int rc;

	if (len < 0 && errno == ENODATA)
		return firn_fail(err, FIRN_EBUSY, "%s: changes while it is read",
				 path_quote(path, quoted));
	if (len < 0)
		return firn_fail_errno(err, "%s: xattr %s", path_quote(path, quoted),
				       path_quote(name, attr));
	rc = take_xattr(a, path, name, (size_t)len, err);
	return rc;
}

int upper_attrs_read(struct upper_attrs *a, int fd, const char *path, struct firn_error *err)
{
	char of[FD_PATH_MAX], quoted[PATH_QUOTE_MAX];
	ssize_t len;
	int rc = 0;

	xattrs_freep(&a->xattrs);
	a->marks = 0;
	/* Not flistxattr(): it refuses what was opened with O_PATH. */
	len = listxattr(fd_path(fd, of), a->list, UPPER_LIST_MAX);
	if (len < 0 && errno == EOPNOTSUPP)
		return 0;
	if (len < 0)
		return firn_fail_errno(err, "%s: xattrs", path_quote(path, quoted));
	for (const char *name = a->list; rc >= 0 && name < a->list + len; name += strlen(name) + 1)
		rc = read_value(a, of, path, name, err);
	return rc;
}

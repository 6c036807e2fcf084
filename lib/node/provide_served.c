/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/provide_served.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/tar.h"
#include "node/bundle.h"
#include "node/shm.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>

#define COPY_MAX (1u << 20) /* of a file that is copied */

struct providing {
	const struct spec *spec;
	const struct content *content;
	struct served *to;
};

/* The text of the host's own file, "" when it has none. */
static char *read_host(const char *path)
{
	_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;

	if (fd < 0 || fd_read_all(fd, COPY_MAX, &text, NULL, NULL) < 0)
		return strdup("");
	return text;
}

static int read_rootfs(struct providing *p, const char *path, char **ret, struct firn_error *err)
{
	char whole[PATH_MAX];
	size_t len;
	int rc = 0;

	if (path && snprintf(whole, sizeof(whole), BUNDLE_ROOTFS "/%s", path + strspn(path, "/")) <
			(int)sizeof(whole))
		rc = served_read_file(p->to, whole, COPY_MAX, ret, &len, err);
	if (rc == 0 && !(*ret = strdup("")))
		return firn_fail_oom(err, "copy");
	return rc;
}

static int make_text(struct providing *p, const struct spec_provided *w, char **ret,
		     struct firn_error *err)
{
	_free_ char *text = NULL;
	int rc = 0;

	if (w->content == SPEC_TEXT) {
		*ret = strdup(w->text);
		return *ret ? 0 : firn_fail_oom(err, "text");
	}
	if (w->content == SPEC_RESOLV_CONF)
		text = read_host("/etc/resolv.conf");
	else
		rc = read_rootfs(p, w->destination, &text, err);
	if (rc < 0)
		return rc;
	return text ? spec_fit(text, w->fit, ret, err) : firn_fail_oom(err, "copy");
}

/* As node/shm.h: files, folders, links and pipes only. */
static int check_shm(const struct tree *t, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	for (const struct node *n = t->root; n; n = tree_next(t, n))
		if (S_ISCHR(n->mode) || S_ISBLK(n->mode) || S_ISSOCK(n->mode))
			return firn_fail(err, FIRN_ECORRUPT,
					 "entry %s: of no kind that it can have",
					 path_quote(n->name, quoted));
	return 0;
}

static int merge_shm(struct providing *p, const char *at, struct source *src,
		     struct firn_error *err)
{
	_cleanup_(source_closep) struct source *taken = src;
	_cleanup_(tree_freep) struct tree *tree = NULL;
	uint16_t part = 0;
	int rc;

	if ((rc = tar_scan(src, TAR_WHITEOUTS_LITERAL, 1, 0, &tree, err)) < 0 ||
	    (rc = check_shm(tree, err)) < 0 ||
	    (rc = served_add_part(p->to, take_ptr(&taken), -1, 0, &part, err)) < 0)
		return rc;
	return served_merge(p->to, at, tree, part, SERVED_ROOT_IMPLIED, err);
}

/* What the container had in /dev/shm: read where it lies in the archive that is shown, too. */
static int fill_shm(struct providing *p, const char *at, struct firn_error *err)
{
	const char *top = p->content->data_at;
	_free_ char *path = NULL;
	struct source *src = NULL;
	const struct node *n;
	int rc;

	if (asprintf(&path, "%s%s%s", top, *top ? "/" : "", SHM_ARCHIVE) < 0) {
		path = NULL;
		return firn_fail_oom(err, "path");
	}
	n = served_find_file(p->to, path);
	if (!n)
		return 0;
	rc = served_open_file(p->to, n, &src, err);
	return rc < 0 ? rc : firn_wrap(err, merge_shm(p, at, src, err), SHM_ARCHIVE);
}

static int provide(struct providing *p, const struct spec_provided *w, struct firn_error *err)
{
	_free_ char *path = NULL, *text = NULL;
	int rc;

	if (asprintf(&path, BUNDLE_PROVIDED "/%s", w->name) < 0) {
		path = NULL;
		return firn_fail_oom(err, "path");
	}
	switch (w->kind) {
	case SPEC_FILE:
		rc = make_text(p, w, &text, err);
		return rc < 0 ? rc : served_file(p->to, path, w->mode, text, strlen(text), err);
	case SPEC_FOLDER:
		return served_folder(p->to, path, w->mode, err);
	case SPEC_SHM:
		rc = served_folder(p->to, path, w->mode, err);
		return rc < 0 ? rc : fill_shm(p, path, err);
	case SPEC_NETNS:
		return served_file(p->to, path, w->mode, "", 0, err);
	}
	return firn_fail(err, FIRN_EUNSUPP, "is of no known kind");
}

int provide_served(const struct spec *spec, const struct content *content, struct served *to,
		   struct firn_error *err)
{
	struct providing p = { spec, content, to };
	int rc = served_folder(to, BUNDLE_PROVIDED, 0700, err);

	for (size_t i = 0; rc >= 0 && i < spec->nprovided; i++) {
		rc = provide(&p, &spec->provided[i], err);
		rc = firn_wrap(err, rc, "file %s for the container", spec->provided[i].name);
	}
	return rc < 0 ? rc : 0;
}

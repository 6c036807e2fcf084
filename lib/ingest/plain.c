/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/plain.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/layer.h"
#include "format/whiteout.h"

#include <stdio.h>
#include <string.h>

#define PLAIN_FILE   (S_IFREG | 0600)
#define PLAIN_FOLDER (S_IFDIR | 0700)

void plain_done(struct plain *p)
{
	layer_out_done(&p->out);
	p->implied = tree_free(p->implied);
}

int plain_open(struct plain *p, const struct layer_dest *to, layer_out_watch *watch, void *ctx,
	       struct firn_error *err)
{
	_cleanup_(plain_done) struct plain new = { .implied = NULL };
	const struct layer_entry root = { .path = "", .mode = PLAIN_FOLDER };
	int rc;

	if ((rc = tree_new(&new.implied, err)) < 0 ||
	    (rc = layer_out_open(&new.out, to, watch, ctx, err)) < 0 ||
	    (rc = layer_out_add(&new.out, &root, NULL, err)) < 0)
		return rc;
	*p = new;
	new = (struct plain){ 0 };
	return 0;
}

static int make_folder(struct plain *p, const char *path, struct firn_error *err)
{
	const struct layer_entry folder = { .path = path, .mode = PLAIN_FOLDER };
	struct node *n;
	int rc = tree_make(p->implied, path, &n, err);

	if (rc < 0)
		return rc;
	n->mode = PLAIN_FOLDER;
	return layer_out_add(&p->out, &folder, NULL, err);
}

static int make_parents(struct plain *p, const char *path, struct firn_error *err)
{
	char above[PATH_MEMBER_MAX + 1];
	const char *missing;
	int rc = 0;

	/* The layer refuses what is no folder. */
	tree_reach(layer_tree(p->out.layer), path, &missing);
	for (const char *slash = strchr(missing, '/'); rc == 0 && slash;
	     slash = strchr(slash + 1, '/')) {
		memcpy(above, path, (size_t)(slash - path));
		above[slash - path] = '\0';
		rc = make_folder(p, above, err);
	}
	return rc;
}

static int check_kind(const char *path, const struct tar_entry *e, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc;

	/* A member of an input can be called by a longer name here than it has there. */
	if (strlen(path) > PATH_MEMBER_MAX)
		return firn_fail(err, FIRN_ELIMIT, "entry %s: name is longer than %d bytes",
				 path_quote(path, quoted), PATH_MEMBER_MAX);
	rc = whiteout_parse(path, NULL, err);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return firn_fail(err, FIRN_ECORRUPT, "entry %s: would delete something",
				 path_quote(path, quoted));
	if (!S_ISREG(e->mode) && !S_ISDIR(e->mode))
		return firn_fail(err, FIRN_ECORRUPT,
				 "entry %s: a checkpoint has files and folders only",
				 path_quote(path, quoted));
	return 0;
}

/* The folder was made for a child before; who describes it now can't change it any more. */
static bool described_late(struct plain *p, const char *path, const struct tar_entry *e)
{
	struct node *n = S_ISDIR(e->mode) ? tree_find(p->implied, path) : NULL;

	if (!n || !S_ISDIR(n->mode) || n->implied)
		return false;
	n->implied = true; /* only once */
	return true;
}

int plain_add(struct plain *p, const char *path, const struct tar_entry *e, struct istream *in,
	      struct firn_error *err)
{
	const struct layer_entry entry = {
		.path = path,
		.target = e->hardlink ? e->target : NULL,
		.hardlink = e->hardlink,
		.mode = S_ISDIR(e->mode) ? PLAIN_FOLDER : PLAIN_FILE,
		.size = e->size,
		.mtime = e->mtime,
		.mtime_ns = e->mtime_ns,
	};
	int rc;

	if ((rc = check_kind(path, e, err)) < 0)
		return rc;
	if (described_late(p, path, e))
		return 0;
	if ((rc = make_parents(p, path, err)) < 0)
		return rc;
	return layer_out_add(&p->out, &entry, in, err);
}

int plain_add_parent(struct plain *p, unsigned number, unsigned parent, int64_t mtime,
		     uint32_t mtime_ns, struct firn_error *err)
{
	char name[CHECKPOINT_DUMP_NAME_MAX], path[sizeof(name) + sizeof(CHECKPOINT_PARENT)];
	char target[sizeof(name) + 3];
	const struct layer_entry link = {
		.path = path,
		.target = target,
		.mode = S_IFLNK | 0777,
		.mtime = mtime,
		.mtime_ns = mtime_ns,
	};
	int rc;

	snprintf(target, sizeof(target), "../%s", checkpoint_dump_name(parent, name));
	snprintf(path, sizeof(path), "%s/" CHECKPOINT_PARENT, checkpoint_dump_name(number, name));
	rc = make_parents(p, path, err);
	return rc < 0 ? rc : layer_out_add(&p->out, &link, NULL, err);
}

int plain_add_text(struct plain *p, const char *path, int64_t mtime, uint32_t mtime_ns,
		   const void *bytes, size_t n, struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	const struct tar_entry e = {
		.mode = S_IFREG, .size = n, .mtime = mtime, .mtime_ns = mtime_ns
	};
	int rc = istream_from_mem(bytes, n, &in, err);

	return rc < 0 ? rc : plain_add(p, path, &e, in, err);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export/task_dir.h"

#include "base/fd.h"
#include "export/dialect.h"
#include "export/files.h"
#include "export/walk.h"
#include "format/checkpoint.h"
#include "format/config_dump.h"

#include <string.h>

struct task {
	struct files files;
	struct buf config;
	bool has_config;
};

static void task_done(struct task *t)
{
	files_done(&t->files);
	buf_done(&t->config);
}

static int write_node(struct task *t, struct folder_out *out, const struct node *n,
		      const char *path, struct firn_error *err)
{
	const struct node *first = walk_first(n);
	_free_ char *to = NULL;
	int rc = first ? tree_path(first, &to, err) : 0;

	if (rc < 0)
		return rc;
	if (first)
		return folder_out_link(out, path, to, err);
	if (S_ISDIR(n->mode))
		return folder_out_folder(out, path, err);
	if (S_ISLNK(n->mode))
		return folder_out_symlink(out, path, n->target, err);
	if (t->has_config && strcmp(path, CHECKPOINT_CONFIG) == 0)
		return folder_out_text(out, path, n->mtime, t->config.data, t->config.len, err);
	if (!n->size)
		return folder_out_text(out, path, n->mtime, "", 0, err);
	return folder_out_file(out, path, n->mtime, files_layer(&t->files, n), n->offset, n->size,
			       err);
}

static int write_files(struct task *t, struct folder_out *out, struct firn_error *err)
{
	_cleanup_(walk_done) struct walk w = { 0 };
	struct node *n;
	int rc = walk_begin(&w, t->files.tree->root, err);

	while (rc >= 0 && (rc = walk_step(&w, &n, err)) > 0)
		rc = write_node(t, out, n, (char *)w.path.data, err);
	return rc;
}

static int write_delta(struct store *s, const struct checkpoint_image *ci, struct folder_out *out,
		       int64_t mtime, struct firn_error *err)
{
	const ssize_t at = delta_out_layer(ci);
	_cleanup_(blob_in_closep) struct blob_in *b = NULL;
	int codec, rc;

	if (at < 0)
		return 0;
	if ((rc = oci_layer_codec(ci->rootfs.manifest.layers[at].media_type, &codec, err)) < 0 ||
	    (rc = blob_in_open(s, &ci->rootfs.manifest.layers[at], &b, err)) < 0 ||
	    (rc = folder_out_file(out, CHECKPOINT_ROOTFS, mtime, b, 0, blob_in_size(b), err)) < 0)
		return rc;
	return blob_in_prove(b, err);
}

static int find_engine(const struct task *t, const char **ret, struct firn_error *err)
{
	const struct node *n = files_find(t->files.tree, CHECKPOINT_SPEC);
	const struct dialect *d;
	_free_ char *spec = NULL;
	int rc = n ? files_text(&t->files, n, CONFIG_DUMP_MAX, &spec, err) : 0;

	if (rc < 0)
		return rc;
	/* Without config.dump it is one of ctr's, whose folder is as good as any. */
	rc = dialect_find(spec, n ? (size_t)n->size : 0, t->has_config || spec, &d, err);
	if (rc < 0)
		return rc;
	*ret = d->engine;
	return 0;
}

int task_dir_write(struct store *s, const struct checkpoint_image *ci, struct work *w,
		   struct folder_out *out, const char **ret_engine, struct firn_error *err)
{
	_cleanup_(task_done) struct task t = { .config = BUF_INIT };
	const struct node *inventory;
	int rc = files_open(s, &ci->checkpoint, w, &t.files, err);

	if (rc < 0 || (rc = files_config(&t.files, &ci->checkpoint, &t.config, err)) < 0)
		return rc;
	t.has_config = rc > 0;
	inventory = files_find(t.files.tree, CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY);
	if (!inventory)
		return firn_fail(err, FIRN_ECORRUPT, "no checkpoint: %s/%s is missing",
				 CHECKPOINT_IMAGES_DIR, CHECKPOINT_INVENTORY);
	if ((rc = find_engine(&t, ret_engine, err)) < 0 || (rc = write_files(&t, out, err)) < 0)
		return rc;
	rc = write_delta(s, ci, out, inventory->mtime, err);
	return rc < 0 ? firn_wrap(err, rc, CHECKPOINT_ROOTFS) : files_prove(&t.files, err);
}

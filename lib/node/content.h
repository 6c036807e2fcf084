/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What there is to mount, wherever it comes from: the layers of a checkpoint image's C and R, or
 * the two halves of an engine's archive over a base image.
 */
#ifndef FIRN_NODE_CONTENT_H
#define FIRN_NODE_CONTENT_H

#include "bytes/digest.h"
#include "format/ref.h"
#include "image/image.h"
#include "node/stage.h"
#include "serve/served.h"
#include "view/layers.h"

#include "firn/mount.h"

#define CONTENT_LAYERS_MAX 499 /* overlayfs takes 500, and one may be ours */

/* Layers, the topmost first, each attached to the stage. */
struct layer_stack {
	struct view_mount *items;
	size_t count;
};

struct content {
	struct layer_stack data;   /* metadata and CRIU's images */
	struct layer_stack rootfs; /* none for a bare process without a base */
	/* config.dump and spec.dump, NUL-ended; NULL for a bare process */
	char *config, *spec;
	size_t config_len, spec_len;
	/*
	 * Content that firn shows itself (content_serve()): then there are no layers above, but
	 * these folders of a tree, which is borrowed.
	 */
	const struct served *served;
	const char *data_at, *rootfs_at;
};

void content_done(struct content *c);

/* An image or archive, found but not mounted yet. */
struct content_source;

/*
 * Look at what @text means. @opts (complete, without NULL for defaults) is borrowed until
 * content_source_free().
 */
int content_find(const char *text, const struct firn_mount_opts *opts, struct content_source **ret,
		 struct firn_error *err) _must_check_;
struct registry_opts;
/* The same for who takes a base that is in a registry, too (borrowed as @opts is): content_serve()
 * reads of it what it needs, content_mount() can't. */
int content_find_from(const char *text, const struct firn_mount_opts *opts,
		      const struct registry_opts *registry, struct content_source **ret,
		      struct firn_error *err) _must_check_;
/* The image @desc of @store, which is borrowed. */
int content_find_in(struct store *store, const struct oci_descriptor *desc,
		    const struct firn_mount_opts *opts, const struct registry_opts *registry,
		    struct content_source **ret, struct firn_error *err) _must_check_;
/* content_find() for a reference that was parsed. */
int content_find_ref(const struct ref *ref, const struct firn_mount_opts *opts,
		     struct content_source **ret, struct firn_error *err) _must_check_;

/* What an image or archive holds: one container, or several that have names. */
struct content_list {
	struct ref image; /* what was found, by digest: its tag may soon mean another */
	struct checkpoint_names names; /* .n 0: an archive, or only one container */
};

/*
 * The containers that @text means. The names of several are unique and plain components of a path:
 * they become folders.
 */
int content_list(const char *text, struct content_list *ret, struct firn_error *err) _must_check_;
void content_list_done(struct content_list *l);

struct content_source *content_source_free(struct content_source *s);
void content_source_freep(struct content_source **s);

/* Digest of the checkpoint image's manifest; NULL for an archive. */
const struct digest *content_digest(const struct content_source *s);

/* Where the layers come from that the container's own lie upon. */
enum content_base {
	CONTENT_BASE_NONE,   /* there is no rootfs, or it wasn't asked for yet */
	CONTENT_BASE_INSIDE, /* the image has them */
	CONTENT_BASE_GIVEN,  /* the base that the caller gave, and which is the right one */
	CONTENT_BASE_LACKING /* content_mount() failed for want of it */
};
enum content_base content_base(const struct content_source *s);
/* Its name, or NULL. */
const char *content_base_name(const struct content_source *s);

/* The container's name, or NULL; for an archive after content_mount(). */
const char *content_name(const struct content_source *s);

/*
 * Mount all layers on @stage. -FIRN_ENOTFOUND when a base is needed and not given, -FIRN_EMISMATCH
 * when it is another one.
 */
int content_mount(struct content_source *s, const struct view *v, struct stage *stage,
		  struct content *ret, struct firn_error *err) _must_check_;

/*
 * Put all layers as trees into @to: data into the folder @data_at, the rootfs into @rootfs_at (""
 * is the root; they stay borrowed). Nothing is mounted. Errors are those of content_mount().
 */
int content_serve(struct content_source *s, const struct view *v, struct served *to,
		  const char *data_at, const char *rootfs_at, struct content *ret,
		  struct firn_error *err) _must_check_;

/* Whether there is a root filesystem. */
bool content_has_rootfs(const struct content *c);

/*
 * 1 and the topmost data layer's file @path, opened for reading; 0 when no layer has it. Not of
 * content that firn shows itself.
 */
int content_open(const struct content *c, const char *path, int *ret_fd,
		 struct firn_error *err) _must_check_;
/* The same whole in memory, NUL-ended; the caller frees. Of any content. */
int content_read(const struct content *c, const char *path, size_t max, char **ret, size_t *ret_len,
		 struct firn_error *err) _must_check_;
/* 1 when there is such a file, 0 or an error. Of any content. */
int content_has(const struct content *c, const char *path, struct firn_error *err) _must_check_;

#endif

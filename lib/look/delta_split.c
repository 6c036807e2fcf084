/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "look/delta.h"

#include "base/fd.h"
#include "format/checkpoint.h"
#include "format/tar.h"
#include "image/folders.h"
#include "locate/locate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BASE_NODES_MAX (1u << 16) /* folders of a base, and what the delta hides of it */
/* Layers of a base that came with the checkpoint aren't unpacked above this just to be compared. */
#define BASE_PACKED_MAX (64ull << 20)
/* From afar, all of them: nobody waits for a download that he didn't ask for. */
#define BASE_FAR_MAX (128ull << 10)

struct base_image {
	struct store *store;    /* borrowed from layout, or of the members */
	struct layout *layout;  /* NULL: it wasn't opened here */
	struct located located; /* in a registry */
	struct image own;       /* that was loaded here */
	const struct image *image;
	size_t nlayers; /* the lowest ones, that are the base's */
};

static void base_done(struct base_image *b)
{
	image_done(&b->own);
	layout_close(b->layout);
	located_done(&b->located);
}

static bool names(const char *text, const struct digest *d)
{
	char hex[DIGEST_TEXT_MAX];

	return text && d->alg && strstr(text, digest_hex(d, hex));
}

/* What engines note is the digest of the manifest, of the index around it, or of the config. */
static int check_base(const struct inspect *i, const struct base_image *b,
		      const struct oci_descriptor *target, struct firn_error *err)
{
	char hex[DIGEST_TEXT_MAX];

	if (!i->base_ids[0] && !i->base_ids[1])
		return 0;
	for (size_t k = 0; k < ARRAY_SIZE(i->base_ids); k++)
		if (names(i->base_ids[k], &b->own.manifest.config.digest) ||
		    names(i->base_ids[k], &b->own.desc.digest) ||
		    names(i->base_ids[k], &target->digest))
			return 0;
	return firn_fail(err, FIRN_EMISMATCH, "has image ID %s, the container was made from %.100s",
			 digest_hex(&b->own.manifest.config.digest, hex),
			 i->base_ids[0] ? i->base_ids[0] : i->base_ids[1]);
}

static int open_registry(const struct inspect *i, const struct ref *ref, struct base_image *b,
			 struct oci_descriptor *ret, struct firn_error *err)
{
	struct registry_opts registry;
	int rc = registry_opts_from(i->opts->registry, &registry, err);

	if (rc == 0)
		rc = locate_registry(ref, &registry, LOCATE_BARE, &b->located, err);
	if (rc < 0)
		return rc;
	b->store = b->located.place.store;
	*ret = b->located.desc;
	json_incref(ret->json);
	return 0;
}

static int open_layout(const struct ref *ref, struct base_image *b, struct oci_descriptor *ret,
		       struct firn_error *err)
{
	int rc = layout_open_ref(ref, &b->layout, err);

	if (rc < 0)
		return rc;
	b->store = layout_store(b->layout);
	return layout_resolve(b->layout, ref, ret, err);
}

static int open_named(const struct inspect *i, struct base_image *b, struct firn_error *err)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor target = { 0 };
	_cleanup_(ref_done) struct ref ref = { 0 };
	int rc = ref_parse(i->opts->base, &ref, err);

	if (rc == 0)
		rc = ref.transport == REF_DOCKER ? open_registry(i, &ref, b, &target, err)
						 : open_layout(&ref, b, &target, err);
	if (rc < 0 || (rc = image_pick(b->store, &target, &b->own, err)) < 0 ||
	    (rc = check_base(i, b, &target, err)) < 0)
		return firn_wrap(err, rc, "base %s", i->opts->base);
	b->image = &b->own;
	b->nlayers = b->own.manifest.nlayers;
	return 1;
}

/* The base in the checkpoint: layers of R below the delta, or what the index of ctr has. */
static int open_inside(const struct inspect *i, struct base_image *b, struct firn_error *err)
{
	const struct checkpoint_image *ci = members_image(i->members);
	const struct oci_descriptor *base = members_about(i->members)->base;
	int rc;

	b->store = members_store(i->members);
	if (ci && ci->rootfs.desc.digest.alg && !ci->external_base) {
		const ssize_t delta = inspect_find_delta(&ci->rootfs);

		b->image = &ci->rootfs;
		b->nlayers = delta < 0 ? 0 : (size_t)delta;
		return b->nlayers > 0;
	}
	if (!base)
		return 0;
	rc = image_pick(b->store, base, &b->own, err);
	if (rc < 0)
		return firn_wrap(err, rc, "base image");
	b->image = &b->own;
	b->nlayers = b->own.manifest.nlayers;
	return 1;
}

/* Whether all of its layers are here, and not too much work for somebody who didn't ask. */
static int is_worth(const struct inspect *i, const struct base_image *b, struct delta_split *s,
		    struct firn_error *err)
{
	const bool far = members_remote(i->members) && !i->opts->base;
	uint64_t packed = 0;

	for (size_t k = 0; k < b->nlayers; k++) {
		const struct oci_descriptor *d = &b->image->manifest.layers[k];
		int codec = 0, rc = store_has(b->store, &d->digest, NULL, err);

		if (rc < 0)
			return rc;
		if (rc == 0) {
			snprintf(s->why, sizeof(s->why), "a layer of the base image is not here");
			return 0;
		}
		if (oci_layer_codec(d->media_type, &codec, NULL) < 0 || codec || far)
			packed += d->size < UINT64_MAX - packed ? d->size : 0;
	}
	if (packed <= (far ? BASE_FAR_MAX : BASE_PACKED_MAX) || i->opts->base)
		return 1;
	if (far) {
		snprintf(s->why, sizeof(s->why),
			 "the base image's %" PRIu64
			 " KiB are in the registry: --base has them read",
			 packed >> 10);
		return 0;
	}
	snprintf(s->why, sizeof(s->why),
		 "the base image has %" PRIu64 " MiB compressed: --base has them unpacked",
		 packed >> 20);
	return 0;
}

/* The delta's entries, until there are too many of them: then 0. */
static int read_entries(struct tar *tar, bool whiteouts, struct tree *t, struct firn_error *err)
{
	const enum tar_whiteouts how = whiteouts ? TAR_WHITEOUTS_FOREIGN : TAR_WHITEOUTS_LITERAL;
	const struct tar_entry *e;
	int rc;

	while ((rc = tar_next(tar, &e, err)) > 0) {
		struct tar_entry bare = *e;

		bare.xattrs = NULL;
		rc = tar_apply(t, &bare, how, 0, 0, NULL, err);
		if (rc < 0)
			return rc;
		if (t->count > DELTA_NODES_MAX)
			return 0;
	}
	return rc < 0 ? rc : 1;
}

struct reading {
	struct tree *tree;
	bool whiteouts;
	int found; /* as read_entries() */
};

static bool is_delta(const char *path, void *ctx)
{
	(void)ctx;
	return strcmp(path, CHECKPOINT_ROOTFS) == 0;
}

static int take_delta(const char *path, uint64_t size, struct istream *in, void *ctx,
		      struct firn_error *err)
{
	_cleanup_(tar_closep) struct tar *tar = NULL;
	struct reading *r = ctx;
	int rc = tar_open_stream(in, NULL, &tar, err);

	(void)path;
	(void)size;
	if (rc == 0)
		r->found = read_entries(tar, r->whiteouts, r->tree, err);
	return rc < 0 ? rc : r->found < 0 ? r->found : 0;
}

static int read_delta(struct inspect *i, struct tree **tree, struct firn_error *err)
{
	struct tree *t = *tree, *indexed = NULL;
	struct reading r = { .tree = t, .whiteouts = i->changeset, .found = 1 };
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tar_closep) struct tar *tar = NULL;
	int rc;

	/* In a compressed archive it passed by; nobody kept it. */
	if (members_tally(i->members)->counted) {
		rc = members_pass(i->members, is_delta, take_delta, &r, err);
		return rc < 0 ? rc : r.found;
	}
	rc = inspect_delta_tree(i, DELTA_NODES_MAX, &indexed, err);
	if (rc != 0) {
		if (rc > 0) {
			tree_free(t);
			*tree = indexed;
		}
		return rc == -FIRN_ELIMIT ? 0 : rc;
	}
	rc = inspect_open_delta(i, &src, err);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	rc = tar_open_source(src, NULL, &tar, err);
	return rc < 0 ? rc : read_entries(tar, i->changeset, t, err);
}

/* What engines list besides: what is there again is only emptied. */
static int add_deleted(struct tree *t, const struct deleted *d, struct firn_error *err)
{
	for (size_t k = 0; k < d->count; k++) {
		struct node *n = tree_find(t, d->paths[k]);
		int rc = 0;

		if (n) {
			n->opaque |= S_ISDIR(n->mode);
			continue;
		}
		if (t->count > DELTA_NODES_MAX)
			return 0;
		rc = tree_make(t, d->paths[k], &n, err);
		if (rc == -FIRN_ECORRUPT) /* below something that is no folder any more */
			continue;
		if (rc < 0)
			return rc;
		n->whiteout = true;
		n->mode = S_IFCHR;
	}
	return 1;
}

/* Whether the delta has @path, or takes it away with what is above it. */
static bool keep(const char *path, void *ctx)
{
	const struct tree *delta = ctx;
	const struct node *n = delta->root;
	char name[256];
	bool hidden = false;

	while (*path) {
		const size_t len = strcspn(path, "/");

		hidden |= n->whiteout || n->opaque || !S_ISDIR(n->mode);
		if (hidden || len >= sizeof(name))
			return hidden;
		memcpy(name, path, len);
		name[len] = '\0';
		n = tree_child(delta, n, name);
		if (!n)
			return false;
		path += len;
		path += *path == '/';
	}
	return true;
}

static void count_kind(struct delta_kinds *k, const struct node *n)
{
	if (n->link || S_ISLNK(n->mode)) {
		k->links++;
	} else if (S_ISDIR(n->mode)) {
		k->folders++;
	} else if (S_ISREG(n->mode)) {
		k->files++;
		k->bytes =
		    __builtin_add_overflow(k->bytes, n->size, &k->bytes) ? UINT64_MAX : k->bytes;
	} else {
		k->others++;
	}
}

static void count_removed(struct delta_split *s, const struct node *n)
{
	s->removed++;
	if (S_ISREG(n->mode) &&
	    __builtin_add_overflow(s->removed_bytes, n->size, &s->removed_bytes))
		s->removed_bytes = UINT64_MAX;
}

/*
 * What the base has below @b and the delta doesn't, @d being its node there or NULL. Nodes that
 * hide something themselves, whiteouts too, are compared for themselves.
 */
static void count_below(struct delta_split *s, const struct tree *delta, const struct node *d,
			const struct node *b)
{
	for (const struct node *n = b->children; n; n = n->next) {
		const struct node *same = d ? tree_child(delta, d, n->name) : NULL;

		if (!same) {
			count_removed(s, n);
			count_below(s, delta, NULL, n);
		} else if (S_ISDIR(same->mode) && !same->opaque) {
			count_below(s, delta, same, n);
		}
	}
}

static void compare(struct delta_split *s, const struct tree *delta, const struct node *n,
		    const struct node *b)
{
	if (n->whiteout) {
		if (!b)
			return;
		count_removed(s, b);
		count_below(s, delta, NULL, b);
		return;
	}
	if (!n->implied)
		count_kind(b ? &s->modified : &s->added, n);
	if (b && (n->opaque || !S_ISDIR(n->mode)))
		count_below(s, delta, S_ISDIR(n->mode) ? n : NULL, b);
}

static int compare_all(struct delta_split *s, const struct tree *delta, const struct tree *base,
		       struct firn_error *err)
{
	if (delta->root->opaque)
		count_below(s, delta, delta->root, base->root);
	for (const struct node *n = tree_next(delta, delta->root); n; n = tree_next(delta, n)) {
		_free_ char *path = NULL;
		int rc = tree_path(n, &path, err);

		if (rc < 0)
			return rc;
		compare(s, delta, n, tree_find(base, path));
	}
	return 0;
}

static int split(struct inspect *i, const struct base_image *b, const struct deleted *deleted,
		 struct delta_split *s, struct firn_error *err)
{
	_cleanup_(tree_freep) struct tree *delta = NULL, *base = NULL;
	struct image_keeping how = { .keep = keep, .max = BASE_NODES_MAX };
	int rc = tree_new(&delta, err);

	if (rc >= 0)
		rc = read_delta(i, &delta, err);
	if (rc > 0)
		rc = add_deleted(delta, deleted, err);
	if (rc < 0)
		return firn_wrap(err, rc, "filesystem delta");
	if (rc == 0) {
		snprintf(s->why, sizeof(s->why), "more than %u entries are not compared",
			 DELTA_NODES_MAX);
		return 0;
	}
	how.ctx = delta;
	rc = image_tree(b->store, b->image, b->nlayers, &how, &base, err);
	if (rc == -FIRN_ELIMIT) {
		snprintf(s->why, sizeof(s->why),
			 "the base image has more folders than are compared (%u)", BASE_NODES_MAX);
		return 0;
	}
	return rc < 0 ? firn_wrap(err, rc, "base image") : compare_all(s, delta, base, err);
}

int inspect_split_delta(struct inspect *i, const struct deleted *deleted, struct delta_split *ret,
			struct firn_error *err)
{
	_cleanup_(base_done) struct base_image b = { .located = LOCATED_INIT };
	int rc = i->opts->base ? open_named(i, &b, err) : open_inside(i, &b, err);

	if (rc == 0)
		snprintf(ret->why, sizeof(ret->why),
			 "the base image is not in the checkpoint: --base names it");
	if (rc > 0)
		rc = is_worth(i, &b, ret, err);
	return rc <= 0 ? rc : split(i, &b, deleted, ret, err);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoints for the tests of firn_build(), and what came of them. */
#ifndef FIRN_TESTS_BUILDING_H
#define FIRN_TESTS_BUILDING_H

#include "firn/build.h"

#include "image/image.h"
#include "ingest.h"

#define DIR_        .type = '5'
#define MTIME       1700000000
#define MTIME_TEXT  "2023-11-14T22:13:20Z"
#define PODMAN_SPEC "{\"annotations\":{\"io.container.manager\":\"libpod\"}}"
#define CRIO_SPEC                                                                                  \
	"{\"annotations\":{\"io.container.manager\":\"cri-o\","                                    \
	"\"io.kubernetes.pod.name\":\"p1\",\"io.kubernetes.cri-o.Metadata\":"                      \
	"\"{\\\"name\\\":\\\"k1\\\"}\"}}"

/* What is in the archive; NULL leaves a member out, "" takes the usual. */
struct archive {
	const char *config, *spec, *inventory;
	const struct tar_member *diff; /* up to one without a name */
	const char *deleted;
	const struct tar_member *more; /* further members, first in the archive */
	bool images_first;             /* CRI-O's order */
};

static inline void put_file(struct buf *b, const char *name, const char *text)
{
	if (text)
		MEMBER(b, .name = name, .data = text, .mtime = MTIME);
}

/* One page that says what it is, and the other images. */
static inline void put_images(struct buf *b, const struct archive *a)
{
	char pages[4096];

	memset(pages, 'p', sizeof(pages));
	MEMBER(b, .name = "checkpoint/", DIR_, .mode = 0700, .mtime = MTIME - 1);
	MEMBER(b, .name = "checkpoint/pages-1.img", .data = pages, .data_len = sizeof(pages),
	       .mtime = MTIME);
	put_file(b, "checkpoint/inventory.img",
		 a->inventory && !*a->inventory ? "i" : a->inventory);
}

static inline void put_archive(struct buf *b, const struct archive *a)
{
	_buf_ struct buf diff = BUF_INIT;

	for (const struct tar_member *m = a->more; m && m->name; m++)
		build_member(b, m);
	if (a->images_first)
		put_images(b, a);
	put_file(b, "config.dump",
		 a->config && !*a->config ? "{\"name\":\"c1\",\"runtime\":\"runc\"}" : a->config);
	put_file(b, "spec.dump", a->spec && !*a->spec ? PODMAN_SPEC : a->spec);
	if (!a->images_first)
		put_images(b, a);
	if (a->diff) {
		build_members(&diff, a->diff);
		MEMBER(b, .name = "rootfs-diff.tar", .data = (char *)diff.data, .mtime = MTIME,
		       .data_len = diff.len);
	}
	put_file(b, "deleted.files", a->deleted);
	build_end(b);
}

/* It as a file of the scratch folder. Returns the path. */
static inline const char *archive_file(const char *name, const struct archive *a)
{
	_buf_ struct buf b = BUF_INIT;

	put_archive(&b, a);
	scratch_write(name, b.data, b.len);
	return scratch(name);
}

static inline int build(const char *from, const char *tag, const struct firn_build_opts *opts,
			struct firn_build_result **ret, struct firn_error *err)
{
	char dest[300];

	snprintf(dest, sizeof(dest), "oci:%s:%s", scratch("out"), tag);
	return firn_build(from, dest, opts, ret, err);
}

static inline void resultp(struct firn_build_result **r)
{
	*r = firn_build_result_free(*r);
}

#define _result_ _cleanup_(resultp)

/* An image that was built into the layout "out" of the scratch folder. */
struct built {
	struct layout *layout;
	struct store *store;
	struct oci_index index;
	struct checkpoint_image ci;
};

static inline void built_done(struct built *b)
{
	checkpoint_image_done(&b->ci);
	oci_index_done(&b->index);
	layout_close(b->layout);
}

#define _built_ _cleanup_(built_done)

/* @container of several, NULL for the only one. */
static inline void load_of(const char *tag, const char *container, struct built *ret)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor d = { 0 };
	_cleanup_(ref_done) struct ref ref = { 0 };
	struct firn_error err = { 0 };
	char text[300];

	snprintf(text, sizeof(text), "oci:%s:%s", scratch("out"), tag);
	ck_ok(ref_parse(text, &ref, &err), err);
	ck_ok(layout_open_ref(&ref, &ret->layout, &err), err);
	ret->store = layout_store(ret->layout);
	ck_ok(layout_resolve(ret->layout, &ref, &d, &err), err);
	ck_ok(image_load_index(ret->store, &d, &ret->index, &err), err);
	ck_ok(checkpoint_image_load(ret->store, &d, container, &ret->ci, &err), err);
}

static inline void load(const char *tag, struct built *ret)
{
	load_of(tag, NULL, ret);
}

/* The digest of the layer with this role, NULL when there is none. */
static inline const struct digest *layer_of(const struct image *img, const char *role)
{
	for (size_t i = 0; i < img->manifest.nlayers; i++)
		if (strcmp(image_layer_role(img, i), role) == 0) {
			if (strcmp(img->manifest.layers[i].media_type, OCI_LAYER) == 0)
				ck_assert(digest_equal(&img->manifest.layers[i].digest,
						       &img->config.diff_ids[i]));
			return &img->manifest.layers[i].digest;
		}
	return NULL;
}

static inline const char *annotation(const struct image *img, const char *key)
{
	return oci_annotation(img->manifest.json, key);
}

#endif

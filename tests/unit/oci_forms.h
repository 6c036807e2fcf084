/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoints as OCI content, made on the spot. */
#ifndef FIRN_TESTS_OCI_FORMS_H
#define FIRN_TESTS_OCI_FORMS_H

#include "ingest.h"

#define CTR        "application/vnd.containerd.container."
#define CTR_SPEC   "{\"linux\":{\"cgroupsPath\":\"/default/c1\"}}"
#define CTR_CONFIG "\x0a\x36types.containerd.io/opencontainers/runtime-spec/1/Spec\x12\x27" CTR_SPEC

/* The layout "base" of the scratch folder, in which everything here lies. */
static inline struct layout *open_layout(void)
{
	struct firn_error err = { 0 };
	struct layout *l = NULL;

	ck_ok(layout_open(scratch("base"), LAYOUT_CREATE, &l, &err), err);
	return l;
}

/* A document or part at the end of @list, as a descriptor. */
static inline void put(struct layout *l, const char *type, const void *bytes, size_t n,
		       struct buf *list, struct oci_descriptor *ret)
{
	struct oci_descriptor d = { .size = n };
	struct firn_error err = { 0 };
	char text[DIGEST_TEXT_MAX];

	ck_ok(store_put(layout_store(l), bytes, n, &d.digest, &err), err);
	snprintf(d.media_type, sizeof(d.media_type), "%s", type);
	if (list)
		buf_printf(list, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}",
			   list->len ? "," : "", type, digest_text(&d.digest, text), n);
	if (ret)
		*ret = d;
}

static inline void tag(struct layout *l, const char *name, const struct oci_descriptor *d)
{
	const struct layout_entry entry = { .tag = name, .desc = d };
	struct firn_error err = { 0 };

	ck_ok(layout_tag(l, &entry, 1, true, &err), err);
}

static const struct tar_member criu[] = { { .name = "inventory.img", .data = "i", .mtime = 5 },
					  { .name = "pages-1.img", .data = "pages", .mtime = 6 },
					  { .name = "hard", .type = '1', .link = "pages-1.img" },
					  { .name = "dump.log", .data = "log" },
					  { .name = NULL } };
static const struct tar_member files[] = { { .name = "spec.dump", .data = "{}" },
					   { .name = "checkpoint/inventory.img", .data = "i" },
					   { .name = NULL } };

/* A checkpoint of ctr: @base is another entry of its index, or "". */
static inline void make_ctr(const char *name, const char *base)
{
	_cleanup_(layout_closep) struct layout *l = open_layout();
	_buf_ struct buf images = BUF_INIT, list = BUF_INIT, doc = BUF_INIT;
	struct oci_descriptor d;

	build_members(&images, criu);
	buf_puts(&list, base);
	put(l, CTR "checkpoint.options.v1+proto", "o", 1, &list, NULL);
	put(l, CTR "criu.checkpoint.criu.tar", images.data, images.len, &list, NULL);
	put(l, CTR "checkpoint.config.v1+proto", CTR_CONFIG, sizeof(CTR_CONFIG) - 1, &list, NULL);
	put(l, OCI_LAYER_GZIP, "delta", 5, &list, NULL);
	put(l, CTR "checkpoint.of.tomorrow", "?", 1, &list, NULL);
	buf_printf(&doc,
		   "{\"schemaVersion\":2,\"manifests\":[%s],\"annotations\":{\"%s\":\"base:1\"}}",
		   (char *)list.data, OCI_REF_NAME);
	put(l, OCI_INDEX, doc.data, doc.len, NULL, &d);
	tag(l, name, &d);
}

/* An image of @members in one layer, with an annotation of its manifest if @key isn't NULL. */
static inline void make_image(const char *name, const struct tar_member *members, const char *key)
{
	_cleanup_(layout_closep) struct layout *l = open_layout();
	_buf_ struct buf layer = BUF_INIT, config = BUF_INIT, doc = BUF_INIT, entry = BUF_INIT,
			 layers = BUF_INIT;
	struct oci_descriptor d;
	char text[DIGEST_TEXT_MAX];

	build_members(&layer, members);
	put(l, OCI_LAYER, layer.data, layer.len, &layers, &d);
	buf_printf(&config,
		   "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
		   "\"diff_ids\":[\"%s\"]}}",
		   digest_text(&d.digest, text));
	put(l, OCI_CONFIG, config.data, config.len, &entry, NULL);
	buf_printf(&doc,
		   "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[%s],"
		   "\"annotations\":{\"%s\":\"word\"}}",
		   OCI_MANIFEST, (char *)entry.data, (char *)layers.data, key ? key : "x");
	put(l, OCI_MANIFEST, doc.data, doc.len, NULL, &d);
	tag(l, name, &d);
}

#endif

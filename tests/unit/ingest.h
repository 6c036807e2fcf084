/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of lib/ingest share: base images made on the spot, and layers as text. */
#ifndef FIRN_TESTS_INGEST_H
#define FIRN_TESTS_INGEST_H

#include "bytes/codec.h"
#include "format/layer.h"
#include "format/oci.h"
#include "image/layout.h"
#include "scratch.h"
#include "tar_builder.h"

/* Members up to the one without a name. */
static inline void build_members(struct buf *b, const struct tar_member *m)
{
	for (; m && m->name; m++)
		build_member(b, m);
	build_end(b);
}

/*
 * An image of the layers @layers, tagged @tag in the layout "base" of the scratch folder. Its image
 * ID goes to @ret_id and its manifest's digest to @ret_manifest (both may be NULL).
 */
static inline void make_base(const char *tag, const struct buf *layers, size_t n, char *ret_id,
			     char *ret_manifest)
{
	_cleanup_(layout_closep) struct layout *l = NULL;
	_buf_ struct buf config = BUF_INIT, manifest = BUF_INIT, list = BUF_INIT;
	struct oci_descriptor d = { .media_type = OCI_MANIFEST };
	const struct layout_entry entry = { .tag = tag, .desc = &d };
	char text[DIGEST_TEXT_MAX];
	struct firn_error err = { 0 };
	struct digest digest;

	ck_ok(layout_open(scratch("base"), LAYOUT_CREATE, &l, &err), err);
	buf_puts(&config,
		 "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"x\"]},"
		 "\"x-kept\":1,\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
	for (size_t i = 0; i < n; i++) {
		ck_ok(store_put(layout_store(l), layers[i].data, layers[i].len, &digest, &err),
		      err);
		digest_text(&digest, text);
		buf_printf(&config, "%s\"%s\"", i ? "," : "", text);
		buf_printf(&list, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}",
			   i ? "," : "", OCI_LAYER, text, layers[i].len);
	}
	buf_puts(&config, "]},\"history\":[");
	for (size_t i = 0; i < n; i++)
		buf_printf(&config, "%s{\"created_by\":\"layer %zu\"}", i ? "," : "", i);
	buf_puts(&config, "]}");
	ck_ok(store_put(layout_store(l), config.data, config.len, &digest, &err), err);
	if (ret_id)
		digest_hex(&digest, ret_id);
	buf_printf(&manifest,
		   "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\","
		   "\"digest\":\"%s\",\"size\":%zu},\"layers\":[%s]}",
		   OCI_MANIFEST, OCI_CONFIG, digest_text(&digest, text), config.len,
		   (char *)list.data);
	ck_ok(store_put(layout_store(l), manifest.data, manifest.len, &d.digest, &err), err);
	d.size = manifest.len;
	if (ret_manifest)
		digest_text(&d.digest, ret_manifest);
	ck_ok(layout_tag(l, &entry, 1, true, &err), err);
}

static inline int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline char *node_line(const struct node *n)
{
	_buf_ struct buf line = BUF_INIT;
	_free_ char *path = NULL, *to = NULL;
	struct firn_error err = { 0 };
	const struct node *from = n->link ? n->link : n;

	ck_ok(tree_path(n, &path, &err), err);
	buf_printf(&line, "%s %06o %u:%u %lld", *path ? path : ".", from->mode, from->uid,
		   from->gid, (long long)from->mtime);
	if (n->mtime_ns)
		buf_printf(&line, ".%09u", n->mtime_ns);
	if (n->link) {
		ck_ok(tree_path(n->link, &to, &err), err);
		buf_printf(&line, " = %s", to);
	}
	if (S_ISREG(n->mode) && !n->link)
		buf_printf(&line, " %llu", (unsigned long long)n->size);
	if (n->target)
		buf_printf(&line, " -> %s", n->target);
	if (S_ISCHR(n->mode) && !n->whiteout)
		buf_printf(&line, " %u:%u", n->major, n->minor);
	buf_puts(&line, n->whiteout ? " whiteout" : n->opaque ? " opaque" : "");
	for (const struct xattr *x = n->xattrs; x; x = x->next)
		buf_printf(&line, " %s=%.*s", x->name, (int)x->len, (char *)x->value);
	buf_puts(&line, "\n");
	return buf_steal(&line);
}

/* A line for every node, sorted. Caller frees. */
static inline char *tree_text(const struct tree *t)
{
	_buf_ struct buf text = BUF_INIT;
	char **lines = calloc(t->count, sizeof(*lines));
	size_t n = 0;

	for (const struct node *at = t->root; at; at = tree_next(t, at))
		lines[n++] = node_line(at);
	qsort(lines, n, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < n; i++) {
		buf_puts(&text, lines[i]);
		free(lines[i]);
	}
	free(lines);
	return buf_steal(&text);
}

/* Whether a layer is an engine's own: ours are not compressed. */
static inline bool layer_packed(struct source *src)
{
	uint8_t head[CODEC_DETECT_BYTES];
	struct firn_error err = { 0 };

	ck_ok(source_read_at(src, head, sizeof(head), 0, &err), err);
	return codec_detect(head, sizeof(head)) != CODEC_NONE;
}

/* The tree of somebody else's layer; the bytes of its file @path (NULL: none) go to @ret_bytes. */
static inline char *packed_text(struct source *src, const char *path, char **ret_bytes)
{
	_cleanup_(tree_freep) struct tree *t = NULL;
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e;
	struct firn_error err = { 0 };
	int rc;

	ck_ok(tar_open_source(src, NULL, &tar, &err), err);
	ck_ok(tree_new(&t, &err), err);
	while ((rc = tar_next(tar, &e, &err)) > 0) {
		ck_ok(tar_apply(t, e, TAR_WHITEOUTS_FOREIGN, 1, 0, NULL, &err), err);
		if (path && strcmp(e->path, path) == 0) {
			*ret_bytes = calloc(1, e->size + 1);
			for (size_t at = 0; at < e->size;) {
				ssize_t n = tar_read(tar, *ret_bytes + at, e->size - at, &err);

				ck_assert_int_gt(n, 0);
				at += (size_t)n;
			}
		}
	}
	ck_ok(rc, err);
	return tree_text(t);
}

/* The tree of a layer that must be one of ours, or an engine's own. Caller frees. */
static inline char *layer_text(struct store *s, const struct digest *d)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };
	int rc;

	ck_ok(store_open(s, d, &src, &err), err);
	if (layer_packed(src))
		return packed_text(src, NULL, NULL);
	rc = layer_check(src, &t, &err);
	ck_ok(rc, err);
	ck_assert_int_eq(rc, LAYER_OURS);
	return tree_text(t);
}

/* The bytes of the file @path in such a layer. Caller frees. */
static inline char *layer_file(struct store *s, const struct digest *d, const char *path)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(tree_freep) struct tree *t = NULL;
	struct firn_error err = { 0 };
	const struct node *n;
	char *text = NULL;

	ck_ok(store_open(s, d, &src, &err), err);
	if (layer_packed(src)) {
		free(packed_text(src, path, &text));
		ck_assert_msg(text != NULL, "%s", path);
		return text;
	}
	ck_ok(layer_check(src, &t, &err), err);
	n = tree_find(t, path);
	ck_assert_msg(n && S_ISREG(n->mode), "%s", path);
	text = calloc(1, n->size + 1);
	ck_ok(source_read_at(src, text, n->size, n->offset, &err), err);
	return text;
}

#endif

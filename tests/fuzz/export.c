/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image that somebody else made, exported. An input is lines; "B", "D", "C" and "A" alone begin
 * the layers base, delta, checkpoint and compat, the others are members of the layer begun last:
 *
 *   TYPE|NAME|LINK|MODE|MTIME|DATA        TYPE as in tar: 0 file, 1 link, 2 symbolic link, 5 folder
 *
 * What comes out is a tar again. And what Podman makes of base and diff (it unpacks, then removes)
 * has the names and kinds of files that an overlay of base and delta has.
 */
#include "export/export.h"
#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/deleted.h"
#include "format/tar.h"
#include "format/ustar.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum layer { BASE, DELTA, CHECKPOINT, COMPAT, LAYERS };
static const char letters[] = "BDCA";

static void add_member(struct buf *b, char *line)
{
	static char empty[1];
	char *field[6] = { line, empty, empty, empty, empty, empty };
	struct ustar m = { 0 };

	for (size_t i = 1; i < ARRAY_SIZE(field); i++) {
		char *bar = strchr(field[i - 1], '|');

		if (!bar)
			break;
		*bar = '\0';
		field[i] = bar + 1;
	}
	m.type = (enum ustar_type)field[0][0];
	m.name = field[1];
	m.link = *field[2] ? field[2] : NULL;
	m.mode = (uint32_t)strtoul(field[3], NULL, 8) & 07777;
	m.mtime = (int64_t)strtoul(field[4], NULL, 10) & 0xffffffff;
	m.size = m.type == USTAR_FILE ? strlen(field[5]) : 0;
	ustar_put(b, &m);
	if (m.size)
		buf_put(b, field[5], (size_t)m.size);
	buf_align(b, USTAR_BLOCK);
}

static void read_layers(char *text, struct buf layers[LAYERS])
{
	struct buf *at = &layers[DELTA];

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		const char *letter = line[1] ? NULL : strchr(letters, line[0]);

		if (letter && *letter)
			at = &layers[letter - letters];
		else
			add_member(at, line);
	}
	/* Every checkpoint has these. */
	add_member(&layers[CHECKPOINT], (char[]){ "0|checkpoint/inventory.img||600|7|x" });
	add_member(&layers[CHECKPOINT], (char[]){ "0|config.dump||600|7|{}" });
	add_member(&layers[CHECKPOINT], (char[]){ "0|spec.dump||600|7|{\"annotations\":"
						  "{\"io.container.manager\":\"libpod\"}}" });
	for (size_t i = 0; i < LAYERS; i++)
		buf_fill(&layers[i], 0, 1024);
}

static int put_image(struct store *s, const struct buf *layers, const char *const *roles, size_t n,
		     struct image *ret)
{
	_buf_ struct buf config = BUF_INIT, manifest = BUF_INIT;
	struct oci_descriptor d = { .media_type = OCI_MANIFEST };
	char text[DIGEST_TEXT_MAX];
	struct digest digest;

	buf_puts(&config, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":"
			  "\"layers\",\"diff_ids\":[");
	buf_puts(&manifest, "{\"schemaVersion\":2,\"layers\":[");
	for (size_t i = 0; i < n; i++) {
		if (store_put(s, layers[i].data, layers[i].len, &digest, NULL) < 0)
			return -1;
		digest_text(&digest, text);
		buf_printf(&config, "%s\"%s\"", i ? "," : "", text);
		buf_printf(&manifest,
			   "%s{\"mediaType\":\"" OCI_LAYER "\",\"digest\":\"%s\",\"size\":%zu,"
			   "\"annotations\":{\"" ORG_FIRN_LAYER "\":\"%s\"}}",
			   i ? "," : "", text, layers[i].len, roles[i]);
	}
	buf_puts(&config, "]}}");
	if (store_put(s, config.data, config.len, &digest, NULL) < 0)
		return -1;
	buf_printf(&manifest,
		   "],\"config\":{\"mediaType\":\"" OCI_CONFIG
		   "\",\"digest\":\"%s\",\"size\":%zu}}",
		   digest_text(&digest, text), config.len);
	d.size = manifest.len;
	if (store_put(s, manifest.data, manifest.len, &d.digest, NULL) < 0)
		return -1;
	return image_load(s, &d, ret, NULL);
}

static struct tree *scan(const void *bytes, size_t n)
{
	_cleanup_(source_closep) struct source *src = NULL;
	struct tree *t = NULL;

	if (source_from_mem(bytes, n, &src, NULL) < 0 ||
	    tar_scan(src, TAR_WHITEOUTS_FOREIGN, 0, 0, &t, NULL) < 0)
		return NULL;
	return t;
}

static char kind(const struct node *n)
{
	return S_ISDIR(n->mode) ? 'd' : S_ISLNK(n->mode) ? 'l' : S_ISREG(n->mode) ? 'f' : 'x';
}

/* Lines of what is below @base overlaid by @delta (either may be NULL), unsorted. */
static void overlay(const struct tree *bt, const struct node *base, const struct tree *dt,
		    const struct node *delta, const char *path, struct buf *out)
{
	for (const struct node *n = base ? base->children : NULL; n; n = n->next) {
		const struct node *over = delta ? tree_child(dt, delta, n->name) : NULL;
		_free_ char *child = NULL;

		if (over || (delta && delta->opaque) || n->whiteout ||
		    asprintf(&child, "%s/%s", path, n->name) < 0)
			continue;
		buf_printf(out, "%c%s\n", kind(n), child);
		if (S_ISDIR(n->mode))
			overlay(bt, n, dt, NULL, child, out);
	}
	for (const struct node *n = delta ? delta->children : NULL; n; n = n->next) {
		const struct node *under =
		    base && !delta->opaque ? tree_child(bt, base, n->name) : NULL;
		_free_ char *child = NULL;

		if (n->whiteout || asprintf(&child, "%s/%s", path, n->name) < 0)
			continue;
		buf_printf(out, "%c%s\n", kind(n), child);
		if (S_ISDIR(n->mode))
			overlay(bt, under && S_ISDIR(under->mode) ? under : NULL, dt, n, child,
				out);
	}
}

/* As c/storage unpacks: folders meet folders, everything else is replaced. */
static void podman_unpacks(struct tree *t, const void *bytes, size_t n)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e;

	if (istream_from_mem(bytes, n, &in, NULL) < 0 || tar_open_stream(in, NULL, &tar, NULL) < 0)
		abort();
	while (tar_next(tar, &e, NULL) > 0) {
		struct node *was = tree_find(t, e->path);

		if (was && was != t->root && !(S_ISDIR(was->mode) && S_ISDIR(e->mode)))
			tree_remove(t, was);
		/* A file in the way of a folder: Podman's unpacking would fail. */
		if (tree_make(t, e->path, &was, NULL) < 0)
			abort();
		was->mode = e->hardlink ? tree_find(t, e->target)->mode : e->mode;
	}
}

static void podman_removes(struct tree *t, const char *text, size_t n)
{
	_cleanup_(deleted_done) struct deleted d = { 0 };

	if (deleted_parse(text, n, &d, NULL) < 0)
		abort();
	for (size_t i = 0; i < d.count; i++) {
		struct node *gone = tree_find(t, d.paths[i]);

		if (gone)
			tree_remove(t, gone);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_lines(struct buf *b)
{
	_buf_ struct buf sorted = BUF_INIT;
	char *lines[4096];
	size_t n = 0;

	buf_puts(b, "");
	for (char *l = strtok((char *)b->data, "\n"); l && n < ARRAY_SIZE(lines);
	     l = strtok(NULL, "\n"))
		lines[n++] = l;
	qsort(lines, n, sizeof(*lines), by_text);
	for (size_t i = 0; i < n; i++)
		buf_printf(&sorted, "%s\n", lines[i]);
	buf_reset(b);
	buf_puts(b, sorted.len ? (char *)sorted.data : "");
}

/* The archive's diff and deletions, applied to the base, against the overlay. */
static void compare(const struct buf *base, const struct buf *delta, struct tar *archive)
{
	_cleanup_(tree_freep) struct tree *b = scan(base->data, base->len),
					  *d = scan(delta->data, delta->len),
					  *result = scan(base->data, base->len);
	_buf_ struct buf want = BUF_INIT, have = BUF_INIT;
	const struct tar_entry *e;
	int rc;

	if (!d)
		abort(); /* it was exported */
	if (!b || !result)
		return; /* of the base only the folders matter */
	while ((rc = tar_next(archive, &e, NULL)) > 0) {
		_cleanup_(istream_closep) struct istream *in = NULL;
		_free_ char *text = NULL;
		size_t n = 0;

		if (!S_ISREG(e->mode) || e->hardlink || !e->size)
			continue;
		if (tar_payload(archive, &in, NULL) < 0 ||
		    istream_read_all(in, 1u << 24, &text, &n, NULL) < 0)
			abort();
		if (strcmp(e->path, "rootfs-diff.tar") == 0)
			podman_unpacks(result, text, n);
		if (strcmp(e->path, "deleted.files") == 0)
			podman_removes(result, text, n);
	}
	if (rc < 0)
		abort();
	overlay(b, b->root, d, d->root, "", &want);
	overlay(result, result->root, NULL, NULL, "", &have);
	sort_lines(&want);
	sort_lines(&have);
	if (strcmp((char *)want.data, (char *)have.data) != 0)
		abort();
}

/* Names that JSON can't hold, and whiteouts in the base, are told of and not compared. */
static bool is_comparable(const struct buf *layers)
{
	for (size_t i = 0; i < LAYERS; i++)
		for (size_t at = 0; at < layers[i].len; at++)
			if (layers[i].data[at] >= 0x80)
				return false;
	return !memmem(layers[BASE].data, layers[BASE].len, ".wh.", 4) &&
	       layers[COMPAT].len == 1024 && layers[DELTA].len > 1024 &&
	       layers[BASE].len + layers[DELTA].len < (1u << 20);
}

static void run(const struct buf *layers, struct store *s)
{
	static const char *const c_roles[] = { "metadata", "compat" }, *const r_roles[] = {
		"base", "delta"
	};
	_cleanup_(checkpoint_image_done) struct checkpoint_image ci = { 0 };
	_cleanup_(istream_closep) struct istream *in = NULL;
	_cleanup_(sink_closep) struct sink *to = NULL;
	_cleanup_(tar_closep) struct tar *tar = NULL;
	_buf_ struct buf out = BUF_INIT;
	const struct export_how how = { .compress = "none" };
	const struct tar_entry *e;
	int rc;

	if (put_image(s, layers + CHECKPOINT, c_roles, layers[COMPAT].len > 1024 ? 2 : 1,
		      &ci.checkpoint) < 0 ||
	    put_image(s, layers + BASE, r_roles, 2, &ci.rootfs) < 0 ||
	    sink_from_buf(&out, &to, NULL) < 0 || export_store(s, &ci, &how, to, NULL) < 0)
		return;
	if (istream_from_mem(out.data, out.len, &in, NULL) < 0 ||
	    tar_open_stream(in, NULL, &tar, NULL) < 0)
		abort();
	if (is_comparable(layers)) {
		compare(&layers[BASE], &layers[DELTA], tar);
		return;
	}
	while ((rc = tar_next(tar, &e, NULL)) > 0)
		;
	if (rc < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf layers[LAYERS] = { BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT };
	_cleanup_(store_closep) struct store *s = NULL;
	_free_ char *text = strndup((const char *)data, size);

	if (!text || store_mem_new(&s, NULL) < 0)
		return 0;
	read_layers(text, layers);
	run(layers, s);
	for (size_t i = 0; i < LAYERS; i++)
		buf_done(&layers[i]);
	return 0;
}

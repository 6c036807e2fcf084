/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * OCI content as a checkpoint, made into images in memory. The first byte says what the rest is: A,
 * an archive as it comes. Since everything in one is proven by digest, hardly anything that a
 * fuzzer changes gets past that; so there are I, the layers of an image, and C, the parts of a ctr
 * index (config, CRIU's images, changes), which get their digests here. "\n%%\n" stands between
 * them.
 */
#include "base/fd.h"
#include "format/ctr.h"
#include "ingest/batch.h"
#include "ingest/input_oci.h"
#include "look/inspect.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PARTS_MAX 6
#define CTR       "application/vnd.containerd.container."

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct part {
	const uint8_t *at;
	size_t len;
};

static size_t split(const uint8_t *data, size_t size, struct part parts[PARTS_MAX])
{
	size_t n = 0;

	while (n < PARTS_MAX) {
		const uint8_t *end = n < PARTS_MAX - 1 ? memmem(data, size, "\n%%\n", 4) : NULL;

		parts[n++] = (struct part){ data, end ? (size_t)(end - data) : size };
		if (!end)
			break;
		size -= (size_t)(end + 4 - data);
		data = end + 4;
	}
	return n;
}

/* A descriptor of the bytes, which are put into @s, at the end of @list. */
static void put(struct store *s, const char *type, const void *bytes, size_t n, struct buf *list,
		struct oci_descriptor *ret)
{
	struct oci_descriptor d = { .size = n };
	char text[DIGEST_TEXT_MAX];

	if (store_put(s, bytes, n, &d.digest, NULL) < 0)
		abort();
	snprintf(d.media_type, sizeof(d.media_type), "%s", type);
	if (list)
		buf_printf(list, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}",
			   list->len ? "," : "", type, digest_text(&d.digest, text), n);
	if (ret)
		*ret = d;
}

static void put_image(struct located *l, const struct part *parts, size_t n)
{
	_buf_ struct buf layers = BUF_INIT, ids = BUF_INIT, config = BUF_INIT, doc = BUF_INIT,
			 entry = BUF_INIT;
	struct oci_descriptor d;
	char text[DIGEST_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		put(l->place.store, OCI_LAYER, parts[i].at, parts[i].len, &layers, &d);
		buf_printf(&ids, "%s\"%s\"", i ? "," : "", digest_text(&d.digest, text));
	}
	buf_printf(&config,
		   "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
		   "\"diff_ids\":[%s]}}",
		   (char *)ids.data);
	put(l->place.store, OCI_CONFIG, config.data, config.len, &entry, NULL);
	buf_printf(&doc, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]}", (char *)entry.data,
		   (char *)layers.data);
	put(l->place.store, OCI_MANIFEST, doc.data, doc.len, NULL, &d);
	if (image_load(l->place.store, &d, &l->image, NULL) < 0)
		abort();
	l->kind = LOCATED_IMAGE;
}

static void put_ctr(struct located *l, const struct part *parts, size_t n)
{
	static const char *const types[] = { CTR "checkpoint.config.v1+proto",
					     CTR "criu.checkpoint.criu.tar", OCI_LAYER_GZIP,
					     CTR "checkpoint.options.v1+proto",
					     CTR "checkpoint.unknown" };
	_buf_ struct buf list = BUF_INIT, doc = BUF_INIT;
	struct oci_descriptor d;

	for (size_t i = 0; i < n && i < ARRAY_SIZE(types); i++)
		put(l->place.store, types[i], parts[i].at, parts[i].len, &list, NULL);
	buf_printf(&doc, "{\"schemaVersion\":2,\"manifests\":[%s]}", (char *)list.data);
	put(l->place.store, OCI_INDEX, doc.data, doc.len, NULL, &d);
	l->desc = d;
	l->kind = LOCATED_CTR;
}

static int put_archive(struct located *l, const uint8_t *data, size_t size, unsigned flags)
{
	_fd_ int fd = memfd_create("archive", MFD_CLOEXEC);

	if (fd < 0 || fd_write(fd, data, size, NULL) < 0)
		return -1;
	return locate_archive(fd, "archive", flags, l, NULL) > 0 ? 0 : -1;
}

/* 0, and where the checkpoint is, if the bytes are one. */
static int locate(const uint8_t *data, size_t size, unsigned flags, struct located *l)
{
	struct part parts[PARTS_MAX];
	size_t n;

	if (size == 0)
		return -1;
	if (data[0] == 'A')
		return put_archive(l, data + 1, size - 1, flags);
	if (store_mem_new(&l->place.own_store, NULL) < 0)
		return -1;
	l->place.store = l->place.own_store;
	n = split(data + 1, size - 1, parts);
	if (data[0] == 'C')
		put_ctr(l, parts, n);
	else
		put_image(l, parts, n);
	return 0;
}

static int open_any(const uint8_t *data, size_t size, struct input **ret)
{
	_cleanup_(located_done) struct located l = LOCATED_INIT;

	if (locate(data, size, LOCATE_PROVE, &l) < 0 || l.kind == LOCATED_OWN)
		return -1;
	return l.kind == LOCATED_CTR ? input_open_ctr(&l, ret, NULL)
				     : input_open_image(&l, ret, NULL);
}

/* The same for who only looks: every member by its name, and what inspect tells of them. */
static void look(const uint8_t *data, size_t size)
{
	_cleanup_(located_done) struct located l = LOCATED_INIT;
	const struct firn_inspect_opts opts = { .size = sizeof(opts) };
	_cleanup_(members_closep) struct members *m = NULL;
	_cleanup_(doc_freep) struct doc *doc = NULL;
	struct member found;

	if (locate(data, size, 0, &l) < 0 || members_open_located(&l, NULL, &m, NULL) < 0)
		return;
	for (size_t i = 0; i < members_count(m); i++)
		if (!members_find(m, members_at(m, i).path, &found))
			abort();
	if (doc_new(INSPECT_RESULT_MAX, &doc, NULL) == 0 &&
	    inspect_look(m, &opts, doc, doc_list(doc), NULL) < 0)
		return;
}

static void done(struct batch *b)
{
	struct store *s = b->ncontainers ? b->containers[0]->store : NULL;

	batch_done(b);
	store_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(done) struct batch b = { .layout = NULL };
	struct ingest *g;

	look(data, size);
	if (batch_add(&b, &g, NULL) < 0 || store_mem_new(&g->store, NULL) < 0)
		return 0;
	g->digest = true;
	if (open_any(data, size, &g->input) < 0 || ingest_open(g, NULL) < 0 ||
	    ingest_members(g, NULL) < 0)
		return 0;
	return ingest_images(g, NULL) < 0 || batch_index(&b, NULL) < 0 ? -1 : 0;
}

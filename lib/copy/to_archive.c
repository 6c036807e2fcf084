/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Into an oci-archive: a tar of a layout, written once from its beginning to its end, which has its
 * name when it is whole. No clock and no owner goes into it: the same image, the same bytes. Layers
 * begin at multiples of 4096, where a file system can share them and the kernel can map them.
 */
#include "copy/to.h"

#include "base/fd.h"
#include "bytes/sink.h"
#include "format/ref_docker.h"
#include "format/ustar.h"
#include "store/place.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define ALIGN_BYTES 4096u
#define CHUNK_BYTES (256u << 10)

static const char mark[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

struct to_archive {
	struct to to;
	struct place place;
	uint64_t at;                  /* bytes written */
	bool algs[DIGEST_SHA512 + 1]; /* whose folder is there */
	uint8_t *chunk;
};

static int put(struct to_archive *t, const void *bytes, size_t n, struct firn_error *err)
{
	t->at += n;
	return sink_write(t->place.sink, bytes, n, err);
}

/*
 * The extended header that stands before @m, if there has to be one: for a file of 8 GiB, the name
 * of a sha512 blob, or so much comment that what comes behind @m's own header is aligned.
 */
static int put_extended(struct buf *out, const struct ustar *m, uint64_t at, bool align,
			struct firn_error *err)
{
	_buf_ struct buf records = BUF_INIT;
	struct ustar pax = { .name = "PaxHeaders/blob", .type = USTAR_PAX, .mode = 0600 };
	int rc = pax_put_records(&records, m, err);

	if (rc < 0)
		return rc;
	if (!records.len && (!align || (at + USTAR_BLOCK) % ALIGN_BYTES == 0))
		return 0;
	if (align) {
		const uint64_t begin = at + 2 * (uint64_t)USTAR_BLOCK;
		const uint64_t least = begin + records.len + PAX_COMMENT_MIN;

		pax_put_comment(&records,
				(size_t)((least + -least % ALIGN_BYTES) - begin) - records.len);
	}
	pax.size = records.len;
	ustar_put(out, &pax);
	buf_put(out, records.data, records.len);
	buf_align(out, USTAR_BLOCK);
	return buf_check(&records, err);
}

/* A name that ends with a slash is that of a folder. */
static int put_header(struct to_archive *t, const char *name, uint64_t size, struct firn_error *err)
{
	const bool folder = name[strlen(name) - 1] == '/';
	const struct ustar m = {
		.name = name,
		.type = folder ? USTAR_DIR : USTAR_FILE,
		.mode = folder ? 0700 : 0600,
		.size = size,
	};
	_buf_ struct buf head = BUF_INIT;
	int rc = put_extended(&head, &m, t->at, size >= ALIGN_BYTES, err);

	if (rc < 0)
		return rc;
	ustar_put(&head, &m);
	rc = buf_check(&head, err);
	return rc < 0 ? rc : put(t, head.data, head.len, err);
}

static int put_zeros(struct to_archive *t, uint64_t n, struct firn_error *err)
{
	t->at += n;
	return sink_zeros(t->place.sink, n, err);
}

static int put_file(struct to_archive *t, const char *name, const char *text, size_t len,
		    struct firn_error *err)
{
	int rc;

	if ((rc = put_header(t, name, len, err)) < 0 || (rc = put(t, text, len, err)) < 0)
		return rc;
	return put_zeros(t, -t->at % USTAR_BLOCK, err);
}

/* The header of a blob, and of the folder it is in if that is the first of its kind. */
static int begin_blob(struct to_archive *t, const struct item *i, struct firn_error *err)
{
	const enum digest_alg alg = i->digest.alg;
	char name[sizeof("blobs//") + DIGEST_TEXT_MAX], hex[DIGEST_TEXT_MAX];
	int rc = 0;

	if (!t->algs[alg]) {
		snprintf(name, sizeof(name), "blobs/%s/", digest_alg_name(alg));
		rc = put_header(t, name, 0, err);
		t->algs[alg] = true;
	}
	snprintf(name, sizeof(name), "blobs/%s/%s", digest_alg_name(alg),
		 digest_hex(&i->digest, hex));
	return rc < 0 ? rc : put_header(t, name, i->size, err);
}

/* The bytes go out before they are proven: a file that fails here never gets a name. */
static int put_bytes(struct to_archive *t, struct source *src, const struct item *i,
		     const struct store_watch *watch, struct firn_error *err)
{
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	char text[DIGEST_TEXT_MAX];
	struct digest got;
	int rc = hasher_new(i->digest.alg, &h, err);

	for (uint64_t at = 0; rc == 0 && at < i->size;) {
		const uint64_t left = i->size - at;
		const size_t n = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;

		if ((rc = source_read_at(src, t->chunk, n, at, err)) < 0 ||
		    (rc = hasher_update(h, t->chunk, n, err)) < 0 ||
		    (rc = put(t, t->chunk, n, err)) < 0)
			return rc;
		rc = watch->moved(n, watch->ctx, err);
		at += n;
	}
	if (rc < 0 || (rc = hasher_final(h, &got, err)) < 0)
		return rc;
	if (!digest_equal(&got, &i->digest))
		return firn_fail(err, FIRN_ECORRUPT, "its content is %s", digest_text(&got, text));
	return put_zeros(t, -t->at % USTAR_BLOCK, err);
}

static int copy_blob(struct to_archive *t, const struct item *i, const struct store_watch *watch,
		     struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	int rc;

	if ((rc = from_blob(t->to.from, &i->digest, i->size, &src, err)) < 0 ||
	    (rc = begin_blob(t, i, err)) < 0)
		return rc;
	return put_bytes(t, src, i, watch, err);
}

static int archive_blob(struct to *to, const struct item *i, const struct store_watch *watch,
			enum fate *ret_fate, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	int rc = copy_blob((struct to_archive *)to, i, watch, err);

	*ret_fate = FATE_COPIED;
	return firn_wrap(err, rc, "blob %s", digest_text(&i->digest, text));
}

static int archive_document(struct to *to, const struct item *i, const char *text,
			    enum fate *ret_fate, struct firn_error *err)
{
	struct to_archive *t = (struct to_archive *)to;
	int rc;

	*ret_fate = FATE_COPIED;
	/* Somebody's layer: then it is there. */
	if (plan_find(to->plan, &i->digest, false))
		return 0;
	if ((rc = begin_blob(t, i, err)) < 0 || (rc = put(t, text, (size_t)i->size, err)) < 0)
		return rc;
	return put_zeros(t, -t->at % USTAR_BLOCK, err);
}

/* As a layout or a registry would take them: a source's index.json can say anything. */
static int check_tags(const struct roots *roots, struct firn_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < roots->n; i++)
		if (roots->list[i].tag && !ref_is_registry_tag(roots->list[i].tag))
			rc = ref_check_tag(roots->list[i].tag, err);
	return rc;
}

static int archive_check(struct to *to, const struct roots *roots, struct firn_error *err)
{
	struct to_archive *t = (struct to_archive *)to;
	int rc = check_tags(roots, err);

	if (rc < 0)
		return rc;
	rc = put_file(t, "oci-layout", mark, sizeof(mark) - 1, err);
	return rc < 0 ? rc : put_header(t, "blobs/", 0, err);
}

static int add_entry(const struct root *r, json_t *list, struct firn_error *err)
{
	_json_ json_t *j = NULL;
	int rc = layout_entry_json(&r->desc, r->tag, &j, err);

	if (rc < 0)
		return rc;
	return json_array_append(list, j) < 0 ? firn_fail_oom(err, "index.json") : 0;
}

static int put_index(struct to_archive *t, const struct roots *roots, struct firn_error *err)
{
	_json_ json_t *index = json_pack("{s:[], s:i}", "manifests", "schemaVersion", 2);
	_buf_ struct buf text = BUF_INIT;
	int rc = index ? 0 : firn_fail_oom(err, "index.json");

	for (size_t i = 0; rc == 0 && i < roots->n; i++)
		rc = add_entry(&roots->list[i], json_object_get(index, "manifests"), err);
	if (rc < 0 || (rc = json_print(index, &text, err)) < 0)
		return rc;
	return put_file(t, "index.json", (char *)text.data, text.len, err);
}

static int archive_finish(struct to *to, const struct roots *roots, struct firn_error *err)
{
	struct to_archive *t = (struct to_archive *)to;
	int rc;

	if ((rc = put_index(t, roots, err)) < 0 ||
	    (rc = put_zeros(t, 2 * (uint64_t)USTAR_BLOCK, err)) < 0)
		return rc;
	return place_finish(&t->place, err);
}

static void archive_close(struct to *to)
{
	struct to_archive *t = (struct to_archive *)to;

	place_done(&t->place);
	free(t->chunk);
	free(t);
}

static int open_place(const char *path, bool force, struct place *ret, struct firn_error *err)
{
	struct stat st;

	if (strcmp(path, "-") == 0)
		return firn_fail(err, FIRN_EINVAL, "is no name for a file");
	if (!force && stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size)
		return firn_fail(err, FIRN_EEXIST, "is there already (--force replaces it)");
	return place_open(path, ret, err);
}

int to_archive_open(const char *path, bool force, struct to **ret, struct firn_error *err)
{
	static const struct to_ops ops = {
		.check = archive_check,
		.blob = archive_blob,
		.document = archive_document,
		.finish = archive_finish,
		.close = archive_close,
		.tag = TAG_OPTIONAL,
	};
	struct to_archive *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return firn_fail_oom(err, "archive");
	t->to.ops = &ops;
	t->place = (struct place)PLACE_NONE;
	t->chunk = malloc(CHUNK_BYTES);
	rc = t->chunk ? open_place(path, force, &t->place, err) : firn_fail_oom(err, "archive");
	if (rc < 0) {
		archive_close(&t->to);
		return firn_wrap(err, rc, "oci-archive:%s", path);
	}
	t->to.tmp = t->place.folder;
	*ret = &t->to;
	return 0;
}

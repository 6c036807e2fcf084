/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A repository as a store to look into. What a digest is (a manifest, a blob of which size) is
 * known from the documents that went through here; only what no document names is asked for. Blobs
 * are read in blocks: one where somebody looks, more and more where he reads on. What is read so is
 * not proven, for nobody can hash a part of a blob; small blobs are fetched whole, and are.
 */
#include "base/fd.h"
#include "bytes/verify.h"
#include "remote/registry_priv.h"
#include "store/ops.h"

#include <string.h>

#define KNOWN_MAX   (1u << 14) /* digests; those that come after them are asked for */
#define BLOCK_BYTES (16u << 10)
#define BLOCKS_MAX  512         /* that are kept, of all blobs: 8 MiB */
#define AHEAD_MAX   32          /* blocks that are fetched at once */
#define WHOLE_MAX   (64u << 10) /* bytes of a blob that is fetched whole, and proven */
#define KEPT_MAX    (8u << 20)  /* bytes of documents and such blobs that are kept */

struct known {
	struct digest digest;
	bool manifest;
	uint64_t size;
	char *text; /* of a document or small blob that is kept, else NULL */
	size_t len;
};

struct block {
	struct digest digest;
	uint64_t number, used; /* used: 0 for an empty one */
	uint8_t *bytes;
};

struct remote_store {
	struct store store;
	struct registry *registry; /* borrowed */
	struct known *known;
	size_t count, room;
	size_t kept; /* bytes of texts */
	struct block blocks[BLOCKS_MAX];
	uint64_t clock;
	uint8_t *landing; /* AHEAD_MAX blocks */
	pthread_mutex_t lock;
};

static struct known *find(struct remote_store *s, const struct digest *d)
{
	for (size_t i = 0; i < s->count; i++)
		if (digest_equal(&s->known[i].digest, d))
			return &s->known[i];
	return NULL;
}

/* Documents are believed as to what they name: whoever reads it proves it. */
static struct known *learn(struct remote_store *s, const struct digest *d, bool manifest,
			   uint64_t size)
{
	struct known *k = find(s, d);

	if (k || s->count == KNOWN_MAX)
		return k;
	if (s->count == s->room) {
		const size_t room = s->room ? 2 * s->room : 32;
		struct known *grown = reallocarray(s->known, room, sizeof(*grown));

		if (!grown)
			return NULL;
		s->known = grown;
		s->room = room;
	}
	k = &s->known[s->count++];
	*k = (struct known){ .digest = *d, .manifest = manifest, .size = size };
	return k;
}

static void learn_manifest(struct remote_store *s, const char *text, size_t len)
{
	_cleanup_(oci_manifest_done) struct oci_manifest m = { .json = NULL };

	if (oci_manifest_parse(text, len, &m, NULL) < 0)
		return;
	(void)learn(s, &m.config.digest, false, m.config.size);
	for (size_t i = 0; i < m.nlayers; i++)
		(void)learn(s, &m.layers[i].digest, false, m.layers[i].size);
	if (m.subject.digest.alg)
		(void)learn(s, &m.subject.digest, true, m.subject.size);
}

static void learn_index(struct remote_store *s, const char *text, size_t len)
{
	_cleanup_(oci_index_done) struct oci_index x = { .json = NULL };

	if (oci_index_parse(text, len, &x, NULL) < 0)
		return;
	for (size_t i = 0; i < x.nmanifests; i++)
		/* What else an index lists (ctr's parts) are blobs. */
		(void)learn(s, &x.manifests[i].digest,
			    oci_is_manifest(x.manifests[i].media_type) ||
				oci_is_index(x.manifests[i].media_type),
			    x.manifests[i].size);
}

/* A source of bytes that it owns. */
struct text_source {
	struct source source;
	char *text;
};

static ssize_t text_pread(struct source *src, void *buf, size_t n, uint64_t at,
			  struct firn_error *err)
{
	(void)err;
	if (at >= src->size)
		return 0;
	if (n > src->size - at)
		n = (size_t)(src->size - at);
	memcpy(buf, ((struct text_source *)src)->text + at, n);
	return (ssize_t)n;
}

static void text_close(struct source *src)
{
	free(((struct text_source *)src)->text);
	free(src);
}

static int text_source(const char *text, size_t len, struct source **ret, struct firn_error *err)
{
	static const struct source_ops ops = { text_pread, text_close };
	struct text_source *t = calloc(1, sizeof(*t));

	if (t)
		t->text = malloc(len + 1);
	if (!t || !t->text) {
		free(t);
		return firn_fail_oom(err, "document");
	}
	memcpy(t->text, text, len);
	t->source = (struct source){ .ops = &ops, .size = len };
	*ret = &t->source;
	return 0;
}

/* Documents are asked for again and again; those that fit are kept. */
static void keep(struct remote_store *s, const struct digest *d, bool manifest, char *text,
		 size_t len)
{
	struct known *k = learn(s, d, manifest, len);

	if (!k || k->text || len > KEPT_MAX - s->kept) {
		free(text);
		return;
	}
	k->text = text;
	k->len = len;
	s->kept += len;
}

static int open_document(struct remote_store *s, const struct digest *d, struct source **ret,
			 struct firn_error *err)
{
	struct known *k = find(s, d);
	char name[DIGEST_TEXT_MAX];
	_free_ char *type = NULL;
	struct digest got;
	char *text;
	size_t len;
	int rc;

	if (k && k->text)
		return text_source(k->text, k->len, ret, err);
	rc = registry_manifest(s->registry, digest_text(d, name), &type, &text, &len, &got, err);
	if (rc < 0)
		return rc;
	if (oci_is_index(type))
		learn_index(s, text, len);
	else
		learn_manifest(s, text, len);
	rc = text_source(text, len, ret, err);
	keep(s, d, true, text, len);
	return rc;
}

/* A blob that is so small that it is fetched whole: that is one question, and it can be proven. */
static int open_small(struct remote_store *s, const struct digest *d, size_t size,
		      struct source **ret, struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	_free_ char *bytes = malloc(size + 1);
	ssize_t got;
	int rc;

	if (!bytes)
		return firn_fail_oom(err, "blob");
	if ((rc = registry_blob(s->registry, d, 0, size, &in, err)) < 0)
		return rc;
	got = istream_read_full(in, bytes, size, err);
	if (got < 0)
		return (int)got;
	if ((rc = text_source(bytes, (size_t)got, &src, err)) < 0 ||
	    (rc = verify_source(src, d, err)) < 0)
		return rc;
	keep(s, d, false, take_ptr(&bytes), (size_t)got);
	*ret = take_ptr(&src);
	return 0;
}

struct remote_source {
	struct source source;
	struct remote_store *store;
	struct digest digest;
	uint64_t next; /* the block behind those that were fetched last */
	size_t ahead;  /* blocks that are fetched at the next miss there */
};

static struct block *find_block(struct remote_store *s, const struct digest *d, uint64_t number)
{
	for (size_t i = 0; i < BLOCKS_MAX; i++) {
		struct block *b = &s->blocks[i];

		if (b->used && b->number == number && digest_equal(&b->digest, d)) {
			b->used = ++s->clock;
			return b;
		}
	}
	return NULL;
}

/* The one that nobody looked at for the longest time. */
static struct block *oldest(struct remote_store *s)
{
	struct block *b = &s->blocks[0];

	for (size_t i = 1; i < BLOCKS_MAX; i++)
		if (s->blocks[i].used < b->used)
			b = &s->blocks[i];
	return b;
}

static int put_block(struct remote_store *s, const struct digest *d, uint64_t number,
		     const uint8_t *bytes, size_t n, struct firn_error *err)
{
	struct block *b = find_block(s, d, number);

	if (b)
		return 0;
	b = oldest(s);
	if (!b->bytes && !(b->bytes = malloc(BLOCK_BYTES)))
		return firn_fail_oom(err, "blob");
	memcpy(b->bytes, bytes, n);
	b->digest = *d;
	b->number = number;
	b->used = ++s->clock;
	return 0;
}

/*
 * Block @number, those behind it that are wanted now (@want with it), and who reads on gets more
 * and more of those that are likely to be wanted next.
 */
static int fetch(struct remote_source *r, uint64_t number, uint64_t want, struct firn_error *err)
{
	struct remote_store *s = r->store;
	_cleanup_(istream_closep) struct istream *in = NULL;
	const uint64_t from = number * BLOCK_BYTES;
	uint64_t to;
	ssize_t got;
	int rc = 0;

	r->ahead = number == r->next && r->ahead ? 2 * r->ahead : 1;
	if (r->ahead < want)
		r->ahead = want < AHEAD_MAX ? (size_t)want : AHEAD_MAX;
	if (r->ahead > AHEAD_MAX)
		r->ahead = AHEAD_MAX;
	to = from + (uint64_t)r->ahead * BLOCK_BYTES;
	to = to < r->source.size ? to : r->source.size;
	rc = registry_range(s->registry, &r->digest, from, to, r->source.size, &in, err);
	if (rc < 0)
		return rc;
	got = istream_read_full(in, s->landing, (size_t)(to - from), err);
	if (got < 0)
		return (int)got;
	for (uint64_t at = 0; rc == 0 && at < (uint64_t)got; at += BLOCK_BYTES) {
		const uint64_t left = (uint64_t)got - at;

		rc = put_block(s, &r->digest, number + at / BLOCK_BYTES, s->landing + at,
			       left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES, err);
	}
	r->next = number + r->ahead;
	return rc;
}

static ssize_t remote_pread(struct source *src, void *buf, size_t n, uint64_t at,
			    struct firn_error *err)
{
	struct remote_source *r = (struct remote_source *)src;
	size_t done = 0;
	int rc = 0;

	if (at >= src->size)
		return 0;
	if (n > src->size - at)
		n = (size_t)(src->size - at);
	(void)pthread_mutex_lock(&r->store->lock);
	while (rc == 0 && done < n) {
		const uint64_t number = (at + done) / BLOCK_BYTES;
		const size_t in = (size_t)((at + done) % BLOCK_BYTES);
		const size_t some = n - done < BLOCK_BYTES - in ? n - done : BLOCK_BYTES - in;
		const struct block *b = find_block(r->store, &r->digest, number);

		if (!b && (rc = fetch(r, number, (in + n - done - 1) / BLOCK_BYTES + 1, err)) == 0)
			b = find_block(r->store, &r->digest, number);
		if (b)
			memcpy((uint8_t *)buf + done, b->bytes + in, some);
		else if (rc == 0)
			rc = firn_fail(err, FIRN_ECORRUPT, "a part of a blob isn't there");
		done += some;
	}
	(void)pthread_mutex_unlock(&r->store->lock);
	return rc < 0 ? rc : (ssize_t)n;
}

static void remote_close(struct source *src)
{
	free(src);
}

static int open_blob(struct remote_store *s, const struct digest *d, struct source **ret,
		     struct firn_error *err)
{
	static const struct source_ops ops = { remote_pread, remote_close };
	const struct known *k = find(s, d);
	struct remote_source *r;
	uint64_t size = k ? k->size : 0;
	int rc = k ? 1 : registry_has_blob(s->registry, d, &size, err);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return firn_fail(err, FIRN_ENOTFOUND, "isn't in %s", registry_name(s->registry));
	if (k && k->text)
		return text_source(k->text, k->len, ret, err);
	if (size && size <= WHOLE_MAX)
		return open_small(s, d, (size_t)size, ret, err);
	r = calloc(1, sizeof(*r));
	if (!r)
		return firn_fail_oom(err, "blob");
	*r = (struct remote_source){ .source = { .ops = &ops, .size = size },
				     .store = s,
				     .digest = *d };
	*ret = &r->source;
	return 0;
}

static int store_open_any(struct store *store, const struct digest *d, struct source **ret,
			  struct firn_error *err)
{
	struct remote_store *s = (struct remote_store *)store;
	const struct known *k;
	bool document, blob;
	int rc = -FIRN_ENOTFOUND;

	(void)pthread_mutex_lock(&s->lock);
	k = find(s, d);
	document = !k || k->manifest;
	blob = !k || !k->manifest;
	if (document)
		rc = open_document(s, d, ret, err);
	if (rc == -FIRN_ENOTFOUND && blob)
		rc = open_blob(s, d, ret, err);
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}

static int store_has_any(struct store *store, const struct digest *d, uint64_t *ret_size,
			 struct firn_error *err)
{
	struct remote_store *s = (struct remote_store *)store;
	_cleanup_(source_closep) struct source *src = NULL;
	const struct known *k;
	int rc;

	(void)pthread_mutex_lock(&s->lock);
	k = find(s, d);
	if (k && k->text) {
		*ret_size = k->len;
		rc = 1;
	} else if (k && !k->manifest) {
		rc = registry_has_blob(s->registry, d, ret_size, err);
	} else {
		rc = open_document(s, d, &src, err);
		if (rc == 0) {
			*ret_size = src->size;
			rc = 1;
		} else if (rc == -FIRN_ENOTFOUND) {
			rc = k ? 0 : registry_has_blob(s->registry, d, ret_size, err);
		}
	}
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}

static int store_sync_none(struct store *store, struct firn_error *err)
{
	(void)store;
	(void)err;
	return 0;
}

static void remote_store_close(struct store *store)
{
	struct remote_store *s = (struct remote_store *)store;

	for (size_t i = 0; i < s->count; i++)
		free(s->known[i].text);
	for (size_t i = 0; i < BLOCKS_MAX; i++)
		free(s->blocks[i].bytes);
	(void)pthread_mutex_destroy(&s->lock);
	free(s->known);
	free(s->landing);
	free(s);
}

int registry_store(struct registry *r, struct store **ret, struct firn_error *err)
{
	static const struct store_ops ops = { .has = store_has_any,
					      .open = store_open_any,
					      .sync = store_sync_none,
					      .close = remote_store_close };
	struct remote_store *s = calloc(1, sizeof(*s));

	if (s)
		s->landing = malloc(AHEAD_MAX * BLOCK_BYTES);
	if (!s || !s->landing) {
		free(s);
		return firn_fail_oom(err, "registry");
	}
	s->store.ops = &ops;
	s->registry = r;
	(void)pthread_mutex_init(&s->lock, NULL);
	*ret = &s->store;
	return 0;
}

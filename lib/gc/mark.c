/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gc/mark.h"

#include "base/fd.h"
#include "base/sip.h"

#include <string.h>

#define SLOTS_FIRST 1024
#define KEY_BYTES   16 /* of a digest: many have to be kept, and a clash only keeps a blob */

struct key {
	uint8_t bytes[KEY_BYTES];
};

struct keys {
	struct key *slots; /* open addressing; all zero is free, and no digest is */
	size_t room, n;    /* room: a power of two */
};

/* A document still to be read. */
struct todo {
	struct digest digest;
	bool image; /* a manifest or index: else it may be no JSON, whatever its type says */
};

struct marks {
	/*
	 * What is named first as somebody's layer, or without a type, may be named as a manifest
	 * later: then it is read, though it was marked long ago.
	 */
	struct keys marked, images, others;
	struct sip_key salt;
	struct todo *todo;
	size_t ntodo, todo_room, absent;
	struct store *store; /* where marks_add() looks now */
	bool weigh;
	uint64_t bytes;
};

int marks_new(bool weigh, struct marks **ret, struct firn_error *err)
{
	struct marks *m = calloc(1, sizeof(*m));

	if (!m)
		return firn_fail_oom(err, "marks");
	m->weigh = weigh;
	m->salt = sip_key_new(m);
	*ret = m;
	return 0;
}

struct marks *marks_free(struct marks *m)
{
	if (m) {
		free(m->marked.slots);
		free(m->images.slots);
		free(m->others.slots);
		free(m->todo);
	}
	free(m);
	return NULL;
}

void marks_freep(struct marks **m)
{
	*m = marks_free(*m);
}

uint64_t marks_bytes(const struct marks *m)
{
	return m->bytes;
}

size_t marks_absent(const struct marks *m)
{
	return m->absent;
}

/* No content has a digest that begins with so many zeros; who writes one loses nothing of
 * anybody's. */
static struct key key_of(const struct digest *d)
{
	struct key k;

	memcpy(k.bytes, d->bytes, KEY_BYTES);
	return k;
}

static bool is_free(const struct key *k)
{
	static const struct key none;

	return memcmp(k, &none, sizeof(none)) == 0;
}

/* The key's slot, or the free one where it goes; there is always a free one. */
static size_t slot_of(const struct marks *m, const struct key *slots, size_t room,
		      const struct key *k)
{
	size_t at = (size_t)sip_hash(&m->salt, 0, k, sizeof(*k));

	for (at &= room - 1; !is_free(&slots[at]); at = (at + 1) & (room - 1))
		if (memcmp(&slots[at], k, sizeof(*k)) == 0)
			break;
	return at;
}

static int grow(const struct marks *m, struct keys *in, struct firn_error *err)
{
	const size_t room = in->room ? 2 * in->room : SLOTS_FIRST;
	struct key *slots = calloc(room, sizeof(*slots));

	if (!slots)
		return firn_fail_oom(err, "marks");
	for (size_t i = 0; i < in->room; i++)
		if (!is_free(&in->slots[i]))
			slots[slot_of(m, slots, room, &in->slots[i])] = in->slots[i];
	free(in->slots);
	in->slots = slots;
	in->room = room;
	return 0;
}

static bool have(const struct marks *m, const struct keys *in, const struct key *k)
{
	return in->room && !is_free(&in->slots[slot_of(m, in->slots, in->room, k)]);
}

bool marks_have(const struct marks *m, const struct digest *d)
{
	const struct key k = key_of(d);

	return have(m, &m->marked, &k);
}

/* 1 when it is new, 0 when it was there; @what: more than @max of them are too many. */
static int add(const struct marks *m, struct keys *to, const struct key *k, size_t max,
	       const char *what, struct firn_error *err)
{
	int rc = 0;

	if (have(m, to, k))
		return 0;
	if (to->n == max)
		return firn_fail(err, FIRN_ELIMIT, "more than %zu %s", max, what);
	if (2 * (to->n + 1) > to->room)
		rc = grow(m, to, err);
	if (rc < 0)
		return rc;
	to->slots[slot_of(m, to->slots, to->room, k)] = *k;
	to->n++;
	return 1;
}

static int mark(struct marks *m, const struct digest *d, struct firn_error *err)
{
	const struct key k = key_of(d);
	uint64_t size = 0;
	int rc = add(m, &m->marked, &k, MARK_BLOBS_MAX, "blobs", err);

	if (rc > 0 && m->weigh && store_has(m->store, d, &size, NULL) > 0)
		m->bytes += size;
	return rc;
}

static int add_document(struct marks *m, const struct digest *d, bool image, struct firn_error *err)
{
	const struct key k = key_of(d);
	int rc;

	if (!image && have(m, &m->images, &k))
		return 0;
	rc = add(m, image ? &m->images : &m->others, &k, MARK_DOCUMENTS_MAX, "documents", err);
	if (rc <= 0)
		return rc;
	if (m->ntodo == m->todo_room) {
		const size_t room = m->todo_room ? 2 * m->todo_room : 64;
		struct todo *more = reallocarray(m->todo, room, sizeof(*more));

		if (!more)
			return firn_fail_oom(err, "marks");
		m->todo = more;
		m->todo_room = room;
	}
	m->todo[m->ntodo++] = (struct todo){ *d, image };
	return 0;
}

static bool is_image(const char *type)
{
	return oci_is_manifest(type) || oci_is_index(type);
}

/* What others have in JSON. A config leads nowhere. */
static bool may_lead_on(const char *type, uint64_t size)
{
	return size <= OCI_DOCUMENT_MAX && strstr(type, "json") && strcmp(type, OCI_CONFIG) != 0 &&
	       strcmp(type, DOCKER_CONFIG) != 0 && strcmp(type, OCI_EMPTY) != 0;
}

/* If @j names a blob. Other things may have a member of that name, too. */
static int take_object(struct marks *m, const json_t *j, struct firn_error *err)
{
	const char *text = json_string_value(json_object_get(j, "digest"));
	const char *type = json_string_value(json_object_get(j, "mediaType"));
	const json_int_t size = json_integer_value(json_object_get(j, "size"));
	struct digest d;
	int rc;

	if (!text || digest_parse(&d, text, NULL) < 0)
		return 0;
	rc = mark(m, &d, err);
	if (rc < 0 || !type || size < 0)
		return rc < 0 ? rc : 0;
	if (is_image(type) || may_lead_on(type, (uint64_t)size))
		return add_document(m, &d, is_image(type), err);
	return 0;
}

/* JSON_DEPTH_MAX bounds this. */
static int take(struct marks *m, const json_t *j, struct firn_error *err)
{
	const char *name;
	json_t *value;
	size_t i;
	int rc = 0;

	if (json_is_object(j)) {
		rc = take_object(m, j, err);
		json_object_foreach ((json_t *)j, name, value)
			if (rc == 0)
				rc = take(m, value, err);
	} else if (json_is_array(j)) {
		json_array_foreach (j, i, value)
			if (rc == 0)
				rc = take(m, value, err);
	}
	return rc;
}

/* Of several documents in one, or of what isn't one: every digest counts that stands in it. */
static int take_text(struct marks *m, const char *text, size_t len, struct firn_error *err)
{
	static const size_t lengths[] = { sizeof("sha256:") + 63, sizeof("sha512:") + 127 };
	const char *end = text + len;
	int rc = 0;

	for (const char *at = text; (at = memmem(at, (size_t)(end - at), "sha", 3)); at += 3) {
		for (size_t i = 0; rc >= 0 && i < ARRAY_SIZE(lengths); i++) {
			char one[DIGEST_TEXT_MAX] = { 0 };
			struct digest d;

			if (lengths[i] > (size_t)(end - at))
				continue;
			memcpy(one, at, lengths[i]);
			if (digest_parse(&d, one, NULL) == 0)
				rc = mark(m, &d, err);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_document(struct marks *m, const struct todo *t, struct firn_error *err)
{
	_free_ char *text = NULL;
	_json_ json_t *j = NULL;
	char name[DIGEST_TEXT_MAX];
	size_t len = 0;
	int rc = store_read(m->store, &t->digest, 0, OCI_DOCUMENT_MAX, &text, &len, err);

	if (rc == -FIRN_ENOTFOUND) {
		m->absent++;
		return 0;
	}
	if (rc == 0)
		rc = json_parse(text, len, &j, err);
	if (rc == 0)
		return take(m, j, err);
	if (text && !t->image && rc != -FIRN_ENOMEM)
		return take_text(m, text, len, err);
	return firn_wrap(err, rc, "%s", digest_text(&t->digest, name));
}

int marks_add(struct marks *m, struct store *s, const json_t *j, struct firn_error *err)
{
	int rc;

	m->store = s;
	rc = take(m, j, err);
	while (rc == 0 && m->ntodo) {
		const struct todo t = m->todo[--m->ntodo];

		rc = read_document(m, &t, err);
	}
	return rc;
}

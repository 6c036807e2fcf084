/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What refers to a manifest (distribution-spec, "Listing Referrers"), and the fallback for
 * registries that don't list it ("Unavailable Referrers API"): an index under a tag that is made of
 * the subject's digest, which whoever pushes a referrer keeps up to date. And the list of tags.
 */
#include "base/fd.h"
#include "bytes/json.h"
#include "format/ref_docker.h"
#include "remote/registry_priv.h"

#include <stdio.h>
#include <string.h>

#define PAGES_MAX     1000 /* answers of one list */
#define NOTE_TRIES    5    /* others may change the same tag at the same time */
#define TAG_PAGE      1000
#define TAG_PAGE_ROOM (8u << 20) /* bytes of one answer */

/* "ALG-HEX", of which a tag has at most 128 characters: ALG 32, HEX 64. */
static const char *fallback_tag(const struct digest *d, char ret[DIGEST_TEXT_MAX])
{
	char hex[DIGEST_TEXT_MAX];

	snprintf(ret, DIGEST_TEXT_MAX, "%s-%.64s", digest_alg_name(d->alg), digest_hex(d, hex));
	return ret;
}

bool registry_is_fallback_tag(const char *tag)
{
	return (strncmp(tag, "sha256-", 7) == 0 || strncmp(tag, "sha512-", 7) == 0) &&
	       strlen(tag + 7) == 64 && strspn(tag + 7, "0123456789abcdef") == 64;
}

/* The next page of a list, if there is one: 1, with *at changed. */
static int next_page(struct registry_answer *a, struct url *at, struct firn_error *err)
{
	_free_ char *header = http_headers(a->http, "Link"), *text = NULL;
	struct url next;
	int rc = header ? url_next_link(header, &text, err) : firn_fail_oom(err, "answer");

	if (rc <= 0)
		return rc;
	rc = url_resolve(&a->url, text, &next, err);
	if (rc < 0)
		return rc;
	/* A list goes on where it began, or it is somebody else's. */
	if (!url_same_origin(&a->url, &next)) {
		url_done(&next);
		return firn_fail(err, FIRN_ECORRUPT, "a list goes on elsewhere");
	}
	url_done(at);
	*at = next;
	return 1;
}

struct list {
	struct registry *registry;
	struct url at;
	size_t max;             /* bytes of a page */
	unsigned pages, status; /* of the last one */
	struct url mark;        /* one that it was at before */
};

static void list_done(struct list *l)
{
	url_done(&l->at);
	url_done(&l->mark);
}

/* R. P. Brent's way to find a circle: the mark moves each time that twice as many are behind us. */
static int check_circle(struct list *l, struct firn_error *err)
{
	if (!l->at.host)
		return 0;
	if (l->mark.host && strcmp(l->mark.path, l->at.path) == 0)
		return firn_fail(err, FIRN_ECORRUPT, "a list goes in a circle");
	if (l->pages & (l->pages - 1))
		return 0;
	url_done(&l->mark);
	return url_copy(&l->at, &l->mark, err);
}

/* 1 and a page, 0 at the end; a status other than 200 is for the caller to judge. */
static int list_next(struct list *l, const char *accept, char **ret, size_t *ret_len,
		     struct firn_error *err)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	const struct registry_call c = { .method = "GET", .url = &l->at, .accept = accept };
	_free_ char *text = NULL;
	int rc;

	if (!l->at.host)
		return 0;
	if (l->pages++ == PAGES_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d pages", PAGES_MAX);
	if ((rc = registry_ask(l->registry, &c, &a, err)) < 0)
		return rc;
	l->status = a.status;
	if (a.status != 200)
		return registry_refuse(&a, err);
	if ((rc = registry_answer_read(&a, l->max, &text, ret_len, err)) < 0)
		return rc;
	rc = next_page(&a, &l->at, err);
	if (rc == 0)
		url_done(&l->at);
	if (rc < 0 || (rc = check_circle(l, err)) < 0)
		return rc;
	*ret = take_ptr(&text);
	return 1;
}

static int empty_index(json_t **ret, struct firn_error *err)
{
	*ret =
	    json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", OCI_INDEX, "manifests");
	return *ret ? 0 : firn_fail_oom(err, "referrers");
}

struct referrers {
	json_t *all;  /* an index */
	size_t bytes; /* of its entries as text */
};

static int add_entry(struct referrers *to, json_t *entry, struct firn_error *err)
{
	json_t *into = json_object_get(to->all, "manifests");

	if (json_array_size(into) == OCI_MANIFESTS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d referrers", OCI_MANIFESTS_MAX);
	/* However many pages they come in, they are no more than what one index may be. */
	to->bytes += json_dumpb(entry, NULL, 0, JSON_COMPACT);
	if (to->bytes > OCI_DOCUMENT_MAX)
		return firn_fail(err, FIRN_ELIMIT, "referrers of more than %u bytes",
				 OCI_DOCUMENT_MAX);
	return json_array_append(into, entry) < 0 ? firn_fail_oom(err, "referrers") : 0;
}

/* Those of @from that are of @type, to the end of @to. */
static int add_entries(struct referrers *to, const json_t *from, const char *type,
		       struct firn_error *err)
{
	json_t *list = NULL;
	int rc = json_get_array(from, "manifests", &list, err);

	for (size_t i = 0; rc >= 0 && i < json_array_size(list); i++) {
		json_t *entry = json_array_get(list, i);
		const char *is = NULL;

		if (type && ((rc = json_opt_str(entry, "artifactType", &is, err)) < 0 || !is ||
			     strcmp(is, type) != 0))
			continue;
		rc = add_entry(to, entry, err);
	}
	return rc < 0 ? rc : 0;
}

/*
 * What registries answer that don't know the API: 404 (distribution-spec), 406 (Artifactory), 400
 * and 401 for a path or a subject that isn't known (Quay, Harbor before 2.8). Whom it doesn't
 * believe who he is hears so again when he asks for the tag.
 */
static bool lacks_api(unsigned status)
{
	return status == 400 || status == 401 || status == 404 || status == 405 || status == 406 ||
	       status == 501;
}

/* By the API: 1, or 0 when there is none. @all NULL: whether there is. */
static int by_api(struct registry *r, const struct digest *d, const char *type,
		  struct referrers *all, struct firn_error *err)
{
	_cleanup_(list_done) struct list l = { .registry = r, .max = OCI_DOCUMENT_MAX };
	char path[REGISTRY_PATH_MAX], text[DIGEST_TEXT_MAX];
	int rc, some = 0;

	registry_path(r, path, "referrers/%s", digest_text(d, text));
	if ((rc = registry_ready(r, err)) < 0 || (rc = url_resolve(&r->base, path, &l.at, err)) < 0)
		return rc;
	for (;; some = 1) {
		_free_ char *page = NULL;
		_json_ json_t *j = NULL;
		size_t len = 0;

		rc = list_next(&l, OCI_INDEX, &page, &len, err);
		if (rc < 0 && !some && lacks_api(l.status))
			return 0;
		if (rc <= 0)
			return rc < 0 ? rc : 1;
		if ((rc = json_parse(page, len, &j, err)) < 0)
			return rc;
		if (!all)
			return 1;
		if ((rc = add_entries(all, j, type, err)) < 0)
			return rc;
	}
}

/* The index under the fallback tag: 1, or 0 when there is none. */
static int by_tag(struct registry *r, const struct digest *d, json_t **ret, struct firn_error *err)
{
	_free_ char *type = NULL, *text = NULL;
	char tag[DIGEST_TEXT_MAX];
	struct digest digest;
	size_t len;
	int rc = registry_manifest(r, fallback_tag(d, tag), &type, &text, &len, &digest, err);

	if (rc == -FIRN_ENOTFOUND)
		return 0;
	if (rc < 0)
		return rc;
	if (!oci_is_index(type))
		return firn_fail(err, FIRN_ECORRUPT, "tag %s is no index of referrers", tag);
	rc = json_parse(text, len, ret, err);
	return rc < 0 ? rc : 1;
}

static int find(struct registry *r, const struct digest *d, const char *type, struct oci_index *ret,
		struct firn_error *err)
{
	_json_ json_t *all = NULL, *tagged = NULL;
	_buf_ struct buf text = BUF_INIT;
	struct referrers found = { NULL, 0 };
	int rc = empty_index(&all, err);

	found.all = all;
	if (rc == 0)
		rc = by_api(r, d, type, &found, err);
	if (rc == 0) {
		rc = by_tag(r, d, &tagged, err);
		if (rc > 0)
			rc = add_entries(&found, tagged, type, err);
	}
	if (rc < 0 || (rc = json_print(all, &text, err)) < 0)
		return rc;
	return oci_index_parse((char *)text.data, text.len, ret, err);
}

int registry_referrers(struct registry *r, const struct digest *d, const char *artifact_type,
		       struct oci_index *ret, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];

	return firn_wrap(err, find(r, d, artifact_type, ret, err), "%s: referrers of %s", r->name,
			 digest_text(d, text));
}

/* The referrer's descriptor: with its annotations, and what it is an artifact of. */
static int describe(const json_t *manifest, const char *type, size_t len, const struct digest *d,
		    json_t **ret, struct firn_error *err)
{
	_json_ json_t *entry = json_object();
	char text[DIGEST_TEXT_MAX];
	const char *artifact = NULL;
	json_t *config = NULL, *words = NULL;
	int rc;

	if (!entry)
		return firn_fail_oom(err, "referrer");
	if ((rc = json_opt_str(manifest, "artifactType", &artifact, err)) < 0 ||
	    (rc = json_opt_object(manifest, "config", &config, err)) < 0 ||
	    (rc = json_opt_object(manifest, "annotations", &words, err)) < 0)
		return rc;
	if ((!artifact || !*artifact) && config &&
	    (rc = json_opt_str(config, "mediaType", &artifact, err)) < 0)
		return rc;
	if ((rc = json_put_str(entry, "mediaType", type, err)) < 0 ||
	    (rc = json_put_str(entry, "digest", digest_text(d, text), err)) < 0 ||
	    (rc = json_put(entry, "size", json_integer((json_int_t)len), err)) < 0 ||
	    (artifact && (rc = json_put_str(entry, "artifactType", artifact, err)) < 0) ||
	    (words && (rc = json_put(entry, "annotations", json_deep_copy(words), err)) < 0))
		return rc;
	*ret = take_ptr(&entry);
	return 0;
}

static bool is_listed(const json_t *index, const struct digest *d)
{
	const json_t *list = json_object_get(index, "manifests");
	char text[DIGEST_TEXT_MAX];

	digest_text(d, text);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *has = NULL;

		if (json_opt_str(json_array_get(list, i), "digest", &has, NULL) > 0 &&
		    strcmp(has, text) == 0)
			return true;
	}
	return false;
}

static int put_index(struct registry *r, const char *tag, const json_t *index,
		     struct firn_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	struct digest d;
	bool noted;
	int rc;

	if ((rc = json_print(index, &text, err)) < 0 ||
	    (rc = digest_of(text.data, text.len, &d, err)) < 0)
		return rc;
	return registry_put_plain(r, tag, OCI_INDEX, text.data, text.len, &d, &noted, err);
}

/* Until it is in the index that is there then: there is no way to change a tag at a blow. */
static int note(struct registry *r, const struct digest *subject, json_t *entry,
		const struct digest *d, struct firn_error *err)
{
	char tag[DIGEST_TEXT_MAX];
	int rc = 0;

	fallback_tag(subject, tag);
	for (int i = 0; i < NOTE_TRIES; i++) {
		_json_ json_t *index = NULL;

		rc = by_tag(r, subject, &index, err);
		if (rc == 0)
			rc = empty_index(&index, err);
		if (rc < 0)
			return rc;
		if (is_listed(index, d))
			return 0;
		if (json_array_append(json_object_get(index, "manifests"), entry) < 0)
			return firn_fail(err, FIRN_ECORRUPT, "tag %s has no list", tag);
		if ((rc = put_index(r, tag, index, err)) < 0)
			return rc;
	}
	return firn_fail(err, FIRN_EBUSY, "tag %s: somebody else changes it all the time", tag);
}

/* Whether the API is there: then it found the subject by itself, whatever it said. */
static int has_api(struct registry *r, const struct digest *subject, struct firn_error *err)
{
	bool lacks;
	int rc;

	(void)pthread_mutex_lock(&r->lock);
	lacks = r->lacks_referrers;
	(void)pthread_mutex_unlock(&r->lock);
	if (lacks)
		return 0;
	if ((rc = by_api(r, subject, NULL, NULL, err)) != 0)
		return rc;
	(void)pthread_mutex_lock(&r->lock);
	r->lacks_referrers = true;
	(void)pthread_mutex_unlock(&r->lock);
	return 0;
}

int registry_note_subject(struct registry *r, const char *type, const void *bytes, size_t len,
			  const struct digest *d, struct firn_error *err)
{
	_json_ json_t *manifest = NULL, *entry = NULL;
	json_t *subject = NULL;
	const char *text;
	struct digest of;
	int rc;

	/* What isn't JSON has no subject; that is nobody's business here. */
	if (json_parse(bytes, len, &manifest, NULL) < 0 ||
	    json_opt_object(manifest, "subject", &subject, NULL) <= 0)
		return 0;
	if ((rc = json_get_str(subject, "digest", &text, err)) < 0 ||
	    (rc = digest_parse(&of, text, err)) < 0)
		return firn_wrap(err, rc, "subject");
	if ((rc = has_api(r, &of, err)) != 0)
		return rc < 0 ? rc : 0;
	if ((rc = describe(manifest, type, len, d, &entry, err)) < 0)
		return rc;
	(void)pthread_mutex_lock(&r->tag_lock);
	rc = note(r, &of, entry, d, err);
	(void)pthread_mutex_unlock(&r->tag_lock);
	return firn_wrap(err, rc, "subject");
}

/* --- tags */

void registry_tags_done(struct registry_tags *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->list[i]);
	free(t->list);
	*t = (struct registry_tags){ .list = NULL };
}

static int add_tag(struct registry_tags *t, const char *tag, struct firn_error *err)
{
	if (t->n == REGISTRY_TAGS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u tags", REGISTRY_TAGS_MAX);
	if ((t->n & (t->n - 1)) == 0) {
		char **grown = reallocarray(t->list, t->n ? 2 * t->n : 1, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "tags");
		t->list = grown;
	}
	t->list[t->n] = strdup(tag);
	if (!t->list[t->n])
		return firn_fail_oom(err, "tags");
	t->n++;
	return 0;
}

/* distribution-spec, "Listing Tags": {"name", "tags": [...] or null} */
static int add_tags(struct registry_tags *t, const char *text, size_t len, struct firn_error *err)
{
	_json_ json_t *j = NULL;
	json_t *list = NULL;
	int rc;

	if ((rc = json_parse(text, len, &j, err)) < 0 ||
	    (rc = json_opt_array(j, "tags", &list, err)) <= 0)
		return rc;
	rc = 0;
	for (size_t i = 0; rc >= 0 && i < json_array_size(list); i++) {
		const json_t *tag = json_array_get(list, i);

		if (!json_is_string(tag) || !ref_is_registry_tag(json_string_value(tag)))
			return firn_fail(err, FIRN_ECORRUPT, "a tag that is none");
		rc = add_tag(t, json_string_value(tag), err);
	}
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Pages may overlap, when somebody pushes between them. */
static void sort_tags(struct registry_tags *t)
{
	size_t n = 0;

	if (t->n)
		qsort(t->list, t->n, sizeof(*t->list), by_name);
	for (size_t i = 0; i < t->n; i++) {
		if (n && strcmp(t->list[n - 1], t->list[i]) == 0)
			free(t->list[i]);
		else
			t->list[n++] = t->list[i];
	}
	t->n = n;
}

static int list_tags(struct registry *r, struct registry_tags *ret, struct firn_error *err)
{
	_cleanup_(list_done) struct list l = { .registry = r, .max = TAG_PAGE_ROOM };
	_cleanup_(registry_tags_done) struct registry_tags t = { .list = NULL };
	char path[REGISTRY_PATH_MAX];
	int rc;

	registry_path(r, path, "tags/list?n=%d", TAG_PAGE);
	rc = registry_ready(r, err);
	if (rc == 0)
		rc = url_resolve(&r->base, path, &l.at, err);
	while (rc >= 0) {
		_free_ char *page = NULL;
		size_t len;

		rc = list_next(&l, NULL, &page, &len, err);
		if (rc <= 0)
			break;
		rc = add_tags(&t, page, len, err);
	}
	if (rc < 0)
		return rc;
	sort_tags(&t);
	*ret = t;
	t = (struct registry_tags){ .list = NULL };
	return 0;
}

int registry_tags(struct registry *r, struct registry_tags *ret, struct firn_error *err)
{
	return firn_wrap(err, list_tags(r, ret, err), "%s: tags", r->name);
}

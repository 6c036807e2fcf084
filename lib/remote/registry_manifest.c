/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests and tags. */
#include "base/fd.h"
#include "bytes/json.h"
#include "format/ref_docker.h"
#include "remote/registry_priv.h"

#include <stdio.h>
#include <string.h>

/* Whatever it is, so that it comes as it was pushed; schema 1 alone is left out. */
#define ACCEPT                                                                                     \
	OCI_MANIFEST ", " OCI_INDEX ", " DOCKER_MANIFEST ", " DOCKER_INDEX                         \
		     ", application/vnd.oci.artifact.manifest.v1+json"

static int name_it(const struct registry *r, const char *reference, int rc, struct firn_error *err)
{
	return firn_wrap(err, rc, "%s: manifest %.80s", r->name, reference);
}

static int check_reference(const char *reference, struct digest *ret, struct firn_error *err)
{
	*ret = (struct digest){ .alg = 0 };
	if (ref_is_registry_tag(reference))
		return 0;
	return digest_parse(ret, reference, err);
}

static int hash(const struct digest *want, const char *text, size_t len, struct digest *ret,
		struct firn_error *err)
{
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	int rc;

	if ((rc = hasher_new(want->alg ? want->alg : DIGEST_SHA256, &h, err)) < 0 ||
	    (rc = hasher_update(h, text, len, err)) < 0)
		return rc;
	return hasher_final(h, ret, err);
}

/* What the registry says of its content, if it is in a form that is known. */
static bool told_digest(const struct registry_answer *a, struct digest *ret)
{
	char text[DIGEST_TEXT_MAX + 16];

	return http_header(a->http, "Docker-Content-Digest", text, sizeof(text)) &&
	       digest_parse(ret, text, NULL) >= 0;
}

static int check_digest(const struct registry_answer *a, const struct digest *want,
			const struct digest *got, struct firn_error *err)
{
	char one[DIGEST_TEXT_MAX], two[DIGEST_TEXT_MAX];
	struct digest told;

	if (want->alg && !digest_equal(want, got))
		return firn_fail(err, FIRN_ECORRUPT, "its content is %s", digest_text(got, one));
	if (!want->alg && told_digest(a, &told) && told.alg == got->alg &&
	    !digest_equal(&told, got))
		return firn_fail(err, FIRN_ECORRUPT, "its content is %s, the registry says %s",
				 digest_text(got, one), digest_text(&told, two));
	return 0;
}

/* The document's own word; old ones have none. */
static int find_type(const struct registry_answer *a, const char *text, size_t len, char **ret,
		     struct firn_error *err)
{
	_json_ json_t *j = NULL;
	char header[REGISTRY_TYPE_MAX];
	const char *type = NULL;
	int rc;

	if ((rc = json_parse(text, len, &j, err)) < 0 ||
	    (rc = json_opt_str(j, "mediaType", &type, err)) < 0)
		return rc;
	if (!type && http_header(a->http, "Content-Type", header, sizeof(header))) {
		header[strcspn(header, "; \t")] = '\0';
		type = header;
	}
	if (!type || !*type || strlen(type) >= REGISTRY_TYPE_MAX)
		return firn_fail(err, FIRN_ECORRUPT, "it has no media type");
	*ret = strdup(type);
	return *ret ? 0 : firn_fail_oom(err, "manifest");
}

static int get(struct registry *r, const char *reference, char **ret_type, char **ret,
	       size_t *ret_len, struct digest *ret_digest, struct firn_error *err)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	char path[REGISTRY_PATH_MAX];
	_free_ char *text = NULL;
	struct digest want, got;
	struct retry again = { 0 };
	size_t len;
	int rc = check_reference(reference, &want, err);

	if (rc < 0)
		return rc;
	registry_path(r, path, "manifests/%s", reference);
	for (;;) {
		const struct registry_call c = { .method = "GET", .path = path, .accept = ACCEPT };

		if ((rc = registry_ask(r, &c, &a, err)) < 0)
			return rc;
		if (a.status != 200)
			return registry_refuse(&a, err);
		rc = registry_answer_read(&a, OCI_DOCUMENT_MAX, &text, &len, err);
		if (rc != -FIRN_EFAIL)
			break;
		registry_answer_done(&a); /* it was cut */
		if (!registry_again(r, &again))
			return registry_give_up(&again, rc, err);
	}
	if (rc < 0 || (rc = hash(&want, text, len, &got, err)) < 0 ||
	    (rc = check_digest(&a, &want, &got, err)) < 0 ||
	    (rc = find_type(&a, text, len, ret_type, err)) < 0)
		return rc;
	*ret = take_ptr(&text);
	*ret_len = len;
	*ret_digest = got;
	return 0;
}

int registry_manifest(struct registry *r, const char *reference, char **ret_type, char **ret,
		      size_t *ret_len, struct digest *ret_digest, struct firn_error *err)
{
	return name_it(r, reference, get(r, reference, ret_type, ret, ret_len, ret_digest, err),
		       err);
}

static int has(struct registry *r, const char *reference, struct digest *ret_digest,
	       struct firn_error *err)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	char path[REGISTRY_PATH_MAX];
	struct digest want, told = { .alg = 0 };
	const struct registry_call c = { .method = "HEAD", .path = path, .accept = ACCEPT };
	int rc = check_reference(reference, &want, err);

	if (rc < 0)
		return rc;
	registry_path(r, path, "manifests/%s", reference);
	if ((rc = registry_ask(r, &c, &a, err)) < 0)
		return rc;
	if (a.status == 404)
		return 0;
	if (a.status != 200)
		return registry_refuse(&a, err);
	if (!told_digest(&a, &told))
		told = want;
	if (ret_digest)
		*ret_digest = told;
	return 1;
}

int registry_has_manifest(struct registry *r, const char *reference, struct digest *ret_digest,
			  struct firn_error *err)
{
	return name_it(r, reference, has(r, reference, ret_digest, err), err);
}

int registry_put_plain(struct registry *r, const char *reference, const char *type,
		       const void *bytes, size_t len, const struct digest *d, bool *ret_subject,
		       struct firn_error *err)
{
	_cleanup_(registry_answer_done) struct registry_answer a = REGISTRY_ANSWER_NONE;
	char path[REGISTRY_PATH_MAX], one[DIGEST_TEXT_MAX], word[8];
	const struct registry_call c = { .method = "PUT",
					 .path = path,
					 .access = ACCESS_PUSH,
					 .type = type,
					 .body = bytes,
					 .length = len };
	struct digest told, want;
	int rc = check_reference(reference, &want, err);

	if (rc < 0)
		return rc;
	registry_path(r, path, "manifests/%s", reference);
	if ((rc = registry_ask(r, &c, &a, err)) < 0)
		return rc;
	if (a.status / 100 != 2)
		return registry_refuse(&a, err);
	if (told_digest(&a, &told) && told.alg == d->alg && !digest_equal(&told, d))
		return firn_fail(err, FIRN_ECORRUPT, "the registry has taken it as %s",
				 digest_text(&told, one));
	*ret_subject = http_header(a.http, "OCI-Subject", word, sizeof(word));
	return 0;
}

static int put(struct registry *r, const char *reference, const char *type, const void *bytes,
	       size_t len, const struct digest *d, struct firn_error *err)
{
	bool noted = false;
	int rc = registry_put_plain(r, reference, type, bytes, len, d, &noted, err);

	if (rc < 0 || noted)
		return rc;
	return registry_note_subject(r, type, bytes, len, d, err);
}

int registry_put_manifest(struct registry *r, const char *reference, const char *type,
			  const void *bytes, size_t len, const struct digest *d,
			  struct firn_error *err)
{
	return name_it(r, reference, put(r, reference, type, bytes, len, d, err), err);
}

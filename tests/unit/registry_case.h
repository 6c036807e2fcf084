/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of a registry, what it answers to each request, and what has to come of it. */
#ifndef FIRN_TESTS_REGISTRY_CASE_H
#define FIRN_TESTS_REGISTRY_CASE_H

#include "remote/registry.h"

#include "base/fd.h"
#include "fake_registry.h"

#define OK(type, body_len) "HTTP/1.1 200 OK\r\nContent-Type: " type "\r\nContent-Length: " body_len
#define CLOSE              "\r\nConnection: close\r\n\r\n"
#define EMPTY(status)      "HTTP/1.1 " status "\r\nContent-Length: 0"
#define MANIFEST           "{\"schemaVersion\":2}" /* 19 bytes */
#define MANIFEST_SHA256    "sha256:9bea5df19e18cdb7c20f1b3a4ac2b6a9e9ba3ebf7c7ea7fc93cfc8dcb80a8b5c"
#define GOOD               OK(OCI_INDEX, "19") CLOSE MANIFEST
#define BLOB               "0123456789"
#define LONG_BODY          "0123456789012345678901234567890123456789012345678901234567890123456789"
#define BASIC              "\r\nWWW-Authenticate: Basic realm=\"r\""
#define BEARER             "\r\nWWW-Authenticate: Bearer realm=\"http://127.0.0.1:PORT/token\",service=\"s\""
#define SECRET             "Authorization: Basic dXNlcjpzZWNyZXQ=" /* user:secret */
#define SESSION            "\r\nLocation: /v2/a/b/blobs/uploads/1?s=2"

enum op {
	OP_MANIFEST,
	OP_PROVEN,
	OP_BLOB,
	OP_PUT,
	OP_TAGS,
	OP_REFERRERS,
	OP_HAS,
	OP_MOUNT,
	OP_SUBJECT
};

struct registry_case {
	const char *name;
	enum op op;
	int rc;
	const char *says; /* in the error, or of the result; NULL: anything */
	size_t served;
	struct fake_scene scenes[FAKE_SCENES_MAX];
};

static inline int do_subject(struct registry *r, const struct digest *d, struct firn_error *err)
{
	char text[256];
	const int n = sprintf(
	    text, "{\"subject\":{\"mediaType\":\"%s\",\"digest\":\"sha256:%064d\",\"size\":1}}",
	    OCI_MANIFEST, 0);

	return registry_put_manifest(r, "v1", OCI_MANIFEST, text, (size_t)n, d, err);
}

static inline int do_manifest(struct registry *r, const char *what, char *told,
			      struct firn_error *err)
{
	_free_ char *type = NULL, *text = NULL;
	struct digest d;
	size_t len;
	int rc = registry_manifest(r, what, &type, &text, &len, &d, err);

	if (rc == 0)
		strcpy(told, type);
	return rc;
}

static inline int do_blob(struct registry *r, const struct digest *d, char *told,
			  struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	_free_ char *text = NULL;
	size_t len;
	int rc = registry_blob(r, d, 0, 10, &in, err);

	if (rc == 0)
		rc = istream_read_all(in, 1000, &text, &len, err);
	if (rc == 0)
		strcpy(told, text);
	return rc;
}

static inline int do_tags(struct registry *r, char *told, struct firn_error *err)
{
	struct registry_tags t = { .list = NULL };
	int rc = registry_tags(r, &t, err);

	for (size_t i = 0; i < t.n; i++)
		sprintf(told + strlen(told), "%s ", t.list[i]);
	registry_tags_done(&t);
	return rc;
}

static inline int do_it(enum op op, struct registry *r, char told[256], struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	_cleanup_(oci_index_done) struct oci_index found = { .json = NULL };
	struct digest d;
	int rc;

	ck_ok(digest_of(BLOB, 10, &d, err), *err);
	switch (op) {
	case OP_MANIFEST:
		return do_manifest(r, "t", told, err);
	case OP_PROVEN:
		return do_manifest(r, MANIFEST_SHA256, told, err);
	case OP_BLOB:
		return do_blob(r, &d, told, err);
	case OP_HAS:
		return registry_has_blob(r, &d, NULL, err);
	case OP_PUT:
		ck_ok(source_from_mem(BLOB, 10, &src, err), *err);
		return registry_put_blob(r, &d, 10, src, NULL, err);
	case OP_SUBJECT:
		return do_subject(r, &d, err);
	case OP_MOUNT:
		sprintf(told, "%d", registry_mount_blob(r, &d, "other"));
		return 0;
	case OP_TAGS:
		return do_tags(r, told, err);
	case OP_REFERRERS:
		rc = registry_referrers(r, &d, NULL, &found, err);
		sprintf(told, "%zu", found.nmanifests);
		return rc;
	}
	return 0;
}

static inline void play(const struct registry_case *c)
{
	const struct registry_opts opts = {
		.plain_http = true,
		.creds = "user:secret",
		.retries = 2,
		.delay_ms = 1,
		.times = { .idle = c->scenes[0].drips || c->scenes[1].drips ? 200 : 0 },
	};
	_cleanup_(ref_done) struct ref ref = { .path = NULL };
	_cleanup_(registry_closep) struct registry *r = NULL;
	struct firn_error err = { 0 };
	struct fake_registry f;
	char text[64], told[256] = "";
	int rc;

	fake_start(&f, c->scenes);
	snprintf(text, sizeof(text), "docker://127.0.0.1:%u/a/b", f.port);
	ck_ok(ref_parse(text, &ref, &err), err);
	ck_ok(registry_open(&ref, &opts, &r, &err), err);
	rc = do_it(c->op, r, told, &err);
	fake_stop(&f);
	ck_assert_msg(rc == c->rc, "%s: %d %s", c->name, rc, err.msg);
	ck_assert_msg(!*f.wrong, "%s: a request that should be another: %s", c->name, f.wrong);
	ck_assert_msg(f.served == c->served, "%s: %zu requests", c->name, f.served);
	if (c->says)
		ck_assert_msg(strstr(rc < 0 ? err.msg : told, c->says) != NULL, "%s: says \"%s\"",
			      c->name, rc < 0 ? err.msg : told);
	ck_assert_ptr_null(strstr(err.msg, "secret"));
	ck_assert_ptr_null(strstr(err.msg, "dXNlcjpzZWNyZXQ"));
}

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One repository of a container registry (OCI distribution-spec 1.1): manifests, blobs, tags and
 * referrers, over HTTP or HTTPS.
 *
 * What a caller needn't care for: 401 is answered with what the user's files or opts.creds have
 * (basic, or a bearer token for the scopes that are needed); 408, 429, 5xx and connections that
 * break are tried again, later and later, as Retry-After says where there is one; a download goes
 * on where it was cut, an upload likewise if the registry lets it. Redirects are followed, to HTTP
 * and HTTPS alone and never from HTTPS to HTTP; what proves who we are goes to the registry's own
 * scheme, host and port (and to the token service that it names), and is in no message.
 *
 * Everything that a registry says is hostile: sizes are limited, digests proven. Blobs come
 * unproven, for the caller to hash as they are read.
 *
 * All of it may be called from several threads at once.
 */
#ifndef FIRN_REMOTE_REGISTRY_H
#define FIRN_REMOTE_REGISTRY_H

#include "bytes/stream.h"
#include "format/oci.h"
#include "format/ref.h"
#include "remote/http.h"
#include "store/store.h"

#define REGISTRY_TAG      "latest" /* of a reference without one, as skopeo has it */
#define REGISTRY_RETRIES  5        /* tries after the first one */
#define REGISTRY_TAGS_MAX (1u << 16)
#define REGISTRY_TYPE_MAX 160 /* bytes of a media type, as in struct oci_descriptor */

struct registry;

/* Zero is the default of every member. All is borrowed by registry_open(), which copies it. */
struct registry_opts {
	/*
	 * Who the user is: creds is "USER:PASSWORD" or "USER" and the only one asked; else the
	 * files (containers-auth.json(5), docker's config.json) in their order, absent ones are
	 * left out. The one that the user named goes alone into authfile and has to be there.
	 */
	const char *creds;
	const char *authfile;
	const char *const *authfiles; /* NULL-ended; NULL: none */
	/* "NAME=VALUE", NULL-ended: of credential helpers, which are found by its PATH; NULL: none
	 */
	const char *const *environment;
	/* NULL: /etc/containers/certs.d/HOST[:PORT], else /etc/docker/certs.d/HOST[:PORT] */
	const char *cert_dir;
	bool plain_http;    /* HTTP, and HTTPS not at all */
	bool no_tls_verify; /* HTTPS with whoever answers; HTTP where nobody speaks TLS */
	struct http_times times;
	unsigned retries;  /* 0: REGISTRY_RETRIES */
	uint64_t delay_ms; /* before the first retry, doubled each time; 0: half a second */
	/* A folder (made, 0700) for uploads that another run may go on with; NULL: none are. */
	const char *state;
};

struct firn_registry_opts;
/* What the public options say (may be NULL); borrows their strings. */
int registry_opts_from(const struct firn_registry_opts *given, struct registry_opts *ret,
		       struct firn_error *err) _must_check_;

/*
 * @ref is a REF_DOCKER; its tag and digest are for the caller. No network yet. -FIRN_EINVAL for
 * creds or files that aren't what they should be.
 */
int registry_open(const struct ref *ref, const struct registry_opts *opts, struct registry **ret,
		  struct firn_error *err) _must_check_;
void registry_close(
    struct registry *r); /* NULL is fine; streams and stores of it are closed first */
void registry_closep(struct registry **r);
/* "HOST[:PORT]/REPOSITORY", for messages. */
const char *registry_name(const struct registry *r);
const char *registry_host(const struct registry *r); /* "HOST[:PORT]" */
const char *registry_repository(const struct registry *r);
/* Bytes that came so far, headers included. */
uint64_t registry_received(struct registry *r);

/*
 * A manifest or index by tag or digest ("sha256:..."): at most OCI_DOCUMENT_MAX bytes, NUL-ended
 * behind them. Its digest is proven when it is asked for by one, and otherwise computed (sha256)
 * and compared with what the registry says that it is. -FIRN_ENOTFOUND when it isn't there. Caller
 * frees both; @ret_type is the document's own "mediaType" or, without one, the answer's
 * Content-Type.
 */
int registry_manifest(struct registry *r, const char *reference, char **ret_type, char **ret,
		      size_t *ret_len, struct digest *ret_digest,
		      struct firn_error *err) _must_check_;
/* 1 and its digest, as far as the registry tells (alg 0 otherwise), or 0. ret_digest may be NULL.
 */
int registry_has_manifest(struct registry *r, const char *reference, struct digest *ret_digest,
			  struct firn_error *err) _must_check_;
/*
 * @reference: a tag, or the digest @d in text. What the registry says that it has taken must be
 * @d. What a manifest with a subject needs so that it is found, is done: where the registry has no
 * referrers API its descriptor goes into the index of the fallback tag.
 */
int registry_put_manifest(struct registry *r, const char *reference, const char *type,
			  const void *bytes, size_t len, const struct digest *d,
			  struct firn_error *err) _must_check_;

/* 1 and its size (ret_size may be NULL), 0 when it isn't there. */
int registry_has_blob(struct registry *r, const struct digest *d, uint64_t *ret_size,
		      struct firn_error *err) _must_check_;
/*
 * Let the registry take the blob over from another of its repositories, "NAME" without a host.
 * False: it must be sent. Failing to is no failure: what is wrong with all of it shows then.
 */
bool registry_mount_blob(struct registry *r, const struct digest *d, const char *from) _must_check_;
/*
 * The bytes [from, size) of the blob of @size bytes. Cut connections are made good inside; more or
 * fewer bytes than announced are -FIRN_ECORRUPT. Nothing is asked before the first read.
 */
int registry_blob(struct registry *r, const struct digest *d, uint64_t from, uint64_t size,
		  struct istream **ret, struct firn_error *err) _must_check_;

/* Told now and then, from the calling thread; @done may go back when an upload begins anew. */
struct registry_progress {
	void (*moved)(void *ctx, uint64_t done);
	void *ctx;
};

/*
 * Send the @size bytes of @src, the whole of it, whose digest the caller knows to be @d; that it
 * isn't there yet is the caller's business, too. @progress may be NULL.
 */
int registry_put_blob(struct registry *r, const struct digest *d, uint64_t size, struct source *src,
		      const struct registry_progress *progress,
		      struct firn_error *err) _must_check_;

struct registry_tags {
	char **list; /* sorted */
	size_t n;
};

/* All tags of the repository. -FIRN_ENOTFOUND when there is no such repository. */
int registry_tags(struct registry *r, struct registry_tags *ret,
		  struct firn_error *err) _must_check_;
void registry_tags_done(struct registry_tags *t);
/* Whether @tag is the fallback tag of a manifest's referrers (distribution-spec), no image. */
bool registry_is_fallback_tag(const char *tag);

/*
 * What refers to the manifest @d: by the API, else by the fallback tag. Of @artifact_type alone
 * unless that is NULL. Nothing at all is an empty index, and no failure.
 */
int registry_referrers(struct registry *r, const struct digest *d, const char *artifact_type,
		       struct oci_index *ret, struct firn_error *err) _must_check_;

/*
 * A read-only store of the repository, which it borrows: manifests and blobs by digest. Documents
 * that went through it tell what is a manifest, what a blob and of which size; blobs are read by
 * ranges, a few at a time, as they are asked for, and some of it is kept.
 */
int registry_store(struct registry *r, struct store **ret, struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * References as skopeo spells them: oci:DIR[:TAG|@DIGEST], oci-archive:FILE[:TAG|@DIGEST]. As with
 * skopeo the path ends at the first colon (or at the '@' of a digest), so a path with a colon can't
 * be said this way. docker://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST] is in a registry; dir:DIR, one
 * image as skopeo keeps it in a folder, takes any path. A bare path,
 * colons or not, has the transport REF_PATH and is looked at by whoever opens it.
 */
#ifndef FIRN_FORMAT_REF_H
#define FIRN_FORMAT_REF_H

#include "bytes/digest.h"

#define REF_TAG_MAX 255

enum ref_transport { REF_PATH, REF_OCI, REF_OCI_ARCHIVE, REF_DOCKER, REF_DIR };

struct ref {
	enum ref_transport transport;
	char *host; /* "HOST[:PORT]" for REF_DOCKER, else NULL */
	char *path; /* for REF_DOCKER the repository */
	char *tag;  /* NULL when not given; grammar of org.opencontainers.image.ref.name */
	struct digest digest; /* alg 0 when not given */
};

int ref_parse(const char *text, struct ref *ret, struct firn_error *err) _must_check_;
void ref_done(struct ref *r);
/* Whether @tag may be a reference name (image-spec annotations.md, grammar of "ref"). */
int ref_check_tag(const char *tag, struct firn_error *err) _must_check_;

#endif

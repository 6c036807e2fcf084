/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A checkpoint in a registry: of its documents and layers no more is fetched than somebody reads.
 */
#include "base/fd.h"
#include "locate/content.h"
#include "locate/locate.h"

#include <stdio.h>
#include <string.h>

/* What the tag or digest is now. */
static int find(struct located *l, const struct ref *ref, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];
	const char *reference = ref->digest.alg ? digest_text(&ref->digest, text)
				: ref->tag      ? ref->tag
						: REGISTRY_TAG;
	_free_ char *type = NULL, *document = NULL;
	size_t len;
	int rc = registry_manifest(l->place.registry, reference, &type, &document, &len,
				   &l->desc.digest, err);

	if (rc < 0)
		return rc;
	l->desc.size = len;
	snprintf(l->desc.media_type, sizeof(l->desc.media_type), "%s", type);
	if (oci_is_manifest(type) || oci_is_index(type))
		return 0;
	return firn_fail(err, FIRN_EINVAL, "%s: neither a manifest nor an index",
			 registry_name(l->place.registry));
}

int locate_registry(const struct ref *ref, const struct registry_opts *opts, unsigned flags,
		    struct located *ret, struct firn_error *err)
{
	_cleanup_(located_done) struct located l = LOCATED_INIT;
	int rc;

	if ((rc = registry_open(ref, opts, &l.place.registry, err)) < 0 ||
	    (rc = registry_store(l.place.registry, &l.place.own_store, err)) < 0)
		return rc;
	l.place.store = l.place.own_store;
	l.name = strdup(registry_name(l.place.registry));
	if (!l.name)
		return firn_fail_oom(err, "name");
	rc = find(&l, ref, err);
	if (rc == 0 && !(flags & LOCATE_BARE))
		rc = locate_desc(&l, flags, err);
	if (rc < 0)
		return rc;
	*ret = l;
	l = (struct located)LOCATED_INIT;
	return 0;
}

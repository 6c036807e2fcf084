/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/image.h"

#include "base/fd.h"
#include "base/path.h"

#include <string.h>
#include <sys/utsname.h>

#define INDEX_DEPTH_MAX 4  /* indexes in indexes */
#define INDEX_COUNT_MAX 64 /* of them read in all: one index may name another a thousand times */

void image_done(struct image *i)
{
	oci_descriptor_done(&i->desc);
	oci_manifest_done(&i->manifest);
	oci_config_done(&i->config);
}

static int wrap_digest(const char *what, const struct digest *d, int rc, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];

	return firn_wrap(err, rc, "%s %s", what, digest_text(d, text));
}

/* image-spec manifest.md, "mediaType": a document that names its type must agree with its referrer.
 */
static int check_type(const json_t *doc, const struct oci_descriptor *desc, struct firn_error *err)
{
	const char *type = json_string_value(json_object_get(doc, "mediaType"));
	char quoted[PATH_QUOTE_MAX];

	if (!type || strcmp(type, desc->media_type) == 0)
		return 0;
	return firn_fail(err, FIRN_ECORRUPT, "is of type %s, its descriptor says %s",
			 path_quote(type, quoted), desc->media_type);
}

static int load_manifest(struct store *s, const struct oci_descriptor *desc,
			 struct oci_manifest *ret, struct firn_error *err)
{
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	_free_ char *text = NULL;
	size_t len;
	int rc;

	if ((rc = store_read(s, &desc->digest, desc->size, OCI_DOCUMENT_MAX, &text, &len, err)) < 0)
		return rc;
	if ((rc = oci_manifest_parse(text, len, &m, err)) < 0 ||
	    (rc = check_type(m.json, desc, err)) < 0)
		return wrap_digest("manifest", &desc->digest, rc, err);
	*ret = m;
	m = (struct oci_manifest){ 0 };
	return 0;
}

static int load_config(struct store *s, const struct oci_descriptor *desc, struct oci_config *ret,
		       struct firn_error *err)
{
	_free_ char *text = NULL;
	char quoted[PATH_QUOTE_MAX];
	size_t len;
	int rc;

	if (strcmp(desc->media_type, OCI_CONFIG) != 0 &&
	    strcmp(desc->media_type, DOCKER_CONFIG) != 0)
		return firn_fail(err, FIRN_EINVAL, "no container image: its config is of type %s",
				 path_quote(desc->media_type, quoted));
	rc = store_read(s, &desc->digest, desc->size, OCI_DOCUMENT_MAX, &text, &len, err);
	if (rc < 0)
		return rc;
	return wrap_digest("config", &desc->digest, oci_config_parse(text, len, ret, err), err);
}

int image_load_manifest(struct store *s, const struct oci_descriptor *desc,
			struct oci_manifest *ret, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX], quoted[PATH_QUOTE_MAX];

	if (oci_is_manifest(desc->media_type))
		return load_manifest(s, desc, ret, err);
	return firn_fail(err, FIRN_EINVAL, "%s is no image manifest but %s",
			 digest_text(&desc->digest, text), path_quote(desc->media_type, quoted));
}

int image_load_index(struct store *s, const struct oci_descriptor *desc, struct oci_index *ret,
		     struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index i = { 0 };
	_free_ char *text = NULL;
	size_t len;
	int rc;

	if ((rc = store_read(s, &desc->digest, desc->size, OCI_DOCUMENT_MAX, &text, &len, err)) < 0)
		return rc;
	if ((rc = oci_index_parse(text, len, &i, err)) < 0 ||
	    (rc = check_type(i.json, desc, err)) < 0)
		return wrap_digest("index", &desc->digest, rc, err);
	*ret = i;
	i = (struct oci_index){ 0 };
	return 0;
}

int image_load(struct store *s, const struct oci_descriptor *desc, struct image *ret,
	       struct firn_error *err)
{
	_cleanup_(image_done) struct image img = { 0 };
	int rc;

	if ((rc = image_load_manifest(s, desc, &img.manifest, err)) < 0 ||
	    (rc = load_config(s, &img.manifest.config, &img.config, err)) < 0)
		return rc;
	if (img.manifest.nlayers != img.config.ndiff_ids)
		return wrap_digest("manifest", &desc->digest,
				   firn_fail(err, FIRN_ECORRUPT,
					     "has %zu layers, its config %zu diff_ids",
					     img.manifest.nlayers, img.config.ndiff_ids),
				   err);
	img.desc = *desc;
	json_incref(img.desc.json);
	*ret = img;
	memset(&img, 0, sizeof(img));
	return 0;
}

struct platform {
	const char *arch, *variant; /* in Go's spelling; variant "" unless it matters */
};

static struct platform host_platform(const struct utsname *u)
{
	static const struct {
		const char *machine;
		struct platform platform;
	} known[] = {
		{ "x86_64", { "amd64", "" } },
		{ "aarch64", { "arm64", "v8" } },
		{ "armv5l", { "arm", "v5" } },
		{ "armv6l", { "arm", "v6" } },
		{ "armv7l", { "arm", "v7" } },
		{ "armv8l", { "arm", "v7" } },
		{ "i386", { "386", "" } },
		{ "i486", { "386", "" } },
		{ "i586", { "386", "" } },
		{ "i686", { "386", "" } },
		{ "loongarch64", { "loong64", "" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(u->machine, known[i].machine) == 0)
			return known[i].platform;
	return (struct platform){ u->machine, "" }; /* ppc64le, s390x, riscv64: the same word */
}

enum fit { FIT_NONE, FIT_UNKNOWN, FIT_ARCH, FIT_VARIANT };

/* How well the descriptor's platform suits this host; greater is better. */
static enum fit platform_fit(const json_t *desc, const struct platform *host)
{
	const json_t *p = json_object_get(desc, "platform");
	const char *os = json_string_value(json_object_get(p, "os"));
	const char *arch = json_string_value(json_object_get(p, "architecture"));
	const char *variant = json_string_value(json_object_get(p, "variant"));

	if (!json_is_object(p))
		return FIT_UNKNOWN;
	if (!os || !arch || strcmp(os, "linux") != 0 || strcmp(arch, host->arch) != 0)
		return FIT_NONE;
	return !variant || !*variant || strcmp(variant, host->variant) == 0 ? FIT_VARIANT
									    : FIT_ARCH;
}

/* A search for an image. */
struct search {
	struct store *store;
	struct platform host;
	unsigned indexes; /* read so far */
};

static int pick(struct search *s, const struct oci_descriptor *desc, int depth, struct image *ret,
		struct firn_error *err);

/* 1 when one of the entries that suit the host as well as @fit says is, or has, an image. */
static int pick_fitting(struct search *s, const struct oci_index *index, enum fit fit, int depth,
			struct image *ret, struct firn_error *err)
{
	for (size_t i = 0; i < index->nmanifests; i++) {
		const struct oci_descriptor *d = &index->manifests[i];
		int rc;

		if (platform_fit(d->json, &s->host) != fit ||
		    (!oci_is_manifest(d->media_type) && !oci_is_index(d->media_type)))
			continue;
		rc = pick(s, d, depth + 1, ret, err);
		if (rc != -FIRN_ENOTFOUND || oci_is_manifest(d->media_type))
			return rc < 0 ? rc : 1;
	}
	return 0;
}

static int pick(struct search *s, const struct oci_descriptor *desc, int depth, struct image *ret,
		struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	int rc;

	if (!oci_is_index(desc->media_type))
		return image_load(s->store, desc, ret, err);
	if (depth > INDEX_DEPTH_MAX || s->indexes++ == INDEX_COUNT_MAX)
		return firn_fail(err, FIRN_ELIMIT,
				 "more than %d indexes inside each other, or %d in all",
				 INDEX_DEPTH_MAX, INDEX_COUNT_MAX);
	rc = image_load_index(s->store, desc, &index, err);
	for (int fit = FIT_VARIANT; rc == 0 && fit > FIT_NONE; fit--)
		rc = pick_fitting(s, &index, (enum fit)fit, depth, ret, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return wrap_digest(
	    "index", &desc->digest,
	    firn_fail(err, FIRN_ENOTFOUND, "has no image for linux/%s", s->host.arch), err);
}

int image_pick(struct store *s, const struct oci_descriptor *desc, struct image *ret,
	       struct firn_error *err)
{
	struct search search = { .store = s };
	struct utsname u;

	if (uname(&u) < 0)
		return firn_fail_errno(err, "uname");
	search.host = host_platform(&u);
	return pick(&search, desc, 0, ret, err);
}

/* From the layer's own descriptor, or from the manifest under the diff_id's key. */
static const char *layer_annotation(const struct image *img, size_t i, const char *key)
{
	char by_diff_id[ANNOTATION_KEY_MAX];
	const char *value;

	if (i >= img->manifest.nlayers)
		return NULL;
	value = oci_annotation(img->manifest.layers[i].json, key);
	if (value)
		return value;
	annotation_for_layer(key, &img->config.diff_ids[i], by_diff_id);
	return oci_annotation(img->manifest.json, by_diff_id);
}

const char *image_layer_role(const struct image *img, size_t i)
{
	return layer_annotation(img, i, ORG_FIRN_LAYER);
}

const char *image_layer_mountable(const struct image *img, size_t i)
{
	return layer_annotation(img, i, ORG_FIRN_MOUNTABLE);
}

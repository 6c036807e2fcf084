/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/docker.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/codec.h"
#include "format/docker_archive.h"
#include "format/tar.h"

#include <stdio.h>
#include <string.h>

#define DOCKER_MEMBERS_MAX 65536 /* an image has some three for each layer */

/* What manifest.json names, as the members come by. */
struct named {
	struct source *src; /* borrowed */
	struct docker_archive doc;
	char *config;
	size_t config_len;
	struct store_extent *layers; /* at the position in doc; digest is filled in later */
	bool *found;
};

static void named_done(struct named *n)
{
	docker_archive_done(&n->doc);
	free(n->config);
	free(n->layers);
	free(n->found);
}

static int read_member(struct source *src, const struct tar_entry *e, char **ret, size_t *ret_len,
		       struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	_free_ char *text = NULL;
	int rc;

	if (*ret)
		return firn_fail(err, FIRN_ECORRUPT, "%s is there twice",
				 path_quote(e->path, quoted));
	if (e->size > OCI_DOCUMENT_MAX)
		return firn_fail(err, FIRN_ELIMIT, "%s: larger than %u bytes",
				 path_quote(e->path, quoted), OCI_DOCUMENT_MAX);
	text = malloc((size_t)e->size + 1);
	if (!text)
		return firn_fail_oom(err, "read");
	rc = source_read_at(src, text, (size_t)e->size, e->offset, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", path_quote(e->path, quoted));
	text[e->size] = '\0';
	*ret = take_ptr(&text);
	*ret_len = (size_t)e->size;
	return 0;
}

typedef int member_fn(struct named *n, const struct tar_entry *e, struct firn_error *err);

static int each_file(struct named *n, member_fn *fn, struct firn_error *err)
{
	const struct tar_limits limits = { .entries = DOCKER_MEMBERS_MAX };
	_cleanup_(tar_closep) struct tar *tar = NULL;
	const struct tar_entry *e;
	int rc = tar_open_plain(n->src, &limits, &tar, err);

	if (rc < 0)
		return rc;
	while ((rc = tar_next(tar, &e, err)) > 0) {
		rc = S_ISREG(e->mode) && !e->hardlink ? fn(n, e, err) : 0;
		if (rc != 0)
			return rc;
	}
	return rc;
}

/* 1: found, no need to look further. */
static int find_manifest(struct named *n, const struct tar_entry *e, struct firn_error *err)
{
	_free_ char *text = NULL;
	size_t len = 0;
	int rc;

	if (strcmp(e->path, DOCKER_ARCHIVE_MANIFEST) != 0)
		return 0;
	if ((rc = read_member(n->src, e, &text, &len, err)) < 0)
		return rc;
	rc = docker_archive_parse(text, len, &n->doc, err);
	return rc < 0 ? firn_wrap(err, rc, DOCKER_ARCHIVE_MANIFEST) : 1;
}

static int find_named(struct named *n, const struct tar_entry *e, struct firn_error *err)
{
	if (strcmp(e->path, n->doc.config) == 0)
		return read_member(n->src, e, &n->config, &n->config_len, err);
	for (size_t i = 0; i < n->doc.nlayers; i++)
		if (strcmp(e->path, n->doc.layers[i]) == 0) {
			n->layers[i].at = e->offset;
			n->layers[i].size = e->size;
			n->found[i] = true;
		}
	return 0;
}

static int find_all(struct named *n, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = each_file(n, find_manifest, err);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return firn_fail(err, FIRN_ECORRUPT, "no docker-archive: there is no %s in it",
				 DOCKER_ARCHIVE_MANIFEST);
	n->layers = calloc(n->doc.nlayers + 1, sizeof(*n->layers));
	n->found = calloc(n->doc.nlayers + 1, sizeof(*n->found));
	if (!n->layers || !n->found)
		return firn_fail_oom(err, "layers");
	rc = each_file(n, find_named, err);
	if (rc < 0)
		return rc;
	if (!n->config)
		return firn_fail(err, FIRN_ECORRUPT, "config %s is no file of the archive",
				 path_quote(n->doc.config, quoted));
	for (size_t i = 0; i < n->doc.nlayers; i++)
		if (!n->found[i])
			return firn_fail(err, FIRN_ECORRUPT, "layer %s is no file of the archive",
					 path_quote(n->doc.layers[i], quoted));
	return 0;
}

/* "HEX.json", "sha256:HEX" or "blobs/sha256/HEX" is what everybody calls a config. */
static int check_config_name(const char *path, const struct digest *d, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX], hex[DIGEST_TEXT_MAX];
	const char *name = path_basename(path), *colon = strchr(name, ':');
	struct digest named;
	size_t len;

	if (colon)
		name = colon + 1;
	len = strcspn(name, ".");
	snprintf(text, sizeof(text), "sha256:%.*s", (int)(len < 128 ? len : 128), name);
	if (digest_parse(&named, text, NULL) < 0 || digest_equal(&named, d))
		return 0;
	return firn_fail(err, FIRN_ECORRUPT, "config %s: its content is sha256:%s", text + 7,
			 digest_hex(d, hex));
}

static int make_image(struct named *n, struct image *img, struct firn_error *err)
{
	struct oci_manifest *m = &img->manifest;
	int rc;

	if ((rc = digest_of(n->config, n->config_len, &m->config.digest, err)) < 0 ||
	    (rc = check_config_name(n->doc.config, &m->config.digest, err)) < 0 ||
	    (rc = firn_wrap(err, oci_config_parse(n->config, n->config_len, &img->config, err),
			    "config")) < 0)
		return rc;
	if (img->config.ndiff_ids != n->doc.nlayers)
		return firn_fail(err, FIRN_ECORRUPT, "has %zu layers, its config %zu diff_ids",
				 n->doc.nlayers, img->config.ndiff_ids);
	m->config.size = n->config_len;
	snprintf(m->config.media_type, sizeof(m->config.media_type), "%s", DOCKER_CONFIG);
	m->layers = calloc(n->doc.nlayers + 1, sizeof(*m->layers));
	if (!m->layers)
		return firn_fail_oom(err, "layers");
	for (; m->nlayers < n->doc.nlayers; m->nlayers++) {
		struct oci_descriptor *d = &m->layers[m->nlayers];

		d->digest = n->layers[m->nlayers].digest = img->config.diff_ids[m->nlayers];
		d->size = n->layers[m->nlayers].size;
		snprintf(d->media_type, sizeof(d->media_type), "%s", OCI_LAYER);
	}
	img->desc.digest = m->config.digest;
	img->desc.size = m->config.size;
	return 0;
}

static int unpack(struct source **src, struct firn_error *err)
{
	uint8_t head[CODEC_DETECT_BYTES];
	const ssize_t got = source_pread(*src, head, sizeof(head), 0, err);
	uint64_t max = codec_believed((*src)->size);
	enum codec c;

	if (got < 0)
		return (int)got;
	c = codec_detect(head, (size_t)got);
	return c == CODEC_NONE ? 0 : codec_source(c, take_ptr(src), max, NULL, src, err);
}

int docker_open(struct source *src, struct store **ret_store, struct image *ret,
		struct firn_error *err)
{
	_cleanup_(source_closep) struct source *owned = src;
	_cleanup_(named_done) struct named n = { .src = NULL };
	_cleanup_(image_done) struct image img = { 0 };
	int rc = unpack(&owned, err);

	if (rc < 0)
		return rc;
	n.src = owned;
	if ((rc = find_all(&n, err)) < 0 || (rc = make_image(&n, &img, err)) < 0)
		return rc;
	rc =
	    store_source_open(take_ptr(&owned), take_ptr(&n.layers), n.doc.nlayers, ret_store, err);
	if (rc < 0)
		return rc;
	*ret = img;
	memset(&img, 0, sizeof(img));
	return 0;
}

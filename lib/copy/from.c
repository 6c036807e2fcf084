/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy/from.h"

#include "base/fd.h"
#include "base/path.h"
#include "copy/door.h"
#include "copy/flat.h"
#include "format/dir_image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void roots_done(struct roots *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->list[i].tag);
		oci_descriptor_done(&r->list[i].desc);
	}
	free(r->list);
	*r = (struct roots){ 0 };
}

void from_done(struct from *f)
{
	door_free(f->door);
	layout_close(f->layout);
	store_close(f->flat);
	registry_close(f->registry);
	free(f->top);
	ref_done(&f->ref);
}

static int read_file(int dirfd, const char *name, size_t max, char **ret, size_t *ret_len,
		     struct firn_error *err)
{
	_fd_ int fd = path_open_beneath(dirfd, name, O_RDONLY | O_NONBLOCK, 0, err);
	struct stat st;
	int rc = fd;

	if (rc >= 0 && fstat(fd, &st) < 0)
		rc = firn_fail_errno(err, "stat");
	else if (rc >= 0 && !S_ISREG(st.st_mode))
		rc = firn_fail(err, FIRN_ECORRUPT, "is no regular file");
	if (rc >= 0)
		rc = fd_read_all(fd, max, ret, ret_len, err);
	return firn_wrap(err, rc, "%s", name);
}

static int open_image(int dirfd, struct from *f, struct firn_error *err)
{
	_free_ char *mark = NULL;
	size_t len;
	int rc;

	if ((rc = read_file(dirfd, DIR_IMAGE_VERSION, DIR_IMAGE_MARK_MAX, &mark, &len, err)) < 0 ||
	    (rc = dir_image_check_mark(mark, len, err)) < 0 ||
	    (rc = read_file(dirfd, DIR_IMAGE_MANIFEST, OCI_DOCUMENT_MAX, &f->top, &f->top_len,
			    err)) < 0)
		return rc;
	rc = oci_document_type(f->top, f->top_len, f->top_desc.media_type, err);
	if (rc == -FIRN_EINVAL)
		return firn_fail(err, FIRN_ECORRUPT, "%s: neither a manifest nor an index",
				 DIR_IMAGE_MANIFEST);
	if (rc < 0)
		return firn_wrap(err, rc, DIR_IMAGE_MANIFEST);
	f->top_desc.size = f->top_len;
	if ((rc = digest_of(f->top, f->top_len, &f->top_desc.digest, err)) < 0 ||
	    (rc = flat_open(dirfd, false, &f->flat, err)) < 0)
		return rc;
	f->store = f->flat;
	return 0;
}

static int open_flat(struct from *f, struct firn_error *err)
{
	_fd_ int fd = open(f->ref.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? firn_fail_errno(err, "open folder") : open_image(fd, f, err);

	return firn_wrap(err, rc, "dir:%s", f->ref.path);
}

/* The one image that is asked for, or later all of them. */
static int open_registry(struct from *f, const struct firn_registry_opts *how,
			 struct firn_error *err)
{
	struct registry_opts opts = { 0 };
	int rc = how ? registry_opts_from(how, &opts, err) : 0;

	return rc < 0 ? rc : registry_open(&f->ref, &opts, &f->registry, err);
}

int from_open(const char *source, const struct firn_registry_opts *how, struct from *ret,
	      struct firn_error *err)
{
	int rc = ref_parse(source, &ret->ref, err);

	if (rc < 0)
		return rc;
	if (ret->ref.transport == REF_DOCKER)
		return open_registry(ret, how, err);
	if (ret->ref.transport == REF_DIR)
		return open_flat(ret, err);
	rc = layout_open_ref(&ret->ref, &ret->layout, err);
	if (rc == 0)
		ret->store = layout_store(ret->layout);
	return rc;
}

bool from_parallel(const struct from *f)
{
	return !f->layout || !layout_packed(f->layout);
}

bool from_is_made(const struct from *f, const struct digest *d)
{
	return f->door && door_has(f->door, d);
}

struct blob_writer *from_take_blob(struct from *f, const struct digest *d)
{
	return f->door ? door_take_blob(f->door, d) : NULL;
}

int from_has(struct from *f, const struct digest *d, bool document, struct firn_error *err)
{
	char text[DIGEST_TEXT_MAX];

	if (from_is_made(f, d))
		return 1;
	if (!f->registry)
		return store_has(f->store, d, NULL, err);
	if (document)
		return registry_has_manifest(f->registry, digest_text(d, text), NULL, err);
	return registry_has_blob(f->registry, d, NULL, err);
}

static int check_size(uint64_t found, uint64_t said, struct firn_error *err)
{
	if (found == said)
		return 0;
	return firn_fail(err, FIRN_ECORRUPT, "has %llu bytes, its descriptor says %llu",
			 (unsigned long long)found, (unsigned long long)said);
}

static int fetch_manifest(struct from *f, const struct oci_descriptor *desc, char **ret,
			  size_t *ret_len, struct firn_error *err)
{
	_free_ char *type = NULL, *bytes = NULL;
	char text[DIGEST_TEXT_MAX];
	struct digest d;
	size_t len;
	int rc = registry_manifest(f->registry, digest_text(&desc->digest, text), &type, &bytes,
				   &len, &d, err);

	if (rc == 0 && desc->size)
		rc = firn_wrap(err, check_size(len, desc->size, err), "manifest %s", text);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&bytes);
	*ret_len = len;
	return 0;
}

int from_document(struct from *f, const struct oci_descriptor *desc, char **ret, size_t *ret_len,
		  struct firn_error *err)
{
	const bool top = f->top && digest_equal(&desc->digest, &f->top_desc.digest);

	if (from_is_made(f, &desc->digest))
		return door_document(f->door, desc, ret, ret_len, err);
	if (!top && f->registry)
		return fetch_manifest(f, desc, ret, ret_len, err);
	if (!top)
		return store_read(f->store, &desc->digest, desc->size, OCI_DOCUMENT_MAX, ret,
				  ret_len, err);
	*ret = malloc(f->top_len + 1);
	if (!*ret)
		return firn_fail_oom(err, "manifest");
	memcpy(*ret, f->top, f->top_len + 1);
	*ret_len = f->top_len;
	return 0;
}

static int add_root(struct roots *r, const char *tag, const struct oci_descriptor *desc,
		    struct firn_error *err)
{
	struct root *more = reallocarray(r->list, r->n + 1, sizeof(*more));
	char *copy = tag ? strdup(tag) : NULL;

	if (more)
		r->list = more;
	if (!more || (tag && !copy)) {
		free(copy);
		return firn_fail_oom(err, "image");
	}
	r->list[r->n] = (struct root){ .tag = copy, .desc = *desc };
	r->list[r->n++].desc.json = json_incref(desc->json);
	return 0;
}

static int ask_for_root(struct from *f, const char *reference, struct oci_descriptor *ret,
			char **ret_text, size_t *ret_len, struct firn_error *err)
{
	_free_ char *type = NULL;
	int rc =
	    registry_manifest(f->registry, reference, &type, ret_text, ret_len, &ret->digest, err);

	if (rc < 0)
		return rc;
	if (!oci_is_manifest(type) && !oci_is_index(type))
		return firn_fail(err, FIRN_EUNSUPP, "%s: is neither a manifest nor an index",
				 reference);
	ret->size = *ret_len;
	snprintf(ret->media_type, sizeof(ret->media_type), "%s", type);
	return 0;
}

static int registry_root(struct from *f, struct roots *ret, struct firn_error *err)
{
	const char *tag = f->ref.tag ? f->ref.tag : f->ref.digest.alg ? NULL : REGISTRY_TAG;
	char text[DIGEST_TEXT_MAX];
	int rc = ask_for_root(f, f->ref.digest.alg ? digest_text(&f->ref.digest, text) : tag,
			      &f->top_desc, &f->top, &f->top_len, err);

	return rc < 0 ? rc : add_root(ret, tag, &f->top_desc, err);
}

static int registry_roots(struct from *f, struct roots *ret, struct firn_error *err)
{
	_cleanup_(registry_tags_done) struct registry_tags tags = { 0 };
	int rc = registry_tags(f->registry, &tags, err);

	for (size_t i = 0; rc == 0 && i < tags.n; i++) {
		struct oci_descriptor desc = { 0 };
		_free_ char *text = NULL;
		size_t len;

		if (registry_is_fallback_tag(tags.list[i]))
			continue;
		rc = ask_for_root(f, tags.list[i], &desc, &text, &len, err);
		if (rc == 0)
			rc = add_root(ret, tags.list[i], &desc, err);
	}
	return rc;
}

int from_root(struct from *f, struct roots *ret, struct firn_error *err)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor desc = { 0 };
	int rc;

	if (f->registry)
		return registry_root(f, ret, err);
	if (f->top)
		return add_root(ret, NULL, &f->top_desc, err);
	rc = layout_resolve(f->layout, &f->ref, &desc, err);
	if (rc < 0)
		return rc;
	/* What was asked for by digest has the name it was asked for by: none. */
	return add_root(ret, f->ref.digest.alg ? NULL : oci_annotation(desc.json, OCI_REF_NAME),
			&desc, err);
}

static int layout_roots(struct from *f, struct roots *ret, struct firn_error *err)
{
	_cleanup_(oci_index_done) struct oci_index index = { 0 };
	int rc = layout_index(f->layout, &index, err);

	for (size_t i = 0; rc == 0 && i < index.nmanifests; i++) {
		const struct oci_descriptor *d = &index.manifests[i];
		const char *tag = oci_annotation(d->json, OCI_REF_NAME);

		/* Of several entries of one tag tools see the first. */
		for (size_t k = 0; tag && k < ret->n; k++)
			if (strcmp(ret->list[k].tag, tag) == 0)
				tag = NULL;
		if (tag)
			rc = add_root(ret, tag, d, err);
	}
	return rc;
}

int from_all(struct from *f, struct roots *ret, struct firn_error *err)
{
	int rc;

	if (f->flat)
		return firn_fail(err, FIRN_EINVAL, "dir:%s has one image, without a tag",
				 f->ref.path);
	if (f->ref.tag || f->ref.digest.alg)
		return firn_fail(err, FIRN_EINVAL,
				 "--all-tags and one image of %s exclude each other", f->ref.path);
	rc = f->registry ? registry_roots(f, ret, err) : layout_roots(f, ret, err);
	if (rc == 0 && !ret->n)
		return firn_fail(err, FIRN_ENOTFOUND, "%s has no tags", f->ref.path);
	return rc;
}

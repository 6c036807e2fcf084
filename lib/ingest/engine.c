/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/engine.h"

#include "base/path.h"
#include "format/ctr.h"
#include "format/oci.h"

#include <stdio.h>
#include <string.h>

#define MANAGER            "io.container.manager" /* libpod/define, cri-o pkg/annotations */
#define CRIO_ANNOTATIONS   "io.kubernetes.cri-o.Annotations"
#define CONTAINER_NAME_MAX 255

void facts_done(struct facts *f)
{
	config_dump_done(&f->config);
	json_decref(f->spec);
	json_decref(f->extra);
	free(f->told.container);
	free(f->told.image_name);
	free(f->told.image_id);
	*f = (struct facts){ 0 };
}

int facts_tell(struct facts *f, const struct engine *engine, const char *container,
	       const char *image_name, const struct digest *base, struct firn_error *err)
{
	f->told.engine = engine;
	if (container && !(f->told.container = strdup(container)))
		return firn_fail_oom(err, "container");
	if (image_name && !(f->told.image_name = strdup(image_name)))
		return firn_fail_oom(err, "image");
	if (base && base->alg)
		digest_text(base, f->told.base);
	return 0;
}

int facts_tell_image(struct facts *f, const char *id, struct firn_error *err)
{
	f->told.image_id = id ? strdup(id) : NULL;
	return f->told.image_id || !id ? 0 : firn_fail_oom(err, "image");
}

const char *facts_image_name(const struct facts *f)
{
	return f->config.image_name ? f->config.image_name : f->told.image_name;
}

/* What differs from host to host and is not in any archive. */
#define LOSS_FOLDERS                                                                               \
	"changes of existing directories themselves (owner, mode, times) are not in this "         \
	"engine's "                                                                                \
	"archives"
#define LOSS_MODIFIED                                                                              \
	"a modified file is in this engine's archives only if the dumping host had a file of the " \
	"same path; others are missing without a trace"
#define LOSS_XATTRS "extended attributes but security.capability are not in this engine's archives"

static int learn_nothing(struct facts *f, struct firn_error *err)
{
	(void)f;
	(void)err;
	return 0;
}

static int learn_podman(struct facts *f, struct firn_error *err)
{
	(void)err;
	f->container = f->config.name;
	return 0;
}

/* The CRI's name of the container is JSON in an annotation (cri-o pkg/annotations, Metadata). */
static int learn_crio(struct facts *f, struct firn_error *err)
{
	const char *metadata = oci_annotation(f->spec, "io.kubernetes.cri-o.Metadata");

	f->container = oci_annotation(f->spec, "io.kubernetes.container.name");
	if (!f->container && metadata) {
		int rc = json_parse(metadata, strlen(metadata), &f->extra, err);

		if (rc < 0)
			return firn_wrap(err, rc, "spec.dump: io.kubernetes.cri-o.Metadata");
		f->container = json_string_value(json_object_get(f->extra, "name"));
	}
	if (!f->container)
		f->container = f->config.name;
	f->pod = oci_annotation(f->spec, "io.kubernetes.pod.name");
	f->pod_namespace = oci_annotation(f->spec, "io.kubernetes.pod.namespace");
	f->pod_uid = oci_annotation(f->spec, "io.kubernetes.pod.uid");
	f->pod_id = oci_annotation(f->spec, "io.kubernetes.cri-o.SandboxID");
	return 0;
}

static int learn_containerd(struct facts *f, struct firn_error *err)
{
	(void)err;
	f->container = oci_annotation(f->spec, "io.kubernetes.cri.container-name");
	if (!f->container)
		f->container = f->config.name;
	f->pod = oci_annotation(f->spec, "io.kubernetes.cri.sandbox-name");
	f->pod_namespace = oci_annotation(f->spec, "io.kubernetes.cri.sandbox-namespace");
	f->pod_uid = oci_annotation(f->spec, "io.kubernetes.cri.sandbox-uid");
	f->pod_id = oci_annotation(f->spec, "io.kubernetes.cri.sandbox-id");
	return 0;
}

/* The CRI's containers can be checkpointed without the CRI, too. */
static int learn_ctr(struct facts *f, struct firn_error *err)
{
	int rc = learn_containerd(f, err);

	if (!f->container)
		f->container = ctr_container(f->spec);
	return rc;
}

/* An image ID is the digest of the image's config, with or without its algorithm. */
static int matches_id(const char *wanted, const struct base *b, const char **ret_wanted)
{
	char text[DIGEST_TEXT_MAX];

	if (!wanted)
		return -FIRN_ENOTFOUND;
	*ret_wanted = wanted;
	if (strncmp(wanted, "sha256:", 7) == 0)
		wanted += 7;
	return strcmp(wanted, digest_hex(&b->image.manifest.config.digest, text)) == 0;
}

static int matches_podman(const struct facts *f, const struct base *b, const char **ret_wanted)
{
	const char *id = f->config.image_id ? f->config.image_id : f->told.image_id;

	return matches_id(id, b, ret_wanted);
}

/*
 * CRI-O: an image ID. containerd: NAME@DIGEST, of the manifest or of the index it was picked from.
 */
static int matches_ref(const struct facts *f, const struct base *b, const char **ret_wanted)
{
	const char *ref = f->config.image_ref, *at = ref ? strrchr(ref, '@') : NULL;
	char text[DIGEST_TEXT_MAX];

	if (!at)
		return matches_id(ref, b, ret_wanted);
	*ret_wanted = ref;
	return strcmp(at + 1, digest_text(&b->target.digest, text)) == 0 ||
	       strcmp(at + 1, digest_text(&b->image.desc.digest, text)) == 0;
}

/* The index or manifest that the checkpoint's index has for its base. */
static int matches_target(const struct facts *f, const struct base *b, const char **ret_wanted)
{
	char text[DIGEST_TEXT_MAX];

	if (!*f->told.base)
		return -FIRN_ENOTFOUND;
	*ret_wanted = f->told.base;
	return strcmp(f->told.base, digest_text(&b->target.digest, text)) == 0 ||
	       strcmp(f->told.base, digest_text(&b->image.desc.digest, text)) == 0;
}

struct pair {
	const char *key, *value;
};

static int put_pairs(json_t *to, const struct pair *pairs, size_t n, struct firn_error *err)
{
	for (size_t i = 0; i < n; i++) {
		int rc = pairs[i].value && *pairs[i].value
			     ? json_put_str(to, pairs[i].key, pairs[i].value, err)
			     : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}

static const char *version_text(const struct facts *f, char ret[16])
{
	if (!f->origin.criu_version)
		return NULL;
	snprintf(ret, 16, "%u", f->origin.criu_version);
	return ret;
}

static const char *edit_value(const struct engine_names *n, enum engine_value value)
{
	switch (value) {
	case ENGINE_ID:
		return n->id;
	case ENGINE_NAME_OR_ID:
		return n->name ? n->name : n->id;
	case ENGINE_REF:
		return n->ref;
	case ENGINE_NAME:
		return n->tagged;
	}
	return NULL;
}

/* What Podman reads it takes from config.dump; these say the same. */
static int annotate_podman(const struct facts *f, const struct engine_names *names, json_t *to,
			   struct firn_error *err)
{
	char version[16];
	const struct pair pairs[] = {
		{ PODMAN_NAME, f->container },
		{ PODMAN_RAW_IMAGE_NAME, f->config.image_raw },
		{ PODMAN_ROOTFS_IMAGE_ID, names ? names->id : f->config.image_id },
		{ PODMAN_ROOTFS_IMAGE_NAME,
		  names ? edit_value(names, ENGINE_NAME_OR_ID) : f->config.image_name },
		{ PODMAN_RUNTIME_NAME, f->config.runtime },
		{ PODMAN_CRIU_VERSION, version_text(f, version) },
		{ PODMAN_HOST_ARCH, f->origin.arch },
		{ PODMAN_HOST_KERNEL, f->origin.kernel },
	};

	return put_pairs(to, pairs, ARRAY_SIZE(pairs), err);
}

static int annotate_crio(const struct facts *f, const struct engine_names *names, json_t *to,
			 struct firn_error *err)
{
	char version[16];
	const struct pair pairs[] = {
		{ CRIO_NAME, f->container },
		{ CRIO_RAW_IMAGE_NAME, f->config.image_requested },
		{ CRIO_ROOTFS_IMAGE_ID, names ? names->id : f->config.image_ref },
		{ CRIO_ROOTFS_IMAGE_NAME,
		  names && names->name ? names->tagged : f->config.image_name },
		{ CRIO_CRIU_VERSION, version_text(f, version) },
	};

	return put_pairs(to, pairs, ARRAY_SIZE(pairs), err);
}

static int annotate_nothing(const struct facts *f, const struct engine_names *names, json_t *to,
			    struct firn_error *err)
{
	(void)f;
	(void)names;
	(void)to;
	(void)err;
	return 0;
}

/* pkg/checkpoint/checkpoint_restore.go: CRImportCheckpoint(); libpod/storage.go. */
static const char *refuses_podman(const struct facts *f)
{
	if (json_array_size(json_object_get(f->config.json, "Dependencies")))
		return "its container depends on other containers";
	if (!f->config.image_id || !f->config.image_name)
		return "its container was made from no image";
	return NULL;
}

/* server/container_restore.go: CRImportCheckpoint(). */
static const char *refuses_crio(const struct facts *f)
{
	const char *text = oci_annotation(f->spec, CRIO_ANNOTATIONS);
	_json_ json_t *doc = NULL;

	if (!text || json_parse(text, strlen(text), &doc, NULL) < 0 || !json_is_object(doc))
		return "spec.dump has no annotation " CRIO_ANNOTATIONS " with an object in it";
	return NULL;
}

static const struct engine engines[] = {
	{
	    .name = "Podman",
	    .manager = "libpod",
	    .deletions = true,
	    /* a bare image ID as a name is looked up locally */
	    .edits = { { CONFIG_IMAGE_NAME, ENGINE_NAME_OR_ID }, { CONFIG_IMAGE_ID, ENGINE_ID } },
	    .needs = "its whole configuration of the container in config.dump",
	    .refuses = refuses_podman,
	    .losses = { LOSS_MODIFIED, LOSS_FOLDERS },
	    .learn = learn_podman,
	    .matches = matches_podman,
	    .annotate = annotate_podman,
	},
	{
	    .name = "CRI-O",
	    .manager = "cri-o",
	    .deletions = true,
	    .edits = { { CONFIG_IMAGE_REF, ENGINE_ID }, { CONFIG_IMAGE_NAME, ENGINE_NAME } },
	    .needs = "its annotation " CRIO_ANNOTATIONS " in spec.dump",
	    .refuses = refuses_crio,
	    .losses = { LOSS_MODIFIED, LOSS_FOLDERS },
	    .learn = learn_crio,
	    .matches = matches_ref,
	    .annotate = annotate_crio,
	},
	{
	    .name = "containerd",
	    .changeset = true,
	    /* it pulls rootfsImageRef: only who pushes R knows that name */
	    .edits = { { CONFIG_IMAGE_REF, ENGINE_REF }, { CONFIG_IMAGE_NAME, ENGINE_NAME } },
	    .needs = "its status.dump",
	    .losses = { LOSS_XATTRS },
	    .learn = learn_containerd,
	    .matches = matches_ref,
	    .annotate = annotate_nothing,
	},
};

const struct engine engine_bare = {
	.name = "criu",
	.changeset = true,
	.deletions = true,
	.learn = learn_nothing,
	.annotate = annotate_nothing,
};

const struct engine engine_ctr = {
	.name = "containerd",
	.changeset = true,
	.losses = { LOSS_XATTRS },
	.learn = learn_ctr,
	.matches = matches_target,
	.annotate = annotate_nothing,
};

const struct engine engine_bundle = {
	.name = "criu",
	.changeset = true,
	.learn = learn_nothing,
	.annotate = annotate_nothing,
};

const struct engine *engine_of_folder(const json_t *spec)
{
	const char *manager = oci_annotation(spec, MANAGER);

	for (size_t i = 0; manager && i < ARRAY_SIZE(engines); i++)
		if (engines[i].manager && strcmp(engines[i].manager, manager) == 0)
			return &engines[i];
	return oci_annotation(spec, "io.kubernetes.cri.container-name") ? &engine_ctr
									: &engine_bundle;
}

const struct engine *engine_find(const char *word)
{
	static const char *const words[] = { "podman", "cri-o", "containerd" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], word) == 0)
			return &engines[i];
	return NULL;
}

bool engine_can_name(const struct engine *e, const struct engine_names *n)
{
	for (size_t i = 0; i < ARRAY_SIZE(e->edits) && e->edits[i].key; i++)
		if (e->edits[i].value != ENGINE_NAME && !edit_value(n, e->edits[i].value))
			return false;
	return e->edits[0].key;
}

bool engine_takes_places(const struct engine *e)
{
	return e == &engines[0];
}

size_t engine_edits(const struct engine *e, const struct engine_names *n,
		    struct config_edit ret[ENGINE_EDITS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(e->edits) && e->edits[i].key; i++) {
		const char *value = edit_value(n, e->edits[i].value);

		if (value)
			ret[count++] = (struct config_edit){ e->edits[i].key, value };
	}
	return count;
}

static int find_engine(const char *manager, const struct engine **ret, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		const char *m = engines[i].manager;

		if (m == manager || (m && manager && strcmp(m, manager) == 0)) {
			*ret = &engines[i];
			return 0;
		}
	}
	return firn_fail(err, FIRN_EUNSUPP, "spec.dump: unknown engine %s",
			 path_quote(manager, quoted));
}

int engine_check_name(const char *name, enum firn_code code, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	if (!*name || strlen(name) > CONTAINER_NAME_MAX)
		return firn_fail(err, code, "container name of %zu bytes: must have 1 to %d",
				 strlen(name), CONTAINER_NAME_MAX);
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return firn_fail(err, code, "container name %s: has a control character",
					 path_quote(name, quoted));
	return 0;
}

/* From the documents. */
static int detect(struct facts *f, struct firn_error *err)
{
	f->engine = f->told.engine ? f->told.engine : &engine_bare;
	if (f->told.engine)
		return f->spec ? 0 : firn_fail(err, FIRN_ECORRUPT, "spec.dump is missing");
	if (f->config.json && !f->spec)
		return firn_fail(err, FIRN_ECORRUPT, "spec.dump is missing");
	if (f->spec && !f->config.json)
		return firn_fail(err, FIRN_ECORRUPT, "config.dump is missing");
	return f->spec ? find_engine(oci_annotation(f->spec, MANAGER), &f->engine, err) : 0;
}

int engine_detect(struct facts *f, struct firn_error *err)
{
	int rc = detect(f, err);

	if (rc < 0 || (rc = f->engine->learn(f, err)) < 0)
		return rc;
	if (!f->container)
		f->container = f->told.container;
	return f->container ? engine_check_name(f->container, FIRN_ECORRUPT, err) : 0;
}

int engine_annotate(const struct facts *f, const struct engine_names *names, json_t *to,
		    struct firn_error *err)
{
	const bool bare = f->engine == &engine_bare || f->engine == &engine_bundle;
	char version[16];
	const struct pair pairs[] = {
		{ ORG_CRIU_ENGINE_NAME, bare ? NULL : f->engine->name },
		/* containerd would take an image with this key for one it can restore */
		{ ORG_CRIU_CONTAINER_NAME, f->config.json ? f->container : NULL },
		{ ORG_CRIU_POD_NAME, f->pod },
		{ ORG_CRIU_POD_NAMESPACE, f->pod_namespace },
		{ ORG_CRIU_POD_UID, f->pod_uid },
		{ ORG_CRIU_POD_ID, f->pod_id },
		{ ORG_CRIU_ROOTFS_IMAGE_NAME, facts_image_name(f) },
		{ ORG_CRIU_ROOTFS_IMAGE_USER, f->config.image_requested },
		{ ORG_CRIU_ROOTFS_IMAGE_ID,
		  f->config.image_id ? f->config.image_id : f->config.image_ref },
		{ ORG_CRIU_RAW_IMAGE_NAME, f->config.image_raw },
		{ ORG_CRIU_RUNTIME_NAME, f->config.runtime },
		{ ORG_CRIU_CRIU_VERSION, version_text(f, version) },
		{ ORG_CRIU_HOST_ARCH, f->origin.arch },
		{ ORG_CRIU_HOST_KERNEL, f->origin.kernel },
	};
	int rc = put_pairs(to, pairs, ARRAY_SIZE(pairs), err);

	return rc < 0 ? rc : f->engine->annotate(f, names, to, err);
}

int engine_check_base(const struct facts *f, const struct base *b, struct notes *notes,
		      struct firn_error *err)
{
	const char *wanted = NULL;
	char id[DIGEST_TEXT_MAX], manifest[DIGEST_TEXT_MAX];
	int rc = f->engine->matches ? f->engine->matches(f, b, &wanted) : -FIRN_ENOTFOUND;

	if (rc == -FIRN_ENOTFOUND)
		notes_warn(notes, "the checkpoint doesn't say which image it was made from: the "
				  "base is taken on trust");
	if (rc != 0)
		return 0;
	return firn_fail(err, FIRN_EMISMATCH,
			 "the base has image ID %s (manifest %s), the checkpoint was made from %s",
			 digest_hex(&b->image.manifest.config.digest, id),
			 digest_text(&b->image.desc.digest, manifest), wanted);
}

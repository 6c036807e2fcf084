/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What engines put beside CRIU's images: JSON documents that must parse and say what they should.
 */
#include "verify/set.h"

#include "bytes/json.h"
#include "format/config_dump.h"
#include "format/deleted.h"
#include "format/spec.h"

#include <stdio.h>
#include <string.h>

#define DOCUMENT_MAX  (8u << 20)
#define DESCRIPTORS   CHECKPOINT_IMAGES_DIR "/descriptors.json"
#define PODMAN        "libpod"
#define CRIO          "cri-o"
#define MANAGER       "io.container.manager"
#define SANDBOX       "io.kubernetes.cri.sandbox-id"
#define CRIO_METADATA "io.kubernetes.cri-o.Annotations"

struct documents {
	struct set *s;
	bool config, spec; /* they are there */
	char manager[16];  /* the engine, as spec.dump has it; "" for containerd */
	bool kubernetes;   /* containerd made it through CRI */
};

struct text {
	char *bytes;
	size_t len;
};

static void text_done(struct text *t)
{
	free(t->bytes);
}

static void add(struct set *s, enum finding_level level, const char *path, const char *code,
		const char *text)
{
	findings_add(s->f, level, path, code, "%s", text);
}

/* 1 and the document, 0 when it isn't there or can't be read, which was told. */
static int load(struct set *s, const char *path, size_t max, struct text *ret,
		struct firn_error *err)
{
	struct firn_error e = { 0 };
	struct member m;
	int rc;

	if (!members_find(s->m, path, &m) || set_passed(s, path))
		return 0;
	rc = members_read(s->m, path, max, &ret->bytes, &ret->len, &e);
	if (rc >= 0)
		return rc;
	rc = findings_take(s->f, path, "document-broken", rc, &e, err);
	return rc < 0 ? rc : 0;
}

static int broken(struct set *s, const char *path, int rc, const struct firn_error *e,
		  struct firn_error *err)
{
	rc = findings_take(s->f, path, "document-broken", rc, e, err);
	return rc < 0 ? rc : 0;
}

/* Each named volume has its tar, unless the checkpoint was made without them. */
static void check_volumes(struct set *s, const struct config_dump *c)
{
	const size_t n = c->volumes ? json_array_size(c->volumes) : 0;
	char path[PATH_MEMBER_MAX + 1];
	struct member m;

	for (size_t i = 0; i < n; i++) {
		const char *name = config_dump_volume(c, i);

		if (!name)
			continue;
		snprintf(path, sizeof(path), "volumes/%s.tar", name);
		if (!members_find(s->m, path, &m))
			findings_add(s->f, FINDING_NOTE, path, "volume-absent",
				     "is missing, and " CHECKPOINT_CONFIG
				     " names the volume: Podman restores it with --ignore-volumes "
				     "alone");
	}
}

static int check_config(struct documents *d, struct firn_error *err)
{
	_cleanup_(config_dump_done) struct config_dump c = { .json = NULL };
	_cleanup_(text_done) struct text t = { NULL, 0 };
	struct firn_error e = { 0 };
	struct member m;
	int rc;

	d->config = members_find(d->s->m, CHECKPOINT_CONFIG, &m);
	rc = load(d->s, CHECKPOINT_CONFIG, CONFIG_DUMP_MAX, &t, err);
	if (rc <= 0)
		return rc;
	rc = config_dump_parse(t.bytes, t.len, &c, &e);
	if (rc == 0)
		check_volumes(d->s, &c);
	return broken(d->s, CHECKPOINT_CONFIG, rc, &e, err);
}

static int parse_spec(struct documents *d, const json_t *spec, struct firn_error *err)
{
	const char *manager = NULL, *ignored;
	json_t *list = NULL, *object = NULL;
	int rc;

	if ((rc = json_get_str(spec, "ociVersion", &ignored, err)) < 0 ||
	    (rc = json_opt_object(spec, "root", &object, err)) < 0 ||
	    (rc = json_opt_object(spec, "process", &object, err)) < 0 ||
	    (rc = json_opt_object(spec, "linux", &object, err)) < 0 ||
	    (rc = json_opt_array(spec, "mounts", &list, err)) < 0)
		return rc;
	object = NULL;
	rc = json_opt_object(spec, "annotations", &object, err);
	if (rc <= 0)
		return rc;
	rc = json_opt_str(object, MANAGER, &manager, err);
	if (rc < 0)
		return rc;
	snprintf(d->manager, sizeof(d->manager), "%s", manager ? manager : "");
	d->kubernetes = !manager && json_object_get(object, SANDBOX);
	if (strcmp(d->manager, CRIO) == 0 && !json_object_get(object, CRIO_METADATA))
		add(d->s, FINDING_WARNING, CHECKPOINT_SPEC, "annotation-missing",
		    "has no annotation " CRIO_METADATA ", without which CRI-O restores nothing");
	return 0;
}

static int check_spec(struct documents *d, struct firn_error *err)
{
	_cleanup_(text_done) struct text t = { NULL, 0 };
	struct firn_error e = { 0 };
	_json_ json_t *json = NULL;
	struct member m;
	int rc;

	d->spec = members_find(d->s->m, CHECKPOINT_SPEC, &m);
	rc = load(d->s, CHECKPOINT_SPEC, SPEC_BYTES_MAX, &t, err);
	if (rc <= 0)
		return rc;
	rc = json_parse(t.bytes, t.len, &json, &e);
	if (rc == 0 && !json_is_object(json))
		rc = firn_fail(&e, FIRN_ECORRUPT, "is no object");
	if (rc == 0)
		rc = parse_spec(d, json, &e);
	return broken(d->s, CHECKPOINT_SPEC, rc, &e, err);
}

static int check_deletions(struct documents *d, struct firn_error *err)
{
	_cleanup_(deleted_done) struct deleted deleted = { NULL, 0 };
	_cleanup_(text_done) struct text t = { NULL, 0 };
	struct firn_error e = { 0 };
	int rc = load(d->s, CHECKPOINT_DELETIONS, DELETED_BYTES_MAX, &t, err);

	if (rc <= 0)
		return rc;
	rc = deleted_parse(t.bytes, t.len, &deleted, &e);
	return broken(d->s, CHECKPOINT_DELETIONS, rc < 0 ? rc : 0, &e, err);
}

/* Documents of which no more is asked than to be what they are. */
static const struct other {
	const char *path;
	json_type type;
	bool strings; /* an array of them */
	bool null;    /* Go writes null for an empty one */
} others[] = {
	{ "network.status", JSON_OBJECT, false, true },
	{ "status.dump", JSON_OBJECT, false, false },
	{ "status", JSON_OBJECT, false, false },
	{ "bind.mounts", JSON_ARRAY, false, true },
	{ "pod.options", JSON_OBJECT, false, false },
	{ "pod.dump", JSON_OBJECT, false, false },
	{ DESCRIPTORS, JSON_ARRAY, true, true },
};

static int check_type(const struct other *o, const json_t *json, struct firn_error *err)
{
	if (o->null && json_is_null(json))
		return 0;
	if (json_typeof(json) != o->type)
		return firn_fail(err, FIRN_ECORRUPT, "is no %s",
				 o->type == JSON_ARRAY ? "array" : "object");
	for (size_t i = 0; o->strings && i < json_array_size(json); i++)
		if (!json_is_string(json_array_get(json, i)))
			return firn_fail(err, FIRN_ECORRUPT, "element %zu is no string", i);
	return 0;
}

static int check_other(struct documents *d, const struct other *o, struct firn_error *err)
{
	_cleanup_(text_done) struct text t = { NULL, 0 };
	struct firn_error e = { 0 };
	_json_ json_t *json = NULL;
	int rc = load(d->s, o->path, DOCUMENT_MAX, &t, err);

	if (rc <= 0)
		return rc;
	rc = json_parse(t.bytes, t.len, &json, &e);
	if (rc == 0)
		rc = check_type(o, json, &e);
	return broken(d->s, o->path, rc, &e, err);
}

static bool has(const struct documents *d, const char *path)
{
	struct member m;

	return members_find(d->s->m, path, &m);
}

/* Who restores it needs more than the documents that are there. */
static void check_presence(const struct documents *d)
{
	if (d->config && !d->spec)
		add(d->s, FINDING_FAULT, CHECKPOINT_SPEC, "document-missing",
		    "is missing: every engine that writes " CHECKPOINT_CONFIG " writes it as well");
	if (!d->config && (*d->manager || d->kubernetes))
		add(d->s, FINDING_FAULT, CHECKPOINT_CONFIG, "document-missing",
		    "is missing: every engine that annotates " CHECKPOINT_SPEC
		    " so writes it as well");
	if (d->config && d->kubernetes && !has(d, "status.dump"))
		add(d->s, FINDING_WARNING, "status.dump", "document-missing",
		    "is missing: containerd restores no checkpoint without it");
	if (d->spec && !has(d, DESCRIPTORS))
		add(d->s, FINDING_WARNING, DESCRIPTORS, "document-missing",
		    "is missing: runc restores no container without it");
}

int set_documents(struct set *s, struct firn_error *err)
{
	struct documents d = { .s = s };
	int rc = check_config(&d, err);

	if (rc == 0)
		rc = check_spec(&d, err);
	if (rc == 0)
		rc = check_deletions(&d, err);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(others); i++)
		rc = check_other(&d, &others[i], err);
	if (rc == 0)
		check_presence(&d);
	return rc;
}

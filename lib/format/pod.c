/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/pod.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/json.h"
#include "format/annotations.h"
#include "format/oci.h"
#include "format/ref.h"

#include <string.h>

#define OPTIONS_VERSION 1

int pod_check_name(const char *name, enum firn_code code, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	if (strlen(name) <= POD_NAME_MAX && !strpbrk(name, ":@/") && ref_check_tag(name, NULL) == 0)
		return 0;
	return firn_fail(err, code,
			 "container name %s: one of several needs 1 to %d letters and digits, "
			 "joined by single ones of \"-._+\"",
			 path_quote(name, quoted), POD_NAME_MAX);
}

void pod_done(struct pod *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->list[i].name);
		free(p->list[i].file);
	}
	free(p->list);
	free(p->name);
	free(p->namespace);
	free(p->uid);
	free(p->id);
	*p = (struct pod){ 0 };
}

/* The documents name files beside them, never others. */
static int check_file(const char *file, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	if (*file && strlen(file) <= PATH_NAME_MAX && !strchr(file, '/') &&
	    strcmp(file, ".") != 0 && strcmp(file, "..") != 0)
		return 0;
	return firn_fail(err, FIRN_ECORRUPT, "%s is no name of a file in the same folder",
			 path_quote(file, quoted));
}

/* Room for @n containers, of which there must be one at least. */
static int make_room(struct pod *p, size_t n, struct firn_error *err)
{
	if (n == 0)
		return firn_fail(err, FIRN_ECORRUPT, "names no container");
	if (n > POD_CONTAINERS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "%zu containers, more than %d", n,
				 POD_CONTAINERS_MAX);
	p->list = calloc(n, sizeof(*p->list));
	return p->list ? 0 : firn_fail_oom(err, "containers");
}

static int add(struct pod *p, const char *name, const char *file, struct firn_error *err)
{
	struct pod_entry *e = &p->list[p->n];
	int rc;

	if ((rc = pod_check_name(name, FIRN_ECORRUPT, err)) < 0)
		return rc;
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->list[i].name, name) == 0)
			return firn_fail(err, FIRN_ECORRUPT, "container \"%s\" comes twice", name);
	rc = check_file(file, err);
	if (rc < 0)
		return firn_wrap(err, rc, "container \"%s\"", name);
	p->n++;
	e->name = strdup(name);
	e->file = strdup(file);
	return e->name && e->file ? 0 : firn_fail_oom(err, "containers");
}

/* An object of @text, with an error for anything else. */
static int parse_object(const char *text, size_t len, json_t **ret, struct firn_error *err)
{
	int rc;

	if (len > POD_DOCUMENT_MAX)
		return firn_fail(err, FIRN_ELIMIT, "has more than %u bytes", POD_DOCUMENT_MAX);
	rc = json_parse(text, len, ret, err);
	if (rc >= 0 && !json_is_object(*ret))
		return firn_fail(err, FIRN_ECORRUPT, "is no JSON object");
	return rc;
}

static int add_service(struct pod *p, const json_t *service, struct firn_error *err)
{
	const char *name, *archive;
	int rc;

	if (!json_is_object(service))
		return firn_fail(err, FIRN_ECORRUPT, "is no JSON object");
	if ((rc = json_get_str(service, "name", &name, err)) < 0 ||
	    (rc = json_get_str(service, "archive", &archive, err)) < 0)
		return rc;
	return add(p, name, archive, err);
}

static int add_services(struct pod *p, const json_t *doc, struct firn_error *err)
{
	json_t *services;
	int rc = json_get_array(doc, "services", &services, err);

	if (rc >= 0)
		rc = make_room(p, json_array_size(services), err);
	for (size_t i = 0; rc >= 0 && i < json_array_size(services); i++) {
		rc = add_service(p, json_array_get(services, i), err);
		if (rc < 0)
			return firn_wrap(err, rc, "services[%zu]", i);
	}
	return rc;
}

int pod_parse_project(const char *text, size_t len, struct pod *ret, struct firn_error *err)
{
	_cleanup_(pod_done) struct pod p = { 0 };
	_json_ json_t *doc = NULL;
	int rc = parse_object(text, len, &doc, err);

	if (rc < 0 || (rc = add_services(&p, doc, err)) < 0)
		return rc;
	*ret = p;
	p = (struct pod){ 0 };
	return 0;
}

/* A name of the pod's for an annotation; an empty one says nothing. */
static int keep(char **to, const char *text, struct firn_error *err)
{
	if (*to || !text || !*text)
		return 0;
	*to = strdup(text);
	return *to ? 0 : firn_fail_oom(err, "pod");
}

static int compare_entries(const void *a, const void *b)
{
	const struct pod_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int add_containers(struct pod *p, const json_t *doc, struct firn_error *err)
{
	json_t *containers, *value;
	const char *key;
	int rc = json_get_object(doc, "containers", &containers, err);

	if (rc >= 0)
		rc = make_room(p, json_object_size(containers), err);
	if (rc < 0)
		return rc;
	json_object_foreach (containers, key, value) {
		if (!json_is_string(value))
			return firn_fail(err, FIRN_ECORRUPT, "containers: a value is no string");
		rc = add(p, key, json_string_value(value), err);
		if (rc < 0)
			return firn_wrap(err, rc, "containers");
	}
	if (p->n)
		qsort(p->list, p->n, sizeof(*p->list), compare_entries);
	return 0;
}

static int check_version(const json_t *doc, struct firn_error *err)
{
	uint64_t version;
	int rc = json_get_u64(doc, "version", UINT32_MAX, &version, err);

	if (rc >= 0 && version != OPTIONS_VERSION)
		return firn_fail(err, FIRN_EUNSUPP, "has version %llu, this firn knows %d",
				 (unsigned long long)version, OPTIONS_VERSION);
	return rc;
}

int pod_parse_options(const char *text, size_t len, struct pod *ret, struct firn_error *err)
{
	_cleanup_(pod_done) struct pod p = { 0 };
	_json_ json_t *doc = NULL;
	int rc = parse_object(text, len, &doc, err);

	if (rc < 0 || (rc = check_version(doc, err)) < 0 ||
	    (rc = add_containers(&p, doc, err)) < 0 ||
	    (rc = keep(&p.name, oci_annotation(doc, ORG_CRIU_POD_NAME), err)) < 0 ||
	    (rc = keep(&p.namespace, oci_annotation(doc, ORG_CRIU_POD_NAMESPACE), err)) < 0 ||
	    (rc = keep(&p.uid, oci_annotation(doc, ORG_CRIU_POD_UID), err)) < 0 ||
	    (rc = keep(&p.id, oci_annotation(doc, ORG_CRIU_POD_ID), err)) < 0)
		return rc;
	*ret = p;
	p = (struct pod){ 0 };
	return 0;
}

int pod_parse_dump(const char *text, size_t len, struct pod *p, struct firn_error *err)
{
	static const char *const keys[] = { "name", "namespace", "uid" };
	char **const to[] = { &p->name, &p->namespace, &p->uid };
	_json_ json_t *doc = NULL;
	json_t *metadata;
	int rc = parse_object(text, len, &doc, err);

	if (rc >= 0)
		rc = json_opt_object(doc, "metadata", &metadata, err);
	if (rc <= 0)
		return rc;
	for (size_t i = 0; rc >= 0 && i < ARRAY_SIZE(keys); i++) {
		const char *value = NULL;

		rc = json_opt_str(metadata, keys[i], &value, err);
		if (rc >= 0)
			rc = keep(to[i], value, err);
	}
	return rc < 0 ? rc : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the documents say: config.dump, spec.dump, network.status, the image's annotations. */
#include "look/inspect.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/annotations.h"
#include "format/checkpoint.h"
#include "format/config_dump.h"
#include "format/ctr.h"
#include "format/origin.h"
#include "format/spec.h"

#include <ctype.h>
#include <string.h>

#define MANAGER        "io.container.manager"
#define NETWORK_STATUS "network.status"
#define NETWORK_MAX    (1u << 20)
#define TIME_MAX       48
#define TIME_NONE      "0001-01-01T" /* how Go writes no time */

struct about {
	struct config_dump config;
	json_t *spec;                    /* NULL: there is none */
	const json_t *manifest, *rootfs; /* of C and R, or NULL */
	const struct members_about *form;
	const char *engine, *name, *created, *image, *image_id;
	json_t *metadata; /* owned; what CRI-O has in an annotation */
};

static void about_done(struct about *a)
{
	config_dump_done(&a->config);
	json_decref(a->spec);
	json_decref(a->metadata);
}

static const char *config_text(const struct about *a, const char *key)
{
	const char *text = json_string_value(json_object_get(a->config.json, key));

	return text && *text ? text : NULL;
}

/* In an image config.dump was edited to point to R: the engine's own is told. */
static int read_config(struct inspect *i, struct about *a, struct firn_error *err)
{
	const char *undo = a->manifest ? oci_annotation(a->manifest, ORG_FIRN_CONFIG_UNDO) : NULL;
	_free_ char *text = NULL;
	_buf_ struct buf original = BUF_INIT;
	size_t len;
	int rc = members_read(i->members, CHECKPOINT_CONFIG, CONFIG_DUMP_MAX, &text, &len, err);

	if (rc <= 0)
		return rc;
	if (undo) {
		rc = config_dump_undo(text, len, undo, &original, err);
		if (rc < 0)
			return firn_wrap(err, rc, "%s", ORG_FIRN_CONFIG_UNDO);
		rc = config_dump_parse((const char *)original.data, original.len, &a->config, err);
	} else {
		rc = config_dump_parse(text, len, &a->config, err);
	}
	return firn_wrap(err, rc, "%s", CHECKPOINT_CONFIG);
}

static int read_json(struct inspect *i, const char *name, size_t max, json_t **ret,
		     struct firn_error *err)
{
	_free_ char *text = NULL;
	size_t len;
	int rc = members_read(i->members, name, max, &text, &len, err);

	if (rc > 0)
		rc = json_parse(text, len, ret, err);
	return firn_wrap(err, rc, "%s", name);
}

/* RFC 3339 as Go formats it for people: without the fraction. NULL for no time. */
static const char *whole_seconds(const char *text, char ret[TIME_MAX])
{
	const char *dot = text ? strchr(text, '.') : NULL;
	size_t used;

	if (!text || strlen(text) >= TIME_MAX || strncmp(text, TIME_NONE, strlen(TIME_NONE)) == 0)
		return NULL;
	if (!dot)
		return strcpy(ret, text);
	used = (size_t)(dot - text);
	memcpy(ret, text, used);
	dot++;
	while (isdigit((unsigned char)*dot))
		dot++;
	strcpy(ret + used, dot);
	return ret;
}

static int learn_crio(struct about *a, struct firn_error *err)
{
	const char *metadata = oci_annotation(a->spec, "io.kubernetes.cri-o.Metadata");
	int rc = 0;

	a->engine = "CRI-O";
	if (metadata)
		rc = json_parse(metadata, strlen(metadata), &a->metadata, err);
	if (rc < 0)
		return firn_wrap(err, rc, "spec.dump: io.kubernetes.cri-o.Metadata");
	a->name = json_string_value(json_object_get(a->metadata, "name"));
	a->created = oci_annotation(a->spec, "io.kubernetes.cri-o.Created");
	return 0;
}

static int learn(const struct inspect *i, struct about *a, struct firn_error *err)
{
	const char *manager = a->spec ? oci_annotation(a->spec, MANAGER) : NULL;

	a->engine = a->form->engine ? a->form->engine : a->spec ? "containerd" : "criu";
	a->name = a->config.name ? a->config.name : a->form->container;
	a->image = a->config.image_name ? a->config.image_name : a->form->image_name;
	a->image_id = a->config.image_id ? a->config.image_id : a->form->image_id;
	a->created = config_text(a, "createdTime");
	if (!a->spec)
		return 0;
	if (manager && strcmp(manager, "libpod") == 0) {
		a->engine = "Podman";
	} else if (manager && strcmp(manager, "cri-o") == 0) {
		return learn_crio(a, err);
	} else {
		const char *name = oci_annotation(a->spec, "io.kubernetes.cri.container-name");

		a->name = name ? name : a->name;
		if (!a->name && members_form(i->members) == MEMBERS_CTR)
			a->name = ctr_container(a->spec);
	}
	return 0;
}

static void tell_identity(struct inspect *i, const struct about *a)
{
	const bool crio = strcmp(a->engine, "CRI-O") == 0;
	char time[TIME_MAX];
	const char *name = a->name;

	if (!name && a->manifest)
		name = oci_annotation(a->manifest, ORG_FIRN_CONTAINER);
	doc_add_text(i->doc, i->top, "container_name", name ? name : "");
	doc_add_text(i->doc, i->top, "image", a->image ? a->image : "");
	doc_add_text(i->doc, i->top, "id", config_text(a, "id") ?: "");
	doc_add_text(i->doc, i->top, "runtime", a->config.runtime ? a->config.runtime : "");
	/* CRI-O's is an annotation, which checkpointctl shows as it is. */
	doc_add_text(i->doc, i->top, "created",
		     crio ? a->created ?: "" : whole_seconds(a->created, time) ?: "");
	doc_add_text(i->doc, i->top, "checkpointed",
		     whole_seconds(config_text(a, "checkpointedTime"), time));
	doc_add_static(i->doc, i->top, "engine", a->engine);
}

static void tell_base(struct inspect *i, const struct about *a)
{
	struct firn_value *v = doc_add_object(i->doc, i->top, "base");
	const struct checkpoint_image *image = members_image(i->members);
	char text[DIGEST_TEXT_MAX];

	i->base_ids[0] = a->image_id ? doc_copy(i->doc, a->image_id, strlen(a->image_id)) : NULL;
	i->base_ids[1] = a->config.image_ref
			     ? doc_copy(i->doc, a->config.image_ref, strlen(a->config.image_ref))
			     : NULL;
	doc_add_text(i->doc, v, "name", a->image);
	doc_add_text(i->doc, v, "requested",
		     a->config.image_requested ? a->config.image_requested : a->config.image_raw);
	doc_add_text(i->doc, v, "id", a->image_id);
	doc_add_text(i->doc, v, "ref", a->config.image_ref);
	if (a->form->base)
		doc_add_text(i->doc, v, "digest", digest_text(&a->form->base->digest, text));
	if (!a->rootfs)
		return;
	doc_add_text(i->doc, v, "digest", oci_annotation(a->rootfs, OCI_BASE_DIGEST));
	doc_add_bool(i->doc, v, "external", image->external_base);
}

static void tell_annotations(struct inspect *i, const json_t *spec, struct firn_value *to)
{
	json_t *annotations = json_object_get(spec, "annotations");
	struct firn_value *v;
	const char *key;
	json_t *value;

	if (json_object_size(annotations) == 0)
		return;
	v = doc_add_object(i->doc, to, "annotations");
	json_object_foreach (annotations, key, value)
		doc_add_text(i->doc, v, doc_copy(i->doc, key, strlen(key)),
			     json_string_value(value));
}

static void tell_metadata(struct inspect *i, const struct about *a)
{
	struct firn_value *v = doc_add_object(i->doc, i->top, "metadata");
	const bool crio = strcmp(a->engine, "CRI-O") == 0;
	const struct {
		const char *name, *crio, *containerd;
	} keys[] = {
		{ "pod_name", "io.kubernetes.pod.name", "io.kubernetes.cri.sandbox-name" },
		{ "kubernetes_namespace", "io.kubernetes.pod.namespace",
		  "io.kubernetes.cri.sandbox-namespace" },
		{ "pod_uid", "io.kubernetes.pod.uid", "io.kubernetes.cri.sandbox-uid" },
		{ "pod_id", "io.kubernetes.cri-o.SandboxID", "io.kubernetes.cri.sandbox-id" },
	};

	if (!a->spec)
		return;
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
		doc_add_text(i->doc, v, keys[k].name,
			     oci_annotation(a->spec, crio ? keys[k].crio : keys[k].containerd));
	tell_annotations(i, a->spec, v);
}

static void tell_mounts(struct inspect *i, const struct about *a)
{
	const json_t *mounts = json_object_get(a->spec, "mounts");
	static const char *const keys[] = { "destination", "type", "source" };
	struct firn_value *list;
	size_t at;
	json_t *m;

	if (!json_is_array(mounts))
		return;
	list = doc_add_list(i->doc, i->top, "mounts");
	json_array_foreach (mounts, at, m) {
		struct firn_value *v = doc_add_object(i->doc, list, NULL), *options;
		json_t *all = json_object_get(m, "options");
		size_t k;
		json_t *o;

		for (k = 0; k < ARRAY_SIZE(keys); k++)
			doc_add_text(i->doc, v, keys[k],
				     json_string_value(json_object_get(m, keys[k])) ?: "");
		options = json_array_size(all) ? doc_add_list(i->doc, v, "options") : NULL;
		json_array_foreach (all, k, o)
			doc_add_text(i->doc, options, NULL, json_string_value(o));
	}
}

/* The first address of an interface, where there is one, is the container's (Podman). */
static void tell_interface(struct inspect *i, const char *name, const json_t *interface,
			   struct firn_value *to, bool *told)
{
	const json_t *subnet = json_array_get(json_object_get(interface, "subnets"), 0);
	const char *ip = json_string_value(json_object_get(subnet, "ipnet"));
	const char *mac = json_string_value(json_object_get(interface, "mac_address"));
	struct firn_value *v = doc_add_object(i->doc, to, doc_copy(i->doc, name, strlen(name)));

	doc_add_text(i->doc, v, "ip", ip);
	doc_add_text(i->doc, v, "mac", mac);
	doc_add_text(i->doc, v, "gateway", json_string_value(json_object_get(subnet, "gateway")));
	if (*told || !ip)
		return;
	doc_add_text(i->doc, i->top, "ip", ip);
	doc_add_text(i->doc, i->top, "mac", mac);
	*told = true;
}

static void tell_networks(struct inspect *i, json_t *status, bool *told)
{
	struct firn_value *list =
	    json_object_size(status) ? doc_add_list(i->doc, i->top, "networks") : NULL;
	const char *network, *name;
	json_t *n, *interface;

	json_object_foreach (status, network, n) {
		struct firn_value *v = doc_add_object(i->doc, list, NULL), *interfaces;

		doc_add_text(i->doc, v, "name", network);
		interfaces = doc_add_object(i->doc, v, "interfaces");
		json_object_foreach (json_object_get(n, "interfaces"), name, interface)
			tell_interface(i, name, interface, interfaces, told);
	}
}

static int about_networks(struct inspect *i, const struct about *a, struct firn_error *err)
{
	_json_ json_t *status = NULL;
	const char *ip = a->spec ? oci_annotation(a->spec, "io.kubernetes.cri-o.IP.0") : NULL;
	bool told = ip != NULL;
	int rc = read_json(i, NETWORK_STATUS, NETWORK_MAX, &status, err);

	if (rc < 0)
		return rc;
	doc_add_text(i->doc, i->top, "ip", ip);
	tell_networks(i, status, &told);
	return 0;
}

/* The beginning of a member, for what it tells of the dumping host. */
static int look_at_origin(struct inspect *i, const char *path, struct origin *o,
			  struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	uint8_t head[ORIGIN_PEEK_BYTES];
	ssize_t got;
	int rc = members_source(i->members, path, &src, err);

	if (rc <= 0)
		return rc;
	got = source_pread(src, head, sizeof(head), 0, err);
	if (got < 0)
		return (int)got;
	origin_look(o, path, head, (size_t)got);
	return 0;
}

static int about_origin(struct inspect *i, const struct about *a, struct firn_error *err)
{
	struct firn_value *v = doc_add_object(i->doc, i->top, "host");
	struct origin o = { 0 };
	const char *version = NULL;

	for (size_t k = 0; k < members_count(i->members) && !(o.arch && o.criu_version); k++) {
		const struct member m = members_at(i->members, k);
		const bool log = strcmp(path_basename(m.path), "dump.log") == 0;
		int rc = 0;

		if (m.kind == MEMBER_FILE && origin_wants(m.path) && members_wanted(m.path) &&
		    (log || !o.arch))
			rc = look_at_origin(i, m.path, &o, err);
		if (rc < 0)
			return rc;
	}
	i->architecture = o.arch;
	doc_add_static(i->doc, v, "architecture", o.arch);
	if (a->manifest)
		version = oci_annotation(a->manifest, ORG_CRIU_CRIU_VERSION);
	doc_add_text(i->doc, v, "kernel",
		     o.kernel[0]   ? o.kernel
		     : a->manifest ? oci_annotation(a->manifest, ORG_CRIU_HOST_KERNEL)
				   : NULL);
	if (o.criu_version)
		doc_add_format(i->doc, v, "criu_version", "%u.%u.%u", o.criu_version / 10000,
			       o.criu_version / 100 % 100, o.criu_version % 100);
	else
		doc_add_text(i->doc, v, "criu_version", version);
	return 0;
}

int inspect_about(struct inspect *i, struct firn_error *err)
{
	const struct checkpoint_image *image = members_image(i->members);
	_cleanup_(about_done) struct about a = { .form = members_about(i->members) };
	int rc;

	if (image) {
		a.manifest = image->checkpoint.manifest.json;
		a.rootfs = image->rootfs.desc.digest.alg ? image->rootfs.manifest.json : NULL;
	}
	if ((rc = read_config(i, &a, err)) < 0 ||
	    (rc = read_json(i, CHECKPOINT_SPEC, SPEC_BYTES_MAX, &a.spec, err)) < 0)
		return rc;
	if (a.spec && !json_is_object(a.spec))
		return firn_fail(err, FIRN_ECORRUPT, "%s: is no JSON object", CHECKPOINT_SPEC);
	if ((rc = learn(i, &a, err)) < 0)
		return rc;
	i->changeset = strcmp(a.engine, "containerd") == 0 || image;
	tell_identity(i, &a);
	rc = about_networks(i, &a, err);
	tell_base(i, &a);
	tell_metadata(i, &a);
	if (rc == 0)
		rc = about_origin(i, &a, err);
	tell_mounts(i, &a);
	return rc;
}

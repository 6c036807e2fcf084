/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/image.h"

#include "base/fd.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define LAYER_HEX "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define LAYER     "{\"mediaType\":\"" OCI_LAYER "\",\"digest\":\"sha256:" LAYER_HEX "\",\"size\":5}"

static struct store *store;

static void setup(void)
{
	struct firn_error err = { 0 };

	ck_ok(store_mem_new(&store, &err), err);
}

static void teardown(void)
{
	store = store_close(store);
}

/* A document in the store. */
static struct oci_descriptor put(const char *media_type, const char *text)
{
	struct oci_descriptor d = { .size = strlen(text) };
	struct firn_error err = { 0 };

	snprintf(d.media_type, sizeof(d.media_type), "%s", media_type);
	ck_ok(store_put(store, text, strlen(text), &d.digest, &err), err);
	return d;
}

/* Its descriptor with more members ("" or ",..."), in one of some static buffers. */
static const char *entry(const struct oci_descriptor *d, const char *more)
{
	static char texts[16][512];
	static unsigned next;
	char *text = texts[next++ % ARRAY_SIZE(texts)], digest[DIGEST_TEXT_MAX];

	snprintf(text, sizeof(texts[0]), "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%llu%s}",
		 d->media_type, digest_text(&d->digest, digest), (unsigned long long)d->size, more);
	return text;
}

/* An image of one layer for @arch; @more are members of the manifest ("" or ",..."). */
static struct oci_descriptor put_image(const char *arch, const char *more)
{
	struct oci_descriptor config;
	char text[4096];

	snprintf(text, sizeof(text),
		 "{\"architecture\":\"%s\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
		 "\"diff_ids\":[\"sha256:" LAYER_HEX "\"]}}",
		 arch);
	config = put(OCI_CONFIG, text);
	snprintf(text, sizeof(text),
		 "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST
		 "\",\"config\":%s,\"layers\":[" LAYER "]%s}",
		 entry(&config, ""), more);
	return put(OCI_MANIFEST, text);
}

static struct oci_descriptor put_index(const char *entries, const char *more)
{
	char text[16384];

	snprintf(text, sizeof(text), "{\"schemaVersion\":2,\"manifests\":[%s]%s}", entries, more);
	return put(OCI_INDEX, text);
}

START_TEST(load)
{
	struct oci_descriptor d = put_image("s390x", "");
	_cleanup_(image_done) struct image img = { 0 };
	struct firn_error err = { 0 };

	ck_ok(image_load(store, &d, &img, &err), err);
	ck_assert_str_eq(img.config.architecture, "s390x");
	ck_assert_uint_eq(img.manifest.nlayers, 1);
	ck_assert(digest_equal(&img.desc.digest, &d.digest));
	ck_assert_ptr_null(image_layer_role(&img, 0));
	ck_assert_ptr_null(image_layer_role(&img, 1));
}
END_TEST

static const struct {
	const char *name, *config_type, *config, *manifest; /* "%s" of manifest: config's entry */
	const char *type;                                   /* of the manifest's descriptor */
	int rc;
	const char *says;
} loads[] = {
	{ "Docker's types", DOCKER_CONFIG, NULL, NULL, DOCKER_MANIFEST, 0, NULL },
	{ "index", OCI_CONFIG, NULL, NULL, OCI_INDEX, -FIRN_EINVAL, "is no image manifest but" },
	{ "another type inside", OCI_CONFIG, NULL,
	  "{\"schemaVersion\":2,\"mediaType\":\"" DOCKER_MANIFEST
	  "\",\"config\":%s,\"layers\":[" LAYER "]}",
	  OCI_MANIFEST, -FIRN_ECORRUPT, "its descriptor says " OCI_MANIFEST },
	{ "artifact", "application/vnd.oci.empty.v1+json", NULL, NULL, OCI_MANIFEST, -FIRN_EINVAL,
	  "no container image: its config is of type \"application/vnd.oci.empty.v1+json\"" },
	{ "one layer too many", OCI_CONFIG, NULL,
	  "{\"schemaVersion\":2,\"config\":%s,\"layers\":[" LAYER "," LAYER "]}", OCI_MANIFEST,
	  -FIRN_ECORRUPT, "has 2 layers, its config 1 diff_ids" },
	{ "config broken", OCI_CONFIG, "{}", NULL, OCI_MANIFEST, -FIRN_ECORRUPT,
	  ": \"architecture\": is missing" },
};

START_TEST(load_failures)
{
	static const char config[] =
	    "{\"architecture\":\"x\",\"os\":\"linux\",\"rootfs\":{\"type\":"
	    "\"layers\",\"diff_ids\":[\"sha256:" LAYER_HEX "\"]}}";
	struct oci_descriptor c =
	    put(loads[_i].config_type, loads[_i].config ? loads[_i].config : config);
	struct image img = { 0 };
	struct firn_error err = { 0 };
	struct oci_descriptor m;
	char text[4096];
	int rc;

	if (loads[_i].manifest) {
		const char *at = strstr(loads[_i].manifest, "%s");

		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - loads[_i].manifest),
			 loads[_i].manifest, entry(&c, ""), at + 2);
	} else {
		snprintf(text, sizeof(text),
			 "{\"schemaVersion\":2,\"config\":%s,\"layers\":[" LAYER "]}",
			 entry(&c, ""));
	}
	m = put(loads[_i].type, text);
	rc = image_load(store, &m, &img, &err);
	ck_assert_msg(rc == loads[_i].rc, "%s: %d %s", loads[_i].name, rc, err.msg);
	if (rc < 0) {
		ck_assert_msg(strstr(err.msg, loads[_i].says), "%s", err.msg);
		ck_assert_ptr_null(img.manifest.json);
	}
	image_done(&img);
}
END_TEST

START_TEST(wrong_size)
{
	struct oci_descriptor d = put_image("x", "");
	struct image img = { 0 };
	struct firn_error err = { 0 };

	d.size++;
	ck_assert_int_eq(image_load(store, &d, &img, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "its descriptor says"));
}
END_TEST

static const char *host_arch(void)
{
	static struct utsname u;

	ck_assert_int_eq(uname(&u), 0);
	if (strcmp(u.machine, "x86_64") == 0)
		return "amd64";
	return strcmp(u.machine, "aarch64") == 0 ? "arm64" : u.machine;
}

/* Letters stand for entries: h this host, v this host with a variant, o other, n no platform,
 * w the host's architecture but Windows, x a media type that is nobody's image. */
static const struct {
	const char *entries;
	int chosen; /* position, -1: none */
} picks[] = {
	{ "h", 0 },   { "oh", 1 }, { "noh", 2 }, { "no", 0 }, { "on", 1 }, { "hh", 0 },
	{ "vh", 1 },  { "hv", 0 }, { "ov", 1 },  { "nv", 1 }, { "o", -1 }, { "", -1 },
	{ "wo", -1 }, { "wn", 1 }, { "xh", 1 },  { "xn", 1 },
};

static void describe(char letter, int i, char *out, size_t room)
{
	char platform[128] = "", name[32];
	struct oci_descriptor d;

	snprintf(name, sizeof(name), "image%d", i); /* each image says which it is */
	d = put_image(name, "");
	if (letter == 'x')
		strcpy(d.media_type, "application/x");
	if (letter != 'n')
		snprintf(platform, sizeof(platform),
			 ",\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\"%s}",
			 letter == 'w' ? "windows" : "linux", letter == 'o' ? "pdp11" : host_arch(),
			 letter == 'v' ? ",\"variant\":\"v99\"" : "");
	snprintf(out, room, "%s%s", i ? "," : "", entry(&d, platform));
}

START_TEST(pick)
{
	_cleanup_(image_done) struct image img = { 0 };
	struct firn_error err = { 0 };
	char entries[8192] = "", wanted[32];
	struct oci_descriptor d;
	int rc;

	for (int i = 0; picks[_i].entries[i]; i++)
		describe(picks[_i].entries[i], i, entries + strlen(entries),
			 sizeof(entries) - strlen(entries));
	d = put_index(entries, "");
	rc = image_pick(store, &d, &img, &err);
	if (picks[_i].chosen < 0) {
		ck_assert_int_eq(rc, -FIRN_ENOTFOUND);
		ck_assert_ptr_nonnull(strstr(err.msg, "has no image for linux/"));
		return;
	}
	ck_ok(rc, err);
	snprintf(wanted, sizeof(wanted), "image%d", picks[_i].chosen);
	ck_assert_str_eq(img.config.architecture, wanted);
}
END_TEST

START_TEST(pick_image_itself)
{
	struct oci_descriptor d = put_image("pdp11", "");
	_cleanup_(image_done) struct image img = { 0 };
	struct firn_error err = { 0 };

	ck_ok(image_pick(store, &d, &img, &err), err);
	ck_assert_str_eq(img.config.architecture, "pdp11");
}
END_TEST

/* depth indexes around one image; each of them names an empty index before the next one. */
START_TEST(pick_nested)
{
	_cleanup_(image_done) struct image img = { 0 };
	struct oci_descriptor d = put_image("inside", ""), empty = put_index("", "");
	struct firn_error err = { 0 };

	for (int i = 0; i < _i; i++) {
		char entries[1100];

		snprintf(entries, sizeof(entries), "%s,%s", entry(&empty, ""), entry(&d, ""));
		d = put_index(entries, "");
	}
	if (_i < 5) {
		ck_ok(image_pick(store, &d, &img, &err), err);
		ck_assert_str_eq(img.config.architecture, "inside");
	} else {
		ck_assert_int_eq(image_pick(store, &d, &img, &err), -FIRN_ELIMIT);
	}
}
END_TEST

/* Indexes that name each other 40 times on each of four floors: 2.5 million to look at. */
START_TEST(pick_bomb)
{
	struct oci_descriptor d = put_index("", "");
	struct image img = { 0 };
	struct firn_error err = { 0 };

	for (int floor = 0; floor < 3; floor++) {
		char entries[16000] = "";

		for (int i = 0; i < 40; i++)
			snprintf(entries + strlen(entries), sizeof(entries) - strlen(entries),
				 "%s%s", i ? "," : "", entry(&d, ""));
		d = put_index(entries, "");
	}
	ck_assert_int_eq(image_pick(store, &d, &img, &err), -FIRN_ELIMIT);
}
END_TEST

#define ANNOTATIONS(list) ",\"annotations\":{" list "}"
#define ROLE(r)           "\"" ORG_FIRN_ROLE "\":\"" r "\""
#define NAME(n)           "\"" ORG_FIRN_CONTAINER "\":\"" n "\""

START_TEST(layer_annotations)
{
	static const char on_layer[] =
	    "{\"schemaVersion\":2,\"config\":%s,\"layers\":[{\"mediaType\":\"" OCI_LAYER
	    "\",\"digest\":\"sha256:" LAYER_HEX "\",\"size\":5" ANNOTATIONS(
		"\"" ORG_FIRN_LAYER "\":\"images\",\"" ORG_FIRN_MOUNTABLE "\":\"erofs\"") "}]}";
	_cleanup_(image_done) struct image img = { 0 }, rebuilt = { 0 };
	struct firn_error err = { 0 };
	struct oci_descriptor d, config;
	char text[2048];
	const char *at = strstr(on_layer, "%s");

	d = put_image("x", ANNOTATIONS("\"" ORG_FIRN_LAYER "." LAYER_HEX
				       "\":\"delta\",\"" ORG_FIRN_MOUNTABLE "." LAYER_HEX
				       "\":\"erofs\""));
	ck_ok(image_load(store, &d, &rebuilt, &err), err);
	ck_assert_str_eq(image_layer_role(&rebuilt, 0), ORG_FIRN_LAYER_DELTA);
	ck_assert_str_eq(image_layer_mountable(&rebuilt, 0), ORG_FIRN_MOUNTABLE_EROFS);
	config = rebuilt.manifest.config;
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - on_layer), on_layer, entry(&config, ""),
		 at + 2);
	d = put(OCI_MANIFEST, text);
	ck_ok(image_load(store, &d, &img, &err), err);
	ck_assert_str_eq(image_layer_role(&img, 0), ORG_FIRN_LAYER_IMAGES);
	ck_assert_str_eq(image_layer_mountable(&img, 0), ORG_FIRN_MOUNTABLE_EROFS);
}
END_TEST

/* C and R of one container; @where says which documents carry the annotations. */
enum where { ON_DESCRIPTORS, ON_MANIFESTS };

static void put_container(enum where where, const char *name, bool rootfs, char *out, size_t room)
{
	char c_notes[256], r_notes[256], c_more[1024];
	struct oci_descriptor c, r;

	snprintf(c_notes, sizeof(c_notes),
		 ",\"annotations\":{" ROLE("checkpoint") ",\"%s\":\"%s\"}", ORG_FIRN_CONTAINER,
		 name);
	snprintf(r_notes, sizeof(r_notes), ",\"annotations\":{" ROLE("rootfs") ",\"%s\":\"%s\"}",
		 ORG_FIRN_CONTAINER, name);
	r = put_image(name, where == ON_MANIFESTS ? r_notes : "");
	snprintf(c_more, sizeof(c_more), "%s", where == ON_MANIFESTS ? c_notes : "");
	if (rootfs)
		snprintf(c_more + strlen(c_more), sizeof(c_more) - strlen(c_more),
			 ",\"subject\":%s", entry(&r, ""));
	c = put_image("checkpoint", c_more);
	snprintf(out, room, "%s", entry(&c, where == ON_DESCRIPTORS ? c_notes : ""));
	if (rootfs)
		snprintf(out + strlen(out), room - strlen(out), ",%s",
			 entry(&r, where == ON_DESCRIPTORS ? r_notes : ""));
}

START_TEST(checkpoint)
{
	const enum where where = _i & 1;
	const bool rootfs = _i & 2;
	_cleanup_(checkpoint_image_done) struct checkpoint_image ci = { 0 };
	struct firn_error err = { 0 };
	struct oci_descriptor d;
	char entries[4096];

	put_container(where, "redis", rootfs, entries, sizeof(entries));
	d = put_index(entries, ANNOTATIONS("\"" ORG_FIRN_FORMAT "\":\"1\""));
	ck_ok(checkpoint_image_load(store, &d, _i & 4 ? "redis" : NULL, &ci, &err), err);
	ck_assert_str_eq(ci.checkpoint.config.architecture, "checkpoint");
	ck_assert_int_eq(ci.rootfs.desc.digest.alg != 0, rootfs);
	if (rootfs)
		ck_assert_str_eq(ci.rootfs.config.architecture, "redis");
	ck_assert(!ci.external_base);
}
END_TEST

/* Three containers, a signature and a base image in one index. */
static struct oci_descriptor put_pod(void)
{
	char entries[8192], *at = entries;
	struct oci_descriptor other = put("application/x", "signature"), base = put_image("x", "");

	at += sprintf(at, "%s,%s,", entry(&other, ""), entry(&base, ""));
	put_container(ON_DESCRIPTORS, "web", true, at, 2048);
	at += strlen(at);
	*at++ = ',';
	put_container(ON_MANIFESTS, "db", true, at, 2048);
	at += strlen(at);
	*at++ = ',';
	put_container(ON_DESCRIPTORS, "probe", false, at, 2048);
	return put_index(entries, "");
}

static const struct {
	const char *container;
	int rc;
	const char *rootfs, *says;
} pods[] = {
	{ "web", 0, "web", NULL },
	{ "db", 0, "db", NULL },
	{ "probe", 0, NULL, NULL },
	{ NULL, -FIRN_EINVAL, NULL,
	  "has 3 containers, name one of them: \"web\", \"db\", \"probe\"" },
	{ "cache", -FIRN_ENOTFOUND, NULL,
	  "no container \"cache\" (there: \"web\", \"db\", \"probe\")" },
	{ "", -FIRN_ENOTFOUND, NULL, "no container \"\"" },
};

START_TEST(pod)
{
	_cleanup_(checkpoint_image_done) struct checkpoint_image ci = { 0 };
	struct oci_descriptor d = put_pod();
	struct firn_error err = { 0 };
	int rc = checkpoint_image_load(store, &d, pods[_i].container, &ci, &err);

	ck_assert_msg(rc == pods[_i].rc, "%d: %s", rc, err.msg);
	if (rc < 0)
		ck_assert_msg(strstr(err.msg, pods[_i].says), "%s", err.msg);
	else
		ck_assert_pstr_eq(ci.rootfs.config.architecture, pods[_i].rootfs);
}
END_TEST

/* Who is in it: the same that may be asked for, and nothing of other roles. */
START_TEST(names)
{
	_cleanup_(checkpoint_names_done) struct checkpoint_names n = { 0 }, one = { 0 };
	struct oci_descriptor d = put_pod(), c, source, plain = put_image("x", "");
	struct firn_error err = { 0 };
	char entries[4096];

	ck_ok(checkpoint_image_names(store, &d, &n, &err), err);
	ck_assert_uint_eq(n.n, 3);
	ck_assert_str_eq(n.list[0], "web");
	ck_assert_str_eq(n.list[1], "db");
	ck_assert_str_eq(n.list[2], "probe");
	checkpoint_names_done(&n);
	/* Beside a source image, and one without a name. */
	c = put_image("c", ANNOTATIONS(ROLE("checkpoint")));
	source = put_image("s", ANNOTATIONS(ROLE("source") "," NAME("c1")));
	snprintf(entries, sizeof(entries), "%s,%s", entry(&source, ""), entry(&c, ""));
	d = put_index(entries, "");
	ck_ok(checkpoint_image_names(store, &d, &n, &err), err);
	ck_assert_uint_eq(n.n, 1);
	ck_assert_ptr_null(n.list[0]);
	c = put_image("c", ANNOTATIONS(ROLE("checkpoint") "," NAME("c1")));
	ck_ok(checkpoint_image_names(store, &c, &one, &err), err);
	ck_assert_uint_eq(one.n, 1);
	ck_assert_str_eq(one.list[0], "c1");
	checkpoint_names_done(&n);
	ck_assert_int_eq(checkpoint_image_names(store, &plain, &n, &err), -FIRN_EINVAL);
	ck_assert_int_eq(checkpoint_image_names(store, &source, &n, &err), -FIRN_EINVAL);
	d = put_index(entry(&source, ""), "");
	ck_assert_int_eq(checkpoint_image_names(store, &d, &n, &err), -FIRN_EINVAL);
	d = put_index("", ANNOTATIONS("\"" ORG_FIRN_FORMAT "\":\"2\""));
	ck_assert_int_eq(checkpoint_image_names(store, &d, &n, &err), -FIRN_EUNSUPP);
	ck_assert_ptr_null(n.list);
}
END_TEST

START_TEST(from_manifest_alone)
{
	struct oci_descriptor r =
	    put_image("r", ANNOTATIONS(ROLE("rootfs") ",\"" ORG_FIRN_BASE "\":\"external\""));
	_cleanup_(checkpoint_image_done) struct checkpoint_image ci = { 0 };
	struct oci_descriptor c, plain, orphan;
	struct firn_error err = { 0 };
	char more[1024];

	snprintf(more, sizeof(more),
		 ANNOTATIONS(ROLE("checkpoint") "," NAME("c1")) ",\"subject\":%s", entry(&r, ""));
	c = put_image("c", more);
	ck_assert_int_eq(checkpoint_image_load(store, &r, NULL, &ci, &err), -FIRN_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "rootfs image of a checkpoint"));
	plain = put_image("x", "");
	ck_assert_int_eq(checkpoint_image_load(store, &plain, NULL, &ci, &err), -FIRN_EINVAL);
	ck_assert_int_eq(checkpoint_image_load(store, &c, "c2", &ci, &err), -FIRN_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.msg, "no container \"c2\" (there: \"c1\")"));
	r.digest.bytes[0] ^= 1;
	snprintf(more, sizeof(more), ANNOTATIONS(ROLE("checkpoint")) ",\"subject\":%s",
		 entry(&r, ""));
	orphan = put_image("c", more);
	ck_assert_int_eq(checkpoint_image_load(store, &orphan, NULL, &ci, &err), -FIRN_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(err.msg, "rootfs image: blob sha256:"));
	ck_assert_ptr_null(ci.checkpoint.manifest.json);
	ck_ok(checkpoint_image_load(store, &c, "c1", &ci, &err), err);
	ck_assert_str_eq(ci.rootfs.config.architecture, "r");
	ck_assert(ci.external_base);
}
END_TEST

static const struct {
	const char *name, *first, *second, *index; /* members of two entries, and of the index */
	int rc;
	const char *says;
} shapes[] = {
	{ "no roles", "", "", "", -FIRN_EINVAL, "no checkpoint image: nothing in it has" },
	{ "roles of others", ANNOTATIONS(ROLE("x")), "", "", -FIRN_EINVAL, "no checkpoint image" },
	{ "rootfs alone", ANNOTATIONS(ROLE("rootfs")), "", "", -FIRN_EINVAL,
	  "no checkpoint image" },
	{ "same name twice", ANNOTATIONS(ROLE("checkpoint") "," NAME("a")),
	  ANNOTATIONS(ROLE("checkpoint") "," NAME("a")), "", -FIRN_ECORRUPT,
	  "two checkpoint images of container \"a\"" },
	{ "later format", ANNOTATIONS(ROLE("checkpoint") "," NAME("a")), "",
	  ANNOTATIONS("\"" ORG_FIRN_FORMAT "\":\"2\""), -FIRN_EUNSUPP,
	  "checkpoint image of format \"2\", this firn knows 1" },
};

START_TEST(odd_indexes)
{
	struct oci_descriptor a = put_image("a", ""), b = put_image("b", ""), d;
	struct checkpoint_image ci = { 0 };
	struct firn_error err = { 0 };
	char entries[4096];
	int rc;

	snprintf(entries, sizeof(entries), "%s,%s", entry(&a, shapes[_i].first),
		 entry(&b, shapes[_i].second));
	d = put_index(entries, shapes[_i].index);
	rc = checkpoint_image_load(store, &d, "a", &ci, &err);
	ck_assert_msg(rc == shapes[_i].rc, "%s: %d %s", shapes[_i].name, rc, err.msg);
	ck_assert_msg(strstr(err.msg, shapes[_i].says), "%s: %s", shapes[_i].name, err.msg);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("image");
	TCase *tc = tcase_create("image");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, load);
	tcase_add_loop_test(tc, load_failures, 0, ARRAY_SIZE(loads));
	tcase_add_test(tc, wrong_size);
	tcase_add_loop_test(tc, pick, 0, ARRAY_SIZE(picks));
	tcase_add_test(tc, pick_image_itself);
	tcase_add_loop_test(tc, pick_nested, 0, 6);
	tcase_add_test(tc, pick_bomb);
	tcase_add_test(tc, layer_annotations);
	tcase_add_loop_test(tc, checkpoint, 0, 8);
	tcase_add_loop_test(tc, pod, 0, ARRAY_SIZE(pods));
	tcase_add_test(tc, names);
	tcase_add_test(tc, from_manifest_alone);
	tcase_add_loop_test(tc, odd_indexes, 0, ARRAY_SIZE(shapes));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/oci.h"

#include "base/fd.h"
#include "bytes/codec.h"
#include "unit.h"

#include <string.h>

#define HEX     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST  "\"digest\":\"sha256:" HEX "\""
#define DESC(t) "{\"mediaType\":\"" t "\"," DIGEST ",\"size\":7}"
#define CONFIG  "\"config\":" DESC(OCI_CONFIG)
#define LAYER   DESC(OCI_LAYER)
#define V2      "\"schemaVersion\":2"

struct document {
	const char *name, *text;
	int rc;
	const char *says; /* the whole sentence */
};

static const struct document manifests[] = {
	{ "plain", "{" V2 "," CONFIG ",\"layers\":[" LAYER "," LAYER "]}", 0, NULL },
	{ "with its type",
	  "{" V2 ",\"mediaType\":\"" OCI_MANIFEST "\"," CONFIG ",\"layers\":[" LAYER "," LAYER "]}",
	  0, NULL },
	{ "Docker's",
	  "{" V2 ",\"mediaType\":\"" DOCKER_MANIFEST
	  "\",\"config\":" DESC(DOCKER_CONFIG) ",\"layers\":[" LAYER "," LAYER "]}",
	  0, NULL },
	{ "unknown members",
	  "{" V2 "," CONFIG ",\"layers\":[" LAYER "," LAYER
	  "],\"x\":{},\"annotations\":{\"a\":\"b\"}}",
	  0, NULL },
	{ "no object", "[]", -FIRN_ECORRUPT, "expected an object, found an array" },
	{ "no version", "{" CONFIG ",\"layers\":[]}", -FIRN_ECORRUPT,
	  "\"schemaVersion\": is missing" },
	{ "version 1", "{\"schemaVersion\":1," CONFIG ",\"layers\":[]}", -FIRN_ECORRUPT,
	  "\"schemaVersion\": expected 2, found 1" },
	{ "version as text", "{\"schemaVersion\":\"2\"," CONFIG ",\"layers\":[]}", -FIRN_ECORRUPT,
	  "\"schemaVersion\": expected 0..4294967295, found a string" },
	{ "an index' type", "{" V2 ",\"mediaType\":\"" OCI_INDEX "\"," CONFIG ",\"layers\":[]}",
	  -FIRN_ECORRUPT, "\"mediaType\": \"" OCI_INDEX "\" is another kind of document" },
	{ "both kinds", "{" V2 "," CONFIG ",\"layers\":[],\"manifests\":[]}", -FIRN_ECORRUPT,
	  "\"manifests\" does not belong in this kind of document" },
	{ "no config", "{" V2 ",\"layers\":[]}", -FIRN_ECORRUPT, "\"config\": is missing" },
	{ "no layers", "{" V2 "," CONFIG "}", -FIRN_ECORRUPT, "\"layers\": is missing" },
	{ "layers null", "{" V2 "," CONFIG ",\"layers\":null}", -FIRN_ECORRUPT,
	  "\"layers\": expected an array, found null" },
	{ "layer no object", "{" V2 "," CONFIG ",\"layers\":[1]}", -FIRN_ECORRUPT,
	  "layers[0]: expected an object, found an integer" },
	{ "size negative",
	  "{" V2 "," CONFIG ",\"layers\":[" LAYER ",{\"mediaType\":\"x\"," DIGEST ",\"size\":-1}]}",
	  -FIRN_ECORRUPT, "layers[1]: \"size\": expected 0..1125899906842624, found -1" },
	{ "size as text",
	  "{" V2 "," CONFIG ",\"layers\":[{\"mediaType\":\"x\"," DIGEST ",\"size\":\"7\"}]}",
	  -FIRN_ECORRUPT, "layers[0]: \"size\": expected 0..1125899906842624, found a string" },
	{ "size too large",
	  "{" V2 "," CONFIG ",\"layers\":[{\"mediaType\":\"x\"," DIGEST
	  ",\"size\":1125899906842625}]}",
	  -FIRN_ECORRUPT,
	  "layers[0]: \"size\": expected 0..1125899906842624, found 1125899906842625" },
	{ "size missing", "{" V2 "," CONFIG ",\"layers\":[{\"mediaType\":\"x\"," DIGEST "}]}",
	  -FIRN_ECORRUPT, "layers[0]: \"size\": is missing" },
	{ "digest missing", "{" V2 "," CONFIG ",\"layers\":[{\"mediaType\":\"x\",\"size\":1}]}",
	  -FIRN_ECORRUPT, "layers[0]: \"digest\": is missing" },
	{ "digest of another algorithm",
	  "{" V2 "," CONFIG ",\"layers\":[{\"mediaType\":\"x\",\"size\":1,\"digest\":\"md5:00\"}]}",
	  -FIRN_ECORRUPT,
	  "layers[0]: \"digest\": expected sha256:HEX or sha512:HEX, found \"md5:00\"" },
	{ "type missing", "{" V2 "," CONFIG ",\"layers\":[{" DIGEST ",\"size\":1}]}",
	  -FIRN_ECORRUPT, "layers[0]: \"mediaType\": is missing" },
	{ "type empty",
	  "{" V2 "," CONFIG ",\"layers\":[{\"mediaType\":\"\"," DIGEST ",\"size\":1}]}",
	  -FIRN_ECORRUPT, "layers[0]: \"mediaType\": expected 1..159 bytes" },
	{ "annotation no text",
	  "{" V2 "," CONFIG ",\"layers\":[{\"mediaType\":\"x\"," DIGEST
	  ",\"size\":1,\"annotations\":{\"k\":1}}]}",
	  -FIRN_ECORRUPT,
	  "layers[0]: \"annotations\": \"k\": expected a string, found an integer" },
	{ "annotations a list", "{" V2 "," CONFIG ",\"layers\":[],\"annotations\":[]}",
	  -FIRN_ECORRUPT, "\"annotations\": expected an object, found an array" },
	{ "subject broken", "{" V2 "," CONFIG ",\"layers\":[],\"subject\":{}}", -FIRN_ECORRUPT,
	  "subject: \"mediaType\": is missing" },
	{ "config broken", "{" V2 ",\"config\":{},\"layers\":[]}", -FIRN_ECORRUPT,
	  "config: \"mediaType\": is missing" },
};

static void check_failure(const struct document *d, int rc, const struct firn_error *err)
{
	ck_assert_msg(rc == d->rc, "%s: %d %s", d->name, rc, err->msg);
	if (rc < 0) {
		ck_assert_msg(strcmp(err->msg, d->says) == 0, "%s: %s", d->name, err->msg);
		ck_assert_int_eq(err->code, -rc);
	}
}

START_TEST(manifest)
{
	const struct document *d = &manifests[_i];
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	struct firn_error err = { 0 };
	int rc = oci_manifest_parse(d->text, strlen(d->text), &m, &err);

	check_failure(d, rc, &err);
	if (rc < 0) {
		ck_assert_ptr_null(m.json);
		return;
	}
	ck_assert_uint_eq(m.nlayers, 2);
	ck_assert_str_eq(m.layers[1].media_type, OCI_LAYER);
	ck_assert_uint_eq(m.layers[1].size, 7);
	ck_assert_int_eq(m.config.digest.alg, DIGEST_SHA256);
	ck_assert_int_eq(m.subject.digest.alg, 0);
}
END_TEST

START_TEST(subject)
{
	static const char text[] =
	    "{" V2 "," CONFIG
	    ",\"layers\":[],\"subject\":" DESC(OCI_MANIFEST) ",\"annotations\":{\"k\":\"v\"}}";
	_cleanup_(oci_manifest_done) struct oci_manifest m = { 0 };
	struct firn_error err = { 0 };

	ck_ok(oci_manifest_parse(text, sizeof(text) - 1, &m, &err), err);
	ck_assert_int_eq(m.subject.digest.alg, DIGEST_SHA256);
	ck_assert_str_eq(m.subject.media_type, OCI_MANIFEST);
	ck_assert_str_eq(oci_annotation(m.json, "k"), "v");
	ck_assert_ptr_null(oci_annotation(m.json, "none"));
	ck_assert_ptr_null(oci_annotation(NULL, "k"));
}
END_TEST

static const struct document indexes[] = {
	{ "empty", "{" V2 ",\"manifests\":[]}", 0, NULL },
	{ "two", "{" V2 ",\"manifests\":[" DESC(OCI_MANIFEST) "," DESC(OCI_INDEX) "]}", 0, NULL },
	{ "Docker's list",
	  "{" V2 ",\"mediaType\":\"" DOCKER_INDEX "\",\"manifests\":[" DESC(DOCKER_MANIFEST) "]}",
	  0, NULL },
	{ "layers in it", "{" V2 ",\"manifests\":[],\"layers\":[]}", -FIRN_ECORRUPT,
	  "\"layers\" does not belong in this kind of document" },
	{ "config in it", "{" V2 ",\"manifests\":[]," CONFIG "}", -FIRN_ECORRUPT,
	  "\"config\" does not belong in this kind of document" },
	{ "a manifest's type", "{" V2 ",\"mediaType\":\"" OCI_MANIFEST "\",\"manifests\":[]}",
	  -FIRN_ECORRUPT, "\"mediaType\": \"" OCI_MANIFEST "\" is another kind of document" },
	{ "platform no object",
	  "{" V2 ",\"manifests\":[{\"mediaType\":\"x\"," DIGEST
	  ",\"size\":1,\"platform\":\"amd64\"}]}",
	  -FIRN_ECORRUPT, "manifests[0]: \"platform\": expected an object, found a string" },
	{ "none", "{" V2 "}", -FIRN_ECORRUPT, "\"manifests\": is missing" },
};

START_TEST(index_)
{
	const struct document *d = &indexes[_i];
	_cleanup_(oci_index_done) struct oci_index i = { 0 };
	struct firn_error err = { 0 };
	int rc = oci_index_parse(d->text, strlen(d->text), &i, &err);

	check_failure(d, rc, &err);
	ck_assert((rc < 0) == (i.json == NULL));
	if (rc == 0)
		ck_assert_uint_eq(i.nmanifests, _i == 0 ? 0 : _i == 1 ? 2 : 1);
}
END_TEST

#define ROOTFS(t, ids) "\"rootfs\":{\"type\":\"" t "\",\"diff_ids\":[" ids "]}"
#define PLATFORM       "\"architecture\":\"amd64\",\"os\":\"linux\""

static const struct document configs[] = {
	{ "plain", "{" PLATFORM "," ROOTFS("layers", "\"sha256:" HEX "\"") "}", 0, NULL },
	{ "no architecture", "{\"os\":\"linux\"," ROOTFS("layers", "") "}", -FIRN_ECORRUPT,
	  "\"architecture\": is missing" },
	{ "os a number", "{\"architecture\":\"x\",\"os\":1," ROOTFS("layers", "") "}",
	  -FIRN_ECORRUPT, "\"os\": expected a string, found an integer" },
	{ "no rootfs", "{" PLATFORM "}", -FIRN_ECORRUPT, "\"rootfs\": is missing" },
	{ "rootfs of another type", "{" PLATFORM "," ROOTFS("base", "") "}", -FIRN_ECORRUPT,
	  "rootfs: \"type\": expected \"layers\"" },
	{ "diff_id a number", "{" PLATFORM "," ROOTFS("layers", "1") "}", -FIRN_ECORRUPT,
	  "rootfs: diff_ids[0]: expected a string" },
	{ "diff_id short", "{" PLATFORM "," ROOTFS("layers", "\"sha256:12\"") "}", -FIRN_ECORRUPT,
	  "rootfs: diff_ids[0]: expected sha256:HEX or sha512:HEX, found \"sha256:12\"" },
};

START_TEST(config)
{
	const struct document *d = &configs[_i];
	_cleanup_(oci_config_done) struct oci_config c = { 0 };
	struct firn_error err = { 0 };
	int rc = oci_config_parse(d->text, strlen(d->text), &c, &err);

	check_failure(d, rc, &err);
	if (rc == 0) {
		ck_assert_uint_eq(c.ndiff_ids, 1);
		ck_assert_str_eq(c.architecture, "amd64");
		ck_assert_str_eq(c.os, "linux");
	}
}
END_TEST

static void put_many(struct buf *b, const char *head, const char *item, size_t count,
		     const char *tail)
{
	buf_reset(b);
	buf_puts(b, head);
	for (size_t i = 0; i < count; i++)
		buf_printf(b, "%s%s", i ? "," : "", item);
	buf_puts(b, tail);
}

START_TEST(counts)
{
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	struct oci_manifest m = { 0 };
	struct oci_config c = { 0 };
	struct oci_index i = { 0 };

	put_many(&b, "{" V2 "," CONFIG ",\"layers\":[", LAYER, OCI_LAYERS_MAX, "]}");
	ck_ok(oci_manifest_parse((char *)b.data, b.len, &m, &err), err);
	oci_manifest_done(&m);
	put_many(&b, "{" V2 "," CONFIG ",\"layers\":[", LAYER, OCI_LAYERS_MAX + 1, "]}");
	ck_assert_int_eq(oci_manifest_parse((char *)b.data, b.len, &m, &err), -FIRN_ELIMIT);
	ck_assert_str_eq(err.msg, "\"layers\": more than 1000 entries");
	put_many(&b, "{" V2 ",\"manifests\":[", LAYER, OCI_MANIFESTS_MAX, "]}");
	ck_ok(oci_index_parse((char *)b.data, b.len, &i, &err), err);
	oci_index_done(&i);
	put_many(&b, "{" V2 ",\"manifests\":[", LAYER, OCI_MANIFESTS_MAX + 1, "]}");
	ck_assert_int_eq(oci_index_parse((char *)b.data, b.len, &i, &err), -FIRN_ELIMIT);
	ck_assert_str_eq(err.msg, "\"manifests\": more than 10000 entries");
	put_many(&b, "{" PLATFORM ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
		 "\"sha256:" HEX "\"", OCI_LAYERS_MAX + 1, "]}}");
	ck_assert_int_eq(oci_config_parse((char *)b.data, b.len, &c, &err), -FIRN_ELIMIT);
	ck_assert_str_eq(err.msg, "rootfs: \"diff_ids\": more than 1000 entries");
}
END_TEST

START_TEST(document_size)
{
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	struct oci_manifest m = { 0 };
	struct oci_index i = { 0 };
	struct oci_config c = { 0 };

	buf_fill(&b, ' ', OCI_DOCUMENT_MAX + 1);
	ck_assert_int_eq(oci_manifest_parse((char *)b.data, b.len, &m, &err), -FIRN_ELIMIT);
	ck_assert_int_eq(oci_index_parse((char *)b.data, b.len, &i, &err), -FIRN_ELIMIT);
	ck_assert_int_eq(oci_config_parse((char *)b.data, b.len, &c, &err), -FIRN_ELIMIT);
}
END_TEST

START_TEST(descriptor_json)
{
	static const char text[] =
	    "{\"digest\":\"sha256:" HEX "\",\"mediaType\":\"x\",\"size\":7,\"urls\":[\"u\"]}";
	_cleanup_(oci_descriptor_done) struct oci_descriptor d = { 0 };
	_json_ json_t *j = NULL, *again = NULL, *made = NULL;
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };

	ck_ok(json_parse(text, sizeof(text) - 1, &j, &err), err);
	ck_ok(oci_descriptor_parse(j, &d, &err), err);
	ck_ok(oci_descriptor_json(&d, &again, &err), err);
	ck_assert_ptr_ne(again, j);
	ck_ok(json_print(again, &b, &err), err);
	ck_assert_str_eq((char *)b.data, text);
	json_decref(d.json);
	d.json = NULL;
	buf_reset(&b);
	ck_ok(oci_descriptor_json(&d, &made, &err), err);
	ck_ok(json_print(made, &b, &err), err);
	ck_assert_str_eq((char *)b.data,
			 "{\"digest\":\"sha256:" HEX "\",\"mediaType\":\"x\",\"size\":7}");
}
END_TEST

static const struct {
	const char *type;
	int rc, codec;
} codecs[] = {
	{ OCI_LAYER, 0, CODEC_NONE },
	{ OCI_LAYER_GZIP, 0, CODEC_GZIP },
	{ OCI_LAYER_ZSTD, 0, CODEC_ZSTD },
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", 0, CODEC_GZIP },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", 0, CODEC_GZIP },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", 0, CODEC_ZSTD },
	{ "application/vnd.erofs.layer.v1", -FIRN_EUNSUPP, -1 },
	{ OCI_LAYER "+encrypted", -FIRN_EUNSUPP, -1 },
	{ "", -FIRN_EUNSUPP, -1 },
};

START_TEST(codec)
{
	struct firn_error err = { 0 };
	int c = -1;

	ck_assert_int_eq(oci_layer_codec(codecs[_i].type, &c, &err), codecs[_i].rc);
	ck_assert_int_eq(c, codecs[_i].codec);
}
END_TEST

START_TEST(layer_key)
{
	char key[ANNOTATION_KEY_MAX];
	struct firn_error err = { 0 };
	struct digest d;

	ck_ok(digest_parse(&d, "sha256:" HEX, &err), err);
	ck_assert_str_eq(annotation_for_layer(ORG_FIRN_LAYER, &d, key), "org.firn.layer." HEX);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("oci");
	TCase *tc = tcase_create("oci");

	tcase_add_loop_test(tc, manifest, 0, ARRAY_SIZE(manifests));
	tcase_add_test(tc, subject);
	tcase_add_loop_test(tc, index_, 0, ARRAY_SIZE(indexes));
	tcase_add_loop_test(tc, config, 0, ARRAY_SIZE(configs));
	tcase_add_test(tc, counts);
	tcase_add_test(tc, document_size);
	tcase_add_test(tc, descriptor_json);
	tcase_add_loop_test(tc, codec, 0, ARRAY_SIZE(codecs));
	tcase_add_test(tc, layer_key);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

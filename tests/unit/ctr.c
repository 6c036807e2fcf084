/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/ctr.h"

#include "base/fd.h"
#include "format/docker_archive.h"
#include "unit.h"

#include <string.h>

#define SPEC_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Spec" /* 54 = 0x36 bytes */

static const struct {
	const char *name, *bytes;
	size_t n;
	int rc;
	const char *value; /* of ctr_spec() */
} anys[] = {
#define ANY(s) s, sizeof(s) - 1
	{ "as containerd writes it", ANY("\x0a\x36" SPEC_TYPE "\x12\x02{}"), 0, "{}" },
	{ "value first", ANY("\x12\x02{}\x0a\x36" SPEC_TYPE), 0, "{}" },
	{ "the last one counts", ANY("\x12\x02[]\x12\x02{}\x0a\x36" SPEC_TYPE), 0, "{}" },
	{ "no value", ANY("\x0a\x36" SPEC_TYPE), 0, "" },
	{ "unknown fields of all kinds",
	  ANY("\x18\xac\x02\x21"
	      "12345678"
	      "\x2d"
	      "1234"
	      "\x32\x01x\x0a\x36" SPEC_TYPE "\x12\x02{}"),
	  0, "{}" },
	{ "a type without a host", ANY("\x0a\x22opencontainers/runtime-spec/1/Spec\x12\x02{}"), 0,
	  "{}" },
	{ "another type",
	  ANY("\x0a\x03"
	      "a.b"
	      "\x12\x02{}"),
	  -FIRN_ECORRUPT, NULL },
	{ "nothing", ANY(""), -FIRN_ECORRUPT, NULL },
	{ "ends in a key", ANY("\x8a"), -FIRN_ECORRUPT, NULL },
	{ "ends in a length", ANY("\x0a"), -FIRN_ECORRUPT, NULL },
	{ "ends in a string", ANY("\x0a\x36types"), -FIRN_ECORRUPT, NULL },
	{ "ends in a number", ANY("\x18\x80"), -FIRN_ECORRUPT, NULL },
	{ "ends in 64 bits",
	  ANY("\x21"
	      "1234567"),
	  -FIRN_ECORRUPT, NULL },
	{ "a group", ANY("\x0b\x0c"), -FIRN_ECORRUPT, NULL },
	{ "a length beyond all memory", ANY("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
	  -FIRN_ECORRUPT, NULL },
	{ "a number without an end", ANY("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"),
	  -FIRN_ECORRUPT, NULL },
};

START_TEST(any)
{
	struct firn_error err = { 0 };
	const char *value = NULL;
	size_t len = 0;
	int rc = ctr_spec(anys[_i].bytes, anys[_i].n, &value, &len, &err);

	ck_assert_msg(rc == anys[_i].rc, "%s: %d %s", anys[_i].name, rc, err.msg);
	if (rc < 0) {
		ck_assert_ptr_null(value);
		return;
	}
	ck_assert_uint_eq(len, strlen(anys[_i].value));
	ck_assert_mem_eq(value, anys[_i].value, len);
}
END_TEST

/* A wrong byte anywhere: an answer, and no byte behind the message is looked at. */
START_TEST(any_broken)
{
	const char good[] = "\x0a\x36" SPEC_TYPE "\x12\x02{}";
	struct firn_error err = { 0 };

	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			char *copy = malloc(sizeof(good) - 1);
			struct ctr_any found = { .type = NULL };

			memcpy(copy, good, sizeof(good) - 1);
			copy[i] ^= (char)(1u << bit);
			if (ctr_any_parse(copy, sizeof(good) - 1, &found, &err) == 0)
				ck_assert_ptr_nonnull(found.value);
			free(copy);
		}
	}
}
END_TEST

#define CTR "application/vnd.containerd.container."

static const struct {
	const char *media_type;
	enum ctr_part part;
} types[] = {
	{ CTR "criu.checkpoint.criu.tar", CTR_IMAGES },
	{ CTR "criu.checkpoint.predump.tar", CTR_PREDUMP },
	{ CTR "checkpoint.config.v1+proto", CTR_CONFIG },
	{ CTR "checkpoint.runtime.options+proto", CTR_RUNTIME_OPTIONS },
	{ CTR "rw.tar", CTR_DELTA },
	{ OCI_LAYER_GZIP, CTR_DELTA },
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", CTR_DELTA },
	{ OCI_MANIFEST, CTR_NONE },
	{ OCI_INDEX, CTR_NONE },
	{ CTR "checkpoint.future", CTR_NONE },
	{ "", CTR_NONE },
};

START_TEST(part)
{
	ck_assert_int_eq(ctr_part_of(types[_i].media_type), types[_i].part);
}
END_TEST

static const struct {
	const char *spec, *name;
} names[] = {
	{ "{\"linux\":{\"cgroupsPath\":\"/default/c1\"}}", "c1" },
	{ "{\"linux\":{\"cgroupsPath\":\"/k8s.io/c1\"}}", "c1" },
	{ "{\"linux\":{\"cgroupsPath\":\"/a/b/c\"}}", NULL },
	{ "{\"linux\":{\"cgroupsPath\":\"/c1\"}}", NULL },
	{ "{\"linux\":{\"cgroupsPath\":\"//c1\"}}", NULL },
	{ "{\"linux\":{\"cgroupsPath\":\"/default/\"}}", NULL },
	{ "{\"linux\":{\"cgroupsPath\":\"system.slice:cri:c1\"}}", NULL },
	{ "{\"linux\":{\"cgroupsPath\":1}}", NULL },
	{ "{\"linux\":[]}", NULL },
	{ "{}", NULL },
};

START_TEST(container)
{
	struct firn_error err = { 0 };
	_json_ json_t *spec = NULL;
	const char *name;

	ck_ok(json_parse(names[_i].spec, strlen(names[_i].spec), &spec, &err), err);
	name = ctr_container(spec);
	ck_assert_msg(names[_i].name ? name && !strcmp(name, names[_i].name) : !name, "%s: %s",
		      names[_i].spec, name);
}
END_TEST

static const struct {
	const char *text;
	int rc;
	const char *says;
} manifests[] = {
	{ "[{\"Config\":\"./c.json\",\"RepoTags\":null,\"Layers\":[\"a/layer.tar\"]}]", 0, NULL },
	{ "[{\"Config\":\"c\",\"Layers\":[]},{}]", -FIRN_EINVAL, "2 images" },
	{ "[]", -FIRN_ECORRUPT, "list" },
	{ "{}", -FIRN_ECORRUPT, "list" },
	{ "[", -FIRN_ECORRUPT, "" },
	{ "[{\"Layers\":[]}]", -FIRN_ECORRUPT, "Config" },
	{ "[{\"Config\":\"/c\",\"Layers\":[]}]", -FIRN_ECORRUPT, "Config" },
	{ "[{\"Config\":\"c\"}]", -FIRN_ECORRUPT, "Layers" },
	{ "[{\"Config\":\"c\",\"Layers\":[1]}]", -FIRN_ECORRUPT, "Layers[0]" },
	{ "[{\"Config\":\"c\",\"Layers\":[\"a\",\"../b\"]}]", -FIRN_ECORRUPT, "Layers[1]" },
};

START_TEST(docker)
{
	_cleanup_(docker_archive_done) struct docker_archive a = { 0 };
	const char *text = manifests[_i].text;
	struct firn_error err = { 0 };
	int rc = docker_archive_parse(text, strlen(text), &a, &err);

	ck_assert_msg(rc == manifests[_i].rc, "%s: %d %s", text, rc, err.msg);
	if (rc < 0) {
		ck_assert_msg(strstr(err.msg, manifests[_i].says), "%s: %s", text, err.msg);
		return;
	}
	ck_assert_str_eq(a.config, "c.json");
	ck_assert_uint_eq(a.nlayers, 1);
	ck_assert_str_eq(a.layers[0], "a/layer.tar");
}
END_TEST

START_TEST(docker_huge)
{
	_cleanup_(docker_archive_done) struct docker_archive a = { 0 };
	_buf_ struct buf text = BUF_INIT;
	struct firn_error err = { 0 };

	buf_puts(&text, "[{\"Config\":\"c\",\"Layers\":[\"l\"");
	for (int i = 0; i < OCI_LAYERS_MAX; i++)
		buf_puts(&text, ",\"l\"");
	buf_puts(&text, "]}]");
	ck_assert_int_eq(docker_archive_parse((char *)text.data, text.len, &a, &err), -FIRN_ELIMIT);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("ctr");
	TCase *tc = tcase_create("ctr");

	tcase_add_loop_test(tc, any, 0, ARRAY_SIZE(anys));
	tcase_add_test(tc, any_broken);
	tcase_add_loop_test(tc, part, 0, ARRAY_SIZE(types));
	tcase_add_loop_test(tc, container, 0, ARRAY_SIZE(names));
	tcase_add_loop_test(tc, docker, 0, ARRAY_SIZE(manifests));
	tcase_add_test(tc, docker_huge);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

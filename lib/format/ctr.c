/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/ctr.h"

#include "base/cursor.h"
#include "base/path.h"

#include <string.h>

#define CTR "application/vnd.containerd.container."

static const struct {
	const char *media_type;
	enum ctr_part part;
} parts[] = {
	{ CTR "criu.checkpoint.criu.tar", CTR_IMAGES },
	{ CTR "criu.checkpoint.predump.tar", CTR_PREDUMP },
	{ CTR "checkpoint.config.v1+proto", CTR_CONFIG },
	{ CTR "checkpoint.options.v1+proto", CTR_OPTIONS },
	{ CTR "checkpoint.runtime.options+proto", CTR_RUNTIME_OPTIONS },
	{ CTR "checkpoint.runtime.name", CTR_RUNTIME_NAME },
	{ CTR "resource.tar", CTR_RESOURCE },
	{ CTR "rw.tar", CTR_DELTA },
};

static const char *const members[] = {
	[CTR_CONFIG] = "ctr/config.pb",
	[CTR_OPTIONS] = "ctr/options.pb",
	[CTR_RUNTIME_OPTIONS] = "ctr/runtime-options.pb",
	[CTR_RUNTIME_NAME] = "ctr/runtime-name",
	[CTR_RESOURCE] = "ctr/resource.tar",
};

enum ctr_part ctr_part_of(const char *media_type)
{
	int codec;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strcmp(media_type, parts[i].media_type) == 0)
			return parts[i].part;
	return oci_layer_codec(media_type, &codec, NULL) == 0 ? CTR_DELTA : CTR_NONE;
}

const char *ctr_member(enum ctr_part part)
{
	return (size_t)part < ARRAY_SIZE(members) ? members[part] : NULL;
}

bool ctr_is_checkpoint(const struct oci_index *index)
{
	for (size_t i = 0; i < index->nmanifests; i++)
		if (strncmp(index->manifests[i].media_type, CTR, strlen(CTR)) == 0)
			return true;
	return false;
}

/* protobuf encoding, "Base 128 Varints". */
static bool read_varint(struct cursor *c, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		const uint8_t *p = cursor_take(c, 1);

		if (!p)
			return false;
		v |= (uint64_t)(*p & 0x7f) << shift;
		if (!(*p & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* The value of a field; *ret is NULL unless it is bytes. */
static bool read_value(struct cursor *c, unsigned wire, const uint8_t **ret, size_t *ret_len)
{
	uint64_t v;

	*ret = NULL;
	switch (wire) {
	case WIRE_VARINT:
		return read_varint(c, &v);
	case WIRE_64:
		return cursor_take(c, 8);
	case WIRE_32:
		return cursor_take(c, 4);
	case WIRE_BYTES:
		if (!read_varint(c, &v) || v > c->left)
			return false;
		*ret_len = (size_t)v;
		*ret = cursor_take(c, *ret_len);
		return true;
	default:
		return false; /* groups are older than anything that wrote one of these */
	}
}

/* google/protobuf/any.proto: string type_url = 1; bytes value = 2. */
int ctr_any_parse(const void *bytes, size_t n, struct ctr_any *ret, struct firn_error *err)
{
	struct cursor c = { .at = bytes, .left = n };
	struct ctr_any any = { .type = "", .value = "" };

	while (c.left) {
		const uint8_t *value;
		size_t len = 0;
		uint64_t key;

		if (!read_varint(&c, &key) || !read_value(&c, key & 7, &value, &len))
			return firn_fail(err, FIRN_ECORRUPT,
					 "no protobuf message: broken %zu bytes before its end",
					 c.left);
		if (value && key >> 3 == 1) {
			any.type = (const char *)value;
			any.type_len = len;
		} else if (value && key >> 3 == 2) {
			any.value = (const char *)value;
			any.len = len;
		}
	}
	*ret = any;
	return 0;
}

int ctr_spec(const void *bytes, size_t n, const char **ret, size_t *ret_len, struct firn_error *err)
{
	static const char spec[] = "opencontainers/runtime-spec/1/Spec";
	char quoted[PATH_QUOTE_MAX], type[sizeof(quoted)];
	struct ctr_any any;
	int rc = ctr_any_parse(bytes, n, &any, err);

	if (rc < 0)
		return rc;
	/* containerd's typeurl puts a host before it, older ones none. */
	if (any.type_len >= sizeof(spec) - 1 &&
	    memcmp(any.type + any.type_len - (sizeof(spec) - 1), spec, sizeof(spec) - 1) == 0) {
		*ret = any.value;
		*ret_len = any.len;
		return 0;
	}
	n = any.type_len < sizeof(type) - 1 ? any.type_len : sizeof(type) - 1;
	memcpy(type, any.type, n);
	type[n] = '\0';
	return firn_fail(err, FIRN_ECORRUPT, "is a message of type %s, not an OCI spec",
			 path_quote(type, quoted));
}

const char *ctr_container(const json_t *spec)
{
	const char *path =
	    json_string_value(json_object_get(json_object_get(spec, "linux"), "cgroupsPath"));
	const char *id;

	if (!path || *path != '/')
		return NULL;
	id = strchr(path + 1, '/');
	if (!id || id == path + 1 || !id[1] || strchr(id + 1, '/'))
		return NULL;
	return id + 1;
}

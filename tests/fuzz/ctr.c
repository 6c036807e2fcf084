/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The protobuf documents of containerd's own checkpoints, and manifest.json of a docker-archive. */
#include "format/ctr.h"
#include "base/fd.h"
#include "format/docker_archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is borrowed from the message has to lie in it. */
static int check_inside(const uint8_t *data, size_t size, const char *part, size_t len)
{
	const uint8_t *at = (const uint8_t *)part;

	return len == 0 || (at >= data && len <= size && at <= data + size - len) ? 0 : -1;
}

static void fuzz_spec(const char *text, size_t len)
{
	_json_ json_t *spec = NULL;

	if (json_parse(text, len, &spec, NULL) == 0)
		(void)ctr_container(spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(docker_archive_done) struct docker_archive archive = { 0 };
	struct ctr_any any;
	const char *spec;
	size_t len;

	if (ctr_any_parse(data, size, &any, NULL) == 0 &&
	    (check_inside(data, size, any.type, any.type_len) < 0 ||
	     check_inside(data, size, any.value, any.len) < 0))
		__builtin_trap();
	if (ctr_spec(data, size, &spec, &len, NULL) == 0)
		fuzz_spec(spec, len);
	fuzz_spec((const char *)data, size);
	return docker_archive_parse((const char *)data, size, &archive, NULL) < 0 ? -1 : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What Podman's service, or something in its place, may answer. The first line picks the reader. */
#include "remote/podman_answer.h"

#include "base/fd.h"
#include "remote/header.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void headers(const char *text, size_t len)
{
	static const char *const names[] = { "Libpod-API-Version", "Content-Length", "" };
	const unsigned status = header_status(text, len);

	if (status && (status < 100 || status > 599))
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = NULL;
		size_t n = 0;

		if (header_find(text, len, names[i], &value, &n) &&
		    (value < text || n > (size_t)(text + len - value) || memchr(value, '\n', n)))
			abort();
	}
}

static void version(const char *text)
{
	unsigned v[3] = { 0 };

	if (podman_parse_version(text, v, NULL) < 0 && (v[0] || v[1] || v[2]))
		abort();
}

static void error(const char *text, size_t len)
{
	struct firn_error err = { 0 };

	if (podman_parse_error(500, text, len, &err) >= 0 || !*err.msg)
		abort();
	for (const char *at = err.msg; *at; at++)
		if ((unsigned char)*at < 0x20)
			abort();
}

static void container(const char *text, size_t len)
{
	struct podman_container c = { 0 };

	if (podman_parse_container(text, len, &c, NULL) == 0 &&
	    !(c.id && c.name && c.status && c.image_id && c.image_name))
		abort();
	podman_container_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
	const size_t head = newline ? (size_t)(newline - data) + 1 : size;
	_free_ char *text = NULL, *id = NULL;

	if (!newline)
		return 0;
	text = malloc(size - head + 1);
	if (!text)
		return 0;
	memcpy(text, data + head, size - head);
	text[size - head] = '\0';
	switch (data[0]) {
	case 'h':
		headers(text, size - head);
		break;
	case 'v':
		version(text);
		break;
	case 'e':
		error(text, size - head);
		break;
	case 'c':
		container(text, size - head);
		break;
	case 'r':
		(void)!podman_parse_restored(text, size - head, &id, NULL);
		break;
	default:
		break;
	}
	return 0;
}

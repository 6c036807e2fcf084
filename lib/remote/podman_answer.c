/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote/podman_answer.h"

#include "base/fd.h"
#include "bytes/json.h"

#include <stdio.h>
#include <string.h>

static bool take_number(const char **text, unsigned *ret)
{
	const char *at = *text;
	unsigned n = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (unsigned)(*at - '0'), &n))
			return false;
	}
	if (at == *text)
		return false;
	*text = at;
	*ret = n;
	return true;
}

int podman_parse_version(const char *text, unsigned ret[3], struct firn_error *err)
{
	const char *at = text;
	unsigned v[3] = { 0 };
	bool good = take_number(&at, &v[0]);

	for (size_t i = 1; good && i < ARRAY_SIZE(v) && *at == '.'; i++) {
		at++;
		good = take_number(&at, &v[i]);
	}
	if (!good || (*at && *at != '-' && *at != '+'))
		return firn_fail(err, FIRN_ECORRUPT, "\"%.32s\" is no version", text);
	memcpy(ret, v, sizeof(v));
	return 0;
}

static enum firn_code code_of_status(unsigned status)
{
	switch (status) {
	case 404:
		return FIRN_ENOTFOUND;
	case 409:
		return FIRN_EBUSY;
	default:
		return FIRN_EFAIL;
	}
}

static bool inside_character(const char *at)
{
	return ((unsigned char)*at & 0xc0) == 0x80;
}

/* Control bytes, alone or in a row, become a space. @text stays as long or gets shorter. */
static void make_line(char *text)
{
	char *to = text;

	for (const char *at = text; *at; at++) {
		const bool control = (unsigned char)*at < 0x20 || *at == 0x7f;

		if (!control)
			*to++ = *at;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	}
	while (to > text && to[-1] == ' ')
		to--;
	*to = '\0';
}

/*
 * Podman puts a program's whole command line before what it has to say of it: of a long message the
 * end counts.
 */
static void shorten(char *text)
{
	const size_t len = strlen(text);
	char *head = text + PODMAN_SENTENCE_HEAD;
	const char *tail = text + len - (PODMAN_SENTENCE_MAX - PODMAN_SENTENCE_HEAD - 3);

	if (len <= PODMAN_SENTENCE_MAX)
		return;
	while (head > text && inside_character(head))
		head--;
	while (inside_character(tail))
		tail++;
	memcpy(head, "...", 3);
	memmove(head + 3, tail, strlen(tail) + 1);
}

int podman_parse_error(unsigned status, const char *text, size_t len, struct firn_error *err)
{
	const char *message = NULL;
	_free_ char *sentence = NULL;
	_json_ json_t *j = NULL;

	if (json_parse(text, len, &j, NULL) == 0 && json_is_object(j) &&
	    json_opt_str(j, "message", &message, NULL) > 0 && *message) {
		sentence = strdup(message);
		if (!sentence)
			return firn_fail_oom(err, "Podman's message");
		make_line(sentence);
		shorten(sentence);
		return firn_fail(err, code_of_status(status), "Podman: %s", sentence);
	}
	return firn_fail(err, FIRN_EFAIL, "status %u without a message of Podman's", status);
}

void podman_container_done(struct podman_container *c)
{
	free(c->id);
	free(c->name);
	free(c->status);
	free(c->image_id);
	free(c->image_name);
	free(c->folder);
	*c = (struct podman_container){ 0 };
}

static int keep(const char *text, char **ret, struct firn_error *err)
{
	*ret = strdup(text ? text : "");
	return *ret ? 0 : firn_fail_oom(err, "container");
}

static int keep_str(const json_t *j, const char *key, char **ret, struct firn_error *err)
{
	const char *text = NULL;
	int rc = json_get_str(j, key, &text, err);

	return rc < 0 ? rc : keep(text, ret, err);
}

static int keep_optional(const json_t *j, const char *key, char **ret, struct firn_error *err)
{
	const char *text = NULL;
	int rc = json_opt_str(j, key, &text, err);

	return rc < 0 ? rc : keep(text, ret, err);
}

int podman_parse_container(const char *text, size_t len, struct podman_container *ret,
			   struct firn_error *err)
{
	_cleanup_(podman_container_done) struct podman_container c = { 0 };
	_json_ json_t *j = NULL;
	json_t *state = NULL;
	int rc = json_parse(text, len, &j, err);

	if (rc == 0 && !json_is_object(j))
		rc = firn_fail(err, FIRN_ECORRUPT, "is no JSON object");
	if (rc < 0 || (rc = json_get_object(j, "State", &state, err)) < 0 ||
	    (rc = keep_str(j, "Id", &c.id, err)) < 0 ||
	    (rc = keep_str(j, "Name", &c.name, err)) < 0 ||
	    (rc = keep_optional(j, "Image", &c.image_id, err)) < 0 ||
	    (rc = keep_optional(j, "ImageName", &c.image_name, err)) < 0 ||
	    (rc = keep_optional(j, "StaticDir", &c.folder, err)) < 0 ||
	    (rc = keep_str(state, "Status", &c.status, err)) < 0 ||
	    (rc = json_get_u64(state, "Pid", INT32_MAX, &c.pid, err)) < 0 ||
	    (rc = json_opt_bool(state, "Checkpointed", &c.checkpointed, err)) < 0)
		return rc;
	*ret = c;
	c = (struct podman_container){ 0 };
	return 0;
}

int podman_parse_restored(const char *text, size_t len, char **ret_id, struct firn_error *err)
{
	_json_ json_t *j = NULL;
	int rc = json_parse(text, len, &j, err);

	if (rc == 0 && !json_is_object(j))
		rc = firn_fail(err, FIRN_ECORRUPT, "is no JSON object");
	return rc < 0 ? rc : keep_str(j, "Id", ret_id, err);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/json.h"

#include "base/fd.h"
#include "base/path.h"
#include "bytes/json_number.h"

#include <stdio.h>
#include <string.h>

/* What json_typeof() calls it, in words for a sentence. */
static const char *kind_of(const json_t *j)
{
	if (!j)
		return "nothing";
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		break;
	}
	return "null";
}

/* The first byte behind the string whose opening quote stands at @at; @len when it never ends. */
static size_t skip_string(const char *text, size_t len, size_t at)
{
	for (at++; at < len && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at < len ? at + 1 : len;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_blanks(const char *text, size_t len, size_t at)
{
	while (at < len && is_blank(text[at]))
		at++;
	return at;
}

/* Counts what jansson would allocate for, before it does. Reads bytes only; jansson judges them. */
static int check_limits(const char *text, size_t len, struct firn_error *err)
{
	size_t depth = 0, containers = 0, values = 1, at = 0;

	while (at < len) {
		const char c = text[at];

		if (c == '"') {
			at = skip_string(text, len, at);
			continue;
		}
		if (c == '{' || c == '[') {
			depth++;
			containers++;
		}
		if ((c == '}' || c == ']') && depth)
			depth--;
		values += c == ',' || c == '{' || c == '[';
		if (depth > JSON_DEPTH_MAX)
			return firn_fail(err, FIRN_ELIMIT, "JSON nested deeper than %d",
					 JSON_DEPTH_MAX);
		if (containers > JSON_CONTAINERS_MAX || values > JSON_VALUES_MAX)
			return firn_fail(err, FIRN_ELIMIT, "JSON of more than %d values",
					 containers > JSON_CONTAINERS_MAX ? JSON_CONTAINERS_MAX
									  : JSON_VALUES_MAX);
		at++;
	}
	return 0;
}

int json_parse(const char *text, size_t len, json_t **ret, struct firn_error *err)
{
	_buf_ struct buf marked = BUF_INIT;
	json_error_t why;
	json_t *j;
	int rc = check_limits(text, len, err);

	if (rc < 0)
		return rc;
	if (json_number_mark(text, len, &marked)) {
		rc = buf_check(&marked, err);
		if (rc < 0)
			return rc;
		text = (char *)marked.data;
		len = marked.len;
	}
	j = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (j) {
		*ret = j;
		return 0;
	}
	if (json_error_code(&why) == json_error_out_of_memory)
		return firn_fail_oom(err, "JSON");
	for (char *c = why.text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return firn_fail(err, FIRN_ECORRUPT, "not JSON: line %d, column %d: %s", why.line,
			 why.column, why.text);
}

static int append(const char *bytes, size_t n, void *ctx)
{
	struct buf *out = ctx;

	buf_put(out, bytes, n);
	return out->oom ? -1 : 0;
}

static int print(const json_t *j, size_t flags, struct buf *out, struct firn_error *err)
{
	_buf_ struct buf text = BUF_INIT;

	if (json_dump_callback(j, append, &text, flags | JSON_ENCODE_ANY) < 0)
		return firn_fail_oom(err, "print JSON");
	json_number_unmark((char *)text.data, text.len, out);
	return buf_check(out, err);
}

int json_print(const json_t *j, struct buf *out, struct firn_error *err)
{
	return print(j, JSON_COMPACT | JSON_SORT_KEYS, out, err);
}

int json_print_pretty(const json_t *j, int spaces, struct buf *out, struct firn_error *err)
{
	int rc = print(j, JSON_INDENT((size_t)spaces), out, err);

	buf_puts(out, "\n");
	return rc < 0 ? rc : buf_check(out, err);
}

/* 1 when @text is @j as these flags print it, but for a newline at its end. */
static int is_printed_so(const json_t *j, size_t flags, const char *text, size_t len,
			 struct firn_error *err)
{
	_buf_ struct buf out = BUF_INIT;
	int rc = print(j, flags, &out, err);

	if (rc < 0)
		return rc;
	return out.len == len && memcmp(out.data, text, len) == 0;
}

int json_style_of(const char *text, size_t len, const json_t *j, struct json_style *ret,
		  struct firn_error *err)
{
	static const size_t ways[] = {
		JSON_COMPACT | JSON_SORT_KEYS,
		JSON_COMPACT,
		0,
		JSON_INDENT(2),
		JSON_INDENT(3),
		JSON_INDENT(4),
	};
	const bool newline = len && text[len - 1] == '\n';
	size_t way = JSON_COMPACT;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(ways); i++) {
		rc = is_printed_so(j, ways[i], text, len - newline, err);
		if (rc > 0)
			way = ways[i];
	}
	if (rc < 0)
		return rc;
	*ret = (struct json_style){ way, newline };
	return 0;
}

int json_print_in(const struct json_style *style, const json_t *j, struct buf *out,
		  struct firn_error *err)
{
	int rc = print(j, style->flags, out, err);

	if (rc == 0 && style->newline)
		buf_puts(out, "\n");
	return rc < 0 ? rc : buf_check(out, err);
}

static int unexpected(const char *key, const char *wanted, const json_t *found,
		      struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	path_quote(key, quoted);
	if (!found)
		return firn_fail(err, FIRN_ECORRUPT, "%s: is missing", quoted);
	return firn_fail(err, FIRN_ECORRUPT, "%s: expected %s, found %s", quoted, wanted,
			 kind_of(found));
}

/* 1 and the member, 0 when it is absent; only an object has members. */
static int member(const json_t *obj, const char *key, json_t **ret, struct firn_error *err)
{
	if (!json_is_object(obj))
		return firn_fail(err, FIRN_ECORRUPT, "expected an object, found %s", kind_of(obj));
	*ret = json_object_get(obj, key);
	return *ret ? 1 : 0;
}

int json_get_str(const json_t *obj, const char *key, const char **ret, struct firn_error *err)
{
	json_t *j = NULL;
	int rc = member(obj, key, &j, err);

	if (rc < 0)
		return rc;
	if (!json_is_string(j))
		return unexpected(key, "a string", j, err);
	*ret = json_string_value(j);
	return 0;
}

int json_get_u64(const json_t *obj, const char *key, uint64_t max, uint64_t *ret,
		 struct firn_error *err)
{
	char wanted[48], quoted[PATH_QUOTE_MAX];
	json_t *j = NULL;
	int rc = member(obj, key, &j, err);

	if (rc < 0)
		return rc;
	snprintf(wanted, sizeof(wanted), "0..%llu", (unsigned long long)max);
	if (!json_is_integer(j))
		return unexpected(key, wanted, j, err);
	if (json_integer_value(j) < 0 || (uint64_t)json_integer_value(j) > max)
		return firn_fail(err, FIRN_ECORRUPT, "%s: expected %s, found %lld",
				 path_quote(key, quoted), wanted, json_integer_value(j));
	*ret = (uint64_t)json_integer_value(j);
	return 0;
}

int json_get_array(const json_t *obj, const char *key, json_t **ret, struct firn_error *err)
{
	json_t *j = NULL;
	int rc = member(obj, key, &j, err);

	if (rc < 0)
		return rc;
	if (!json_is_array(j))
		return unexpected(key, "an array", j, err);
	*ret = j;
	return 0;
}

int json_get_object(const json_t *obj, const char *key, json_t **ret, struct firn_error *err)
{
	json_t *j = NULL;
	int rc = member(obj, key, &j, err);

	if (rc < 0)
		return rc;
	if (!json_is_object(j))
		return unexpected(key, "an object", j, err);
	*ret = j;
	return 0;
}

/* 1 when the optional member is there: Go's encoders write null for what isn't. */
static int present(const json_t *obj, const char *key, struct firn_error *err)
{
	json_t *j = NULL;
	int rc = member(obj, key, &j, err);

	return rc <= 0 ? rc : !json_is_null(j);
}

int json_opt_str(const json_t *obj, const char *key, const char **ret, struct firn_error *err)
{
	int rc = present(obj, key, err);

	if (rc <= 0)
		return rc;
	rc = json_get_str(obj, key, ret, err);
	return rc < 0 ? rc : 1;
}

int json_opt_bool(const json_t *obj, const char *key, bool *ret, struct firn_error *err)
{
	json_t *j = NULL;
	int rc = member(obj, key, &j, err);

	if (rc <= 0 || json_is_null(j))
		return rc < 0 ? rc : 0;
	if (!json_is_boolean(j))
		return unexpected(key, "a boolean", j, err);
	*ret = json_is_true(j);
	return 1;
}

int json_opt_array(const json_t *obj, const char *key, json_t **ret, struct firn_error *err)
{
	int rc = present(obj, key, err);

	if (rc <= 0)
		return rc;
	rc = json_get_array(obj, key, ret, err);
	return rc < 0 ? rc : 1;
}

int json_opt_object(const json_t *obj, const char *key, json_t **ret, struct firn_error *err)
{
	int rc = present(obj, key, err);

	if (rc <= 0)
		return rc;
	rc = json_get_object(obj, key, ret, err);
	return rc < 0 ? rc : 1;
}

int json_put_str(json_t *obj, const char *key, const char *text, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	json_t *value = json_string(text), *any;

	if (value)
		return json_put(obj, key, value, err);
	any = json_string_nocheck(text);
	if (!any)
		return firn_fail_oom(err, key);
	json_decref(any);
	return firn_fail(err, FIRN_EINVAL, "%s: text is not UTF-8", path_quote(key, quoted));
}

int json_put(json_t *obj, const char *key, json_t *value, struct firn_error *err)
{
	if (!value || json_object_set_new(obj, key, value) < 0)
		return firn_fail_oom(err, key);
	return 0;
}

/* Behind the value that begins at @at: the comma or bracket that ends it, blanks not trimmed. */
static size_t skip_value(const char *text, size_t len, size_t at)
{
	size_t depth = 0;

	while (at < len) {
		const char c = text[at];

		if (c == '"') {
			at = skip_string(text, len, at);
			continue;
		}
		if (!depth && (c == ',' || c == '}' || c == ']'))
			return at;
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		at++;
	}
	return len;
}

/* Whether the string @raw, quotes included, says @key: 1, 0, or out of memory. */
static int string_is(const char *raw, size_t len, const char *key, struct firn_error *err)
{
	_json_ json_t *plain = NULL;
	json_error_t why;

	if (len < 2)
		return 0;
	if (!memchr(raw, '\\', len))
		return len - 2 == strlen(key) && memcmp(raw + 1, key, len - 2) == 0;
	plain = json_loadb(raw, len, JSON_DECODE_ANY, &why);
	if (!plain && json_error_code(&why) == json_error_out_of_memory)
		return firn_fail_oom(err, key);
	return json_is_string(plain) && strcmp(json_string_value(plain), key) == 0;
}

int json_locate(const char *text, size_t len, const char *key, size_t *ret_at, size_t *ret_len,
		struct firn_error *err)
{
	size_t at = skip_blanks(text, len, 0);

	if (at == len || text[at] != '{')
		return firn_fail(err, FIRN_ECORRUPT, "the document is no JSON object");
	at = skip_blanks(text, len, at + 1);
	while (at < len && text[at] == '"') {
		const size_t name = at, name_end = skip_string(text, len, at);
		const int same = string_is(text + name, name_end - name, key, err);
		size_t end;

		at = skip_blanks(text, len, name_end);
		if (same < 0)
			return same;
		if (at == len || text[at] != ':')
			break;
		at = skip_blanks(text, len, at + 1);
		end = skip_value(text, len, at);
		if (same) {
			while (end > at && is_blank(text[end - 1]))
				end--;
			*ret_at = at;
			*ret_len = end - at;
			return 1;
		}
		if (end == len || text[end] != ',')
			return 0;
		at = skip_blanks(text, len, end + 1);
	}
	if (at < len && text[at] == '}')
		return 0;
	return firn_fail(err, FIRN_ECORRUPT, "JSON object breaks off");
}

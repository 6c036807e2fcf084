/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out.h"

#include <inttypes.h>
#include <string.h>

/* Bytes of the UTF-8 character at @p (RFC 3629: no surrogates, nothing above U+10FFFF), 0 if none.
 */
static size_t utf8_length(const unsigned char *p)
{
	static const struct {
		unsigned char first, last, min2, max2, len;
	} forms[] = {
		{ 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (*p < forms[i].first || *p > forms[i].last)
			continue;
		if (forms[i].len > 1 && (p[1] < forms[i].min2 || p[1] > forms[i].max2))
			return 0;
		for (size_t k = 2; k < forms[i].len; k++)
			if (p[k] < 0x80 || p[k] > 0xbf)
				return 0;
		return forms[i].len;
	}
	return 0;
}

/* C0, DEL and C1 (U+0080 to U+009F): what moves a cursor or starts a sequence. */
static bool is_control(const unsigned char *p)
{
	return *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0);
}

void out_json_string(FILE *f, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len;

	fputc('"', f);
	for (; *p; p += len) {
		len = utf8_length(p);
		if (len == 0) {
			fputs("\\ufffd", f);
			len = 1;
		} else if (*p == '"' || *p == '\\') {
			fprintf(f, "\\%c", *p);
		} else if (*p == '\n') {
			fputs("\\n", f);
		} else if (len == 1 && is_control(p)) {
			fprintf(f, "\\u%04x", *p);
		} else {
			fwrite(p, 1, len, f);
		}
	}
	fputc('"', f);
}

static void put_safe(FILE *f, const char *text, bool newlines)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len;

	for (; *p; p += len) {
		len = utf8_length(p);
		if (len == 0 || (is_control(p) && !(newlines && *p == '\n'))) {
			len = len ? len : 1;
			for (size_t i = 0; i < len; i++)
				fprintf(f, "\\x%02x", p[i]);
		} else {
			fwrite(p, 1, len, f);
		}
	}
}

void out_safe(FILE *f, const char *text)
{
	put_safe(f, text, true);
}

void out_line(FILE *f, const char *text)
{
	put_safe(f, text, false);
}

static void json_object(FILE *f, const struct out_field *fields, const union out_value *values);

static void json_rows(FILE *f, const union out_value *v)
{
	size_t width = 0;

	while (v->rows.fields[width].type != OUT_END)
		width++;
	fputc('[', f);
	for (size_t i = 0; i < v->rows.n; i++) {
		fputs(i ? "," : "", f);
		json_object(f, v->rows.fields, v->rows.values + i * width);
	}
	fputc(']', f);
}

static void json_value(FILE *f, enum out_type type, const union out_value *v)
{
	switch (type) {
	case OUT_STR:
		if (v->str)
			out_json_string(f, v->str);
		else
			fputs("null", f);
		break;
	case OUT_UINT:
		fprintf(f, "%" PRIu64, v->num);
		break;
	case OUT_BOOL:
		fputs(v->flag ? "true" : "false", f);
		break;
	case OUT_LIST:
		fputc('[', f);
		for (size_t i = 0; i < v->list.n; i++) {
			fputs(i ? "," : "", f);
			out_json_string(f, v->list.items[i]);
		}
		fputc(']', f);
		break;
	case OUT_ROWS:
		json_rows(f, v);
		break;
	case OUT_END:
		break;
	}
}

static void json_object(FILE *f, const struct out_field *fields, const union out_value *values)
{
	fputc('{', f);
	for (size_t i = 0; fields[i].type != OUT_END; i++) {
		fputs(i ? "," : "", f);
		out_json_string(f, fields[i].name);
		fputc(':', f);
		json_value(f, fields[i].type, &values[i]);
	}
	fputc('}', f);
}

/* As Go prints it: a list is [a b]. */
static void plain_value(FILE *f, enum out_type type, const union out_value *v)
{
	if (type == OUT_STR) {
		fputs(v->str ? v->str : "", f);
	} else if (type == OUT_LIST) {
		fputc('[', f);
		for (size_t i = 0; i < v->list.n; i++)
			fprintf(f, "%s%s", i ? " " : "", v->list.items[i]);
		fputc(']', f);
	} else {
		json_value(f, type, v);
	}
}

/* What stands between {{ and }}. */
struct action {
	bool json;
	bool all;     /* "." */
	size_t field; /* otherwise */
};

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

static int parse_field(const char *name, size_t len, const struct out_field *fields, size_t *ret,
		       struct firn_error *err)
{
	char known[256];
	size_t used = 0;

	for (size_t i = 0; fields[i].type != OUT_END; i++) {
		if (strlen(fields[i].name) == len && memcmp(fields[i].name, name, len) == 0) {
			*ret = i;
			return 0;
		}
		used +=
		    (size_t)snprintf(known + used, sizeof(known) - used, " .%s", fields[i].name);
		if (used >= sizeof(known))
			break;
	}
	return fail(err, FIRN_EINVAL, "there is no .%.*s, but%s", (int)(len < 64 ? len : 64), name,
		    known);
}

/* @p is behind "{{". On success *@p is behind "}}". */
static int parse_action(const char **p, const struct out_field *fields, struct action *ret,
			struct firn_error *err)
{
	const char *at = skip_blanks(*p), *end = strstr(at, "}}");
	size_t len;
	int rc;

	*ret = (struct action){ 0 };
	if (!end)
		return fail(err, FIRN_EINVAL, "{{ without }}");
	if (strncmp(at, "json", 4) == 0 && (at[4] == ' ' || at[4] == '\t')) {
		ret->json = true;
		at = skip_blanks(at + 4);
	}
	if (*at != '.')
		return fail(err, FIRN_EINVAL, "{{%.*s}} is neither {{.Name}} nor {{json .}}",
			    (int)(end - *p < 64 ? end - *p : 64), *p);
	at++;
	len = strcspn(at, " \t}");
	ret->all = len == 0;
	rc = ret->all ? 0 : parse_field(at, len, fields, &ret->field, err);
	if (rc < 0)
		return rc;
	if (skip_blanks(at + len) != end)
		return fail(err, FIRN_EINVAL, "{{%.*s}} is neither {{.Name}} nor {{json .}}",
			    (int)(end - *p < 64 ? end - *p : 64), *p);
	*p = end + 2;
	return 0;
}

int out_check_format(const char *format, const struct out_field *fields, struct firn_error *err)
{
	struct firn_error why;
	struct action a;

	if (strcmp(format, "json") == 0)
		return 0;
	if (!strstr(format, "{{"))
		return fail(err, FIRN_EINVAL, "--format: \"%.64s\" is neither json nor a template",
			    format);
	for (const char *p = format; (p = strstr(p, "{{"));) {
		p += 2;
		if (parse_action(&p, fields, &a, &why) < 0)
			return fail(err, FIRN_EINVAL, "--format: %s", why.msg);
	}
	return 0;
}

/* One character of the text between actions. Returns how much of @p it took. */
static size_t template_char(FILE *f, const char *p)
{
	static const char escapes[] = "n\nt\t\\\\";

	if (p[0] == '\\' && p[1])
		for (const char *e = escapes; *e; e += 2)
			if (*e == p[1]) {
				fputc(e[1], f);
				return 2;
			}
	fputc(*p, f);
	return 1;
}

void out_result(FILE *f, const char *format, const struct out_field *fields,
		const union out_value *values)
{
	struct firn_error err;
	struct action a;

	if (strcmp(format, "json") == 0)
		format = "{{json .}}";
	for (const char *p = format; *p;) {
		if (p[0] != '{' || p[1] != '{') {
			p += template_char(f, p);
			continue;
		}
		p += 2;
		if (parse_action(&p, fields, &a, &err) < 0)
			return;
		if (a.all)
			json_object(f, fields, values);
		else if (a.json)
			json_value(f, fields[a.field].type, &values[a.field]);
		else
			plain_value(f, fields[a.field].type, &values[a.field]);
	}
	fputc('\n', f);
}

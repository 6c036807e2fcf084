/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes/value.h"

#include "base/fd.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_BYTES   65536u
#define CHUNK_ALIGN   8u
#define FORMATTED_MAX 512 /* bytes of what doc_add_format() prints */

struct chunk {
	struct chunk *next;
	size_t used, size;
	uint8_t bytes[];
};

struct doc {
	struct chunk *chunks; /* the newest first */
	size_t taken, max;
	bool oom, full;
};

struct firn_value {
	const char *name;
	struct firn_value *next;
	union {
		const char *text;
		int64_t number;
		struct firn_value *first;
	};
	uint32_t length; /* of a text */
	uint8_t type;    /* enum firn_value_type */
};

/* Lists and objects. */
struct holder {
	struct firn_value value;
	struct firn_value *last;
	struct holder *up;
};

int doc_new(size_t max, struct doc **ret, struct firn_error *err)
{
	struct doc *d = calloc(1, sizeof(*d));

	if (!d)
		return firn_fail_oom(err, "result");
	d->max = max;
	*ret = d;
	return 0;
}

struct doc *doc_free(struct doc *d)
{
	while (d && d->chunks) {
		struct chunk *c = d->chunks;

		d->chunks = c->next;
		free(c);
	}
	free(d);
	return NULL;
}

void doc_freep(struct doc **d)
{
	*d = doc_free(*d);
}

int doc_check(const struct doc *d, struct firn_error *err)
{
	if (d->oom)
		return firn_fail_oom(err, "result");
	if (d->full)
		return firn_fail(err, FIRN_ELIMIT, "there is more to tell than fits in %zu MiB",
				 d->max >> 20);
	return 0;
}

bool doc_good(const struct doc *d)
{
	return !d->oom && !d->full;
}

static bool add_chunk(struct doc *d, size_t want)
{
	const size_t size = want > CHUNK_BYTES ? want : CHUNK_BYTES;
	struct chunk *c;

	if (size > d->max - d->taken) {
		d->full = true;
		return false;
	}
	c = malloc(sizeof(*c) + size);
	if (!c) {
		d->oom = true;
		return false;
	}
	*c = (struct chunk){ .next = d->chunks, .size = size };
	d->chunks = c;
	d->taken += size;
	return true;
}

static void *take(struct doc *d, size_t n)
{
	struct chunk *c = d->chunks;
	void *p;

	if (!doc_good(d) || n > d->max)
		d->full = d->full || n > d->max;
	if (!doc_good(d))
		return NULL;
	n = (n + CHUNK_ALIGN - 1) & ~(size_t)(CHUNK_ALIGN - 1);
	if (!c || n > c->size - c->used) {
		if (!add_chunk(d, n))
			return NULL;
		c = d->chunks;
	}
	p = c->bytes + c->used;
	c->used += n;
	return p;
}

static struct firn_value *make(struct doc *d, enum firn_value_type type)
{
	const bool holds = type == FIRN_VALUE_LIST || type == FIRN_VALUE_OBJECT;
	const size_t size = holds ? sizeof(struct holder) : sizeof(struct firn_value);
	struct firn_value *v = take(d, size);

	if (!v)
		return NULL;
	memset(v, 0, size);
	v->type = (uint8_t)type;
	return v;
}

struct firn_value *doc_list(struct doc *d)
{
	return make(d, FIRN_VALUE_LIST);
}

struct firn_value *doc_object(struct doc *d)
{
	return make(d, FIRN_VALUE_OBJECT);
}

void doc_add(struct doc *d, struct firn_value *to, const char *name, struct firn_value *v)
{
	struct holder *h = (struct holder *)to;

	if (!doc_good(d) || !to || !v)
		return;
	v->name = name;
	if (h->last)
		h->last->next = v;
	else
		to->first = v;
	h->last = v;
	if (v->type == FIRN_VALUE_LIST || v->type == FIRN_VALUE_OBJECT)
		((struct holder *)v)->up = h;
}

static struct firn_value *add(struct doc *d, struct firn_value *to, const char *name,
			      enum firn_value_type type)
{
	struct firn_value *v = to ? make(d, type) : NULL;

	doc_add(d, to, name, v);
	return v;
}

struct firn_value *doc_add_list(struct doc *d, struct firn_value *to, const char *name)
{
	return add(d, to, name, FIRN_VALUE_LIST);
}

struct firn_value *doc_add_object(struct doc *d, struct firn_value *to, const char *name)
{
	return add(d, to, name, FIRN_VALUE_OBJECT);
}

const char *doc_copy(struct doc *d, const void *bytes, size_t n)
{
	char *p = n < UINT32_MAX ? take(d, n + 1) : NULL;

	if (!p)
		return NULL;
	memcpy(p, bytes, n);
	p[n] = '\0';
	return p;
}

static void add_text(struct doc *d, struct firn_value *to, const char *name, const char *text,
		     size_t n)
{
	struct firn_value *v = text && to ? make(d, FIRN_VALUE_TEXT) : NULL;

	if (!v)
		return;
	v->text = text;
	v->length = (uint32_t)n;
	doc_add(d, to, name, v);
}

void doc_add_bytes(struct doc *d, struct firn_value *to, const char *name, const void *bytes,
		   size_t n)
{
	if (to)
		add_text(d, to, name, doc_copy(d, bytes, n), n);
}

void doc_add_text(struct doc *d, struct firn_value *to, const char *name, const char *text)
{
	if (text)
		doc_add_bytes(d, to, name, text, strlen(text));
}

void doc_add_static(struct doc *d, struct firn_value *to, const char *name, const char *text)
{
	if (text)
		add_text(d, to, name, text, strlen(text));
}

void doc_add_format(struct doc *d, struct firn_value *to, const char *name, const char *fmt, ...)
{
	char text[FORMATTED_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	doc_add_text(d, to, name, text);
}

void doc_add_signed(struct doc *d, struct firn_value *to, const char *name, int64_t number)
{
	struct firn_value *v = add(d, to, name, FIRN_VALUE_NUMBER);

	if (v)
		v->number = number;
}

void doc_add_number(struct doc *d, struct firn_value *to, const char *name, uint64_t number)
{
	doc_add_signed(d, to, name, number > INT64_MAX ? INT64_MAX : (int64_t)number);
}

void doc_add_bool(struct doc *d, struct firn_value *to, const char *name, bool yes)
{
	struct firn_value *v = add(d, to, name, FIRN_VALUE_BOOL);

	if (v)
		v->number = yes;
}

bool value_empty(const struct firn_value *v)
{
	return !firn_value_first(v);
}

enum firn_value_type firn_value_type(const struct firn_value *v)
{
	return v ? (enum firn_value_type)v->type : FIRN_VALUE_NONE;
}

int64_t firn_value_number(const struct firn_value *v)
{
	const enum firn_value_type type = firn_value_type(v);

	return type == FIRN_VALUE_NUMBER || type == FIRN_VALUE_BOOL ? v->number : 0;
}

const char *firn_value_text(const struct firn_value *v)
{
	return firn_value_type(v) == FIRN_VALUE_TEXT ? v->text : NULL;
}

size_t firn_value_length(const struct firn_value *v)
{
	return firn_value_type(v) == FIRN_VALUE_TEXT ? v->length : 0;
}

const struct firn_value *firn_value_first(const struct firn_value *v)
{
	const enum firn_value_type type = firn_value_type(v);

	return type == FIRN_VALUE_LIST || type == FIRN_VALUE_OBJECT ? v->first : NULL;
}

const struct firn_value *firn_value_next(const struct firn_value *v)
{
	return v ? v->next : NULL;
}

const char *firn_value_name(const struct firn_value *v)
{
	return v ? v->name : NULL;
}

const struct firn_value *firn_value_get(const struct firn_value *v, const char *name)
{
	const struct firn_value *m = firn_value_first(v);

	while (m && (!m->name || strcmp(m->name, name) != 0))
		m = m->next;
	return m;
}

/* The printing. It goes up and down by hand: trees are as deep as their makers let them be. */
struct printer {
	int (*write)(const char *piece, size_t n, void *ctx);
	void *ctx;
	int indent, depth, rc;
};

static void put(struct printer *p, const char *piece, size_t n)
{
	if (p->rc == 0 && n)
		p->rc = p->write(piece, n, p->ctx);
}

static void puts_to(struct printer *p, const char *piece)
{
	put(p, piece, strlen(piece));
}

static void new_line(struct printer *p)
{
	static const char spaces[] = "                                ";
	int left = p->indent * p->depth;

	if (!p->indent)
		return;
	put(p, "\n", 1);
	for (; left > 0; left -= (int)sizeof(spaces) - 1)
		put(p, spaces, left < (int)sizeof(spaces) ? (size_t)left : sizeof(spaces) - 1);
}

/* Bytes of the UTF-8 character at @s of which @n are there (RFC 3629), 0 when it is none. */
static size_t utf8_length(const uint8_t *s, size_t n)
{
	const size_t len = s[0] < 0x80   ? 1
			   : s[0] < 0xc2 ? 0
			   : s[0] < 0xe0 ? 2
			   : s[0] < 0xf0 ? 3
			   : s[0] < 0xf5 ? 4
					 : 0;

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

static void print_text(struct printer *p, const char *text, size_t n)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t from = 0, at = 0;
	char escape[8];

	put(p, "\"", 1);
	while (at < n) {
		const size_t len = utf8_length(s + at, n - at);

		if (len && s[at] >= 0x20 && s[at] != '"' && s[at] != '\\' && s[at] != 0x7f) {
			at += len;
			continue;
		}
		put(p, text + from, at - from);
		if (len && (s[at] == '"' || s[at] == '\\'))
			snprintf(escape, sizeof(escape), "\\%c", s[at]);
		else
			snprintf(escape, sizeof(escape), "\\u%04x", len ? s[at] : 0xfffdu);
		puts_to(p, escape);
		from = ++at;
	}
	put(p, text + from, at - from);
	put(p, "\"", 1);
}

static void print_leaf(struct printer *p, const struct firn_value *v)
{
	char number[24];

	switch (firn_value_type(v)) {
	case FIRN_VALUE_NUMBER:
		snprintf(number, sizeof(number), "%lld", (long long)v->number);
		puts_to(p, number);
		break;
	case FIRN_VALUE_BOOL:
		puts_to(p, v->number ? "true" : "false");
		break;
	case FIRN_VALUE_TEXT:
		print_text(p, v->text, v->length);
		break;
	case FIRN_VALUE_LIST:
		puts_to(p, "[]");
		break;
	case FIRN_VALUE_OBJECT:
		puts_to(p, "{}");
		break;
	case FIRN_VALUE_NONE:
		puts_to(p, "null");
	}
}

/* Behind @v and everything it holds: the next value, or NULL when @top is through. */
static const struct firn_value *leave(struct printer *p, const struct firn_value *top,
				      const struct firn_value *v, const struct holder **in)
{
	while (v != top && !v->next) {
		v = &(*in)->value;
		*in = (*in)->up;
		p->depth--;
		new_line(p);
		put(p, v->type == FIRN_VALUE_LIST ? "]" : "}", 1);
	}
	if (v == top)
		return NULL;
	put(p, ",", 1);
	new_line(p);
	return v->next;
}

int firn_value_print(const struct firn_value *v, int indent,
		     int (*write)(const char *piece, size_t n, void *ctx), void *ctx)
{
	struct printer p = { .write = write, .ctx = ctx, .indent = indent > 0 ? indent : 0 };
	const struct firn_value *top = v;
	const struct holder *in = NULL;

	if (!v)
		print_leaf(&p, NULL);
	while (v && p.rc == 0) {
		if (v->name && v != top) {
			print_text(&p, v->name, strlen(v->name));
			puts_to(&p, p.indent ? ": " : ":");
		}
		if (firn_value_first(v)) {
			put(&p, v->type == FIRN_VALUE_LIST ? "[" : "{", 1);
			p.depth++;
			new_line(&p);
			in = (const struct holder *)v;
			v = v->first;
			continue;
		}
		print_leaf(&p, v);
		v = leave(&p, top, v, &in);
	}
	return p.rc;
}

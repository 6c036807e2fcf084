/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diff/section.h"

#include <string.h>

#define VALUE_BYTES 64 /* of a value in a doc, with its list's or object's share */

struct section section_begin(struct teller *t, const char *name)
{
	return (struct section){ .teller = t, .name = name, .entries = doc_list(t->doc) };
}

bool teller_room(struct teller *t, size_t bytes)
{
	t->told += bytes;
	return t->told <= TELLER_ROOM;
}

struct firn_value *section_entry(struct section *s, enum change how)
{
	static const char *const names[] = { "changed", "new", "gone" };
	struct firn_value *v;

	s->counts[how]++;
	if (!teller_room(s->teller, 2 * VALUE_BYTES)) {
		s->left_off++;
		return NULL;
	}
	v = doc_add_object(s->teller->doc, s->entries, NULL);
	doc_add_static(s->teller->doc, v, "change", names[how]);
	return v;
}

struct firn_value *section_end(struct section *s)
{
	struct teller *t = s->teller;
	struct firn_value *v = doc_add_object(t->doc, t->top, s->name);

	doc_add_number(t->doc, v, "equal", s->equal);
	doc_add_number(t->doc, v, "changed", s->counts[CHANGE_CHANGED]);
	doc_add_number(t->doc, v, "new", s->counts[CHANGE_NEW]);
	doc_add_number(t->doc, v, "gone", s->counts[CHANGE_GONE]);
	if (!value_empty(s->entries))
		doc_add(t->doc, v, "entries", s->entries);
	if (s->left_off)
		doc_add_number(t->doc, v, "left_off", s->left_off);
	for (size_t k = 0; k < CHANGE_COUNT; k++)
		t->differs |= s->counts[k] != 0;
	return v;
}

void teller_copy(struct teller *t, struct firn_value *to, const char *name,
		 const struct firn_value *v)
{
	struct firn_value *list;

	if (!v || !to || !teller_room(t, VALUE_BYTES + firn_value_length(v)))
		return;
	switch (firn_value_type(v)) {
	case FIRN_VALUE_BOOL:
		doc_add_bool(t->doc, to, name, firn_value_number(v) != 0);
		break;
	case FIRN_VALUE_NUMBER:
		doc_add_signed(t->doc, to, name, firn_value_number(v));
		break;
	case FIRN_VALUE_TEXT:
		doc_add_bytes(t->doc, to, name, firn_value_text(v), firn_value_length(v));
		break;
	case FIRN_VALUE_LIST:
		list = doc_add_list(t->doc, to, name);
		for (v = firn_value_first(v); v; v = firn_value_next(v))
			teller_copy(t, list, NULL, v);
		break;
	case FIRN_VALUE_OBJECT:
	case FIRN_VALUE_NONE:
		break;
	}
}

const struct firn_value *field_of(const struct field *f, const struct firn_value *of)
{
	return firn_value_get(f->object ? firn_value_get(of, f->object) : of, f->name);
}

bool values_equal(const struct firn_value *a, const struct firn_value *b)
{
	const enum firn_value_type type = firn_value_type(a);

	if (type != firn_value_type(b))
		return false;
	if (type == FIRN_VALUE_TEXT)
		return firn_value_length(a) == firn_value_length(b) &&
		       memcmp(firn_value_text(a), firn_value_text(b), firn_value_length(a)) == 0;
	if (type != FIRN_VALUE_LIST && type != FIRN_VALUE_OBJECT)
		return firn_value_number(a) == firn_value_number(b);
	a = firn_value_first(a);
	b = firn_value_first(b);
	while (a && b && values_equal(a, b)) {
		a = firn_value_next(a);
		b = firn_value_next(b);
	}
	return !a && !b;
}

/* checkpointctl's fields are there and empty then. */
static bool is_unknown(const struct firn_value *v)
{
	return !v || (firn_value_type(v) == FIRN_VALUE_TEXT && firn_value_length(v) == 0);
}

static bool differs(const struct field *f, const struct firn_value *a, const struct firn_value *b)
{
	const struct firn_value *x = field_of(f, a), *y = field_of(f, b);

	if ((f->flags & FIELD_IF_KNOWN) && (is_unknown(x) || is_unknown(y)))
		return false;
	return !values_equal(x, y);
}

size_t fields_differ(const struct field *fields, size_t n, const struct firn_value *a,
		     const struct firn_value *b)
{
	size_t found = 0;

	for (size_t k = 0; k < n; k++)
		found += differs(&fields[k], a, b);
	return found;
}

void fields_tell(struct teller *t, struct firn_value *to, const char *name,
		 const struct field *fields, size_t n, const struct firn_value *a,
		 const struct firn_value *b)
{
	struct firn_value *list = doc_add_list(t->doc, to, name), *v;

	for (size_t k = 0; k < n; k++) {
		const struct field *f = &fields[k];

		if (!list || !differs(f, a, b))
			continue;
		v = doc_add_object(t->doc, list, NULL);
		doc_add_static(t->doc, v, "field", f->shown ? f->shown : f->name);
		teller_copy(t, v, "a", field_of(f, a));
		teller_copy(t, v, "b", field_of(f, b));
		teller_room(t, 3 * VALUE_BYTES);
	}
}

void fields_copy(struct teller *t, struct firn_value *to, const struct field *fields, size_t n,
		 const struct firn_value *of)
{
	for (size_t k = 0; k < n; k++)
		teller_copy(t, to, fields[k].shown ? fields[k].shown : fields[k].name,
			    field_of(&fields[k], of));
}

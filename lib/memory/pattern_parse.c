/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of a regular expression into its pieces. */
#include "memory/pattern_priv.h"

#include <string.h>

struct parser {
	const uint8_t *text;
	size_t n, at;
	unsigned flags, depth;
	struct tree_of_nodes *tree;
	struct firn_error *err;
};

static int bad(const struct parser *p, const char *what)
{
	return firn_fail(p->err, FIRN_EINVAL, "regular expression, byte %zu: %s", p->at + 1, what);
}

static int add_node(struct parser *p, const struct node *node)
{
	struct tree_of_nodes *t = p->tree;

	if (t->n == PATTERN_NODES_MAX)
		return firn_fail(p->err, FIRN_ELIMIT, "regular expression: too long");
	t->nodes[t->n] = *node;
	t->top = t->n;
	return t->n++;
}

static int add_set(struct parser *p, const struct byte_set *set)
{
	struct node node = { .kind = NODE_SET, .set = *set };

	for (unsigned c = 'a'; (p->flags & PATTERN_IGNORE_CASE) && c <= 'z'; c++) {
		const unsigned upper = c - 'a' + 'A';

		if (set_has(set, (uint8_t)c) || set_has(set, (uint8_t)upper)) {
			set_add(&node.set, c);
			set_add(&node.set, upper);
		}
	}
	return add_node(p, &node);
}

static void add_range(struct byte_set *set, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to; c++)
		set_add(set, c);
}

/* All but those, and but what ends a text. */
static void invert(struct byte_set *set)
{
	for (size_t i = 0; i < sizeof(set->bits); i++)
		set->bits[i] ^= 0xff;
	set->bits[0] &= (uint8_t) ~(1u << 0);
	set->bits['\n' / 8] &= (uint8_t) ~(1u << ('\n' % 8));
}

/* ASCII's, whatever the locale. */
static bool add_class(struct byte_set *set, const char *name, size_t n)
{
	static const struct {
		const char *name, *ranges; /* pairs: first and last */
	} classes[] = {
		{ "alnum", "09AZaz" },   { "alpha", "AZaz" },
		{ "blank", "\t\t  " },   { "cntrl", "\1\37\177\177" },
		{ "digit", "09" },       { "graph", "!~" },
		{ "lower", "az" },       { "print", " ~" },
		{ "punct", "!/:@[`{~" }, { "space", "\t\r  " },
		{ "upper", "AZ" },       { "xdigit", "09AFaf" },
		{ "d", "09" },           { "w", "09AZ__az" },
		{ "s", "\t\r  " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		const uint8_t *r = (const uint8_t *)classes[i].ranges;

		if (strlen(classes[i].name) != n || memcmp(classes[i].name, name, n) != 0)
			continue;
		for (; *r; r += 2)
			add_range(set, r[0], r[1]);
		return true;
	}
	return false;
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What follows a backslash into @set; *ret_byte is the byte that it is, or -1 for a class. */
static int parse_escape(struct parser *p, struct byte_set *set, int *ret_byte)
{
	static const char letters[] = "ntrfva", bytes[] = "\n\t\r\f\v\a";
	const char *letter;
	struct byte_set class = { 0 };
	uint8_t c, lower;

	if (p->at == p->n)
		return bad(p, "nothing behind the backslash");
	c = p->text[p->at++];
	lower = c | 0x20;
	*ret_byte = c;
	letter = c ? strchr(letters, c) : NULL;
	if (letter) {
		*ret_byte = bytes[letter - letters];
	} else if (c == 'x') {
		const int high = p->n - p->at >= 2 ? hex_digit(p->text[p->at]) : -1;
		const int low = high >= 0 ? hex_digit(p->text[p->at + 1]) : -1;

		if (low < 0)
			return bad(p, "\\x wants two hexadecimal digits");
		*ret_byte = high << 4 | low;
		p->at += 2;
	} else if (lower == 'd' || lower == 'w' || lower == 's') {
		add_class(&class, (const char *)&lower, 1);
		if (c != lower)
			invert(&class);
		for (size_t i = 0; i < sizeof(set->bits); i++)
			set->bits[i] |= class.bits[i];
		*ret_byte = -1;
	} else if ((c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z')) {
		return bad(p, "there is no such escape");
	}
	if (*ret_byte >= 0)
		set_add(set, (unsigned)*ret_byte);
	return 0;
}

/* One byte of a bracket expression, or a class: *ret_byte is -1 then. */
static int parse_in_brackets(struct parser *p, struct byte_set *set, int *ret_byte)
{
	const uint8_t c = p->text[p->at];
	const uint8_t *name = p->text + p->at + 2, *end;

	if (c == '[' && p->n - p->at > 2 && p->text[p->at + 1] == ':') {
		end = memchr(name, ':', p->n - p->at - 2);
		if (!end || end + 1 == p->text + p->n || end[1] != ']' ||
		    !add_class(set, (const char *)name, (size_t)(end - name)) || end - name == 1)
			return bad(p, "there is no such class");
		p->at = (size_t)(end + 2 - p->text);
		*ret_byte = -1;
		return 0;
	}
	if (c == '[' && p->n - p->at > 1 && (name[-1] == '.' || name[-1] == '='))
		return bad(p, "there is no such class");
	p->at++;
	if (c == '\\')
		return parse_escape(p, set, ret_byte);
	set_add(set, c);
	*ret_byte = c;
	return 0;
}

/* Behind the opening bracket. */
static int parse_brackets(struct parser *p)
{
	const bool inverted = p->at < p->n && p->text[p->at] == '^';
	struct byte_set set = { 0 };
	int from, to, rc;

	p->at += inverted;
	for (bool first = true;; first = false) {
		if (p->at == p->n)
			return bad(p, "a bracket is open");
		if (!first && p->text[p->at] == ']')
			break;
		rc = parse_in_brackets(p, &set, &from);
		if (rc < 0)
			return rc;
		if (from < 0 || p->n - p->at < 2 || p->text[p->at] != '-' ||
		    p->text[p->at + 1] == ']')
			continue;
		p->at++;
		rc = parse_in_brackets(p, &set, &to);
		if (rc < 0)
			return rc;
		if (to < from)
			return bad(p, "a range goes down");
		add_range(&set, (unsigned)from, (unsigned)to);
	}
	p->at++;
	if (inverted && (p->flags & PATTERN_IGNORE_CASE)) {
		/* Both cases of what isn't wanted have to go. */
		for (unsigned c = 'a'; c <= 'z'; c++)
			if (set_has(&set, (uint8_t)c) || set_has(&set, (uint8_t)(c - 32))) {
				set_add(&set, c);
				set_add(&set, c - 32);
			}
	}
	if (inverted)
		invert(&set);
	return add_set(p, &set);
}

static int parse_or(struct parser *p);

static int parse_group(struct parser *p)
{
	int rc;

	if (++p->depth > PATTERN_DEPTH_MAX)
		return bad(p, "too many groups in groups");
	rc = parse_or(p);
	if (rc < 0)
		return rc;
	if (p->at == p->n)
		return bad(p, "a parenthesis is open");
	p->at++;
	p->depth--;
	return rc;
}

/* Behind @c. */
static int parse_atom(struct parser *p, uint8_t c)
{
	struct byte_set set = { 0 };
	int byte, rc;

	switch (c) {
	case '(':
		return parse_group(p);
	case '[':
		return parse_brackets(p);
	case '\\':
		rc = parse_escape(p, &set, &byte);
		return rc < 0 ? rc : add_set(p, &set);
	case '.':
		invert(&set);
		return add_set(p, &set);
	case '^':
	case '$':
		return bad(p, "memory has no lines that ^ and $ could stand for");
	case '*':
	case '+':
	case '?':
	case '{':
		return bad(p, "there is nothing to repeat");
	default:
		set_add(&set, c);
		return add_set(p, &set);
	}
}

static bool parse_count(struct parser *p, uint16_t *ret)
{
	const size_t begin = p->at;
	unsigned v = 0;

	while (p->at < p->n && p->text[p->at] >= '0' && p->text[p->at] <= '9' &&
	       v <= PATTERN_REPEAT_MAX)
		v = v * 10 + (p->text[p->at++] - '0');
	*ret = (uint16_t)v;
	return p->at > begin && v <= PATTERN_REPEAT_MAX;
}

/* Behind the opening brace. */
static int parse_braces(struct parser *p, struct node *node)
{
	bool good = parse_count(p, &node->min);

	node->max = node->min;
	if (good && p->at < p->n && p->text[p->at] == ',') {
		p->at++;
		node->max = PATTERN_INFINITE;
		if (p->at < p->n && p->text[p->at] != '}')
			good = parse_count(p, &node->max);
	}
	if (!good || p->at == p->n || p->text[p->at] != '}' || node->max < node->min)
		return bad(p, "{ wants {m}, {m,} or {m,n}, up to 255");
	p->at++;
	return 0;
}

static int parse_repeated(struct parser *p)
{
	int rc = parse_atom(p, p->text[p->at++]);

	while (rc >= 0 && p->at < p->n && strchr("*+?{", p->text[p->at]) && p->text[p->at]) {
		struct node node = { .kind = NODE_REPEAT, .left = (uint16_t)rc };
		const uint8_t how = p->text[p->at++];

		node.min = how == '+';
		node.max = how == '?' ? 1 : PATTERN_INFINITE;
		rc = how == '{' ? parse_braces(p, &node) : 0;
		if (rc == 0)
			rc = add_node(p, &node);
	}
	return rc;
}

static int parse_then(struct parser *p)
{
	int left = -1, rc;

	while (p->at < p->n && p->text[p->at] != '|' && (p->text[p->at] != ')' || !p->depth)) {
		rc = parse_repeated(p);
		if (rc >= 0 && left >= 0)
			rc = add_node(p, &(const struct node){ .kind = NODE_THEN,
							       .left = (uint16_t)left,
							       .right = (uint16_t)rc });
		if (rc < 0)
			return rc;
		left = rc;
	}
	return left >= 0 ? left : bad(p, "there is nothing");
}

static int parse_or(struct parser *p)
{
	int left = parse_then(p);

	while (left >= 0 && p->at < p->n && p->text[p->at] == '|') {
		int right;

		p->at++;
		right = parse_then(p);
		if (right < 0)
			return right;
		left = add_node(p, &(const struct node){ .kind = NODE_OR,
							 .left = (uint16_t)left,
							 .right = (uint16_t)right });
	}
	return left;
}

static int parse_bytes(struct parser *p)
{
	int left = -1;

	for (p->at = 0; p->at < p->n; p->at++) {
		struct byte_set set = { 0 };
		int rc;

		set_add(&set, p->text[p->at]);
		rc = add_set(p, &set);
		if (rc >= 0 && left >= 0)
			rc = add_node(p, &(const struct node){ .kind = NODE_THEN,
							       .left = (uint16_t)left,
							       .right = (uint16_t)rc });
		if (rc < 0)
			return rc;
		left = rc;
	}
	return left;
}

int pattern_parse(const uint8_t *text, size_t n, unsigned flags, struct tree_of_nodes *t,
		  struct firn_error *err)
{
	struct parser p = { .text = text, .n = n, .flags = flags, .tree = t, .err = err };
	int top;

	if (n == 0)
		return firn_fail(err, FIRN_EINVAL, "there is nothing to search for");
	if (n > PATTERN_TEXT_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d bytes to search for",
				 PATTERN_TEXT_MAX);
	top = flags & PATTERN_REGEX ? parse_or(&p) : parse_bytes(&p);
	if (top < 0)
		return top;
	t->top = (uint16_t)top;
	return 0;
}

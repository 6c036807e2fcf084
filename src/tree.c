/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree.h"

#include "out.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void tree_done(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->lines[i].text);
	free(t->lines);
	*t = (struct tree){ 0 };
}

static bool make_room(struct tree *t)
{
	const size_t room = t->room ? 2 * t->room : 64;
	struct tree_line *grown;

	if (t->n < t->room)
		return true;
	grown = reallocarray(t->lines, room, sizeof(*grown));
	if (!grown)
		return false;
	t->lines = grown;
	t->room = room;
	return true;
}

void tree_add(struct tree *t, unsigned depth, const char *fmt, ...)
{
	struct tree_line line = { .depth = depth };
	va_list ap;
	int len;

	if (t->failed || depth > TREE_DEPTH_MAX)
		return;
	va_start(ap, fmt);
	len = vasprintf(&line.text, fmt, ap);
	va_end(ap);
	if (len < 0 || !make_room(t)) {
		if (len >= 0)
			free(line.text);
		t->failed = true;
		return;
	}
	t->lines[t->n++] = line;
}

/* A line is its branch's last when no other of its depth comes before one that is less deep. */
static void find_last(struct tree *t)
{
	bool seen[TREE_DEPTH_MAX + 2] = { false };

	for (size_t i = t->n; i-- > 0;) {
		struct tree_line *l = &t->lines[i];

		l->last = !seen[l->depth];
		seen[l->depth] = true;
		for (unsigned d = l->depth + 1; d < TREE_DEPTH_MAX + 2 && seen[d]; d++)
			seen[d] = false;
	}
}

void tree_print(FILE *f, struct tree *t)
{
	bool open[TREE_DEPTH_MAX + 2] = { false };

	find_last(t);
	for (size_t i = 0; i < t->n; i++) {
		const struct tree_line *l = &t->lines[i];

		for (unsigned d = 1; d < l->depth; d++)
			fputs(open[d] ? "│   " : "    ", f);
		if (l->depth)
			fputs(l->last ? "└── " : "├── ", f);
		open[l->depth] = !l->last;
		/* Lines are ours alone to end. */
		for (char *p = l->text; (p = strchr(p, '\n'));)
			*p = ' ';
		out_safe(f, l->text);
		fputc('\n', f);
	}
}

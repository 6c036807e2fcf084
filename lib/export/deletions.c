/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export/deletions.h"

#include "base/fd.h"
#include "base/path.h"
#include "export/walk.h"
#include "format/deleted.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct list {
	char **paths;
	size_t n, room;
	size_t bytes; /* of all of them as JSON, at least */
};

static void list_done(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->paths[i]);
	free(l->paths);
}

static int list_add(struct list *l, const char *path, struct firn_error *err)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		char **paths = realloc(l->paths, room * sizeof(*paths));

		if (!paths)
			return firn_fail_oom(err, "deletions");
		l->paths = paths;
		l->room = room;
	}
	/* What nobody could read again isn't written: the build has the same limits. */
	l->bytes += strlen(path) + sizeof("  \"/\",\n");
	if (l->bytes > DELETED_BYTES_MAX || l->n == DELETED_PATHS_MAX)
		return firn_fail(err, FIRN_ELIMIT,
				 "more than %u deleted files, or %u bytes of "
				 "their names",
				 DELETED_PATHS_MAX, DELETED_BYTES_MAX);
	l->paths[l->n] = strdup(path);
	if (!l->paths[l->n])
		return firn_fail_oom(err, "deletions");
	l->n++;
	return 0;
}

/*
 * Below the folder @top, which hides all of the base: name what the delta hasn't got. A folder in
 * both is gone through in turn, since unpacking it wouldn't empty it; anything else is replaced.
 */
static int hide_base(struct list *l, const struct tree *delta, struct node *top,
		     struct firn_error *err)
{
	_cleanup_(walk_done) struct walk w = { 0 };
	struct node *n;
	int rc = walk_begin(&w, top, err);

	while (rc >= 0 && (rc = walk_step(&w, &n, err)) > 0) {
		const char *path = (char *)w.path.data;
		const struct node *now = tree_find(delta, path);

		if (now && S_ISDIR(now->mode) && S_ISDIR(n->mode))
			continue;
		w.last = NULL; /* not into it: it goes as a whole */
		rc = now ? 0 : list_add(l, path, err);
	}
	return rc;
}

static int add_opaque(struct list *l, const struct tree *delta, const struct tree *base,
		      const struct node *n, const char *path, struct work *w,
		      struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	struct node *below = base ? tree_find(base, path) : NULL;

	if (below)
		return S_ISDIR(below->mode) ? hide_base(l, delta, below, err) : 0;
	if (base)
		return 0;
	if (n->nchildren)
		work_warn(w,
			  "without the base's layers it isn't known what folder %s hides: the "
			  "engine will remove it with what is in it",
			  path_quote(path, quoted));
	return *path ? list_add(l, path, err) : 0;
}

static int collect(struct list *l, const struct tree *delta, const struct tree *base,
		   struct work *w, struct firn_error *err)
{
	_cleanup_(walk_done) struct walk walk = { 0 };
	struct node *n = delta->root;
	int rc = n->opaque ? add_opaque(l, delta, base, n, "", w, err) : 0;

	if (rc == 0)
		rc = walk_begin(&walk, delta->root, err);
	while (rc >= 0 && (rc = walk_step(&walk, &n, err)) > 0) {
		const char *path = (char *)walk.path.data;

		if (n->whiteout)
			rc = list_add(l, path, err);
		else if (n->opaque && S_ISDIR(n->mode))
			rc = add_opaque(l, delta, base, n, path, w, err);
	}
	return rc;
}

/* Bytes of the UTF-8 character that begins at @s, 0 when it is none (RFC 3629 section 4). */
static size_t character(const unsigned char *s)
{
	const unsigned char c = s[0];
	size_t n = c < 0x80                ? 1
		   : c >= 0xc2 && c < 0xe0 ? 2
		   : (c & 0xf0) == 0xe0    ? 3
		   : c >= 0xf0 && c < 0xf5 ? 4
					   : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) ||
	    (c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* As Go's encoding/json with its escapes for HTML. True when bytes were no UTF-8. */
static bool put_string(struct buf *out, const char *text)
{
	bool lossy = false;
	size_t n;

	buf_puts(out, "\"");
	for (const unsigned char *s = (const unsigned char *)text; *s; s += n) {
		n = character(s);
		if (n == 0) {
			buf_puts(out, "\\ufffd");
			lossy = true;
			n = 1;
		} else if (n > 1) {
			buf_put(out, s, n); /* U+2028 and U+2029 need no escape in JSON */
		} else if (*s == '"' || *s == '\\') {
			buf_printf(out, "\\%c", *s);
		} else if (*s == '\n' || *s == '\r' || *s == '\t') {
			buf_printf(out, "\\%c", *s == '\n' ? 'n' : *s == '\r' ? 'r' : 't');
		} else if (*s < 0x20 || *s == '<' || *s == '>' || *s == '&') {
			buf_printf(out, "\\u%04x", *s);
		} else {
			buf_put(out, s, 1);
		}
	}
	buf_puts(out, "\"");
	return lossy;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int deletions_print(const struct tree *delta, const struct tree *base, struct work *w,
		    struct buf *ret, struct firn_error *err)
{
	_cleanup_(list_done) struct list l = { 0 };
	char quoted[PATH_QUOTE_MAX];
	int rc = collect(&l, delta, base, w, err);

	if (rc < 0 || !l.n)
		return rc;
	qsort(l.paths, l.n, sizeof(*l.paths), by_text);
	buf_puts(ret, "[");
	for (size_t i = 0; i < l.n; i++) {
		_free_ char *absolute = NULL;

		if (i && strcmp(l.paths[i], l.paths[i - 1]) == 0)
			continue; /* two folders above it hide it */
		if (asprintf(&absolute, "/%s", l.paths[i]) < 0)
			return firn_fail_oom(err, "deletions");
		buf_puts(ret, i ? ",\n  " : "\n  ");
		if (put_string(ret, absolute))
			work_warn(w,
				  "the name of the deleted %s is no UTF-8: the engine won't find "
				  "it and keeps the file",
				  path_quote(absolute, quoted));
	}
	buf_puts(ret, "\n]");
	return buf_check(ret, err);
}

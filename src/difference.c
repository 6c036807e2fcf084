/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "difference.h"

#include "show.h"
#include "tree.h"

#include <inttypes.h>
#include <string.h>

#define LABEL_MAX 512 /* bytes of what an entry is called; what is longer is cut */

#define each(member, list)                                                                         \
	for (const struct firn_value *member = firn_value_first(list); member;                     \
	     member = firn_value_next(member))

static const struct firn_value *get(const struct firn_value *v, const char *name)
{
	return firn_value_get(v, name);
}

static const char *text(const struct firn_value *v, const char *name)
{
	const char *t = firn_value_text(get(v, name));

	return t ? t : "";
}

static int64_t number(const struct firn_value *v, const char *name)
{
	return firn_value_number(get(v, name));
}

uint64_t difference_count(const struct firn_value *section)
{
	uint64_t n = 0;

	if (firn_value_type(section) != FIRN_VALUE_LIST)
		return (uint64_t)(number(section, "changed") + number(section, "new") +
				  number(section, "gone"));
	each(v, section) n++;
	return n;
}

/* Abstract addresses begin with a NUL, shown as ss(8) does; other NULs end the text. */
static const char *readable(const struct firn_value *v, char ret[LABEL_MAX])
{
	const char *t = firn_value_text(v);
	size_t used = 0;

	switch (firn_value_type(v)) {
	case FIRN_VALUE_NONE:
		return "nothing";
	case FIRN_VALUE_BOOL:
		return firn_value_number(v) ? "yes" : "no";
	case FIRN_VALUE_NUMBER:
		snprintf(ret, LABEL_MAX, "%" PRId64, firn_value_number(v));
		return ret;
	case FIRN_VALUE_TEXT:
		if (firn_value_length(v) == 0)
			return "\"\"";
		snprintf(ret, LABEL_MAX, "%s%s", *t ? "" : "@", *t ? t : t + 1);
		return ret;
	default:
		break;
	}
	ret[0] = '\0';
	each(item, v)
	{
		const char *word = firn_value_text(item) ? firn_value_text(item) : "";
		const size_t len = strlen(word);

		if (len + 2 > LABEL_MAX - used)
			break;
		used +=
		    (size_t)snprintf(ret + used, LABEL_MAX - used, "%s%s", used ? "," : "", word);
	}
	return *ret ? ret : "none";
}

static void show_change(struct tree *t, unsigned depth, const struct firn_value *c)
{
	const struct firn_value *a = get(c, "a"), *b = get(c, "b");
	char x[LABEL_MAX], y[LABEL_MAX];

	if (!a && !b)
		tree_add(t, depth, "%s", text(c, "field")); /* that is all there is to say */
	else
		tree_add(t, depth, "%s: %s -> %s", text(c, "field"), readable(a, x),
			 readable(b, y));
}

static void of_process(const struct firn_value *e, char ret[LABEL_MAX])
{
	const char *name = *text(e, "cmdline") ? text(e, "cmdline") : text(e, "command");

	if (number(e, "pid_b"))
		snprintf(ret, LABEL_MAX, "[%" PRId64 " -> %" PRId64 "] %s", number(e, "pid"),
			 number(e, "pid_b"), name);
	else
		snprintf(ret, LABEL_MAX, "[%" PRId64 "] %s", number(e, "pid"), name);
}

static void of_file(const struct firn_value *e, char ret[LABEL_MAX])
{
	snprintf(ret, LABEL_MAX, "[%" PRId64 "] %s: %s", number(e, "pid"), text(e, "fd"),
		 *text(e, "name") ? text(e, "name") : text(e, "path"));
}

static void of_socket(const struct firn_value *e, char ret[LABEL_MAX])
{
	char address[LABEL_MAX / 2];
	char full[LABEL_MAX];

	if (get(e, "src_port"))
		snprintf(address, sizeof(address), "%s:%" PRId64 " -> %s:%" PRId64, text(e, "src"),
			 number(e, "src_port"), text(e, "dst"), number(e, "dst_port"));
	else
		snprintf(address, sizeof(address), "%.200s",
			 get(e, "address") ? readable(get(e, "address"), full) : "");
	snprintf(ret, LABEL_MAX, "[%" PRId64 "] fd %" PRId64 ": %s%s%s %s %s", number(e, "pid"),
		 number(e, "fd"), text(e, "family"), *text(e, "protocol") ? " " : "",
		 text(e, "protocol"), text(e, "socket_state"), address);
}

static void of_mount(const struct firn_value *e, char ret[LABEL_MAX])
{
	snprintf(ret, LABEL_MAX, "%s%s: %s from %s", text(e, "destination"), text(e, "mountpoint"),
		 text(e, "type"), text(e, "source"));
}

static void of_variable(const struct firn_value *e, char ret[LABEL_MAX])
{
	char a[LABEL_MAX], b[LABEL_MAX];
	const char *x = readable(get(e, "a"), a), *y = readable(get(e, "b"), b);

	if (get(e, "a") && get(e, "b"))
		snprintf(ret, LABEL_MAX, "[%" PRId64 "] %s: %.200s -> %.200s", number(e, "pid"),
			 text(e, "name"), x, y);
	else
		snprintf(ret, LABEL_MAX, "[%" PRId64 "] %s: %s", number(e, "pid"), text(e, "name"),
			 get(e, "a") ? x : y);
}

static void of_path(const struct firn_value *e, char ret[LABEL_MAX])
{
	char size[SHOW_BYTES_MAX];

	if (get(e, "size"))
		snprintf(ret, LABEL_MAX, "%.400s (%s, %s)", text(e, "path"), text(e, "type"),
			 show_bytes(number(e, "size"), size));
	else if (get(e, "type"))
		snprintf(ret, LABEL_MAX, "%.400s (%s)", text(e, "path"), text(e, "type"));
	else
		snprintf(ret, LABEL_MAX, "%s", text(e, "path"));
}

static void show_section(struct tree *t, const struct firn_value *s, const char *label,
			 void (*name)(const struct firn_value *e, char ret[LABEL_MAX]))
{
	char shown[LABEL_MAX];

	if (!s || difference_count(s) == 0)
		return;
	tree_add(
	    t, 1, "%s: %" PRId64 " equal, %" PRId64 " changed, %" PRId64 " new, %" PRId64 " gone",
	    label, number(s, "equal"), number(s, "changed"), number(s, "new"), number(s, "gone"));
	each(e, get(s, "entries"))
	{
		name(e, shown);
		tree_add(t, 2, "%s %s", text(e, "change"), shown);
		each(c, get(e, "changes")) show_change(t, 3, c);
	}
	if (number(s, "left_off"))
		tree_add(t, 2, "and %" PRId64 " more", number(s, "left_off"));
}

static void show_origin(struct tree *t, const struct firn_value *all)
{
	if (!firn_value_first(get(all, "origin")))
		return;
	tree_add(t, 1, "Origin");
	each(c, get(all, "origin")) show_change(t, 2, c);
}

static void show_sections(struct tree *t, const struct firn_value *all)
{
	static const struct {
		const char *name, *label;
		void (*shown)(const struct firn_value *e, char ret[LABEL_MAX]);
	} sections[] = {
		{ "processes", "Processes", of_process },
		{ "files", "Open files", of_file },
		{ "sockets", "Sockets", of_socket },
		{ "mounts", "Mounts of the runtime", of_mount },
		{ "mountpoints", "Mounts at the dump", of_mount },
		{ "environment", "Environment variables", of_variable },
		{ "delta", "Filesystem delta", of_path },
	};

	for (size_t k = 0; k < ARRAY_SIZE(sections); k++) {
		const struct firn_value *s = get(all, sections[k].name);

		show_section(t, s, sections[k].label, sections[k].shown);
		if (get(s, "uncompared"))
			tree_add(t, 1, "%s: not compared: %s", sections[k].label,
				 text(s, "uncompared"));
	}
}

static void show_pages(struct tree *t, unsigned depth, const char *label,
		       const struct firn_value *v)
{
	tree_add(
	    t, depth,
	    "%s: %" PRId64 " pages equal, %" PRId64 " changed, %" PRId64 " new, %" PRId64 " gone",
	    label, number(v, "equal"), number(v, "changed"), number(v, "new"), number(v, "gone"));
	if (number(v, "moved"))
		tree_add(t, depth + 1, "of these A has at other addresses: %" PRId64,
			 number(v, "moved"));
	if (number(v, "unknown"))
		tree_add(t, depth + 1, "not in the checkpoints: %" PRId64, number(v, "unknown"));
}

static void show_memory(struct tree *t, const struct firn_value *all)
{
	const struct firn_value *m = get(all, "memory"), *w = get(all, "weight");
	char x[SHOW_BYTES_MAX], y[SHOW_BYTES_MAX], z[SHOW_BYTES_MAX], shown[LABEL_MAX];

	if (m)
		show_pages(t, 1, "Memory", m);
	each(p, get(m, "processes"))
	{
		of_process(p, shown);
		show_pages(t, 2, shown, p);
	}
	if (number(m, "left_off"))
		tree_add(t, 2, "and %" PRId64 " more", number(m, "left_off"));
	if (w)
		tree_add(t, 1, "B over A: %s (memory %s, filesystem %s, the rest images)",
			 show_bytes(number(w, "total"), x), show_bytes(number(w, "memory"), y),
			 show_bytes(number(w, "filesystem"), z));
}

bool difference_show(FILE *f, const struct firn_value *all)
{
	_cleanup_(tree_done) struct tree t = { 0 };

	tree_add(&t, 0, "%s -> %s%s", text(get(all, "a"), "checkpoint"),
		 text(get(all, "b"), "checkpoint"),
		 number(all, "equal")       ? ": no differences"
		 : number(all, "uncertain") ? ": not all of it could be compared"
					    : "");
	show_origin(&t, all);
	show_sections(&t, all);
	show_memory(&t, all);
	tree_print(f, &t);
	return !t.failed;
}

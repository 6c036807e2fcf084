/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/mountinfo.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static void entry_done(struct mountinfo_entry *e)
{
	free(e->target);
	free(e->fstype);
	free(e->source);
}

void mountinfo_done(struct mountinfo *m)
{
	for (size_t i = 0; i < m->count; i++)
		entry_done(&m->entries[i]);
	free(m->entries);
	*m = (struct mountinfo){ 0 };
}

static bool is_octal(const char *p)
{
	return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' &&
	       p[2] <= '7';
}

/* Undo the kernel's mangling: blank, tab, newline, backslash and '#' are \ooo (seq_path). */
static void unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at;) {
		if (at[0] == '\\' && is_octal(at + 1)) {
			*to++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
			at += 4;
		} else {
			*to++ = *at++;
		}
	}
	*to = '\0';
}

/* The next field of a line, not NUL-ended; NULL at the end of the line. */
static const char *next_field(const char **at, const char *end, size_t *ret_len)
{
	const char *begin = *at;
	const char *blank = memchr(begin, ' ', (size_t)(end - begin));

	*ret_len = (size_t)((blank ? blank : end) - begin);
	*at = blank ? blank + 1 : end;
	return *ret_len ? begin : NULL;
}

static bool copy_field(const char *field, size_t len, char **ret)
{
	*ret = strndup(field, len);
	if (*ret)
		unescape(*ret);
	return *ret != NULL;
}

/*
 * "36 35 98:0 /root /target rw,noatime master:1 - ext3 /dev/root rw": optional fields end at the
 * field "-". 0, -FIRN_ECORRUPT or -FIRN_ENOMEM.
 */
static int parse_line(const char *at, const char *end, struct mountinfo_entry *ret)
{
	const char *field;
	size_t len;
	char *stop;

	for (unsigned i = 0; (field = next_field(&at, end, &len)); i++) {
		if (i == 0 || i == 1) {
			unsigned long long n = strtoull(field, &stop, 10);

			if (stop != field + len || *field == '-')
				return -FIRN_ECORRUPT;
			*(i ? &ret->parent : &ret->id) = n;
		} else if (i == 4) {
			if (*field != '/')
				return -FIRN_ECORRUPT;
			if (!copy_field(field, len, &ret->target))
				return -FIRN_ENOMEM;
		} else if (i >= 6 && len == 1 && *field == '-') {
			field = next_field(&at, end, &len);
			if (!field)
				return -FIRN_ECORRUPT;
			if (!copy_field(field, len, &ret->fstype))
				return -FIRN_ENOMEM;
			/* It may be empty. */
			field = next_field(&at, end, &len);
			return copy_field(field ? field : "", len, &ret->source) ? 0 : -FIRN_ENOMEM;
		}
	}
	return -FIRN_ECORRUPT;
}

static int append_line(struct mountinfo *m, size_t *room, const char *at, const char *end,
		       struct firn_error *err)
{
	struct mountinfo_entry e = { 0 }, *grown;
	int rc;

	if (!m->entries || m->count == *room) {
		*room = *room ? *room * 2 : 64;
		grown = realloc(m->entries, *room * sizeof(*grown));
		if (!grown)
			return firn_fail_oom(err, "mountinfo");
		m->entries = grown;
	}
	rc = parse_line(at, end, &e);
	if (rc < 0) {
		entry_done(&e);
		if (rc == -FIRN_ENOMEM)
			return firn_fail_oom(err, "mountinfo");
		return firn_fail(err, FIRN_ECORRUPT, "mountinfo line %zu makes no sense",
				 m->count + 1);
	}
	m->entries[m->count++] = e;
	return 0;
}

int mountinfo_parse(const char *text, struct mountinfo *ret, struct firn_error *err)
{
	_cleanup_(mountinfo_done) struct mountinfo m = { 0 };
	size_t room = 0;
	int rc;

	while (*text) {
		const char *end = strchrnul(text, '\n');

		rc = append_line(&m, &room, text, end, err);
		if (rc < 0)
			return rc;
		text = *end ? end + 1 : end;
	}
	*ret = m;
	m = (struct mountinfo){ 0 };
	return 0;
}

int mountinfo_read(struct mountinfo *ret, struct firn_error *err)
{
	_fd_ int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	_free_ char *text = NULL;
	int rc;

	if (fd < 0)
		return firn_fail_errno(err, "open /proc/self/mountinfo");
	rc = fd_read_all(fd, MOUNTINFO_BYTES_MAX, &text, NULL, err);
	if (rc < 0)
		return firn_wrap(err, rc, "/proc/self/mountinfo");
	return mountinfo_parse(text, ret, err);
}

bool mountinfo_covers(const char *top, const char *path)
{
	size_t n = strlen(top);

	return strncmp(top, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool is_covering(const struct mountinfo *m, const struct mountinfo_entry *e)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->entries[i].id == e->parent)
			return strcmp(m->entries[i].target, e->target) == 0;
	return false;
}

bool mountinfo_shows(const struct mountinfo *m, const char *path, const char *fstype,
		     const char *source)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct mountinfo_entry *e = &m->entries[i];

		if (strcmp(e->target, path) == 0 && strcmp(e->fstype, fstype) == 0 &&
		    strcmp(e->source, source) == 0 && !is_covering(m, e))
			return true;
	}
	return false;
}

static int compare_lengths(const void *a, const void *b)
{
	size_t x = strlen(((const struct mountinfo_entry *)a)->target);
	size_t y = strlen(((const struct mountinfo_entry *)b)->target);

	return (x < y) - (x > y);
}

void mountinfo_select(struct mountinfo *m, const char *const *tops, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->count; i++) {
		bool keep = false;

		for (size_t t = 0; t < n && !keep; t++)
			keep = mountinfo_covers(tops[t], m->entries[i].target);
		if (keep)
			m->entries[kept++] = m->entries[i];
		else
			entry_done(&m->entries[i]);
	}
	m->count = kept;
	if (kept)
		qsort(m->entries, kept, sizeof(*m->entries), compare_lengths);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A search goes through the memory with a window over what lies one behind the other, whatever runs
 * and areas it is made of. What could be the beginning of a match or the context of one stays in
 * the window when it moves on.
 */
#include "memory/look.h"

#include "base/fd.h"

#include <inttypes.h>
#include <string.h>

#define WINDOW_BYTES (1u << 20)
/* A match that begins before this much of the window is all in it, and what follows it. */
#define TAIL_BYTES (2 * PATTERN_MATCH_MAX + MEMORY_CONTEXT_MAX)
#define SKIP_BYTES (64u << 10) /* zeros that are worth passing over */
/* What a match takes in the result besides its bytes, as bytes/value.c has it; and its context. */
#define MATCH_BYTES   280
#define CONTEXT_BYTES 80

struct search {
	struct process *process;
	struct pattern *pattern;
	struct doc *doc;
	struct firn_value *list;
	uint64_t left; /* matches that are told yet */
	bool more;     /* there are others */
	size_t *texts;
	const char *path; /* of the area that the match before was in */
	size_t area;      /* SIZE_MAX: there was none */
	bool skips_zeros; /* no match begins with one */
	bool in_zeros;    /* zeros alone are a match */
	uint8_t *bytes;   /* WINDOW_BYTES */
	size_t len;
	uint64_t base; /* address of bytes[0] */
	size_t from;   /* where the search goes on */
};

/* A copy that all matches in the area share. */
static const char *path_of(struct search *s, size_t area)
{
	const char *path =
	    mapped_path(&s->process->mapped, &space_mm(s->process->space)->areas[area]);
	const size_t len = path ? strlen(path) : 0;

	if (area == s->area)
		return s->path;
	s->area = area;
	*s->texts += len;
	s->path = path ? doc_copy(s->doc, path, len) : NULL;
	return s->path;
}

static void tell_place(struct search *s, struct firn_value *v, uint64_t address)
{
	const struct criu_mm *mm = space_mm(s->process->space);
	size_t k = 0, to = mm->nareas;

	while (k < to) {
		const size_t mid = k + (to - k) / 2;

		if (mm->areas[mid].end <= address)
			k = mid + 1;
		else
			to = mid;
	}
	doc_add_format(s->doc, v, "address", "0x%" PRIx64, address);
	doc_add_static(s->doc, v, "kind", criu_area_kind(&mm->areas[k]));
	doc_add_static(s->doc, v, "path", path_of(s, k));
}

static void tell_hex(struct search *s, struct firn_value *v, size_t start, size_t end)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * 2 * PATTERN_MATCH_MAX + 1];
	size_t n = 0;

	for (size_t i = start; i < end; i++) {
		hex[n++] = digits[s->bytes[i] >> 4];
		hex[n++] = digits[s->bytes[i] & 15];
	}
	hex[n] = '\0';
	doc_add_text(s->doc, v, "hex", hex);
}

/* 1 when there is no room for it. */
static int tell_match(struct search *s, size_t start, size_t end)
{
	const size_t context = (size_t)s->process->opts->context;
	const size_t before = start > context ? start - context : 0;
	const size_t behind = s->len - end > context ? end + context : s->len;
	const size_t texts =
	    (behind - before) + 2 * (end - start) + MATCH_BYTES + (context ? CONTEXT_BYTES : 0);
	struct firn_value *v;

	if (s->left == 0 || *s->texts + texts > MEMORY_TEXTS_MAX) {
		s->more = true;
		return 1;
	}
	s->left--;
	*s->texts += texts;
	v = doc_add_object(s->doc, s->list, NULL);
	tell_place(s, v, s->base + start);
	doc_add_number(s->doc, v, "length", end - start);
	doc_add_bytes(s->doc, v, "match", s->bytes + start, end - start);
	tell_hex(s, v, start, end);
	if (context) {
		doc_add_bytes(s->doc, v, "before", s->bytes + before, start - before);
		doc_add_bytes(s->doc, v, "after", s->bytes + end, behind - end);
	}
	return 0;
}

/* Search the window; @last: nothing follows it. 1 when no more matches are wanted. */
static int look(struct search *s, bool last, struct firn_error *err)
{
	const size_t sure = last ? s->len : s->len > TAIL_BYTES ? s->len - TAIL_BYTES : 0;
	size_t start, end;
	int rc = 0;

	while (rc == 0 && pattern_find(s->pattern, s->bytes, s->len, s->from, &start, &end)) {
		if (start >= sure)
			break;
		rc = tell_match(s, start, end);
		s->from = end;
	}
	if (rc == 0)
		rc = doc_check(s->doc, err);
	s->from = s->from > sure ? s->from : sure;
	return rc;
}

/* Forget what is neither searched yet nor context. */
static void move_on(struct search *s)
{
	const size_t context = (size_t)s->process->opts->context;
	const size_t keep = s->from > context ? s->from - context : 0;

	memmove(s->bytes, s->bytes + keep, s->len - keep);
	s->len -= keep;
	s->base += keep;
	s->from -= keep;
}

/* What follows is somewhere else. */
static int break_off(struct search *s, uint64_t address, struct firn_error *err)
{
	int rc = s->len ? look(s, true, err) : 0;

	s->len = s->from = 0;
	s->base = address;
	return rc;
}

static int put(struct search *s, const struct extent *e, uint64_t at, size_t n,
	       struct firn_error *err)
{
	int rc = space_read_run(s->process->space, e->run, e->skip + at, s->bytes + s->len, n, err);

	if (rc < 0)
		return rc;
	s->len += n;
	if (s->len < WINDOW_BYTES)
		return 0;
	rc = look(s, false, err);
	move_on(s);
	return rc;
}

static int put_all(struct search *s, const struct extent *e, uint64_t from, uint64_t to,
		   struct firn_error *err)
{
	int rc = 0;

	while (rc == 0 && from < to) {
		const size_t room = WINDOW_BYTES - s->len;
		const size_t n = to - from < room ? (size_t)(to - from) : room;

		rc = put(s, e, from, n, err);
		from += n;
	}
	return rc;
}

static int take_extent(const struct extent *e, void *ctx, struct firn_error *err)
{
	struct search *s = ctx;
	const size_t keep = MEMORY_CONTEXT_MAX + (s->skips_zeros ? 0 : PATTERN_MATCH_MAX);
	int rc = 0;

	if (!space_there(e->run)) {
		if (e->run->where == SPACE_LAZY)
			process_warn(s->process, "pages that the dump left to a page server are "
						 "not searched");
		return break_off(s, 0, err);
	}
	if (s->base + s->len != e->address)
		rc = break_off(s, e->address, err);
	if (rc != 0)
		return rc;
	if (s->in_zeros || e->run->where == SPACE_PRESENT || e->bytes < SKIP_BYTES)
		return put_all(s, e, 0, e->bytes, err);
	/* Zeros end a match and are what is before one, or what it begins with: not terabytes. */
	rc = put_all(s, e, 0, TAIL_BYTES, err);
	if (rc == 0)
		rc = break_off(s, e->address + e->bytes - keep, err);
	if (rc == 0)
		rc = put_all(s, e, e->bytes - keep, e->bytes, err);
	if (s->skips_zeros)
		s->from = s->len;
	return rc;
}

static bool is_in_zeros(struct pattern *p)
{
	static const uint8_t zeros[PATTERN_MATCH_MAX];
	size_t start, end;

	return pattern_find(p, zeros, sizeof(zeros), 0, &start, &end) > 0;
}

int memory_tell_matches(struct process *p, struct pattern *pattern, struct doc *doc,
			struct firn_value *to, size_t *texts, struct firn_error *err)
{
	_free_ uint8_t *bytes = malloc(WINDOW_BYTES);
	struct search s = {
		.process = p,
		.pattern = pattern,
		.doc = doc,
		.list = doc_add_list(doc, to, "matches"),
		.left = p->opts->max_matches ? p->opts->max_matches : MEMORY_MATCHES,
		.texts = texts,
		.area = SIZE_MAX,
		.skips_zeros = pattern_skips_zeros(pattern),
		.in_zeros = is_in_zeros(pattern),
		.bytes = bytes,
	};
	int rc;

	if (!bytes)
		return firn_fail_oom(err, "memory");
	rc = space_unpack(p->space, err);
	if (rc == 0)
		rc = process_each(p, take_extent, &s, err);
	if (rc == 0)
		rc = break_off(&s, 0, err);
	if (rc < 0)
		return rc;
	if (s.more)
		doc_add_bool(doc, to, "more_matches", true);
	return doc_check(doc, err);
}

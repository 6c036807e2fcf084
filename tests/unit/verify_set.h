/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoints with a fault in them, and what verify_set() has to say of that. */
#ifndef FIRN_TESTS_VERIFY_SET_H
#define FIRN_TESTS_VERIFY_SET_H

#include "unit.h"

#include "bytes/json.h"
#include "sample.h"
#include "tar_builder.h"
#include "verify/verify.h"

#define IMG "checkpoint/"

enum how { TAKE_AWAY, EDIT, REPLACE, FOLDER };

/* What is done to the member, what is found for that, and what may be found besides. */
struct fault {
	const char *name, *member;
	enum how how;
	void (*edit)(struct buf *bytes);
	enum finding_level level;
	const char *place, *code, *also;
};

static inline void put_member(struct buf *tar, const char *name, const struct buf *bytes)
{
	build_member(tar, &(const struct tar_member){ .name = name,
						      .data = (const char *)bytes->data,
						      .data_len = bytes->len,
						      .type = '0' });
}

/* The member as it is, or with the fault. */
static inline void take_member(struct buf *tar, const char *name, const uint8_t *bytes, size_t len,
			       const struct fault *f)
{
	_buf_ struct buf b = BUF_INIT;
	const bool hit = f && strcmp(f->member, name) == 0;

	if (hit && f->how != EDIT)
		return;
	buf_put(&b, bytes, len);
	if (hit)
		f->edit(&b);
	put_member(tar, name, &b);
}

/* A copy of the sample with the fault in it, if any. */
static inline void make(struct buf *tar, const struct sample *s, const struct fault *f)
{
	_buf_ struct buf new = BUF_INIT;
	size_t at = 0;

	while (at + 512 <= s->size && s->bytes[at]) {
		const char *header = (const char *)s->bytes + at;
		const size_t size = strtoul(header + 124, NULL, 8);
		char name[101] = { 0 };

		memcpy(name, header, 100);
		at += 512;
		if (header[156] == '0')
			take_member(tar, name, s->bytes + at, size, f);
		at += (size + 511) / 512 * 512;
	}
	if (f && f->how == REPLACE) {
		f->edit(&new);
		put_member(tar, f->member, &new);
	}
	if (f && f->how == FOLDER)
		MEMBER(tar, .name = f->member, .type = '5', .mode = 0755);
}

static inline struct findings *verify(const struct buf *tar, unsigned flags)
{
	struct firn_error err = { 0 };
	struct findings *f = NULL;
	struct source *src = NULL;
	struct members *m = NULL;

	ck_ok(source_from_mem(tar->data, tar->len, &src, &err), err);
	ck_ok(members_open_source(src, &m, &err), err);
	ck_ok(findings_new(&f, &err), err);
	ck_ok(verify_set(m, f, flags, &err), err);
	ck_ok(findings_check(f, &err), err);
	members_close(m);
	return f;
}

static inline int collect(const char *piece, size_t n, void *ctx)
{
	buf_put(ctx, piece, n);
	return 0;
}

static inline json_t *list_of(struct findings *f)
{
	_buf_ struct buf text = BUF_INIT;
	struct firn_error err = { 0 };
	json_t *list = NULL;

	ck_assert_int_eq(firn_value_print(findings_value(f), 1, collect, &text), 0);
	ck_ok(json_parse((const char *)text.data, text.len, &list, &err), err);
	return list;
}

static inline const char *text_at(const json_t *list, size_t i, const char *key)
{
	return json_string_value(json_object_get(json_array_get(list, i), key));
}

static const char *const level_names[] = { "fault", "warning", "note" };

static inline void expect_fault(struct findings *f, const struct fault *want)
{
	_json_ json_t *list = list_of(f);
	bool found = false;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *place = text_at(list, i, "place"), *code = text_at(list, i, "code");
		const size_t len = strlen(want->place);
		const bool here = strncmp(place, want->place, len) == 0 &&
				  (place[len] == '\0' || want->place[len - 1] == ' ');

		if (strcmp(code, want->code) == 0)
			found |= here &&
				 strcmp(text_at(list, i, "level"), level_names[want->level]) == 0;
		else
			ck_assert_msg(want->also && strcmp(code, want->also) == 0,
				      "%s: also %s at %s: %s", want->name, code, place,
				      text_at(list, i, "text"));
	}
	ck_assert_msg(found, "%s: no %s at %s among %zu", want->name, want->code, want->place,
		      json_array_size(list));
}

static inline void expect_none(struct findings *f, const char *name)
{
	_json_ json_t *list = list_of(f);

	ck_assert_msg(json_array_size(list) == 0, "%s: %s at %s: %s", name,
		      text_at(list, 0, "code"), text_at(list, 0, "place"),
		      text_at(list, 0, "text"));
}

#endif

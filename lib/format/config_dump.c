/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/config_dump.h"

#include "base/fd.h"

#include <assert.h>
#include <string.h>

void config_dump_done(struct config_dump *c)
{
	json_decref(c->json);
	*c = (struct config_dump){ 0 };
}

int config_dump_parse(const char *text, size_t len, struct config_dump *ret, struct firn_error *err)
{
	_cleanup_(config_dump_done) struct config_dump c = { 0 };
	const struct {
		const char *key;
		const char **to;
	} strings[] = {
		{ "name", &c.name },
		{ CONFIG_IMAGE_ID, &c.image_id },
		{ CONFIG_IMAGE_NAME, &c.image_name },
		{ CONFIG_IMAGE_REF, &c.image_ref },
		{ "rootfsImage", &c.image_requested },
		{ "RawImageName", &c.image_raw },
		{ "runtime", &c.runtime },
	};
	json_t *volumes = NULL;
	int rc = json_parse(text, len, &c.json, err);

	if (rc < 0)
		return rc;
	if (!json_is_object(c.json))
		return firn_fail(err, FIRN_ECORRUPT, "is no JSON object");
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		rc = json_opt_str(c.json, strings[i].key, strings[i].to, err);
		if (rc < 0)
			return rc;
		if (rc && !**strings[i].to)
			*strings[i].to = NULL;
	}
	rc = json_opt_array(c.json, "namedVolumes", &volumes, err);
	if (rc < 0)
		return rc;
	c.volumes = volumes;
	*ret = c;
	c = (struct config_dump){ 0 };
	return 0;
}

const char *config_dump_volume(const struct config_dump *c, size_t i)
{
	return json_string_value(json_object_get(json_array_get(c->volumes, i), "volumeName"));
}

const char *config_dump_volume_place(const struct config_dump *c, size_t i)
{
	return json_string_value(json_object_get(json_array_get(c->volumes, i), "dest"));
}

/* A replacement of @len bytes at @at of the old text; @text is owned. */
struct change {
	size_t at, len;
	struct buf text;
};

struct changes {
	struct change list[CONFIG_DUMP_EDITS_MAX + 1];
	size_t count;
};

static void changes_done(struct changes *c)
{
	for (size_t i = 0; i < c->count; i++)
		buf_done(&c->list[i].text);
}

static bool is_plain(const char *value)
{
	for (; *value; value++)
		if (*value < ' ' || *value > '~' || *value == '"' || *value == '\\')
			return false;
	return true;
}

/* Kept in ascending order: there are few. */
static struct change *change_add(struct changes *c, size_t at, size_t len)
{
	size_t i = c->count++;

	for (; i > 0 && c->list[i - 1].at > at; i--)
		c->list[i] = c->list[i - 1];
	c->list[i] = (struct change){ .at = at, .len = len };
	return &c->list[i];
}

/* Absent members go together right behind the opening brace, before the others. */
static void insert_absent(struct changes *c, const char *text, struct buf *absent)
{
	const char *brace = strchr(text, '{');
	const size_t blanks = strspn(brace + 1, " \t\r\n");
	struct change *in;

	if (brace[1 + blanks] != '}')
		buf_puts(absent, ",");
	in = change_add(c, (size_t)(brace - text) + 1, 0);
	in->text = *absent;
	*absent = (struct buf)BUF_INIT;
}

static int find_changes(const char *text, size_t len, const struct config_edit *edits, size_t n,
			struct changes *c, struct firn_error *err)
{
	_buf_ struct buf absent = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		size_t at = 0, was = 0;
		int rc;

		if (!is_plain(edits[i].value))
			return firn_fail(err, FIRN_EINVAL, "%s: value needs quoting", edits[i].key);
		rc = json_locate(text, len, edits[i].key, &at, &was, err);
		if (rc < 0)
			return rc;
		if (rc)
			buf_printf(&change_add(c, at, was)->text, "\"%s\"", edits[i].value);
		else
			buf_printf(&absent, "%s\"%s\":\"%s\"", absent.len ? "," : "", edits[i].key,
				   edits[i].value);
	}
	if (absent.len)
		insert_absent(c, text, &absent);
	return buf_check(&absent, err);
}

static int undo_entry(json_t *list, size_t at, size_t len, const char *was, size_t was_len,
		      struct firn_error *err)
{
	_json_ json_t *entry = json_object();
	int rc;

	if (!entry)
		return firn_fail_oom(err, "undo record");
	if ((rc = json_put(entry, "at", json_integer((json_int_t)at), err)) < 0 ||
	    (rc = json_put(entry, "len", json_integer((json_int_t)len), err)) < 0 ||
	    (rc = json_put(entry, "was", json_stringn(was, was_len), err)) < 0)
		return rc;
	if (json_array_append(list, entry) < 0)
		return firn_fail_oom(err, "undo record");
	return 0;
}

static int apply_changes(const char *text, size_t len, const struct changes *c, struct buf *ret,
			 struct buf *ret_undo, struct firn_error *err)
{
	_json_ json_t *list = json_array();
	size_t at = 0;
	int rc;

	if (!list)
		return firn_fail_oom(err, "undo record");
	for (size_t i = 0; i < c->count; i++) {
		const struct change *ch = &c->list[i];

		rc = buf_check(&ch->text, err);
		if (rc < 0)
			return rc;
		buf_put(ret, text + at, ch->at - at);
		rc = undo_entry(list, ret->len, ch->text.len, text + ch->at, ch->len, err);
		if (rc < 0)
			return rc;
		buf_put(ret, ch->text.data, ch->text.len);
		at = ch->at + ch->len;
	}
	buf_put(ret, text + at, len - at);
	rc = buf_check(ret, err);
	return rc < 0 ? rc : json_print(list, ret_undo, err);
}

/* What was meant must be what a reader sees. */
static int prove_edits(const struct buf *text, const struct config_edit *edits, size_t n,
		       struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	int rc = json_parse((const char *)text->data, text->len, &doc, err);

	for (size_t i = 0; rc >= 0 && i < n; i++) {
		const char *value = json_string_value(json_object_get(doc, edits[i].key));

		if (!value || strcmp(value, edits[i].value) != 0)
			rc = firn_fail(err, FIRN_ECORRUPT, "%s can't be edited", edits[i].key);
	}
	return rc;
}

int config_dump_edit(const char *text, size_t len, const struct config_edit *edits, size_t n,
		     struct buf *ret, struct buf *ret_undo, struct firn_error *err)
{
	_cleanup_(changes_done) struct changes c = { .count = 0 };
	_buf_ struct buf out = BUF_INIT, undo = BUF_INIT;
	_json_ json_t *doc = NULL;
	int rc;

	assert(n <= CONFIG_DUMP_EDITS_MAX);
	rc = json_parse(text, len, &doc, err);
	if (rc < 0)
		return rc;
	if (!json_is_object(doc))
		return firn_fail(err, FIRN_ECORRUPT, "is no JSON object");
	if ((rc = find_changes(text, len, edits, n, &c, err)) < 0 ||
	    (rc = apply_changes(text, len, &c, &out, &undo, err)) < 0 ||
	    (rc = prove_edits(&out, edits, n, err)) < 0)
		return rc;
	buf_put(ret, out.data, out.len);
	buf_put(ret_undo, undo.data, undo.len);
	rc = buf_check(ret, err);
	return rc < 0 ? rc : buf_check(ret_undo, err);
}

int config_dump_undo(const char *text, size_t len, const char *undo, struct buf *ret,
		     struct firn_error *err)
{
	_json_ json_t *list = NULL;
	size_t done = 0;
	int rc = json_parse(undo, strlen(undo), &list, err);

	if (rc < 0)
		return firn_wrap(err, rc, "undo record");
	if (!json_is_array(list))
		return firn_fail(err, FIRN_ECORRUPT, "undo record: is no array");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		uint64_t at = 0, n = 0;
		const char *was = NULL;

		if ((rc = json_get_u64(entry, "at", len, &at, err)) < 0 ||
		    (rc = json_get_u64(entry, "len", len - at, &n, err)) < 0 ||
		    (rc = json_get_str(entry, "was", &was, err)) < 0)
			return firn_wrap(err, rc, "undo record");
		if (at < done)
			return firn_fail(err, FIRN_ECORRUPT, "undo record: is out of order");
		buf_put(ret, text + done, at - done);
		buf_puts(ret, was);
		done = at + n;
	}
	buf_put(ret, text + done, len - done);
	return buf_check(ret, err);
}

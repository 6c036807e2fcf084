/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/cursor.h"
#include "base/fd.h"
#include "base/path.h"
#include "format/tar_private.h"

#include <string.h>

struct text {
	const char *at;
	size_t len;
};

static int pax_corrupt(struct firn_error *err, const char *why)
{
	return firn_fail(err, FIRN_ECORRUPT, "extended header: %s", why);
}

static int bad_value(struct firn_error *err, const char *key)
{
	return firn_fail(err, FIRN_ECORRUPT, "extended header: bad %s", key);
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Decimal digits from @t->at on; moves behind them. False when there are none or too many. */
static bool take_number(struct text *t, uint64_t *ret)
{
	const char *begin = t->at;
	uint64_t v = 0;

	for (; t->len && digit(*t->at); t->at++, t->len--)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*t->at - '0'), &v))
			return false;
	*ret = v;
	return t->at != begin;
}

static int set_text(const char *key, struct text value, char **ret, struct firn_error *err)
{
	char *copy;

	if (memchr(value.at, '\0', value.len))
		return bad_value(err, key);
	copy = strndup(value.at, value.len);
	if (!copy)
		return firn_fail_oom(err, "extended header");
	free(*ret);
	*ret = copy;
	return 0;
}

static int set_number(const char *key, struct text value, uint64_t max, uint64_t *ret, bool *has,
		      struct firn_error *err)
{
	uint64_t v;

	if (!take_number(&value, &v) || value.len)
		return bad_value(err, key);
	if (v > max)
		return firn_fail(err, FIRN_ELIMIT, "extended header: %s is too large", key);
	*ret = v;
	*has = true;
	return 0;
}

static int set_id(const char *key, struct text value, uint32_t *ret, bool *has,
		  struct firn_error *err)
{
	uint64_t v = 0;
	int rc = set_number(key, value, UINT32_MAX, &v, has, err);

	if (rc == 0)
		*ret = (uint32_t)v;
	return rc;
}

/*
 * Seconds with a fraction, digits after the ninth dropped. The sign is the whole number's: -1.25 is
 * second -2 and 750,000,000 ns.
 */
static int set_mtime(struct text value, struct tar_pax *p, struct firn_error *err)
{
	bool negative = value.len && *value.at == '-';
	uint64_t seconds;
	uint32_t ns = 0, unit = 100000000;

	if (negative)
		value = (struct text){ value.at + 1, value.len - 1 };
	if (!take_number(&value, &seconds) || seconds >= INT64_MAX)
		return bad_value(err, "mtime");
	if (value.len && *value.at == '.') {
		for (value.at++, value.len--; value.len && digit(*value.at);
		     value.at++, value.len--, unit /= 10)
			ns += (uint32_t)(*value.at - '0') * unit;
	}
	if (value.len)
		return bad_value(err, "mtime");
	p->mtime = negative ? -(int64_t)seconds - (ns != 0) : (int64_t)seconds;
	p->mtime_ns = negative && ns ? 1000000000 - ns : ns;
	p->has_mtime = true;
	return 0;
}

#define XATTR_KEY "SCHILY.xattr."

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static int set_xattr(const char *name, struct text value, struct tar_pax *p, struct firn_error *err)
{
	if (xattr_is_overlay(name))
		return 0;
	return xattr_set(&p->xattrs, name, value.at, value.len, err);
}

static void drop(char **text)
{
	free(*text);
	*text = NULL;
}

/* An empty value takes the record back, and the header's field counts again. */
static int apply_empty(const char *key, struct tar_pax *p)
{
	if (strcmp(key, "path") == 0)
		drop(&p->path);
	else if (strcmp(key, "linkpath") == 0)
		drop(&p->linkpath);
	else if (strcmp(key, "size") == 0)
		p->has_size = false;
	else if (strcmp(key, "uid") == 0)
		p->has_uid = false;
	else if (strcmp(key, "gid") == 0)
		p->has_gid = false;
	else if (strcmp(key, "mtime") == 0)
		p->has_mtime = false;
	return 0;
}

static int apply_record(const char *key, struct text value, struct tar_pax *p,
			struct firn_error *err)
{
	if (starts(key, XATTR_KEY))
		return set_xattr(key + strlen(XATTR_KEY), value, p, err);
	if (starts(key, "GNU.sparse.") || strcmp(key, "SCHILY.realsize") == 0)
		p->sparse = true;
	if (value.len == 0)
		return apply_empty(key, p);
	if (strcmp(key, "path") == 0)
		return set_text(key, value, &p->path, err);
	if (strcmp(key, "linkpath") == 0)
		return set_text(key, value, &p->linkpath, err);
	if (strcmp(key, "size") == 0)
		return set_number(key, value, TAR_PAYLOAD_MAX, &p->size, &p->has_size, err);
	if (strcmp(key, "uid") == 0)
		return set_id(key, value, &p->uid, &p->has_uid, err);
	if (strcmp(key, "gid") == 0)
		return set_id(key, value, &p->gid, &p->has_gid, err);
	if (strcmp(key, "mtime") == 0)
		return set_mtime(value, p, err);
	return 0;
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts all of it, its own digits too. */
static int take_record(struct cursor *c, struct tar_pax *p, struct firn_error *err)
{
	struct text rest = { (const char *)c->at, c->left };
	_free_ char *key = NULL;
	const char *equals;
	uint64_t length;
	size_t digits;

	if (!take_number(&rest, &length) || rest.len == 0 || *rest.at != ' ')
		return pax_corrupt(err, "a record without its length");
	digits = c->left - rest.len;
	if (length > c->left || length < digits + sizeof(" k=\n") - 1)
		return pax_corrupt(err, "a record of a wrong length");
	rest = (struct text){ rest.at + 1, (size_t)length - digits - 2 };
	equals = memchr(rest.at, '=', rest.len);
	if (rest.at[rest.len] != '\n' || !equals || equals == rest.at)
		return pax_corrupt(err, "a record that is no KEY=VALUE");
	key = strndup(rest.at, (size_t)(equals - rest.at));
	if (!key)
		return firn_fail_oom(err, "extended header");
	if (strlen(key) != (size_t)(equals - rest.at))
		return pax_corrupt(err, "a key with a NUL");
	rest = (struct text){ equals + 1, rest.len - strlen(key) - 1 };
	cursor_take(c, (size_t)length);
	return apply_record(key, rest, p, err);
}

int tar_pax_parse(const uint8_t *bytes, size_t n, struct tar_pax *ret, struct firn_error *err)
{
	_cleanup_(tar_pax_done) struct tar_pax p = { 0 };
	struct cursor c = { bytes, n };

	while (c.left) {
		int rc = take_record(&c, &p, err);

		if (rc < 0)
			return rc;
	}
	*ret = p;
	p = (struct tar_pax){ 0 };
	return 0;
}

void tar_pax_done(struct tar_pax *p)
{
	free(p->path);
	free(p->linkpath);
	xattrs_freep(&p->xattrs);
	*p = (struct tar_pax){ 0 };
}

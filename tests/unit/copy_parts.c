/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Beginnings of blobs, and the table of all that has to be copied. */
#include "copy/partial.h"
#include "copy/plan.h"

#include "base/buf.h"
#include "base/fd.h"
#include "scratch.h"
#include "store/ops.h"
#include "unit.h"

#define BLOB   "0123456789"
#define BYTES  (sizeof(BLOB) - 1)
#define LAYERS 900

/* A store that has whatever it is asked for, always with the same content. */
struct fake_store {
	struct store base;
	const char *text;
	size_t len;
};

static int fake_has(struct store *s, const struct digest *d, uint64_t *ret_size,
		    struct firn_error *err)
{
	(void)d;
	(void)err;
	*ret_size = ((struct fake_store *)s)->len;
	return 1;
}

static int fake_open(struct store *s, const struct digest *d, struct source **ret,
		     struct firn_error *err)
{
	const struct fake_store *f = (const struct fake_store *)s;

	(void)d;
	return source_from_mem(f->text, f->len, ret, err);
}

static const struct store_ops fake_ops = { .has = fake_has, .open = fake_open };

static int moved(uint64_t n, void *ctx, struct firn_error *err)
{
	(void)n;
	(void)ctx;
	(void)err;
	return 0;
}

static const struct {
	const char *name, *had; /* NULL: nothing */
	bool linked;            /* what is there has another name as well */
	const char *source;     /* what comes from there */
	int rc;
} cases[] = {
	{ "nothing there", NULL, false, BLOB, 0 },
	{ "a part", "01234", false, BLOB, 0 },
	{ "all of it", BLOB, false, BLOB, 0 },
	{ "a part of something else", "01x", false, BLOB, 0 },
	{ "more than all", BLOB "x", false, BLOB, 0 },
	{ "the source has something else", NULL, false, "9876543210", -FIRN_ECORRUPT },
	{ "and there is a part", "01x", false, "9876543210", -FIRN_ECORRUPT },
	{ "a file that has another name", "01234", true, BLOB, -FIRN_EFAIL },
};

/* The file @name has @want, NULL: there is none. */
static void check_file(const char *what, const char *name, const char *want)
{
	_free_ char *text = NULL;

	if (access(scratch(name), F_OK) == 0)
		text = scratch_read(scratch(name));
	ck_assert_msg(!text == !want && (!want || strcmp(text, want) == 0), "%s: %s: %s", what,
		      name, text ? text : "isn't there");
}

START_TEST(beginnings)
{
	struct fake_store store = { { &fake_ops }, cases[_i].source, BYTES };
	const struct store_watch watch = { moved, NULL };
	struct from from = { .store = &store.base };
	struct item item = { .size = BYTES };
	char hex[DIGEST_TEXT_MAX], part[160], blob[160];
	_fd_ int dir = scratch_folder("to");
	struct firn_error err = { 0 };
	int rc;

	ck_ok(digest_of(BLOB, BYTES, &item.digest, &err), err);
	snprintf(part, sizeof(part), "to/.firn-partial/sha256-%s", digest_hex(&item.digest, hex));
	snprintf(blob, sizeof(blob), "to/%s", hex);
	ck_assert_int_eq(mkdirat(dir, ".firn-partial", 0700), 0);
	if (cases[_i].had)
		scratch_write(part, cases[_i].had, strlen(cases[_i].had));
	if (cases[_i].linked)
		ck_assert_int_eq(link(scratch(part), scratch("to/other")), 0);
	rc = partial_fetch(&from, &item, dir, ".", true, &watch, &err);
	ck_assert_msg(rc == cases[_i].rc, "%s: %d %s", cases[_i].name, rc, err.msg);
	check_file(cases[_i].name, blob, rc ? NULL : BLOB);
	check_file(cases[_i].name, part, cases[_i].linked ? cases[_i].had : NULL);
	if (cases[_i].linked)
		check_file(cases[_i].name, "to/other", cases[_i].had);
}
END_TEST

/* All begin alike, as those of a document that means harm. */
static struct digest layer_digest(unsigned i)
{
	struct digest d = { .alg = DIGEST_SHA256 };

	memset(d.bytes, 0xab, digest_size(d.alg));
	d.bytes[30] = (uint8_t)(i >> 8);
	d.bytes[31] = (uint8_t)i;
	return d;
}

static void print_manifest(struct buf *out)
{
	char text[DIGEST_TEXT_MAX];
	struct digest d = layer_digest(LAYERS);

	buf_printf(out,
		   "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST "\","
		   "\"config\":{\"mediaType\":\"" OCI_CONFIG "\",\"digest\":\"%s\",\"size\":7},"
		   "\"layers\":[",
		   digest_text(&d, text));
	/* Each of them twice. */
	for (unsigned i = 0; i < LAYERS; i++) {
		d = layer_digest(i / 2);
		buf_printf(out, "%s{\"mediaType\":\"" OCI_LAYER "\",\"digest\":\"%s\",\"size\":3}",
			   i ? "," : "", digest_text(&d, text));
	}
	buf_puts(out, "]}");
}

START_TEST(digests_that_begin_alike)
{
	struct oci_descriptor desc = { .media_type = OCI_MANIFEST };
	struct fake_store store = { .base = { &fake_ops } };
	struct from from = { .store = &store.base };
	_cleanup_(plan_done) struct plan p = { 0 };
	_buf_ struct buf text = BUF_INIT;
	struct firn_error err = { 0 };

	print_manifest(&text);
	ck_ok(buf_check(&text, &err), err);
	store.text = (const char *)text.data;
	store.len = text.len;
	desc.size = text.len;
	ck_ok(digest_of(text.data, text.len, &desc.digest, &err), err);
	for (int i = 0; i < 2; i++)
		ck_ok(plan_add(&p, &from, &desc, false, &err), err);
	ck_assert_uint_eq(p.n, LAYERS / 2 + 2);
	ck_assert_uint_eq(p.bytes, LAYERS / 2 * 3 + 7 + text.len);
	for (unsigned i = 0; i < LAYERS; i++) {
		const struct digest d = layer_digest(i);
		const struct item *found = plan_find(&p, &d, false);

		ck_assert_msg(i < LAYERS / 2 ? found && digest_equal(&found->digest, &d) : !found,
			      "layer %u", i);
		ck_assert_ptr_null(plan_find(&p, &d, true));
	}
	ck_assert_ptr_nonnull(plan_find(&p, &desc.digest, true));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("copy_parts");
	TCase *tc = tcase_create("copy_parts");

	tcase_add_unchecked_fixture(tc, scratch_setup, scratch_teardown);
	tcase_add_loop_test(tc, beginnings, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, digests_that_begin_alike);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of an export: deletions, folders and links in an engine's words, headers, proven bytes.
 */
#include "base/fd.h"
#include "export/deletions.h"
#include "export/dialect.h"
#include "export/walk.h"
#include "unit.h"

#include <string.h>

/* "d PATH", "f PATH", "w PATH" (deleted), "o PATH" (folder made again), "l PATH TARGET". */
static struct tree *make_tree(const char *const *lines)
{
	struct firn_error err = { 0 };
	struct tree *t = NULL;

	ck_ok(tree_new(&t, &err), err);
	for (; *lines; lines++) {
		char path[256], target[256] = "";
		struct node *n;

		ck_assert_int_ge(sscanf(*lines + 2, "%255s %255s", path, target), 1);
		if (strcmp(path, ".") == 0)
			n = t->root;
		else
			ck_ok(tree_make(t, path, &n, &err), err);
		n->mode = **lines == 'd' || **lines == 'o' ? S_IFDIR | 0755 : S_IFREG | 0644;
		n->implied = false;
		n->opaque = **lines == 'o';
		n->whiteout = **lines == 'w';
		if (**lines == 'l')
			n->link = tree_find(t, target);
	}
	return t;
}

static void count_warning(const char *text, void *ctx)
{
	ck_assert_ptr_nonnull(strchr(text, ':'));
	++*(int *)ctx;
}

static const struct {
	const char *name, *delta[8], *base[8], *want;
	bool no_base;
	int warnings;
} deletion_cases[] = {
	{ "nothing", { "f a" }, { "f b" }, "", false, 0 },
	{ "two, sorted", { "w b/z", "w a" }, { "d b" }, "[\n  \"/a\",\n  \"/b/z\"\n]", false, 0 },
	{ "made again",
	  { "o d", "f d/new" },
	  { "d d", "f d/old", "f d/new", "d d/sub" },
	  "[\n  \"/d/old\",\n  \"/d/sub\"\n]",
	  false,
	  0 },
	{ "a folder in both is emptied, not removed",
	  { "o d", "d d/s", "f d/s/x" },
	  { "d d", "d d/s", "f d/s/x", "f d/s/y", "d d/s/t", "f d/s/t/u" },
	  "[\n  \"/d/s/t\",\n  \"/d/s/y\"\n]",
	  false,
	  0 },
	{ "a file in the place of a folder",
	  { "o d", "f d/s" },
	  { "d d", "d d/s", "f d/s/x" },
	  "",
	  false,
	  0 },
	{ "one made again in one made again: named once",
	  { "o d", "o d/s" },
	  { "d d", "d d/s", "f d/s/x" },
	  "[\n  \"/d/s/x\"\n]",
	  false,
	  0 },
	{ "the root", { "o .", "f a" }, { "f a", "f b" }, "[\n  \"/b\"\n]", false, 0 },
	{ "not in the base", { "o d", "f d/x" }, { "f e" }, "", false, 0 },
	{ "no base", { "o d", "f d/x" }, { NULL }, "[\n  \"/d\"\n]", true, 1 },
	{ "no base, empty", { "o d" }, { NULL }, "[\n  \"/d\"\n]", true, 0 },
	{ "Go's JSON",
	  { "w a\"\\<>&b", "w \001c" },
	  { NULL },
	  "[\n  \"/\\u0001c\",\n  \"/a\\\"\\\\\\u003c\\u003e\\u0026b\"\n]",
	  true,
	  0 },
	{ "UTF-8", { "w gr\303\274n" }, { NULL }, "[\n  \"/gr\303\274n\"\n]", true, 0 },
	{ "no UTF-8", { "w a\377b" }, { NULL }, "[\n  \"/a\\ufffdb\"\n]", true, 1 },
	{ "a surrogate",
	  { "w \355\240\200" },
	  { NULL },
	  "[\n  \"/\\ufffd\\ufffd\\ufffd\"\n]",
	  true,
	  1 },
};

START_TEST(deletions)
{
	_cleanup_(tree_freep) struct tree *delta = make_tree(deletion_cases[_i].delta),
					  *base = make_tree(deletion_cases[_i].base);
	_buf_ struct buf out = BUF_INIT;
	int warnings = 0;
	const struct firn_report report = { .warn = count_warning, .ctx = &warnings };
	struct work w = { .report = &report };
	struct firn_error err = { 0 };

	ck_ok(deletions_print(delta, deletion_cases[_i].no_base ? NULL : base, &w, &out, &err),
	      err);
	buf_puts(&out, "");
	ck_assert_msg(strcmp((char *)out.data, deletion_cases[_i].want) == 0, "%s: %s",
		      deletion_cases[_i].name, (char *)out.data);
	ck_assert_int_eq(warnings, deletion_cases[_i].warnings);
}
END_TEST

/* Names in the order of Go's filepath.Walk: by component, not by the whole path. */
START_TEST(order)
{
	static const char *const lines[] = { "d b", "f a/c/d", "f a.x", "f a/b", "d z", NULL };
	_cleanup_(tree_freep) struct tree *t = make_tree(lines);
	_cleanup_(walk_done) struct walk w = { 0 };
	_buf_ struct buf met = BUF_INIT;
	struct firn_error err = { 0 };
	struct node *n;
	int rc;

	ck_ok(walk_begin(&w, t->root, &err), err);
	while ((rc = walk_step(&w, &n, &err)) > 0)
		buf_printf(&met, "%s ", (char *)w.path.data);
	ck_assert_int_eq(rc, 0);
	ck_assert_str_eq((char *)met.data, "a a/b a/c a/c/d a.x b z ");
}
END_TEST

/* The first of the names has the content, whichever had it; and once more nothing changes. */
START_TEST(links)
{
	static const char *const lines[] = { "f m", "l z m", "l a m", "l b/c m", "f other", NULL };
	_cleanup_(tree_freep) struct tree *t = make_tree(lines);
	struct firn_error err = { 0 };

	tree_find(t, "m")->size = 7;
	tree_find(t, "m")->offset = 512;
	ck_ok(tree_set_xattr(t, tree_find(t, "m"), "user.x", "1", 1, &err), err);
	for (int i = 0; i < 2; i++) {
		const struct node *a = tree_find(t, "a");

		ck_ok(walk_links(t, &err), err);
		ck_assert_ptr_null(walk_first(a));
		ck_assert_uint_eq(a->size, 7);
		ck_assert_uint_eq(a->offset, 512);
		ck_assert_ptr_nonnull(a->xattrs);
		ck_assert_ptr_eq(walk_first(tree_find(t, "m")), a);
		ck_assert_ptr_eq(walk_first(tree_find(t, "z")), a);
		ck_assert_ptr_eq(walk_first(tree_find(t, "b/c")), a);
		ck_assert_ptr_null(walk_first(tree_find(t, "other")));
	}
}
END_TEST

/* Symbolic links and devices have hard links too. */
START_TEST(other_links)
{
	static const char *const lines[] = { "f m", "l a m", NULL };
	_cleanup_(tree_freep) struct tree *t = make_tree(lines);
	struct firn_error err = { 0 };
	struct node *m = tree_find(t, "m");

	m->mode = S_IFLNK | 0777;
	ck_ok(tree_set_target(t, m, "there", &err), err);
	m->major = 8;
	m->minor = 9;
	ck_ok(walk_links(t, &err), err);
	ck_assert(S_ISLNK(tree_find(t, "a")->mode));
	ck_assert_str_eq(tree_find(t, "a")->target, "there");
	ck_assert_uint_eq(tree_find(t, "a")->major, 8);
	ck_assert_uint_eq(tree_find(t, "a")->minor, 9);
	ck_assert_ptr_eq(walk_first(m), tree_find(t, "a"));
}
END_TEST

#define SPEC(manager) "{\"annotations\":{\"io.container.manager\":\"" manager "\"}}"
static const struct {
	const char *spec;
	bool config;
	int rc;
	const char *engine;
} dialect_cases[] = {
	{ SPEC("libpod"), true, 0, "Podman" }, { SPEC("cri-o"), true, 0, "CRI-O" },
	{ "{}", true, 0, "containerd" },       { NULL, false, 0, "criu" },
	{ "{}", false, -FIRN_EUNSUPP, NULL },  { SPEC("other"), true, -FIRN_EUNSUPP, NULL },
	{ NULL, true, -FIRN_ECORRUPT, NULL },  { "{", true, -FIRN_ECORRUPT, NULL },
};

START_TEST(dialects)
{
	const struct dialect *d = NULL;
	struct firn_error err = { 0 };
	const char *spec = dialect_cases[_i].spec;

	ck_assert_int_eq(
	    dialect_find(spec, spec ? strlen(spec) : 0, dialect_cases[_i].config, &d, &err),
	    dialect_cases[_i].rc);
	if (!dialect_cases[_i].engine)
		return;
	ck_assert_str_eq(d->engine, dialect_cases[_i].engine);
	ck_assert_ptr_eq(dialect_engine(dialect_cases[_i].engine), d->engine);
	ck_assert_uint_eq(dialect_mode(d, "config.dump", false), 0600);
	ck_assert_uint_eq(dialect_mode(d, "checkpoint/pages-1.img", false), 0644);
	ck_assert_uint_eq(dialect_mode(d, "pre-checkpoint.2/pages-1.img", false), 0644);
	ck_assert_uint_eq(dialect_mode(d, "artifacts/x", false), 0600);
	ck_assert_uint_eq(dialect_mode(d, "volumes/v.tar", false),
			  strcmp(d->engine, "Podman") == 0 ? 0644 : 0600);
	ck_assert_uint_eq(dialect_mode(d, "volumesx", false), 0600);
}
END_TEST

static const struct {
	const char *name, *pax;
} pax_cases[] = {
	{ "a/b/c", "a/b/PaxHeaders.0/c" },
	{ "c", "PaxHeaders.0/c" },
	{ "a/b/", "a/PaxHeaders.0/b" },
	{ "gr\303\274n", "PaxHeaders.0/grn" },
};

/* What Go's archive/tar writes, down to the empty device numbers; and counting is the same sum. */
START_TEST(headers)
{
	_cleanup_(tarout_done) struct tarout t = { 0 }, count = { 0 };
	struct xattr x = { .name = (char *)"user.x", .value = (uint8_t *)"1", .len = 1 };
	const struct ustar m = { .name = pax_cases[_i].name,
				 .type = USTAR_FILE,
				 .mode = 0644,
				 .size = 3,
				 .xattrs = &x };
	_buf_ struct buf out = BUF_INIT;
	struct firn_error err = { 0 };
	unsigned sum = 0;

	ck_ok(sink_from_buf(&out, &t.to, &err), err);
	ck_ok(tarout_member(&t, &m, &err), err);
	ck_ok(tarout_bytes(&t, "abc", 3, &err), err);
	ck_ok(tarout_pad(&t, &err), err);
	ck_ok(tarout_end(&t, &err), err);
	ck_ok(tarout_member(&count, &m, &err), err);
	ck_ok(tarout_copy(&count, NULL, 0, 3, "", &err), err);
	ck_ok(tarout_pad(&count, &err), err);
	ck_ok(tarout_end(&count, &err), err);
	ck_assert_uint_eq(out.len, t.bytes);
	ck_assert_uint_eq(count.bytes, t.bytes);
	ck_assert_uint_eq(out.len, 4 * 512 + 1024);
	ck_assert_str_eq((char *)out.data, pax_cases[_i].pax);
	for (size_t i = 329; i < 345; i++)
		ck_assert_uint_eq(out.data[i], 0);
	for (size_t i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? ' ' : out.data[i];
	ck_assert_uint_eq(strtoul((char *)out.data + 148, NULL, 8), sum);
	sink_close(t.to);
}
END_TEST

/* A blob of some pieces in a store in memory. */
#define BLOB (700u << 10)

static struct store *make_store(struct oci_descriptor *d, char **ret_bytes)
{
	struct firn_error err = { 0 };
	struct store *s = NULL;
	char *bytes = malloc(BLOB);

	for (size_t i = 0; i < BLOB; i++)
		bytes[i] = (char)(i * 31 >> 7);
	ck_ok(store_mem_new(&s, &err), err);
	ck_ok(store_put(s, bytes, BLOB, &d->digest, &err), err);
	d->size = BLOB;
	*ret_bytes = bytes;
	return s;
}

/* In any order, overlapping, with gaps: the right bytes, and proven at the end. */
static const uint32_t reads[][2] = {
	{ 300000, 400000 }, { 0, 10 }, { 5, 300000 }, { 299999, 2 }, { 700000, 100 },
};

START_TEST(proven)
{
	struct oci_descriptor d = { .media_type = OCI_LAYER };
	_cleanup_(blob_in_closep) struct blob_in *b = NULL;
	_free_ char *bytes = NULL;
	_cleanup_(store_closep) struct store *s = make_store(&d, &bytes);
	struct firn_error err = { 0 };
	struct work w = { 0 };

	ck_ok(blob_in_open(s, &d, &b, &err), err);
	ck_assert_uint_eq(blob_in_size(b), BLOB);
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		const size_t at = reads[(i + (size_t)_i) % ARRAY_SIZE(reads)][0],
			     n = reads[(i + (size_t)_i) % ARRAY_SIZE(reads)][1];
		_buf_ struct buf out = BUF_INIT;
		struct sink *to = NULL;

		ck_ok(sink_from_buf(&out, &to, &err), err);
		ck_ok(blob_in_copy(b, at, n, to, &w, "", &err), err);
		ck_assert_uint_eq(out.len, n);
		ck_assert_int_eq(memcmp(out.data, bytes + at, n), 0);
		sink_close(to);
	}
	ck_assert_int_eq(blob_in_copy(b, BLOB - 1, 2, NULL, &w, "", &err), -FIRN_ECORRUPT);
	ck_ok(blob_in_prove(b, &err), err);
	ck_ok(blob_in_prove(b, &err), err);
}
END_TEST

START_TEST(unproven)
{
	struct oci_descriptor d = { .media_type = OCI_LAYER };
	_cleanup_(blob_in_closep) struct blob_in *b = NULL;
	_free_ char *bytes = NULL, *text = NULL;
	_cleanup_(store_closep) struct store *s = make_store(&d, &bytes);
	struct firn_error err = { 0 };
	struct digest other = d.digest;
	struct work w = { .tmp = "." };

	/* The layer isn't what the config says, or isn't of the size that the manifest says. */
	other.bytes[0] ^= 1;
	ck_assert_int_eq(blob_in_layer(s, &d, &other, &w, &b, &err), -FIRN_ECORRUPT);
	d.size--;
	ck_assert_int_eq(blob_in_open(s, &d, &b, &err), -FIRN_ECORRUPT);
	d.size++;
	strcpy(d.media_type, OCI_LAYER_GZIP);
	ck_assert_int_eq(blob_in_layer(s, &d, &d.digest, &w, &b, &err), -FIRN_ECORRUPT);
	strcpy(d.media_type, OCI_LAYER);
	ck_ok(blob_in_layer(s, &d, &d.digest, &w, &b, &err), err);
	ck_ok(blob_in_text(b, 3, 5, &text, &err), err);
	ck_assert_int_eq(memcmp(text, bytes + 3, 5), 0);
	ck_assert_int_eq(text[5], '\0');
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("export_parts");
	TCase *tc = tcase_create("parts");

	tcase_add_loop_test(tc, deletions, 0, (int)ARRAY_SIZE(deletion_cases));
	tcase_add_test(tc, order);
	tcase_add_test(tc, links);
	tcase_add_test(tc, other_links);
	tcase_add_loop_test(tc, dialects, 0, (int)ARRAY_SIZE(dialect_cases));
	tcase_add_loop_test(tc, headers, 0, (int)ARRAY_SIZE(pax_cases));
	tcase_add_loop_test(tc, proven, 0, (int)ARRAY_SIZE(reads));
	tcase_add_test(tc, unproven);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

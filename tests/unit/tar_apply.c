/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Entries made into a tree: parents, links, duplicates and the whiteouts of layers. */
#include "format/tar.h"

#include "tar_builder.h"
#include "unit.h"

/*
 * A script is lines of "TYPE NAME [TARGET]": f file, d folder, l symbolic link, h hard link, c
 * device. A file's payload is its line's number. The tree is printed the same way, sorted, "o"
 * behind an opaque folder's type and "i" behind an implied one's, "w" for a whiteout, and with the
 * line that a file's payload came from.
 */
static void build_script(struct buf *b, const char *script)
{
	static const char types[][2] = { "f0", "d5", "l2", "h1", "c3" };
	int line = 0;

	for (; *script; script += strcspn(script, "\n"), script += *script == '\n') {
		char kind, name[128], target[128] = "", number[16];
		struct tar_member m = { .name = name, .link = target, .mtime = ++line };

		ck_assert_int_ge(sscanf(script, "%c %127s%*[ ]%127[^\n]", &kind, name, target), 2);
		for (size_t i = 0; i < ARRAY_SIZE(types); i++)
			if (types[i][0] == kind)
				m.type = types[i][1];
		snprintf(number, sizeof(number), "%d", line);
		if (kind == 'f' && !strstr(name, ".wh."))
			m.data = number;
		build_member(b, &m);
	}
	build_end(b);
}

static void print_node(const struct node *n, const struct buf *tar, struct buf *out)
{
	_free_ struct node **children = NULL;
	_free_ char *path = NULL;
	struct firn_error err = { 0 };

	ck_ok(tree_path(n, &path, &err), err);
	if (n->parent != n) {
		char kind = n->whiteout        ? 'w'
			    : n->link          ? 'h'
			    : S_ISDIR(n->mode) ? 'd'
			    : S_ISREG(n->mode) ? 'f'
			    : S_ISLNK(n->mode) ? 'l'
					       : 'c';

		buf_printf(out, "%c%s%s %s", kind, n->opaque ? "o" : "", n->implied ? "i" : "",
			   path);
	} else if (n->opaque) {
		buf_puts(out, "do .");
	}
	if (n->link && n->link->size)
		buf_printf(out, "=%c", tar->data[n->link->offset]);
	else if (S_ISREG(n->mode) && n->size)
		buf_printf(out, "=%c", tar->data[n->offset]);
	if (S_ISLNK(n->mode) && n->target)
		buf_printf(out, ">%s", n->target);
	if (n->parent != n || n->opaque)
		buf_puts(out, "\n");
	ck_ok(tree_sorted(n, &children, &err), err);
	for (uint32_t i = 0; i < n->nchildren; i++)
		print_node(children[i], tar, out);
}

enum { L = TAR_WHITEOUTS_LITERAL, M = TAR_WHITEOUTS_MARK, F = TAR_WHITEOUTS_FOREIGN };

static const struct {
	const char *name;
	int how;
	const char *script, *tree; /* NULL: -FIRN_ECORRUPT */
	const char *words;
} cases[] = {
	{ "files", L, "d a\nf a/b\nl a/c x/y\nc dev\n", "d a\nf a/b=2\nl a/c>x/y\nc dev\n", "" },
	{ "missing parents", L, "f a/b/c\n", "di a\ndi a/b\nf a/b/c=1\n", "" },
	{ "parent described later", L, "f a/b\nd a\n", "d a\nf a/b=1\n", "" },
	{ "root described", L, "d ./\nf a\n", "f a=2\n", "" },
	{ "root twice", L, "d ./\nd ./\n", NULL, "is in the archive twice" },
	{ "two files", L, "f a\nf a\n", NULL, "entry \"a\": is in the archive twice" },
	{ "two spellings", L, "f a/b\nf ./a//b\n", NULL, "twice" },
	{ "two folders", L, "d a\nd a\n", NULL, "twice" },
	{ "file and folder", L, "f a\nd a\n", NULL, "twice" },
	{ "folder, then file", L, "f a/b\nf a\n", NULL, "has files in it but is no folder" },
	{ "through a file", L, "f a\nf a/b\n", NULL, "parent is no folder" },
	{ "through a link", L, "l a /etc\nf a/passwd\n", NULL, "parent is no folder" },
	{ "through a link in the middle", L, "d x\nl x/a ../..\nf x/a/b/c\n", NULL,
	  "parent is no folder" },
	{ "through a hard link", L, "f x\nh a x\nf a/b\n", NULL, "parent is no folder" },
	{ "link replaced by a folder", L, "l a /etc\nd a\nf a/x\n", NULL, "twice" },
	{ "hard link", L, "f a\nh b a\nh c b\n", "f a=1\nh b=1\nh c=1\n", "" },
	{ "hard link to a link", L, "l a x\nh b a\n", "l a>x\nh b\n", "" },
	{ "hard link to nothing", L, "h b a\n", NULL, "hard link to what isn't there" },
	{ "hard link before its target", L, "h b a\nf a\n", NULL, "isn't there" },
	{ "hard link to itself", L, "h a a\n", NULL, "isn't there" },
	{ "hard link to itself, there", L, "f a\nh a a\n", NULL, "twice" },
	{ "hard link to a folder", L, "d a\nh b a\n", NULL, "to a folder" },
	{ "hard link to the root", L, "h b .\n", NULL, "to a folder" },
	{ "hard link through a link", L, "l a /etc\nh b a/passwd\n", NULL, "isn't there" },
	{ "names are names", L, "f .wh.a\nf .wh..wh..opq\nf .wh.\nd .wh.d\nf .wh.d/x\n",
	  "f .wh.\nf .wh..wh..opq\nf .wh.a\nd .wh.d\nf .wh.d/x\n", "" },

	{ "whiteout", M, "d a\nf a/.wh.b\n", "d a\nw a/b\n", "" },
	{ "whiteout in no folder", M, "f a/.wh.b\n", "di a\nw a/b\n", "" },
	{ "whiteout, then file", M, "f .wh.a\nf a\n", "f a=2\n", "" },
	{ "file, then whiteout", M, "f a\nf .wh.a\n", "f a=1\n", "" },
	{ "whiteout, then link", M, "f .wh.a\nl a x\n", "l a>x\n", "" },
	{ "whiteout, then hard link", M, "f b\nf .wh.a\nh a b\n", "h a=1\nf b=1\n", "" },
	{ "whiteout, then folder", M, "f .wh.a\nd a\n", "do a\n", "" },
	{ "folder, then whiteout", M, "d a\nf .wh.a\n", "do a\n", "" },
	{ "whiteout, then files below", M, "f .wh.a\nf a/b/c\n", "doi a\ndi a/b\nf a/b/c=2\n", "" },
	{ "whiteout, below, folder", M, "f .wh.a\nf a/b\nd a\n", "do a\nf a/b=2\n", "" },
	{ "files below, then whiteout", M, "f a/b\nf .wh.a\n", "doi a\nf a/b=1\n", "" },
	{ "whiteout below a whiteout", M, "f .wh.a\nf a/.wh.b\n", "doi a\nw a/b\n", "" },
	{ "whiteout twice", M, "f .wh.a\nf .wh.a\n", "w a\n", "" },
	{ "whiteout as a hard link", M, "f x\nh .wh.a x\n", "w a\nf x=1\n", "" },
	{ "opaque", M, "d a\nf a/.wh..wh..opq\nf a/b\n", "do a\nf a/b=3\n", "" },
	{ "opaque last", M, "d a\nf a/b\nf a/.wh..wh..opq\n", "do a\nf a/b=2\n", "" },
	{ "opaque before its folder", M, "f a/.wh..wh..opq\nd a\n", "do a\n", "" },
	{ "opaque folder of a whiteout", M, "f .wh.a\nf a/.wh..wh..opq\n", "doi a\n", "" },
	{ "opaque root", M, "f .wh..wh..opq\n", "do .\n", "" },
	{ "opaque file", M, "f a\nf a/.wh..wh..opq\n", NULL, "opaque but no folder" },
	{ "opaque through a file", M, "f a\nf a/b/.wh..wh..opq\n", NULL, "parent is no folder" },
	{ "whiteout through a link", M, "l a /etc\nf a/.wh.passwd\n", NULL, "parent is no folder" },
	{ "hard link to a whiteout", M, "f .wh.a\nh b a\n", NULL, "isn't there" },
	{ "whiteout of nothing", M, "f .wh.\n", NULL, "\".wh.\"" },
	{ "whiteout of .", M, "f a/.wh..\n", NULL, "\".wh.\"" },
	{ "whiteout of ..", M, "f .wh...\n", NULL, "\".wh.\"" },
	{ "whiteout of a whiteout", M, "f .wh..wh.a\n", NULL, "\".wh.\"" },
	{ "whiteout as a folder", M, "d .wh.a\n", NULL, "a whiteout and a folder" },
	{ "whiteout with files", M, "f .wh.a/b\n", NULL, "\".wh.\"" },
	{ "two files, layer", M, "f a\nf a\n", NULL, "twice" },

	{ "last file wins", F, "f a\nf a\n", "f a=2\n", "" },
	{ "last folder wins", F, "d a\nf a/b\nd a\n", "d a\nf a/b=2\n", "" },
	{ "folder for a file", F, "f a\nd a\nf a/b\n", "d a\nf a/b=3\n", "" },
	{ "file for a folder", F, "d a\nf a/b/c\nf a\n", "f a=3\n", "" },
	{ "file for a link", F, "l a x\nf a\n", "f a=2\n", "" },
	{ "links keep the content", F, "f a\nh b a\nf a\n", "f a=3\nh b=1\n", "" },
	{ "link for a file", F, "f a\nf b\nh b a\n", "f a=1\nh b=1\n", "" },
	{ "link to itself", F, "f a\nh a a\n", "f a=1\n", "" },
	{ "link for its link", F, "f a\nh b a\nh a b\n", "f a=1\nh b=1\n", "" },
	{ "link for its folder", F, "d d\nf d/a\nh d d/a\n", "h d=2\n", "" },
	{ "root stays", F, "d ./\nf a\nd ./\n", "f a=2\n", "" },
	{ "still not through a link", F, "l a /etc\nf a/x\n", NULL, "parent is no folder" },
	{ "whiteouts too", F, "f a\nf .wh.a\nf .wh.b\n", "f a=1\nw b\n", "" },
};

START_TEST(scan)
{
	_buf_ struct buf b = BUF_INIT, out = BUF_INIT;
	struct firn_error err = { 0 };
	struct source *src = NULL;
	struct tree *tree = NULL;
	int rc;

	build_script(&b, cases[_i].script);
	ck_ok(source_from_mem(b.data, b.len, &src, &err), err);
	rc = tar_scan(src, (enum tar_whiteouts)cases[_i].how, 7, 0, &tree, &err);
	if (cases[_i].tree) {
		ck_assert_msg(rc == 0, "%s: %s", cases[_i].name, err.msg);
		buf_puts(&out, "");
		print_node(tree->root, &b, &out);
		ck_assert_str_eq((char *)out.data, cases[_i].tree);
	} else {
		ck_assert_msg(rc == -FIRN_ECORRUPT, "%s: %d", cases[_i].name, rc);
		ck_assert_ptr_null(tree);
	}
	ck_assert_msg(strstr(err.msg, cases[_i].words), "%s: %s", cases[_i].name, err.msg);
	tree_free(tree);
	source_close(src);
}
END_TEST

/* All of an entry arrives in its node, and a scan counts its offsets from where it is told. */
START_TEST(attributes)
{
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	struct source *src = NULL;
	struct tree *tree = NULL;
	struct node *n;

	PAX(&b, "mtime", "-1.5", "SCHILY.xattr.user.k", "v");
	MEMBER(&b, .name = "d/f", .data = "abc", .mode = 04711, .uid = 70000, .gid = 80000);
	MEMBER(&b, .name = "d/empty", .mtime = 5);
	MEMBER(&b, .name = "n", .type = '3', .major = 5, .minor = 300);
	build_end(&b);
	ck_ok(source_from_mem(b.data, b.len, &src, &err), err);
	ck_ok(tar_scan(src, TAR_WHITEOUTS_MARK, 3, 1 << 20, &tree, &err), err);
	n = tree_find(tree, "d/f");
	ck_assert_uint_eq(n->mode, S_IFREG | 04711);
	ck_assert_uint_eq(n->uid, 70000);
	ck_assert_uint_eq(n->gid, 80000);
	ck_assert_int_eq(n->mtime, -2);
	ck_assert_uint_eq(n->mtime_ns, 500000000);
	ck_assert_uint_eq(n->size, 3);
	ck_assert_uint_eq(n->offset, (1 << 20) + 1536);
	ck_assert_uint_eq(n->device, 3);
	ck_assert_str_eq(n->xattrs->name, "user.k");
	ck_assert_mem_eq(n->xattrs->value, "v", 1);
	n = tree_find(tree, "d/empty");
	ck_assert_uint_eq(n->size, 0);
	ck_assert_uint_eq(n->offset, 0);
	ck_assert_int_eq(n->mtime, 5);
	n = tree_find(tree, "n");
	ck_assert_uint_eq(n->mode, S_IFCHR | 0644);
	ck_assert_uint_eq(n->major, 5);
	ck_assert_uint_eq(n->minor, 300);
	n = tree_find(tree, "d");
	ck_assert(n->implied);
	ck_assert_uint_eq(n->mode, S_IFDIR | 0755);
	tree_free(tree);
	source_close(src);
}
END_TEST

START_TEST(scan_compressed)
{
	static const char gzip[] = "\x1f\x8b\x08\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0";
	struct firn_error err = { 0 };
	struct source *src = NULL;
	struct tree *tree = NULL;

	ck_ok(source_from_mem(gzip, sizeof(gzip) - 1, &src, &err), err);
	ck_assert_int_eq(tar_scan(src, TAR_WHITEOUTS_MARK, 0, 0, &tree, &err), -FIRN_EUNSUPP);
	ck_assert_ptr_null(tree);
	source_close(src);
}
END_TEST

START_TEST(whiteout_with_content)
{
	_buf_ struct buf b = BUF_INIT;
	struct firn_error err = { 0 };
	struct source *src = NULL;
	struct tree *tree = NULL;

	MEMBER(&b, .name = ".wh.a", .data = "abc");
	build_end(&b);
	ck_ok(source_from_mem(b.data, b.len, &src, &err), err);
	ck_assert_int_eq(tar_scan(src, TAR_WHITEOUTS_MARK, 0, 0, &tree, &err), -FIRN_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.msg, "a whiteout with content"));
	source_close(src);
}
END_TEST

/* *ret is the node, and NULL for a mark that made none. */
START_TEST(returned_node)
{
	struct tar_entry file = { .path = (char *)"a", .mode = S_IFREG },
			 hides = { .path = (char *)".wh.b", .mode = S_IFREG },
			 no_op = { .path = (char *)".wh.a", .mode = S_IFREG },
			 opaque = { .path = (char *)"d/.wh..wh..opq", .mode = S_IFREG };
	const struct {
		const struct tar_entry *e;
		const char *node;
	} calls[] = { { &file, "a" }, { &hides, "b" }, { &no_op, NULL }, { &opaque, NULL } };
	struct firn_error err = { 0 };
	struct tree *tree = NULL;

	ck_ok(tree_new(&tree, &err), err);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct node *n = tree->root;

		ck_ok(tar_apply(tree, calls[i].e, TAR_WHITEOUTS_MARK, 0, 0, &n, &err), err);
		ck_assert_ptr_eq(n, calls[i].node ? tree_find(tree, calls[i].node) : NULL);
	}
	tree_free(tree);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tar_apply");
	TCase *tc = tcase_create("tar_apply");

	tcase_add_loop_test(tc, scan, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, attributes);
	tcase_add_test(tc, scan_compressed);
	tcase_add_test(tc, whiteout_with_content);
	tcase_add_test(tc, returned_node);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

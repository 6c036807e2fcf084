/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "diff/rootfs.h"

#include "base/fd.h"
#include "base/path.h"
#include "diff/weight.h"
#include "format/annotations.h"
#include "format/deleted.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define DELETED_MEMBER "deleted.files"
#define TIME_MAX       48

/* The delta layer of R, or NULL. */
static const struct oci_descriptor *delta_layer(const struct image *rootfs)
{
	for (size_t k = 0; k < rootfs->manifest.nlayers; k++) {
		const char *role = image_layer_role(rootfs, k);

		if (role && strcmp(role, ORG_FIRN_LAYER_DELTA) == 0)
			return &rootfs->manifest.layers[k];
	}
	return NULL;
}

static int load_layer(struct members *m, const struct oci_descriptor *layer, struct diff_delta *ret,
		      struct firn_error *err)
{
	_cleanup_(source_closep) struct source *src = NULL;
	char text[DIGEST_TEXT_MAX];
	int rc = store_open(members_store(m), &layer->digest, &src, err);

	if (rc == 0)
		rc = diff_delta_add_source(ret, src, err);
	return firn_wrap(err, rc, "layer %.19s", digest_text(&layer->digest, text));
}

static int load_deleted(struct members *m, struct diff_delta *ret, struct firn_error *err)
{
	_free_ char *text = NULL;
	size_t len;
	int rc = members_read(m, DELETED_MEMBER, DELETED_BYTES_MAX, &text, &len, err);

	if (rc > 0)
		rc = diff_delta_add_deleted(ret, text, len, err);
	return firn_wrap(err, rc, DELETED_MEMBER);
}

int rootfs_load(struct members *m, struct diff_delta *ret, struct firn_error *err)
{
	const struct checkpoint_image *image = members_image(m);
	const struct oci_descriptor *layer = image ? delta_layer(&image->rootfs) : NULL;
	_cleanup_(source_closep) struct source *src = NULL;
	int rc;

	if (layer) {
		ret->literal = false;
		return load_layer(m, layer, ret, err);
	}
	rc = load_deleted(m, ret, err);
	if (rc < 0)
		return rc;
	rc = members_source(m, ROOTFS_DELTA, &src, err);
	if (rc == -FIRN_EUNSUPP)
		return 1;
	if (rc > 0)
		rc = diff_delta_add_source(ret, src, err);
	return firn_wrap(err, rc, ROOTFS_DELTA);
}

/* Two deltas while they are compared. */
struct comparing {
	const struct diff_delta *a, *b;
	bool mixed; /* one is as an engine wrote it, the other one as firn or containerd does */
	struct teller *t;
	struct section section;
	struct rootfs_sums sums;
};

enum aspect {
	ASPECT_TYPE,
	ASPECT_SIZE,
	ASPECT_MODE,
	ASPECT_OWNER,
	ASPECT_MTIME,
	ASPECT_TARGET,
	ASPECT_DEVICE,
	ASPECT_XATTRS,
	ASPECT_CONTENT,
	ASPECT_COUNT
};

static const char *type_name(const struct diff_delta_entry *e)
{
	if (e->deletion)
		return "deletion";
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "folder";
	case S_IFLNK:
		return "link";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "device";
	}
}

static bool same_text(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

static bool is_device(const struct diff_delta_entry *e)
{
	return S_ISCHR(e->mode) || S_ISBLK(e->mode);
}

static uint64_t weigh_entry(const struct diff_delta_entry *e)
{
	return S_ISREG(e->mode) ? weigh_file(e->size) : 0;
}

/* A set of enum aspect. */
static unsigned compare_entries(const struct comparing *c, const struct diff_delta_entry *x,
				const struct diff_delta_entry *y)
{
	const bool both_read = x->content && y->content;
	const bool differs[ASPECT_COUNT] = {
		[ASPECT_TYPE] = (x->mode & S_IFMT) != (y->mode & S_IFMT),
		[ASPECT_SIZE] = S_ISREG(x->mode) && S_ISREG(y->mode) && x->size != y->size,
		[ASPECT_MODE] = (x->mode & 07777) != (y->mode & 07777),
		[ASPECT_OWNER] = x->uid != y->uid || x->gid != y->gid,
		[ASPECT_MTIME] = x->mtime != y->mtime || x->mtime_ns != y->mtime_ns,
		[ASPECT_TARGET] =
		    !same_text(diff_delta_target(c->a, x), diff_delta_target(c->b, y)),
		[ASPECT_DEVICE] = is_device(x) && is_device(y) && x->size != y->size,
		[ASPECT_XATTRS] = x->xattrs != y->xattrs,
		[ASPECT_CONTENT] = both_read && x->size == y->size && x->content != y->content,
	};
	unsigned found = 0;

	if (x->deletion)
		return 0;
	/* Of folders that an engine didn't change firn's layer has what it could know. */
	if (c->mixed && S_ISDIR(x->mode) && S_ISDIR(y->mode))
		return 0;
	for (unsigned k = 0; k < ASPECT_COUNT; k++)
		found |= differs[k] ? 1u << k : 0;
	return found;
}

static void add_time(struct comparing *c, struct firn_value *to, const char *name,
		     const struct diff_delta_entry *e)
{
	const time_t seconds = e->mtime;
	char text[TIME_MAX];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		doc_add_signed(c->t->doc, to, name, e->mtime);
	else if (e->mtime_ns)
		doc_add_format(c->t->doc, to, name, "%s.%09uZ", text, e->mtime_ns);
	else
		doc_add_format(c->t->doc, to, name, "%sZ", text);
}

static void add_aspect(struct comparing *c, struct firn_value *to, const char *name,
		       enum aspect aspect, const struct diff_delta *d,
		       const struct diff_delta_entry *e)
{
	const char *target = diff_delta_target(d, e);
	struct doc *doc = c->t->doc;

	switch (aspect) {
	case ASPECT_TYPE:
		doc_add_static(doc, to, name, type_name(e));
		break;
	case ASPECT_SIZE:
		doc_add_number(doc, to, name, e->size);
		break;
	case ASPECT_MODE:
		doc_add_format(doc, to, name, "%04o", e->mode & 07777);
		break;
	case ASPECT_OWNER:
		doc_add_format(doc, to, name, "%u:%u", e->uid, e->gid);
		break;
	case ASPECT_MTIME:
		add_time(c, to, name, e);
		break;
	case ASPECT_TARGET:
		if (target && teller_room(c->t, strlen(target)))
			doc_add_text(doc, to, name, target);
		break;
	case ASPECT_DEVICE:
		doc_add_format(doc, to, name, "%u:%u", (unsigned)(e->size >> 20),
			       (unsigned)(e->size & 0xfffff));
		break;
	case ASPECT_XATTRS:
	case ASPECT_CONTENT: /* that they differ is all that can be told */
	case ASPECT_COUNT:
		break;
	}
}

static void tell_aspects(struct comparing *c, struct firn_value *to, unsigned found,
			 const struct diff_delta_entry *x, const struct diff_delta_entry *y)
{
	static const char *const names[] = { "type",   "size",   "mode",   "owner",  "mtime",
					     "target", "device", "xattrs", "content" };
	struct firn_value *list = doc_add_list(c->t->doc, to, "changes"), *v;

	for (unsigned k = 0; list && k < ASPECT_COUNT; k++) {
		if (!(found & 1u << k) || !teller_room(c->t, 256))
			continue;
		v = doc_add_object(c->t->doc, list, NULL);
		doc_add_static(c->t->doc, v, "field", names[k]);
		add_aspect(c, v, "a", (enum aspect)k, c->a, x);
		add_aspect(c, v, "b", (enum aspect)k, c->b, y);
	}
}

static struct firn_value *tell_entry(struct comparing *c, enum change how,
				     const struct diff_delta *d, const struct diff_delta_entry *e)
{
	struct firn_value *v = section_entry(&c->section, how);
	char path[PATH_MEMBER_MAX + 2];

	snprintf(path, sizeof(path), "/%s", diff_delta_path(d, e));
	teller_room(c->t, strlen(path) + 256);
	doc_add_text(c->t->doc, v, "path", path);
	return v;
}

static void take_both(struct comparing *c, const struct diff_delta_entry *x,
		      const struct diff_delta_entry *y)
{
	const unsigned found = compare_entries(c, x, y);

	if (!found) {
		c->section.equal++;
		return;
	}
	c->sums.bytes += weigh_entry(y);
	tell_aspects(c, tell_entry(c, CHANGE_CHANGED, c->b, y), found, x, y);
}

static void take_one(struct comparing *c, enum change how, const struct diff_delta *d,
		     const struct diff_delta_entry *e)
{
	struct firn_value *v;

	/* Engines leave out folders that didn't change themselves; layers need them all. */
	if (c->mixed && !e->deletion && S_ISDIR(e->mode))
		return;
	if (how == CHANGE_NEW) {
		c->sums.bytes += weigh_entry(e);
	}
	v = tell_entry(c, how, d, e);
	doc_add_static(c->t->doc, v, "type", type_name(e));
	if (!e->deletion && S_ISREG(e->mode))
		doc_add_number(c->t->doc, v, "size", e->size);
}

static int order_of(const struct comparing *c, const struct diff_delta_entry *x,
		    const struct diff_delta_entry *y)
{
	const int order = strcmp(diff_delta_path(c->a, x), diff_delta_path(c->b, y));

	return order ? order : (int)y->deletion - (int)x->deletion;
}

void rootfs_compare(const struct diff_delta *a, const struct diff_delta *b, struct teller *t,
		    struct rootfs_sums *ret)
{
	struct comparing c = {
		.a = a,
		.b = b,
		.t = t,
		.mixed = a->literal != b->literal,
		.section = section_begin(t, "delta"),
	};
	struct firn_value *v;

	for (size_t x = 0, y = 0; x < a->n || y < b->n;) {
		int order = x == a->n ? 1 : -1;

		if (x < a->n && y < b->n)
			order = order_of(&c, &a->list[x], &b->list[y]);
		if (order < 0)
			take_one(&c, CHANGE_GONE, a, &a->list[x]);
		else if (order > 0)
			take_one(&c, CHANGE_NEW, b, &b->list[y]);
		else
			take_both(&c, &a->list[x], &b->list[y]);
		x += order <= 0;
		y += order >= 0;
	}
	v = section_end(&c.section);
	doc_add_bool(t->doc, v, "content_compared", a->content && b->content);
	*ret = c.sums;
}

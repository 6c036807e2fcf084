/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "base/path.h"
#include "format/tar_private.h"

#include <stdio.h>
#include <string.h>

#define MAJOR_MAX 0xfffu /* bits of a device number in Linux: 12 and 20 */
#define MINOR_MAX 0xfffffu

static int fail_entry(const char *name, enum firn_code code, const char *why,
		      struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	return firn_fail(err, code, "entry %s: %s", path_quote(name, quoted), why);
}

static bool ends_with_slash(const char *name)
{
	size_t n = strlen(name);

	return n && name[n - 1] == '/';
}

/* The S_IF... of a typeflag. Before POSIX a folder was a file with a slash behind its name. */
static int entry_type(const char *name, char type, uint32_t *ret, struct firn_error *err)
{
	char why[64];

	switch (type) {
	case '\0':
		*ret = ends_with_slash(name) ? S_IFDIR : S_IFREG;
		return 0;
	case '0':
	case '7': /* contiguous: nothing but an ordinary file to anybody */
		*ret = S_IFREG;
		if (ends_with_slash(name))
			return fail_entry(name, FIRN_ECORRUPT, "a file with a folder's name", err);
		return 0;
	case '1':
		*ret = S_IFREG;
		return 0;
	case '2':
		*ret = S_IFLNK;
		return 0;
	case '3':
		*ret = S_IFCHR;
		return 0;
	case '4':
		*ret = S_IFBLK;
		return 0;
	case '5':
		*ret = S_IFDIR;
		return 0;
	case '6':
		*ret = S_IFIFO;
		return 0;
	case 'S':
		return fail_entry(name, FIRN_EUNSUPP, "is a sparse file", err);
	case 'M':
		return fail_entry(name, FIRN_EUNSUPP, "is a part of a multi-volume archive", err);
	default:
		snprintf(why, sizeof(why), "has the unknown type 0x%02x", (unsigned char)type);
		return fail_entry(name, FIRN_EUNSUPP, why, err);
	}
}

/* A field of a header that must fit 32 bits; the extended header's word counts more. */
static int entry_u32(const char *name, int64_t field, uint32_t max, uint32_t *ret,
		     struct firn_error *err)
{
	if (field < 0)
		return fail_entry(name, FIRN_ECORRUPT, "has a negative number", err);
	if (field > max)
		return fail_entry(name, FIRN_ELIMIT, "has a number that is too large", err);
	*ret = (uint32_t)field;
	return 0;
}

static int entry_numbers(const struct tar_extra *x, const char *name, const struct tar_header *h,
			 struct tar_entry *e, struct firn_error *err)
{
	const struct tar_pax *p = &x->pax;
	int rc;

	if ((rc = entry_u32(name, p->has_uid ? p->uid : h->uid, UINT32_MAX, &e->uid, err)) < 0 ||
	    (rc = entry_u32(name, p->has_gid ? p->gid : h->gid, UINT32_MAX, &e->gid, err)) < 0 ||
	    (rc = entry_u32(name, h->major, MAJOR_MAX, &e->major, err)) < 0 ||
	    (rc = entry_u32(name, h->minor, MINOR_MAX, &e->minor, err)) < 0)
		return rc;
	e->mtime = p->has_mtime ? p->mtime : h->mtime;
	e->mtime_ns = p->has_mtime ? p->mtime_ns : 0;
	return 0;
}

static int entry_target(const struct tar_extra *x, const char *name, const struct tar_header *h,
			struct tar_entry *e, struct firn_error *err)
{
	const char *target = x->pax.linkpath ? x->pax.linkpath : x->link ? x->link : h->link;
	int rc;

	if (!e->hardlink && !S_ISLNK(e->mode))
		return 0;
	if (*target == '\0')
		return fail_entry(name, FIRN_ECORRUPT, "is a link to nothing", err);
	if (e->hardlink) {
		rc = path_normalise(target, &e->target, err);
		return rc < 0 ? firn_wrap(err, rc, "link target") : 0;
	}
	if (strlen(target) > TAR_TARGET_MAX)
		return fail_entry(name, FIRN_ELIMIT, "link target is longer than 4095 bytes", err);
	e->target = strdup(target);
	return e->target ? 0 : firn_fail_oom(err, "link target");
}

/* Only files have a payload; the size of the others is said to mean nothing. */
static int entry_payload(const struct tar_extra *x, const char *name, const struct tar_header *h,
			 const struct tar_input *in, struct tar_entry *e, struct firn_error *err)
{
	uint64_t size = x->pax.has_size ? x->pax.size : (uint64_t)h->size;

	if (e->hardlink && size)
		return fail_entry(name, FIRN_EUNSUPP, "is a hard link with a payload", err);
	if (!S_ISREG(e->mode) || size == 0)
		return 0;
	if (size > TAR_PAYLOAD_MAX)
		return fail_entry(name, FIRN_ELIMIT, "is larger than any file", err);
	if (size > tar_input_left(in))
		return fail_entry(name, FIRN_ECORRUPT, "is larger than what is left of the archive",
				  err);
	e->size = size;
	if (!tar_input_compressed(in))
		e->offset = tar_input_at(in);
	return 0;
}

static int entry_build(struct tar_extra *x, const struct tar_header *h, const struct tar_input *in,
		       struct tar_entry *e, struct firn_error *err)
{
	const char *name = x->pax.path ? x->pax.path : x->name ? x->name : h->name;
	uint32_t type = 0;
	int rc;

	if (*name == '\0')
		return firn_fail(err, FIRN_ECORRUPT, "an entry without a name");
	rc = path_normalise(name, &e->path, err);
	if (rc == 0)
		rc = entry_type(name, h->type, &type, err);
	if (rc < 0)
		return rc;
	e->mode = type | h->mode;
	e->hardlink = h->type == '1';
	if (x->pax.sparse)
		return fail_entry(name, FIRN_EUNSUPP, "is a sparse file", err);
	if (*e->path == '\0' && type != S_IFDIR)
		return fail_entry(name, FIRN_ECORRUPT, "the root is no folder", err);
	if ((rc = entry_numbers(x, name, h, e, err)) < 0 ||
	    (rc = entry_target(x, name, h, e, err)) < 0)
		return rc;
	return entry_payload(x, name, h, in, e, err);
}

int tar_entry_build(struct tar_extra *x, const struct tar_header *h, const struct tar_input *in,
		    struct tar_entry *ret, struct firn_error *err)
{
	_cleanup_(tar_entry_done) struct tar_entry e = { 0 };
	int rc = entry_build(x, h, in, &e, err);

	if (rc < 0)
		return rc;
	e.xattrs = take_ptr(&x->pax.xattrs);
	*ret = e;
	e = (struct tar_entry){ 0 };
	return 0;
}

void tar_entry_done(struct tar_entry *e)
{
	free(e->path);
	free(e->target);
	xattrs_freep(&e->xattrs);
	*e = (struct tar_entry){ 0 };
}

void tar_extra_done(struct tar_extra *x)
{
	tar_pax_done(&x->pax);
	free(x->name);
	free(x->link);
	*x = (struct tar_extra){ 0 };
}

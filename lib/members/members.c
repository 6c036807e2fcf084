/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "members/priv.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LAYOUT_MARK      "oci-layout" /* image-spec image-layout.md */
#define IMAGES_INVENTORY CHECKPOINT_IMAGES_DIR "/" CHECKPOINT_INVENTORY

struct members *members_close(struct members *m)
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->nparts; i++)
		source_close(m->parts[i]);
	fd_close(m->archive);
	fd_close(m->folder);
	checkpoint_image_done(&m->image);
	checkpoint_names_done(&m->image_names);
	layout_close(m->layout);
	spool_done(&m->spool);
	spool_done(&m->unpacked);
	tally_done(&m->tally);
	buf_done(&m->names);
	free(m->entries);
	free(m);
	return NULL;
}

void members_closep(struct members **m)
{
	*m = members_close(*m);
}

static int add_name(struct members *m, const char *name, uint32_t *ret, struct firn_error *err)
{
	const size_t len = strlen(name) + 1;

	if (len > MEMBERS_NAMES_MAX - m->names.len)
		return firn_fail(err, FIRN_ELIMIT, "names of more than %u bytes",
				 MEMBERS_NAMES_MAX);
	*ret = (uint32_t)m->names.len;
	buf_put(&m->names, name, len);
	return buf_check(&m->names, err);
}

int members_add(struct members *m, const struct member *member, const struct member_how *how,
		struct firn_error *err)
{
	struct entry *e;
	int rc;

	if (m->count == MEMBERS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %u members", MEMBERS_MAX);
	if (m->count == m->room) {
		const size_t room = m->room ? 2 * m->room : 64;
		struct entry *grown = reallocarray(m->entries, room, sizeof(*grown));

		if (!grown)
			return firn_fail_oom(err, "members");
		m->entries = grown;
		m->room = room;
	}
	e = &m->entries[m->count];
	*e = (struct entry){
		.size = member->size,
		.at = how->at,
		.mtime = member->mtime,
		.kind = (uint8_t)member->kind,
		.place = (uint8_t)how->place,
		.part = how->part,
	};
	rc = add_name(m, member->path, &e->name, err);
	if (rc == 0 && member->target)
		rc = add_name(m, member->target, &e->target, err);
	if (rc == 0)
		m->count++;
	return rc;
}

static const char *name_of(const struct members *m, uint32_t at)
{
	return (const char *)m->names.data + at;
}

static int compare(const void *a, const void *b, void *ctx)
{
	const struct entry *x = a, *y = b;
	const struct members *m = ctx;
	const int by_name = strcmp(name_of(m, x->name), name_of(m, y->name));

	return by_name ? by_name : (x->part > y->part) - (x->part < y->part);
}

/* Of one name in several layers the last one counts; twice in one tar it may be no file. */
static int sort(struct members *m, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	size_t n = 0;

	if (m->count)
		qsort_r(m->entries, m->count, sizeof(*m->entries), compare, m);
	for (size_t i = 0; i < m->count; i++) {
		struct entry *last = n ? &m->entries[n - 1] : NULL;
		const struct entry *e = &m->entries[i];
		const char *name = name_of(m, e->name);

		if (!last || strcmp(name_of(m, last->name), name) != 0) {
			m->entries[n++] = *e;
			continue;
		}
		if (last->part == e->part && (last->kind != MEMBER_FOLDER || e->kind != last->kind))
			return firn_fail(err, FIRN_ECORRUPT, "%s comes twice",
					 path_quote(name, quoted));
		*last = *e;
	}
	m->count = n;
	return 0;
}

/* An archive of the engines; 1 when the file holds a layout. */
static int open_archive(struct members *m, struct firn_error *err)
{
	struct source *src = NULL;
	struct member mark;
	int rc = source_from_fd(m->archive, &src, err);

	if (rc < 0 || (rc = members_add_tar(m, src, err)) < 0 || (rc = sort(m, err)) < 0)
		return rc;
	return members_find(m, LAYOUT_MARK, &mark) && !m->packed;
}

static int open_image(struct members *m, const struct ref *ref, const char *container,
		      struct firn_error *err)
{
	_cleanup_(oci_descriptor_done) struct oci_descriptor desc = { 0 };
	int rc;

	m->form = MEMBERS_IMAGE;
	if ((rc = layout_open_ref(ref, &m->layout, err)) < 0 ||
	    (rc = layout_resolve(m->layout, ref, &desc, err)) < 0 ||
	    (rc = checkpoint_image_names(layout_store(m->layout), &desc, &m->image_names, err)) < 0)
		return rc;
	if (!container && m->image_names.n > 1)
		container = m->image_names.list[0];
	rc = checkpoint_image_load(layout_store(m->layout), &desc, container, &m->image, err);
	if (rc < 0)
		return rc;
	rc = members_add_image(m, err);
	return rc < 0 ? rc : sort(m, err);
}

static bool is_layout(int folder)
{
	struct stat st;

	return fstatat(folder, LAYOUT_MARK, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void forget(struct members *m)
{
	m->archive = fd_close(m->archive);
	source_close(m->parts[0]);
	m->nparts = m->count = 0;
	buf_reset(&m->names);
	m->form = MEMBERS_IMAGE;
}

/* A path: it is looked at. 1 when it turns out to be a layout. */
static int open_path(struct members *m, const char *path, struct firn_error *err)
{
	_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return firn_fail_errno(err, "open");
	if (S_ISDIR(st.st_mode)) {
		if (is_layout(fd))
			return 1;
		m->form = MEMBERS_FOLDER;
		m->folder = take_fd(&fd);
		rc = members_add_folder(m, err);
		return rc < 0 ? rc : sort(m, err);
	}
	if (!S_ISREG(st.st_mode))
		return firn_fail(err, FIRN_EINVAL, "is neither a file nor a folder");
	m->archive = take_fd(&fd);
	rc = open_archive(m, err);
	if (rc > 0)
		forget(m);
	return rc;
}

static int check_inventory(const struct members *m, struct firn_error *err)
{
	struct member inventory;

	if (members_find(m, IMAGES_INVENTORY, &inventory))
		return 0;
	for (size_t i = 0; i < m->count; i++) {
		const char *name = name_of(m, m->entries[i].name);
		char quoted[PATH_QUOTE_MAX];

		if (strcmp(path_basename(name), LAYOUT_MARK) == 0)
			return firn_fail(err, FIRN_EINVAL,
					 "is no checkpoint but holds a layout (%s): unpack that, "
					 "or let firn build make an image of it",
					 path_quote(name, quoted));
	}
	return firn_fail(err, FIRN_EINVAL, "is no checkpoint: it has no %s", IMAGES_INVENTORY);
}

static int open_ref(struct members *m, const struct ref *ref, const char *container,
		    struct firn_error *err)
{
	int rc = ref->transport == REF_PATH ? open_path(m, ref->path, err) : 1;

	if (rc > 0)
		rc = open_image(m, ref, container, err);
	else if (rc == 0 && container)
		return firn_fail(err, FIRN_EINVAL, "only an image may have several containers");
	return rc < 0 ? rc : check_inventory(m, err);
}

static struct members *new_members(void)
{
	struct members *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->folder = m->archive = -1;
	m->spool = m->unpacked = (struct spool)SPOOL_INIT;
	m->unpacked.max = UNPACKED_MAX;
	return m;
}

int members_open_source(struct source *src, struct members **ret, struct firn_error *err)
{
	_cleanup_(members_closep) struct members *m = new_members();
	int rc;

	if (!m) {
		source_close(src);
		return firn_fail_oom(err, "checkpoint");
	}
	if ((rc = members_add_tar(m, src, err)) < 0 || (rc = sort(m, err)) < 0 ||
	    (rc = check_inventory(m, err)) < 0)
		return rc;
	*ret = take_ptr(&m);
	return 0;
}

int members_open(const char *text, const char *container, struct members **ret,
		 struct firn_error *err)
{
	_cleanup_(members_closep) struct members *m = new_members();
	_cleanup_(ref_done) struct ref ref = { 0 };
	int rc;

	if (!m)
		return firn_fail_oom(err, "checkpoint");
	if ((rc = ref_parse(text, &ref, err)) < 0 || (rc = open_ref(m, &ref, container, err)) < 0)
		return rc;
	*ret = take_ptr(&m);
	return 0;
}

enum members_form members_form(const struct members *m)
{
	return m->form;
}

bool members_packed(const struct members *m)
{
	return m->packed;
}

const struct checkpoint_image *members_image(const struct members *m)
{
	return m->form == MEMBERS_IMAGE ? &m->image : NULL;
}

const struct checkpoint_names *members_names(const struct members *m)
{
	return &m->image_names;
}

struct store *members_store(const struct members *m)
{
	return m->layout ? layout_store(m->layout) : NULL;
}

const struct tally *members_tally(const struct members *m)
{
	return &m->tally;
}

size_t members_count(const struct members *m)
{
	return m->count;
}

static struct member member_of(const struct members *m, const struct entry *e)
{
	return (struct member){
		.kind = (enum member_kind)e->kind,
		.path = name_of(m, e->name),
		.target = e->target ? name_of(m, e->target) : NULL,
		.size = e->size,
		.mtime = e->mtime,
	};
}

struct member members_at(const struct members *m, size_t i)
{
	return member_of(m, &m->entries[i]);
}

const struct entry *members_entry(const struct members *m, const char *path)
{
	size_t from = 0, to = m->count;

	while (from < to) {
		const size_t mid = from + (to - from) / 2;
		const int by_name = strcmp(path, name_of(m, m->entries[mid].name));

		if (by_name == 0)
			return &m->entries[mid];
		if (by_name < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return NULL;
}

int members_find(const struct members *m, const char *path, struct member *ret)
{
	const struct entry *e = members_entry(m, path);

	if (!e)
		return 0;
	*ret = member_of(m, e);
	return 1;
}

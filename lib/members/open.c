/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a path or a reference is, and its members from there. */
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
#define STDIN_NAME       "-"
#define PIECE_BYTES      65536u

static struct members *new_members(void)
{
	struct members *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->archive = -1;
	m->at = (struct located)LOCATED_INIT;
	m->folder.root = m->folder.around = -1;
	for (size_t i = 0; i < CHECKPOINT_DUMPS_MAX; i++)
		m->folder.dumps[i] = -1;
	m->spool = m->unpacked = (struct spool)SPOOL_INIT;
	m->unpacked.max = UNPACKED_MAX;
	return m;
}

struct members *members_close(struct members *m)
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->nparts; i++)
		source_close(m->parts[i].source);
	fd_close(m->archive);
	folder_done(&m->folder);
	in_place_done(&m->in_place);
	checkpoint_image_done(&m->image);
	checkpoint_names_done(&m->image_names);
	located_done(&m->at);
	spool_done(&m->spool);
	spool_done(&m->unpacked);
	tally_done(&m->tally);
	buf_done(&m->names);
	free(m->name);
	oci_descriptor_done(&m->base);
	free(m->entries);
	free(m);
	return NULL;
}

void members_closep(struct members **m)
{
	*m = members_close(*m);
}

/* All of the pipe @from in a file that can be read where one likes. */
static int keep_pipe(int from, struct firn_error *err)
{
	_fd_ int fd = spool_file(err);
	_free_ uint8_t *piece = malloc(PIECE_BYTES);
	uint64_t at = 0;
	ssize_t got = 0;
	int rc = fd < 0 ? fd : 0;

	if (!piece)
		return firn_fail_oom(err, "standard input");
	while (rc >= 0 && (got = fd_read(from, piece, PIECE_BYTES, err)) > 0) {
		rc = fd_pwrite(fd, piece, (size_t)got, at, err);
		at += (uint64_t)got;
	}
	if (rc < 0 || got < 0)
		return rc < 0 ? rc : (int)got;
	return take_fd(&fd);
}

/* Standard input, from its beginning on, as a file. */
static int open_stdin(struct firn_error *err)
{
	_fd_ int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return firn_fail_errno(err, "standard input");
	if (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_CUR) == 0))
		return take_fd(&fd);
	return keep_pipe(fd, err);
}

int members_keep_input(const char *text, char ret[MEMBERS_INPUT_MAX], int *ret_fd,
		       struct firn_error *err)
{
	int fd;

	if (strcmp(text, STDIN_NAME) != 0)
		return 0;
	fd = open_stdin(err);
	if (fd < 0)
		return fd;
	fd_path(fd, ret);
	*ret_fd = fd;
	return 1;
}

static int open_located(struct members *m, const char *container, struct firn_error *err)
{
	_free_ char *name = take_ptr(&m->at.name);

	if (container && m->at.kind != LOCATED_OWN)
		return firn_fail(err, FIRN_EINVAL,
				 "only an image of firn's may have several containers");
	return firn_wrap(err, members_add_located(m, container, err), "%s", name);
}

static int no_container(const char *container, struct firn_error *err)
{
	return container ? firn_fail(err, FIRN_EINVAL,
				     "only an image of firn's may have several containers")
			 : 0;
}

/* @path is where it can be opened again. */
static int open_folder(struct members *m, int fd, const char *path, const char *container,
		       struct firn_error *err)
{
	_fd_ int owned = fd;
	struct stat st;
	int rc;

	if (fstatat(fd, LAYOUT_MARK, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		rc = locate_layout(path, 0, &m->at, err);
		return rc < 0 ? rc : open_located(m, container, err);
	}
	rc = no_container(container, err);
	return rc < 0 ? rc : members_add_folder(m, take_fd(&owned), err);
}

/* OCI content in it, or else an archive of the engines. */
static int open_archive(struct members *m, const char *path, const char *container,
			struct firn_error *err)
{
	struct source *src = NULL;
	int rc = locate_archive(m->archive, path, 0, &m->at, err);

	if (rc > 0)
		return open_located(m, container, err);
	if (rc < 0 || (rc = no_container(container, err)) < 0 ||
	    (rc = source_from_fd(m->archive, &src, err)) < 0)
		return rc;
	return members_add_tar(m, src, NULL, err);
}

/* A path: it is looked at. */
static int open_path(struct members *m, const char *path, const char *container,
		     struct firn_error *err)
{
	const bool in = strcmp(path, STDIN_NAME) == 0;
	_fd_ int fd =
	    in ? open_stdin(err) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char of[FD_PATH_MAX];
	struct stat st;

	if (fd < 0 && in)
		return fd;
	if (fd < 0 || fstat(fd, &st) < 0)
		return firn_fail_errno(err, "open");
	if (S_ISDIR(st.st_mode) && in)
		path = fd_path(fd, of);
	if (S_ISDIR(st.st_mode))
		return open_folder(m, take_fd(&fd), path, container, err);
	if (!S_ISREG(st.st_mode))
		return firn_fail(err, FIRN_EINVAL, "is neither a file nor a folder");
	m->archive = take_fd(&fd);
	return open_archive(m, path, container, err);
}

static int open_ref(struct members *m, const struct ref *ref, const char *container,
		    const struct registry_opts *registry, struct firn_error *err)
{
	int rc;

	if (ref->transport == REF_PATH)
		return open_path(m, ref->path, container, err);
	rc = ref->transport == REF_DOCKER && registry
		 ? locate_registry(ref, registry, 0, &m->at, err)
		 : locate_ref(ref, 0, &m->at, err);
	return rc < 0 ? rc : open_located(m, container, err);
}

/* What all forms end with. */
static int finish(struct members *m, struct firn_error *err)
{
	struct member inventory;
	int rc = members_sort(m, err);

	if (rc < 0 || m->cut || members_find(m, IMAGES_INVENTORY, &inventory))
		return rc;
	return firn_fail(err, FIRN_EINVAL, "is no checkpoint: it has no %s", IMAGES_INVENTORY);
}

int members_open_source(struct source *src, struct members **ret, struct firn_error *err)
{
	_cleanup_(members_closep) struct members *m = new_members();
	int rc;

	if (!m) {
		source_close(src);
		return firn_fail_oom(err, "checkpoint");
	}
	if ((rc = members_add_tar(m, src, NULL, err)) < 0 || (rc = finish(m, err)) < 0)
		return rc;
	*ret = take_ptr(&m);
	return 0;
}

int members_open_located(struct located *l, const char *container, struct members **ret,
			 struct firn_error *err)
{
	_cleanup_(members_closep) struct members *m = new_members();
	int rc;

	if (!m) {
		located_done(l);
		return firn_fail_oom(err, "checkpoint");
	}
	m->at = *l;
	*l = (struct located)LOCATED_INIT;
	if ((rc = open_located(m, container, err)) < 0 || (rc = finish(m, err)) < 0)
		return rc;
	*ret = take_ptr(&m);
	return 0;
}

static int open_as(const struct ref *ref, const char *container,
		   const struct registry_opts *registry, bool brief, struct members **ret,
		   struct firn_error *err)
{
	_cleanup_(members_closep) struct members *m = new_members();
	int rc;

	if (!m)
		return firn_fail_oom(err, "checkpoint");
	m->brief = brief;
	if ((rc = open_ref(m, ref, container, registry, err)) < 0 || (rc = finish(m, err)) < 0)
		return rc;
	*ret = take_ptr(&m);
	return 0;
}

int members_open(const char *text, const char *container, struct members **ret,
		 struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	int rc = ref_parse(text, &ref, err);

	return rc < 0 ? rc : open_as(&ref, container, NULL, false, ret, err);
}

int members_open_from(const char *text, const char *container, const struct registry_opts *registry,
		      struct members **ret, struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	int rc = ref_parse(text, &ref, err);

	return rc < 0 ? rc : open_as(&ref, container, registry, false, ret, err);
}

int members_open_ref(const struct ref *ref, const char *container, struct members **ret,
		     struct firn_error *err)
{
	return open_as(ref, container, NULL, false, ret, err);
}

int members_open_documents(const char *text, struct members **ret, struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	int rc = ref_parse(text, &ref, err);

	return rc < 0 ? rc : open_as(&ref, NULL, NULL, true, ret, err);
}

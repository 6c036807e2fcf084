/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of a folder: files are opened when they are asked for, never through a symbolic link. */
#include "members/priv.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/oci.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define IN_IMAGES CHECKPOINT_IMAGES_DIR "/"

static enum member_kind kind_of(const struct folder_file *file)
{
	if (S_ISREG(file->mode))
		return MEMBER_FILE;
	if (S_ISDIR(file->mode))
		return MEMBER_FOLDER;
	return S_ISLNK(file->mode) ? MEMBER_LINK : MEMBER_OTHER;
}

static int add_files(struct members *m, struct firn_error *err)
{
	const struct folder *f = &m->folder;
	char room[FOLDER_MEMBER_MAX];
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < f->count; i++) {
		const struct folder_file *file = &f->files[i];
		const struct member_how how = { .place = PLACE_FOLDER, .at = i };
		const struct member member = {
			.kind = kind_of(file),
			.path = folder_member(f, file, room),
			.target = file->target,
			.size = file->size,
			.mtime = file->mtime,
		};

		rc = members_add(m, &member, &how, err);
	}
	return rc;
}

/* Who keeps such a folder: its config.json tells, but for what nobody signs. */
static const char *engine_of(const json_t *spec)
{
	return oci_annotation(spec, "io.container.manager") ||
		       oci_annotation(spec, "io.kubernetes.cri.container-name")
		   ? NULL
		   : "OCI bundle";
}

static int look_around(struct members *m, struct firn_error *err)
{
	const struct in_place *p = &m->in_place;
	int rc = in_place_look(m->folder.root, &m->in_place, err);

	if (rc < 0)
		return rc;
	m->about.engine = engine_of(p->spec);
	m->about.container = p->name;
	m->about.image_name = p->image_name;
	m->about.image_id = p->image_id;
	return 0;
}

static bool has(int root, const char *name)
{
	struct stat st;

	return fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int members_add_folder(struct members *m, int fd, struct firn_error *err)
{
	_fd_ int owned = fd;
	int rc;

	m->form = MEMBERS_FOLDER;
	if (!has(fd, IN_IMAGES CHECKPOINT_INVENTORY) && !has(fd, CHECKPOINT_CONFIG) &&
	    !has(fd, CHECKPOINT_INVENTORY))
		return firn_fail(err, FIRN_EINVAL,
				 "is no checkpoint: the folder has neither " IN_IMAGES "%s nor %s",
				 CHECKPOINT_INVENTORY, CHECKPOINT_INVENTORY);
	rc = folder_collect(&m->folder, take_fd(&owned), FOLDER_CIRCLES, err);
	if (rc >= 0 && m->folder.in_place && !m->folder.has_config)
		rc = look_around(m, err);
	return rc < 0 ? rc : add_files(m, err);
}

/* A file that its source closes. */
struct file_source {
	struct source source;
	struct source *file;
	int fd;
};

static ssize_t file_pread(struct source *src, void *buf, size_t n, uint64_t at,
			  struct firn_error *err)
{
	return source_pread(((struct file_source *)src)->file, buf, n, at, err);
}

static void file_close(struct source *src)
{
	struct file_source *f = (struct file_source *)src;

	source_close(f->file);
	fd_close(f->fd);
	free(f);
}

int members_open_file(struct members *m, const struct entry *e, struct source **ret,
		      struct firn_error *err)
{
	static const struct source_ops ops = { file_pread, file_close };
	const struct folder_file *of = &m->folder.files[e->at];
	/* O_NONBLOCK: if it became a fifo meanwhile, that must not stop us. */
	_fd_ int fd = path_open_beneath(folder_of(&m->folder, of), of->path,
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, err);
	_cleanup_(source_closep) struct source *file = NULL;
	struct file_source *f;
	int rc;

	if (fd < 0)
		return fd;
	rc = source_from_fd(fd, &file, err);
	if (rc < 0)
		return rc;
	f = calloc(1, sizeof(*f));
	if (!f)
		return firn_fail_oom(err, "member");
	f->source = (struct source){ &ops, file->size };
	f->file = take_ptr(&file);
	f->fd = take_fd(&fd);
	*ret = &f->source;
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A checkpoint that lies in a folder (ingest/folder.h). */
#include "ingest/input.h"

#include "base/fd.h"
#include "ingest/engine.h"
#include "locate/folder.h"
#include "locate/in_place.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>

struct folder_input {
	struct input input;
	struct istream payload; /* of the current member */
	struct folder folder;
	struct in_place place; /* of an engine's own folder without config.dump */
	struct input_about about;
	int fd; /* the current member */
	uint64_t left;
	size_t next;
	struct tar_entry entry;
	char member[FOLDER_MEMBER_MAX];
};

static void folder_close(struct input *in)
{
	struct folder_input *f = (struct folder_input *)in;

	fd_close(f->fd);
	folder_done(&f->folder);
	in_place_done(&f->place);
	free(f);
}

/* What it is now; it may have changed. */
static int open_member(struct folder_input *f, const struct folder_file *file, struct stat *st,
		       struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	/* O_NONBLOCK: if it became a fifo meanwhile, that must not stop us. */
	f->fd = path_open_beneath(folder_of(&f->folder, file), file->path,
				  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, err);
	if (f->fd < 0)
		return f->fd;
	if (fstat(f->fd, st) < 0)
		return firn_fail_errno(err, "stat %s", path_quote(file->path, quoted));
	return 0;
}

static int folder_next(struct input *in, const struct tar_entry **ret, struct firn_error *err)
{
	struct folder_input *f = (struct folder_input *)in;
	const struct folder_file *file;
	struct stat st = { 0 };
	int rc;

	f->fd = fd_close(f->fd);
	if (f->next == f->folder.count)
		return 0;
	file = &f->folder.files[f->next++];
	st.st_mode = file->mode;
	st.st_uid = file->uid;
	st.st_gid = file->gid;
	st.st_mtim.tv_sec = file->mtime;
	st.st_mtim.tv_nsec = file->mtime_ns;
	/* Nobody wants anything else, but whoever refuses it should see it. */
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		rc = open_member(f, file, &st, err);
		if (rc < 0)
			return rc;
	}
	f->left = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	f->entry = (struct tar_entry){
		.path = (char *)folder_member(&f->folder, file, f->member),
		.target = file->target,
		.mode = st.st_mode,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.size = f->left,
		.mtime = st.st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st.st_mtim.tv_nsec,
	};
	*ret = &f->entry;
	return 1;
}

/* What changes between this look and the next one only makes the look worthless. */
static int folder_scan(struct input *in, input_each *each, void *ctx, struct firn_error *err)
{
	struct folder_input *f = (struct folder_input *)in;
	const struct tar_entry *e;
	int rc;

	while ((rc = folder_next(in, &e, err)) > 0 && (rc = each(e, ctx, err)) >= 0)
		;
	f->fd = fd_close(f->fd);
	f->next = 0;
	return rc < 0 ? rc : 1;
}

static ssize_t file_read(struct istream *stream, void *buf, size_t n, struct firn_error *err)
{
	struct folder_input *f =
	    (struct folder_input *)((char *)stream - offsetof(struct folder_input, payload));
	const size_t want = f->left < n ? (size_t)f->left : n;
	const ssize_t got = want ? fd_read(f->fd, buf, want, err) : 0;

	if (got > 0) {
		f->left -= (size_t)got;
		f->input.done += (size_t)got;
	}
	return got;
}

static void file_close(struct istream *stream)
{
	(void)stream; /* lives in its folder_input */
}

static const struct istream_ops file_ops = { .read = file_read, .close = file_close };

static int folder_payload(struct input *in, struct istream **ret, struct firn_error *err)
{
	struct folder_input *f = (struct folder_input *)in;

	(void)err;
	f->payload.ops = &file_ops;
	*ret = &f->payload;
	return 0;
}

static int folder_finish(struct input *in, struct digest *ret, struct firn_error *err)
{
	(void)ret;
	(void)err;
	in->done = in->total;
	return 0;
}

static const struct input_ops folder_ops = {
	.next = folder_next,
	.payload = folder_payload,
	.scan = folder_scan,
	.finish = folder_finish,
	.close = folder_close,
};

static int look_around(struct folder_input *f, struct firn_error *err)
{
	const struct in_place *p = &f->place;
	int rc = in_place_look(f->folder.root, &f->place, err);

	if (rc < 0)
		return rc;
	f->about = (struct input_about){
		.engine = engine_of_folder(p->spec),
		.image_name = p->image_name,
		.image_id = p->image_id,
	};
	if (p->name && engine_check_name(p->name, FIRN_ECORRUPT, NULL) == 0)
		f->about.container = p->name;
	f->input.about = &f->about;
	return 0;
}

int input_open_folder(int fd, struct input **ret, struct firn_error *err)
{
	struct folder_input *f = calloc(1, sizeof(*f));
	_cleanup_(input_closep) struct input *in = NULL;
	int rc;

	if (!f) {
		fd_close(fd);
		return firn_fail_oom(err, "input");
	}
	f->input.ops = &folder_ops;
	f->fd = -1;
	in = &f->input;
	rc = folder_collect(&f->folder, fd, 0, err);
	if (rc >= 0 && f->folder.in_place && !f->folder.has_config)
		rc = look_around(f, err);
	if (rc < 0)
		return rc;
	f->input.total = f->folder.bytes;
	*ret = take_ptr(&in);
	return 0;
}

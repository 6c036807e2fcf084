/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/input.h"

#include "base/fd.h"
#include "base/path.h"
#include "ingest/input_oci.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A file that is read from its beginning can be looked at first: it may be OCI content. */
static int open_file(int fd, const char *path, bool digest, struct input **ret,
		     struct firn_error *err)
{
	_fd_ int owned = fd;
	int rc = lseek(fd, 0, SEEK_CUR) == 0 ? input_open_archive(fd, path, ret, err) : 0;

	if (rc != 0)
		return rc < 0 ? rc : 0;
	return input_open_tar(take_fd(&owned), digest, ret, err);
}

static int open_path(const char *path, bool digest, struct input **ret, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	_fd_ int fd = -1;
	struct stat st;

	if (strcmp(path, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return firn_fail_errno(err, "open %s", path_quote(path, quoted));
	if (S_ISREG(st.st_mode))
		return open_file(take_fd(&fd), path, digest, ret, err);
	if (!S_ISDIR(st.st_mode))
		return input_open_tar(take_fd(&fd), digest, ret, err);
	if (faccessat(fd, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return input_open_layout(path, ret, err);
	if (digest)
		return firn_fail(err, FIRN_EINVAL, "a folder has no digest");
	return input_open_folder(take_fd(&fd), ret, err);
}

int input_open(const char *path, bool digest, struct input **ret, struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	int rc = ref_parse(path, &ref, err);

	if (rc < 0)
		return rc;
	if (ref.transport != REF_PATH)
		return input_open_ref(&ref, ret, err);
	return open_path(path, digest, ret, err);
}

void input_close(struct input *in)
{
	if (in)
		in->ops->close(in);
}

void input_closep(struct input **in)
{
	input_close(*in);
	*in = NULL;
}

int input_next(struct input *in, const struct tar_entry **ret, struct firn_error *err)
{
	return in->ops->next(in, ret, err);
}

int input_payload(struct input *in, struct istream **ret, struct firn_error *err)
{
	return in->ops->payload(in, ret, err);
}

int input_scan(struct input *in, input_each *each, void *ctx, struct firn_error *err)
{
	return in->ops->scan ? in->ops->scan(in, each, ctx, err) : 0;
}

int input_record(struct input *in, struct recipe_writer **ret, struct firn_error *err)
{
	return in->ops->record ? in->ops->record(in, ret, err) : 0;
}

int input_keep(struct input *in, struct blob_writer *w, struct firn_error *err)
{
	return in->ops->keep ? in->ops->keep(in, w, err) : 0;
}

int input_finish(struct input *in, struct digest *ret, struct firn_error *err)
{
	return in->ops->finish(in, ret, err);
}

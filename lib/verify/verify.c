/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verify/verify.h"

#include "base/fd.h"
#include "base/opts.h"
#include "base/path.h"
#include "locate/locate.h"
#include "verify/docker.h"
#include "verify/layout.h"

#include "firn/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STDIN_NAME "-" /* can be read once: the checkpoint in it, and not what is around */

struct firn_verification {
	struct findings *findings;
	const struct firn_value *list;
};

/* One run. */
struct job {
	const char *input;
	struct firn_verify_opts opts;
	struct findings *f;
	unsigned flags; /* enum verify_flags */
};

static int verify_open(const struct job *j, struct members *m, struct firn_error *err)
{
	int rc = verify_config(m, j->f, err);

	return rc < 0 ? rc : verify_set(m, j->f, j->flags, err);
}

/* All of the input is one checkpoint. */
static int verify_whole(const struct job *j, struct firn_error *err)
{
	_cleanup_(members_closep) struct members *m = NULL;
	struct firn_error e = { 0 };
	int rc = members_open(j->input, NULL, &m, &e);

	if (rc == 0)
		return verify_open(j, m, err);
	if (rc == -FIRN_ECORRUPT || rc == -FIRN_ELIMIT) {
		rc = findings_take(j->f, "", "bad-checkpoint", rc, &e, err);
		return rc < 0 ? rc : 0;
	}
	if (err)
		*err = e;
	return rc;
}

/*
 * The checkpoint @ref, one of a layout. What keeps it from being opened may have been told, and
 * what others made may be something that only they can read.
 */
static int verify_one(const struct job *j, const struct ref *ref, bool own, struct firn_error *err)
{
	_cleanup_(members_closep) struct members *m = NULL;
	const bool told = findings_count(j->f, FINDING_FAULT);
	struct firn_error e = { 0 };
	int rc = members_open_ref(ref, NULL, &m, &e);

	if (rc == 0)
		return verify_open(j, m, err);
	if (rc == -FIRN_ENOMEM)
		return firn_fail_oom(err, "checkpoint");
	if (told || (rc == -FIRN_EINVAL && !own)) {
		findings_add(j->f, FINDING_NOTE, "", "not-checked",
			     "what is in the checkpoint was not looked at: %s", e.msg);
		return 0;
	}
	rc = findings_take(j->f, "", "bad-checkpoint", rc, &e, err);
	return rc < 0 ? rc : 0;
}

/* Every checkpoint that was found in the layout. */
static int verify_checkpoints(const struct job *j, const struct ref *layout,
			      const struct layout_verified *v, struct firn_error *err)
{
	struct ref ref = { .transport = layout->transport, .path = layout->path };
	char name[BLOB_NAME_MAX];
	struct stat st;
	int rc = 0;

	if (ref.transport == REF_PATH && stat(ref.path, &st) == 0)
		ref.transport = S_ISREG(st.st_mode) ? REF_OCI_ARCHIVE : REF_OCI;
	for (size_t i = 0; rc == 0 && i < v->ncheckpoints; i++) {
		const struct trace_checkpoint *c = &v->checkpoints[i];

		/* Without a digest it is the layout itself, whatever it is given as. */
		ref.digest = c->digest;
		findings_within(j->f, v->ncheckpoints > 1 && c->digest.alg
					  ? blob_name(&c->digest, name)
					  : NULL);
		rc = verify_one(j, c->digest.alg ? &ref : layout, c->own, err);
	}
	findings_within(j->f, NULL);
	return rc;
}

static int verify_layout_ref(const struct job *j, const struct ref *ref, struct firn_error *err)
{
	_cleanup_(layout_verified_done) struct layout_verified v = { 0 };
	int rc = verify_layout(ref, j->flags, j->opts.report, j->f, &v, err);

	return rc < 0 ? rc : verify_checkpoints(j, ref, &v, err);
}

static bool has_file(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int verify_archive(const struct job *j, const struct ref *ref, int fd,
			  struct firn_error *err)
{
	struct source *src = NULL;
	int rc = source_from_fd(fd, &src, err);

	if (rc < 0)
		return rc;
	switch (locate_form(src)) {
	case LOCATE_DOCKER:
		return verify_docker(src, j->f, err);
	case LOCATE_LAYOUT:
		source_close(src);
		return verify_layout_ref(j, ref, err);
	default:
		source_close(src);
		return verify_whole(j, err);
	}
}

/* A path: it is looked at. */
static int verify_path(const struct job *j, const struct ref *ref, struct firn_error *err)
{
	_fd_ int fd = open(ref->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (strcmp(ref->path, STDIN_NAME) == 0)
		return verify_whole(j, err);
	if (fd < 0 || fstat(fd, &st) < 0)
		return firn_fail_errno(err, "open");
	if (S_ISREG(st.st_mode))
		return verify_archive(j, ref, fd, err);
	if (S_ISDIR(st.st_mode) &&
	    (has_file(fd, "oci-layout") || (has_file(fd, "index.json") && has_file(fd, "blobs"))))
		return verify_layout_ref(j, ref, err);
	return verify_whole(j, err);
}

static int verify_input(const struct job *j, struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	int rc = ref_parse(j->input, &ref, err);

	if (rc < 0)
		return rc;
	if (ref.transport == REF_DOCKER)
		return firn_fail(
		    err, FIRN_EUNSUPP,
		    "lies in a registry, and all of it has to be read: firn copy makes a "
		    "layout of it, which can be verified");
	if (ref.transport == REF_DIR)
		return firn_fail(err, FIRN_EUNSUPP,
				 "firn copy makes a layout of it, which can be verified");
	return ref.transport == REF_PATH ? verify_path(j, &ref, err)
					 : verify_layout_ref(j, &ref, err);
}

struct firn_verification *firn_verification_free(struct firn_verification *v)
{
	if (v)
		findings_free(v->findings);
	free(v);
	return NULL;
}

static void verification_freep(struct firn_verification **v)
{
	*v = firn_verification_free(*v);
}

int firn_verify(const char *input, const struct firn_verify_opts *given,
		struct firn_verification **ret, struct firn_error *err)
{
	_cleanup_(verification_freep) struct firn_verification *v = calloc(1, sizeof(*v));
	struct job j = { .input = input };
	char quoted[PATH_QUOTE_MAX];
	int rc;

	if (!v)
		return firn_fail_oom(err, "verify");
	if ((rc = opts_take(given, &j.opts, sizeof(j.opts), err)) < 0 ||
	    (rc = opts_check_flags(j.opts.flags, FIRN_VERIFY_DEEP, err)) < 0 ||
	    (rc = findings_new(&v->findings, err)) < 0)
		return rc;
	j.f = v->findings;
	j.flags = j.opts.flags & FIRN_VERIFY_DEEP ? VERIFY_DEEP : 0;
	rc = verify_input(&j, err);
	if (rc == 0) {
		v->list = findings_value(v->findings);
		rc = findings_check(v->findings, err);
	}
	if (rc < 0)
		return firn_wrap(err, rc, "%s", path_quote(input, quoted));
	*ret = take_ptr(&v);
	return 0;
}

uint64_t firn_verification_count(const struct firn_verification *v, enum firn_verify_level level)
{
	static const enum finding_level levels[] = {
		[FIRN_VERIFY_FAULT] = FINDING_FAULT,
		[FIRN_VERIFY_WARNING] = FINDING_WARNING,
		[FIRN_VERIFY_NOTE] = FINDING_NOTE,
	};

	return findings_count(v->findings, levels[level]);
}

const struct firn_value *firn_verification_value(const struct firn_verification *v)
{
	return v->list;
}

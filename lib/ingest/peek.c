/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/peek.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/ref.h"
#include "ingest/engine.h"
#include "ingest/input_podman.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Where the members come from: a file of which only what is wanted is read, or any other input. */
struct peek {
	struct source *source;
	struct tar *tar;
	struct input *input;
	struct facts facts;
	bool has_config;
};

static void peek_done(struct peek *p)
{
	facts_done(&p->facts);
	input_close(p->input);
	tar_close(p->tar);
	source_close(p->source);
}

static int next(struct peek *p, const struct tar_entry **ret, struct firn_error *err)
{
	return p->tar ? tar_next(p->tar, ret, err) : input_next(p->input, ret, err);
}

static int payload(struct peek *p, struct istream **ret, struct firn_error *err)
{
	return p->tar ? tar_payload(p->tar, ret, err) : input_payload(p->input, ret, err);
}

static int read_document(struct peek *p, const struct tar_entry *e, char **ret, size_t *ret_len,
			 struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	int rc;

	if (!S_ISREG(e->mode) || e->hardlink)
		return firn_fail(err, FIRN_ECORRUPT, "is no file");
	rc = payload(p, &in, err);
	return rc < 0 ? rc : istream_read_all(in, CONFIG_DUMP_MAX, ret, ret_len, err);
}

static int take_config(struct peek *p, const struct tar_entry *e, struct firn_error *err)
{
	_free_ char *text = NULL;
	size_t len = 0;
	int rc;

	if (p->has_config)
		return firn_fail(err, FIRN_ECORRUPT, "comes twice");
	rc = read_document(p, e, &text, &len, err);
	if (rc < 0)
		return rc;
	p->has_config = true;
	return config_dump_parse(text, len, &p->facts.config, err);
}

static int take_spec(struct peek *p, const struct tar_entry *e, struct firn_error *err)
{
	_free_ char *text = NULL;
	size_t len = 0;
	int rc;

	if (p->facts.spec)
		return firn_fail(err, FIRN_ECORRUPT, "comes twice");
	rc = read_document(p, e, &text, &len, err);
	return rc < 0 ? rc : json_parse(text, len, &p->facts.spec, err);
}

/* Both documents (a form that tells the engine has one), or all there is to read. */
static int look(struct peek *p, struct firn_error *err)
{
	const struct tar_entry *e = NULL;
	int rc = 1;

	while (((!p->has_config && !p->facts.told.engine) || !p->facts.spec) &&
	       (rc = next(p, &e, err)) > 0) {
		if (strcmp(e->path, CHECKPOINT_CONFIG) == 0)
			rc = take_config(p, e, err);
		else if (strcmp(e->path, CHECKPOINT_SPEC) == 0)
			rc = take_spec(p, e, err);
		if (rc < 0)
			return firn_wrap(err, rc, "%s", e->path);
	}
	return rc;
}

static int keep_name(const char *name, char **ret, struct firn_error *err)
{
	*ret = name ? strdup(name) : NULL;
	return name && !*ret ? firn_fail_oom(err, "container's name") : 0;
}

static int name_of(struct peek *p, char **ret, struct firn_error *err)
{
	int rc = engine_detect(&p->facts, err);

	return rc < 0 ? rc : keep_name(p->facts.container, ret, err);
}

/* 1 when the file at @path is an engine's archive, whose name is in *ret then. */
static int peek_archive(const char *path, char **ret, struct firn_error *err)
{
	_cleanup_(peek_done) struct peek p = { .input = NULL };
	_cleanup_(ref_done) struct ref ref = { 0 };
	_fd_ int fd = -1;
	struct stat st;
	int rc = ref_parse(path, &ref, err);

	if (rc < 0 || ref.transport != REF_PATH)
		return rc;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return firn_fail_errno(err, "open");
	if (!S_ISREG(st.st_mode))
		return 0;
	if ((rc = source_from_fd(fd, &p.source, err)) < 0 ||
	    (rc = tar_open_source(p.source, NULL, &p.tar, err)) < 0 || (rc = look(&p, err)) < 0)
		return rc;
	/* Neither document: a form that only input_open() knows, or nothing. */
	if (!p.has_config && !p.facts.spec)
		return 0;
	rc = name_of(&p, ret, err);
	return rc < 0 ? rc : 1;
}

static int peek_input(const char *path, char **ret, struct firn_error *err)
{
	_cleanup_(peek_done) struct peek p = { .input = NULL };
	const struct input_about *about;
	int rc = input_open(path, false, &p.input, err);

	if (rc < 0)
		return rc;
	about = p.input->about;
	if (about)
		rc = facts_tell(&p.facts, about->engine, about->container, about->image_name, NULL,
				err);
	if (rc >= 0)
		rc = look(&p, err);
	return rc < 0 ? rc : name_of(&p, ret, err);
}

int peek_container(const char *path, char **ret, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc;

	if (strcmp(path, "-") == 0)
		return firn_fail(err, FIRN_EINVAL,
				 "standard input can be read only once: give its container a name");
	if (running_name(path))
		return keep_name(running_name(path), ret, err);
	rc = peek_archive(path, ret, err);
	if (rc == 0)
		rc = peek_input(path, ret, err);
	return rc < 0 ? firn_wrap(err, rc, "%s", path_quote(path, quoted)) : 0;
}

int peek_readable(const char *path, struct firn_error *err)
{
	_cleanup_(ref_done) struct ref ref = { 0 };
	char quoted[PATH_QUOTE_MAX];
	int rc;

	if (strcmp(path, "-") == 0 || running_name(path))
		return 0;
	rc = ref_parse(path, &ref, err);
	if (rc == 0 && ref.transport == REF_DOCKER)
		return firn_fail(err, FIRN_EUNSUPP,
				 "%s lies in a registry: firn copy makes a layout of it, which can "
				 "be used",
				 path_quote(path, quoted));
	if (rc < 0 || access(ref.path, R_OK) == 0)
		return rc;
	return firn_fail_errno(err, "open %s", path_quote(ref.path, quoted));
}

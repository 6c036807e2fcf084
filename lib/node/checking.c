/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/check.h"

#include "base/fd.h"
#include "format/checkpoint.h"
#include "members/images.h"
#include "node/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

void checking_done(struct checking *c)
{
	/* It may read of what the members are in. */
	served_free(c->tree);
	free(c->images);
	members_close(c->m);
	config_dump_done(&c->config);
	json_decref(c->spec_dump);
	free(c->config_text);
	free(c->spec_text);
	spec_done(&c->spec);
	fd_close(c->rootfs);
	*c = (struct checking)CHECKING_NONE;
}

static int parse_documents(struct checking *c, struct firn_error *err)
{
	int rc = 0;

	if (c->config_text)
		rc = config_dump_parse(c->config_text, c->config_len, &c->config, err);
	if (rc < 0)
		return firn_wrap(err, rc, CHECKPOINT_CONFIG);
	if (c->spec_text)
		rc = json_parse(c->spec_text, c->spec_len, &c->spec_dump, err);
	return firn_wrap(err, rc, CHECKPOINT_SPEC);
}

static int read_document(struct checking *c, const char *name, size_t max, char **ret,
			 size_t *ret_len, struct firn_error *err)
{
	/* A bundle's were read from it. */
	if (*ret)
		return 0;
	return firn_wrap(err, members_read(c->m, name, max, ret, ret_len, err), "%s", name);
}

int checking_load(struct checking *c, struct members *m, struct firn_error *err)
{
	int rc;

	c->m = m;
	c->images = calloc(1, sizeof(*c->images));
	if (!c->images)
		return firn_fail_oom(err, "check");
	member_images_init(c->images, c->m, CHECKPOINT_IMAGES_DIR);
	rc = firn_wrap(err, criu_inspect(&c->images->base, &c->dump, err), "CRIU images");
	if (rc >= 0)
		rc = read_document(c, CHECKPOINT_CONFIG, CONFIG_DUMP_MAX, &c->config_text,
				   &c->config_len, err);
	if (rc >= 0)
		rc = read_document(c, CHECKPOINT_SPEC, SPEC_BYTES_MAX, &c->spec_text, &c->spec_len,
				   err);
	return rc < 0 ? rc : parse_documents(c, err);
}

/* The file's text, NULL when it isn't there. */
static int read_file(const char *bundle, const char *name, size_t max, char **ret, size_t *ret_len,
		     struct firn_error *err)
{
	_free_ char *path = NULL;
	_fd_ int fd = -1;

	if (asprintf(&path, "%s/%s", bundle, name) < 0) {
		path = NULL;
		return firn_fail_oom(err, "check");
	}
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : firn_fail_errno(err, "%s", path);
	return firn_wrap(err, fd_read_all(fd, max, ret, ret_len, err), "%s", path);
}

int checking_load_bundle(struct checking *c, const char *bundle, struct firn_error *err)
{
	_free_ char *path = NULL;
	int rc = 0;

	if (!c->spec.json)
		rc = read_file(bundle, BUNDLE_CONFIG, SPEC_BYTES_MAX, &c->spec.json, &c->spec.len,
			       err);
	if (rc < 0)
		return rc;
	if (asprintf(&path, "%s/" BUNDLE_ROOTFS, bundle) < 0) {
		path = NULL;
		return firn_fail_oom(err, "check");
	}
	c->rootfs = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return c->rootfs >= 0 || errno == ENOENT ? 0 : firn_fail_errno(err, "%s", path);
}

void checking_fill(struct checking *c, const struct firn_restore_opts *opts, const char *runtime)
{
	static const struct {
		unsigned restore, check;
	} flags[] = {
		{ FIRN_RESTORE_TCP_ESTABLISHED, CHECK_TCP_ESTABLISHED },
		{ FIRN_RESTORE_EXT_UNIX, CHECK_EXT_UNIX },
		{ FIRN_RESTORE_FILE_LOCKS, CHECK_FILE_LOCKS },
		{ FIRN_RESTORE_SHELL_JOB, CHECK_SHELL_JOB },
		{ FIRN_RESTORE_LAZY, CHECK_LAZY },
	};
	struct check_input *in = &c->input;

	/* A bare process has its host's root directory. */
	if (c->rootfs < 0 && !c->tree && !c->dump.container)
		c->rootfs = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	*in = (struct check_input){
		.m = c->m,
		.images = &c->images->base,
		.dump = &c->dump,
		.config = c->config.json ? &c->config : NULL,
		.spec_dump = c->spec_dump,
		.spec = c->spec.json ? &c->spec : NULL,
		.rootfs = c->rootfs,
		.tree = c->tree,
		.tree_at = BUNDLE_ROOTFS,
		.no_rootfs = c->no_rootfs,
		.no_rootfs_remedy = c->no_rootfs_remedy,
		.upper = -1,
		.runtime = runtime,
		.args = opts->runtime_args,
		.nargs = opts->nruntime_args,
	};
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (opts->flags & flags[i].restore)
			in->flags |= flags[i].check;
}

/* What has been found, in one sentence. */
static int refuse(const struct check_report *r, struct firn_error *err)
{
	const size_t n = check_count(r, CHECK_FAIL);
	const struct firn_value *line = firn_value_first(check_report_value(r));
	const char *remedy;
	char more[40] = "";

	while (strcmp(firn_value_text(firn_value_get(line, "level")), "fail") != 0)
		line = firn_value_next(line);
	remedy = firn_value_text(firn_value_get(line, "remedy"));
	if (n > 1)
		snprintf(more, sizeof(more), ", and %zu more", n - 1);
	return firn_fail(err, FIRN_EHOST,
			 "it would fail: %.200s%s%.150s%s%s; --no-check tries all the same",
			 check_first_failure(r), remedy ? " (" : "", remedy ? remedy : "",
			 remedy ? ")" : "", more);
}

int check_bundle(const char *bundle, const struct firn_restore_opts *opts, const char *runtime,
		 struct criu_asking *asking, struct firn_error *err)
{
	_cleanup_(check_report_freep) struct check_report *report = NULL;
	_cleanup_(checking_done) struct checking c = CHECKING_NONE;
	struct members *m = NULL;
	_free_ char *images = NULL;
	int rc;

	if (asprintf(&images, "%s/" BUNDLE_IMAGES, bundle) < 0) {
		images = NULL;
		return firn_fail_oom(err, "check");
	}
	if ((rc = read_file(bundle, CHECKPOINT_CONFIG, CONFIG_DUMP_MAX, &c.config_text,
			    &c.config_len, err)) < 0 ||
	    (rc = read_file(bundle, CHECKPOINT_SPEC, SPEC_BYTES_MAX, &c.spec_text, &c.spec_len,
			    err)) < 0 ||
	    (rc = members_open(images, NULL, &m, err)) < 0 ||
	    (rc = checking_load(&c, m, err)) < 0 ||
	    (rc = checking_load_bundle(&c, bundle, err)) < 0 ||
	    (rc = check_report_new(&report, err)) < 0)
		return firn_wrap(err, rc, "check");
	checking_fill(&c, opts, runtime);
	c.input.flags |= CHECK_QUICK;
	c.input.criu_asking = asking;
	rc = check_run(check_host, &c.input, report, err);
	if (rc == 0)
		rc = check_run(check_world, &c.input, report, err);
	if (rc < 0)
		return firn_wrap(err, rc, "check");
	return check_count(report, CHECK_FAIL) ? refuse(report, err) : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "look/inspect.h"

#include "base/fd.h"
#include "base/opts.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "remote/registry.h"

#include <string.h>

#define KNOWN_FLAGS (FIRN_INSPECT_ENVIRONMENT | FIRN_INSPECT_AREAS)

struct firn_inspection {
	struct doc *doc;
	struct firn_value *containers;
};

void inspect_warn(const struct inspect *i, const char *text)
{
	const struct firn_report *report = i->opts->report;

	if (report && report->warn)
		report->warn(text, report->ctx);
}

static void inspect_done(struct inspect *i)
{
	for (size_t k = 0; k < i->ntasks; k++) {
		free(i->tasks[k].args);
		free(i->tasks[k].env);
	}
	free(i->tasks);
	free(i->files);
	free(i->pieces);
	criu_inventory_done(&i->inventory);
}

static int inspect_container(struct inspect *i, struct firn_error *err)
{
	int (*const parts[])(struct inspect *, struct firn_error *) = {
		inspect_about,      inspect_sizes, inspect_delta, inspect_inventory,
		inspect_load_files, inspect_tasks, inspect_fds,   inspect_world,
	};

	for (size_t k = 0; k < ARRAY_SIZE(parts); k++) {
		int rc = parts[k](i, err);

		if (rc == 0)
			rc = doc_check(i->doc, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int inspect_look(struct members *m, const struct firn_inspect_opts *opts, struct doc *doc,
		 struct firn_value *list, struct firn_error *err)
{
	_cleanup_(inspect_done) struct inspect i = { .doc = doc, .opts = opts, .members = m };

	i.top = doc_add_object(i.doc, list, NULL);
	member_images_init(&i.images, i.members, CHECKPOINT_IMAGES_DIR);
	return inspect_container(&i, err);
}

int inspect_members(struct members *m, const struct firn_inspect_opts *opts, struct doc *doc,
		    struct firn_value *list, struct firn_error *err)
{
	int rc = inspect_look(m, opts, doc, list, err);

	members_close(m);
	return rc;
}

static int copy_names(const struct checkpoint_names *from, struct checkpoint_names *to,
		      struct firn_error *err)
{
	to->list = calloc(from->n + 1, sizeof(*to->list));
	if (!to->list)
		return firn_fail_oom(err, "containers");
	for (; to->n < from->n; to->n++) {
		const char *name = from->list[to->n];

		to->list[to->n] = name ? strdup(name) : NULL;
		if (name && !to->list[to->n])
			return firn_fail_oom(err, "containers");
	}
	return 0;
}

/* One container after the other: only one is open at a time. */
static int inspect_all(struct firn_inspection *to, const char *checkpoint,
		       const struct firn_inspect_opts *opts, struct firn_error *err)
{
	_cleanup_(checkpoint_names_done) struct checkpoint_names names = { 0 };
	char kept[MEMBERS_INPUT_MAX];
	struct registry_opts registry;
	struct members *m = NULL;
	_fd_ int fd = -1;
	int rc = members_keep_input(checkpoint, kept, &fd, err);

	if (rc > 0)
		checkpoint = kept;
	if (rc < 0 || (rc = registry_opts_from(opts->registry, &registry, err)) < 0 ||
	    (rc = members_open_from(checkpoint, opts->container, &registry, &m, err)) < 0)
		return rc;
	rc = copy_names(members_names(m), &names, err);
	if (rc == 0 && opts->pid && !opts->container && names.n > 1)
		rc = firn_fail(err, FIRN_EINVAL, "has %zu containers: name the one of process %u",
			       names.n, opts->pid);
	if (rc < 0) {
		members_close(m);
		return rc;
	}
	rc = inspect_members(m, opts, to->doc, to->containers, err);
	for (size_t k = 1; rc == 0 && !opts->container && k < names.n; k++) {
		rc = members_open_from(checkpoint, names.list[k], &registry, &m, err);
		if (rc == 0)
			rc = inspect_members(m, opts, to->doc, to->containers, err);
	}
	return rc;
}

static void inspection_freep(struct firn_inspection **i)
{
	*i = firn_inspection_free(*i);
}

int firn_inspect(const char *checkpoint, const struct firn_inspect_opts *given,
		 struct firn_inspection **ret, struct firn_error *err)
{
	_cleanup_(inspection_freep) struct firn_inspection *found = calloc(1, sizeof(*found));
	struct firn_inspect_opts opts;
	char quoted[PATH_QUOTE_MAX];
	int rc;

	if (!found)
		return firn_fail_oom(err, "inspect");
	if ((rc = opts_take(given, &opts, sizeof(opts), err)) < 0 ||
	    (rc = opts_check_flags(opts.flags, KNOWN_FLAGS, err)) < 0 ||
	    (rc = doc_new(INSPECT_RESULT_MAX, &found->doc, err)) < 0)
		return rc;
	found->containers = doc_list(found->doc);
	rc = inspect_all(found, checkpoint, &opts, err);
	if (rc < 0)
		return firn_wrap(err, rc, "%s", path_quote(checkpoint, quoted));
	*ret = take_ptr(&found);
	return 0;
}

struct firn_inspection *firn_inspection_free(struct firn_inspection *i)
{
	if (i)
		doc_free(i->doc);
	free(i);
	return NULL;
}

const struct firn_value *firn_inspection_value(const struct firn_inspection *i)
{
	return i->containers;
}

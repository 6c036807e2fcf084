/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory/look.h"

#include "base/fd.h"
#include "base/opts.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/criu_task.h"
#include "memory/open.h"
#include "remote/registry.h"

#include <inttypes.h>

#define KNOWN_FLAGS (FIRN_MEMORY_AREAS | FIRN_MEMORY_REGEX | FIRN_MEMORY_IGNORE_CASE)

struct firn_memory {
	struct doc *doc;
	struct firn_value *processes;
};

/* While they are gone through. */
struct listing {
	struct members *members;
	const struct firn_memory_opts *opts;
	struct pattern *pattern; /* NULL: no search */
	struct doc *doc;
	struct firn_value *list;
	size_t texts;
	bool found;
};

int memory_take_opts(const struct firn_memory_opts *given, struct firn_memory_opts *ret,
		     struct firn_error *err)
{
	int rc = opts_take(given, ret, sizeof(*ret), err);

	if (rc == 0)
		rc = opts_check_flags(ret->flags, KNOWN_FLAGS, err);
	if (rc < 0)
		return rc;
	if (ret->to && ret->to <= ret->from)
		return firn_fail(err, FIRN_EINVAL, "%" PRIx64 " is not behind %" PRIx64, ret->to,
				 ret->from);
	if (ret->context > MEMORY_CONTEXT_MAX)
		return firn_fail(err, FIRN_EINVAL, "more than %d bytes of context",
				 MEMORY_CONTEXT_MAX);
	return 0;
}

int memory_open(const char *checkpoint, const struct firn_memory_opts *opts, struct members **ret,
		struct firn_error *err)
{
	_cleanup_(members_closep) struct members *m = NULL;
	struct registry_opts registry;
	int rc = registry_opts_from(opts->registry, &registry, err);

	if (rc == 0)
		rc = members_open_from(checkpoint, opts->container, &registry, &m, err);
	if (rc < 0)
		return rc;
	if (!opts->container && members_names(m)->n > 1)
		return firn_fail(err, FIRN_EINVAL, "has %zu containers: name one",
				 members_names(m)->n);
	*ret = take_ptr(&m);
	return 0;
}

static int tell_process(struct listing *l, struct criu_images *images, uint32_t pid,
			struct firn_error *err)
{
	_cleanup_(process_done) struct process p = { 0 };
	_cleanup_(criu_core_done) struct criu_core core = { 0 };
	struct firn_value *v;
	int rc = criu_core_read(images, pid, &core, err);

	if (rc < 0 || (rc = process_open(l->members, pid, l->opts, &p, err)) < 0)
		return rc;
	v = doc_add_object(l->doc, l->list, NULL);
	doc_add_number(l->doc, v, "pid", pid);
	doc_add_text(l->doc, v, "command", core.command ? core.command : "");
	if (rc == 0)
		return doc_check(l->doc, err); /* a zombie */
	rc = memory_tell_areas(&p, l->doc, v, err);
	if (rc == 0 && l->pattern)
		rc = memory_tell_matches(&p, l->pattern, l->doc, v, &l->texts, err);
	return rc;
}

static int take_process(const struct criu_process *c, void *ctx, struct firn_error *err)
{
	struct listing *l = ctx;
	struct member_images images;
	int rc;

	if (l->opts->pid && c->pid != l->opts->pid)
		return 0;
	l->found = true;
	member_images_init(&images, l->members, CHECKPOINT_IMAGES_DIR);
	rc = tell_process(l, &images.base, c->pid, err);
	return firn_wrap(err, rc, "process %" PRIu32, c->pid);
}

static int list_processes(struct listing *l, struct firn_error *err)
{
	struct member_images images;
	int rc;

	member_images_init(&images, l->members, CHECKPOINT_IMAGES_DIR);
	rc = criu_each_process(&images.base, take_process, l, err);
	if (rc >= 0 && !l->found && l->opts->pid)
		return firn_fail(err, FIRN_ENOTFOUND, "there is no process %" PRIu32, l->opts->pid);
	return rc < 0 ? rc : 0;
}

static void memory_freep(struct firn_memory **m)
{
	*m = firn_memory_free(*m);
}

static int look_at(const char *checkpoint, const struct firn_memory_opts *opts,
		   struct pattern *pattern, struct firn_memory *to, struct firn_error *err)
{
	_cleanup_(members_closep) struct members *m = NULL;
	struct listing l = { .opts = opts, .pattern = pattern };
	char quoted[PATH_QUOTE_MAX];
	int rc = doc_new(MEMORY_RESULT_MAX, &to->doc, err);

	if (rc < 0)
		return rc;
	rc = memory_open(checkpoint, opts, &m, err);
	if (rc == 0) {
		l.members = m;
		l.doc = to->doc;
		l.list = to->processes = doc_list(to->doc);
		rc = list_processes(&l, err);
	}
	return firn_wrap(err, rc, "%s", path_quote(checkpoint, quoted));
}

int firn_memory(const char *checkpoint, const struct firn_memory_opts *given,
		struct firn_memory **ret, struct firn_error *err)
{
	_cleanup_(memory_freep) struct firn_memory *found = calloc(1, sizeof(*found));
	_cleanup_(pattern_freep) struct pattern *pattern = NULL;
	struct firn_memory_opts opts;
	unsigned how;
	int rc;

	if (!found)
		return firn_fail_oom(err, "memory");
	rc = memory_take_opts(given, &opts, err);
	if (rc < 0)
		return rc;
	how = (opts.flags & FIRN_MEMORY_REGEX ? PATTERN_REGEX : 0) |
	      (opts.flags & FIRN_MEMORY_IGNORE_CASE ? PATTERN_IGNORE_CASE : 0);
	if (opts.search)
		rc = pattern_new(opts.search, opts.search_bytes, how, &pattern, err);
	if (rc == 0)
		rc = look_at(checkpoint, &opts, pattern, found, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&found);
	return 0;
}

struct firn_memory *firn_memory_free(struct firn_memory *m)
{
	if (m)
		doc_free(m->doc);
	free(m);
	return NULL;
}

const struct firn_value *firn_memory_value(const struct firn_memory *m)
{
	return m->processes;
}

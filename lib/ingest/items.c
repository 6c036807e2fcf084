/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/items.h"

#include "base/fd.h"
#include "base/opts.h"
#include "base/path.h"
#include "format/pod.h"
#include "ingest/engine.h"
#include "ingest/peek.h"

#include <string.h>

void items_done(struct items *it)
{
	for (size_t i = 0; it->owned && i < it->n; i++)
		free(it->owned[i]);
	free(it->owned);
	free(it->list);
	*it = (struct items){ 0 };
}

/* The @i-th of an array whose members may be those of an older or newer header. */
static int copy_item(const struct firn_build_item *given, size_t i, struct firn_build_item *ret,
		     struct firn_error *err)
{
	const char *at = (const char *)given + i * given->size;
	int rc = opts_take(at, ret, sizeof(*ret), err);

	if (rc == 0 && ((const struct firn_build_item *)at)->size != given->size)
		return firn_fail(err, FIRN_EINVAL, "checkpoints of different sizes");
	if (rc == 0 && !ret->checkpoint)
		return firn_fail(err, FIRN_EINVAL, "a container without its checkpoint");
	return rc;
}

static int copy_items(const struct firn_build_item *given, size_t n, struct items *it,
		      struct firn_error *err)
{
	int rc = 0;

	it->list = calloc(n, sizeof(*it->list));
	it->owned = calloc(n, sizeof(*it->owned));
	if (!it->list || !it->owned)
		return firn_fail_oom(err, "containers");
	for (; rc >= 0 && it->n < n; it->n++)
		rc = copy_item(given, it->n, &it->list[it->n], err);
	return rc;
}

/*
 * The caller's name for the only container. What a checkpoint calls it is told as it is, but nobody
 * needs to give a name that can't be that of a folder.
 */
static int check_only_name(const char *name, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];
	int rc = engine_check_name(name, FIRN_EINVAL, err);

	if (rc == 0 && (strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0))
		rc = firn_fail(err, FIRN_EINVAL, "container name %s: is no name for a folder",
			       path_quote(name, quoted));
	return rc;
}

/* Only the checkpoint itself knows the name of the only container, and need not know one. */
static int check_only(const struct items *it, struct firn_error *err)
{
	const struct firn_build_item *item = &it->list[0];
	int rc = peek_readable(item->checkpoint, err);

	return rc < 0 || !item->container ? rc : check_only_name(item->container, err);
}

static int find_name(struct items *it, size_t i, struct firn_error *err)
{
	struct firn_build_item *item = &it->list[i];
	char quoted[PATH_QUOTE_MAX];
	int rc;

	if (item->container) {
		rc = peek_readable(item->checkpoint, err);
		return rc < 0 ? rc : pod_check_name(item->container, FIRN_EINVAL, err);
	}
	rc = peek_container(item->checkpoint, &it->owned[i], err);
	if (rc < 0)
		return rc;
	if (!it->owned[i])
		return firn_fail(err, FIRN_EINVAL,
				 "%s doesn't name its container: one of several needs a name",
				 path_quote(item->checkpoint, quoted));
	item->container = it->owned[i];
	rc = pod_check_name(item->container, FIRN_EINVAL, err);
	return firn_wrap(err, rc, "%s", path_quote(item->checkpoint, quoted));
}

/* A pipe can be read by one of them only, and two of a name would be one. */
static int check_others(const struct items *it, size_t i, struct firn_error *err)
{
	const struct firn_build_item *item = &it->list[i];
	char quoted[PATH_QUOTE_MAX], other[PATH_QUOTE_MAX];

	for (size_t j = 0; j < i; j++) {
		if (strcmp(it->list[j].container, item->container) == 0)
			return firn_fail(err, FIRN_EINVAL, "container \"%s\" is in %s and in %s",
					 item->container, path_quote(it->list[j].checkpoint, other),
					 path_quote(item->checkpoint, quoted));
		if (strcmp(item->checkpoint, "-") == 0 && strcmp(it->list[j].checkpoint, "-") == 0)
			return firn_fail(err, FIRN_EINVAL,
					 "standard input can't be two containers");
	}
	return 0;
}

static int find_names(struct items *it, struct firn_error *err)
{
	for (size_t i = 0; i < it->n; i++) {
		int rc = find_name(it, i, err);

		if (rc < 0 || (rc = check_others(it, i, err)) < 0)
			return rc;
	}
	return 0;
}

/* "NAME=REF" for one of the containers. */
static int give_base(struct items *it, const char *text, struct firn_error *err)
{
	const char *eq = strchr(text, '=');
	char quoted[PATH_QUOTE_MAX];

	if (!eq || eq == text || !eq[1])
		return firn_fail(err, FIRN_EINVAL, "base %s is not NAME=IMAGE",
				 path_quote(text, quoted));
	for (size_t i = 0; i < it->n; i++) {
		struct firn_build_item *item = &it->list[i];

		if (!item->container || strlen(item->container) != (size_t)(eq - text) ||
		    strncmp(item->container, text, (size_t)(eq - text)) != 0)
			continue;
		if (item->base)
			return firn_fail(err, FIRN_EINVAL, "container \"%s\" has two bases",
					 item->container);
		item->base = eq + 1;
		return 0;
	}
	return firn_fail(err, FIRN_EINVAL, "base %s: there is no such container",
			 path_quote(text, quoted));
}

static int give_bases(struct items *it, const struct firn_build_opts *opts, struct firn_error *err)
{
	for (size_t i = 0; i < opts->nbases; i++) {
		int rc = give_base(it, opts->bases[i], err);

		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < it->n; i++)
		if (!it->list[i].base)
			it->list[i].base = opts->base;
	return 0;
}

/* The name that a base is given for may be the one inside. */
static int find_only_name(struct items *it, const struct firn_build_opts *opts,
			  struct firn_error *err)
{
	int rc;

	if (!opts->nbases || it->list[0].container)
		return 0;
	rc = peek_container(it->list[0].checkpoint, &it->owned[0], err);
	it->list[0].container = it->owned[0];
	return rc;
}

int items_take(const struct firn_build_item *given, size_t n, const struct firn_build_opts *opts,
	       struct items *ret, struct firn_error *err)
{
	_cleanup_(items_done) struct items it = { 0 };
	int rc;

	if (n == 0)
		return firn_fail(err, FIRN_EINVAL, "no checkpoint");
	if (n > POD_CONTAINERS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "%zu containers, more than %d", n,
				 POD_CONTAINERS_MAX);
	if ((rc = copy_items(given, n, &it, err)) < 0)
		return rc;
	if (n == 1)
		rc = find_only_name(&it, opts, err);
	if (rc >= 0)
		rc = n == 1 ? check_only(&it, err) : find_names(&it, err);
	if (rc < 0 || (rc = give_bases(&it, opts, err)) < 0)
		return rc;
	*ret = it;
	it = (struct items){ 0 };
	return 0;
}

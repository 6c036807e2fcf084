/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/chain.h"

#include "base/fd.h"
#include "base/path.h"
#include "ingest/ingest.h"

#include <stdio.h>
#include <string.h>

#define NEWEST CHECKPOINT_DUMPS_MAX

void chain_done(struct chain *c)
{
	for (size_t i = 0; i <= NEWEST; i++) {
		if (c->dumps[i].layer)
			plain_done(c->dumps[i].layer);
		free(c->dumps[i].layer);
	}
	input_close(c->previous);
	*c = (struct chain){ .previous = NULL };
}

uint64_t chain_bytes(const struct chain *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= NEWEST; i++)
		sum += c->dumps[i].layer ? c->dumps[i].layer->out.payload : 0;
	return sum;
}

/* The layer of the dump @number, made when it is asked for. */
static int need_layer(struct ingest *g, unsigned number, struct firn_error *err)
{
	struct chain_dump *d = &g->chain.dumps[number];
	const struct layer_dest to = { g->store, g->pool };
	_free_ struct plain *layer = NULL;
	int rc;

	if (d->layer)
		return 0;
	layer = calloc(1, sizeof(*layer));
	if (!layer)
		return firn_fail_oom(err, "dump");
	rc = plain_open(layer, &to, g->images.out.watch, g->images.out.ctx, err);
	if (rc < 0)
		return rc;
	d->layer = take_ptr(&layer);
	return 0;
}

static int add_link(struct ingest *g, unsigned number, unsigned parent, const struct tar_entry *e,
		    struct firn_error *err)
{
	struct plain *layer = number == NEWEST ? &g->images : g->chain.dumps[number].layer;

	g->chain.dumps[number].parent = parent;
	return plain_add_parent(layer, number, parent, e->mtime, e->mtime_ns, err);
}

static int no_dump(const char *path, const char *target, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX], to[PATH_QUOTE_MAX];

	return firn_fail(err, FIRN_ENOTFOUND,
			 "%s leads to %s: the dump that this one builds on isn't here",
			 path_quote(path, quoted), path_quote(target, to));
}

static bool is_parent(const char *path)
{
	const char *name = strchr(path, '/');

	return name && strcmp(name + 1, CHECKPOINT_PARENT) == 0;
}

/* @e as a member of the dump @number, whatever the input calls that. */
static int take_as(struct ingest *g, unsigned number, const struct tar_entry *e, struct istream *in,
		   struct firn_error *err)
{
	char name[CHECKPOINT_DUMP_NAME_MAX], quoted[PATH_QUOTE_MAX];
	const char *rest = strchr(e->path, '/');
	_free_ char *path = NULL;
	unsigned parent;
	int rc;

	if (asprintf(&path, "%s%s", checkpoint_dump_name(number, name), rest ? rest : "") < 0) {
		path = NULL;
		return firn_fail_oom(err, "dump");
	}
	if (!rest && !S_ISDIR(e->mode))
		return firn_fail(err, FIRN_ECORRUPT, "%s is no folder",
				 path_quote(e->path, quoted));
	rc = need_layer(g, number, err);
	if (rc < 0)
		return rc;
	if (is_parent(path) && S_ISLNK(e->mode)) {
		parent = checkpoint_parent(path, e->target);
		return parent ? add_link(g, number, parent, e, err)
			      : no_dump(e->path, e->target, err);
	}
	if (rest && strncmp(rest, "/pagemap-", 9) == 0 && S_ISREG(e->mode))
		g->chain.dumps[number].pages = true;
	return plain_add(g->chain.dumps[number].layer, path, e, in, err);
}

int chain_take(struct ingest *g, const struct tar_entry *e, struct istream *in,
	       struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	if (g->chain.previous)
		return firn_fail(err, FIRN_EINVAL,
				 "%s: the checkpoint brings the dumps before it along, so there is "
				 "no use for others",
				 path_quote(e->path, quoted));
	return take_as(g, checkpoint_dump(e->path), e, in, err);
}

int chain_take_parent(struct ingest *g, const struct tar_entry *e, struct firn_error *err)
{
	const unsigned parent =
	    g->chain.previous ? g->chain.newest : checkpoint_parent(e->path, e->target);

	return parent ? add_link(g, NEWEST, parent, e, err) : no_dump(e->path, e->target, err);
}

/* Podman's pre-dump, another checkpoint as it is, or a whole chain from its oldest on. */
static int take_previous(struct ingest *g, const struct tar_entry *e, struct firn_error *err)
{
	_cleanup_(istream_closep) struct istream *in = NULL;
	struct chain *c = &g->chain;
	unsigned number = checkpoint_dump(e->path);
	int rc = 0;

	if (!number)
		return 0;
	if (number == NEWEST) {
		/* Its own dumps before it come first, or it wouldn't know its number. */
		for (number = NEWEST; number > 1 && !c->dumps[number - 1].layer; number--)
			;
		if (c->newest)
			number = c->newest;
		c->newest = number;
	} else if (c->newest) {
		return firn_fail(err, FIRN_EUNSUPP,
				 "holds a chain of dumps, the newest first: unpack it");
	}
	if (number == NEWEST)
		return firn_fail(err, FIRN_ELIMIT, "a chain of more than %d dumps", NEWEST);
	if (e->size)
		rc = input_payload(c->previous, &in, err);
	return rc < 0 ? rc : take_as(g, number, e, in, err);
}

int chain_read_previous(struct ingest *g, struct firn_error *err)
{
	struct chain *c = &g->chain;
	const struct tar_entry *e = NULL;
	int rc;

	if (!c->previous)
		return 0;
	while ((rc = input_next(c->previous, &e, err)) > 0) {
		rc = take_previous(g, e, err);
		if (rc < 0)
			return rc;
	}
	if (rc < 0 || (rc = input_finish(c->previous, NULL, err)) < 0)
		return rc;
	for (unsigned i = 1; !c->newest && i < NEWEST; i++)
		if (c->dumps[i].layer && !c->dumps[i + 1].layer)
			c->newest = i;
	if (c->newest)
		return 0;
	return firn_fail(err, FIRN_ECORRUPT, "has neither %s nor %s in it", CHECKPOINT_PREDUMP_DIR,
			 CHECKPOINT_IMAGES_DIR);
}

int chain_conclude(struct ingest *g, struct firn_error *err)
{
	char name[CHECKPOINT_DUMP_NAME_MAX], before[CHECKPOINT_DUMP_NAME_MAX];
	const struct chain *c = &g->chain;

	if (c->previous && !c->dumps[NEWEST].parent)
		return firn_fail(err, FIRN_EINVAL,
				 "is complete in itself (it has no %s/%s): there is no use for a "
				 "dump before it",
				 CHECKPOINT_IMAGES_DIR, CHECKPOINT_PARENT);
	for (unsigned n = NEWEST, parent; (parent = c->dumps[n].parent); n = parent) {
		checkpoint_dump_name(n, name);
		checkpoint_dump_name(parent, before);
		if (!c->dumps[parent].layer)
			return firn_fail(err, FIRN_ENOTFOUND,
					 "%s builds on the dump %s, which isn't here", name,
					 before);
		if (!c->dumps[parent].pages)
			return firn_fail(err, FIRN_ECORRUPT, "%s has no pagemaps: it is no dump",
					 before);
	}
	if (c->dumps[NEWEST].parent)
		notes_warn(&g->notes, "the checkpoint is a chain of dumps: engines take the newest "
				      "alone, so only firn, or runc and criu on its mount, can "
				      "restore it");
	return 0;
}

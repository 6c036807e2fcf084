/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/names.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/checkpoint.h"
#include "format/image_name.h"

#include <stdio.h>
#include <string.h>

/* A place may have any name that a file may have, as far as config.dump can say it. */
static int check_place(const char *place, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	for (const char *c = place; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || strchr("\"\\", *c))
			return firn_fail(
			    err, FIRN_EINVAL,
			    "%s: has characters that can't stand in " CHECKPOINT_CONFIG,
			    path_quote(place, quoted));
	if (strlen(place) > NAMES_PLACE_MAX)
		return firn_fail(err, FIRN_EINVAL, "%s: is too long", path_quote(place, quoted));
	return 0;
}

static int check_name(const char *name, struct firn_error *err)
{
	size_t tag;

	return image_name_is_place(name) ? check_place(name, err)
					 : image_name_parse(name, &tag, err);
}

int names_check(const char *engine, const char *rootfs_name, struct firn_error *err)
{
	char quoted[PATH_QUOTE_MAX];

	if (engine && !engine_find(engine))
		return firn_fail(err, FIRN_EINVAL, "no engine %s: podman, cri-o or containerd",
				 path_quote(engine, quoted));
	return rootfs_name ? check_name(rootfs_name, err) : 0;
}

/* An engine's restore reads documents that only the engine itself can have written. */
static int check_maker(const struct ingest *g, const struct engine *wanted, struct firn_error *err)
{
	const struct engine *maker = g->facts.engine;

	if (maker == wanted)
		return 0;
	return firn_fail(err, FIRN_EUNSUPP,
			 "made by %s: %s can't restore that, it needs what it writes itself (%s)",
			 maker == &engine_ctr ? "ctr" : maker->name, wanted->name, wanted->needs);
}

/* What the maker's own restore would stop at. */
static int check_restorable(const struct ingest *g, struct firn_error *err)
{
	const char *why = g->facts.engine->refuses ? g->facts.engine->refuses(&g->facts) : NULL;

	return why ? firn_fail(err, FIRN_EUNSUPP, "%s can't restore this checkpoint: %s",
			       g->facts.engine->name, why)
		   : 0;
}

int names_check_engine(const struct ingest *g, struct firn_error *err)
{
	int rc = 0;

	if (g->for_engine && ((rc = check_maker(g, engine_find(g->for_engine), err)) < 0 ||
			      (rc = check_restorable(g, err)) < 0))
		return rc;
	if (g->config)
		return 0;
	if (g->rootfs_name)
		return firn_fail(err, FIRN_EINVAL,
				 "a name for the rootfs image has no place: the checkpoint has "
				 "no " CHECKPOINT_CONFIG " that could say it");
	if (g->archive_delta)
		return firn_fail(err, FIRN_EINVAL,
				 "the delta as an engine's archive has it is of no use: no engine "
				 "restores a checkpoint without " CHECKPOINT_CONFIG);
	return 0;
}

/* What has to be said where an engine of today would restore without the changes. */
static int stay_unnamed(struct ingest *g, struct firn_error *err)
{
	const struct engine *e = g->facts.engine;

	if (!g->config || g->archive_delta || !g->has_delta)
		return 0;
	if (g->base)
		notes_warn(&g->notes,
			   "%s pulls what config.dump names, so it will restore without the "
			   "changes until that is a reference to the rootfs image (--rootfs-name)",
			   e->name);
	else if (g->for_engine && !g->running) /* which was stopped for this: better than nothing */
		return firn_fail(err, FIRN_EINVAL,
				 "without the base image %s can't restore from this image with its "
				 "changes (--base)",
				 e->name);
	else
		notes_warn(
		    &g->notes,
		    "without the base image %s can't restore from this image with its "
		    "changes, only firn can: its config.dump still names the unchanged image",
		    e->name);
	return 0;
}

void names_done(struct engine_names *n)
{
	free(n->tagged);
	free(n->ref);
	*n = (struct engine_names){ .name = NULL };
}

/* NAME:TAG, and NAME@DIGEST of R's manifest. A place is Podman's alone, and nothing follows. */
static int spell(struct ingest *g, const char *name, struct firn_error *err)
{
	char digest[DIGEST_TEXT_MAX], quoted[PATH_QUOTE_MAX];
	size_t tag = 0;
	int rc;

	g->names.name = name;
	if (image_name_is_place(name))
		return engine_takes_places(g->facts.engine)
			   ? 0
			   : firn_fail(err, FIRN_EINVAL, "%s: %s wants an image's name",
				       path_quote(name, quoted), g->facts.engine->name);
	rc = image_name_parse(name, &tag, err);
	if (rc < 0)
		return rc;
	digest_text(&g->rootfs.digest, digest);
	if (asprintf(&g->names.tagged, "%s%s", name, name[tag] ? "" : ":latest") < 0) {
		g->names.tagged = NULL;
		return firn_fail_oom(err, "name");
	}
	if (asprintf(&g->names.ref, "%.*s@%s", (int)tag, name, digest) < 0) {
		g->names.ref = NULL;
		return firn_fail_oom(err, "name");
	}
	return 0;
}

/* With nothing changed R is the base, which the engine knows by the name it has. */
int names_find(struct ingest *g, struct firn_error *err)
{
	int rc = 0;

	if (g->rootfs_name && !g->base)
		return firn_fail(
		    err, FIRN_EINVAL,
		    "without its base the rootfs image is nothing that an engine could "
		    "find by a name (--base)");
	if (!g->config || g->archive_delta || !g->base || !(g->has_delta || g->rootfs_name))
		return stay_unnamed(g, err);
	if (g->rootfs_name)
		rc = spell(g, g->rootfs_name, err);
	if (rc < 0)
		return rc;
	g->named = engine_can_name(g->facts.engine, &g->names);
	return g->named ? 0 : stay_unnamed(g, err);
}

int names_edit(struct ingest *g, json_t *annotations, struct buf *ret, struct firn_error *err)
{
	struct config_edit edits[ENGINE_EDITS_MAX];
	_buf_ struct buf undo = BUF_INIT;
	char text[DIGEST_TEXT_MAX];
	struct digest was;
	const size_t n = engine_edits(g->facts.engine, &g->names, edits);
	int rc;

	if ((rc = config_dump_edit(g->config, g->config_len, edits, n, ret, &undo, err)) < 0 ||
	    (rc = digest_of(g->config, g->config_len, &was, err)) < 0 ||
	    (rc = json_put_str(annotations, ORG_FIRN_CONFIG_UNDO, (char *)undo.data, err)) < 0)
		return rc;
	return json_put_str(annotations, ORG_FIRN_CONFIG_DIGEST, digest_text(&was, text), err);
}

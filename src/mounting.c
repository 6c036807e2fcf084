/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mounting.h"

#include "bases.h"

#include <string.h>

static int check_volume(struct app *app, const char *text, struct firn_error *err)
{
	const char *eq = strchr(text, '=');

	if (text[0] != '/' || !eq || eq[1] != '/')
		return misuse(app, err, "--volume: \"%s\" is not OLD=NEW with two absolute paths",
			      text);
	return 0;
}

int mounting_fill(struct app *app, const struct mounting_opts *o, const struct firn_report *report,
		  struct firn_mount_opts *ret, struct firn_error *err)
{
	struct bases bases;
	int rc;

	*ret = (struct firn_mount_opts){ .size = sizeof(*ret) };
	for (size_t i = 0; i < o->volumes.n; i++)
		if (check_volume(app, o->volumes.items[i], err) < 0)
			return -FIRN_EINVAL;
	if (o->read_only && o->upper)
		return misuse(app, err, "--read-only and --upper exclude each other");
	rc = bases_sort(app, &o->bases, &bases, err);
	*ret = (struct firn_mount_opts){
		.size = sizeof(*ret),
		.flags = (o->read_only ? FIRN_MOUNT_READ_ONLY : 0) |
			 (o->strict ? FIRN_MOUNT_STRICT : 0) |
			 (o->verify_reads ? FIRN_MOUNT_VERIFY_READS : 0),
		.base = bases.all,
		.bases = bases.named,
		.nbases = bases.n,
		.container = o->container,
		.upper = o->upper,
		.cache = o->cache ? o->cache : app->cache,
		.state = app->state,
		.volumes = o->volumes.items,
		.nvolumes = o->volumes.n,
		.method = (enum firn_mount_method)o->method,
		.report = report,
	};
	return rc;
}

void mounting_free(struct firn_mount_opts *o)
{
	free((void *)o->bases);
	o->bases = NULL;
}

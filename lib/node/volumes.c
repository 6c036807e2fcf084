/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/volumes.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/config_dump.h"

#include <stdio.h>
#include <string.h>

static const struct spec_volume *find(const struct spec *spec, const char *destination)
{
	for (size_t i = 0; destination && i < spec->nvolumes; i++)
		if (strcmp(spec->volumes[i].destination, destination) == 0)
			return &spec->volumes[i];
	return NULL;
}

static void warn(const struct spec_volume *v, const char *archive, const struct firn_report *report)
{
	char to[PATH_QUOTE_MAX], from[PATH_QUOTE_MAX], kept[PATH_QUOTE_MAX];
	char text[3 * PATH_QUOTE_MAX + 100];

	snprintf(
	    text, sizeof(text),
	    "volume %s: the container gets %s as it is; what the checkpoint has of it is in %s",
	    path_quote(v->destination, to), path_quote(v->source, from), path_quote(archive, kept));
	report->warn(text, report->ctx);
}

int volumes_tell(const struct content *c, const struct spec *spec, const struct firn_report *report,
		 struct firn_error *err)
{
	_cleanup_(config_dump_done) struct config_dump config = { 0 };
	int rc;

	if (!c->config || !spec->nvolumes || !report || !report->warn)
		return 0;
	rc = config_dump_parse(c->config, c->config_len, &config, err);
	for (size_t i = 0; rc >= 0 && i < json_array_size(config.volumes); i++) {
		const char *name = config_dump_volume(&config, i);
		const struct spec_volume *v = find(spec, config_dump_volume_place(&config, i));
		char archive[PATH_MEMBER_MAX + 1];

		if (!name || !v || strchr(name, '/'))
			continue;
		snprintf(archive, sizeof(archive), "volumes/%s.tar", name);
		rc = content_has(c, archive, err);
		if (rc > 0)
			warn(v, archive, report);
	}
	return rc < 0 ? rc : 0;
}

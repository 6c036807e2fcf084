/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export/dialect.h"

#include "base/path.h"
#include "bytes/json.h"
#include "format/checkpoint.h"
#include "format/oci.h"

#include <string.h>

#define MANAGER "io.container.manager" /* libpod/define, cri-o pkg/annotations */

/* libpod/container_internal_common.go, exportCheckpoint(); a chain's older dumps go first. */
static const char *const podman_order[] = {
	"artifacts",
	"devshm-checkpoint.tar",
	"config.dump",
	"spec.dump",
	"network.status",
	"stats-dump",
	"ctr.log",
	"pre-checkpoint",
	"checkpoint",
	"rootfs-diff.tar",
	"deleted.files",
	"volumes",
	NULL,
};

/* cri-o internal/lib/checkpoint.go, exportCheckpoint() */
static const char *const crio_order[] = {
	"stats-dump",
	"dump.log",
	"pre-checkpoint",
	"checkpoint",
	"config.dump",
	"spec.dump",
	"bind.mounts",
	"rootfs-diff.tar",
	"deleted.files",
	"io.kubernetes.cri-o.LogPath",
	NULL,
};

/* Modes as found in archives of Podman 5.4 and containerd 2.1. */
static const struct dialect dialects[] = {
	{
	    .engine = "Podman",
	    .manager = "libpod",
	    .delta = DELTA_PLAIN,
	    .order = podman_order,
	    .folder_mode = 0755,
	    .modes = { { "checkpoint", 0600 },
		       { "pre-checkpoint", 0600 },
		       { "volumes", 0 },
		       { "volumes/", 0644 },
		       { "devshm-checkpoint.tar", 0644 },
		       { "stats-dump", 0644 },
		       { "checkpoint/descriptors.json", 0600 },
		       { "rootfs-diff.tar", 0644 } },
	},
	{
	    .engine = "CRI-O",
	    .manager = "cri-o",
	    .delta = DELTA_PLAIN,
	    .order = crio_order,
	    .folder_mode = 0700,
	    .modes = { { "stats-dump", 0644 },
		       { "checkpoint/descriptors.json", 0600 },
		       { "rootfs-diff.tar", 0644 } },
	},
	{
	    .engine = "containerd",
	    .delta = DELTA_CHANGESET,
	    .plain_only = true,
	    .folder_mode = 0700,
	    .modes = { { "spec.dump", 0644 }, { "stats-dump", 0644 }, { "rootfs-diff.tar", 0644 } },
	},
};

const struct dialect dialect_bare = {
	.engine = "criu",
	.delta = DELTA_CHANGESET,
	.folder_mode = 0700,
	.modes = { { "stats-dump", 0644 } },
};

static const struct dialect *by_manager(const char *manager)
{
	for (size_t i = 0; i < ARRAY_SIZE(dialects); i++) {
		const char *m = dialects[i].manager;

		if (m == manager || (m && manager && strcmp(m, manager) == 0))
			return &dialects[i];
	}
	return NULL;
}

int dialect_find(const char *spec, size_t len, bool has_config, const struct dialect **ret,
		 struct firn_error *err)
{
	_json_ json_t *doc = NULL;
	const struct dialect *d;
	const char *manager;
	char quoted[PATH_QUOTE_MAX];
	int rc;

	if (!spec && has_config)
		return firn_fail(err, FIRN_ECORRUPT, "spec.dump is missing");
	if (!spec) {
		*ret = &dialect_bare;
		return 0;
	}
	if (!has_config)
		return firn_fail(err, FIRN_EUNSUPP,
				 "was made of containerd's own index (ctr), of which there is no "
				 "archive: export --to dir writes the folder that its runtime "
				 "restores from");
	rc = json_parse(spec, len, &doc, err);
	if (rc < 0)
		return firn_wrap(err, rc, "spec.dump");
	manager = oci_annotation(doc, MANAGER);
	d = by_manager(manager);
	if (!d)
		return firn_fail(err, FIRN_EUNSUPP, "spec.dump: unknown engine %s",
				 path_quote(manager, quoted));
	*ret = d;
	return 0;
}

const char *dialect_engine(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(dialects); i++)
		if (strcmp(dialects[i].engine, name) == 0)
			return dialects[i].engine;
	return dialect_bare.engine;
}

/* Whether @folder is the name of one, with a slash at its end, and the file @path lies in it. */
static bool lies_in(const char *path, const char *folder)
{
	const size_t len = strlen(folder);

	return folder[len - 1] == '/' && strncmp(path, folder, len) == 0;
}

uint32_t dialect_mode(const struct dialect *d, const char *path, bool folder)
{
	for (size_t i = 0; i < ARRAY_SIZE(d->modes) && d->modes[i].path; i++)
		if (strcmp(d->modes[i].path, path) == 0)
			return d->modes[i].mode;
	if (folder)
		return d->folder_mode;
	for (size_t i = 0; i < ARRAY_SIZE(d->modes) && d->modes[i].path; i++)
		if (lies_in(path, d->modes[i].path))
			return d->modes[i].mode;
	if (!strchr(path, '/'))
		return 0600;
	return checkpoint_dump(path) ? DIALECT_IMAGE_MODE : 0600;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this host can do, and the road that each kind of layer takes because of it. */
#include "firn/features.h"

#include "base/fd.h"
#include "kernel/features.h"

#include <fcntl.h>
#include <stdbool.h>

/* Those of view_layer(). */
enum layer_kind {
	LAYER_MOUNTABLE,      /* ours */
	LAYER_MOUNTABLE_ZSTD, /* ours, compressed */
	LAYER_TAR,            /* of others; an engine's archive is one too */
	LAYER_COMPRESSED,     /* of others: gzip, zstd */
	LAYER_KINDS,
};

struct firn_features {
	struct features found;
	struct {
		enum road road;
		bool unpacks;
	} roads[LAYER_KINDS];
};

static void choose(struct firn_features *f)
{
	const enum road road = features_road(&f->found);
	const bool erofs = road == ROAD_FILE_DIRECTIO || road == ROAD_FILE || road == ROAD_LOOP;

	for (size_t i = 0; i < LAYER_KINDS; i++)
		f->roads[i].road = road;
	/* Direct I/O isn't for these, see kernel/erofs_mount.h. */
	if (road == ROAD_FILE_DIRECTIO)
		f->roads[LAYER_MOUNTABLE_ZSTD].road = ROAD_FILE;
	/* Other roads decompress while they read, or write what comes out. */
	f->roads[LAYER_COMPRESSED].unpacks = erofs;
	f->roads[LAYER_MOUNTABLE_ZSTD].unpacks =
	    erofs && f->found.of[FEATURE_ZSTD].state != FEATURE_YES;
}

int firn_features(const char *dir, struct firn_features **ret, struct firn_error *err)
{
	struct firn_features *f;
	_fd_ int folder = open(dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return firn_fail_errno(err, "%s", dir ? dir : ".");
	f = calloc(1, sizeof(*f));
	if (!f)
		return firn_fail_oom(err, "features");
	features_probe(folder, &f->found);
	choose(f);
	*ret = f;
	return 0;
}

struct firn_features *firn_features_free(struct firn_features *f)
{
	free(f);
	return NULL;
}

size_t firn_features_count(const struct firn_features *f)
{
	(void)f;
	return FEATURES;
}

const char *firn_features_name(const struct firn_features *f, size_t i)
{
	(void)f;
	return i < FEATURES ? feature_name((enum feature)i) : NULL;
}

const char *firn_features_state(const struct firn_features *f, size_t i)
{
	static const char *const names[] = {
		[FEATURE_NO] = "no",
		[FEATURE_YES] = "yes",
		[FEATURE_UNKNOWN] = "unknown",
	};

	return i < FEATURES ? names[f->found.of[i].state] : NULL;
}

const char *firn_features_reason(const struct firn_features *f, size_t i)
{
	return i < FEATURES && f->found.of[i].why[0] ? f->found.of[i].why : NULL;
}

size_t firn_features_layers(const struct firn_features *f)
{
	(void)f;
	return LAYER_KINDS;
}

const char *firn_features_layer(const struct firn_features *f, size_t i)
{
	static const char *const names[] = {
		[LAYER_MOUNTABLE] = "mountable",
		[LAYER_MOUNTABLE_ZSTD] = "mountable-zstd",
		[LAYER_TAR] = "tar",
		[LAYER_COMPRESSED] = "tar-compressed",
	};

	(void)f;
	return i < LAYER_KINDS ? names[i] : NULL;
}

const char *firn_features_road(const struct firn_features *f, size_t i)
{
	return i < LAYER_KINDS ? road_name(f->roads[i].road) : NULL;
}

int firn_features_unpacks(const struct firn_features *f, size_t i)
{
	return i < LAYER_KINDS && f->roads[i].unpacks;
}

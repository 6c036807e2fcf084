/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"
#include "config.h"

#include <firn/features.h>
#include <firn/version.h>
#include <stdlib.h>

struct version_opts {
	bool features;
	const char *dir;
};

static const struct opt version_options[] = {
	OPT_FLAG(0, "features", struct version_opts, features,
		 "What this kernel can do for firn, and how each kind of layer is mounted"),
	OPT_STR(0, "dir", struct version_opts, dir, "DIR",
		"For --features: where blobs lie; without it the current folder"),
	OPT_END,
};

enum { VERSION_, LIBRARY, FEATURES, LAYERS };
static const struct out_field version_fields[] = {
	[VERSION_] = { "Version", OUT_STR },
	[LIBRARY] = { "Library", OUT_STR },
	[FEATURES] = { "Features", OUT_ROWS },
	[LAYERS] = { "Layers", OUT_ROWS },
	{ NULL, OUT_END },
};

enum { NAME, STATE, REASON, FEATURE_COLUMNS };
static const struct out_field feature_fields[] = {
	[NAME] = { "Name", OUT_STR },
	[STATE] = { "State", OUT_STR },
	[REASON] = { "Reason", OUT_STR },
	{ NULL, OUT_END },
};

enum { KIND, METHOD, UNPACKED, LAYER_COLUMNS };
static const struct out_field layer_fields[] = {
	[KIND] = { "Kind", OUT_STR },
	[METHOD] = { "Method", OUT_STR },
	[UNPACKED] = { "Unpacked", OUT_BOOL },
	{ NULL, OUT_END },
};

static void features_freep(struct firn_features **f)
{
	firn_features_free(*f);
}

static void print_text(const struct firn_features *f)
{
	for (size_t i = 0; i < firn_features_count(f); i++) {
		const char *why = firn_features_reason(f, i);

		printf("%-20s %s%s", firn_features_name(f, i), firn_features_state(f, i),
		       why ? ": " : "");
		out_line(stdout, why ? why : "");
		putchar('\n');
	}
	for (size_t i = 0; i < firn_features_layers(f); i++)
		printf("%s%-20s %s%s\n", i ? "" : "\n", firn_features_layer(f, i),
		       firn_features_road(f, i),
		       firn_features_unpacks(f, i) ? ", decompressed once" : "");
}

/* The rows of both tables, each a run of values; @f NULL: none. */
static void print_result(const char *format, const struct firn_features *f,
			 union out_value *features, union out_value *layers)
{
	const size_t nfeatures = f ? firn_features_count(f) : 0;
	const size_t nlayers = f ? firn_features_layers(f) : 0;
	union out_value values[] = {
		[VERSION_] = { .str = PACKAGE_VERSION },
		[LIBRARY] = { .str = firn_version() },
		[FEATURES] = { .rows = { feature_fields, features, nfeatures } },
		[LAYERS] = { .rows = { layer_fields, layers, nlayers } },
	};

	for (size_t i = 0; i < nfeatures; i++) {
		union out_value *row = features + i * FEATURE_COLUMNS;

		row[NAME].str = firn_features_name(f, i);
		row[STATE].str = firn_features_state(f, i);
		row[REASON].str = firn_features_reason(f, i);
	}
	for (size_t i = 0; i < nlayers; i++) {
		union out_value *row = layers + i * LAYER_COLUMNS;

		row[KIND].str = firn_features_layer(f, i);
		row[METHOD].str = firn_features_road(f, i);
		row[UNPACKED].flag = firn_features_unpacks(f, i);
	}
	out_result(stdout, format, version_fields, values);
}

static int version_run(struct app *app, const void *opts, int argc, char **argv,
		       struct firn_error *err)
{
	_cleanup_(features_freep) struct firn_features *f = NULL;
	_free_ union out_value *features = NULL, *layers = NULL;
	/* firn --version has no options of this command. */
	const struct version_opts none = { 0 }, *o = opts ? opts : &none;
	int rc = 0;

	(void)argc, (void)argv;
	if (o->dir && !o->features)
		return misuse(app, err, "--dir is for --features alone");
	if (o->features)
		rc = firn_features(o->dir, &f, err);
	if (rc < 0)
		return rc;
	if (f && !app->format) {
		print_text(f);
		return 0;
	}
	features = calloc(f ? firn_features_count(f) * FEATURE_COLUMNS : 1, sizeof(*features));
	layers = calloc(f ? firn_features_layers(f) * LAYER_COLUMNS : 1, sizeof(*layers));
	if (!features || !layers)
		return fail(err, FIRN_ENOMEM, "out of memory");
	print_result(app->format ? app->format : "firn {{.Version}} (libfirn {{.Library}})", f,
		     features, layers);
	return 0;
}

const struct command cmd_version = {
	.name = "version",
	.args = "",
	.summary = "Print the versions of firn and its library",
	.about = "Print the versions of firn and its library. With --features: what the kernel and "
		 "the file system of a folder can do for firn, found by trying, and by which road "
		 "each kind of layer is mounted because of that.",
	.example = "firn version\n"
		   "firn version --features --dir layout",
	.options = version_options,
	.opts_size = sizeof(struct version_opts),
	.fields = version_fields,
	.run = version_run,
};

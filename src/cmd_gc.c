/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include "show.h"
#include "units.h"
#include "upkeep.h"

#include <inttypes.h>

struct gc_opts {
	bool dry_run;
	const char *grace, *keep_within, *max_size;
	uint64_t keep_last;
};

static const struct opt gc_options[] = {
	OPT_FLAG('n', "dry-run", struct gc_opts, dry_run, "Tell what would be removed"),
	OPT_UINT(0, "keep-last", struct gc_opts, keep_last, 1, 1000000, "N",
		 "Of each container only its N newest checkpoints keep their tags"),
	OPT_STR(0, "keep-within", struct gc_opts, keep_within, "AGE",
		"... and those that are younger: 12h, 7d, 2w"),
	OPT_STR(0, "max-size", struct gc_opts, max_size, "SIZE",
		"Of each container the oldest checkpoints go while all have more than 20M, 10G"),
	OPT_STR(0, "grace", struct gc_opts, grace, "AGE",
		"Keep blobs without a name that are younger (1h): a copy may be under way"),
	OPT_END,
};

enum {
	TAGS,
	BLOBS,
	BYTES,
	YOUNG_BLOBS,
	YOUNG_BYTES,
	ABSENT,
	REMOVED,
	PARTIAL,
	PARTIAL_BYTES,
	NVALUES
};
static const struct out_field gc_fields[] = {
	[TAGS] = { "Tags", OUT_LIST },
	[BLOBS] = { "Blobs", OUT_UINT },
	[BYTES] = { "Bytes", OUT_UINT },
	[YOUNG_BLOBS] = { "YoungBlobs", OUT_UINT },
	[YOUNG_BYTES] = { "YoungBytes", OUT_UINT },
	[ABSENT] = { "Absent", OUT_UINT },
	[REMOVED] = { "Removed", OUT_LIST },
	[PARTIAL] = { "Partial", OUT_UINT },
	[PARTIAL_BYTES] = { "PartialBytes", OUT_UINT },
	{ NULL, OUT_END },
};

static void print_text(const union out_value *v, bool dry)
{
	const char *will = dry ? "would be " : "";
	char size[SHOW_BYTES_MAX];

	for (size_t i = 0; i < v[TAGS].list.n; i++)
		printf("%suntagged: %s\n", will, v[TAGS].list.items[i]);
	printf("%sremoved: %" PRIu64 " blobs, %s\n", will, v[BLOBS].num,
	       show_bytes((int64_t)v[BYTES].num, size));
	if (v[PARTIAL].num)
		printf("%sremoved: %" PRIu64 " unfinished downloads, %s\n", will, v[PARTIAL].num,
		       show_bytes((int64_t)v[PARTIAL_BYTES].num, size));
	if (v[YOUNG_BLOBS].num)
		printf("kept for their age: %" PRIu64 " blobs, %s (see --grace)\n",
		       v[YOUNG_BLOBS].num, show_bytes((int64_t)v[YOUNG_BYTES].num, size));
}

static int print(const struct app *app, const struct firn_upkeep *u, bool dry,
		 struct firn_error *err)
{
	union out_value v[NVALUES] = {
		[BLOBS] = { .num = upkeep_number(u, "blobs") },
		[BYTES] = { .num = upkeep_number(u, "bytes") },
		[YOUNG_BLOBS] = { .num = upkeep_number(u, "young_blobs") },
		[YOUNG_BYTES] = { .num = upkeep_number(u, "young_bytes") },
		[ABSENT] = { .num = upkeep_number(u, "absent") },
		[PARTIAL] = { .num = upkeep_number(u, "partial") },
		[PARTIAL_BYTES] = { .num = upkeep_number(u, "partial_bytes") },
	};
	int rc = upkeep_list(u, "tags", &v[TAGS], err);

	if (rc == 0)
		rc = upkeep_list(u, "removed", &v[REMOVED], err);
	if (rc == 0 && app->format)
		out_result(stdout, app->format, gc_fields, v);
	else if (rc == 0)
		print_text(v, dry);
	free((void *)v[TAGS].list.items);
	free((void *)v[REMOVED].list.items);
	return rc;
}

static int gc_run(struct app *app, const void *opts, int argc, char **argv, struct firn_error *err)
{
	const struct gc_opts *o = opts;
	_cleanup_(upkeep_freep) struct firn_upkeep *done = NULL;
	struct firn_gc_opts how = { .size = sizeof(how), .keep_last = o->keep_last };
	int rc;

	(void)argc;
	if (units_age(o->grace, &how.grace, err) < 0 ||
	    units_age(o->keep_within, &how.keep_within, err) < 0 ||
	    units_size(o->max_size, &how.max_bytes, err) < 0) {
		app->misused = true;
		return -FIRN_EINVAL;
	}
	how.flags =
	    (o->dry_run ? FIRN_GC_DRY_RUN : 0) | (o->grace && !how.grace ? FIRN_GC_NO_GRACE : 0);
	rc = firn_gc(argv[0], &how, &done, err);
	return rc < 0 ? rc : print(app, done, o->dry_run, err);
}

const struct command cmd_gc = {
	.name = "gc",
	.args = "oci:DIR",
	.summary = "Remove what nothing in a layout refers to, and old checkpoints",
	.about =
	    "Remove the blobs of a layout that its index.json leads to in no way. With a --keep "
	    "option or --max-size, old checkpoint images lose their tags first: those that no "
	    "--keep option keeps, but never the newest of a container, nor other images.",
	.example = "firn gc --dry-run oci:layout\n"
		   "firn gc --keep-last 3 --keep-within 7d oci:layout",
	.min_args = 1,
	.max_args = 1,
	.options = gc_options,
	.opts_size = sizeof(struct gc_opts),
	.fields = gc_fields,
	.run = gc_run,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "blobs.h"
#include "compress.h"
#include "registry.h"

#include <errno.h>
#include <firn/copy.h>
#include <string.h>

struct copy_opts {
	bool force, all_tags;
	int only;
	bool decompress;
	uint64_t jobs, threads;
	const char *compress, *tmp;
	const char *digestfile, *source_creds, *dest_creds;
	struct registry_options registry;
};

enum { ONLY_NOTHING, ONLY_CHECKPOINT, ONLY_ROOTFS };

static const struct opt copy_options[] = {
	OPT_FLAG('f', "force", struct copy_opts, force,
		 "Replace tags, archives and images that are there already"),
	OPT_FLAG('a', "all-tags", struct copy_opts, all_tags,
		 "Copy every image that has a tag, under its tag"),
	OPT_ENUM(0, "only", struct copy_opts, only, "all|checkpoint|rootfs", "PART",
		 "Of a checkpoint image, its checkpoint or its rootfs alone"),
	OPT_UINT('j', "jobs", struct copy_opts, jobs, 1, 64, "N", "Blobs at once (4)"),
	COMPRESS_OPTIONS(struct copy_opts, compress, threads,
			 "Compress plain mountable layers, level 1 to 22 (3): they stay mountable, "
			 "digests change"),
	OPT_FLAG(0, "decompress", struct copy_opts, decompress,
		 "The other way: compressed mountable layers become plain ones again"),
	OPT_STR(0, "tmp", struct copy_opts, tmp, "DIR",
		"Where compressed layers lie meanwhile, instead of at the destination (/var/tmp "
		"for a registry)"),
	OPT_STR(0, "digestfile", struct copy_opts, digestfile, "FILE",
		"Write the digest to FILE as well"),
	OPT_STR(0, "src-creds", struct copy_opts, source_creds, "USER[:PASSWORD]",
		"As --creds, for the registry of SOURCE alone"),
	OPT_STR(0, "dest-creds", struct copy_opts, dest_creds, "USER[:PASSWORD]",
		"As --creds, for the registry of DESTINATION alone"),
	REGISTRY_OPTIONS(struct copy_opts, registry),
	OPT_END,
};

enum { IMAGE_DIGEST, IMAGE_TAG, IMAGE_VALUES };
static const struct out_field image_fields[] = {
	[IMAGE_DIGEST] = { "Digest", OUT_STR },
	[IMAGE_TAG] = { "Tag", OUT_STR },
	{ NULL, OUT_END },
};

enum { DIGEST, TAG, BLOBS, BYTES, PRESENT_BLOBS, PRESENT_BYTES, SKIPPED, IMAGES, NVALUES };
static const struct out_field copy_fields[] = {
	[DIGEST] = { "Digest", OUT_STR },
	[TAG] = { "Tag", OUT_STR },
	[BLOBS] = { "Blobs", OUT_UINT },
	[BYTES] = { "Bytes", OUT_UINT },
	[PRESENT_BLOBS] = { "PresentBlobs", OUT_UINT },
	[PRESENT_BYTES] = { "PresentBytes", OUT_UINT },
	[SKIPPED] = { "Skipped", OUT_UINT },
	[IMAGES] = { "Images", OUT_ROWS },
	{ NULL, OUT_END },
};

static void result_freep(struct firn_copy_result **r)
{
	*r = firn_copy_result_free(*r);
}

static uint64_t number(const struct firn_value *top, const char *name)
{
	return (uint64_t)firn_value_number(firn_value_get(top, name));
}

/* A row for each image; NULL when out of memory. */
static union out_value *list_images(const struct firn_value *top, size_t *ret_n)
{
	const struct firn_value *list = firn_value_get(top, "images");
	union out_value *rows;
	size_t n = 0;

	for (const struct firn_value *v = firn_value_first(list); v; v = firn_value_next(v))
		n++;
	rows = calloc(n * IMAGE_VALUES + 1, sizeof(*rows));
	*ret_n = n;
	n = 0;
	for (const struct firn_value *v = firn_value_first(list); rows && v;
	     v = firn_value_next(v), n += IMAGE_VALUES) {
		rows[n + IMAGE_DIGEST].str = firn_value_text(firn_value_get(v, "digest"));
		rows[n + IMAGE_TAG].str = firn_value_text(firn_value_get(v, "tag"));
	}
	return rows;
}

/* One image is its digest; of several each has its tag behind it. */
static void print_text(const union out_value *rows, size_t n, bool tags)
{
	for (size_t i = 0; i < n; i++) {
		const union out_value *v = rows + i * IMAGE_VALUES;

		if (tags && v[IMAGE_TAG].str)
			printf("%s %s\n", v[IMAGE_DIGEST].str, v[IMAGE_TAG].str);
		else
			printf("%s\n", v[IMAGE_DIGEST].str);
	}
}

static int print(const struct app *app, const struct copy_opts *o, const struct firn_value *top,
		 struct firn_error *err)
{
	size_t n;
	_free_ union out_value *rows = list_images(top, &n);
	union out_value v[NVALUES] = {
		[BLOBS] = { .num = number(top, "blobs") },
		[BYTES] = { .num = number(top, "bytes") },
		[PRESENT_BLOBS] = { .num = number(top, "present_blobs") },
		[PRESENT_BYTES] = { .num = number(top, "present_bytes") },
		[SKIPPED] = { .num = number(top, "skipped") },
		[IMAGES] = { .rows = { image_fields, rows, n } },
	};

	if (!rows)
		return fail(err, FIRN_ENOMEM, "out of memory");
	if (!o->all_tags && n) {
		v[DIGEST] = rows[IMAGE_DIGEST];
		v[TAG] = rows[IMAGE_TAG];
	}
	if (app->format)
		out_result(stdout, app->format, copy_fields, v);
	else
		print_text(rows, n, o->all_tags);
	return 0;
}

/* As skopeo writes it: the digest and nothing else. */
static int write_digest(const char *file, const struct firn_value *top, struct firn_error *err)
{
	const struct firn_value *first = firn_value_first(firn_value_get(top, "images"));
	const char *digest = firn_value_text(firn_value_get(first, "digest"));
	FILE *f = fopen(file, "we");
	bool good = f && fputs(digest ? digest : "", f) >= 0;

	if (f)
		good = fclose(f) == 0 && good;
	return good ? 0 : fail(err, FIRN_EFAIL, "write %s: %s", file, strerror(errno));
}

static int copy_run(struct app *app, const void *opts, int argc, char **argv,
		    struct firn_error *err)
{
	const struct copy_opts *o = opts;
	_cleanup_(result_freep) struct firn_copy_result *done = NULL;
	_cleanup_(blobs_freep) struct blobs *blobs = blobs_new(&app->progress);
	_cleanup_(registry_given_done) struct registry_given from = { .state = NULL };
	struct firn_registry_opts to;
	struct firn_copy_opts how = {
		.size = sizeof(how),
		.flags = (o->force ? FIRN_COPY_FORCE : 0) | (o->all_tags ? FIRN_COPY_ALL_TAGS : 0) |
			 (o->only == ONLY_CHECKPOINT ? FIRN_COPY_ONLY_CHECKPOINT : 0) |
			 (o->only == ONLY_ROOTFS ? FIRN_COPY_ONLY_ROOTFS : 0),
		.jobs = (unsigned)o->jobs,
		.threads = (unsigned)o->threads,
		.tmp = o->tmp,
	};
	int rc;

	(void)argc;
	if (o->decompress && o->compress)
		return misuse(app, err, "--compress and --decompress exclude each other");
	rc = compress_parse(app, o->compress, o->threads, &how.level, err);
	if (rc < 0)
		return rc;
	how.flags |= (rc ? FIRN_COPY_COMPRESS : 0) | (o->decompress ? FIRN_COPY_DECOMPRESS : 0);
	if (o->all_tags && o->digestfile)
		return misuse(app, err, "--all-tags and --digestfile exclude each other");
	if (o->all_tags && o->only != ONLY_NOTHING)
		return misuse(app, err, "--all-tags and --only exclude each other");
	rc = registry_fill(&o->registry, &from, err);
	if (rc < 0)
		return rc;
	to = from.opts;
	from.opts.creds = o->source_creds ? o->source_creds : from.opts.creds;
	to.creds = o->dest_creds ? o->dest_creds : to.creds;
	how.state = from.state;
	if (!blobs)
		return fail(err, FIRN_ENOMEM, "out of memory");
	blobs_watch(blobs, &how);
	how.source_registry = &from.opts;
	how.dest_registry = &to;
	rc = firn_copy(argv[0], argv[1], &how, &done, err);
	progress_clear(&app->progress);
	if (rc == 0 && o->digestfile)
		rc = write_digest(o->digestfile, firn_copy_result_value(done), err);
	return rc < 0 ? rc : print(app, o, firn_copy_result_value(done), err);
}

const struct command cmd_copy = {
	.name = "copy",
	.args = "SOURCE DESTINATION",
	.summary = "Copy images between layouts, archives and registries",
	.about =
	    "Copy an image with all it refers to: the images of an index, their configs and "
	    "layers, subjects. Nothing is changed on the way: every digest stays, and what was "
	    "mountable stays mountable; with --compress or --decompress mountable layers get "
	    "the other form. What the destination has is not copied again.\n"
	    "SOURCE is oci:DIR[:TAG|@DIGEST], oci-archive:FILE[:TAG|@DIGEST], dir:DIR or "
	    "docker://HOST/REPOSITORY[:TAG|@DIGEST], DESTINATION is oci:DIR[:TAG], "
	    "oci-archive:FILE[:TAG], dir:DIR or docker://HOST/REPOSITORY[:TAG].",
	.example = "firn copy oci:layout:r1 oci-archive:r1.tar\n"
		   "firn copy oci-archive:r1.tar oci:/var/lib/checkpoints:r1\n"
		   "firn copy --all-tags oci:layout oci:/var/lib/checkpoints",
	.min_args = 2,
	.max_args = 2,
	.options = copy_options,
	.opts_size = sizeof(struct copy_opts),
	.fields = copy_fields,
	.run = copy_run,
};

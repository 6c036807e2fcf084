/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include <firn/verify.h>
#include <inttypes.h>
#include <string.h>

struct verify_opts {
	bool deep;
};

static const struct opt verify_options[] = {
	OPT_FLAG(0, "deep", struct verify_opts, deep,
		 "Read everything through: what compressed layers unpack to, archives, pages"),
	OPT_END,
};

static const struct out_field verify_fields[] = {
	{ "Level", OUT_STR }, { "Place", OUT_STR }, { "Code", OUT_STR },
	{ "Text", OUT_STR },  { NULL, OUT_END },
};

static void verification_freep(struct firn_verification **v)
{
	firn_verification_free(*v);
}

static int write_out(const char *piece, size_t n, void *ctx)
{
	return fwrite(piece, 1, n, ctx) == n ? 0 : -1;
}

static const char *text_of(const struct firn_value *finding, const char *name)
{
	return firn_value_text(firn_value_get(finding, name));
}

static void print_template(const char *format, const struct firn_value *finding)
{
	const union out_value values[] = {
		{ .str = text_of(finding, "level") },
		{ .str = text_of(finding, "place") },
		{ .str = text_of(finding, "code") },
		{ .str = text_of(finding, "text") },
	};

	out_result(stdout, format, verify_fields, values);
}

/* "PLACE: SENTENCE", "PLACE: note: SENTENCE" */
static void print_line(const char *input, const struct firn_value *finding)
{
	const char *level = text_of(finding, "level"), *place = text_of(finding, "place");

	out_line(stdout, *place ? place : input);
	if (strcmp(level, "fault") != 0)
		printf(": %s", level);
	fputs(": ", stdout);
	out_line(stdout, text_of(finding, "text"));
	putchar('\n');
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void print_sum(const char *input, const struct firn_verification *v)
{
	const uint64_t warnings = firn_verification_count(v, FIRN_VERIFY_WARNING);
	const uint64_t notes = firn_verification_count(v, FIRN_VERIFY_NOTE);

	if (firn_verification_count(v, FIRN_VERIFY_FAULT))
		return;
	out_line(stdout, input);
	fputs(": no faults", stdout);
	if (warnings)
		printf(", %" PRIu64 " warning%s", warnings, plural(warnings));
	if (notes)
		printf(", %" PRIu64 " note%s", notes, plural(notes));
	putchar('\n');
}

static void print(const struct app *app, const char *input, const struct firn_verification *v)
{
	const struct firn_value *list = firn_verification_value(v);
	const struct firn_value *finding = firn_value_first(list);

	if (app->format && strcmp(app->format, "json") == 0) {
		/* What can't be written shows when standard output is closed. */
		if (firn_value_print(list, 2, write_out, stdout) == 0)
			putchar('\n');
		return;
	}
	for (; finding; finding = firn_value_next(finding)) {
		if (app->format && strcmp(app->format, "tree") != 0)
			print_template(app->format, finding);
		else
			print_line(input, finding);
	}
	if (!app->format || strcmp(app->format, "tree") == 0)
		print_sum(input, v);
}

static int verify_run(struct app *app, const void *opts, int argc, char **argv,
		      struct firn_error *err)
{
	const struct verify_opts *o = opts;
	_cleanup_(verification_freep) struct firn_verification *v = NULL;
	struct firn_report report = progress_report(&app->progress);
	const struct firn_verify_opts how = {
		.size = sizeof(how),
		.flags = o->deep ? FIRN_VERIFY_DEEP : 0,
		.report = &report,
	};
	int rc = firn_verify(argv[0], &how, &v, err);
	uint64_t faults;

	(void)argc;
	progress_clear(&app->progress);
	if (rc < 0)
		return rc;
	print(app, argv[0], v);
	faults = firn_verification_count(v, FIRN_VERIFY_FAULT);
	return faults ? fail(err, FIRN_ECORRUPT, "%s: %" PRIu64 " fault%s", argv[0], faults,
			     plural(faults))
		      : 0;
}

const struct command cmd_verify = {
	.name = "verify",
	.args = "CHECKPOINT|IMAGE|LAYOUT",
	.summary = "Find all that is wrong with a checkpoint, an image or a layout",
	.about =
	    "Look at all of an OCI layout (oci:DIR, oci-archive:FILE; one image of it with :TAG "
	    "or @DIGEST), a docker-archive or a checkpoint, whoever made it: documents, "
	    "digests, layers, the index in layers that can be mounted, and the set of CRIU's "
	    "images. It goes on after the first fault and lists all of them with their place; "
	    "exit status 3 when there are any. Warnings and notes are no faults.",
	.example = "firn verify oci:layout\n"
		   "firn verify --deep oci-archive:image.tar\n"
		   "firn verify checkpoint.tar\n"
		   "firn verify --format json oci:layout:r1 | jq -r '.[] | .code + \" \" + .place'",
	.min_args = 1,
	.max_args = 1,
	.options = verify_options,
	.opts_size = sizeof(struct verify_opts),
	.fields = verify_fields,
	.format_word = "tree",
	.run = verify_run,
};

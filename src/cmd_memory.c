/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"

#include "hexdump.h"
#include "registry.h"
#include "show.h"
#include "show_memory.h"

#include <firn/memory.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define START_ALONE_BYTES 256  /* that --address START shows */
#define SEARCH_BYTES_MAX  1024 /* the library's limit */

struct memory_opts {
	uint64_t pid, context, max;
	const char *address, *area, *search, *bytes, *regex, *output, *container;
	bool ignore_case;
	struct registry_options registry;
};

static const struct opt memory_options[] = {
	OPT_UINT('p', "pid", struct memory_opts, pid, 1, INT32_MAX, "N",
		 "The process, as the container numbers it"),
	OPT_STR('a', "address", struct memory_opts, address, "RANGE",
		"Hex dump of START-END or START+LENGTH, in hexadecimal; START alone: 256 bytes"),
	OPT_STR(
	    0, "area", struct memory_opts, area, "AREA",
	    "Hex dump of the areas of this kind (heap, stack, ...) or mapped file; all for all"),
	OPT_STR('s', "search", struct memory_opts, search, "TEXT", "Where this text is"),
	OPT_STR('e', "regex", struct memory_opts, regex, "REGEX",
		"What matches this extended regular expression"),
	OPT_STR('x', "bytes", struct memory_opts, bytes, "HEX",
		"Where these bytes are, given in hexadecimal"),
	OPT_FLAG('i', "ignore-case", struct memory_opts, ignore_case, "Search for a-z as for A-Z"),
	OPT_UINT('c', "context", struct memory_opts, context, 0, 1024, "N",
		 "Bytes shown before and behind each match"),
	OPT_UINT('m', "max", struct memory_opts, max, 1, 1000000, "N",
		 "Matches shown of each process (10000)"),
	OPT_STR('o', "output", struct memory_opts, output, "FILE",
		"Write the raw bytes of --address or --area, - for standard output"),
	OPT_STR(0, "container", struct memory_opts, container, "NAME",
		"Which of an image's several containers"),
	REGISTRY_OPTIONS(struct memory_opts, registry),
	OPT_END,
};

static void memory_freep(struct firn_memory **m)
{
	firn_memory_free(*m);
}

static int write_out(const char *piece, size_t n, void *ctx)
{
	return fwrite(piece, 1, n, ctx) == n ? 0 : -1;
}

/* A hexadecimal number at *@text, with or without 0x; moves on. */
static bool take_hex(const char **text, uint64_t *ret)
{
	char *end;

	if ((*text)[0] == '0' && ((*text)[1] | 0x20) == 'x')
		*text += 2;
	if (strspn(*text, "0123456789abcdefABCDEF") == 0)
		return false;
	errno = 0;
	*ret = strtoull(*text, &end, 16);
	*text = end;
	return errno == 0;
}

static int parse_range(struct app *app, const char *text, struct firn_memory_opts *how,
		       struct firn_error *err)
{
	const char *at = text;
	uint64_t number = START_ALONE_BYTES;
	char sign = '+';

	if (!take_hex(&at, &how->from))
		return misuse(app, err, "--address %s: an address is hexadecimal", text);
	if (*at) {
		sign = *at++;
		if ((sign != '-' && sign != '+') || !take_hex(&at, &number) || *at)
			return misuse(app, err, "--address %s: want START-END or START+LENGTH",
				      text);
	}
	how->to = sign == '-' ? number : how->from + number;
	/* Up to the very end is 0, as the library has it. */
	if (!number || (how->to && how->to <= how->from))
		return misuse(app, err, "--address %s: ends before it begins", text);
	return 0;
}

static int parse_bytes(struct app *app, const char *text, uint8_t ret[SEARCH_BYTES_MAX],
		       size_t *ret_n, struct firn_error *err)
{
	const size_t len = strlen(text);

	if (len % 2 || len / 2 > SEARCH_BYTES_MAX || strspn(text, "0123456789abcdefABCDEF") != len)
		return misuse(app, err,
			      "--bytes %s: want two hexadecimal digits for each, 1024 at most",
			      text);
	for (size_t i = 0; i < len / 2; i++) {
		const char digits[] = { text[2 * i], text[2 * i + 1], '\0' };

		ret[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	*ret_n = len / 2;
	return 0;
}

static int parse_search(struct app *app, const struct memory_opts *o, uint8_t *bytes,
			struct firn_memory_opts *how, struct firn_error *err)
{
	if (!!o->search + !!o->regex + !!o->bytes > 1)
		return misuse(app, err, "--search, --regex and --bytes are one at a time");
	if (o->bytes) {
		how->search = bytes;
		return parse_bytes(app, o->bytes, bytes, &how->search_bytes, err);
	}
	how->search = o->search ? o->search : o->regex;
	how->search_bytes = how->search ? strlen(how->search) : 0;
	if (o->regex)
		how->flags |= FIRN_MEMORY_REGEX;
	if (o->ignore_case)
		how->flags |= FIRN_MEMORY_IGNORE_CASE;
	if (!how->search && (o->ignore_case || o->context || o->max))
		return misuse(app, err,
			      "there is nothing to search for: --search, --regex, --bytes");
	return 0;
}

static int check(struct app *app, const struct memory_opts *o, const struct firn_memory_opts *how,
		 struct firn_error *err)
{
	const bool dump = (o->address || o->area) && !how->search;

	if (o->output && how->search)
		return misuse(app, err, "--output takes bytes; matches go to standard output");
	if ((o->output || dump) && !o->pid)
		return misuse(app, err, "--pid says of which process; without it they are listed");
	if ((o->output || dump) && app->format)
		return misuse(app, err, "--format is for lists of processes, areas and matches");
	return 0;
}

static int show(const struct app *app, const char *checkpoint, const struct firn_memory_opts *how,
		struct firn_error *err)
{
	_cleanup_(memory_freep) struct firn_memory *found = NULL;
	const struct firn_value *all;
	enum memory_rows rows = MEMORY_PROCESSES;
	int rc = firn_memory(checkpoint, how, &found, err);

	if (rc < 0)
		return rc;
	all = firn_memory_value(found);
	if (how->search)
		rows = MEMORY_MATCHES;
	else if (how->pid)
		rows = MEMORY_AREAS;
	if (!app->format)
		show_memory(stdout, all, rows);
	else if (strcmp(app->format, "json") != 0)
		show_memory_by(stdout, app->format, all, rows);
	else if (firn_value_print(all, 2, write_out, stdout) == 0)
		fputc('\n', stdout);
	return 0;
}

/* The dump, and the area that its last byte was in. */
struct dumping {
	struct hexdump hex;
	uint64_t start;
	bool any;
};

static int take_piece(const struct firn_memory_piece *p, void *ctx)
{
	struct dumping *d = ctx;

	if (!d->any || d->start != p->start) {
		hexdump_end(&d->hex);
		fprintf(stdout, "# %" PRIx64 "-%" PRIx64 " %s %s", p->start, p->end, p->protection,
			p->kind);
		if (p->path) {
			fputc(' ', stdout);
			out_line(stdout, p->path);
		}
		fputc('\n', stdout);
	}
	d->any = true;
	d->start = p->start;
	/* Who reads has gone away: main() tells. */
	return hexdump_put(&d->hex, p->address, p->bytes, p->n) ? 0 : 1;
}

static int dump(const char *checkpoint, const struct firn_memory_opts *how, struct firn_error *err)
{
	struct dumping d = { .hex = { .f = stdout } };
	int rc = firn_memory_read(checkpoint, how, take_piece, &d, err);

	hexdump_end(&d.hex);
	if (rc == 0 && !d.any)
		return fail(err, FIRN_ENOTFOUND, "nothing of that memory is in the checkpoint");
	return rc < 0 ? rc : 0;
}

static int save(struct app *app, const char *checkpoint, const char *file,
		const struct firn_memory_opts *how, struct firn_error *err)
{
	char size[SHOW_BYTES_MAX];
	uint64_t bytes = 0;
	int rc = firn_memory_save(checkpoint, file, how, &bytes, err);

	progress_clear(&app->progress);
	if (rc == 0 && strcmp(file, "-") != 0)
		printf("%s: %s\n", file, show_bytes((int64_t)bytes, size));
	return rc;
}

static int memory_run(struct app *app, const void *opts, int argc, char **argv,
		      struct firn_error *err)
{
	const struct memory_opts *o = opts;
	struct firn_report report = progress_report(&app->progress);
	_cleanup_(registry_given_done) struct registry_given registry = { .state = NULL };
	uint8_t bytes[SEARCH_BYTES_MAX];
	struct firn_memory_opts how = {
		.size = sizeof(how),
		.container = o->container,
		.pid = (uint32_t)o->pid,
		.area = o->area && strcmp(o->area, "all") != 0 ? o->area : NULL,
		.context = o->context,
		.max_matches = o->max,
		.report = &report,
		.registry = &registry.opts,
	};
	int rc = o->address ? parse_range(app, o->address, &how, err) : 0;

	(void)argc;
	if (rc < 0 || (rc = parse_search(app, o, bytes, &how, err)) < 0 ||
	    (rc = check(app, o, &how, err)) < 0 ||
	    (rc = registry_fill(&o->registry, &registry, err)) < 0)
		return rc;
	if (o->output)
		return save(app, argv[0], o->output, &how, err);
	if (!how.search && (o->address || o->area))
		return dump(argv[0], &how, err);
	if (o->pid && !how.search)
		how.flags |= FIRN_MEMORY_AREAS;
	return show(app, argv[0], &how, err);
}

const struct command cmd_memory = {
	.name = "memory",
	.args = "CHECKPOINT|IMAGE",
	.summary = "Show, search or save the memory of a checkpoint's processes",
	.about = "Without options the processes are listed, with --pid the areas of one. "
		 "--address and --area show bytes, or write them with --output; --search, --regex "
		 "and --bytes look for some, in all processes or in one. Memory holds every secret "
		 "that its process had: what is written is for its owner alone (mode 0600).",
	.example = "firn memory checkpoint.tar\n"
		   "firn memory --pid 1 --area heap checkpoint.tar | less\n"
		   "firn memory --regex '(pass|secret)[^=]*=[!-~]+' oci:layout:r1\n"
		   "firn memory --pid 1 --area stack -o stack.bin checkpoint.tar",
	.min_args = 1,
	.max_args = 1,
	.options = memory_options,
	.opts_size = sizeof(struct memory_opts),
	.fields = memory_fields,
	.run = memory_run,
};

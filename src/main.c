/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "command.h"
#include "places.h"
#include "plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <firn/version.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define STDOUT_BYTES 65536 /* no help, completion or result is longer */

int exit_status_of(int rc)
{
	switch (-rc) {
	case FIRN_OK:
		return EXIT_DONE;
	case FIRN_EINVAL:
		return EXIT_USAGE;
	case FIRN_ECORRUPT:
	case FIRN_ELIMIT: /* all limits are on what comes from outside */
		return EXIT_CORRUPT;
	case FIRN_ENOTFOUND:
		return EXIT_NOT_FOUND;
	case FIRN_EHOST:
		return EXIT_HOST;
	default:
		return EXIT_FAILED;
	}
}

static void print_hint(const struct app *app, const struct command *c)
{
	if (app->misused && app->progress.mode != PROGRESS_JSON)
		fprintf(stderr, "firn: try `firn %s%s--help`\n", c ? c->name : "", c ? " " : "");
}

/* The library's sentence may begin with the verb, "build: c1.tar: ...", and mistakes in a call
 * don't. */
static bool names_verb(const char *text, const struct command *c)
{
	size_t len = strlen(c->name);

	return strncmp(text, c->name, len) == 0 && text[len] == ':';
}

static int report_failure(struct app *app, const struct command *c, int rc,
			  const struct firn_error *err)
{
	int status = exit_status_of(rc);

	if (err->msg[0])
		progress_error(&app->progress, c && !names_verb(err->msg, c) ? c->name : NULL,
			       err->msg, status);
	print_hint(app, c);
	return status;
}

static int check_args(struct app *app, const struct command *c, int argc, char **argv,
		      struct firn_error *err)
{
	if (argc < c->min_args)
		return misuse(app, err, "needs %s", c->args);
	if (c->max_args >= 0 && argc > c->max_args)
		return misuse(app, err, "\"%s\" is one argument too many", argv[c->max_args]);
	if (app->format && c->format_word && strcmp(app->format, c->format_word) == 0)
		return 0;
	if (app->format && out_check_format(app->format, c->fields, err) < 0) {
		app->misused = true;
		return -FIRN_EINVAL;
	}
	return 0;
}

static int run_command(struct app *app, const struct command *c, int argc, char **argv,
		       struct firn_error *err)
{
	_free_ void *opts = calloc(1, c->opts_size ? c->opts_size : 1);
	struct opt_set sets[] = {
		{ c->options, opts },
		{ c->fields ? format_options : NULL, app },
		{ global_options, app },
	};
	int rc;

	if (!opts)
		return fail(err, FIRN_ENOMEM, "out of memory");
	rc = opt_parse(sets, ARRAY_SIZE(sets), 0, &argc, argv, err);
	progress_init(&app->progress, stderr, app->progress_mode, app->quiet);
	if (rc < 0) {
		app->misused = rc == -FIRN_EINVAL;
	} else if (app->help) {
		command_help(stdout, c);
	} else if (app->version) {
		rc = cmd_version.run(app, NULL, 0, argv, err);
	} else {
		places_fill(app);
		rc = check_args(app, c, argc, argv, err);
		if (rc == 0)
			rc = c->run(app, opts, argc, argv, err);
	}
	progress_clear(&app->progress);
	opt_done(&sets[0]);
	return rc;
}

/* Options before the verb, the verb, and all the rest. */
static int run_tool(struct app *app, int argc, char **argv, const struct command **ret_command,
		    struct firn_error *err)
{
	struct opt_set set = { global_options, app };
	const struct command *c;
	int rc = opt_parse(&set, 1, OPT_STOP_AT_WORD, &argc, argv, err);

	progress_init(&app->progress, stderr, app->progress_mode, app->quiet);
	if (rc < 0) {
		app->misused = true;
		return rc;
	}
	if (argc == 0 && app->version)
		return cmd_version.run(app, NULL, 0, argv, err);
	if (argc == 0 && app->help) {
		command_help(stdout, NULL);
		return 0;
	}
	if (argc == 0)
		return misuse(app, err, "a command is missing");
	c = command_find(argv[0]);
	if (!c)
		return misuse(app, err, "there is no command \"%s\"", argv[0]);
	*ret_command = c;
	return run_command(app, c, argc - 1, argv + 1, err);
}

/*
 * A result that did not arrive is a failure, however well the work went. @errnum: why what was
 * there before the message about that didn't.
 */
static int check_stdout(struct app *app, int status, int errnum)
{
	const bool bad = ferror(stdout);
	char text[128];

	if (fclose(stdout) != 0 && !errnum)
		errnum = errno;
	if (!errnum && !bad)
		return status;
	/* The reader has gone: end as a filter does, without a word. */
	if (errnum == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	snprintf(text, sizeof(text), "standard output: %s",
		 errnum ? strerror(errnum) : "not all of it could be written");
	progress_error(&app->progress, NULL, text, EXIT_FAILED);
	return status == EXIT_DONE || status == PLUGIN_EXIT_STATUS ? EXIT_FAILED : status;
}

/*
 * A caller may have closed 0, 1 or 2; the next file opened must not get that number, or results and
 * messages would be written into it. Read-only, so that writing fails as it should.
 */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static void on_sigpipe(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	/* A handler, not SIG_IGN: work such as a mount is finished, and what we exec gets the
	 * default. */
	struct sigaction pipe_action = { .sa_handler = on_sigpipe, .sa_flags = SA_RESTART };
	const struct command *command = NULL;
	struct firn_error err = { 0 };
	struct app app = { 0 };
	char out[STDOUT_BYTES];
	int rc, status, errnum;

	fill_standard_fds();
	/* What fits is written by the fclose() that is asked how it went, and that says why not. */
	setvbuf(stdout, out, _IOFBF, sizeof(out));
	sigaction(SIGPIPE, &pipe_action, NULL);
	/* Where our caller ignored it, nobody could tell how a runtime has ended (wait(2)). */
	signal(SIGCHLD, SIG_DFL);
	if (plugin_asked(argc, argv))
		return check_stdout(&app, PLUGIN_EXIT_STATUS, 0);
	rc = run_tool(&app, argc > 0 ? argc - 1 : 0, argv + 1, &command, &err);
	/* Findings come before the sentence that counts them. */
	errnum = rc < 0 && fflush(stdout) != 0 ? errno : 0;
	status = rc < 0 ? report_failure(&app, command, rc, &err) : EXIT_DONE;
	return check_stdout(&app, status, errnum);
}

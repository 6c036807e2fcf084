/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What CRIU will be told besides the flags of firn restore: by the arguments for the runtime, and
 * by the configuration files that it reads (criu(8), "Configuration files": a line is an option
 * without its dashes, and its value).
 */
#include "check/world.h"

#include "base/run.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define CONFIGURATION_MAX 65536
#define PROGRAM_MAX       (64 << 20) /* bytes of crun; it has less than one million */

/* "mnt[KEY]:..." or, as --ext-mount-map has it, "KEY:..." */
static int take_external(struct world *w, const char *name, const char *value,
			 struct firn_error *err)
{
	const char *start = value, *end;
	char **grown;

	if (strcmp(name, "external") == 0) {
		if (strncmp(value, "mnt[", 4) != 0)
			return 0;
		start = value + 4;
		end = strchr(start, ']');
	} else {
		end = strchr(start, ':');
		w->auto_mounts |= strcmp(value, "auto") == 0;
	}
	if (!end)
		return 0;
	w->auto_mounts |= end == start;
	if (w->nexternals == WORLD_EXTERNALS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "more than %d mounts for CRIU",
				 WORLD_EXTERNALS_MAX);
	grown = reallocarray(w->externals, w->nexternals + 1, sizeof(*grown));
	if (!grown)
		return firn_fail_oom(err, "mounts for CRIU");
	w->externals = grown;
	w->externals[w->nexternals] = strndup(start, (size_t)(end - start));
	if (!w->externals[w->nexternals])
		return firn_fail_oom(err, "mounts for CRIU");
	w->nexternals++;
	return 0;
}

static int take_option(struct world *w, const char *name, const char *value, struct firn_error *err)
{
	static const struct {
		const char *name;
		unsigned flag;
	} flags[] = {
		{ "tcp-established", CHECK_TCP_ESTABLISHED },
		{ "tcp-close", CHECK_TCP_CLOSE },
		{ "ext-unix-sk", CHECK_EXT_UNIX },
		{ "file-locks", CHECK_FILE_LOCKS },
		{ "l", CHECK_FILE_LOCKS },
		{ "shell-job", CHECK_SHELL_JOB },
		{ "j", CHECK_SHELL_JOB },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (strcmp(name, flags[i].name) == 0)
			w->flags |= flags[i].flag;
	w->any_mode |= strcmp(name, "skip-file-rwx-check") == 0;
	if (value && (strcmp(name, "external") == 0 || strcmp(name, "ext-mount-map") == 0))
		return take_external(w, name, value, err);
	return 0;
}

static int take_configuration(struct world *w, char *text, struct firn_error *err)
{
	char *rest = NULL;
	int rc = 0;

	for (char *line = strtok_r(text, "\n", &rest); line && rc == 0;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *end = line + strlen(line), *value;

		line += strspn(line, " \t-");
		if (*line == '#' || *line == '\0')
			continue;
		while (end > line && strchr(" \t\r\"", end[-1]))
			*--end = '\0';
		value = line + strcspn(line, " \t=");
		if (*value) {
			*value++ = '\0';
			value += strspn(value, " \t=\"");
		}
		rc = take_option(w, line, *value ? value : NULL, err);
	}
	return rc;
}

static int take_arguments(struct world *w, struct firn_error *err)
{
	const struct check_input *in = w->in;

	for (size_t i = 0; i < in->nargs; i++) {
		const char *name = in->args[i] + strspn(in->args[i], "-"), *equals;
		_free_ char *cut = NULL;
		int rc;

		if (name == in->args[i])
			continue;
		equals = strchr(name, '=');
		cut = strndup(name, equals ? (size_t)(equals - name) : strlen(name));
		if (!cut)
			return firn_fail_oom(err, "arguments");
		rc = take_option(w, cut,
				 equals              ? equals + 1
				 : i + 1 < in->nargs ? in->args[i + 1]
						     : NULL,
				 err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Whether crun knows the annotation: not the versions of before 2025, which take no such file. */
static bool crun_takes_it(const struct check_input *in)
{
	static const char annotation[] = "org.criu.config";
	_free_ char *path = NULL;
	_fd_ int fd = -1;
	struct stat st;
	bool found;
	void *program;

	if (run_find(in->runtime, &path, NULL) <= 0)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > PROGRAM_MAX)
		return false;
	program = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (program == MAP_FAILED)
		return false;
	found = memmem(program, (size_t)st.st_size, annotation, strlen(annotation));
	munmap(program, (size_t)st.st_size);
	return found;
}

/* runc hands CRIU the file that this annotation names. firn makes it, perhaps later. */
static char *annotated(const struct world *w)
{
	const json_t *list = json_object_get(w->config, "annotations");
	const char *path = json_string_value(json_object_get(list, "org.criu.config"));
	const struct spec *spec = w->in->spec;
	char *text = NULL;
	_fd_ int fd = -1;

	if (!path || w->runtime == WORLD_CRIU ||
	    (w->runtime == WORLD_CRUN && !crun_takes_it(w->in)))
		return NULL;
	for (size_t i = 0; i < spec->nprovided; i++)
		if (strcmp(spec->provided[i].name, "criu.conf") == 0 && spec->provided[i].text)
			return strdup(spec->provided[i].text);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fd_read_all(fd, CONFIGURATION_MAX, &text, NULL, NULL) < 0)
		return NULL;
	return text;
}

int world_load_options(struct world *w, struct firn_error *err)
{
	_free_ char *host = world_host_text(w->in, "/etc/criu/default.conf", CONFIGURATION_MAX);
	_free_ char *runtimes = annotated(w);
	int rc = host ? take_configuration(w, host, err) : 0;

	if (rc == 0 && runtimes)
		rc = take_configuration(w, runtimes, err);
	return rc < 0 ? rc : take_arguments(w, err);
}

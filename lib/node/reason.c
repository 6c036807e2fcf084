/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/reason.h"

#include "base/fd.h"
#include "base/folder.h"
#include "bytes/json.h"
#include "format/criu_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CRIU_LOG "restore.log" /* runc and crun name it so in their work folder */
#define RUNTIME_LOG_MAX                                                                            \
	(1u << 20) /* bytes of the runtime's own log; a restore writes a few lines */

static int open_criu_log(const struct slot *s)
{
	_free_ char *path = NULL;

	if (asprintf(&path, "%s/work/" CRIU_LOG, s->bundle) < 0) {
		path = NULL;
		return -1;
	}
	return open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

static void read_criu_log(const struct slot *s, struct reason *ret)
{
	_fd_ int fd = open_criu_log(s);
	struct criu_log log = { 0 };
	const char *text;
	char bytes[8192];
	ssize_t n;

	while (fd >= 0 && (n = fd_read(fd, bytes, sizeof(bytes), NULL)) > 0)
		criu_log_feed(&log, bytes, (size_t)n);
	text = criu_log_finish(&log);
	ret->taken_pid = log.taken_pid;
	if (text)
		snprintf(ret->text, sizeof(ret->text), "%s", text);
}

/* One line of a --log-format json log: its "msg", if its "level" is error or fatal. */
static void take_line(const char *line, size_t len, struct reason *ret)
{
	_json_ json_t *j = NULL;
	const char *level, *msg;

	if (json_parse(line, len, &j, NULL) < 0 || json_get_str(j, "level", &level, NULL) < 0 ||
	    json_get_str(j, "msg", &msg, NULL) < 0)
		return;
	if (strcmp(level, "error") != 0 && strcmp(level, "fatal") != 0)
		return;
	snprintf(ret->text, sizeof(ret->text), "%s", msg);
	for (char *c = ret->text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
}

static void read_runtime_log(const struct slot *s, struct reason *ret)
{
	_fd_ int fd = open(s->runtime_log, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_free_ char *text = NULL;
	size_t len;

	if (fd < 0 || fd_read_all(fd, RUNTIME_LOG_MAX, &text, &len, NULL) < 0)
		return;
	for (char *line = text; *line; line += *line == '\n') {
		const size_t n = strcspn(line, "\n");

		take_line(line, n, ret);
		line += n;
	}
}

void reason_read(const struct slot *s, struct reason *ret)
{
	*ret = (struct reason){ 0 };
	read_criu_log(s, ret);
	if (!*ret->text)
		read_runtime_log(s, ret);
}

/* 1 when something was copied. */
static int copy(int from, int folder, const char *name)
{
	_fd_ int to = -1;
	char bytes[65536];
	ssize_t n;

	if (from < 0)
		return 0;
	to = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	while (to >= 0 && (n = fd_read(from, bytes, sizeof(bytes), NULL)) > 0)
		if (fd_write(to, bytes, (size_t)n, NULL) < 0)
			return 0;
	return to >= 0;
}

char *reason_keep(const struct slot *s, const char *label)
{
	_fd_ int criu = open_criu_log(s), folder = -1;
	_fd_ int runtime = open(s->runtime_log, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_free_ char *logs = NULL;
	const char *best = NULL;
	char *path;

	if (asprintf(&logs, "%s/logs/%s", s->state, label) < 0) {
		logs = NULL;
		return NULL;
	}
	folder = folder_make_private(logs, 0700, NULL);
	if (folder < 0)
		return NULL;
	(void)unlinkat(folder, CRIU_LOG, 0);
	(void)unlinkat(folder, "runtime.log", 0);
	if (copy(runtime, folder, "runtime.log"))
		best = "runtime.log";
	if (copy(criu, folder, CRIU_LOG))
		best = CRIU_LOG;
	if (!best || asprintf(&path, "%s/%s", logs, best) < 0)
		return NULL;
	return path;
}

char *reason_keep_file(const struct slot *s, const char *label, const char *name)
{
	_free_ char *from = NULL, *logs = NULL;
	char *path;

	if (asprintf(&from, "%s/work/%s", s->bundle, name) < 0) {
		from = NULL;
		return NULL;
	}
	if (asprintf(&logs, "%s/logs/%s", s->state, label) < 0) {
		logs = NULL;
		return NULL;
	}
	_fd_ int log = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_fd_ int folder = folder_make_private(logs, 0700, NULL);

	if (folder < 0)
		return NULL;
	(void)unlinkat(folder, name, 0);
	if (!copy(log, folder, name) || asprintf(&path, "%s/%s", logs, name) < 0)
		return NULL;
	return path;
}

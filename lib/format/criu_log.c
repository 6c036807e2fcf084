/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_log.h"

#include "base/error.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_MAX 64 /* bytes of time and process in front of "Error" */

/* Printed on roads that go on, or after the error that matters. */
static const char *const telling_nothing[] = {
	"Can't setup RLIMIT_NOFILE for self",
	"Restoring FAILED",
	"cgroupd: recv req error",
	"exited, status=",
};

/* What the line says behind "Error (FILE:LINE): ", or NULL. */
static char *error_of(char *line)
{
	char *at = strstr(line, "Error (");
	char *text;

	if (!at || at - line > PREFIX_MAX || (at > line && at[-1] != ' '))
		return NULL;
	text = strstr(at, "): ");
	if (!text)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(telling_nothing); i++)
		if (strstr(text, telling_nothing[i]))
			return NULL;
	text += 3;
	return text + strspn(text, " \t");
}

static void trim(char *text)
{
	size_t n = strlen(text);

	while (n && (text[n - 1] == ' ' || text[n - 1] == '\r' || text[n - 1] == '.'))
		text[--n] = '\0';
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
}

static void note_pid(struct criu_log *log, const char *text)
{
	static const char fork[] = "Can't fork for ";
	long pid;

	if (strncmp(text, fork, strlen(fork)) != 0 || !strstr(text, ": File exists"))
		return;
	pid = strtol(text + strlen(fork), NULL, 10);
	if (pid > 0 && pid <= INT_MAX)
		log->taken_pid = (int)pid;
}

static void take_line(struct criu_log *log)
{
	const size_t used = strlen(log->text);
	char *text;

	log->line[log->used] = '\0';
	log->used = 0;
	text = error_of(log->line);
	if (!text)
		return;
	trim(text);
	if (strlen(text) > CRIU_LOG_ERROR_MAX)
		memcpy(text + CRIU_LOG_ERROR_MAX - 3, "...", 4);
	note_pid(log, text);
	if (!*text || log->errors == CRIU_LOG_ERRORS_MAX || strstr(log->text, text) ||
	    used + strlen(text) + 3 > sizeof(log->text))
		return;
	log->errors++;
	snprintf(log->text + used, sizeof(log->text) - used, "%s%s", used ? "; " : "", text);
}

void criu_log_feed(struct criu_log *log, const void *bytes, size_t n)
{
	const char *at = bytes;

	for (size_t i = 0; i < n; i++) {
		if (at[i] == '\n')
			take_line(log);
		else if (log->used < sizeof(log->line) - 1 && at[i] != '\0')
			log->line[log->used++] = at[i];
	}
}

const char *criu_log_finish(struct criu_log *log)
{
	if (log->used)
		take_line(log);
	return log->errors ? log->text : NULL;
}

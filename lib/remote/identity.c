/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote/identity.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define HELPER_POLL_MS 10

/* Where one finds a program by the PATH of @env. */
static int find_program(const char *const *env, const char *name, char **ret,
			struct firn_error *err)
{
	const char *path = "/usr/local/bin:/usr/bin:/bin";

	for (; env && *env; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			path = *env + 5;
	for (; path; path = strchr(path, ':')) {
		_free_ char *file = NULL;

		path += *path == ':';
		if (asprintf(&file, "%.*s/%s", (int)strcspn(path, ":"), path, name) < 0) {
			file = NULL;
			return firn_fail_oom(err, "credentials");
		}
		/* A folder that is relative depends on where one stands: no place for secrets. */
		if (*file == '/' && access(file, X_OK) == 0) {
			*ret = take_ptr(&file);
			return 0;
		}
	}
	return firn_fail(err, FIRN_ENOTFOUND, "%s: there is no such program", name);
}

static int spawn(const char *file, const char *name, const char *const *env, int in, int out,
		 pid_t *ret, struct firn_error *err)
{
	static const char *const nothing[] = { NULL };
	char *const argv[] = { (char *)name, (char *)"get", NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t set;
	int rc;

	if (posix_spawn_file_actions_init(&files) != 0)
		return firn_fail_oom(err, "credentials");
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&files);
		return firn_fail_oom(err, "credentials");
	}
	sigemptyset(&set);
	rc = posix_spawnattr_setsigmask(&attr, &set);
	sigaddset(&set, SIGPIPE);
	if (rc != 0 || posix_spawnattr_setsigdefault(&attr, &set) != 0 ||
	    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) != 0 ||
	    posix_spawn_file_actions_adddup2(&files, in, 0) != 0 ||
	    posix_spawn_file_actions_adddup2(&files, out, 1) != 0 ||
	    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0) != 0)
		rc = ENOMEM;
	if (rc == 0)
		rc = posix_spawn(ret, file, &files, &attr, argv,
				 (char *const *)(env ? env : nothing));
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	errno = rc;
	return rc ? firn_fail_errno(err, "run %s", file) : 0;
}

static int wait_for(pid_t pid, const char *name, int *ret_status, struct firn_error *err)
{
	for (unsigned gone = 0; gone < IDENTITY_HELPER_SECONDS * 1000; gone += HELPER_POLL_MS) {
		const pid_t ended = waitpid(pid, ret_status, WNOHANG);

		if (ended == pid)
			return 0;
		/* A program that ignores SIGCHLD: the number may be another's by now. */
		if (ended < 0 && errno != EINTR)
			return firn_fail_errno(err, "wait for %s", name);
		(void)poll(NULL, 0, HELPER_POLL_MS);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, ret_status, 0);
	return firn_fail(err, FIRN_EBUSY, "%s doesn't answer within %d seconds", name,
			 IDENTITY_HELPER_SECONDS);
}

/* docker-credential-NAME get: the host goes in, JSON comes out. It never sees a disk. */
static int ask(const char *program, const char *const *env, const char *host,
	       struct credentials *ret, struct firn_error *err)
{
	_fd_ int in = memfd_create("host", MFD_CLOEXEC), out = memfd_create("answer", MFD_CLOEXEC);
	_free_ char *file = NULL, *text = NULL;
	size_t len = 0;
	int rc, status = 0;
	pid_t pid;

	if (in < 0 || out < 0)
		return firn_fail_errno(err, "memory for a helper's answer");
	if ((rc = fd_pwrite(in, host, strlen(host), 0, err)) < 0 ||
	    (rc = find_program(env, program, &file, err)) < 0 ||
	    (rc = spawn(file, program, env, in, out, &pid, err)) < 0 ||
	    (rc = wait_for(pid, program, &status, err)) < 0)
		return rc;
	/* "credentials not found" is said the same way as any other failure. */
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return CREDENTIALS_NONE;
	if (lseek(out, 0, SEEK_SET) < 0)
		return firn_fail_errno(err, "a helper's answer");
	if ((rc = fd_read_all(out, CREDENTIALS_ANSWER_MAX, &text, &len, err)) < 0)
		return rc;
	rc = credentials_answer(text, len, ret, err);
	explicit_bzero(text, len);
	return firn_wrap(err, rc, "the answer of %s", program);
}

/* One file; absent ones know nobody unless @must. */
static int look_in(const char *name, bool must, const struct registry_opts *opts, const char *host,
		   const char *repository, struct credentials *ret, struct firn_error *err)
{
	_fd_ int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_free_ char *text = NULL, *helper = NULL;
	char program[CREDENTIALS_NAME_MAX + 32];
	size_t len = 0;
	int rc;

	if (fd < 0 && !must && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return 0;
	if (fd < 0)
		return firn_fail_errno(err, "%s", name);
	rc = fd_read_all(fd, CREDENTIALS_FILE_MAX, &text, &len, err);
	if (rc >= 0)
		rc = credentials_find(text, len, host, repository, ret, &helper, err);
	if (text)
		explicit_bzero(text, len);
	if (rc == CREDENTIALS_HELPER) {
		snprintf(program, sizeof(program), "docker-credential-%s", helper);
		rc = ask(program, opts->environment, host, ret, err);
	}
	if (rc < 0)
		return firn_wrap(err, rc, "%s", name);
	return rc == CREDENTIALS_HERE;
}

int identity_find(const struct registry_opts *opts, const char *host, const char *repository,
		  struct credentials *ret, struct firn_error *err)
{
	int rc;

	if (opts->creds) {
		rc = credentials_parse(opts->creds, ret, err);
		return rc < 0 ? rc : 1;
	}
	if (opts->authfile)
		return look_in(opts->authfile, true, opts, host, repository, ret, err);
	for (const char *const *name = opts->authfiles; name && *name; name++) {
		rc = look_in(*name, false, opts, host, repository, ret, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

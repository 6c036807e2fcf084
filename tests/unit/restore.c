/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a restore is made of, short of a mount and a runtime: tests/real has those. */
#include "unit.h"

#include "base/fd.h"
#include "base/run.h"
#include "firn/restore.h"
#include "node/kill.h"
#include "node/reason.h"
#include "node/runtime.h"
#include "node/slot.h"
#include "node/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static char folder[] = "/tmp/firn-restore-XXXXXX";

static void make_folder(void)
{
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const char *name, char ret[256])
{
	snprintf(ret, 256, "%s/%s", folder, name);
	return ret;
}

static void put_file(const char *path, const char *text, mode_t mode)
{
	_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	struct firn_error err = { 0 };

	ck_assert_int_ge(fd, 0);
	ck_ok(fd_write(fd, text, strlen(text), &err), err);
}

static char *get_file(const char *path)
{
	_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct firn_error err = { 0 };
	char *text = NULL;

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_ok(fd_read_all(fd, 65536, &text, NULL, &err), err);
	return text;
}

/* Run a shell script with firn's way of running programs. */
static int run_script(const char *script, enum run_stdio stdio, int out)
{
	struct firn_error err = { 0 };
	struct run_args a = { .n = 0 };
	int rc;

	run_arg(&a, "/bin/sh");
	run_arg2(&a, "-c", script);
	rc = run_wait(&a, stdio, out, &err);
	ck_ok(rc, err);
	return rc;
}

START_TEST(statuses)
{
	ck_assert_int_eq(run_script("exit 0", RUN_STDIO_NULL, -1), 0);
	ck_assert_int_eq(run_script("exit 7", RUN_STDIO_NULL, -1), 7);
	ck_assert_int_eq(run_script("kill -9 $$", RUN_STDIO_NULL, -1), 128 + 9);
}
END_TEST

/*
 * The program gets the path and nothing else: no descriptor, no variable, no ignored signal; but
 * 32 and 33, which are the C library's own and which its posix_spawn(3), make's, leaves ignored.
 */
START_TEST(clean)
{
	_free_ char *text = NULL;
	char path[256];
	int leaked = dup(2);
	_fd_ int out = open(in_folder("out", path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(leaked, 3);
	(void)signal(SIGPIPE, SIG_IGN);
	run_script("/usr/bin/env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=; ls /proc/$$/fd; "
		   "sed -n '/SigIgn/{s/018000/000000/;p}' /proc/$$/status; readlink /proc/$$/fd/0",
		   RUN_STDIO_FILE, out);
	(void)signal(SIGPIPE, SIG_DFL);
	close(leaked);
	text = get_file(path);
	ck_assert_str_eq(text,
			 "PATH=" RUN_PATH "\n0\n1\n2\nSigIgn:\t0000000000000000\n/dev/null\n");
}
END_TEST

START_TEST(not_run)
{
	struct firn_error err = { 0 };
	struct run_args a = { .n = 0 };

	run_arg(&a, "/nonesuch");
	ck_assert_int_eq(run_wait(&a, RUN_STDIO_NULL, -1, &err), -FIRN_ENOTFOUND);
	ck_assert_str_eq(err.msg, "run /nonesuch: No such file or directory");
	for (int i = 0; i < RUN_ARGS_MAX; i++)
		run_arg(&a, "x");
	ck_assert_int_eq(run_wait(&a, RUN_STDIO_NULL, -1, &err), -FIRN_EINVAL);
}
END_TEST

START_TEST(finding)
{
	struct firn_error err = { 0 };
	_free_ char *sh = NULL, *given = NULL, *none = NULL;

	ck_assert_int_eq(run_find("sh", &sh, &err), 1);
	ck_assert_int_eq(*sh, '/');
	ck_assert_int_eq(run_find("/bin/sh", &given, &err), 1);
	ck_assert_str_eq(given, "/bin/sh");
	ck_assert_int_eq(run_find("nonesuch-firn", &none, &err), 0);
	ck_assert_int_eq(run_find("/etc/passwd", &none, &err), 0);
	ck_assert_ptr_null(none);
}
END_TEST

START_TEST(missing_runtime)
{
	struct firn_error err = { 0 };
	struct runtime r = { 0 };

	ck_assert_int_eq(runtime_find("nonesuch-firn", true, &r, &err), -FIRN_EHOST);
	ck_assert_ptr_nonnull(strstr(err.msg, "nonesuch-firn isn't on this host: install it"));
	ck_assert_ptr_null(r.path);
}
END_TEST

/* A program that writes its arguments down stands for the runtimes. */
START_TEST(runtime_arguments)
{
	static const char *const more[] = { "--one", "two" };
	struct firn_restore_opts opts = { .size = sizeof(opts),
					  .flags = FIRN_RESTORE_TCP_ESTABLISHED |
						   FIRN_RESTORE_FILE_LOCKS,
					  .runtime_args = more,
					  .nruntime_args = 2 };
	char program[256], output[256], script[600], pid[256], log[256], bundle[256];
	struct slot slot = { .state = folder,
			     .lock = -1,
			     .bundle = (char *)in_folder("b", bundle),
			     .pid_file = (char *)in_folder("pid", pid),
			     .runtime_log = (char *)in_folder("log", log) };
	struct runtime runtime = { .path = (char *)in_folder("program", program),
				   .name = "runc",
				   .container = true };
	struct runtime_restore r = { .runtime = &runtime,
				     .slot = &slot,
				     .id = "c1",
				     .opts = &opts,
				     .console = "/console",
				     .output = -1 };
	struct firn_error err = { 0 };
	_free_ char *container = NULL, *process = NULL;
	char want[2048];

	in_folder("args", output);
	snprintf(script, sizeof(script),
		 "#!/bin/sh\n[ \"$1\" != state ] || exit 1\nprintf '%%s ' \"$@\" >%s\nexit 3\n",
		 output);
	ck_assert_int_eq(mkdir(in_folder("containers", bundle), 0700), 0);
	in_folder("b", bundle);
	put_file(program, script, 0700);
	put_file(pid, "1", 0600);
	ck_assert_int_eq(runtime_restore(&r, &err), 3);
	ck_assert_int_lt(access(pid, F_OK), 0);
	container = get_file(output);
	snprintf(want, sizeof(want),
		 "--log %s --log-format json restore --detach --bundle %s --image-path "
		 "%s/checkpoint --work-path %s/work --pid-file %s --console-socket /console "
		 "--tcp-established --file-locks --one two c1 ",
		 log, bundle, bundle, bundle, pid);
	ck_assert_str_eq(container, want);

	runtime.container = false;
	ck_assert_int_eq(runtime_restore(&r, &err), 3);
	process = get_file(output);
	snprintf(want, sizeof(want),
		 "restore --images-dir %s/checkpoint --work-dir %s/work --restore-detached -v4 "
		 "--log-file restore.log --pidfile %s --tcp-established --file-locks --one two ",
		 bundle, bundle, pid);
	ck_assert_str_eq(process, want);
	slot_release(&slot);
}
END_TEST

/* What a failed restore finds under its id: who may be deleted. */
static const struct owner_case {
	/* What the runtime says is @before, our own bundle and @after; NULL: it has no such one. */
	const char *before, *after;
	int want;
} owners[] = {
	{ NULL, NULL, 3 },
	{ "{\"id\": \"c1\", \"bundle\": \"", "\"}", 3 },
	{ "{\"id\": \"c1\", \"bundle\": \"", ".other\"}", -FIRN_EEXIST },
	{ "{\"id\": \"c1\", \"was\": \"", "\"}", -FIRN_EEXIST },
	{ "a warning\n{\"id\": \"c1\", \"bundle\": \"", "\"}", -FIRN_EEXIST },
};

START_TEST(owner_of_the_id)
{
	const struct owner_case *c = &owners[_i];
	struct firn_restore_opts opts = { .size = sizeof(opts) };
	struct slot one = { .lock = -1 }, other = { .lock = -1 };
	char program[256], answer[256], text[600], script[600];
	struct runtime runtime = { .path = (char *)in_folder("program", program),
				   .name = "runc",
				   .container = true };
	struct runtime_restore r = {
		.runtime = &runtime, .slot = &one, .id = "c1", .opts = &opts, .output = -1
	};
	struct firn_error err = { 0 };

	ck_ok(slot_claim(folder, NULL, &one, &err), err);
	ck_ok(slot_claim(folder, NULL, &other, &err), err);
	snprintf(script, sizeof(script), "#!/bin/sh\n[ \"$1\" != state ] || exec cat %s\nexit 3\n",
		 in_folder("answer", answer));
	put_file(program, script, 0700);
	if (c->before) {
		snprintf(text, sizeof(text), "%s%s%s", c->before, one.bundle, c->after);
		put_file(answer, text, 0600);
	}
	ck_assert_int_eq(runtime_restore(&r, &err), c->want);
	/* Nobody else takes the id before what the failure has left is deleted. */
	r.slot = &other;
	if (c->want == 3)
		ck_assert_int_eq(runtime_restore(&r, &err), -FIRN_EEXIST);
	slot_release(&one);
	(void)unlink(answer);
	ck_assert_int_eq(runtime_restore(&r, &err), 3);
	slot_remove(&one);
	slot_done(&one);
	slot_remove(&other);
	slot_done(&other);
	ck_assert_int_eq(rmdir(in_folder("containers", text)), 0);
}
END_TEST

static const struct name_case {
	const char *name;
	bool good;
} names[] = {
	{ "r1", true },   { "a.b_c+d-e", true }, { ".hidden", true }, { "...", true },
	{ "", false },    { ".", false },        { "..", false },     { "a/b", false },
	{ "-x", false },  { "a b", false },      { "a\n", false },    { "\xc3\xa4", false },
	{ "a:b", false },
};

START_TEST(slot_names)
{
	const struct name_case *n = &names[_i];
	struct firn_error err = { 0 };
	char long_name[SLOT_NAME_MAX + 2];

	ck_assert_int_eq(slot_check_name(n->name, &err), n->good ? 0 : -FIRN_EINVAL);
	memset(long_name, 'x', sizeof(long_name));
	long_name[SLOT_NAME_MAX + 1] = '\0';
	ck_assert_int_eq(slot_check_name(long_name, &err), -FIRN_EINVAL);
	ck_assert_int_eq(slot_check_name(long_name + 1, &err), 0);
}
END_TEST

START_TEST(slots)
{
	struct slot one = { .lock = -1 }, other = { .lock = -1 };
	struct firn_error err = { 0 };
	char path[256], key[256];

	ck_ok(slot_claim(folder, "c1", &one, &err), err);
	ck_assert(!one.stale);
	ck_assert_str_eq(one.folder, in_folder("containers/c1", path));
	ck_assert_int_eq(slot_claim(folder, "c1", &other, &err), -FIRN_EEXIST);
	ck_assert_ptr_null(other.folder);
	ck_ok(slot_claim(folder, "c2", &other, &err), err);
	slot_remove(&other);
	ck_assert_int_lt(access(in_folder("containers/c2", path), F_OK), 0);
	slot_done(&other);

	/* Its owner is gone and has left things behind, but no container: the pid is our own. */
	snprintf(path, sizeof(path), "%d", (int)getpid());
	put_file(one.pid_file, path, 0600);
	slot_done(&one);
	ck_ok(slot_claim(folder, "c1", &one, &err), err);
	ck_assert(one.stale);
	ck_assert_int_lt(access(one.pid_file, F_OK), 0);
	slot_remove(&one);
	slot_done(&one);

	/* The first key that is free, and free ones again. */
	ck_ok(slot_claim(folder, NULL, &one, &err), err);
	ck_ok(slot_claim(folder, NULL, &other, &err), err);
	ck_assert_str_eq(one.folder, in_folder("containers/restore-0", key));
	ck_assert_str_eq(other.folder, in_folder("containers/restore-1", key));
	slot_remove(&one);
	slot_done(&one);
	ck_ok(slot_claim(folder, NULL, &one, &err), err);
	ck_assert_str_eq(one.folder, in_folder("containers/restore-0", key));
	slot_remove(&one);
	slot_done(&one);
	slot_remove(&other);
	slot_done(&other);
	ck_assert_int_eq(rmdir(in_folder("containers", path)), 0);
}
END_TEST

static const struct reason_case {
	const char *criu, *runtime; /* NULL: no such log */
	const char *text, *best;
	int taken_pid;
} reasons[] = {
	{ NULL, NULL, "", NULL, 0 },
	{ NULL, "", "", "runtime.log", 0 },
	{ NULL,
	  "{\"level\":\"error\",\"msg\":\"one\"}\nnoise\n{\"level\":\"warning\",\"msg\":\"w\"}\n"
	  "{\"level\":\"fatal\",\"msg\":\"two\\nlines\"}",
	  "two lines", "runtime.log", 0 },
	{ "(00.1) Error (a.c:1): why\n", "{\"level\":\"error\",\"msg\":\"criu failed\"}\n", "why",
	  "restore.log", 0 },
	{ "(00.1) fine\n", "{\"level\":\"error\",\"msg\":\"other\"}\n", "other", "restore.log", 0 },
	{ "(00.1) Error (a.c:1): Can't fork for 41: File exists\n", NULL,
	  "Can't fork for 41: File exists", "restore.log", 41 },
};

START_TEST(reasons_of_failure)
{
	const struct reason_case *c = &reasons[_i];
	struct slot slot = { .lock = -1 };
	struct firn_error err = { 0 };
	_free_ char *kept = NULL;
	struct reason why;
	char path[256];

	ck_ok(slot_claim(folder, "c1", &slot, &err), err);
	ck_assert_int_eq(mkdir(slot.bundle, 0700), 0);
	ck_assert_int_eq(mkdir(in_folder("containers/c1/bundle/work", path), 0700), 0);
	if (c->criu)
		put_file(in_folder("containers/c1/bundle/work/restore.log", path), c->criu, 0600);
	if (c->runtime)
		put_file(slot.runtime_log, c->runtime, 0600);
	reason_read(&slot, &why);
	ck_assert_str_eq(why.text, c->text);
	ck_assert_int_eq(why.taken_pid, c->taken_pid);
	kept = reason_keep(&slot, "c1");
	if (c->best) {
		_free_ char *text = NULL;
		char relative[64];

		snprintf(relative, sizeof(relative), "logs/c1/%s", c->best);
		ck_assert_str_eq(kept, in_folder(relative, path));
		text = get_file(kept);
		ck_assert_str_eq(text, c->criu ? c->criu : c->runtime);
	} else {
		ck_assert_ptr_null(kept);
	}
	slot_done(&slot);
}
END_TEST

static void note_end(void *ctx)
{
	char path[256];

	put_file(in_folder("ended", path), ctx, 0600);
}

static bool appears(const char *path)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };

	for (int i = 0; i < 250; i++) {
		if (access(path, F_OK) == 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/*
 * It outlives its maker, reads what is written, and does its work at the end. A pipe stands for the
 * pidfd: both become readable at the end.
 */
START_TEST(watching)
{
	char path[256], ended[256], text[] = "done";
	struct firn_error err = { 0 };
	_free_ char *written = NULL;
	_fd_ int output = open(in_folder("output", path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int life[2], writes[2];
	pid_t maker;

	in_folder("ended", ended);
	ck_assert_int_eq(pipe2(life, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(writes, O_CLOEXEC), 0);
	maker = fork();
	if (maker == 0) {
		struct watch w = { .pidfd = life[0],
				   .lock = -1,
				   .writes = writes[0],
				   .output = output,
				   .lazy = -1,
				   .ended = note_end,
				   .ctx = text };

		_exit(watch_start(&w, &err) < 0);
	}
	ck_assert_int_eq(waitpid(maker, NULL, 0), maker);
	close(life[0]);
	close(writes[0]);
	ck_assert_int_eq(write(writes[1], "hello", 5), 5);
	close(writes[1]);
	ck_assert_int_lt(access(ended, F_OK), 0);
	close(life[1]);
	ck_assert(appears(ended));
	written = get_file(path);
	ck_assert_str_eq(written, "hello");
}
END_TEST

/* Stops at the question that it counts down to. */
static int stop_at(void *ctx)
{
	return --*(int *)ctx == 0;
}

/* Nothing of a restore that can't be is left. */
START_TEST(refused)
{
	const struct firn_mount_opts mount = { .size = sizeof(mount), .state = folder };
	struct firn_restore_opts opts = { .size = sizeof(opts), .mount = &mount };
	struct firn_restored *r = NULL;
	struct firn_error err = { 0 };
	char path[256];
	int questions = 1;

	ck_assert_int_eq(firn_restore("/nonesuch", "a/b", &opts, &r, &err), -FIRN_EINVAL);
	ck_assert_int_eq(firn_restore("/nonesuch", "c1", &opts, &r, &err), -FIRN_ENOTFOUND);
	ck_assert_msg(strncmp(err.msg, "restore: c1: ", 13) == 0, "%s", err.msg);
	opts.runtime = "nonesuch-firn";
	ck_assert_int_eq(firn_restore("/nonesuch", "c1", &opts, &r, &err), -FIRN_EHOST);
	opts.stop = stop_at;
	opts.stop_ctx = &questions;
	ck_assert_int_eq(firn_restore("/nonesuch", "c1", &opts, &r, &err), -FIRN_EFAIL);
	ck_assert_str_eq(err.msg, "restore: c1: interrupted");
	ck_assert_ptr_null(r);
	ck_assert_int_lt(access(in_folder("containers/c1", path), F_OK), 0);
	ck_assert_ptr_null(firn_restored_free(NULL));
}
END_TEST

static _Noreturn void linger(int alive)
{
	(void)!write(alive, "x", 1);
	for (;;)
		pause();
}

/* Also those that have sessions of their own; each holds the pipe's end open. */
START_TEST(killing)
{
	int alive[2], status;
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(alive), 0);
	pid = fork();
	if (pid == 0) {
		close(alive[0]);
		for (int i = 0; i < 3; i++) {
			if (fork() != 0)
				continue;
			if (i & 1)
				(void)setsid();
			(void)fork();
			linger(alive[1]);
		}
		linger(alive[1]);
	}
	close(alive[1]);
	for (int i = 0; i < 7; i++)
		ck_assert_int_eq(read(alive[0], &byte, 1), 1);
	kill_tree(pid);
	ck_assert_int_eq(read(alive[0], &byte, 1), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(alive[0]);
}
END_TEST

START_TEST(refused_all)
{
	const char *const bases[] = { "x=y" };
	const struct firn_mount_opts mount = {
		.size = sizeof(mount), .state = folder, .bases = bases, .nbases = 1
	};
	struct firn_restore_opts opts = { .size = sizeof(opts), .mount = &mount };
	struct firn_restores *r = NULL;
	struct firn_error err = { 0 };

	ck_assert_int_eq(firn_restore_all("/nonesuch", &opts, &r, &err), -FIRN_ENOTFOUND);
	opts.flags = FIRN_RESTORE_KEEP_GOING;
	ck_assert_int_eq(firn_restore_all("/nonesuch", &opts, &r, &err), -FIRN_ENOTFOUND);
	ck_assert_msg(strncmp(err.msg, "restore: /nonesuch: ", 20) == 0, "%s", err.msg);
	ck_assert_ptr_null(r);
	ck_assert_ptr_null(firn_restores_free(NULL));
	ck_assert_ptr_null(firn_mounts_free(NULL));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("restore");
	TCase *t = tcase_create("restore");

	tcase_add_checked_fixture(t, make_folder, remove_folder);
	tcase_add_test(t, statuses);
	tcase_add_test(t, clean);
	tcase_add_test(t, not_run);
	tcase_add_test(t, finding);
	tcase_add_test(t, missing_runtime);
	tcase_add_test(t, runtime_arguments);
	tcase_add_loop_test(t, owner_of_the_id, 0, (int)ARRAY_SIZE(owners));
	tcase_add_loop_test(t, slot_names, 0, (int)ARRAY_SIZE(names));
	tcase_add_test(t, slots);
	tcase_add_loop_test(t, reasons_of_failure, 0, (int)ARRAY_SIZE(reasons));
	tcase_add_test(t, watching);
	tcase_add_test(t, refused);
	tcase_add_test(t, refused_all);
	tcase_add_test(t, killing);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)

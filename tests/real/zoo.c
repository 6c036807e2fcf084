/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process with what its arguments name: things that CRIU keeps in images of their own. It makes
 * the file "ready" in its folder when all is there, and then does nothing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1 << 20)

static void need(int ok)
{
	if (!ok)
		_exit(1);
}

static void idle(void)
{
	for (;;)
		pause();
}

static void *thread(void *arg)
{
	idle();
	return arg;
}

static void threads(void)
{
	pthread_t t;

	need(pthread_create(&t, NULL, thread, NULL) == 0);
	need(pthread_create(&t, NULL, thread, NULL) == 0);
}

static void child(void)
{
	if (fork() == 0)
		idle();
}

static void shared(void)
{
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED);
	memset(p, 7, 300000);
	child();
}

static void memfd(void)
{
	int fd = memfd_create("zoo", 0);
	char *p;

	need(ftruncate(fd, MIB) == 0);
	p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(p != MAP_FAILED);
	p[5000] = 3;
	need(memfd_create("empty", 0) >= 0);
}

static void zombie(void)
{
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		_exit(3);
	need(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
}

static void stopped(void)
{
	pid_t pid = fork();

	if (pid == 0)
		idle();
	need(kill(pid, SIGSTOP) == 0);
}

/* One that is sparse, and one that isn't. */
static void deleted(void)
{
	int fd = open("sparse", O_RDWR | O_CREAT, 0600);

	need(pwrite(fd, "far", 3, MIB) == 3 && unlink("sparse") == 0);
	fd = open("plain", O_RDWR | O_CREAT, 0600);
	need(write(fd, "near", 4) == 4 && unlink("plain") == 0);
}

static void pipes(void)
{
	int p[2], fd;

	need(pipe(p) == 0 && write(p[1], "in the pipe", 11) == 11);
	need(mkfifo("fifo", 0600) == 0);
	fd = open("fifo", O_RDWR);
	need(write(fd, "in the fifo", 11) == 11);
}

static void sockets(void)
{
	int s[2];

	need(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
	need(write(s[0], "first", 5) == 5 && write(s[0], "second", 6) == 6);
}

static void events(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int poll = epoll_create1(0), fd = eventfd(5, 0);
	sigset_t set;

	need(epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	need(signalfd(-1, &set, 0) >= 0 && timerfd_create(CLOCK_MONOTONIC, 0) >= 0);
	fd = inotify_init1(0);
	need(inotify_add_watch(fd, ".", IN_CREATE) >= 0);
}

static void terminal(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	need(fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0);
	need(open(ptsname(fd), O_RDWR | O_NOCTTY) >= 0);
}

static void system_v(void)
{
	struct {
		long type;
		char text[16];
	} message = { 1, "message" };
	int id = shmget(IPC_PRIVATE, 1000000, 0600 | IPC_CREAT);
	char *p = shmat(id, NULL, 0);

	need(p != (char *)-1);
	p[9] = 1;
	id = msgget(IPC_PRIVATE, 0600 | IPC_CREAT);
	need(msgsnd(id, &message, 13, 0) == 0 && msgsnd(id, &message, 8, 0) == 0);
	need(semget(IPC_PRIVATE, 3, 0600 | IPC_CREAT) >= 0);
}

/* A child that shares this process' table of descriptors. */
static void one_table(void)
{
	if (syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0) == 0)
		idle();
}

static const struct {
	const char *name;
	void (*make)(void);
} things[] = {
	{ "threads", threads },   { "shared", shared },     { "memfd", memfd },
	{ "zombie", zombie },     { "stopped", stopped },   { "deleted", deleted },
	{ "pipes", pipes },       { "sockets", sockets },   { "events", events },
	{ "terminal", terminal }, { "system-v", system_v }, { "one-table", one_table },
};

int main(int argc, char **argv)
{
	setsid();
	for (int fd = 0; fd < 1024; fd++)
		close(fd);
	need(open("/dev/null", O_RDWR) == 0 && dup(0) == 1 && dup(0) == 2);
	for (int i = 1; i < argc; i++)
		for (size_t k = 0; k < sizeof(things) / sizeof(*things); k++)
			if (strcmp(things[k].name, argv[i]) == 0)
				things[k].make();
	close(open("ready", O_CREAT | O_WRONLY, 0600));
	idle();
}

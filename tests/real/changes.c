/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process and its child that change by known numbers when they are told to: ./step1 appears once
 * the first state is there, ./step2 once the signal USR1 has led to the second. Of 1000 private
 * pages 37 are written, 1 becomes zero by being written, 3 are unmapped, and 11 are touched that
 * weren't; of 64 shared ones 5 are written. A file is opened, a socket closed, a third one goes on.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PAGE 4096u

static char *map(size_t pages, int how)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, how | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(1);
	return p;
}

/* No page is like another one. */
static void fill(char *p, size_t from, size_t to, unsigned salt)
{
	for (size_t i = from; i < to; i++)
		for (size_t k = 0; k < PAGE; k += sizeof(unsigned))
			memcpy(p + i * PAGE + k, &(unsigned){ (unsigned)(salt + i * PAGE + k) },
			       sizeof(unsigned));
}

static int listen_at(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 1) < 0)
		exit(1);
	return fd;
}

static void reached(const char *name, const char *own)
{
	FILE *f = fopen(own, "w");

	fprintf(f, "%d\n", (int)getpid());
	fclose(f);
	rename(own, name);
}

int main(void)
{
	char *own = map(1000, MAP_PRIVATE), *fresh = map(100, MAP_PRIVATE);
	char *shared = map(64, MAP_SHARED);
	int stays, goes, file;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fill(own, 0, 1000, 1);
	fill(shared, 0, 64, 2);
	stays = listen_at("stays.sock");
	goes = listen_at("goes.sock");
	file = open("file", O_RDWR | O_CREAT, 0600);
	if (stays < 0 || file < 0 || write(file, "0123456789", 10) != 10)
		return 1;
	if (fork() == 0)
		for (;;)
			pause();
	reached("step1", "step1.tmp");
	sigwait(&set, &sig);
	fill(own, 100, 137, 3);
	memset(own + 500 * PAGE, 0, PAGE);
	munmap(own + 997 * PAGE, 3 * PAGE);
	fill(fresh, 20, 31, 4);
	fill(shared, 10, 15, 5);
	close(goes);
	if (lseek(file, 4, SEEK_SET) != 4 || open("new", O_RDWR | O_CREAT, 0600) < 0)
		return 1;
	reached("step2", "step2.tmp");
	for (;;)
		pause();
}

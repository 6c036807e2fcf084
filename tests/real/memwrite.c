/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process whose memory proves itself while it changes: each page of MIB mebibytes holds what
 * comes of its number and of how often it was written. In every round it writes some of them anew,
 * then looks at all, and appends the round's number to ./state; a wrong page writes "bad" there and
 * ends it. ./pid holds its pid.
 *
 * memwrite MIB
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE  4096u
#define WORDS (PAGE / sizeof(uint64_t))
#define EVERY 37u /* pages between two that are written in one round */

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

static uint64_t word(size_t page, uint64_t version, size_t i)
{
	return mix(page << 40 ^ version << 10 ^ i);
}

static void write_page(uint64_t *words, size_t page, uint64_t version)
{
	for (size_t i = 0; i < WORDS; i++)
		words[page * WORDS + i] = word(page, version, i);
}

static int is_right(const uint64_t *words, size_t page, uint64_t version)
{
	for (size_t i = 0; i < WORDS; i++)
		if (words[page * WORDS + i] != word(page, version, i))
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	const size_t pages = argc == 2 ? strtoul(argv[1], NULL, 10) << 8 : 0;
	uint64_t *words, *versions = calloc(pages + 1, sizeof *versions);
	FILE *pid;
	int fd;

	words =
	    mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd = open("state", O_WRONLY | O_CREAT | O_APPEND, 0600);
	pid = fopen("pid", "w");
	if (words == MAP_FAILED || !versions || fd < 0 || !pid) {
		perror("memwrite");
		return 1;
	}
	fprintf(pid, "%d\n", (int)getpid());
	fclose(pid);
	for (size_t p = 0; p < pages; p++)
		write_page(words, p, 0);
	for (unsigned round = 0;; round++) {
		for (size_t p = round % EVERY; p < pages; p += EVERY)
			write_page(words, p, ++versions[p]);
		for (size_t p = 0; p < pages; p++)
			if (!is_right(words, p, versions[p])) {
				dprintf(fd, "bad page %zu in round %u\n", p, round);
				return 1;
			}
		dprintf(fd, "%u\n", round);
		usleep(100000);
	}
}

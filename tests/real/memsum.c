/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process whose memory proves itself: it fills MIB mebibytes with numbers that don't compress,
 * then sums them over and over. After every round that gave the first round's sum it appends the
 * round's number to ./state, which stays open; a wrong sum writes "bad" there and ends it. ./pid
 * holds its pid.
 *
 * memsum MIB [EVERY [heap]]: with EVERY, only each so many rounds sum, the others are short and
 * touch little. With "heap" the numbers are those of a heap, and compress: zeros, small ones,
 * addresses, and what was there shortly before.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static uint64_t heap_word(const uint64_t *words, size_t i, uint64_t *s)
{
	const uint64_t r = next(s);

	switch (r >> 62) {
	case 0:
		return 0;
	case 1:
		return r & 0xff;
	case 2:
		return 0x7f0000000000 | (r & 0x3fffff0);
	default:
		return i < 256 ? 0 : words[i - (r & 0xff)];
	}
}

static uint64_t sum(const uint64_t *words, size_t n)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < n; i++)
		h = (h ^ words[i]) * 0x100000001b3;
	return h;
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) << 17 : 0;
	unsigned every = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
	const int heap = argc > 3 && strcmp(argv[3], "heap") == 0;
	uint64_t seed = 0x9e3779b97f4a7c15, want, *words;
	FILE *pid;
	int fd;

	words = mmap(NULL, n * sizeof *words, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	fd = open("state", O_WRONLY | O_CREAT | O_APPEND, 0600);
	pid = fopen("pid", "w");
	if (words == MAP_FAILED || fd < 0 || !pid) {
		perror("memsum");
		return 1;
	}
	fprintf(pid, "%d\n", (int)getpid());
	fclose(pid);
	for (size_t i = 0; i < n; i++)
		words[i] = heap ? heap_word(words, i, &seed) : next(&seed);
	want = sum(words, n);
	for (unsigned round = 0;; round++) {
		if (round % every == 0 && sum(words, n) != want) {
			dprintf(fd, "bad in round %u\n", round);
			return 1;
		}
		dprintf(fd, "%u\n", round);
		usleep(every == 1 ? 100000 : 10000);
	}
}

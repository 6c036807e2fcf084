/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a fuzz target over the files it is given, for compilers without libFuzzer and for make
 * check. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = NULL;
	struct stat st;
	size_t got;

	if (!f || fstat(fileno(f), &st) < 0 || !(bytes = malloc((size_t)st.st_size + 1))) {
		perror(path);
		if (f)
			fclose(f);
		return -1;
	}
	got = fread(bytes, 1, (size_t)st.st_size, f);
	fclose(f);
	LLVMFuzzerTestOneInput(bytes, got);
	free(bytes);
	return 0;
}

static int replay_folder(const char *folder, int *count)
{
	struct dirent **names;
	int n = scandir(folder, &names, NULL, alphasort), rc = 0;

	if (n < 0) {
		perror(folder);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		if (names[i]->d_name[0] != '.') {
			rc |= replay_file(path);
			++*count;
		}
		free(names[i]);
	}
	free(names);
	return rc;
}

int main(int argc, char **argv)
{
	int count = 0, rc = 0;

	for (int i = 1; i < argc; i++)
		rc |= replay_folder(argv[i], &count);
	printf("%d inputs\n", count);
	return rc || count == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

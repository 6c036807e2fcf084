/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A layout, a docker-archive or a checkpoint in a file, by the public call. */
#include "base/error.h"

#include "firn/verify.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every finding has all its words. */
static void look(const struct firn_verification *v)
{
	const struct firn_value *f = firn_value_first(firn_verification_value(v));

	for (; f; f = firn_value_next(f))
		if (!firn_value_text(firn_value_get(f, "level")) ||
		    !firn_value_text(firn_value_get(f, "place")) ||
		    !firn_value_text(firn_value_get(f, "code")) ||
		    !firn_value_text(firn_value_get(f, "text")))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct firn_verify_opts deep = { .size = sizeof(deep), .flags = FIRN_VERIFY_DEEP };
	const int fd = memfd_create("input", MFD_CLOEXEC);
	struct firn_verification *v = NULL;
	struct firn_error err;
	char path[64];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (firn_verify(path, &deep, &v, &err) == 0)
		look(v);
	else if (!err.code || !err.msg[0])
		abort();
	firn_verification_free(v);
	close(fd);
	return 0;
}

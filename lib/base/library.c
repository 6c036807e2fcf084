/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

int library_load(const char *file, const char *const *names, size_t n, void *table,
		 struct firn_error *err)
{
	void *lib = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (!lib)
		return firn_fail(err, FIRN_EUNSUPP, "this needs a library: %s", dlerror());
	for (size_t i = 0; i < n; i++) {
		void *found = dlsym(lib, names[i]);

		if (!found)
			return firn_fail(err, FIRN_EUNSUPP, "%s has no %s", file, names[i]);
		/* POSIX (dlsym): pointers to functions and to objects look the same. */
		memcpy((char *)table + i * sizeof(found), &found, sizeof(found));
	}
	return 0;
}

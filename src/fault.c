/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In a test build alone (configure --enable-fault): what $FIRN_FAULT says goes to the library
 * before main() begins, so that no other file of the tool knows of it.
 */
#include "base/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void fault_from_environment(void)
{
	struct firn_error err;

	if (fault_set(getenv("FIRN_FAULT"), &err) == 0)
		return;
	fprintf(stderr, "firn: FIRN_FAULT: %s\n", err.msg);
	_exit(2);
}

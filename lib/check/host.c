/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/host.h"

const struct check check_host[] = {
	{ "architecture", check_architecture },
	{ NULL, NULL },
};

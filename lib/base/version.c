/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "firn/version.h"

#include <config.h>

const char *firn_version(void)
{
	return PACKAGE_VERSION;
}

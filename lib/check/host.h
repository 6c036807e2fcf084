/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The checks of this host, one for each line of check_host[]. */
#ifndef FIRN_CHECK_HOST_H
#define FIRN_CHECK_HOST_H

#include "check/check.h"

check_fn check_architecture;

#endif

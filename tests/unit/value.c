/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"
UNIT_MAIN(NULL)

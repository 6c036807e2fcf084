/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this host has, for spec_opts.host. */
#ifndef FIRN_NODE_HOST_H
#define FIRN_NODE_HOST_H

#include "format/spec.h"

/* enum spec_host bits. What can't be read isn't there. */
unsigned host_facts(void);

#endif

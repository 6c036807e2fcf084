/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this host has, for spec_rewrite(). */
#ifndef FIRN_NODE_HOST_H
#define FIRN_NODE_HOST_H

#include "format/spec.h"

/* enum spec_host bits. What can't be read isn't there. */
unsigned host_facts(void);

/* For spec_opts.criu_conf: the text of /etc/criu/runc.conf, which runc and crun would use; NULL
 * when there is none. Caller frees. */
char *host_criu_conf(void);

/* For spec_opts.volume: the real path, or a sentence that says how to redirect it. */
int host_volume(void *ctx, const char *source, const char *destination, char **ret,
		struct firn_error *err) _must_check_;

#endif

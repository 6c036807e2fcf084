/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * firn_verify() in pieces. Each reads its part of the input, hostile or broken as it may be, adds
 * what it finds to the findings and goes on. A failure is one of the system alone. For lib/verify
 * alone.
 */
#ifndef FIRN_VERIFY_VERIFY_H
#define FIRN_VERIFY_VERIFY_H

#include "members/members.h"
#include "verify/findings.h"

enum verify_flags {
	VERIFY_DEEP = 1 << 0, /* read all content through, what is compressed and large too */
};

/* In an image of firn's: config.dump turned back is the engine's own, by its digest. */
int verify_config(struct members *m, struct findings *f, struct firn_error *err) _must_check_;

/* CRIU's images and the engine's documents of one container. Places are names of members. */
int verify_set(struct members *m, struct findings *f, unsigned flags,
	       struct firn_error *err) _must_check_;

#endif

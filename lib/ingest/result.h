/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a build tells its caller; all of it is copied. */
#ifndef FIRN_INGEST_RESULT_H
#define FIRN_INGEST_RESULT_H

#include "ingest/batch.h"

#include "firn/build.h"

int result_of(const struct batch *b, struct firn_build_result **ret,
	      struct firn_error *err) _must_check_;
void result_freep(struct firn_build_result **r);

#endif

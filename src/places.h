/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where an ordinary user's own things lie, by the XDG Base Directory Specification. */
#ifndef FIRN_SRC_PLACES_H
#define FIRN_SRC_PLACES_H

#include "command.h"

/*
 * Set app->state and app->cache where the caller gave no other: for root they stay NULL, which is
 * the library's default, for others they are $XDG_RUNTIME_DIR/firn (/tmp/firn-UID without it) and
 * $XDG_CACHE_HOME/firn (~/.cache/firn).
 */
void places_fill(struct app *app);

#endif

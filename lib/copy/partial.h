/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Large blobs on their way from a registry. What has come lies in the destination under a name of
 * its own, ".firn-partial/ALG-HEX", and the next try goes on behind it, in another process as well.
 * It gets the blob's name when its digest is proven, from the first byte on.
 *
 * firn gc removes what is left there for longer than its grace (store/sweep.h); other tools have no
 * business with such a folder in a layout or a dir: image.
 */
#ifndef FIRN_COPY_PARTIAL_H
#define FIRN_COPY_PARTIAL_H

#include "copy/plan.h"

/*
 * The blob @i of @f as the file HEX in the folder @to below @dirfd. 1 and nothing done when another
 * process fetches it into the same place. @seal: as by STORE_SEAL, but after it has its name: one
 * that isn't finished must stay a file to be written to.
 */
int partial_fetch(struct from *f, const struct item *i, int dirfd, const char *to, bool seal,
		  const struct store_watch *watch, struct firn_error *err) _must_check_;
/* The folder goes if there is nothing in it. */
void partial_end(int dirfd);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the memory that a pagemap lists is there. A pagemap-*.img names its pages-N.img, which
 * has the pages of its entries one behind the other; CRIU reads at the offsets that come of that
 * and tries for ever where the file has ended.
 */
#ifndef FIRN_FORMAT_CRIU_PAGES_H
#define FIRN_FORMAT_CRIU_PAGES_H

#include "format/criu.h"

/* Whether an image of this name is a pagemap. */
bool criu_is_pagemap(const char *name);

/*
 * The pages file of the pagemap @name is as long as it must be. @page_bytes: of a page where it is
 * restored. 0 also when a newer CRIU stores pages in ways that this module doesn't know;
 * -FIRN_ECORRUPT for a file that is too short or missing, and for a broken pagemap.
 */
int criu_pages_check(struct criu_images *images, const char *name, uint64_t page_bytes,
		     struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the memory that a pagemap lists is there. A pagemap-*.img names its pages-N.img, which
 * has the pages of its entries one behind the other; CRIU reads at the offsets that come of that
 * and tries for ever where the file has ended. Pages that didn't change since the dump before are
 * in that dump, under the pagemap of the same name, or in one before it.
 *
 * Pages may be compressed (CRIU's --compress, after 4.2): then an entry says how many bytes it has
 * in the file, once as members of its own and once in a message "blocks" (images/pagemap.proto).
 */
#ifndef FIRN_FORMAT_CRIU_PAGES_H
#define FIRN_FORMAT_CRIU_PAGES_H

#include "format/criu.h"

/* A dump of a chain. */
struct criu_dump {
	struct criu_images *images;
	const char *folder; /* its name in sentences: "checkpoint" */
};

/*
 * The pages files of the pagemap @name are as long as they must be. @dumps: the newest first.
 * @page_bytes: of a page where it is restored. 0 also when a newer CRIU stores pages in ways that
 * this module doesn't know; -FIRN_ECORRUPT for a file that is too short or missing, and for a
 * broken pagemap.
 */
int criu_pages_check(const struct criu_dump *dumps, size_t n, const char *name, uint64_t page_bytes,
		     struct firn_error *err) _must_check_;

/*
 * The same for the pagemap of every process of the newest dump's pstree.img. Podman dumps a
 * container that runs on into the same folder again and again: pagemaps of processes that have
 * ended since lie about there and fit no pages file any more, and CRIU doesn't look at them either.
 */
int criu_pages_check_all(const struct criu_dump *dumps, size_t n, uint64_t page_bytes,
			 struct firn_error *err) _must_check_;

/*
 * Whether the first range of the pagemap @name counts its pages as CRIU 4.2 and later do, which
 * earlier ones can't read. 1, or 0 when there is no such image or nothing in it.
 */
int criu_pages_wide(struct criu_images *images, const char *name, bool *ret,
		    struct firn_error *err) _must_check_;

#endif

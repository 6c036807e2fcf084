/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a filesystem delta holds, in numbers: rootfs-diff.tar of an archive or the delta layer of an
 * image, read header by header. Compressed ones have to be unpacked for it.
 */
#ifndef FIRN_MEMBERS_TALLY_H
#define FIRN_MEMBERS_TALLY_H

#include "bytes/stream.h"
#include "format/tree.h"

#include <stdbool.h>

#define TALLY_LARGEST 10 /* files that are told by name */

struct tally_file {
	char *path;
	uint64_t size;
};

struct tally {
	bool counted;
	uint64_t files, folders, links, others;   /* added or modified; hard links are links */
	uint64_t deleted;                         /* whiteouts */
	uint64_t opaque;                          /* folders that hide what was below */
	uint64_t bytes;                           /* of the files */
	struct tally_file largest[TALLY_LARGEST]; /* the largest first */
	size_t nlargest;
};

void tally_done(struct tally *t);

/*
 * @whiteouts: names that begin with ".wh." are deletions (OCI layers, containerd's archives) and
 * not files (Podman's and CRI-O's archives).
 */
int tally_source(struct source *src, bool whiteouts, struct tally *ret,
		 struct firn_error *err) _must_check_;
/* The same of a tree that was read of a layer's index; with the whiteouts. */
int tally_tree(const struct tree *tree, struct tally *ret, struct firn_error *err) _must_check_;
int tally_stream(struct istream *in, bool whiteouts, struct tally *ret,
		 struct firn_error *err) _must_check_;

#endif

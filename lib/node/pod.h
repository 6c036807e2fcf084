/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An image of several containers, and how each of them is mounted. */
#ifndef FIRN_NODE_POD_H
#define FIRN_NODE_POD_H

#include "node/content.h"
#include "node/networks.h"

struct pod_image {
	struct content_list list;    /* .names.n 0: it is one container's */
	struct firn_mount_opts opts; /* complete; strings are borrowed */
	/* Of the member that was asked for last: its name goes before its warnings. */
	const char *name;
	char *upper;
	struct firn_report report;
	struct networks networks; /* of those that are mounted already */
};

/* Look at @image; with a container in the options it is that one's. */
int pod_open(const char *image, const struct firn_mount_opts *given, struct pod_image *ret,
	     struct firn_error *err) _must_check_;
void pod_close(struct pod_image *p);

/* Options for the @i-th container: good until the next call. */
int pod_member(struct pod_image *p, size_t i, struct firn_mount_opts *ret,
	       struct firn_error *err) _must_check_;

#endif

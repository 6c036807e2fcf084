/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an image would weigh that has all of B which A doesn't have: pages, files and images start
 * at multiples of 4096 in a layer. An estimate: tar headers and EROFS metadata aren't counted.
 */
#ifndef FIRN_DIFF_WEIGHT_H
#define FIRN_DIFF_WEIGHT_H

#include "members/members.h"

/* @bytes as a layer has them. */
uint64_t weigh_file(uint64_t bytes);
/* All of CRIU's images and the documents that aren't memory. */
uint64_t weigh_images(const struct members *m);
/* The memory: bytes of all pages files. */
uint64_t weigh_pages(const struct members *m);

#endif

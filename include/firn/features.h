/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file What this host can do for firn, found by trying. */
#ifndef FIRN_FEATURES_H
#define FIRN_FEATURES_H

#include <firn/error.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the kernel, and the file system of one folder, can do; and what comes of it. */
struct firn_features;

/**
 * Try everything. Nothing stays behind, and nothing is seen by others.
 *
 * @param dir  a folder that files can be made in: where blobs lie or will lie; NULL: the current
 * one
 * @param ret  to be freed with firn_features_free()
 * @return 0, -FIRN_ENOTFOUND, -FIRN_EFAIL
 */
FIRN_EXPORT int firn_features(const char *dir, struct firn_features **ret, struct firn_error *err);
/** @return NULL, always */
FIRN_EXPORT struct firn_features *firn_features_free(struct firn_features *f);

/** @return how many features were looked for */
FIRN_EXPORT size_t firn_features_count(const struct firn_features *f);
/** @return the name of the @p i -th, as "erofs-file"; static */
FIRN_EXPORT const char *firn_features_name(const struct firn_features *f, size_t i);
/** @return "yes", "no", or "unknown" when the caller may not try it; static */
FIRN_EXPORT const char *firn_features_state(const struct firn_features *f, size_t i);
/** @return why not, NULL for "yes"; borrowed */
FIRN_EXPORT const char *firn_features_reason(const struct firn_features *f, size_t i);

/** @return how many kinds of layers there are */
FIRN_EXPORT size_t firn_features_layers(const struct firn_features *f);
/** @return the name of the @p i -th kind, as "mountable-zstd"; static */
FIRN_EXPORT const char *firn_features_layer(const struct firn_features *f, size_t i);
/**
 * @return by which road a layer of that kind is mounted, as firn_mounted_method() calls it, or
 * "none"; static
 */
FIRN_EXPORT const char *firn_features_road(const struct firn_features *f, size_t i);
/** @return whether a layer of that kind is decompressed into the cache first */
FIRN_EXPORT int firn_features_unpacks(const struct firn_features *f, size_t i);

#ifdef __cplusplus
}
#endif

#endif

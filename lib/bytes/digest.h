/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Content digests as OCI spells them: "sha256:<64 hex>" or "sha512:<128 hex>" (image-spec
 * descriptor.md, "Digests"). Lower-case hex only. The one home of libcrypto.
 */
#ifndef FIRN_BYTES_DIGEST_H
#define FIRN_BYTES_DIGEST_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum digest_alg { DIGEST_SHA256 = 1, DIGEST_SHA512 = 2 };

#define DIGEST_BYTES_MAX 64
#define DIGEST_TEXT_MAX  (7 + 2 * DIGEST_BYTES_MAX + 1)

struct digest {
	enum digest_alg alg; /* 0: no digest */
	uint8_t bytes[DIGEST_BYTES_MAX];
};

size_t digest_size(enum digest_alg alg);
const char *digest_alg_name(enum digest_alg alg);
/* Anything else is -FIRN_EINVAL; who read @text from a document turns that into -FIRN_ECORRUPT. */
int digest_parse(struct digest *ret, const char *text, struct firn_error *err) _must_check_;
/* "sha256:..." into @ret. Returns @ret. */
const char *digest_text(const struct digest *d, char ret[DIGEST_TEXT_MAX]);
/* The hex part alone, as the name of the blob's file. Returns @ret. */
const char *digest_hex(const struct digest *d, char ret[DIGEST_TEXT_MAX]);
bool digest_equal(const struct digest *a, const struct digest *b);
/* An order, as qsort() and tsearch() want it: <0, 0, >0. */
int digest_compare(const struct digest *a, const struct digest *b);

struct hasher;

int hasher_new(enum digest_alg alg, struct hasher **ret, struct firn_error *err) _must_check_;
struct hasher *hasher_free(struct hasher *h);
void hasher_freep(struct hasher **h);
int hasher_update(struct hasher *h, const void *bytes, size_t n,
		  struct firn_error *err) _must_check_;
/* Ends the computation; only hasher_free() may follow. */
int hasher_final(struct hasher *h, struct digest *ret, struct firn_error *err) _must_check_;

/* sha256 of bytes in memory. */
int digest_of(const void *bytes, size_t n, struct digest *ret, struct firn_error *err) _must_check_;

#endif

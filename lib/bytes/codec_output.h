/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The compressors behind codec_writer(). For lib/bytes/codec*.c only. */
#ifndef FIRN_BYTES_CODEC_OUTPUT_H
#define FIRN_BYTES_CODEC_OUTPUT_H

#include "bytes/sink.h"

#define CODEC_OUTPUT_BYTES 65536 /* compressed bytes are passed on in pieces of this size */

int codec_gzip_writer(struct sink *out, struct sink **ret, struct firn_error *err) _must_check_;
int codec_zstd_writer(struct sink *out, struct sink **ret, struct firn_error *err) _must_check_;

#endif

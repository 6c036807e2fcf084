/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the decoders share: a buffer in front of the compressed stream. For lib/bytes/codec*.c only.
 */
#ifndef FIRN_BYTES_CODEC_INPUT_H
#define FIRN_BYTES_CODEC_INPUT_H

#include "bytes/stream.h"

#include <stdbool.h>

#define CODEC_INPUT_BYTES 65536

struct codec_input {
	struct istream *in; /* owned by the decoder */
	size_t at, len;     /* bytes[at..len) are not consumed yet */
	bool eof;           /* nothing comes after them */
	uint8_t bytes[CODEC_INPUT_BYTES];
};

/* Have at least @want bytes (CODEC_INPUT_BYTES at most) in the buffer, fewer at the end only. */
int codec_input_fill(struct codec_input *ci, size_t want, struct firn_error *err) _must_check_;

/* The decoders behind codec_reader(); they take @in on success only. */
int codec_gzip_reader(struct istream *in, struct istream **ret,
		      struct firn_error *err) _must_check_;
int codec_zstd_reader(struct istream *in, struct istream **ret,
		      struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gzip and zstd readers: the same bytes and the same end, however large the pieces that are asked
 * for, and never more than the limit.
 */
#include "bytes/codec.h"

#include "base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUTPUT_MAX (1u << 20)

static int unpack(enum codec c, const uint8_t *data, size_t size, size_t step, struct digest *ret)
{
	_cleanup_(istream_closep) struct istream *mem = NULL, *in = NULL;
	_cleanup_(hasher_freep) struct hasher *h = NULL;
	static uint8_t piece[65536];
	uint64_t total = 0;
	ssize_t got;

	if (hasher_new(DIGEST_SHA256, &h, NULL) < 0 || istream_from_mem(data, size, &mem, NULL) < 0)
		return 0;
	if (codec_reader(c, take_ptr(&mem), OUTPUT_MAX, &in, NULL) < 0)
		return 0;
	while ((got = istream_read(in, piece, step, NULL)) > 0) {
		total += (uint64_t)got;
		if ((size_t)got > step || total > OUTPUT_MAX ||
		    hasher_update(h, piece, (size_t)got, NULL) < 0)
			abort();
	}
	if (hasher_final(h, ret, NULL) < 0)
		abort();
	return (int)got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum codec both[] = { CODEC_GZIP, CODEC_ZSTD };

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct digest large, small;
		int rc = unpack(both[i], data, size, 65536, &large);

		if (rc == 0 && codec_detect(data, size) != both[i] && both[i] == CODEC_ZSTD)
			abort();
		/* broken and too large at once is one or the other */
		if ((unpack(both[i], data, size, 777, &small) < 0) != (rc < 0))
			abort();
		if (rc == 0 && !digest_equal(&large, &small))
			abort();
	}
	return 0;
}

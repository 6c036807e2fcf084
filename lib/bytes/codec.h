/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compressed streams. Readers wrap another stream; gzip members and zstd frames may follow each
 * other, and zstd's skippable frames are skipped (RFC 1952 section 2.2, RFC 8878 section 3.1.2).
 *
 * A reader reads its input to the very end: an input without any member or frame, one that stops
 * inside of one, a checksum that is wrong and bytes behind the last one that belong to none are all
 * -FIRN_ECORRUPT.
 */
#ifndef FIRN_BYTES_CODEC_H
#define FIRN_BYTES_CODEC_H

#include "bytes/sink.h"
#include "bytes/stream.h"

enum codec { CODEC_NONE, CODEC_GZIP, CODEC_ZSTD };

#define CODEC_DETECT_BYTES 4 /* bytes of a file's beginning that codec_detect() looks at */

/* What the first bytes of a file say; bzip2 and xz are not layer encodings and give CODEC_NONE. */
enum codec codec_detect(const void *head, size_t n);
const char *codec_name(enum codec c);

/*
 * A stream of the decompressed bytes of @in, which it takes (also on failure). Decompressing to
 * more than @max bytes is -FIRN_ELIMIT (0: no limit), a stream that ends in the middle
 * -FIRN_ECORRUPT. CODEC_NONE passes the bytes through.
 */
int codec_reader(enum codec c, struct istream *in, uint64_t max, struct istream **ret,
		 struct firn_error *err) _must_check_;

/*
 * A sink that compresses into borrowed @out: one gzip member, or one zstd frame with a checksum.
 * sink_finish() ends it, and leaves @out to its owner. The bytes depend on the library's version,
 * and on nothing else: no clock, no name, no number of processors. CODEC_NONE passes them through.
 */
int codec_writer(enum codec c, struct sink *out, struct sink **ret,
		 struct firn_error *err) _must_check_;

/*
 * How many decompressed bytes are believed of @packed compressed ones: no real layer or archive
 * expands more, and what does is made to fill a disk. Small ones may do as they like.
 */
uint64_t codec_believed(uint64_t packed);

/*
 * The decompressed bytes of @packed, which is taken (also on failure), as a source. They are
 * decompressed once to learn how many there are, and again up to where somebody reads: reading
 * forwards costs one more pass, each step back another one. @max as above; @want (may be NULL) is
 * what the digest of the decompressed bytes has to be.
 */
int codec_source(enum codec c, struct source *packed, uint64_t max, const struct digest *want,
		 struct source **ret, struct firn_error *err) _must_check_;

/* Memory that a zstd frame may ask for as its window; larger windows are refused. */
#define CODEC_ZSTD_WINDOW_LOG_MAX 23

#endif

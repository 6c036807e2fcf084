/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/fd.h"
#include "bytes/codec.h"
#include "bytes/codec_frame.h"
#include "bytes/codec_input.h"
#include "bytes/codec_output.h"

#include <zstd.h>
#include <zstd_errors.h>

struct zstd_stream {
	struct istream in;
	bool inside; /* of a frame: there must be more input */
	bool fresh;  /* only the frame's magic is to be decoded for now */
	bool any;    /* a frame was seen */
	uint64_t said,
	    made; /* bytes the frame's header announces (or UNKNOWN), and those it gave */
	ZSTD_DCtx *ctx;
	struct codec_input input;
};

static int zstd_corrupt(struct firn_error *err, const char *why)
{
	return firn_fail(err, FIRN_ECORRUPT, "zstd: %s", why);
}

#define HEADER_BYTES 18 /* RFC 8878 section 3.1.1: magic and the largest frame header */

/*
 * 1 when the next frame begins, 0 at the end of the input. The magic is looked at here because the
 * library may also know formats older than RFC 8878, whose memory it does not limit.
 */
static int zstd_begin(struct zstd_stream *z, struct firn_error *err)
{
	struct codec_input *ci = &z->input;
	int rc = codec_input_fill(ci, HEADER_BYTES, err);

	if (rc < 0)
		return rc;
	if (ci->len == ci->at)
		return z->any ? 0 : zstd_corrupt(err, "is empty");
	if (codec_detect(ci->bytes + ci->at, ci->len - ci->at) != CODEC_ZSTD)
		return zstd_corrupt(err, z->any ? "something else follows the last frame"
						: "bad magic number");
	z->said = ZSTD_getFrameContentSize(ci->bytes + ci->at, ci->len - ci->at);
	if (z->said == ZSTD_CONTENTSIZE_ERROR)
		return zstd_corrupt(err, "bad or cut frame header");
	z->made = 0;
	z->any = z->inside = z->fresh = true;
	return 1;
}

static int zstd_failed(size_t code, struct firn_error *err)
{
	switch (ZSTD_getErrorCode(code)) {
	case ZSTD_error_frameParameter_windowTooLarge:
		return firn_fail(err, FIRN_ELIMIT, "zstd: needs a window of more than %u MiB",
				 1u << (CODEC_ZSTD_WINDOW_LOG_MAX - 20));
	case ZSTD_error_memory_allocation:
		return firn_fail_oom(err, "zstd");
	default:
		return zstd_corrupt(err, ZSTD_getErrorName(code));
	}
}

/*
 * Given a whole frame and room for its content, the library decodes it by another way, which is
 * stricter (seen in 1.5.4: an empty compressed block, and the announced size if such a block is the
 * last). What is corrupt must not depend on the caller's buffer: the magic alone goes first, so
 * that way is never taken, and the size is checked here.
 */
static int zstd_step(struct zstd_stream *z, ZSTD_outBuffer *out, struct firn_error *err)
{
	struct codec_input *ci = &z->input;
	size_t was = out->pos, left;
	ZSTD_inBuffer in;
	int rc = codec_input_fill(ci, 1, err);

	if (rc < 0)
		return rc;
	in = (ZSTD_inBuffer){ ci->bytes, z->fresh ? ci->at + CODEC_DETECT_BYTES : ci->len, ci->at };
	left = ZSTD_decompressStream(z->ctx, out, &in);
	if (ZSTD_isError(left))
		return zstd_failed(left, err);
	if (in.pos == ci->at && out->pos == was && left != 0)
		return zstd_corrupt(err, "ends in the middle");
	ci->at = in.pos;
	z->fresh = false;
	z->inside = left != 0;
	z->made += out->pos - was;
	if (!z->inside && z->said != ZSTD_CONTENTSIZE_UNKNOWN && z->made != z->said)
		return zstd_corrupt(err, "a frame has not the size it announces");
	return 0;
}

static ssize_t zstd_read(struct istream *in, void *buf, size_t n, struct firn_error *err)
{
	struct zstd_stream *z = (struct zstd_stream *)in;
	ZSTD_outBuffer out = { buf, n, 0 };

	while (out.pos == 0) {
		int rc = z->inside ? 1 : zstd_begin(z, err);

		if (rc > 0)
			rc = zstd_step(z, &out, err);
		else if (rc == 0)
			return 0;
		if (rc < 0)
			return rc;
	}
	return (ssize_t)out.pos;
}

static void zstd_close(struct istream *in)
{
	struct zstd_stream *z = (struct zstd_stream *)in;

	ZSTD_freeDCtx(z->ctx);
	istream_close(z->input.in);
	free(z);
}

int codec_zstd_reader(struct istream *in, struct istream **ret, struct firn_error *err)
{
	static const struct istream_ops ops = { zstd_read, zstd_close };
	_free_ struct zstd_stream *z = calloc(1, sizeof(*z));

	if (!z || !(z->ctx = ZSTD_createDCtx()))
		return firn_fail_oom(err, "zstd");
	if (ZSTD_isError(
		ZSTD_DCtx_setParameter(z->ctx, ZSTD_d_windowLogMax, CODEC_ZSTD_WINDOW_LOG_MAX))) {
		ZSTD_freeDCtx(z->ctx);
		return firn_fail(err, FIRN_EFAIL, "zstd: can't limit the window");
	}
	z->in.ops = &ops;
	z->input.in = in;
	*ret = &take_ptr(&z)->in;
	return 0;
}

struct zstd_sink {
	struct sink sink;
	struct sink *out;
	ZSTD_CCtx *ctx;
	uint8_t bytes[CODEC_OUTPUT_BYTES];
};

/* Compress all of @in; with ZSTD_e_end to the frame's end. */
static int zstd_drain(struct zstd_sink *z, ZSTD_inBuffer *in, ZSTD_EndDirective how,
		      struct firn_error *err)
{
	size_t left;

	do {
		ZSTD_outBuffer out = { z->bytes, sizeof(z->bytes), 0 };
		int rc;

		left = ZSTD_compressStream2(z->ctx, &out, in, how);
		if (ZSTD_isError(left))
			return firn_fail(err, FIRN_EFAIL, "zstd: %s", ZSTD_getErrorName(left));
		rc = sink_write(z->out, z->bytes, out.pos, err);
		if (rc < 0)
			return rc;
	} while (how == ZSTD_e_end ? left != 0 : in->pos < in->size);
	return 0;
}

static int zstd_write(struct sink *s, const void *bytes, size_t n, struct firn_error *err)
{
	ZSTD_inBuffer in = { bytes, n, 0 };

	return zstd_drain((struct zstd_sink *)s, &in, ZSTD_e_continue, err);
}

static int zstd_finish(struct sink *s, struct firn_error *err)
{
	ZSTD_inBuffer in = { "", 0, 0 };

	return zstd_drain((struct zstd_sink *)s, &in, ZSTD_e_end, err);
}

static void zstd_sink_close(struct sink *s)
{
	ZSTD_freeCCtx(((struct zstd_sink *)s)->ctx);
	free(s);
}

int codec_zstd_writer(struct sink *out, struct sink **ret, struct firn_error *err)
{
	static const struct sink_ops ops = { zstd_write, zstd_finish, zstd_sink_close };
	_free_ struct zstd_sink *z = calloc(1, sizeof(*z));

	if (!z || !(z->ctx = ZSTD_createCCtx()))
		return firn_fail_oom(err, "zstd");
	if (ZSTD_isError(
		ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_compressionLevel, CODEC_LEVEL_DEFAULT)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_checksumFlag, 1))) {
		ZSTD_freeCCtx(z->ctx);
		return firn_fail(err, FIRN_EFAIL, "zstd: can't set its parameters");
	}
	z->sink.ops = &ops;
	z->out = out;
	*ret = &take_ptr(&z)->sink;
	return 0;
}

struct frame_packer {
	ZSTD_CCtx *ctx;
};

unsigned frame_packer_version(void)
{
	return ZSTD_versionNumber();
}

struct frame_packer *frame_packer_free(struct frame_packer *p)
{
	if (p)
		ZSTD_freeCCtx(p->ctx);
	free(p);
	return NULL;
}

void frame_packer_freep(struct frame_packer **p)
{
	*p = frame_packer_free(*p);
}

int frame_packer_new(int level, struct frame_packer **ret, struct firn_error *err)
{
	_cleanup_(frame_packer_freep) struct frame_packer *p = calloc(1, sizeof(*p));

	if (!p || !(p->ctx = ZSTD_createCCtx()))
		return firn_fail_oom(err, "zstd");
	if (ZSTD_isError(ZSTD_CCtx_setParameter(p->ctx, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(
		ZSTD_CCtx_setParameter(p->ctx, ZSTD_c_windowLog, CODEC_FRAME_WINDOW_LOG)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(p->ctx, ZSTD_c_contentSizeFlag, 1)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(p->ctx, ZSTD_c_checksumFlag, 1)))
		return firn_fail(err, FIRN_EFAIL, "zstd: can't set its parameters");
	*ret = take_ptr(&p);
	return 0;
}

size_t frame_bound(size_t n)
{
	return ZSTD_compressBound(n);
}

ssize_t frame_pack(struct frame_packer *p, const void *bytes, size_t n, void *out, size_t room,
		   struct firn_error *err)
{
	size_t got = ZSTD_compress2(p->ctx, out, room, bytes, n);

	if (ZSTD_isError(got))
		return firn_fail(err, FIRN_EFAIL, "zstd: %s", ZSTD_getErrorName(got));
	return (ssize_t)got;
}

struct frame_unpacker {
	ZSTD_DCtx *ctx;
};

struct frame_unpacker *frame_unpacker_free(struct frame_unpacker *u)
{
	if (u)
		ZSTD_freeDCtx(u->ctx);
	free(u);
	return NULL;
}

void frame_unpacker_freep(struct frame_unpacker **u)
{
	*u = frame_unpacker_free(*u);
}

int frame_unpacker_new(struct frame_unpacker **ret, struct firn_error *err)
{
	struct frame_unpacker *u = calloc(1, sizeof(*u));

	if (!u || !(u->ctx = ZSTD_createDCtx())) {
		free(u);
		return firn_fail_oom(err, "zstd");
	}
	*ret = u;
	return 0;
}

int frame_unpack(struct frame_unpacker *u, const void *frame, size_t len, void *out, size_t n,
		 struct firn_error *err)
{
	size_t got = ZSTD_decompressDCtx(u->ctx, out, n, frame, len);

	if (ZSTD_isError(got))
		return zstd_failed(got, err);
	return got == n ? 0 : zstd_corrupt(err, "a frame has not the size it announces");
}

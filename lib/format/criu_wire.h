/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fields of a protobuf message one after another, without memory of its own: for messages with
 * many fields, or whose fields changed their meaning. For lib/format/criu*.c alone.
 */
#ifndef FIRN_FORMAT_CRIU_WIRE_H
#define FIRN_FORMAT_CRIU_WIRE_H

#include "base/cursor.h"

/* protobuf.dev/programming-guides/encoding: wire types */
enum wire_type { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LEN = 2, WIRE_I32 = 5 };

struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;      /* WIRE_VARINT */
	struct cursor bytes; /* WIRE_LEN */
};

/* A number of at most 64 bits off @c; false when that is none. */
bool wire_varint(struct cursor *c, uint64_t *ret);

/* 1 and the next field of @c, 0 at its end, -1 when that is no message. */
int wire_next(struct cursor *c, struct wire_field *ret);

#endif

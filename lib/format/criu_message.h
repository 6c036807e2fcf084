/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of CRIU's images as protobuf messages. For lib/format/criu*.c alone. */
#ifndef FIRN_FORMAT_CRIU_MESSAGE_H
#define FIRN_FORMAT_CRIU_MESSAGE_H

#include "format/criu.pb-c.h"
#include "format/criu_reader.h"

/* Frees a message of any kind, and sets *m to NULL. */
void criu_message_freep(ProtobufCMessage **m);

#define _criu_message_ _cleanup_(criu_message_freep)

/* 1 and the next record as a @kind, 0 at the end of the image. *ret is freed first. */
int criu_message_next(struct criu_reader *r, const ProtobufCMessageDescriptor *kind,
		      ProtobufCMessage **ret, struct firn_error *err) _must_check_;

/* 1 and the first record of the image @name, 0 when there is no such image or it is empty. */
int criu_message_first(struct criu_images *images, const char *name, uint32_t magic,
		       const ProtobufCMessageDescriptor *kind, ProtobufCMessage **ret,
		       struct firn_error *err) _must_check_;

#endif

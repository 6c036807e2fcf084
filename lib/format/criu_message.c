/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/criu_message.h"

void criu_message_freep(ProtobufCMessage **m)
{
	protobuf_c_message_free_unpacked(*m, NULL);
	*m = NULL;
}

int criu_message_next(struct criu_reader *r, const ProtobufCMessageDescriptor *kind,
		      ProtobufCMessage **ret, struct firn_error *err)
{
	size_t len;
	int rc;

	criu_message_freep(ret);
	rc = criu_reader_next(r, &len, err);
	if (rc <= 0)
		return rc;
	*ret = protobuf_c_message_unpack(kind, NULL, len, r->bytes);
	return *ret ? 1 : criu_reader_bad(r, err);
}

int criu_message_first(struct criu_images *images, const char *name, uint32_t magic,
		       const ProtobufCMessageDescriptor *kind, ProtobufCMessage **ret,
		       struct firn_error *err)
{
	_criu_reader_ struct criu_reader r = { 0 };
	int rc = criu_reader_open(images, name, magic, &r, err);

	if (rc <= 0)
		return rc;
	rc = criu_message_next(&r, kind, ret, err);
	return firn_wrap(err, rc, "%s", name);
}

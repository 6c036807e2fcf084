/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * containerd's own checkpoints ("ctr containers checkpoint", "ctr tasks checkpoint"): an OCI index
 * whose entries are not images but the parts of a checkpoint, each with a media type of its own
 * (containerd core/images/mediatypes.go; client/container_checkpoint_opts.go, client/task.go). The
 * protobuf documents among them are google.protobuf.Any, whose value is JSON for the spec.
 */
#ifndef FIRN_FORMAT_CTR_H
#define FIRN_FORMAT_CTR_H

#include "format/oci.h"

enum ctr_part {
	CTR_NONE,            /* not a part: an image, or something of others */
	CTR_IMAGES,          /* tar of CRIU's images */
	CTR_PREDUMP,         /* the same of a pre-dump */
	CTR_CONFIG,          /* Any of the runtime configuration: spec.dump */
	CTR_OPTIONS,         /* Any of what the checkpoint was asked for */
	CTR_RUNTIME_OPTIONS, /* Any of the runtime's */
	CTR_RUNTIME_NAME,
	CTR_RESOURCE, /* tar */
	CTR_DELTA,    /* the container's changes, a layer */
};

enum ctr_part ctr_part_of(const char *media_type);
/* The file that keeps a document of this kind among a checkpoint's metadata; NULL: none does. */
const char *ctr_member(enum ctr_part part);

/* Whether the entries of @index are the parts of a checkpoint. */
bool ctr_is_checkpoint(const struct oci_index *index);

#define CTR_DOCUMENT_MAX (8u << 20) /* bytes; a spec has some 3 KB */
#define CTR_INDEX_MEMBER "ctr/index.json"

/* google/protobuf/any.proto; both borrowed, not NUL-ended. */
struct ctr_any {
	const char *type;
	size_t type_len;
	const char *value;
	size_t len;
};

/* Unknown fields are passed over; broken ones are -FIRN_ECORRUPT. */
int ctr_any_parse(const void *bytes, size_t n, struct ctr_any *ret,
		  struct firn_error *err) _must_check_;

/* The OCI runtime configuration in a document of kind CTR_CONFIG; borrowed from @bytes. */
int ctr_spec(const void *bytes, size_t n, const char **ret, size_t *ret_len,
	     struct firn_error *err) _must_check_;

/*
 * The container's ID as its spec has it: cgroupsPath is "/NAMESPACE/ID" unless somebody chose
 * another (containerd oci.WithNamespacedCgroup). Borrowed from @spec; NULL when it isn't that.
 */
const char *ctr_container(const json_t *spec);

#endif

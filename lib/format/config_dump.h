/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config.dump: what the engine knew of the container. Podman writes its whole ContainerConfig
 * (libpod/container_config.go), CRI-O and containerd a reduced form (checkpointctl
 * lib/metadata.go); the members read here are the union of both.
 *
 * It is edited without printing it again: values of top-level members change in place, every other
 * byte stays, and an undo record turns the edited text into the original byte for byte.
 */
#ifndef FIRN_FORMAT_CONFIG_DUMP_H
#define FIRN_FORMAT_CONFIG_DUMP_H

#include "base/buf.h"
#include "bytes/json.h"

#define CONFIG_DUMP_MAX       (8u << 20) /* bytes; Podman's are some 25 KB */
#define CONFIG_DUMP_EDITS_MAX 16

/* Members of config.dump that name the image the container was made from. */
#define CONFIG_IMAGE_ID   "rootfsImageID"   /* Podman */
#define CONFIG_IMAGE_NAME "rootfsImageName" /* all */
#define CONFIG_IMAGE_REF  "rootfsImageRef"  /* CRI-O: image ID; containerd: name@digest */

/* Strings are borrowed from json; NULL when absent or empty. */
struct config_dump {
	const char *name;
	const char *image_id;
	const char *image_name;
	const char *image_ref;
	const char *image_requested; /* rootfsImage */
	const char *image_raw;       /* RawImageName */
	const char *runtime;
	const json_t *volumes; /* namedVolumes, an array, or NULL */
	json_t *json;
};

int config_dump_parse(const char *text, size_t len, struct config_dump *ret,
		      struct firn_error *err) _must_check_;
void config_dump_done(struct config_dump *c);

/* name of the @i -th of c->volumes, NULL when it has none. */
const char *config_dump_volume(const struct config_dump *c, size_t i);
/* Where the container has it, or NULL. */
const char *config_dump_volume_place(const struct config_dump *c, size_t i);

struct config_edit {
	const char *key;
	const char *value; /* printable ASCII without '"' and '\' */
};

/*
 * Set the top-level members @edits, keys of their own each, of the document @text, which must parse
 * as an object. @ret is the new text; @ret_undo a JSON array of {"at":N,"len":N,"was":"text"}, in
 * ascending order: the @len bytes at @at of the new text were @was.
 */
int config_dump_edit(const char *text, size_t len, const struct config_edit *edits, size_t n,
		     struct buf *ret, struct buf *ret_undo, struct firn_error *err) _must_check_;

/* Back to the original. An undo record that doesn't fit @text is -FIRN_ECORRUPT. */
int config_dump_undo(const char *text, size_t len, const char *undo, struct buf *ret,
		     struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What Podman's service answers: its version, errors, the documents. Bytes in, structs out. */
#ifndef FIRN_REMOTE_PODMAN_ANSWER_H
#define FIRN_REMOTE_PODMAN_ANSWER_H

#include "remote/podman.h"

#define PODMAN_ERROR_MAX     (64u << 10) /* bytes of an error that are looked at */
#define PODMAN_DOCUMENT_MAX  (4u << 20)  /* bytes of any other document */
#define PODMAN_SENTENCE_MAX  240         /* bytes of its message that are passed on */
#define PODMAN_SENTENCE_HEAD 60          /* of these from its beginning, if it is longer */

/* "5.4.2", "4.0.0-rc1"; -FIRN_ECORRUPT for what is none. */
int podman_parse_version(const char *text, unsigned ret[3], struct firn_error *err) _must_check_;

/*
 * The error that an answer of @status and body @text stands for: {"cause", "message", "response"},
 * or anything else from something that is no Podman. Returns its negative code.
 */
int podman_parse_error(unsigned status, const char *text, size_t len,
		       struct firn_error *err) _must_check_;

int podman_parse_container(const char *text, size_t len, struct podman_container *ret,
			   struct firn_error *err) _must_check_;

/* The id of what was restored. Caller frees. */
int podman_parse_restored(const char *text, size_t len, char **ret_id,
			  struct firn_error *err) _must_check_;

#endif

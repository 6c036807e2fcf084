/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A container of Podman's as an input: its service makes the checkpoint and sends it, nothing of it
 * is stored in between. Opening asks and changes nothing; beginning stops the container, unless it
 * is left running. Should the build fail after that, its caller learns what became of it.
 */
#ifndef FIRN_INGEST_INPUT_PODMAN_H
#define FIRN_INGEST_INPUT_PODMAN_H

#include "firn/podman.h"
#include "ingest/base.h"
#include "ingest/input.h"

struct running;

/* NAME of "podman:NAME", borrowed; NULL for what is a path. */
const char *running_name(const char *checkpoint);

/* Find the container @name and see that it can be dumped. @opts may be NULL. */
int running_open(const char *name, const struct firn_podman_opts *opts, struct running **ret,
		 struct firn_error *err) _must_check_;
void running_close(struct running *r);

/* -FIRN_EMISMATCH naming both when @b is not the image that the container was made from. */
int running_check_base(const struct running *r, const struct base *b,
		       struct firn_error *err) _must_check_;

/* Make the checkpoint. *ret does not outlive @l. */
int running_begin(struct running *r, bool digest, struct input **ret,
		  struct firn_error *err) _must_check_;

/* Whether running_begin() was called: the container may be stopped. NULL is fine. */
bool running_begun(const struct running *r);

/*
 * Once begun, a failure @rc of whatever came after it: adds to its sentence what the container is
 * doing now, and how to get it back. Returns @rc.
 */
int running_failed(const struct running *r, int rc, struct firn_error *err);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Podman's REST API ("libpod") on the unix socket of `podman system service`: a container's
 * checkpoint comes out of it and an archive goes back in.
 *
 * What the service does (pkg/api/handlers/libpod/containers.go, Podman 4.0 to 6): it writes the
 * archive, uncompressed, to a file in its own TMPDIR, and its answer begins when that is complete;
 * an archive that is restored lies there likewise. The file goes with the request. A client that
 * goes away stops nothing: the checkpoint is made all the same, and unless the container was left
 * running it is stopped then and `podman container restore NAME` lets it go on, from the CRIU
 * images that Podman keeps.
 */
#ifndef FIRN_REMOTE_PODMAN_H
#define FIRN_REMOTE_PODMAN_H

#include "bytes/sink.h"
#include "remote/http.h"

/* The API's first version that takes an archive for a container that isn't there. */
#define PODMAN_API_MIN 4
/* How long a checkpoint or a restore may take, in which nothing comes: the dump and its archive
 * come before the answer's first byte. */
#define PODMAN_ANSWER_MS (3600 * 1000)

struct podman;

/*
 * The socket's path out of what a user says: a path, or "unix://PATH". NULL: the system's socket
 * for root, the user's own for others. Another scheme is -FIRN_EINVAL. Caller frees.
 */
int podman_socket(const char *given, char **ret, struct firn_error *err) _must_check_;

/* Ask the service on @socket who it is. @times may be NULL. -FIRN_EUNSUPP when it is too old. */
int podman_open(const char *socket, const struct http_times *times, struct podman **ret,
		struct firn_error *err) _must_check_;
void podman_close(struct podman *p);
void podman_closep(struct podman **p);
const char *podman_version(const struct podman *p);

struct podman_container {
	char *id, *name;
	char *status; /* "running", "paused", "exited", "created", ... */
	char *image_id, *image_name;
	char *folder; /* Podman's own for it, with CRIU's dump.log when a dump failed */
	uint64_t pid;
	bool checkpointed; /* it has ended in a checkpoint that Podman still has */
};

void podman_container_done(struct podman_container *c);
/* -FIRN_ENOTFOUND when there is no container @name (or id). */
int podman_inspect(const struct podman *p, const char *name, struct podman_container *ret,
		   struct firn_error *err) _must_check_;
/* Kill it and remove it; nothing to do when it is gone. */
int podman_remove(const struct podman *p, const char *id, struct firn_error *err) _must_check_;

#define PODMAN_STATE_MAX 240
/*
 * What the container @id, for people @name, is doing now and how it is brought back if it is
 * stopped: a sentence for after a failure. Returns @ret.
 */
const char *podman_tell_state(const struct podman *p, const char *id, const char *name,
			      char ret[PODMAN_STATE_MAX]);

/* 1 when Podman's storage has the image of that id or name, 0 when it hasn't. */
int podman_has_image(const struct podman *p, const char *id, struct firn_error *err) _must_check_;

struct podman_checkpoint {
	uint64_t answer; /* ms until the answer's first byte; 0: PODMAN_ANSWER_MS */
	bool leave_running, tcp_established, ignore_rootfs, file_locks;
};
/* Make a checkpoint; the archive comes out of *ret, which outlives @p. */
int podman_checkpoint(const struct podman *p, const char *name, const struct podman_checkpoint *how,
		      struct istream **ret, struct firn_error *err) _must_check_;

struct podman_restore {
	uint64_t answer;  /* as above */
	const char *name; /* NULL: as it was called */
	bool tcp_established, file_locks;
};
struct podman_upload;

/* The archive goes into podman_upload_sink(), until podman_upload_end() or _cancel(). */
int podman_restore_begin(const struct podman *p, const struct podman_restore *how,
			 struct podman_upload **ret, struct firn_error *err) _must_check_;
/* Borrowed from @u. When Podman refuses in the middle, a write's error is what it says. */
struct sink *podman_upload_sink(struct podman_upload *u);
/* That was all: wait until the container runs. What Podman refuses is -FIRN_EHOST. Its id; caller
 * frees. Frees @u, in any case. */
int podman_upload_end(struct podman_upload *u, char **ret_id, struct firn_error *err) _must_check_;
/* Podman drops what it has; NULL is fine. */
void podman_upload_cancel(struct podman_upload *u);
void podman_upload_cancelp(struct podman_upload **u);

#endif

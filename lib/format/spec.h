/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spec.dump, the runtime configuration (OCI runtime-spec config.md) that the dumping engine had
 * made for its host, becomes a config.json for this host:
 *
 * - root.path is what the mount says.
 *
 * - mounts: the engine's own files (hostname, hosts, resolv.conf, shm, ...) get new sources, which
 *   the mount provides; volumes stay, and are told, or are redirected.
 *
 * - linux.namespaces: a joined namespace ("path") becomes a fresh one, or none where the dumped
 *   process was in its host's; a network namespace is provided.
 *
 * - linux.cgroupsPath is fresh; linux.resources lose what this host has no controllers for.
 *
 * - hooks, annotations that steer a runtime, resctrl groups, network devices, a seccomp agent and
 *   security labels that this host can't have are dropped: they name things of the dumping host.
 *
 * Everything else is kept as it is, numbers above 2^63 - 1 too. Pure: no file is touched. The
 * document comes from the checkpoint; nothing of it is trusted to name one of firn's own files.
 */
#ifndef FIRN_FORMAT_SPEC_H
#define FIRN_FORMAT_SPEC_H

#include "base/error.h"
#include "format/criu.h"

#include "firn/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPEC_BYTES_MAX   (8u << 20) /* of spec.dump; what a build takes */
#define SPEC_SHM_DEFAULT 65536000   /* bytes of /dev/shm where nobody says (Podman's 64 MB) */

/* What this host has. */
enum spec_host {
	SPEC_HOST_SELINUX = 1 << 0,
	SPEC_HOST_APPARMOR = 1 << 1,
	SPEC_HOST_CPU = 1 << 2, /* cgroup controllers */
	SPEC_HOST_CPUSET = 1 << 3,
	SPEC_HOST_MEMORY = 1 << 4,
	SPEC_HOST_PIDS = 1 << 5,
	SPEC_HOST_IO = 1 << 6,
	SPEC_HOST_HUGETLB = 1 << 7,
	SPEC_HOST_RDMA = 1 << 8,
};

struct spec_opts {
	const char *rootfs; /* root.path, such as "rootfs" */
	/* Absolute path of the folder that will have what spec.provided lists. */
	const char *provided;
	const char *cgroup;         /* linux.cgroupsPath, absolute, such as "/firn/ID" */
	const char *criu_conf;      /* this host's CRIU configuration for containers; may be NULL */
	const char *const *volumes; /* "OLD=NEW" each; OLD: a source, a folder above it, or a
				     * destination of a mount */
	size_t nvolumes;
	uint64_t shm_bytes;           /* of /dev/shm (spec_shm_bytes()); 0: SPEC_SHM_DEFAULT */
	unsigned host;                /* enum spec_host: host_facts() */
	const struct criu_info *dump; /* what CRIU's images say; required */
	/*
	 * Asked about each volume: 0 and where @source really is on this host (without symbolic
	 * links, which CRIU can't bind; the caller frees it), or an error: firn invents no volumes.
	 * NULL: sources are taken as they are.
	 */
	int (*volume)(void *ctx, const char *source, const char *destination, char **ret,
		      struct firn_error *err);
	void *volume_ctx;
	const struct firn_report *report; /* what was dropped; may be NULL */
};

enum spec_kind {
	SPEC_FILE,
	SPEC_FOLDER,
	SPEC_SHM,   /* a tmpfs, to be filled from devshm-checkpoint.tar if there is one */
	SPEC_NETNS, /* a file with a fresh network namespace bound to it: netns_bind() */
};

enum spec_content {
	SPEC_TEXT,        /* .text */
	SPEC_RESOLV_CONF, /* a copy of the host's /etc/resolv.conf, empty when it has none */
	SPEC_ROOTFS_COPY, /* a copy of .destination in the mounted rootfs, empty when it isn't there
			   */
};

/* A file or folder that config.json binds and the mount has to make, as spec_opts.provided/name. */
struct spec_provided {
	enum spec_kind kind;
	enum spec_content content; /* of a SPEC_FILE */
	uint32_t mode;             /* permissions; owner root */
	uint64_t bytes;            /* size of a SPEC_SHM */
	const char *name;          /* one plain component, unique; static */
	char *destination;         /* where the container sees it; NULL: nowhere */
	char *text;                /* NULL unless SPEC_TEXT */
	char *was;    /* of a SPEC_NETNS: its path on the dumping host, which says nothing here */
	uint64_t fit; /* what isn't .text must be made this long (spec_fit()); 0: any */
};

/* A bind mount from this host. */
struct spec_volume {
	char *source; /* absolute; after the redirects and opts.volume */
	char *destination;
};

struct spec {
	char *json; /* config.json, NUL-ended */
	size_t len;
	struct spec_provided *provided;
	size_t nprovided;
	struct spec_volume *volumes;
	size_t nvolumes;
};

/*
 * -FIRN_ECORRUPT for what is no runtime configuration, -FIRN_EINVAL for a redirect that names no
 * mount, -FIRN_EUNSUPP for a bind mount relative to the dumping engine's bundle.
 */
int spec_rewrite(const char *text, size_t len, const struct spec_opts *opts, struct spec *ret,
		 struct firn_error *err) _must_check_;
void spec_done(struct spec *s);

/* Whether a config.json (SPEC_BYTES_MAX) gives the container a terminal: 1 or 0. */
int spec_has_terminal(const char *json, size_t len, struct firn_error *err) _must_check_;

/*
 * A copy of @text that is exactly @bytes long (0, or more than a text file has: as long as it is):
 * a process had the file open, and CRIU compares sizes. Lines that don't fit go, empty ones fill
 * up.
 */
int spec_fit(const char *text, uint64_t bytes, char **ret, struct firn_error *err) _must_check_;

/*
 * The shmSize of Podman's config.dump: 1 and the bytes, 0 when it doesn't say (CRI-O, containerd).
 */
int spec_shm_bytes(const char *config_dump, size_t len, uint64_t *ret,
		   struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Several containers that belong together: the documents that name them, and which names they may
 * have. The names become parts of tags, names of folders and ids of containers.
 */
#ifndef FIRN_FORMAT_POD_H
#define FIRN_FORMAT_POD_H

#include "base/error.h"

#include <stddef.h>

#define POD_PROJECT        "project.json"
#define POD_OPTIONS        "pod.options"
#define POD_DUMP           "pod.dump"
#define POD_DOCUMENT_MAX   (1u << 20) /* bytes of any of them */
#define POD_CONTAINERS_MAX 64         /* each holds some files open until all are built */
#define POD_NAME_MAX       128        /* bytes of a container's name, as runtimes take them */

/*
 * Whether @name may be that of one of several containers: letters and digits, joined by single ones
 * of "-._+" (or "--"). @code says whose fault it is if not.
 */
int pod_check_name(const char *name, enum firn_code code, struct firn_error *err) _must_check_;

/* One container: @file is one plain component, an archive or folder beside the document. */
struct pod_entry {
	char *name, *file;
};

struct pod {
	struct pod_entry *list;
	size_t n;
	char *name, *namespace, *uid, *id; /* of the pod; NULL: unknown */
};

void pod_done(struct pod *p);

/*
 * project.json: {"services": [{"name": "web", "archive": "web.tar"}, ...]}, in this order. Names
 * are unique, an archive may be there for several. Other members are anybody's.
 */
int pod_parse_project(const char *text, size_t len, struct pod *ret,
		      struct firn_error *err) _must_check_;

/*
 * pod.options, version 1, as checkpointctl has it (lib/metadata.go, CheckpointedPodOptions):
 * "containers" maps short names to full ones, which are those of the containers' folders;
 * "annotations" may name the pod. Sorted by short name.
 */
int pod_parse_options(const char *text, size_t len, struct pod *ret,
		      struct firn_error *err) _must_check_;

/* pod.dump, the CRI's PodSandboxConfig: "metadata" names the pod. What @p knows already stays. */
int pod_parse_dump(const char *text, size_t len, struct pod *p,
		   struct firn_error *err) _must_check_;

#endif

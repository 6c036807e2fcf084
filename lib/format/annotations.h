/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The annotation keys firn writes and reads, and the values that are words of a fixed vocabulary
 * (firn-format(5), "Annotations"). Keys of engines are what their own restore tests.
 */
#ifndef FIRN_FORMAT_ANNOTATIONS_H
#define FIRN_FORMAT_ANNOTATIONS_H

#include "bytes/digest.h"

/* image-spec annotations.md, "Pre-Defined Annotation Keys" */
#define OCI_REF_NAME    "org.opencontainers.image.ref.name"
#define OCI_BASE_NAME   "org.opencontainers.image.base.name"
#define OCI_BASE_DIGEST "org.opencontainers.image.base.digest"
#define OCI_CREATED     "org.opencontainers.image.created"

/*
 * On the index' descriptor of an image that has layers in zstd. containers/image adds it where it
 * is missing, and refuses to copy an index with its digest kept if it had to.
 */
#define CONTAINERS_ZSTD      "io.github.containers.compression.zstd"
#define CONTAINERS_ZSTD_TRUE "true"

/* Our own. On manifests and on the index' descriptors of them, unless said otherwise. */
#define ORG_FIRN_FORMAT          "org.firn.format" /* version of the format, on the index too */
#define ORG_FIRN_FORMAT_1        "1"
#define ORG_FIRN_ROLE            "org.firn.role"
#define ORG_FIRN_ROLE_CHECKPOINT "checkpoint"
#define ORG_FIRN_ROLE_ROOTFS     "rootfs"
#define ORG_FIRN_ROLE_SOURCE     "source"                 /* the checkpoint's own file */
#define ORG_FIRN_CONTAINER       "org.firn.container"     /* name, unique in its index */
#define ORG_FIRN_BASE            "org.firn.base"          /* on R: where its base layers are */
#define ORG_FIRN_BASE_EXTERNAL   "external"               /* not in this image */
#define ORG_FIRN_SOURCE_DIGEST   "org.firn.source.digest" /* of the input archive */
/* On C: what turns its config.dump into the engine's own (format/config_dump.h), sha256 of that. */
#define ORG_FIRN_CONFIG_UNDO   "org.firn.config.undo"
#define ORG_FIRN_CONFIG_DIGEST "org.firn.config.digest"
#define ORG_FIRN_PAGES         "org.firn.pages" /* on C: how the memory's pages are compressed */
#define ORG_FIRN_PAGES_LZ4     "lz4"            /* CRIU's --compress knows no other */
#define ORG_FIRN_ZERO_PAGES    "org.firn.zero-pages" /* on C: pages of zeros in its pages files */
#define ORG_FIRN_LOSS          "org.firn.loss" /* JSON array of sentences: what the archive lost */

/* On layer descriptors, and on the manifest under annotation_for_layer()'s name. */
#define ORG_FIRN_LAYER           "org.firn.layer"
#define ORG_FIRN_LAYER_BASE      "base"
#define ORG_FIRN_LAYER_DELTA     "delta"
#define ORG_FIRN_LAYER_METADATA  "metadata"
#define ORG_FIRN_LAYER_IMAGES    "images"
#define ORG_FIRN_LAYER_COMPAT    "compat"
#define ORG_FIRN_MOUNTABLE       "org.firn.mountable"
#define ORG_FIRN_MOUNTABLE_EROFS "erofs"

/* The shared vocabulary, as checkpointctl has it (lib/annotations.go). */
#define ORG_CRIU_CHECKPOINT           "org.criu.checkpoint."
#define ORG_CRIU_ENGINE_NAME          ORG_CRIU_CHECKPOINT "engine.name"
#define ORG_CRIU_ENGINE_VERSION       ORG_CRIU_CHECKPOINT "engine.version"
#define ORG_CRIU_CONTAINER_NAME       ORG_CRIU_CHECKPOINT "container.name" /* containerd tests it */
#define ORG_CRIU_POD_NAME             ORG_CRIU_CHECKPOINT "pod.name"
#define ORG_CRIU_POD_ID               ORG_CRIU_CHECKPOINT "pod.id"
#define ORG_CRIU_POD_NAMESPACE        ORG_CRIU_CHECKPOINT "pod.namespace"
#define ORG_CRIU_POD_UID              ORG_CRIU_CHECKPOINT "pod.uid"
#define ORG_CRIU_ROOTFS_IMAGE_NAME    ORG_CRIU_CHECKPOINT "rootfsImageName"
#define ORG_CRIU_ROOTFS_IMAGE_USER    ORG_CRIU_CHECKPOINT "rootfsImageUserRequested"
#define ORG_CRIU_ROOTFS_IMAGE_SHA     ORG_CRIU_CHECKPOINT "rootfsImageSha"
#define ORG_CRIU_ROOTFS_IMAGE_ID      ORG_CRIU_CHECKPOINT "rootfsImageID"
#define ORG_CRIU_RAW_IMAGE_NAME       ORG_CRIU_CHECKPOINT "rawImageName"
#define ORG_CRIU_RUNTIME_NAME         ORG_CRIU_CHECKPOINT "runtime.name"
#define ORG_CRIU_RUNTIME_VERSION      ORG_CRIU_CHECKPOINT "runtime.version"
#define ORG_CRIU_CRIU_VERSION         ORG_CRIU_CHECKPOINT "criu.version"
#define ORG_CRIU_CONMON_VERSION       ORG_CRIU_CHECKPOINT "conmon.version"
#define ORG_CRIU_HOST_ARCH            ORG_CRIU_CHECKPOINT "host.arch"
#define ORG_CRIU_HOST_KERNEL          ORG_CRIU_CHECKPOINT "host.kernel"
#define ORG_CRIU_CGROUP_VERSION       ORG_CRIU_CHECKPOINT "cgroup.version" /* Podman's is cgroups */
#define ORG_CRIU_DISTRIBUTION_NAME    ORG_CRIU_CHECKPOINT "distribution.name"
#define ORG_CRIU_DISTRIBUTION_VERSION ORG_CRIU_CHECKPOINT "distribution.version"

/* Podman (libpod/define/annotations.go); its restore tests PODMAN_RUNTIME_NAME. */
#define PODMAN_CHECKPOINT           "io.podman.annotations.checkpoint."
#define PODMAN_NAME                 PODMAN_CHECKPOINT "name"
#define PODMAN_RAW_IMAGE_NAME       PODMAN_CHECKPOINT "rawImageName"
#define PODMAN_ROOTFS_IMAGE_ID      PODMAN_CHECKPOINT "rootfsImageID"
#define PODMAN_ROOTFS_IMAGE_NAME    PODMAN_CHECKPOINT "rootfsImageName"
#define PODMAN_PODMAN_VERSION       PODMAN_CHECKPOINT "podman.version"
#define PODMAN_CRIU_VERSION         PODMAN_CHECKPOINT "criu.version"
#define PODMAN_RUNTIME_NAME         PODMAN_CHECKPOINT "runtime.name"
#define PODMAN_RUNTIME_VERSION      PODMAN_CHECKPOINT "runtime.version"
#define PODMAN_CONMON_VERSION       PODMAN_CHECKPOINT "conmon.version"
#define PODMAN_HOST_ARCH            PODMAN_CHECKPOINT "host.arch"
#define PODMAN_HOST_KERNEL          PODMAN_CHECKPOINT "host.kernel"
#define PODMAN_CGROUPS_VERSION      PODMAN_CHECKPOINT "cgroups.version"
#define PODMAN_DISTRIBUTION_NAME    PODMAN_CHECKPOINT "distribution.name"
#define PODMAN_DISTRIBUTION_VERSION PODMAN_CHECKPOINT "distribution.version"

/* CRI-O (internal/annotations/checkpoint.go); its restore tests CRIO_NAME, the others are told. */
#define CRIO_CHECKPOINT        "io.kubernetes.cri-o.annotations.checkpoint."
#define CRIO_NAME              CRIO_CHECKPOINT "name"
#define CRIO_RAW_IMAGE_NAME    CRIO_CHECKPOINT "rawImageName"
#define CRIO_ROOTFS_IMAGE_ID   CRIO_CHECKPOINT "rootfsImageID"
#define CRIO_ROOTFS_IMAGE_NAME CRIO_CHECKPOINT "rootfsImageName"
#define CRIO_CRIO_VERSION      CRIO_CHECKPOINT "cri-o.version"
#define CRIO_CRIU_VERSION      CRIO_CHECKPOINT "criu.version"

#define ANNOTATION_KEY_MAX (sizeof(ORG_FIRN_MOUNTABLE) + DIGEST_TEXT_MAX)

/*
 * @key (ORG_FIRN_LAYER, ORG_FIRN_MOUNTABLE) as it stands on a manifest for the layer of @diff_id:
 * KEY.HEX. Descriptors may be rebuilt by who copies an image, diff_ids stay. Returns @ret.
 */
const char *annotation_for_layer(const char *key, const struct digest *diff_id,
				 char ret[ANNOTATION_KEY_MAX]);

#endif

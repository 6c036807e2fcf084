/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What firn has to know of a folder of CRIU images: whether they are a container's, which
 * namespaces they lack, and the mode of the root directory, which CRIU compares at the restore.
 * Images are a magic number or two and then records: a length (u32, little endian) and a protobuf
 * message (magic.h and the .proto files of CRIU; criu.proto has the members we read). Anything that
 * isn't asked for here stays opaque, and so do encrypted images.
 */
#ifndef FIRN_FORMAT_CRIU_H
#define FIRN_FORMAT_CRIU_H

#include "bytes/stream.h"

#include <stdbool.h>

#define CRIU_INVENTORY "inventory.img"

/* How the images are got at; this module knows no folders. */
struct criu_images {
	/* The image @name: 1 and a source that the reader closes, 0 when there is none, or an error
	 */
	int (*open)(struct criu_images *images, const char *name, struct source **ret,
		    struct firn_error *err);
};

/* Namespaces, as bits. */
enum criu_ns {
	CRIU_NS_PID = 1 << 0,
	CRIU_NS_NET = 1 << 1,
	CRIU_NS_IPC = 1 << 2,
	CRIU_NS_UTS = 1 << 3,
	CRIU_NS_MNT = 1 << 4,
	CRIU_NS_USER = 1 << 5,
	CRIU_NS_CGROUP = 1 << 6,
	CRIU_NS_TIME = 1 << 7,
};

enum criu_lsm { CRIU_LSM_NONE, CRIU_LSM_SELINUX, CRIU_LSM_APPARMOR }; /* inventory.proto: lsmtype */

/* Files that engines bind into a container: a process that has one open expects its size back. */
enum criu_etc {
	CRIU_ETC_HOSTNAME,
	CRIU_ETC_HOSTS,
	CRIU_ETC_RESOLV_CONF,
	CRIU_ETC_PASSWD,
	CRIU_ETC_GROUP,
	CRIU_RUN_CONTAINERENV,
	CRIU_ETC_COUNT,
};

struct criu_info {
	uint32_t version;  /* img_version of the inventory */
	uint32_t root_pid; /* the first process, in its own pid namespace */
	enum criu_lsm lsm;
	unsigned own_ns; /* enum criu_ns: those that the first process had for itself */
	bool container;  /* it has a pid or mount namespace of its own */
	bool compressed; /* its pages are */
	/*
	 * Type and permissions of the root directory as CRIU saw it; 0 when it isn't recorded (the
	 * dump is of a version before file modes, or no image names the root).
	 */
	uint32_t root_mode;
	/* Bytes of those files that a process had open, by enum criu_etc; 0: nobody had. */
	uint64_t etc_bytes[CRIU_ETC_COUNT];
};

/* The path that a process in the container knows the file by, such as "/etc/hosts". */
const char *criu_etc_path(enum criu_etc which);

/* -FIRN_ECORRUPT for images that break their format, one that is needed and missing too. */
int criu_inspect(struct criu_images *images, struct criu_info *ret,
		 struct firn_error *err) _must_check_;

#endif

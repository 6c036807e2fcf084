/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The forms of checkpoints add their members: lib/members alone. */
#ifndef FIRN_MEMBERS_PRIV_H
#define FIRN_MEMBERS_PRIV_H

#include "base/buf.h"
#include "members/members.h"
#include "members/spool.h"

#define UNPACKED_MAX (1ull << 42) /* bytes: more memory than a host has */
#define PARTS_MAX    128          /* tars that a checkpoint consists of: layers */

enum place {
	PLACE_PART,     /* at an offset of its part */
	PLACE_SPOOL,    /* at an offset of the spool */
	PLACE_UNPACKED, /* at an offset of what was unpacked later */
	PLACE_PASSED,   /* somewhere in a compressed part */
	PLACE_FOLDER,   /* a file by its path */
};

struct entry {
	uint64_t size, at;
	int64_t mtime;
	uint32_t name, target; /* offsets in names; target 0: none, a name is there first */
	uint8_t kind, place, part;
};

struct members {
	enum members_form form;
	bool packed;
	bool bare;   /* a folder of CRIU's images alone */
	int folder;  /* its descriptor, -1 in other forms */
	int archive; /* likewise */
	struct source *parts[PARTS_MAX];
	size_t nparts;
	struct layout *layout;
	struct checkpoint_image image;
	struct checkpoint_names image_names;
	struct spool spool;
	struct spool unpacked;
	struct tally tally;
	struct buf names;
	struct entry *entries; /* sorted once all are there */
	size_t count, room;
};

/* What a form knows of a member. */
struct member_how {
	enum place place;
	uint64_t at;
	uint8_t part;
};

int members_add(struct members *m, const struct member *member, const struct member_how *how,
		struct firn_error *err) _must_check_;

/* The members of the tar @src, which @m takes, also on failure. Later parts go over earlier ones.
 */
int members_add_tar(struct members *m, struct source *src, struct firn_error *err) _must_check_;
/* The pieces that lie in compressed parts; sorted by part and path. */
int members_fetch_packed(struct members *m, size_t part, struct members_piece *pieces, size_t n,
			 struct firn_error *err) _must_check_;

int members_add_folder(struct members *m, struct firn_error *err) _must_check_;
int members_open_file(struct members *m, const char *path, struct source **ret,
		      struct firn_error *err) _must_check_;

/* The layers of m->image. */
int members_add_image(struct members *m, struct firn_error *err) _must_check_;

const struct entry *members_entry(const struct members *m, const char *path);

#endif

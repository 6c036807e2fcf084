/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The forms of checkpoints add their members: lib/members alone. */
#ifndef FIRN_MEMBERS_PRIV_H
#define FIRN_MEMBERS_PRIV_H

#include "base/buf.h"
#include "locate/folder.h"
#include "locate/in_place.h"
#include "locate/locate.h"
#include "members/members.h"
#include "members/spool.h"

#define UNPACKED_MAX (1ull << 42) /* bytes: more memory than a host has */
#define PARTS_MAX    128          /* tars that a checkpoint consists of: layers */

enum place {
	PLACE_PART,     /* at an offset of its part */
	PLACE_SPOOL,    /* at an offset of the spool */
	PLACE_UNPACKED, /* at an offset of what was unpacked later */
	PLACE_PASSED,   /* somewhere in a compressed part */
	PLACE_FOLDER,   /* a file of the folder, by its number */
};

struct entry {
	uint64_t size, at;
	int64_t mtime;
	uint32_t name, target; /* offsets in names; target 0: none, a name is there first */
	uint8_t kind, place, part;
};

/* Whole files or tars of files. */
struct part {
	struct source *source; /* owned */
	bool images;           /* a tar of CRIU's images, which are members of checkpoint/ */
};

struct members {
	enum members_form form;
	bool packed;
	bool brief;  /* the documents are all that is wanted */
	bool cut;    /* so that not all is here */
	int archive; /* -1 in other forms */
	struct folder folder;
	struct in_place in_place;
	struct located at; /* what isn't an archive or a folder */
	struct checkpoint_image image;
	struct checkpoint_names image_names;
	struct members_about about;
	char *name;                 /* owned: about.image_name */
	struct oci_descriptor base; /* likewise, about.base */
	struct part parts[PARTS_MAX];
	size_t nparts;
	struct spool spool;
	struct spool unpacked;
	struct tally tally;
	uint64_t ranges; /* members_ranges() */
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

struct cover;
struct tree;

/* How the members of a tar are added. */
struct tar_how {
	bool images;         /* as in struct part */
	struct cover *cover; /* those alone that it lets through; NULL: all of them */
};

/*
 * The members of the tar @src, which @m takes, also on failure. Later parts go over earlier ones.
 * @how may be NULL.
 */
int members_add_tar(struct members *m, struct source *src, const struct tar_how *how,
		    struct firn_error *err) _must_check_;
/* The same for a layer whose own index was read (format/indexed.h): @src has the contents. */
int members_add_tree(struct members *m, struct source *src, const struct tree *tree,
		     struct firn_error *err) _must_check_;
/* A part that is a file, not a tar; takes @src, also on failure. */
int members_add_part(struct members *m, struct source *src, struct firn_error *err) _must_check_;
/* The pieces that lie in compressed parts; sorted by part and path. */
int members_fetch_packed(struct members *m, size_t part, struct members_piece *pieces, size_t n,
			 struct firn_error *err) _must_check_;

#define PART_NAME_MAX (PATH_MEMBER_MAX + sizeof(CHECKPOINT_IMAGES_DIR) + 2)
/* The member that is called @path in @part: CRIU's logs are no images, wherever they lie. */
const char *members_part_name(const struct part *part, const char *path, char ret[PART_NAME_MAX]);

/* Takes @fd, also on failure. */
int members_add_folder(struct members *m, int fd, struct firn_error *err) _must_check_;
int members_open_file(struct members *m, const struct entry *e, struct source **ret,
		      struct firn_error *err) _must_check_;

/* What m->at is. */
int members_add_located(struct members *m, const char *container,
			struct firn_error *err) _must_check_;

/* Once all members are added: sort them. */
int members_sort(struct members *m, struct firn_error *err) _must_check_;

const struct entry *members_entry(const struct members *m, const char *path);

#endif

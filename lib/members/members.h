/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The members of any checkpoint by name, wherever it lies: in an engine's archive, in a folder
 * (locate/folder.h: with the chain of dumps before it), in OCI content (locate/locate.h: an image
 * that firn made or one of others, an index of ctr). Names are those of an engine's archive in all
 * of them: CRIU's images in checkpoint/ and pre-checkpoint*, a bundle's config.json is spec.dump.
 *
 * What isn't compressed is read in place: opening reads headers and names, and nothing is read
 * through. What is compressed is unpacked once; documents and small images are kept then, memory
 * pages and the filesystem are passed over. All of it is bounded, whatever the input.
 */
#ifndef FIRN_MEMBERS_H
#define FIRN_MEMBERS_H

#include "bytes/stream.h"
#include "format/ref.h"
#include "image/image.h"
#include "members/tally.h"

#include "firn/report.h"

#define MEMBERS_MAX       (1u << 18)  /* files, folders and links of a checkpoint */
#define MEMBERS_NAMES_MAX (16u << 20) /* bytes of all names */

enum member_kind { MEMBER_FILE, MEMBER_FOLDER, MEMBER_LINK, MEMBER_OTHER };

struct member {
	enum member_kind kind;
	const char *path;
	const char *target; /* of a link, else NULL */
	uint64_t size;
	int64_t mtime;
};

/* Where the members are. */
enum members_form {
	MEMBERS_ARCHIVE,
	MEMBERS_FOLDER,
	MEMBERS_IMAGE,   /* that firn made */
	MEMBERS_FOREIGN, /* an image of others, which holds what an archive would */
	MEMBERS_CTR,     /* an index of ctr */
};

/* What the form tells besides the members, for documents that don't; NULL: not told. Borrowed. */
struct members_about {
	const char *engine; /* who made it, as inspect calls them */
	const char *container;
	const char *image_name, *image_id;  /* of the base */
	const struct oci_descriptor *base;  /* in members_store() */
	const struct image *image;          /* MEMBERS_FOREIGN: the image that it is */
	const struct oci_descriptor *index; /* MEMBERS_CTR: a blob's, or NULL */
};

struct members;
struct located;
struct registry_opts;

/*
 * @text: a path, "-" for standard input, or a reference as the tool has them (format/ref.h).
 * @container: which of several in an image, NULL for the first (members_names() has the others).
 * -FIRN_EINVAL for what is no checkpoint.
 *
 * What comes from a pipe is kept in a file without a name, for nobody can read in it where he
 * likes.
 */
int members_open(const char *text, const char *container, struct members **ret,
		 struct firn_error *err) _must_check_;
/* The same for a reference that was read, or made: its path may be one that no text can say. */
int members_open_ref(const struct ref *ref, const char *container, struct members **ret,
		     struct firn_error *err) _must_check_;
/* The same with what is needed for docker://; @registry may be NULL. */
int members_open_from(const char *text, const char *container, const struct registry_opts *registry,
		      struct members **ret, struct firn_error *err) _must_check_;
/*
 * The same for who wants the documents alone (config.dump, spec.dump): of a compressed archive no
 * more is unpacked than up to them, so that sizes and other members may be missing.
 */
int members_open_documents(const char *text, struct members **ret,
			   struct firn_error *err) _must_check_;
/* What was located, which is taken and left empty, also on failure. @container as above. */
int members_open_located(struct located *l, const char *container, struct members **ret,
			 struct firn_error *err) _must_check_;
/* The engine's archive in @src, which is taken, also on failure. */
int members_open_source(struct source *src, struct members **ret,
			struct firn_error *err) _must_check_;
struct members *members_close(struct members *m);
void members_closep(struct members **m);

/*
 * For who opens one input more than once: "-" becomes the path of a file that is there as long as
 * *ret_fd, which the caller closes, is open: 1. 0 for anything else, which can be opened again.
 */
#define MEMBERS_INPUT_MAX 32
int members_keep_input(const char *text, char ret[MEMBERS_INPUT_MAX], int *ret_fd,
		       struct firn_error *err) _must_check_;

enum members_form members_form(const struct members *m);
const struct members_about *members_about(const struct members *m);
bool members_packed(const struct members *m); /* something of it is compressed */
/* The image of firn's that it is; NULL in the other forms. Borrowed. */
const struct checkpoint_image *members_image(const struct members *m);
/* The containers in that image; none in the other forms. */
const struct checkpoint_names *members_names(const struct members *m);
/* That the OCI content is in, borrowed; NULL in an archive or a folder. */
struct store *members_store(const struct members *m);
/* What was found there. */
const struct oci_descriptor *members_desc(const struct members *m);
/* Whether it is in a registry: every byte that is read comes over the network. */
bool members_remote(const struct members *m);

size_t members_count(const struct members *m);
/* In the order of their names. Pointers live as long as @m. */
struct member members_at(const struct members *m, size_t i);
/* 1 and the member, or 0. */
int members_find(const struct members *m, const char *path, struct member *ret);

/*
 * 1 and a source of the file @path, which the caller closes before @m; 0 when there is none, or
 * -FIRN_EUNSUPP when it was passed over in a compressed archive: members_fetch().
 */
int members_source(struct members *m, const char *path, struct source **ret,
		   struct firn_error *err) _must_check_;
/* 1 and the whole file, NUL-ended, which the caller frees; 0 when there is none. */
int members_read(struct members *m, const char *path, size_t max, char **ret, size_t *ret_len,
		 struct firn_error *err) _must_check_;

/* A piece of a file. */
struct members_piece {
	const char *path; /* borrowed */
	uint64_t at;
	size_t len;
	uint8_t *to; /* len bytes */
	bool there;  /* set when all of it was read */
	void *owner; /* the caller's */
};

/*
 * Read pieces, of files too that were passed over: their archive is unpacked once more, as far as
 * the last piece. Pieces that aren't there stay as they are. Sorts the array.
 */
int members_fetch(struct members *m, struct members_piece *pieces, size_t n,
		  struct firn_error *err) _must_check_;

/* Whether the caller wants the member @path. */
typedef bool members_wanted_fn(const char *path, void *ctx);

/*
 * Unpack the wanted files that were passed over in compressed archives, one pass for all of them,
 * into a file without a name in /var/tmp (or /tmp): members_source() has them from then on. It is
 * as large as they are, less their zeros.
 */
int members_unpack(struct members *m, members_wanted_fn *wanted, void *ctx,
		   struct firn_error *err) _must_check_;

typedef int members_passed_fn(const char *path, struct istream *in, void *ctx,
			      struct firn_error *err);

/*
 * The same files as streams, which @take may read or not, in the order in which the archives have
 * them; nothing is kept.
 */
int members_each_passed(struct members *m, members_wanted_fn *wanted, members_passed_fn *take,
			void *ctx, struct firn_error *err) _must_check_;

/* @in is closed by the caller; it needn't be read to its end. */
typedef int members_take_fn(const char *path, uint64_t size, struct istream *in, void *ctx,
			    struct firn_error *err);

/*
 * All files that @wanted says yes to, each as a stream, in whatever order they lie. Those that were
 * passed over in a compressed archive too: it is unpacked once more, as far as the last of them.
 */
int members_pass(struct members *m, members_wanted_fn *wanted, members_take_fn *take, void *ctx,
		 struct firn_error *err) _must_check_;

/*
 * Whether somebody may ask for the member @path: a document or one of CRIU's small images, which
 * are kept of a compressed archive; not the memory, not the filesystem.
 */
bool members_wanted(const char *path);

/* The delta of an archive, counted while it passed; tally.counted is false when it didn't pass. */
const struct tally *members_tally(const struct members *m);
/* How many ranges of pagemaps were read so far: lib/memory's account, of the whole checkpoint. */
uint64_t *members_ranges(struct members *m);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The members of a checkpoint one after another, each read once: an engine's archive from a file or
 * a pipe, or a folder. Where it comes from makes no difference to whoever reads it, and a pipe, a
 * file and a compressed file give the same members in the same order.
 */
#ifndef FIRN_INGEST_INPUT_H
#define FIRN_INGEST_INPUT_H

#include "format/oci.h"
#include "format/recipe.h"
#include "format/tar.h"
#include "store/store.h"

struct engine;
struct input;
struct layout;

/* What the form of an input tells besides its members; the input owns all of it. */
struct input_about {
	const struct engine *engine; /* NULL: the documents tell */
	const char *container;       /* its name, for documents that have none; may be NULL */
	const char *image_name;      /* of the base, likewise */
	const char *image_id;        /* likewise */
	struct layout *layout;       /* holds the base that came with the checkpoint, or NULL */
	struct oci_descriptor base;  /* of that base; digest.alg 0: there is none */
};

typedef int input_each(const struct tar_entry *e, void *ctx, struct firn_error *err);

struct input_ops {
	/* As tar_next(), tar_payload(). */
	int (*next)(struct input *in, const struct tar_entry **ret, struct firn_error *err);
	int (*payload)(struct input *in, struct istream **ret, struct firn_error *err);
	/* As input_scan(); may be NULL. */
	int (*scan)(struct input *in, input_each *each, void *ctx, struct firn_error *err);
	/* As input_record(); NULL: it is no archive. */
	int (*record)(struct input *in, struct recipe_writer **ret, struct firn_error *err);
	/* As input_keep(); NULL: it is no file that could be kept. */
	int (*keep)(struct input *in, struct blob_writer *w, struct firn_error *err);
	/* After the last member; *ret may be NULL. */
	int (*finish)(struct input *in, struct digest *ret, struct firn_error *err);
	void (*close)(struct input *in);
};

struct input {
	const struct input_ops *ops;
	const struct input_about *about; /* NULL: nothing but its members */
	const char *packing;             /* of an archive, as tar_packing(); NULL: it is none */
	uint64_t done;                   /* bytes read so far, of those in total */
	uint64_t total;                  /* bytes of the input, 0 when nobody knows */
};

/*
 * @path is a folder, a file, "-" for standard input, or a reference to OCI content; files and
 * folders are looked at for that, too (ingest/input_oci.h). With @digest the sha256 of the whole
 * input is made while it is read (not of a folder: -FIRN_EINVAL); of OCI content it is the digest
 * of the index or manifest.
 */
int input_open(const char *path, bool digest, struct input **ret,
	       struct firn_error *err) _must_check_;
void input_close(struct input *in);
void input_closep(struct input **in);

int input_next(struct input *in, const struct tar_entry **ret, struct firn_error *err) _must_check_;
int input_payload(struct input *in, struct istream **ret, struct firn_error *err) _must_check_;
/*
 * A look ahead: @each gets every member that input_next() is going to give, or CRIU's images at
 * least, and no payload is read.
 * 1, or 0 when this form of input can't (a pipe, a compressed file) and nothing was called.
 */
int input_scan(struct input *in, input_each *each, void *ctx, struct firn_error *err) _must_check_;
/*
 * Before the first input_next(): have the archive's recipe written while its members are read. 1
 * and the writer, which the caller frees after the last member; 0 when the input is no archive.
 */
int input_record(struct input *in, struct recipe_writer **ret, struct firn_error *err) _must_check_;
/*
 * Before the first input_next(): all bytes of the input, as they come, go to @w as well, which is
 * borrowed until input_finish(). 1, or 0 when the input isn't read as one file.
 */
int input_keep(struct input *in, struct blob_writer *w, struct firn_error *err) _must_check_;
int input_finish(struct input *in, struct digest *ret, struct firn_error *err) _must_check_;

/* The kinds. Take @fd, also on failure. */
int input_open_tar(int fd, bool digest, struct input **ret, struct firn_error *err) _must_check_;
int input_open_folder(int fd, struct input **ret, struct firn_error *err) _must_check_;
/* An archive that is read from @stream, which is taken, also on failure. */
int input_open_stream(struct istream *stream, bool digest, struct input **ret,
		      struct firn_error *err) _must_check_;

#endif

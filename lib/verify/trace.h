/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From index.json to everything that it leads to: indexes, manifests, configs. Documents are read
 * and proven here, of all else it is noted what it has to be (struct blob). Each document is looked
 * at once, whatever leads to it, so no loop of forged digests is followed; and one after the other,
 * so that memory stays bounded.
 */
#ifndef FIRN_VERIFY_TRACE_H
#define FIRN_VERIFY_TRACE_H

#include "format/oci.h"
#include "verify/blobset.h"

#define TRACE_DEPTH_MAX       8    /* indexes in indexes */
#define TRACE_PLACE_MAX       256  /* bytes of a place's name */
#define TRACE_CHECKPOINTS_MAX 1000 /* containers whose CRIU images are looked at */

/* A document that is still to be looked at. */
struct trace_todo {
	uint32_t blob;
	uint16_t depth;        /* indexes above it */
	uint16_t type;         /* which of the media types */
	char arch[16], os[16]; /* what the index says of its platform; "" for nothing */
};

/* An image, or an index of ctr's, that holds a checkpoint. */
struct trace_checkpoint {
	struct digest digest; /* alg 0: it is the layout itself */
	bool own;             /* firn made it */
};

struct trace {
	struct blobset *blobs;
	struct findings *findings;
	struct trace_checkpoint *checkpoints; /* owned */
	size_t ncheckpoints;
	uint64_t cost;           /* bytes that looking into them reads */
	uint64_t looked;         /* bytes of manifests read for what they are to their index */
	bool enough;             /* checkpoints */
	struct trace_todo *todo; /* owned */
	size_t ntodo, room, next;
	unsigned depth; /* of the document that is looked at; 0: index.json */
};

void trace_done(struct trace *t);

/*
 * What an index says itself. @type: what its descriptor says it is; NULL: index.json. What it leads
 * to is kept for trace_run().
 */
int trace_index(struct trace *t, const char *place, const json_t *doc, const char *type,
		struct firn_error *err) _must_check_;

/* How bad it is when what a descriptor names isn't there. */
enum trace_absent { ABSENT_FAULT, ABSENT_WARNING, ABSENT_FINE };

/*
 * The descriptor @j at @place: 1 and the blob, which is marked; 0 when something is wrong with it
 * or the blob isn't there (both told).
 */
int trace_blob(struct trace *t, const char *place, const json_t *j, enum trace_absent absent,
	       struct oci_descriptor *ret, struct blob **ret_blob,
	       struct firn_error *err) _must_check_;
/* The same for index.json. */
int trace_layout(struct trace *t, const json_t *index, struct firn_error *err) _must_check_;
/* Look at everything that something led to. */
int trace_run(struct trace *t, struct firn_error *err) _must_check_;
/* The same as trace_blob(); an index or manifest is to be looked at. */
int trace_descriptor(struct trace *t, const char *place, const json_t *j, enum trace_absent absent,
		     struct firn_error *err) _must_check_;
/* A document by its digest alone; -FIRN_ENOTFOUND, -FIRN_EINVAL for what is no image. */
int trace_digest(struct trace *t, const struct digest *d, struct firn_error *err) _must_check_;
/*
 * The JSON object in @blob, whose digest is looked at on the way: 1, or 0 when it can't be had
 * (told).
 */
int trace_document(struct trace *t, struct blob *blob, json_t **ret,
		   struct firn_error *err) _must_check_;
/* Its text: 1, or 0 as above. Caller frees. */
int trace_text(struct trace *t, struct blob *blob, char **ret, size_t *ret_len,
	       struct firn_error *err) _must_check_;
/* A manifest (taken), its config and its layers. */
int trace_manifest(struct trace *t, const char *place, const struct trace_todo *todo, json_t *doc,
		   struct firn_error *err) _must_check_;

/* If @doc, of the blob @d (alg 0: index.json), is a checkpoint, note it. */
int trace_note_checkpoint(struct trace *t, const struct digest *d, const json_t *doc,
			  struct firn_error *err) _must_check_;

/* "PLACE: fmt..." into @ret, which is returned. */
const char *trace_place(char ret[TRACE_PLACE_MAX], const char *place, const char *fmt, ...)
    _printf_(3, 4);

/* What firn's own annotations promise (firn-format(5)), of an image and of an index of images. */
struct trace_image {
	const char *place;   /* of the manifest */
	json_t *doc;         /* the manifest; owned */
	struct blob *config; /* NULL: it isn't there */
	struct digest *diff_ids;
	size_t ndiff_ids;
	struct oci_descriptor *layers; /* digest.alg 0: told already */
	struct blob **blobs;           /* NULL: it isn't there */
	size_t nlayers;
};

void trace_annotations(struct trace *t, const struct trace_image *image);
/* @index is taken. */
int trace_containers(struct trace *t, const char *place, json_t *index,
		     struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a copy goes. Blobs come first, several at once where a kind of destination can, then the
 * documents, each behind what it names, and last the names. What is there before that leads nowhere
 * yet: a copy that ends early has changed no image, and the next one finds what it brought.
 */
#ifndef FIRN_COPY_TO_H
#define FIRN_COPY_TO_H

#include "copy/plan.h"

struct to;

/* What became of a blob. */
enum fate {
	FATE_COPIED,
	FATE_PRESENT, /* it was there */
	FATE_MOUNTED, /* the registry took it over from another repository */
};

struct to_ops {
	/* Whether the names can be given: before anything is copied. @roots have tags by then. */
	int (*check)(struct to *t, const struct roots *roots, struct firn_error *err);
	/* Whether it has the blob: 1, 0. NULL: never. */
	int (*has)(struct to *t, const struct digest *d, uint64_t size, struct firn_error *err);
	/* One blob; from several threads at once if @parallel. *ret_fate on success. */
	int (*blob)(struct to *t, const struct item *i, const struct store_watch *watch,
		    enum fate *ret_fate, struct firn_error *err);
	int (*document)(struct to *t, const struct item *i, const char *text, enum fate *ret_fate,
			struct firn_error *err);
	/* The repository that a blob of FATE_MOUNTED was taken over from; NULL where there is none.
	 */
	const char *(*origin)(const struct to *t, const struct item *i);
	/* All is there: give it its names. */
	int (*finish)(struct to *t, const struct roots *roots, struct firn_error *err);
	/* Also throws away what wasn't finished. */
	void (*close)(struct to *t);
	bool parallel;
	/*
	 * What an image is called when the destination doesn't say it: as at the source, which must
	 * then say it or may; nothing; REGISTRY_TAG.
	 */
	enum { TAG_NEEDED, TAG_OPTIONAL, TAG_NONE, TAG_LATEST } tag;
};

struct to {
	const struct to_ops *ops;
	struct from *from; /* these are set once they are known; borrowed */
	const struct plan *plan;
	bool force;          /* replaces what is there */
	struct store *store; /* that has its blobs, to be made in it; NULL: they only pass by */
	const char *tmp;     /* a folder for what is made on the way; NULL: there is none */
	bool trusting;       /* takes blobs without proving what they are */
};

int to_layout_open(const char *path, struct to **ret, struct firn_error *err) _must_check_;
int to_archive_open(const char *path, bool force, struct to **ret,
		    struct firn_error *err) _must_check_;
int to_dir_open(const char *path, bool force, struct to **ret, struct firn_error *err) _must_check_;
int to_registry_open(const struct ref *ref, const struct firn_registry_opts *how, struct to **ret,
		     struct firn_error *err) _must_check_;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engines that make checkpoints, and where their archives differ: how a delta is written, which
 * members of config.dump name the image, which annotations their restore wants to see.
 */
#ifndef FIRN_INGEST_ENGINE_H
#define FIRN_INGEST_ENGINE_H

#include "format/config_dump.h"
#include "format/origin.h"
#include "ingest/base.h"
#include "ingest/notes.h"

/* What is known of the checkpoint. Strings are borrowed from the documents, NULL when unknown. */
struct facts {
	const struct engine *engine;
	struct config_dump config; /* zero when there is none */
	json_t *spec;              /* NULL when there is none */
	json_t *extra;             /* what had to be parsed besides; only its lifetime matters */
	const char *container;     /* name */
	const char *pod, *pod_namespace, *pod_uid, *pod_id;
	struct origin origin;
	struct told {
		const struct engine *engine;  /* NULL: the documents tell */
		char *container, *image_name; /* for documents that have none; owned */
		char *image_id;               /* of the base, likewise */
		char base[DIGEST_TEXT_MAX];   /* digest of the base; "": not told */
	} told; /* by the form of the input, before anything is detected */
};

void facts_done(struct facts *f);
/* Copies; all may be NULL. */
int facts_tell(struct facts *f, const struct engine *engine, const char *container,
	       const char *image_name, const struct digest *base,
	       struct firn_error *err) _must_check_;
/* The image ID of the base; NULL: not told. */
int facts_tell_image(struct facts *f, const char *id, struct firn_error *err) _must_check_;
/* Of the image that the container was made from, or NULL. */
const char *facts_image_name(const struct facts *f);

/* The names of R, as the engine shall find it. NULL and "": not known. */
struct engine_names {
	char id[DIGEST_TEXT_MAX]; /* of its config: image ID */
	const char *name;         /* as the caller gave it; borrowed */
	char *tagged;             /* that with a tag */
	char *ref;                /* that with its manifest's digest instead of a tag */
};

/* Which of these a member of config.dump takes. */
enum engine_value {
	ENGINE_ID = 1,
	ENGINE_NAME_OR_ID,
	ENGINE_REF,
	ENGINE_NAME, /* a tagged one; stays what it is when there is none */
};

#define ENGINE_EDITS_MAX 2

struct engine {
	const char *name;    /* org.criu.checkpoint.engine.name */
	const char *manager; /* spec.dump's annotation io.container.manager; NULL: it has none */
	bool changeset;      /* rootfs-diff.tar is an OCI layer with whiteouts */
	bool deletions;      /* deleted.files says what was removed */
	/* Members of config.dump that make the engine use R. */
	struct {
		const char *key;
		enum engine_value value;
	} edits[ENGINE_EDITS_MAX];
	const char *needs; /* by its restore, that nobody else can write */
	/* What its delta never has, as sentences. */
	const char *losses[3];
	/* Find names in the documents. */
	int (*learn)(struct facts *f, struct firn_error *err);
	/*
	 * Whether the base is the image that config.dump names: 1, 0 with what it names, or
	 * -FIRN_ENOTFOUND when it names none.
	 */
	int (*matches)(const struct facts *f, const struct base *b, const char **ret_wanted);
	/* Why the engine's own restore would refuse the checkpoint, or NULL. May be missing. */
	const char *(*refuses)(const struct facts *f);
	/*
	 * Add the engine's own annotations. @names: R's, which config.dump has now, or NULL.
	 */
	int (*annotate)(const struct facts *f, const struct engine_names *names, json_t *to,
			struct firn_error *err);
};

extern const struct engine engine_bare;   /* CRIU's images without a container */
extern const struct engine engine_bundle; /* an OCI bundle of who knows which engine */
extern const struct engine engine_ctr;    /* containerd without the CRI: has no config.dump */
/* Who keeps containers in folders with such a config.json (@spec): always one of them. */
const struct engine *engine_of_folder(const json_t *spec);

/* The name goes into annotations, messages and, one day, a container's id; @code says whose fault.
 */
int engine_check_name(const char *name, enum firn_code code, struct firn_error *err) _must_check_;

/* Who made the checkpoint, from the spec.dump and config.dump in @f; then its names. */
int engine_detect(struct facts *f, struct firn_error *err) _must_check_;

/* The annotations by which engines and tools know a checkpoint image. */
int engine_annotate(const struct facts *f, const struct engine_names *names, json_t *to,
		    struct firn_error *err) _must_check_;

/* "podman", "cri-o" or "containerd"; NULL for any other word. */
const struct engine *engine_find(const char *word);
/* Whether @n is enough for @e to find R. */
bool engine_can_name(const struct engine *e, const struct engine_names *n);
/* Whether the name may be a place that the engine pulls from, "oci:DIR:TAG". */
bool engine_takes_places(const struct engine *e);
/* The edits that do it. Returns how many. */
size_t engine_edits(const struct engine *e, const struct engine_names *n,
		    struct config_edit ret[ENGINE_EDITS_MAX]);

/* -FIRN_EMISMATCH naming both when @b is not the image the container was made from. */
int engine_check_base(const struct facts *f, const struct base *b, struct notes *notes,
		      struct firn_error *err) _must_check_;

#endif
